"""Connections to the catalog's file: opened safely, lent to one thread at a time.

Freezing, and following a file that was replaced, share one state, the connections that are open: so
both are here. What the file is before that is in `coexplorer.catalog.preparing`.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from coexplorer.catalog.damage import UNREADABLE, is_damage
from coexplorer.catalog.disk import NoLocksError, code_of, explain_trouble
from coexplorer.catalog.migrations import VERSION
from coexplorer.catalog.preparing import (
    companions,
    connect,
    damage_flag,
    find_version,
    prepare,
    set_patience,
)
from coexplorer.errors import CatalogError

_FROZEN: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PERM,
    }
)
"""With these a file may still be read, although nothing can be written beside it."""


class Connections:
    """A writer, and readers that are lent to one thread at a time.

    If nothing can be written (a full disk, a read-only file system), a catalog that was closed
    properly is read as it is, and each write raises `CatalogError`.

    Args:
        path: The catalog's file; its folder is created (private) if it is missing.

    Attributes:
        problem: One line when the catalog was rebuilt or can only be read; otherwise empty.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problem = ""
        self._frozen: CatalogError | None = None
        self._patient = True
        self._guard = threading.Lock()
        self._idle: list[sqlite3.Connection] = []
        self._writing = threading.Lock()
        self._closed = False
        self._generation = 0
        self._file: tuple[int, int] | None = None
        with self.told():
            try:
                if prepare(path):
                    self.problem = "the catalog was damaged and has been rebuilt from the platform"
                self._writer = connect(path)
            except (sqlite3.OperationalError, OSError) as error:
                if not _is_whole(path, error):
                    raise
                self._freeze(error)
                self._writer = self._open_reader()
            self._file = _identify(path)

    def close(self) -> None:
        """Close every connection; the ones in use as soon as they come back."""
        with self._guard:
            self._closed = True
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        with self._writing, contextlib.suppress(sqlite3.Error):
            self._writer.close()

    @property
    def why_frozen(self) -> str:
        """Why it can only be read; empty if it can be written."""
        return "" if self._frozen is None else self._frozen.message

    def copy_to(self, path: Path) -> None:
        """Write a copy of the whole catalog to a new, private file."""
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        with self.told():
            connection, generation = self._borrow()
            try:
                with contextlib.closing(sqlite3.connect(path)) as copy:
                    connection.backup(copy)
            finally:
                self._give_back(connection, generation)

    def follow_file(self) -> bool:
        """Switch to the file that is at the path now, if it is a different one and not empty.

        Somebody deleted the catalog (it is only a copy), and another process made a new one. Open
        connections would go on in a file that nobody else ever sees.

        Returns:
            Whether it is a different file now: nothing that was read before still holds.
        """
        found = _identify(self.path)
        if self._frozen is not None or found is None or found == self._file:
            return False
        with self.told(), self._writing:
            writer = connect(self.path)
            (swept,) = writer.execute("SELECT synced_at IS NOT NULL FROM sync").fetchone()
            if not swept:  # ours still knows more
                writer.close()
                return False
            with self._guard:
                idle, self._idle = self._idle, []
                self._generation += 1
            for connection in (self._writer, *idle):
                connection.close()
            self._writer, self._file = writer, found
        return True

    @contextlib.contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """Lend a reader inside one transaction, so everything it reads is from one moment."""
        with self.told():
            connection, generation = self._borrow()
            try:
                connection.execute("BEGIN")
                try:
                    yield connection
                finally:
                    if connection.in_transaction:
                        connection.execute("ROLLBACK")
            finally:
                self._give_back(connection, generation)

    def fetch_one(self, statement: str, values: Sequence[object]) -> tuple[Any, ...] | None:
        """Return the first row of one statement, which sees one moment without a transaction."""
        with self.told():
            connection, generation = self._borrow()
            try:
                rows = connection.execute(statement, values).fetchall()
            finally:
                self._give_back(connection, generation)
        return rows[0] if rows else None

    @contextlib.contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """Lend the writer inside one transaction: all or nothing."""
        with self.told(), self._writing:
            self._begin()
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            finally:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")

    @contextlib.contextmanager
    def told(self) -> Iterator[None]:
        """Turn SQLite's errors into ours, and mark damage so that the next start rebuilds."""
        try:
            yield
        except (sqlite3.Error, *UNREADABLE) as error:
            if not isinstance(error, sqlite3.Error) and not is_damage(error):
                raise
            # The error itself may quote a row.
            raise self._translate(error) from None
        except OSError as error:
            reason, hint = _explain(self.path, error)
            raise CatalogError(
                f"the catalog {self.path} can't be used: {reason}", hint=hint
            ) from error

    def _begin(self) -> None:
        """Begin a write; after one that waited in vain the next ones hardly wait."""
        if self._frozen is not None:
            raise CatalogError(self._frozen.message, hint=self._frozen.hint)
        try:
            self._writer.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            self._be_patient(False)
            raise
        self._be_patient(True)

    def _be_patient(self, patient: bool) -> None:  # noqa: FBT001 - be_patient(False) reads well
        if patient is not self._patient:
            self._patient = patient
            set_patience(self._writer, patient=patient)

    def _freeze(self, error: sqlite3.Error | OSError) -> None:
        """Continue with what the file holds, without ever writing."""
        reason, hint = _explain(self.path, error)
        self._frozen = CatalogError(
            f"the catalog {self.path} can't be written: {reason}", hint=hint
        )
        self.problem = f"{self._frozen.message}; showing what it knew before"

    def _translate(self, error: Exception) -> CatalogError:
        if is_damage(error):
            hint = "start again: it will be rebuilt from the platform, and no edit is lost"
            try:
                damage_flag(self.path).touch(mode=0o600)
            except OSError:  # where nothing can be written, nothing is rebuilt either
                hint = f"delete {self.path}: it is only a copy of what the platform has"
            return CatalogError(f"the catalog {self.path} is damaged", hint=hint, is_damaged=True)
        reason, hint = _explain(self.path, error)
        return CatalogError(f"the catalog {self.path} can't be used: {reason}", hint=hint)

    def _borrow(self) -> tuple[sqlite3.Connection, int]:
        with self._guard:
            if self._closed:
                raise CatalogError("the catalog is closed")
            generation = self._generation
            connection = self._idle.pop() if self._idle else None
        return (self._open_reader() if connection is None else connection), generation

    def _open_reader(self) -> sqlite3.Connection:
        if self._frozen is not None:
            return _connect_frozen(self.path)
        if self._file is not None and _identify(self.path) != self._file:
            # Opening it would make an empty one, or read another than the writer writes.
            raise CatalogError(
                f"the catalog {self.path} was deleted", hint="the next sync makes a new one"
            )
        connection = connect(self.path)
        connection.execute("PRAGMA query_only = 1")
        return connection

    def _give_back(self, connection: sqlite3.Connection, generation: int) -> None:
        with self._guard:
            if not self._closed and generation == self._generation:
                self._idle.append(connection)
                return
        connection.close()


