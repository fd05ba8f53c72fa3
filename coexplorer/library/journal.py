"""What was done from this machine, and what is not on the platform yet.

Every method is one transaction, blocks, and may be called from any thread. Several processes write
to one file. Nothing is sent unless its intent stands in here first (design: catalog-and-edits.md).
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from coexplorer.errors import CoexplorerError, JournalError
from coexplorer.library.entries import PENDING, Action, Batch, Draft, Entry, Purpose, State
from coexplorer.library.journal_file import JournalFile, insert, tell_unusable
from coexplorer.library.journal_rows import ENTRY_COLUMNS, build_entry, encode_value
from coexplorer.library.sessions import NoSession, SessionLock, bury, is_dead
from coexplorer.models import AssetId, Fields, MetadataValue

_OPEN = (State.PLANNED, State.INTENDED)


class Journal:
    """The journal of one profile, opened by one session.

    Args:
        path: The SQLite file; made with mode 0600 if it is not there.
        origin: The front end: ``cli``, ``tui`` or ``mount``.
        must_write: Raise when nothing can be written to it; otherwise what it holds can be read, if
            that is possible, and each write raises.

    Raises:
        JournalError: It can't be opened, or a newer coexplorer wrote it.
    """

    def __init__(self, path: Path, *, origin: str, must_write: bool = True) -> None:
        self._origin = origin
        self._file = JournalFile(path, must_write=must_write)
        self._folder = path.with_name(path.name + ".sessions")
        self._session: SessionLock | NoSession = NoSession()
        if self._file.problem is not None:
            return
        try:
            self._session = SessionLock(self._folder)
        except OSError as error:
            if must_write:
                self._file.close()
                raise tell_unusable(path, error) from error
            self._file.problem = tell_unusable(path, error, so="nothing can be changed")

    @property
    def problem(self) -> JournalError | None:
        """Why nothing can be written; None when it can."""
        return self._file.problem

    @property
    def folder(self) -> Path:
        """Where the locks of sessions and assets are, beside the file."""
        return self._folder

    def close(self) -> None:
        """Let go of the file; what is still planned or intended becomes unsent or unknown."""
        # Where it fails, the next start does it: the session's lock is free from then on.
        with contextlib.suppress(JournalError), self._file.transaction() as connection:
            _abandon(connection, [self._session.name])
        self._file.close()
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
        with self._file.transaction() as connection:
            batch = insert(
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
                insert(
                    connection,
                    "entries",
                    {
                        "batch_id": batch,
                        "session": self._session.name,
                        "asset_id": draft.asset_id,
                        "asset_name": draft.asset_name,
                        "action": draft.action,
                        "state": draft.state,
                        "base": encode_value(draft.base),
                        "mine": encode_value(draft.mine),
                        "base_metadata": encode_value(draft.base_metadata),
                        "metadata": encode_value(draft.metadata),
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
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE entries SET state = ?, before = ?, after = ?,"
                " base_metadata = coalesce(?, base_metadata), metadata = coalesce(?, metadata),"
                " session = ? WHERE id = ?",
                (
                    State.INTENDED,
                    encode_value(before),
                    encode_value(after),
                    encode_value(base_metadata),
                    encode_value(metadata),
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
        with self._file.transaction() as connection:
            connection.execute(
                "UPDATE entries SET state = ?, reason = ?, hint = ?, settled_at = ?,"
                " asset_id = coalesce(?, asset_id), after = coalesce(?, after) WHERE id = ?",
                (
                    state,
                    error.message if error else "",
                    error.hint if error else "",
                    time.time(),
                    asset_id,
                    encode_value(after),
                    entry_id,
                ),
            )

    def claim(self, entry_ids: Iterable[int]) -> list[int]:
        """Take entries back to ``planned``, as this session's, to send them again.

        Returns:
            Those that still waited: two processes can't claim the same one.
        """
        with self._file.transaction() as connection:
            return [
                entry
                for entry in entry_ids
                if connection.execute(
                    "UPDATE entries SET state = ?, session = ?, reason = '', hint = ''"
                    " WHERE id = ? AND state IN (?, ?, ?)",
                    (State.PLANNED, self._session.name, entry, *PENDING),
                ).rowcount
            ]

    def discard(self, entry_id: int) -> bool:
        """Give an entry up; what it should have undone stands again; False if it did not wait."""
        return self._discard(entry_id=entry_id) > 0

    def discard_batch(self, batch_id: int) -> int:
        """Give up all that still waits of a batch, at once; return how many entries that were."""
        return self._discard(batch_id=batch_id)

    def _discard(self, *, entry_id: int | None = None, batch_id: int | None = None) -> int:
        with self._file.transaction() as connection:
            rows = connection.execute(
                "UPDATE entries SET state = ?, settled_at = ? WHERE (id = ? OR batch_id = ?)"
                " AND state IN (?, ?, ?) RETURNING id",
                (State.DISCARDED, time.time(), entry_id, batch_id, *PENDING),
            ).fetchall()
            connection.executemany(
                "UPDATE entries SET undone_by = NULL FROM entries AS given_up"
                " WHERE given_up.id = ? AND entries.undone_by = given_up.batch_id"
                " AND entries.asset_id = given_up.asset_id",
                rows,
            )
            return len(rows)

    def abandon_batch(self, batch_id: int) -> None:
        """Settle what this session left half done: planned is unsent, intended is unknown."""
        with self._file.transaction() as connection:
            _abandon(connection, [self._session.name], batch_id=batch_id)

    def recover(self) -> int:
        """Settle what dead sessions left half done; return how many entries that were.

        Looks at nothing but this machine: what was ``planned`` was never sent; what was
        ``intended`` may have been, and is settled by a look at the platform later.
        """
        if self.problem is not None:
            return 0
        sessions = self._file.read(
            "SELECT DISTINCT session FROM entries WHERE state IN (?, ?) AND session != ?",
            (*_OPEN, self._session.name),
        )
        dead = [name for (name,) in sessions if is_dead(self._folder, name)]
        if not dead:
            return 0
        with self._file.transaction() as connection:
            count = _abandon(connection, dead)
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
        rows = self._file.read("SELECT count(*) FROM entries WHERE state IN (?, ?, ?)", PENDING)
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

    def find_reversible(self) -> Batch | None:
        """Return the newest one of them that something can take back: no delete, no create."""
        return self._find_batch((Purpose.DO, Purpose.REDO), but=(Action.DELETE, Action.CREATE))

    def find_redoable(self) -> Batch | None:
        """Return the newest undo that was not redone; None if there is none."""
        return self._find_batch((Purpose.UNDO,))

    # --- Inside

    def _find_batch(
        self, purposes: tuple[Purpose, ...], *, but: tuple[Action, ...] = ()
    ) -> Batch | None:
        marks, others = ", ".join("?" * len(purposes)), ", ".join("?" * len(but))
        found = self._batches(
            f"WHERE purpose IN ({marks}) AND EXISTS (SELECT 1 FROM entries"  # noqa: S608 - only marks
            " WHERE batch_id = batches.id AND state = ? AND undone_by IS NULL"
            f" AND action NOT IN ({others})) ORDER BY id DESC LIMIT 1",
            (*purposes, State.APPLIED, *but),
        )
        return found[0] if found else None

    def _entries(self, tail: str, values: Sequence[object]) -> list[Entry]:
        columns = ", ".join(f"entries.{name}" for name in ENTRY_COLUMNS)
        rows = self._file.read(
            f"SELECT {columns}, batches.at, batches.origin FROM entries"  # noqa: S608 - constants
            f" JOIN batches ON batches.id = batch_id {tail}",
            values,
        )
        return [build_entry(row) for row in rows]

    def _batches(self, tail: str, values: Sequence[object]) -> list[Batch]:
        columns = (
            "id, at, origin, title, purpose,"
            " (SELECT max(batch_id) FROM entries WHERE undone_by = batches.id)"
        )
        rows = self._file.read(f"SELECT {columns} FROM batches {tail}", values)  # noqa: S608 - constants
        return [
            Batch(
                id=row[0],
                at=row[1],
                origin=row[2],
                title=row[3],
                purpose=Purpose(row[4]),
                reverses=row[5],
                counts=dict(
                    self._file.read(
                        "SELECT state, count(*) FROM entries WHERE batch_id = ? GROUP BY state",
                        (row[0],),
                    )
                ),
            )
            for row in rows
        ]


def _abandon(
    connection: sqlite3.Connection, sessions: Sequence[str], *, batch_id: int | None = None
) -> int:
    """Settle what sessions left half done, all of it or in one batch; return how many entries."""
    count = 0
    for session in sessions:
        for state, final, reason in (
            (State.PLANNED, State.UNSENT, "it was interrupted before anything was sent"),
            (State.INTENDED, State.UNKNOWN, "it was interrupted while it was being sent"),
        ):
            count += connection.execute(
                "UPDATE entries SET state = ?1, reason = ?2, settled_at = ?3"
                " WHERE state = ?4 AND session = ?5 AND batch_id = coalesce(?6, batch_id)",
                (final, reason, time.time(), state, session, batch_id),
            ).rowcount
    return count
