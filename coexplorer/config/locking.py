"""Locked files: the operating system lets go of a lock when its process ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path


def open_lock(path: Path) -> int:
    """Open a file to be locked, made for its owner alone where it is missing.

    Returns:
        Its descriptor; to close it lets go of the lock.

    Raises:
        OSError: It can't be opened.
    """
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock of an open file, and tell whether it could be had at once.

    Args:
        descriptor: The file.
        shared: Others may have it shared meanwhile.
    """
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
