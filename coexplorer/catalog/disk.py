"""Limits of the disk: SQLite often says only ``disk I/O error``, or waits in vain."""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
from pathlib import Path
from typing import Final

from coexplorer.config.paths import ensure_private_dir

_LEAST_BYTES: Final = 256 * 1024
"""With less than this SQLite can't even make the shared memory and the log of a file."""


class NoLocksError(OSError):
    """The file system has no locks or no shared memory, as NFS and Lustre are often set up."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.errno, f"its disk does not support locks ({error.strerror})")


def is_full(folder: Path, least_bytes: int = _LEAST_BYTES) -> bool:
    """Tell whether fewer than `least_bytes` fit beside the files in `folder`."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < least_bytes


def ensure_lockable(path: Path) -> None:
    """Try what SQLite needs of the disk under `path`, on a file of its own beside it.

    SQLite takes a lock that is not supported for one that is held, and waits half a minute for it.
    The folder is created if it is missing.

    Raises:
        NoLocksError: There are no locks.
        OSError: The file can't be made.
    """
    ensure_private_dir(path.parent)
    probe = path.with_name(path.name + ".locks")
    descriptor = os.open(probe, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        os.truncate(descriptor, 1)
        # Shared, so that nobody who tries at the same time is kept out.
        for try_lock in (fcntl.lockf, fcntl.flock):
            with contextlib.suppress(BlockingIOError):
                try_lock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        mmap.mmap(descriptor, 1, mmap.MAP_SHARED, mmap.PROT_READ).close()
    except OSError as error:
        raise NoLocksError(error) from error
    finally:
        os.close(descriptor)
