"""What the journal holds, read: its entries, its batches, what an undo would be about.

Every method is one read, blocks, and may be called from any thread. It is a face: a question each.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from coexplorer.errors import JournalError
from coexplorer.fields import Fields
from coexplorer.library.entries import (
    ARCHIVING,
    DONE,
    KEPT,
    NOT_THERE,
    NOT_THERE_YET,
    PENDING,
    WAITING,
    Action,
    Batch,
    Cause,
    Entry,
    Purpose,
    Reason,
    State,
)
from coexplorer.library.journal_batches import find_redoing, read_batches
from coexplorer.library.journal_file import JournalFile, is_sound, tell_damaged_rows
from coexplorer.library.journal_rows import KEPT_MARKS, SELECT, WRITES, build_all, writes_of
from coexplorer.library.journal_successors import place_taken
from coexplorer.library.journal_tries import REPLACED_TRY
from coexplorer.library.succession import held_texts, leave_to_later
from coexplorer.library.transfer_target import MOVING
from coexplorer.models import AssetId

_FOUND_GONE = (
    "EXISTS (SELECT 1 FROM entries AS tried WHERE tried.reverses = entries.id"
    " AND tried.cause = 'gone')"
)
"""That an undo found the asset of an entry gone."""

_ENDED = (
    "(? AND EXISTS (SELECT 1 FROM entries AS ended WHERE ended.asset_id = entries.asset_id"
    " AND ended.action = 'delete' AND ended.state = 'applied'))"
)
"""If it matters, that the asset of an entry was deleted from here."""


_AFTER_NEWS = (
    "EXISTS (SELECT 1 FROM batches AS news WHERE news.purpose = 'do' AND news.id < batches.id"
    " AND news.id > (SELECT max(undo.id) FROM batches AS undo JOIN entries AS undoing"
    " ON undoing.batch_id = undo.id WHERE undo.purpose = 'undo' AND undo.id < batches.id"
    " AND undoing.state = 'applied' AND undoing.undone_by IS NULL))"
)
"""That something was done between an undo and the one before it that stands."""


class JournalReader:
    """What can be asked of a journal.

    Args:
        path: The SQLite file.
        must_write: See `coexplorer.library.journal.Journal`.

    Attributes:
        damage: Which rows could not be read and were left out; None when none were.
    """

    def __init__(self, path: Path, *, must_write: bool) -> None:
        self.damage: JournalError | None = None
        self._path = path
        self._file = JournalFile(path, must_write=must_write)

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
        first = f"state IN ({KEPT_MARKS}) DESC, " if kept_first else ""
        return self._entries(
            f"WHERE batch_id = ? ORDER BY {first}entries.id LIMIT ? OFFSET ?",
            (batch_id, *(KEPT if kept_first else ()), limit, offset),
        )

    def reversals_of(self, batch_id: int) -> list[Entry]:
        """Return the entries that were to take a batch back and have not, but are kept."""
        reversed_ones = "reverses IN (SELECT id FROM entries WHERE batch_id = ?)"
        return self._entries(
            f"WHERE {reversed_ones} AND state IN ({KEPT_MARKS}) ORDER BY entries.id",
            (batch_id, *KEPT),
        )

    def find_cut_off(self, batch_id: int, purpose: Purpose) -> int | None:
        """Return the try to take a batch back that was cut off, if it can be gone on with.

        That is where nothing newer was said of its assets, and nothing newer is taken back first.

        Args:
            batch_id: The batch that is to be taken back.
            purpose: Why the try was made.
        """
        tries = [each.batch_id for each in self.reversals_of(batch_id) if each.state in NOT_THERE]
        if not tries:
            return None
        last = max(tries)
        group = (Purpose.UNDO,) if purpose is Purpose.UNDO else (Purpose.DO, Purpose.REDO)
        marks = ", ".join("?" * len(group))
        ((is_followed,),) = self._file.read(
            f"SELECT EXISTS (SELECT 1 FROM batches WHERE id > ? AND purpose IN ({marks}))"  # noqa: S608 - only marks
            " OR EXISTS (SELECT 1 FROM entries WHERE batch_id > ? AND asset_id IN"
            " (SELECT asset_id FROM entries WHERE batch_id = ?))",
            (last, *group, last, batch_id),
        )
        return None if is_followed else last

    def find_given_up(self, batch_id: int) -> list[Entry]:
        """Return the earlier changes that were given up as a batch took their place."""
        return self._entries(
            "WHERE (asset_id IN (SELECT asset_id FROM entries WHERE batch_id = ?1) OR batch_id IN"
            " (SELECT reversed.batch_id FROM entries JOIN entries AS reversed"
            " ON reversed.id = entries.reverses WHERE entries.batch_id = ?1))"
            " AND state = ?2 AND reason = ?3 ORDER BY entries.id",
            (batch_id, State.DISCARDED, place_taken(batch_id)),
        )

    def find_set_aside(self, batch_id: int) -> list[Entry]:
        """Return the earlier texts that were kept aside when a batch was to take their place."""
        return self._entries(
            "WHERE asset_id IN (SELECT asset_id FROM entries WHERE batch_id = ?1)"
            " AND state = ?2 AND set_aside"
            " AND settled_at = (SELECT at FROM batches WHERE id = ?1) ORDER BY entries.id",
            (batch_id, State.REFUSED),
        )

    def leave_to_later(
        self, entry: Entry, *, but: Collection[int] = (), session: str | None = None
    ) -> Entry | None:
        """Return what of a change is not up to a later one; None when that is nothing.

        Args:
            entry: The change.
            but: Later entries that are not asked.
            session: The session that has just made the change, and sends it for the first time. Of
                what others make meanwhile nothing gives that up unseen: the merge finds out. Only
                what they have done by then of archiving, which nothing merges, comes later.
        """
        dead = (State.DISCARDED, State.REFUSED)
        later = self._entries(
            "WHERE ?1 IS ?1 AND asset_id = ? AND entries.id > ? AND batch_id > ?"
            " AND state NOT IN (?, ?) AND (state != ? OR needless)"
            # What only gave up another undo says nothing itself.
            " AND (state != ? OR cause IS NOT ?) AND (state NOT IN (?, ?) OR reason != ?)"
            " AND (?1 IS NULL OR session = ?1 OR (state IN (?, ?) AND action IN (?, ?)))",
            (
                session,
                *(entry.asset_id, entry.id, entry.batch_id),
                *(*dead, State.SKIPPED),
                *(State.UNCHANGED, Cause.GIVEN_UP),
                *(State.UNSENT, State.PLANNED, WAITING),
                *(*DONE, *ARCHIVING),
            ),
        )
        later = [each for each in later if each.id not in but]
        return leave_to_later(entry, later) if later else entry

    def find_held(
        self, reversal: Entry, theirs: Fields, without: Collection[int] = ()
    ) -> dict[str, Entry]:
        """Return the texts that an undo leaves to later changes that wait: see `held_texts`.

        Args:
            reversal: The undo or redo.
            theirs: What the platform has.
            without: Entries that it is going to give up.
        """
        waiting = self._entries(
            "WHERE asset_id = ? AND state IN (?, ?) ORDER BY entries.id",
            (reversal.asset_id, State.UNSENT, State.STOPPED),
        )
        # What a later change has overruled in one of them is never sent.
        left = [
            self.leave_to_later(entry, but=(reversal.id, *without))
            for entry in waiting
            if entry.id not in without
        ]
        return held_texts(reversal, [entry for entry in left if entry is not None], theirs)

    def find_writes(self, asset_id: AssetId) -> list[Entry]:
        """Return the edits of an asset that this user's platform has from here, latest last."""
        return self._entries(WRITES, writes_of(asset_id))

    def reasons_of(self, batch_id: int) -> list[Reason]:
        """Return the reasons in a batch's entries, each with how many have it, most first."""
        rows = self._file.read(
            "SELECT state, reason, hint, count(*), cause FROM entries WHERE batch_id = ?"
            " AND reason != '' GROUP BY state, reason, hint, cause ORDER BY 4 DESC, min(id)",
            (batch_id,),
        )
        return [
            Reason(State(state), text, hint, count, None if cause is None else Cause(cause))
            for state, text, hint, count, cause in rows
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

    def waiting_assets(self) -> frozenset[AssetId]:
        """Return the assets that have changes which wait for the user."""
        marks = ", ".join("?" * len(PENDING))
        rows = self._file.read(
            f"SELECT DISTINCT asset_id FROM entries WHERE state IN ({marks})",  # noqa: S608 - only marks
            PENDING,
        )
        return frozenset(AssetId(asset) for (asset,) in rows if isinstance(asset, str))

    def pending(self, asset_id: AssetId | None = None) -> list[Entry]:
        """Return the entries that wait for the user, oldest first."""
        return self._in_states(PENDING, asset_id)

    def find_late(self) -> list[Entry]:
        """Return edits that were sent, and that a look did not find: they may have arrived since.

        Oldest first.
        """
        return self._entries(
            "WHERE state IN ('unsent', 'conflict') AND action = ? AND cause IS NULL"
            " AND before IS NOT NULL AND after IS NOT NULL ORDER BY entries.id",
            (Action.EDIT,),
        )

    def find_not_there(self, since: float) -> list[Entry]:
        """Return what else a look did not find, after `since` (epoch seconds), oldest first.

        Archives, deletes and changes of who can see an asset: nothing but a look tells of these.
        """
        actions = (Action.ARCHIVE, Action.UNARCHIVE, Action.DELETE, Action.SHARE)
        return self._entries(
            "WHERE state = 'unsent' AND action IN (?, ?, ?, ?) AND cause IS NULL"
            " AND reason = ? AND settled_at >= ? ORDER BY entries.id",
            (*actions, NOT_THERE_YET, since),
        )

    def kept(self, asset_id: AssetId | None = None) -> list[Entry]:
        """Return the entries with a kept text: waiting and refused ones, oldest first."""
        return self._in_states(KEPT, asset_id)

    def unfinished_transfers(self, asset_id: AssetId | None = None) -> list[Entry]:
        """Return transfers that have not ended, as far as anybody knows, oldest first."""
        tail = "WHERE action = ? AND (state = ? OR (state = ? AND reason = ?))"
        values: list[object] = [Action.TRANSFER, State.UNKNOWN, State.APPLIED, MOVING]
        if asset_id is not None:
            tail += " AND asset_id = ?"
            values.append(asset_id)
        return self._entries(f"{tail} ORDER BY entries.id", values)

    def entries_about(self, asset_id: AssetId, *, limit: int) -> list[Entry]:
        """Return what was done with an asset, whatever became of it, newest first."""
        return self._entries(
            "WHERE asset_id = ? ORDER BY entries.id DESC LIMIT ?", (asset_id, limit)
        )

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

    def created_ids(self) -> frozenset[AssetId]:
        """Return the assets that were made from here, the newest thousand."""
        rows = self._file.read(
            "SELECT asset_id FROM entries WHERE action = ? AND asset_id <> ''"
            " ORDER BY id DESC LIMIT 1000",
            (Action.CREATE,),
        )
        return frozenset(AssetId(asset_id) for (asset_id,) in rows)

    def count_pending(self) -> int:
        """Return how many entries wait for the user."""
        kept = self.count_kept()
        return sum(kept.get(state, 0) for state in PENDING)

    def count_kept(self) -> dict[str, int]:
        """Return how many entries are kept, by state."""
        rows = self._file.read(
            f"SELECT state, count(*) FROM entries WHERE state IN ({KEPT_MARKS}) GROUP BY 1",  # noqa: S608 - only marks
            KEPT,
        )
        return dict(rows)

    def kept_batches(self, *, limit: int) -> list[Batch]:
        """Return the batches of which something is kept, the one that was written to last first."""
        kept = self._file.read(
            f"SELECT batch_id FROM entries WHERE state IN ({KEPT_MARKS})"  # noqa: S608 - only marks
            " GROUP BY batch_id ORDER BY max(id) DESC LIMIT ?",
            (*KEPT, limit),
        )
        numbers = [number for (number,) in kept]
        marks = ", ".join("?" * len(numbers))
        found = {each.id: each for each in self._batches(f"WHERE id IN ({marks})", tuple(numbers))}
        return [found[number] for number in numbers if number in found]

    def version(self) -> int:
        """Return a number that is another one once another process has written something."""
        number: int = self._file.read("PRAGMA data_version")[0][0]
        return number

    def batch(self, batch_id: int) -> Batch | None:
        """Return a batch; None when there is no such number."""
        found = self._batches("WHERE id = ?", (batch_id,))
        return found[0] if found else None

    def batches(self, *, limit: int, offset: int = 0, tries: bool = True) -> list[Batch]:
        """Return batches, newest first; with those of a mount's tries that a later one replaced.

        Args:
            limit: How many.
            offset: How many of the newest to pass over.
            tries: Return those as well.
        """
        where = "" if tries else f"WHERE NOT ({REPLACED_TRY}) "
        return self._batches(f"{where}ORDER BY id DESC LIMIT ? OFFSET ?", (limit, offset))

    def count_batches(self, *, since: int = 0, tries: bool = True) -> int:
        """Return how many batches there are from a number on, by the same rule."""
        where = "" if tries else f" AND NOT ({REPLACED_TRY})"
        query = f"SELECT count(*) FROM batches WHERE id >= ?{where}"  # noqa: S608 - a constant
        count: int = self._file.read(query, (since,))[0][0]
        return count

    def find_undoable(self) -> Batch | None:
        """Return the newest batch that did something and was not undone; None if there is none.

        Here and below, what an undo has found its asset gone of is passed over.
        """
        return self._find_batch((Purpose.DO, Purpose.REDO))

    def find_reversible(self, *, before: int | None = None) -> Batch | None:
        """Return the newest one of them that something can take back.

        That is no delete, create or transfer, and nothing of an asset that was deleted from here.

        Args:
            before: Only of batches with smaller numbers.
        """
        but = Action.DELETE, Action.CREATE, Action.TRANSFER
        return self._find_batch((Purpose.DO, Purpose.REDO), but=but, before=before)

    def find_last(self, purposes: Sequence[Purpose], *, gone: bool = False) -> Batch | None:
        """Return the newest batch that did something, or that something is left to do of.

        What was undone, given up or not needed is passed over, and so is an undo that left all
        alone, unless something was done between it and the undo before it.

        Args:
            purposes: Why it was made.
            gone: Also where an undo found all that is left of its assets gone.
        """
        marks = ", ".join("?" * len(purposes))
        undos = Purpose.UNDO in purposes
        found = self._batches(
            f"WHERE purpose IN ({marks}) AND EXISTS (SELECT 1 FROM entries"  # noqa: S608 - only marks
            f" WHERE batch_id = batches.id AND undone_by IS NULL AND (? OR NOT {_FOUND_GONE}) AND"
            f" (state IN (?, {KEPT_MARKS})"
            f" OR ((? OR {_AFTER_NEWS}) AND state = ? AND NOT needless)))"
            " ORDER BY id DESC LIMIT 1",
            (*purposes, gone, State.APPLIED, *KEPT, not undos, State.SKIPPED),
        )
        return found[0] if found else None

    def find_gone(self, batch_id: int) -> list[Entry]:
        """Return what stands of a batch though an undo was tried, as that found its asset gone."""
        return self._entries(
            f"WHERE batch_id = ? AND undone_by IS NULL AND state = ? AND {_FOUND_GONE}"
            " ORDER BY entries.id",
            (batch_id, State.APPLIED),
        )

    def find_redone(self, batch_id: int) -> Batch | None:
        """Return the batch that did again what was undone of one, and stands; None if none does."""
        number = find_redoing(self._file, batch_id)
        return None if number is None else self.batch(number)

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
            f" AND NOT {_FOUND_GONE} AND NOT {_ENDED} AND action NOT IN ({others}))"
            " AND (? IS NULL OR id < ?) ORDER BY id DESC LIMIT 1",
            (*purposes, State.APPLIED, bool(but), *but, before, before),
        )
        return found[0] if found else None

    def _entries(self, tail: str, values: Sequence[object]) -> list[Entry]:
        entries, bad = build_all(self._file.read(f"{SELECT} {tail}", values))
        self._note_damage("entry", bad)
        return entries

    def _note_damage(self, what: str, numbers: Sequence[int]) -> None:
        if numbers:
            self.damage = tell_damaged_rows(self._path, what, numbers)

    def _batches(self, tail: str, values: Sequence[object]) -> list[Batch]:
        found, bad = read_batches(self._file, tail, values)
        self._note_damage("change", bad)
        return found
