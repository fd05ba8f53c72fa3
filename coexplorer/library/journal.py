"""What was done from this machine, and what is not on the platform yet.

Every method is one transaction, blocks, and may be called from any thread. Several processes write
to one file. Nothing is sent unless its intent is in here first (design: catalog-and-edits.md).
"""

from __future__ import annotations

import contextlib
import sqlite3
import time
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Any

from coexplorer.errors import CoexplorerError, JournalError, UndoRefused
from coexplorer.fields import Fields
from coexplorer.library.entries import (
    DONE,
    GIVEN_UP,
    KEPT,
    PENDING,
    Action,
    Batch,
    Draft,
    Entry,
    Purpose,
    Reason,
    State,
)
from coexplorer.library.journal_file import (
    JournalFile,
    insert,
    is_sound,
    tell_damaged_rows,
    tell_unusable,
)
from coexplorer.library.journal_rows import ENTRY_COLUMNS, build_entry, encode_value
from coexplorer.library.session_locks import NoSession, SessionLock, bury, is_dead
from coexplorer.library.succession import (
    go_on_from,
    held_texts,
    leave_to_later,
    takes_place_of,
)
from coexplorer.models import AssetId, MetadataValue

_OPEN = (State.PLANNED, State.INTENDED)
_KEPT_MARKS = ", ".join("?" * len(KEPT))
_NOT_THERE = (State.UNSENT, State.CONFLICT, State.REFUSED)
"""States that are kept, and surely not on the platform."""
_NOT_THERE_MARKS = ", ".join("?" * len(_NOT_THERE))


