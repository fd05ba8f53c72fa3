"""What was done from this machine, and what is not on the platform yet.

Every method is one transaction, blocks, and may be called from any thread. Several processes write
to one file. Nothing is sent unless its intent stands in here first (design: catalog-and-edits.md).
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from coexplorer.errors import CoexplorerError, JournalError
from coexplorer.library.entries import (
    PENDING,
    Action,
    Batch,
    Draft,
    Entry,
    Purpose,
    State,
)
from coexplorer.library.journal_schema import NewerJournalError, migrate
from coexplorer.library.sessions import SessionLock, bury, is_dead
from coexplorer.models import AssetId, Fields, MetadataValue

BUSY_TIMEOUT_S = 30.0
_OPEN = (State.PLANNED, State.INTENDED)

T = TypeVar("T")


class Journal:
    """The journal of one profile, opened by one session.

    Args:
        path: The SQLite file; made with mode 0600 if it is not there.
        origin: The front end: ``cli``, ``tui`` or ``mount``.

    Raises:
        JournalError: It can't be opened, or a newer coexplorer wrote it.
    """

    def __init__(self, path: Path, *, origin: str) -> None:
        self._path = path
        self._origin = origin
        self._guard = threading.Lock()
        self._folder = path.with_name(path.name + ".sessions")
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            self._session = SessionLock(self._folder)
        except OSError as error:
            raise _unusable(path, error) from error
        try:
            self._connection = _connect(path)
        except (sqlite3.Error, NewerJournalError) as error:
            self._session.release()
            raise _unusable(path, error) from error

    @property
    def folder(self) -> Path:
        """Where the locks of sessions and assets are, beside the file."""
        return self._folder

    def close(self) -> None:
        """Let go of the file; what is still planned or intended becomes unsent or unknown."""
        with self._guard:
            try:
                self._abandon([self._session.name])
            except sqlite3.Error:
                pass  # the next start does it: the session's lock is free from now on
            finally:
                self._connection.close()
                self._session.release()

    # --- Writing down what is going to be done

    def begin(
        self,
        drafts: Sequence[Draft],
        *,
        title: str,
        purpose: Purpose = Purpose.DO,
        reverses: Sequence[int] = (),
    ) -> tuple[int, list[int]]:
        """Write a batch down before anything of it is sent.

        Args:
            drafts: Its entries; skipped ones are final at once.
            title: One line for people.
            purpose: Why it is made.
            reverses: The entries that it takes back; they count as undone from now on.

        Returns:
            The batch's number and those of its entries, in the order of `drafts`.

        Raises:
            JournalError: It can't be written: nothing may be sent.
        """
        now = time.time()
        with self._transaction() as connection:
            batch = _insert(
                connection,
                "batches",
                {
                    "at": now,
                    "origin": self._origin,
                    "title": title,
                    "purpose": purpose,
                },
            )
            entries = [
                _insert(
                    connection,
                    "entries",
                    {
                        "batch_id": batch,
                        "session": self._session.name,
                        "asset_id": draft.asset_id,
                        "asset_name": draft.asset_name,
                        "action": draft.action,
                        "state": draft.state,
                        "base": _encode(draft.base),
                        "mine": _encode(draft.mine),
                        "base_metadata": _encode(draft.base_metadata),
                        "metadata": _encode(draft.metadata),
                        "reason": draft.reason,
                        "hint": "",
                        "settled_at": now if draft.state is State.SKIPPED else None,
                    },
                )
                for draft in drafts
            ]
            connection.executemany(
                "UPDATE entries SET undone_by = ? WHERE id = ?",
                [(batch, entry) for entry in reverses],
            )
        return batch, entries

    def intend(
        self,
        entry_id: int,
        *,
        before: Fields | None = None,
        after: Fields | None = None,
        base_metadata: dict[str, MetadataValue] | None = None,
        metadata: dict[str, MetadataValue] | None = None,
    ) -> None:
        """Write down that the request is sent next.

        Args:
            entry_id: The entry.
            before: What the platform has.
            after: What it shall have.
            base_metadata: The custom metadata that it has, if it is edited.
            metadata: The custom metadata that it shall have, if it is edited.

        Raises:
            JournalError: It can't be written: nothing may be sent.
        """
        with self._transaction() as connection:
            connection.execute(
                "UPDATE entries SET state = ?, before = ?, after = ?,"
                " base_metadata = coalesce(?, base_metadata), metadata = coalesce(?, metadata),"
                " session = ? WHERE id = ?",
                (
                    State.INTENDED,
                    _encode(before),
                    _encode(after),
                    _encode(base_metadata),
                    _encode(metadata),
                    self._session.name,
                    entry_id,
                ),
            )

    def settle(
        self,
        entry_id: int,
        state: State,
        *,
        error: CoexplorerError | None = None,
        asset_id: AssetId | None = None,
        after: Fields | None = None,
    ) -> None:
        """Write down what became of an entry."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE entries SET state = ?, reason = ?, hint = ?, settled_at = ?,"
                " asset_id = coalesce(?, asset_id), after = coalesce(?, after) WHERE id = ?",
                (
                    state,
                    error.message if error else "",
                    error.hint if error else "",
                    time.time(),
                    asset_id,
                    _encode(after),
                    entry_id,
                ),
            )

    def claim(self, entry_ids: Iterable[int]) -> None:
        """Take entries back to ``planned``, as this session's, to send them again."""
        with self._transaction() as connection:
            connection.executemany(
                "UPDATE entries SET state = ?, session = ?, reason = '', hint = '' WHERE id = ?",
                [(State.PLANNED, self._session.name, entry) for entry in entry_ids],
            )

    def discard(self, entry_id: int) -> None:
        """Give an entry up; what it should have undone stands again."""
        with self._transaction() as connection:
            connection.execute(
                "UPDATE entries SET state = ?, settled_at = ? WHERE id = ?",
                (State.DISCARDED, time.time(), entry_id),
            )
            connection.execute(
                "UPDATE entries SET undone_by = NULL FROM entries AS given_up"
                " WHERE given_up.id = ? AND entries.undone_by = given_up.batch_id"
                " AND entries.asset_id = given_up.asset_id",
                (entry_id,),
            )

    def abandon_batch(self, batch_id: int) -> None:
        """Settle what this session left half done: planned is unsent, intended is unknown."""
        with self._transaction():
            self._abandon([self._session.name], "AND batch_id = ?", batch_id)

    def recover(self) -> int:
        """Settle what dead sessions left half done; return how many entries that were.

        Looks at nothing but this machine: what was ``planned`` was never sent; what was
        ``intended`` may have been, and is settled by a look at the platform later.
        """
        sessions = self._read(
            "SELECT DISTINCT session FROM entries WHERE state IN (?, ?) AND session != ?",
            (*_OPEN, self._session.name),
        )
        dead = [name for (name,) in sessions if is_dead(self._folder, name)]
        if not dead:
            return 0
        with self._transaction():
            count = self._abandon(dead)
        for name in dead:
            bury(self._folder, name)
        return count

    # --- Reading

    def entry(self, entry_id: int) -> Entry | None:
        """Return an entry; None when there is no such number."""
        found = self._entries("WHERE entries.id = ?", (entry_id,))
        return found[0] if found else None

    def entries_of(self, batch_id: int) -> list[Entry]:
        """Return a batch's entries in the order in which they were planned."""
        return self._entries("WHERE batch_id = ? ORDER BY entries.id", (batch_id,))

    def log(self, *, limit: int, offset: int) -> list[Entry]:
        """Return entries: those that wait for the user on top, then newest first."""
        return self._entries(
            "ORDER BY state IN (?, ?, ?) DESC, entries.id DESC LIMIT ? OFFSET ?",
            (*PENDING, limit, offset),
        )

    def pending(self, asset_id: AssetId | None = None) -> list[Entry]:
        """Return the entries that wait for the user, oldest first."""
        return self._entries(
            "WHERE state IN (?, ?, ?) AND (? IS NULL OR asset_id = ?) ORDER BY entries.id",
            (*PENDING, asset_id, asset_id),
        )

    def count_pending(self) -> int:
        """Return how many entries wait for the user."""
        rows = self._read("SELECT count(*) FROM entries WHERE state IN (?, ?, ?)", PENDING)
        count: int = rows[0][0]
        return count

    def batch(self, batch_id: int) -> Batch | None:
        """Return a batch; None when there is no such number."""
        found = self._batches("WHERE id = ?", (batch_id,))
        return found[0] if found else None

    def batches(self, *, limit: int, offset: int = 0) -> list[Batch]:
        """Return batches, newest first."""
        return self._batches("ORDER BY id DESC LIMIT ? OFFSET ?", (limit, offset))

    def find_undoable(self) -> Batch | None:
        """Return the newest batch that did something and was not undone; None if there is none."""
        return self._find_batch((Purpose.DO, Purpose.REDO))

    def find_redoable(self) -> Batch | None:
        """Return the newest undo that was not redone; None if there is none."""
        return self._find_batch((Purpose.UNDO,))

    # --- Inside

    def _find_batch(self, purposes: tuple[Purpose, ...]) -> Batch | None:
        marks = ", ".join("?" * len(purposes))
        found = self._batches(
            f"WHERE purpose IN ({marks}) AND EXISTS (SELECT 1 FROM entries"  # noqa: S608 - only marks
            " WHERE batch_id = batches.id AND state = ? AND undone_by IS NULL)"
            " ORDER BY id DESC LIMIT 1",
            (*purposes, State.APPLIED),
        )
        return found[0] if found else None

    def _abandon(self, sessions: Sequence[str], tail: str = "", *values: int) -> int:
        count = 0
        for session in sessions:
            for state, final, reason in (
                (State.PLANNED, State.UNSENT, "it was interrupted before anything was sent"),
                (State.INTENDED, State.UNKNOWN, "it was interrupted while it was being sent"),
            ):
                count += self._connection.execute(
                    "UPDATE entries SET state = ?, reason = ?, settled_at = ?"  # noqa: S608 - ours
                    f" WHERE state = ? AND session = ? {tail}",
                    (final, reason, time.time(), state, session, *values),
                ).rowcount
        return count

    def _entries(self, tail: str, values: Sequence[object]) -> list[Entry]:
        columns = ", ".join(f"entries.{name}" for name in _ENTRY_COLUMNS)
        rows = self._read(
            f"SELECT {columns}, batches.at, batches.origin FROM entries"  # noqa: S608 - constants
            f" JOIN batches ON batches.id = batch_id {tail}",
            values,
        )
        return [_entry(row) for row in rows]

    def _batches(self, tail: str, values: Sequence[object]) -> list[Batch]:
        columns = (
            "id, at, origin, title, purpose,"
            " (SELECT max(batch_id) FROM entries WHERE undone_by = batches.id)"
        )
        rows = self._read(f"SELECT {columns} FROM batches {tail}", values)  # noqa: S608 - constants
        return [
            Batch(
                id=row[0],
                at=row[1],
                origin=row[2],
                title=row[3],
                purpose=Purpose(row[4]),
                reverses=row[5],
                counts=dict(
                    self._read(
                        "SELECT state, count(*) FROM entries WHERE batch_id = ? GROUP BY state",
                        (row[0],),
                    )
                ),
            )
            for row in rows
        ]

    def _read(self, statement: str, values: Sequence[object] = ()) -> list[tuple[Any, ...]]:
        with self._guard:
            try:
                return self._connection.execute(statement, values).fetchall()
            except sqlite3.Error as error:
                raise _unusable(self._path, error) from error

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with self._guard:
            try:
                self._connection.execute("BEGIN IMMEDIATE")
                yield self._connection
                self._connection.execute("COMMIT")
            except (sqlite3.Error, OSError) as error:
                self._roll_back()
                raise _unusable(self._path, error) from error
            except BaseException:
                self._roll_back()
                raise

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")


