"""Limits of the disk: SQLite often says only ``disk I/O error``, or waits in vain."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import mmap
import os
import sqlite3
from pathlib import Path
from typing import Final

from coexplorer.config.paths import ensure_private_dir
from coexplorer.errors import explain_os

_LEAST_BYTES: Final = 256 * 1024
"""With less than this SQLite can't even make the shared memory and the log of a file."""


class NoLocksError(OSError):
    """The file system has no locks or no shared memory, as NFS and Lustre are often set up."""

    def __init__(self, error: OSError) -> None:
        super().__init__(error.errno, f"its disk does not support locks ({error.strerror})")


_PRIMARY_CODE: Final = 0xFF
_REASONS: Final = {
    sqlite3.SQLITE_FULL: ("the disk is full", "free some disk space"),
    sqlite3.SQLITE_IOERR: ("its disk can't be read or written", "check the disk"),
    sqlite3.SQLITE_BUSY: (
        "another process has locked it",
        "find the process that hangs, and end it",
    ),
    sqlite3.SQLITE_LOCKED: (
        "another process has locked it",
        "find the process that hangs, and end it",
    ),
    sqlite3.SQLITE_READONLY: ("it can't be written", "check the file's permissions"),
    sqlite3.SQLITE_CANTOPEN: ("it can't be opened", "check its folder's permissions"),
    sqlite3.SQLITE_PERM: ("it can't be opened", "check its folder's permissions"),
}


def code_of(error: Exception) -> int:
    """Return SQLite's primary code of an error; 0 where it is none of SQLite's."""
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE


def lacks_room(path: Path, error: Exception) -> bool:
    """Tell whether a database can't be used because nothing more fits on its disk."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    if code_of(error) == sqlite3.SQLITE_FULL:
        return True
    return isinstance(error, sqlite3.OperationalError) and is_full(path.parent)


def explain_trouble(path: Path, error: Exception) -> tuple[str, str]:
    """Return what keeps a database from being used, and what to do about it, for people.

    Args:
        path: The database.
        error: What SQLite or the operating system said; damage is told by the caller.
    """
    if isinstance(error, NoLocksError):
        return str(error.strerror), ""
    if isinstance(error, OSError):
        return explain_os(error)
    if path.is_dir():
        return explain_os(IsADirectoryError(errno.EISDIR, ""))
    code = sqlite3.SQLITE_FULL if lacks_room(path, error) else code_of(error)
    if code in _REASONS:
        return _REASONS[code]
    return str(error), "the file is not to blame: keep it, and report this bug"


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
        OSError: The file can't be made or written.
    """
    ensure_private_dir(path.parent)
    probe = path.with_name(path.name + ".locks")
    descriptor = os.open(probe, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        os.truncate(descriptor, 1)
        try_locks(descriptor)
    finally:
        os.close(descriptor)


def try_locks(descriptor: int) -> None:
    """Try on an open file of at least one byte what SQLite needs of its disk.

    Raises:
        NoLocksError: There are no locks.
    """
    try:
        # Shared, so that nobody who tries at the same time is kept out.
        for lock in (fcntl.lockf, fcntl.flock):
            with contextlib.suppress(BlockingIOError):
                lock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        mmap.mmap(descriptor, 1, mmap.MAP_SHARED, mmap.PROT_READ).close()
    except OSError as error:
        raise NoLocksError(error) from error