class Journal:
    """The journal of one profile, opened by one session.

    Args:
        path: The SQLite file; made with mode 0600 if it is not there.
        origin: The front end: ``cli``, ``tui`` or ``mount``.
        must_write: Raise when nothing can be written to it; otherwise what it holds can be read, if
            that is possible, and each write raises.

    Attributes:
        damage: Which rows could not be read and were left out; None when none were.

    Raises:
        JournalError: It can't be opened, or a newer coexplorer wrote it.
    """

    def __init__(self, path: Path, *, origin: str, must_write: bool = True) -> None:
        self.damage: JournalError | None = None
        self._path = path
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
        takes_back: int | None = None,
    ) -> tuple[int, list[int]]:
        """Write a batch down before anything of it is sent.

        The last word wins, be it an edit, an undo or a redo: an earlier unsent one is given up when
        one of `drafts` covers all of it (see `find_given_up`).

        What `Draft.reverses` names counts as undone once that draft's entry has done it, not
        before: see `settle`. An earlier try to take it back that was not sent is given up.

        Args:
            drafts: Its entries; entries that are already final are settled at once.
            title: One line for people.
            purpose: Why it is made.
            takes_back: The batch that it takes back: what is not sent of that is given up.

        Returns:
            The batch's number and its entries' numbers, in the order of `drafts`.

        Raises:
            JournalError: It can't be written: nothing may be sent.
            UndoRefused: Another process takes the same back now, or has just done so.
        """
        now = time.time()
        with self._file.transaction() as connection:
            _supersede(connection, [d.reverses for d in drafts if d.reverses is not None], now)
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
            if takes_back is not None:
                kept = _select(
                    connection,
                    f"WHERE batch_id = ? AND state IN ({_NOT_THERE_MARKS})",
                    (takes_back, *_NOT_THERE),
                )
                _give_up(connection, kept, batch, now)
                _ensure_given_up(drafts, {entry.id for entry in kept})
            drafts = _take_places(connection, drafts, batch, now)
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
                        "hint": draft.hint,
                        "settled_at": None if draft.state is State.PLANNED else now,
                        "reverses": draft.reverses,
                        "needless": draft.needless,
                        "fit": encode_value(draft.fit),
                        "asked": encode_value(draft.asked or None),
                        "shown": encode_value(draft.shown),
                    },
                )
                for draft in drafts
            ]
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
            after: What it should have.
            base_metadata: The custom metadata that it has, if it is edited.
            metadata: The custom metadata that it should have, if that is edited.

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
        whole: bool = True,
        gone: bool = False,
    ) -> None:
        """Write down what became of an entry; what it has taken back counts as undone from now on.

        Args:
            entry_id: The entry.
            state: What became of it.
            error: Why, if it failed or was left out.
            asset_id: Which asset it made.
            after: What the platform has now.
            gone: It was to take something back, and its asset is gone: nothing is left to undo.
            whole: False when a part of it was left alone: that part can still be undone.
        """
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
            if gone or (whole and state in DONE):
                connection.execute(
                    "UPDATE entries SET undone_by = reversal.batch_id FROM entries AS reversal"
                    " WHERE reversal.id = ? AND entries.id = reversal.reverses",
                    (entry_id,),
                )
            if state in DONE:
                _give_up_with_asset(connection, entry_id)

    def claim(self, entry_ids: Iterable[int]) -> list[int]:
        """Take entries back to ``planned``, as this session's, to send them again.

        Returns:
            The ones that were still kept: two processes can't claim the same one.
        """
        with self._file.transaction() as connection:
            return [
                entry
                for entry in entry_ids
                if connection.execute(
                    "UPDATE entries SET state = ?, session = ?, reason = '', hint = ''"  # noqa: S608 - only marks
                    f" WHERE id = ? AND state IN ({_KEPT_MARKS})",
                    (State.PLANNED, self._session.name, entry, *KEPT),
                ).rowcount
            ]

    def amend(self, entry_id: int, base: Fields, mine: Fields, title: str) -> bool:
        """Put a newer text in the place of one that is kept; False if it can't be.

        It is judged no longer by what a change of many was selected by: somebody looked at it.
        What may have been sent is unsent from now on: the newer text never was. A part of an undo
        stays what it is.

        Args:
            entry_id: The entry.
            base: What the user has seen.
            mine: What the user wants now.
            title: What its batch is called, unless it has other entries.

        Raises:
            JournalError: It can't be written.
        """
        with self._file.transaction() as connection:
            found = connection.execute(
                "UPDATE entries SET base = ?, mine = ?, shown = NULL, fit = NULL,"  # noqa: S608 - only marks
                " state = CASE state WHEN ? THEN ? ELSE state END"
                f" WHERE id = ? AND action = ? AND state IN ({_KEPT_MARKS})"
                " AND (SELECT purpose FROM batches WHERE id = entries.batch_id) = ?",
                (
                    encode_value(base),
                    encode_value(mine),
                    State.UNKNOWN,
                    State.UNSENT,
                    entry_id,
                    Action.EDIT,
                    *KEPT,
                    Purpose.DO,
                ),
            ).rowcount
            if found:
                connection.execute(
                    "UPDATE batches SET title = ?"
                    " WHERE id = (SELECT batch_id FROM entries WHERE id = ?)"
                    " AND (SELECT count(*) FROM entries WHERE batch_id = batches.id) = 1",
                    (title, entry_id),
                )
        return found > 0

    def discard(self, entry_id: int) -> bool:
        """Give an entry up; False if it was not kept."""
        return self._discard(entry_id=entry_id) > 0

    def discard_batch(self, batch_id: int) -> int:
        """Give up all that is kept of a batch, at once; return how many entries that were."""
        return self._discard(batch_id=batch_id)

    def _discard(self, *, entry_id: int | None = None, batch_id: int | None = None) -> int:
        with self._file.transaction() as connection:
            return connection.execute(
                "UPDATE entries SET state = ?, settled_at = ? WHERE (id = ? OR batch_id = ?)"  # noqa: S608 - only marks
                f" AND state IN ({_KEPT_MARKS})",
                (State.DISCARDED, time.time(), entry_id, batch_id, *KEPT),
            ).rowcount

    def abandon_batch(self, batch_id: int, error: CoexplorerError | None = None) -> None:
        """Settle what this session left half done: planned is unsent, intended is unknown.

        Args:
            batch_id: The batch.
            error: Why what is planned was not tried; None: it was interrupted.
        """
        with self._file.transaction() as connection:
            _abandon(connection, [self._session.name], batch_id=batch_id, error=error)

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

    def ensure_settled(self) -> None:
        """Settle as `recover` does; only then can anybody say that nothing waits or was done.

        Raises:
            JournalError: Nothing can be written.
        """
        self._file.ensure_writable()
        self.recover()

    # --- Reading

    def entry(self, entry_id: int) -> Entry | None:
        """Return an entry; None when there is no such number."""
        found = self._entries("WHERE entries.id = ?", (entry_id,))
        return found[0] if found else None

    def entries_of(
        self, batch_id: int, *, limit: int = -1, offset: int = 0, kept_first: bool = False
    ) -> list[Entry]:
        """Return a batch's entries in the order in which they were planned; -1: to the end.

        With `kept_first`, kept ones come before all others.
        """
        first = f"state IN ({_KEPT_MARKS}) DESC, " if kept_first else ""
        return self._entries(
            f"WHERE batch_id = ? ORDER BY {first}entries.id LIMIT ? OFFSET ?",
            (batch_id, *(KEPT if kept_first else ()), limit, offset),
        )

    def reversals_of(self, batch_id: int) -> list[Entry]:
        """Return the entries that were to take a batch back and have not, but are kept."""
        reversed_ones = "reverses IN (SELECT id FROM entries WHERE batch_id = ?)"
        return self._entries(
            f"WHERE {reversed_ones} AND state IN ({_KEPT_MARKS}) ORDER BY entries.id",
            (batch_id, *KEPT),
        )

    def find_given_up(self, batch_id: int) -> list[Entry]:
        """Return the earlier changes that were given up as a batch took their place."""
        return self._entries(
            "WHERE (asset_id IN (SELECT asset_id FROM entries WHERE batch_id = ?1) OR batch_id IN"
            " (SELECT reversed.batch_id FROM entries JOIN entries AS reversed"
            " ON reversed.id = entries.reverses WHERE entries.batch_id = ?1))"
            " AND state = ?2 AND reason = ?3 ORDER BY entries.id",
            (batch_id, State.DISCARDED, _place_taken(batch_id)),
        )

    def leave_to_later(self, entry: Entry, *, but: int | None = None) -> Entry | None:
        """Return what of a change is not up to a later one; None when that is nothing.

        Args:
            entry: The change.
            but: A later entry that is not asked.
        """
        dead = (State.DISCARDED, State.REFUSED)
        later = self._entries(
            "WHERE asset_id = ? AND entries.id > ? AND batch_id > ? AND entries.id IS NOT ?"
            " AND state NOT IN (?, ?) AND (state != ? OR needless)"
            # What only gave up another undo says nothing itself.
            " AND (state != ? OR reason != ?)",
            (
                *(entry.asset_id, entry.id, entry.batch_id, but),
                *(*dead, State.SKIPPED),
                *(State.UNCHANGED, GIVEN_UP),
            ),
        )
        return leave_to_later(entry, later) if later else entry

    def find_held(self, reversal: Entry, theirs: Fields) -> dict[str, Entry]:
        """Return the texts that an undo leaves to later changes that wait: see `held_texts`."""
        waiting = self._entries(
            "WHERE asset_id = ? AND state = ? ORDER BY entries.id",
            (reversal.asset_id, State.UNSENT),
        )
        # What a later change has overruled in one of them is never sent.
        left = [self.leave_to_later(entry, but=reversal.id) for entry in waiting]
        return held_texts(reversal, [entry for entry in left if entry is not None], theirs)

    def find_writes(self, asset_id: AssetId) -> list[Entry]:
        """Return the edits of an asset that this user's platform has from here, latest last."""
        return self._entries(_WRITES, _writes_of(asset_id))

    def reasons_of(self, batch_id: int) -> list[Reason]:
        """Return the reasons in a batch's entries, each with how many have it, most first."""
        rows = self._file.read(
            "SELECT state, reason, hint, count(*) FROM entries WHERE batch_id = ? AND reason != ''"
            " GROUP BY state, reason, hint ORDER BY 4 DESC, min(id)",
            (batch_id,),
        )
        return [
            Reason(State(state), text, hint, count)
            for state, text, hint, count in rows
            if state in set(State) and is_sound((text, hint))
        ]

    def log(self, *, limit: int, offset: int) -> list[Entry]:
        """Return entries: the ones waiting for the user on top, then newest first."""
        marks, newest = ", ".join("?" * len(PENDING)), "ORDER BY entries.id DESC LIMIT ? OFFSET ?"
        # Two reads along an index; one order over both would sort all that was ever done.
        waiting = self._entries(f"WHERE state IN ({marks}) {newest}", (*PENDING, limit, offset))
        if len(waiting) == limit:
            return waiting
        past = max(0, offset - self.count_pending())
        others = (*PENDING, limit - len(waiting), past)
        return waiting + self._entries(f"WHERE state NOT IN ({marks}) {newest}", others)

    def pending(self, asset_id: AssetId | None = None) -> list[Entry]:
        """Return the entries that wait for the user, oldest first."""
        return self._in_states(PENDING, asset_id)

    def kept(self, asset_id: AssetId | None = None) -> list[Entry]:
        """Return the entries with a kept text: waiting and refused ones, oldest first."""
        return self._in_states(KEPT, asset_id)

    def _in_states(self, states: tuple[State, ...], asset_id: AssetId | None) -> list[Entry]:
        marks = ", ".join("?" * len(states))
        return self._entries(
            f"WHERE state IN ({marks}) AND (? IS NULL OR asset_id = ?) ORDER BY entries.id",
            (*states, asset_id, asset_id),
        )

    def applied_edits(self, since: float, limit: int) -> list[Entry]:
        """Return edits that were settled as applied since then (epoch seconds), newest first."""
        return self._entries(
            "WHERE state = ? AND action = ? AND settled_at >= ? AND after IS NOT NULL"
            " ORDER BY entries.id DESC LIMIT ?",
            (State.APPLIED, Action.EDIT, since, limit),
        )

    def count_pending(self) -> int:
        """Return how many entries wait for the user."""
        return self.count_kept()[0]

    def count_kept(self) -> tuple[int, int]:
        """Return how many entries wait for the user, and how many were refused and are kept."""
        rows = self._file.read(
            f"SELECT state = ?, count(*) FROM entries WHERE state IN ({_KEPT_MARKS}) GROUP BY 1",  # noqa: S608 - only marks
            (State.REFUSED, *KEPT),
        )
        counts: dict[int, int] = dict(rows)
        return counts.get(0, 0), counts.get(1, 0)

    def batch(self, batch_id: int) -> Batch | None:
        """Return a batch; None when there is no such number."""
        found = self._batches("WHERE id = ?", (batch_id,))
        return found[0] if found else None

    def batches(self, *, limit: int, offset: int = 0) -> list[Batch]:
        """Return batches, newest first."""
        return self._batches("ORDER BY id DESC LIMIT ? OFFSET ?", (limit, offset))

    def count_batches(self) -> int:
        """Return how many batches there are."""
        count: int = self._file.read("SELECT count(*) FROM batches")[0][0]
        return count

    def find_undoable(self) -> Batch | None:
        """Return the newest batch that did something and was not undone; None if there is none."""
        return self._find_batch((Purpose.DO, Purpose.REDO))

    def find_reversible(self, *, before: int | None = None) -> Batch | None:
        """Return the newest one of them that something can take back: no delete, no create.

        Args:
            before: Only of batches with smaller numbers.
        """
        but = Action.DELETE, Action.CREATE
        return self._find_batch((Purpose.DO, Purpose.REDO), but=but, before=before)

    def find_last(self, purposes: Sequence[Purpose]) -> Batch | None:
        """Return the newest batch that did something, or that something is left to do of.

        What was undone, given up or not needed is passed over.

        Args:
            purposes: Why it was made.
        """
        marks = ", ".join("?" * len(purposes))
        found = self._batches(
            f"WHERE purpose IN ({marks}) AND EXISTS (SELECT 1 FROM entries"  # noqa: S608 - only marks
            " WHERE batch_id = batches.id AND undone_by IS NULL AND"
            f" (state IN (?, {_KEPT_MARKS}) OR (state = ? AND NOT needless)))"
            " ORDER BY id DESC LIMIT 1",
            (*purposes, State.APPLIED, *KEPT, State.SKIPPED),
        )
        return found[0] if found else None

    def find_redoable(self) -> Batch | None:
        """Return the newest undo that was not redone; None if there is none."""
        return self._find_batch((Purpose.UNDO,))

    # --- Inside

    def _find_batch(
        self,
        purposes: tuple[Purpose, ...],
        *,
        but: tuple[Action, ...] = (),
        before: int | None = None,
    ) -> Batch | None:
        marks, others = ", ".join("?" * len(purposes)), ", ".join("?" * len(but))
        found = self._batches(
            f"WHERE purpose IN ({marks}) AND EXISTS (SELECT 1 FROM entries"  # noqa: S608 - only marks
            " WHERE batch_id = batches.id AND state = ? AND undone_by IS NULL"
            f" AND action NOT IN ({others})) AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT 1",
            (*purposes, State.APPLIED, *but, before, before),
        )
        return found[0] if found else None

    def _entries(self, tail: str, values: Sequence[object]) -> list[Entry]:
        entries, bad = _build_all(self._file.read(f"{_SELECT} {tail}", values))
        self._note_damage("entry", bad)
        return entries

    def _note_damage(self, what: str, numbers: Sequence[int]) -> None:
        if numbers:
            self.damage = tell_damaged_rows(self._path, what, numbers)

    def _batches(self, tail: str, values: Sequence[object]) -> list[Batch]:
        columns = (
            "id, at, origin, title, purpose,"
            " (SELECT max(taken_back.batch_id) FROM entries"
            " JOIN entries AS taken_back ON taken_back.id = entries.reverses"
            " WHERE entries.batch_id = batches.id)"
        )
        rows = self._file.read(f"SELECT {columns} FROM batches {tail}", values)  # noqa: S608 - constants
        self._note_damage("change", [row[0] for row in rows if not _is_batch(row)])
        rows = [row for row in rows if _is_batch(row)]
        numbers = [row[0] for row in rows]
        counts: dict[int, dict[str, int]] = {number: {} for number in numbers}
        undone = dict.fromkeys(numbers, 0)
        for number, state, count, taken_back in self._file.read(
            "SELECT batch_id, state, count(*), count(undone_by) FROM entries"
            " WHERE batch_id BETWEEN ? AND ? GROUP BY batch_id, state",
            (min(numbers, default=0), max(numbers, default=0)),
        ):
            if number in counts:
                counts[number][state] = count
                undone[number] += taken_back
        return [
            Batch(
                id=row[0],
                at=row[1],
                origin=row[2],
                title=row[3],
                purpose=Purpose(row[4]),
                reverses=row[5],
                counts={state: found for state in State if (found := counts[row[0]].get(state))},
                undone=undone[row[0]],
            )
            for row in rows
        ]


