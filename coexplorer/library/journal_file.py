"""The journal's file: private, one transaction at a time, each error as one sentence.

If nothing can be written (a full disk), a journal that was closed properly can still be read: the
user wants to see what is not sent yet.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from coexplorer.catalog.disk import (
    NoLocksError,
    code_of,
    ensure_lockable,
    explain_trouble,
    lacks_room,
)
from coexplorer.errors import JournalError
from coexplorer.library.journal_schema import VERSION, NewerJournalError, migrate

BUSY_TIMEOUT_S = 30.0
_NAMED = 10
_ERRORS = (sqlite3.Error, UnicodeDecodeError)
"""sqlite3 decodes even the messages about a damaged schema."""
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_HELD = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_DAMAGE_TEXTS = ("Could not decode", "no such table", "no such column", "malformed")


class JournalFile:
    """A connection that any thread may use.

    Args:
        path: The SQLite file; made with mode 0600 if it is not there.
        must_write: Raise when it can't be opened for writing; otherwise note that as `problem`.

    Attributes:
        problem: Why nothing can be written; None when it can.

    Raises:
        JournalError: It can't be opened, or a newer coexplorer wrote it.
    """

    def __init__(self, path: Path, *, must_write: bool = True) -> None:
        self._path = path
        self._guard = threading.Lock()
        self.problem: JournalError | None = None
        self._connection: sqlite3.Connection | None = None
        try:
            ensure_lockable(path)
            if not path.exists():
                _create(path)
            ensure_not_emptied(path)
            self._connection = _connect(path)
        except (OSError, NewerJournalError, EmptiedJournalError, *_ERRORS) as error:
            if must_write:
                raise tell_unusable(path, error) from error
            self.problem = tell_unusable(path, error, so="nothing can be changed")
            self._connection = _connect_frozen(path)

    def ensure_writable(self) -> None:
        """Check that it was opened for writing.

        Raises:
            JournalError: It was not.
        """
        if self.problem is not None:
            raise _again(self.problem)

    def close(self) -> None:
        """Close the connection."""
        with self._guard:
            if self._connection is not None:
                self._connection.close()

    def read(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run a SELECT.

        Raises:
            JournalError: It can't be read.
        """
        with self._guard:
            try:
                return self._open().execute(statement, values).fetchall()
            except _ERRORS as error:
                so = "what it holds can't be shown"
                raise tell_unusable(self._path, error, so=so) from None  # it may quote a row

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write, all or nothing.

        Raises:
            JournalError: It can't be written; nothing was.
        """
        with self._guard:
            self.ensure_writable()
            connection = self._open()
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield connection
                connection.execute("COMMIT")
            except (OSError, *_ERRORS) as error:
                _roll_back(connection)
                raise tell_unusable(self._path, error) from None
            except BaseException:
                _roll_back(connection)
                raise

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            raise _again(self.problem) if self.problem else AssertionError
        return self._connection


def _again(problem: JournalError) -> JournalError:
    """Return an error to raise once more, without the traceback of the last time."""
    return JournalError(problem.message, hint=problem.hint, disk_is_full=problem.disk_is_full)


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


class EmptiedJournalError(Exception):
    """The file holds nothing, which no journal ever does."""


def _create(path: Path) -> None:
    """Make a new journal, whole before it has its name: so what is empty has lost what it held."""
    path = path.resolve()  # a link that leads nowhere yet
    new = path.with_name(f"{path.name}.new-{os.getpid()}-{threading.get_ident()}")
    try:
        os.close(os.open(new, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        _connect(new).close()
        try:
            os.link(new, path)  # fails where another process was faster: its journal stays
        except FileExistsError:
            return
        except OSError:  # a file system without links
            if not path.exists():
                new.rename(path)
    finally:
        for each in ("", "-wal", "-shm"):
            new.with_name(new.name + each).unlink(missing_ok=True)


def ensure_not_emptied(path: Path) -> None:
    """Check that the file, or the log beside it, holds anything.

    Raises:
        EmptiedJournalError: Neither does.
        OSError: The file can't be looked at.
    """
    log = path.with_name(path.name + "-wal")
    if not path.stat().st_size and not (log.exists() and log.stat().st_size):
        raise EmptiedJournalError


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.text_factory = _decode_text
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # an intent survives a power cut
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


def _connect_frozen(path: Path) -> sqlite3.Connection | None:
    """Open a file as it stands, without anything beside it; None when something would be missing.

    What is still in a log beside it could not be seen; so there must be none.
    """
    log = path.with_name(path.name + "-wal")
    try:
        if log.exists() and log.stat().st_size:
            return None
        connection = sqlite3.connect(
            f"file:{quote(str(path))}?mode=ro&immutable=1",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.text_factory = _decode_text
    except (sqlite3.Error, OSError):
        return None
    with suppress(*_ERRORS):
        if connection.execute("PRAGMA user_version").fetchone() == (VERSION,):
            return connection
    connection.close()
    return None


def insert(connection: sqlite3.Connection, table: str, values: Mapping[str, object]) -> int:
    """Insert a row of named columns; return its number."""
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    cursor = connection.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608 - our own column names
        tuple(values.values()),
    )
    if cursor.lastrowid is None:
        raise AssertionError("an INSERT gives a number")
    return cursor.lastrowid


def _decode_text(content: bytes) -> str:
    """Decode a text; one with flipped bytes must not keep the other rows from being read."""
    return content.decode("utf-8", "surrogateescape")


def is_sound(row: Sequence[object]) -> bool:
    """Tell whether all texts of a row are as they were written: valid UTF-8."""
    return all(text.isascii() or _is_unicode(text) for text in row if isinstance(text, str))


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def tell_damaged_rows(path: Path, what: str, numbers: Sequence[int]) -> JournalError:
    """Return the message about rows that can't be read although the others can."""
    named = ", ".join(map(str, sorted(numbers)[:_NAMED]))
    more = ", …" if len(numbers) > _NAMED else ""
    return JournalError(
        f"the journal {path} is damaged: {what} {named}{more} can't be read and is left out;"
        " keep a copy of it, then move it and its -wal file away"
    )


def _is_damage(error: Exception) -> bool:
    if isinstance(error, UnicodeDecodeError) or code_of(error) in _DAMAGED:
        return True
    return isinstance(error, sqlite3.Error) and any(text in str(error) for text in _DAMAGE_TEXTS)


def tell_unusable(path: Path, error: Exception, *, so: str = "nothing was sent") -> JournalError:
    """Return the message about a failure and its consequence."""
    if isinstance(error, NewerJournalError):
        return JournalError(
            f"the journal {path} was written by a newer coexplorer, so {so}",
            hint="update coexplorer; the journal is never rebuilt",
        )
    reason, remedy = explain_trouble(path, error)
    if isinstance(error, EmptiedJournalError):
        reason = "it is empty: something has taken what it held"
        hint = "put a copy of it back if there is one; else remove it and its -wal file"
    elif _is_damage(error):
        reason = "it is damaged"
        hint = "it may hold unsent changes: keep it, but move it and its -wal file away"
    elif isinstance(error, NoLocksError):
        hint = "set XDG_STATE_HOME to a folder on a local disk"
    elif code_of(error) in _HELD:
        hint = remedy
    else:
        hint = f"{remedy}, or set XDG_STATE_HOME to a writable folder"
    return JournalError(
        f"the journal {path} can't be used ({reason}), so {so}",
        hint=f"{hint}, then try again",
        disk_is_full=lacks_room(path, error),
    )