def _identify(path: Path) -> tuple[int, int] | None:
    """Return what distinguishes a file from another at the same path; None if there is no file."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _connect_frozen(path: Path) -> sqlite3.Connection:
    """Open the file as immutable: without shared memory, locks or a log beside it."""
    return sqlite3.connect(
        f"file:{quote(str(path))}?mode=ro&immutable=1",
        uri=True,
        isolation_level=None,
        check_same_thread=False,
    )


def _explain(path: Path, error: Exception) -> tuple[str, str]:
    """Return what is wrong with the file or its disk, and what to do about it."""
    if isinstance(error, NoLocksError):
        # In the sentence itself: where the program goes on without the file, no hint is shown.
        return f"{error.strerror}; set XDG_CACHE_HOME to a folder on a local disk", ""
    return explain_trouble(path, error)


def _is_whole(path: Path, error: sqlite3.Error | OSError) -> bool:
    """Tell whether a catalog that could not be opened because of `error` can be read as it is.

    Whatever is still in a log beside it would be missing, so there must be no log.
    """
    if isinstance(error, sqlite3.Error) and code_of(error) not in _FROZEN:
        return False
    log, _ = companions(path)
    try:
        if not path.stat().st_size or (log.exists() and log.stat().st_size):
            return False
        with contextlib.closing(_connect_frozen(path)) as connection:
            return find_version(connection, path) == VERSION
    except (sqlite3.Error, OSError, CatalogError, *UNREADABLE):
        return False