_SELECT = (
    f"SELECT {', '.join(f'entries.{name}' for name in ENTRY_COLUMNS)}, batches.at, batches.origin"  # noqa: S608 - constants
    " FROM entries JOIN batches ON batches.id = batch_id"
)


_WRITES = (
    "WHERE asset_id = ? AND state = ? AND action = ? AND after IS NOT NULL"
    " ORDER BY settled_at, entries.id"
)


def _writes_of(asset_id: AssetId) -> Sequence[object]:
    return (asset_id, State.APPLIED, Action.EDIT)


def _select(connection: sqlite3.Connection, tail: str, values: Sequence[object]) -> list[Entry]:
    return _build_all(connection.execute(f"{_SELECT} {tail}", values).fetchall())[0]


def _take_places(
    connection: sqlite3.Connection, drafts: Sequence[Draft], batch: int, now: float
) -> list[Draft]:
    """Give up earlier unsent changes that drafts replace.

    Returns:
        The drafts, based on what the platform has where they were made from an unsent text.
    """
    tail = f"state IN ({_NOT_THERE_MARKS})"
    waiting = dict.fromkeys(
        asset
        for (asset,) in connection.execute(
            f"SELECT asset_id FROM entries WHERE {tail}",  # noqa: S608 - only marks
            _NOT_THERE,
        )
    )
    done = []
    for draft in drafts:
        wanted = draft.state not in (State.REFUSED, *DONE) and (
            draft.state is not State.SKIPPED or draft.needless
        )
        if not wanted or draft.asset_id not in waiting:
            done.append(draft)
            continue
        earlier = _select(
            connection,
            f"WHERE asset_id = ? AND {tail} AND batch_id != ? ORDER BY entries.id",
            (draft.asset_id, *_NOT_THERE, batch),
        )
        _give_up(connection, [each for each in earlier if takes_place_of(draft, each)], batch, now)
        writes = _select(connection, _WRITES, _writes_of(draft.asset_id))
        done.append(go_on_from(draft, earlier, writes))
    return done


