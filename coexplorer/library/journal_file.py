"""The journal's file: opened privately, one transaction at a time, errors told in one sentence."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from coexplorer.errors import JournalError
from coexplorer.library.journal_schema import NewerJournalError, migrate

BUSY_TIMEOUT_S = 30.0


class JournalFile:
    """A connection that any thread may use.

    Args:
        path: The SQLite file; made with mode 0600 if it is not there.

    Raises:
        JournalError: It can't be opened, or a newer coexplorer wrote it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._guard = threading.Lock()
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._connection = _connect(path)
        except (OSError, sqlite3.Error, NewerJournalError) as error:
            raise tell_unusable(path, error) from error

    def close(self) -> None:
        """Close the connection."""
        with self._guard:
            self._connection.close()

    def read(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        """Run a SELECT.

        Raises:
            JournalError: It can't be read.
        """
        with self._guard:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise tell_unusable(self._path, error) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Write, all or nothing.

        Raises:
            JournalError: It can't be written; nothing was.
        """
        with self._guard:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except (sqlite3.Error, OSError) as error:
                self._roll_back()
                raise tell_unusable(self._path, error) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


def _connect(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(
        path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
    )
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")  # an intent survives a power cut
        migrate(connection)
    except BaseException:
        connection.close()
        raise
    return connection


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


def tell_unusable(path: Path, error: Exception) -> JournalError:
    """Return what a person is told about a failure."""
    if isinstance(error, NewerJournalError):
        return JournalError(
            f"the journal {path} was written by a newer coexplorer",
            hint="update coexplorer; the journal is never rebuilt",
        )
    return JournalError(
        f"the journal {path} can't be used ({error}), so nothing was sent",
        hint="free some disk space or look at the file's permissions, then try again",
    )
