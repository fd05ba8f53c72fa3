"""Prepares the catalog's file: private, whole, of the current schema; one process at a time.

What is damaged is built again: a catalog is only a copy of what the platform has.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import Final

from coexplorer.catalog.damage import UNREADABLE, is_damage
from coexplorer.catalog.disk import ensure_lockable
from coexplorer.catalog.migrations import MIGRATIONS, VERSION
from coexplorer.catalog.schema import APPLICATION_ID
from coexplorer.config.locking import open_lock, try_lock
from coexplorer.errors import CatalogError

BUSY_TIMEOUT_S: Final = 10.0
"""How long a statement waits for another process's transaction; each of ours is far shorter."""

IMPATIENT_S: Final = 0.1
"""How long the next ones wait when that was in vain: whoever holds the file hangs, and the user
waits once, not at every write. It ends with the first write that works."""

OPEN_TIMEOUT_S = 30.0
"""How long to wait for another process that makes the file or brings it up to date, since the last
sign that it goes on: each of them writes one to the lock's file while it works."""

_BEAT_S: Final = 1.0
_STEPS: Final = 100_000
"""So many steps of SQLite's machine take some milliseconds."""

_TELL_AFTER_S: Final = 3.0
_UPDATING: Final = "the catalog is being brought up to date after an update of coexplorer"

_tell: ContextVar[Callable[[str], None] | None] = ContextVar("_tell", default=None)


@contextlib.contextmanager
def telling_updates(tell: Callable[[str], None]) -> Iterator[None]:
    """Have it told when a catalog that is opened within has to be brought up to date for long."""
    token = _tell.set(tell)
    try:
        yield
    finally:
        _tell.reset(token)


class _Teller:
    """Says once that something takes long."""

    def __init__(self, sentence: str) -> None:
        self._sentence = sentence
        self._began = time.monotonic()

    def look(self) -> None:
        """Say it if it has taken long by now, and nobody has heard it."""
        tell = _tell.get()
        if self._sentence and tell and time.monotonic() - self._began > _TELL_AFTER_S:
            tell(self._sentence)
            self._sentence = ""


_LOOK_AGAIN_S: Final = 0.05
_ROOM: Final = ("freelist_count", "page_count")
_MOST_FREE: Final = 0.1


def prepare(path: Path) -> bool:
    """Make the file private, current and whole; return whether it was damaged, and built again.

    Raises:
        CatalogError: Another process is still opening it, or it is not one of our catalogs.
    """
    ensure_lockable(path)
    with _one_at_a_time(path) as beat:
        is_damaged = damage_flag(path).exists()
        if is_damaged:
            _remove(path)
        try:
            _migrate(path, beat)
        except (sqlite3.DatabaseError, *UNREADABLE) as error:
            if not is_damage(error):
                raise
            is_damaged = True
            _remove(path)
            _migrate(path, beat)
    return is_damaged


def _remove(path: Path) -> None:
    for each in (path, *companions(path), damage_flag(path)):
        each.unlink(missing_ok=True)


def _migrate(path: Path, beat: Callable[[], None]) -> None:
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    connection = connect(path)
    try:
        version = find_version(connection, path)
        if version == VERSION:
            connection.execute("SELECT name FROM sqlite_schema LIMIT 1").fetchone()
            return
        connection.set_progress_handler(beat, _STEPS)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("BEGIN IMMEDIATE")
        for _, migrate in MIGRATIONS[version:]:
            migrate(connection)
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        connection.execute("COMMIT")
        if version:
            _give_back_room(connection)
    finally:
        connection.close()


def _give_back_room(connection: sqlite3.Connection) -> None:
    """Make the file smaller, if a migration left much of it empty and nobody reads it just now."""
    free, pages = (connection.execute(f"PRAGMA {name}").fetchone()[0] for name in _ROOM)
    if free > pages * _MOST_FREE:
        with contextlib.suppress(sqlite3.OperationalError):  # locked, or a disk without room for it
            connection.execute("VACUUM")


def connect(path: Path) -> sqlite3.Connection:
    """Connect to the file, as it is: for any thread, each statement a transaction of its own."""
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous = NORMAL")  # a power cut costs the last pages, no more
    connection.execute("PRAGMA cache_size = -8000")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def set_patience(connection: sqlite3.Connection, *, patient: bool) -> None:
    """Say how long its statements wait for another process's transaction."""
    wait_s = BUSY_TIMEOUT_S if patient else IMPATIENT_S
    connection.execute(f"PRAGMA busy_timeout = {round(wait_s * 1000)}")


def find_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema's version; 0 for an empty file.

    Raises:
        CatalogError: It is another program's file, or a newer coexplorer's.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID:
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise CatalogError(f"{path} is not a coexplorer catalog", hint="move that file away")
        return 0
    if version > VERSION:
        raise CatalogError(
            f"the catalog {path} was made by a newer coexplorer",
            hint="update coexplorer; this one works without that file",
        )
    return version


def damage_flag(path: Path) -> Path:
    """Return the file that says: damaged, rebuild at the next start."""
    return path.with_name(path.name + ".damaged")


def companions(path: Path) -> tuple[Path, Path]:
    """Return the files that SQLite keeps beside it: its log, and its shared memory."""
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[Callable[[], None]]:
    """Let one process at a time make or rebuild the file.

    Yields:
        What it calls now and then, so that those that wait know that it goes on.
    """
    lock = open_lock(path.with_name(path.name + ".lock"))
    try:
        waits = _Teller(f"{_UPDATING}, by another process: waiting for it")
        deadline, last = time.monotonic() + OPEN_TIMEOUT_S, b""
        while not try_lock(lock):
            now = os.pread(lock, 100, 0)
            if now != last:
                deadline, last = time.monotonic() + OPEN_TIMEOUT_S, now
                waits.look()
            if time.monotonic() > deadline:
                raise CatalogError(
                    f"the catalog {path} can't be used: another process is still opening it",
                    hint="find the process that hangs, and end it",
                )
            time.sleep(_LOOK_AGAIN_S)
        works = _Teller(f"{_UPDATING}; that is done once")
        beaten_at = -_BEAT_S

        def beat() -> None:
            nonlocal beaten_at
            now_s = time.monotonic()
            if now_s - beaten_at >= _BEAT_S:
                beaten_at = now_s
                os.pwrite(lock, f"{os.getpid()} {now_s:020.3f}\n".encode(), 0)
                works.look()

        yield beat
    finally:
        os.close(lock)