def _give_up(
    connection: sqlite3.Connection, entries: Sequence[Entry], batch: int, now: float
) -> None:
    """Give entries up, as a batch takes their place."""
    connection.executemany(
        "UPDATE entries SET state = ?, settled_at = ?, reason = ?, hint = '' WHERE id = ?",
        [(State.DISCARDED, now, _place_taken(batch), entry.id) for entry in entries],
    )


def _ensure_given_up(drafts: Sequence[Draft], given_up: Collection[int]) -> None:
    """Check that what was to be given up was still kept.

    Raises:
        UndoRefused: Another process has begun to send it since.
    """
    for draft in drafts:
        done = draft.state in DONE and draft.reverses is not None
        if done and draft.reverses not in given_up:
            raise UndoRefused(
                f"the change of {draft.asset_name} is being sent now, by another command or window",
                hint="wait for it, then undo it",
            )


def _give_up_with_asset(connection: sqlite3.Connection, entry_id: int) -> None:
    """Give up what is kept of an asset that an entry has deleted."""
    found = _select(connection, "WHERE entries.id = ? AND action = ?", (entry_id, Action.DELETE))
    for deleted in found:
        kept = _select(
            connection,
            f"WHERE asset_id = ? AND entries.id != ? AND state IN ({_KEPT_MARKS})",
            (deleted.asset_id, entry_id, *KEPT),
        )
        _give_up(connection, kept, deleted.batch_id, time.time())


