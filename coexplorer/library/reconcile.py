"""What an edit comes to beside what the platform has: merged, and what of it stays as it is.

`coexplorer.library.merge` compares texts alone. Here the journal has its say: what this user asked
for before is nobody else's change, and what waits to be sent is not taken back.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import msgspec

from coexplorer.errors import EditConflict
from coexplorer.fields import Fields, changed_fields
from coexplorer.library.attempt import Attempt, build_result, nothing_to_send
from coexplorer.library.context import Context
from coexplorer.library.entries import Entry, Purpose, State
from coexplorer.library.results import EditResult
from coexplorer.library.succession import find_ours, go_on_from_ours, go_on_from_shown
from coexplorer.models import Asset


class Reconciled(msgspec.Struct, frozen=True):
    """What an edit comes to.

    Attributes:
        base: What it was merged from.
        fields: What the platform should have.
        changed: The fields that differ from what it has.
        conflicts: What was changed by others, or by this user later, and is left alone.
        left_to: Which of that this user set, with the number of the change that did.
    """

    base: Fields
    fields: Fields
    changed: tuple[str, ...]
    conflicts: tuple[str, ...]
    left_to: Mapping[str, int]

    @property
    def has_nothing_to_send(self) -> bool:
        """Whether the platform has all of it."""
        return not self.changed

    @property
    def own(self) -> tuple[int, ...]:
        """This user's changes that it conflicts with, if all that it conflicts with is theirs."""
        return tuple(self.left_to.values()) if len(self.left_to) == len(self.conflicts) else ()

    def tell_conflict(self, entry: Entry, theirs: Asset) -> EditConflict:
        """Return the error of an entry that can't be merged, with all three versions."""
        if entry.mine is None:
            raise AssertionError("an edit without its fields can't be written down")
        return EditConflict(
            entry.asset_id,
            self.conflicts,
            base=self.base,
            mine=entry.mine,
            theirs=theirs.fields,
            own=self.own,
        )


class Reconciler:
    """Brings an edit, undo or redo together with what the platform has; sends nothing.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def reconcile(
        self, attempt: Attempt, base: Fields, theirs: Asset, without: Collection[int] = ()
    ) -> Reconciled:
        """Merge an edit with what the platform has.

        Args:
            attempt: The edit.
            base: What it was made from.
            theirs: The asset as the platform has it.
            without: Entries that no longer count, as they would be given up.
        """
        mine = attempt.entry.mine
        if mine is None:
            raise AssertionError("an edit without its fields can't be written down")
        base = await self._prepare(attempt, base, theirs.fields, without)
        merged = attempt.merge(base, mine, theirs.fields)
        conflicts = merged.conflicts
        left_to = await self._find_ours(attempt, conflicts, theirs.fields) if conflicts else {}
        return Reconciled(base, merged.fields, merged.changed, conflicts, left_to)

    async def rehearse(
        self, entry: Entry, purpose: Purpose, theirs: Asset, without: Collection[int]
    ) -> EditResult:
        """Return what an undo or redo of an edit would come to.

        Args:
            entry: It, as it would be written down.
            purpose: Which of them.
            theirs: The asset as the platform has it.
            without: Entries that it would give up.
        """
        if entry.base is None:
            raise AssertionError("an edit without its fields can't be written down")
        attempt = Attempt(entry, purpose, archived=None)
        found = await self.reconcile(attempt, entry.base, theirs, without)
        if found.has_nothing_to_send:
            return nothing_to_send(attempt, theirs.fields, found.conflicts, found.left_to)
        return msgspec.structs.replace(
            build_result(entry, State.APPLIED, found.fields.name),
            before=theirs.fields,
            after=found.fields,
            changed=found.changed,
            skipped_fields=found.conflicts,
            left_to=tuple(found.left_to.items()),
        )

    async def _prepare(
        self, attempt: Attempt, base: Fields, theirs: Fields, without: Collection[int]
    ) -> Fields:
        """Return what an edit is merged from, and find out what an undo must leave alone.

        What this user asked for before it, and had arrived though the reply was lost, is no change
        by somebody else.
        """
        entry, journal = attempt.entry, self._context.journal
        base = go_on_from_shown(entry, base, theirs)
        if attempt.purpose is not Purpose.DO:
            attempt.held = await self._context.run(journal.find_held, entry, theirs, without)
            return base
        if not changed_fields(base, theirs):
            return base
        writes = await self._context.run(journal.find_writes, entry.asset_id)
        return go_on_from_ours(entry, base, theirs, writes)

    async def _find_ours(
        self, attempt: Attempt, fields: Sequence[str], theirs: Fields
    ) -> dict[str, int]:
        """Return the changes from here that have set fields as they are, by field."""
        entry = attempt.entry
        writes = await self._context.run(self._context.journal.find_writes, entry.asset_id)
        ours = find_ours(entry, fields, theirs, writes)
        return ours | {name: by.batch_id for name, by in attempt.held.items() if name in fields}
