"""Connections to the catalog's file: opened safely, lent to one thread at a time, errors told."""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from coexplorer.catalog.schema import APPLICATION_ID, MIGRATIONS, VERSION
from coexplorer.errors import CatalogError

BUSY_TIMEOUT_S: Final = 10.0
"""How long a statement waits for another process's transaction; each of ours is far shorter."""

_PRIMARY_CODE: Final = 0xFF
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_REASONS: Final = {
    sqlite3.SQLITE_FULL: ("the disk is full", "make room; until then nothing new is kept"),
    sqlite3.SQLITE_IOERR: ("its disk can't be read or written", "look at the disk"),
    sqlite3.SQLITE_BUSY: (
        "another process holds it",
        "try again, or find a process that hangs",
    ),
    sqlite3.SQLITE_LOCKED: ("another process holds it", "try again"),
    sqlite3.SQLITE_READONLY: ("it can't be written", "look at the permissions of the file"),
    sqlite3.SQLITE_CANTOPEN: ("it can't be opened", "look at the permissions of its folder"),
    sqlite3.SQLITE_PERM: ("it can't be opened", "look at the permissions of its folder"),
}


class Superseded(CatalogError):
    """A search was stopped by `Catalog.interrupt`, because a newer one has taken its place."""


class Connections:
    """A writer, and readers that are lent to one thread at a time.

    Args:
        path: The catalog's file; its folder is made, private, where it is missing.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        self._guard = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._busy: set[sqlite3.Connection] = set()
        self._writing = threading.Lock()
        self._closed = False
        with self.told():
            self._prepare()
            self._writer = _connect(path)

    def close(self) -> None:
        """Close every connection; those that are in use as soon as they are given back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        with self._writing, contextlib.suppress(sqlite3.Error):
            self._writer.close()

    def interrupt(self) -> None:
        """Stop the searches that run now; they raise `Superseded`."""
        with self._guard:
            for connection in self._busy:
                connection.interrupt()

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a reader inside one transaction, so that all it reads is of one moment."""
        with self.told():
            connection = self._borrow()
            try:
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            finally:
                self._give_back(connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the writer inside one transaction, which holds wholly or not at all."""
        with self.told(), self._writing:
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, and note damage so that the next start rebuilds."""
        try:
            yield
        except sqlite3.Error as error:
            raise self._translate(error) from error
        except OSError as error:
            raise CatalogError(
                f"the catalog {self.path} can't be used: {error.strerror}",
                hint="look at the permissions of its folder and the room on its disk",
            ) from error

    def _translate(self, error: sqlite3.Error) -> CatalogError:
        code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE
        if code == sqlite3.SQLITE_INTERRUPT:
            return Superseded("this search was stopped, because a newer one has begun")
        if code in _DAMAGED:
            with contextlib.suppress(OSError):
                _mark(self.path).touch(mode=0o600)
            return CatalogError(
                f"the catalog {self.path} is damaged",
                hint="start again: it is then rebuilt from the platform; no edit is lost by that",
            )
        reason, hint = _REASONS.get(code, (str(error), "delete the file: it will be rebuilt"))
        return CatalogError(f"the catalog {self.path} can't be used: {reason}", hint=hint)

    def _borrow(self) -> sqlite3.Connection:
        with self._guard:
            if self._closed:
                raise CatalogError("the catalog is closed")
            connection = self._idle.pop() if self._idle else None
        if connection is None:
            connection = _connect(self.path)
            connection.execute("PRAGMA query_only = 1")
        with self._guard:
            self._busy.add(connection)
        return connection

    def _give_back(self, connection: sqlite3.Connection) -> None:
        with self._guard:
            self._busy.discard(connection)
            if not self._closed:
                self._idle.append(connection)
                return
        connection.close()

    def _prepare(self) -> None:
        """Make the file ready: private, of this schema, whole; rebuilt where it is beyond use."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _one_at_a_time(self.path):
            if _mark(self.path).exists():
                self._rebuild()
            try:
                self._migrate()
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE not in _DAMAGED:
                    raise
                self._rebuild()
                self._migrate()

    def _rebuild(self) -> None:
        self.problem = "the catalog was damaged and is rebuilt from the platform"
        for path in (self.path, *_companions(self.path), _mark(self.path)):
            path.unlink(missing_ok=True)

    def _migrate(self) -> None:
        with contextlib.suppress(FileExistsError):
            os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        connection = _connect(self.path)
        try:
            version = _read_version(connection, self.path)
            if version == VERSION:
                connection.execute("SELECT name FROM sqlite_schema LIMIT 1").fetchone()
                return
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("BEGIN IMMEDIATE")
            for _, migrate in MIGRATIONS[version:]:
                migrate(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        finally:
            connection.close()


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA synchronous = NORMAL")  # a power cut costs the last pages, no more
    connection.execute("PRAGMA cache_size = -8000")
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _read_version(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema's version; 0 for an empty file.

    Raises:
        CatalogError: It is another program's file, or a newer coexplorer's.
    """
    version: int = connection.execute("PRAGMA user_version").fetchone()[0]
    application: int = connection.execute("PRAGMA application_id").fetchone()[0]
    if application != APPLICATION_ID:
        if connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
            raise CatalogError(f"{path} is not a catalog of coexplorer", hint="move that file away")
        return 0
    if version > VERSION:
        raise CatalogError(
            f"the catalog {path} was made by a newer coexplorer",
            hint="update coexplorer, or delete that file: it is only a copy",
        )
    return version


def _mark(path: Path) -> Path:
    """Return the file that says: damaged, rebuild at the next start."""
    return path.with_name(path.name + ".damaged")


def _companions(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + "-wal"), path.with_name(path.name + "-shm")


@contextlib.contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Let one process at a time make or rebuild the file."""
    lock = os.open(path.with_name(path.name + ".lock"), os.O_CREAT | os.O_RDWR, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
