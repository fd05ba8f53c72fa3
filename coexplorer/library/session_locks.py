"""Which processes that wrote to the journal are still alive: a locked file for each.

The operating system lets go of the lock when its process ends, however it ends; so a session whose
lock is free is dead. Process ids get reused, and heartbeats would need a clock.
"""

from __future__ import annotations

import contextlib
import os
import uuid
from pathlib import Path
from typing import IO

from coexplorer.config.locking import open_lock, try_lock
from coexplorer.config.paths import ensure_private_dir


class NoSession:
    """Stands in for a `SessionLock` where nothing can be written."""

    name = ""

    def release(self) -> None:
        """End nothing."""


class SessionLock:
    """This process's own locked file; `name` stands in the journal's rows."""

    def __init__(self, folder: Path) -> None:
        ensure_private_dir(folder)
        self.name = uuid.uuid4().hex
        self._path = folder / f"{self.name}.lock"
        self._file: IO[bytes] = os.fdopen(open_lock(self._path), "r+b")
        try_lock(self._file.fileno())

    def release(self) -> None:
        """End the session."""
        self._path.unlink(missing_ok=True)
        self._file.close()


def is_dead(folder: Path, name: str) -> bool:
    """Tell whether the session `name` ended."""
    try:
        descriptor = os.open(folder / f"{name}.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)


def bury(folder: Path, name: str) -> None:
    """Remove what a dead session left."""
    with contextlib.suppress(FileNotFoundError):
        (folder / f"{name}.lock").unlink()