def _place_taken(batch_id: int) -> str:
    return f"change {batch_id} replaced it"


def _build(row: Sequence[Any]) -> Entry:
    """Return an entry.

    Raises:
        ValueError: Its bytes are not what was written.
    """
    if not is_sound(row):
        raise ValueError
    return build_entry(row)


def _build_all(rows: Iterable[Sequence[Any]]) -> tuple[list[Entry], list[int]]:
    """Return the entries of rows, and the numbers of unreadable ones."""
    entries, bad = [], []
    for row in rows:
        try:
            entries.append(_build(row))
        except (ValueError, TypeError):  # msgspec's errors are ValueErrors
            bad.append(row[0])
    return entries, bad


def _is_batch(row: Sequence[Any]) -> bool:
    """Tell whether a row of a batch is as it was written."""
    return is_sound(row) and row[4] in set(Purpose) and isinstance(row[1], int | float)


def _supersede(connection: sqlite3.Connection, entries: Sequence[int], now: float) -> None:
    """Give up earlier tries to take `entries` back that were not sent."""
    for entry in entries:
        (under_way,) = connection.execute(
            "SELECT (SELECT undone_by IS NOT NULL FROM entries WHERE id = ?1) OR EXISTS"
            " (SELECT 1 FROM entries WHERE reverses = ?1 AND state IN (?2, ?3, ?4))",
            (entry, *_OPEN, State.UNKNOWN),
        ).fetchone()
        if under_way:
            raise UndoRefused(
                "another command or window is already undoing it",
                hint="wait for it, then see the log",
            )
        connection.execute(
            "UPDATE entries SET state = ?, settled_at = ?, reason = ?"
            " WHERE reverses = ? AND state IN (?, ?, ?)",
            (
                State.DISCARDED,
                now,
                "a later undo replaced it",
                entry,
                State.UNSENT,
                State.CONFLICT,
                State.REFUSED,
            ),
        )


def _abandon(
    connection: sqlite3.Connection,
    sessions: Sequence[str],
    *,
    batch_id: int | None = None,
    error: CoexplorerError | None = None,
) -> int:
    """Settle what sessions left half done, all of it or in one batch; return how many entries."""
    count = 0
    for session in sessions:
        never = error.message if error else "it was interrupted before anything was sent"
        for state, final, reason, hint in (
            (State.PLANNED, State.UNSENT, never, error.hint if error else ""),
            (State.INTENDED, State.UNKNOWN, "it was interrupted while it was being sent", ""),
        ):
            count += connection.execute(
                "UPDATE entries SET state = ?1, reason = ?2, settled_at = ?3, hint = ?7"
                " WHERE state = ?4 AND session = ?5 AND batch_id = coalesce(?6, batch_id)",
                (final, reason, time.time(), state, session, batch_id, hint),
            ).rowcount
    return count