_ENTRY_COLUMNS = (
    "id",
    "batch_id",
    "asset_id",
    "asset_name",
    "action",
    "state",
    "base",
    "mine",
    "before",
    "after",
    "base_metadata",
    "metadata",
    "reason",
    "hint",
    "settled_at",
    "undone_by",
)


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


def _insert(connection: sqlite3.Connection, table: str, values: Mapping[str, object]) -> int:
    columns, marks = ", ".join(values), ", ".join("?" * len(values))
    cursor = connection.execute(
        f"INSERT INTO {table} ({columns}) VALUES ({marks})",  # noqa: S608 - our own column names
        tuple(values.values()),
    )
    if cursor.lastrowid is None:
        raise AssertionError("an INSERT gives a number")
    return cursor.lastrowid


def _entry(row: Sequence[Any]) -> Entry:
    values = dict(zip((*_ENTRY_COLUMNS, "at", "origin"), row, strict=True))
    for column in ("base", "mine", "before", "after"):
        values[column] = _decode(values[column], Fields)
    for column in ("base_metadata", "metadata"):
        values[column] = _decode(values[column], dict[str, MetadataValue])
    values["action"] = Action(values["action"])
    values["state"] = State(values["state"])
    return Entry(**values)


def _encode(value: object) -> str | None:
    return None if value is None else msgspec.json.encode(value).decode()


def _decode(text: str | None, kind: type[T]) -> T | None:
    return None if text is None else msgspec.json.decode(text, type=kind)


def _unusable(path: Path, error: Exception) -> JournalError:
    if isinstance(error, NewerJournalError):
        return JournalError(
            f"the journal {path} was written by a newer coexplorer",
            hint="update coexplorer; the journal is never rebuilt",
        )
    return JournalError(
        f"the journal {path} can't be used ({error}), so nothing was sent",
        hint="free some disk space or look at the file's permissions, then try again",
    )
