"""Acts on what is in the journal: undo, redo, retry, and giving up."""

from __future__ import annotations

import msgspec

from coexplorer.errors import ApiError, Refused, UndoRefused
from coexplorer.fields import Fields, changed_fields
from coexplorer.library.bulk import Bulk, OnProgress, Stopping, never
from coexplorer.library.context import Context
from coexplorer.library.edit import Editor, build_edit_title
from coexplorer.library.entries import (
    DONE,
    GIVEN_UP,
    KEPT,
    NOT_THERE,
    UNASKED,
    Action,
    Batch,
    Draft,
    Entry,
    Purpose,
    State,
)
from coexplorer.library.judge import allow_unfit
from coexplorer.library.log import Log
from coexplorer.library.plans import Plan, PlanItem
from coexplorer.library.results import BatchReport, EditResult, read_result
from coexplorer.library.settle import settle_entries
from coexplorer.library.validate import check_fields, tidy_fields

_OPPOSITE = {Action.ARCHIVE: Action.UNARCHIVE, Action.UNARCHIVE: Action.ARCHIVE}


class History:
    """Takes back, resends or gives up what is in the journal.

    Args:
        context: What the session's modules share.
        editor: Sends one asset's change.
        bulk: Carries batches out.
        log: Reads the journal.
    """

    def __init__(self, context: Context, editor: Editor, bulk: Bulk, log: Log) -> None:
        self._context = context
        self._editor = editor
        self._bulk = bulk
        self._log = log

    async def settle(self) -> list[Entry]:
        """See `Changes.settle`."""
        pending = await self._context.run(self._context.journal.pending)
        return await settle_entries(self._context, pending)

    async def settle_batch(self, batch_id: int) -> None:
        """See `Changes.settle_batch`."""
        entries = await self._context.run(self._context.journal.entries_of, batch_id)
        await settle_entries(self._context, entries)

    async def retry(self, entry_id: int) -> EditResult:
        """See `Changes.retry`."""
        entry = await self._kept(entry_id)
        if entry.state is State.UNKNOWN:
            await settle_entries(self._context, [entry])
            settled = await self._context.run(self._context.journal.entry, entry_id)
            if settled is not None and settled.state is State.APPLIED:
                return read_result(settled)
        if entry.action is Action.CREATE:
            raise Refused(
                "a creation can't be sent again from the log: its keys were never kept",
                hint="create the asset again",
            )
        batch = await self._context.run(self._context.journal.batch, entry.batch_id)
        purpose = batch.purpose if batch else Purpose.DO
        if not await self._context.write_down(self._context.journal.claim, [entry_id]):
            raise _not_waiting(entry_id)
        # What waited for nothing waits for nothing again, where its user stops this.
        cut_off = State.STOPPED if entry.state in UNASKED else State.UNSENT
        return await self._editor.carry_out(allow_unfit(entry), purpose, cut_off=cut_off)

    async def amend(self, entry_id: int, base: Fields, mine: Fields, *, check: bool) -> bool:
        """See `Changes.amend`."""
        mine = tidy_fields(mine, base)
        changed = changed_fields(base, mine)
        if check:
            check_fields(mine, only=changed, known=(base,))
        title = build_edit_title(changed, base)
        return await self._context.write_down(
            self._context.journal.amend, entry_id, base, mine, title
        )

    async def discard(self, entry_id: int) -> Entry:
        """See `Changes.discard`."""
        entry = await self._kept(entry_id)
        if entry.state is State.UNKNOWN:
            await self._ask_before_discard([entry])
            settled = await self._context.run(self._context.journal.entry, entry_id)
            if settled is not None and settled.state in DONE:
                return settled
        if not await self._context.write_down(self._context.journal.discard, entry_id):
            raise _not_waiting(entry_id)
        return await self._context.run(self._context.journal.entry, entry_id) or entry

    async def discard_batch(self, batch_id: int) -> int:
        """See `Changes.discard_batch`."""
        entries = await self._context.run(self._context.journal.entries_of, batch_id)
        await self._ask_before_discard(entries)
        return await self._context.write_down(self._context.journal.discard_batch, batch_id)

    async def _ask_before_discard(self, entries: list[Entry]) -> None:
        """Ask what arrived of entries: only what did not can be given up.

        Raises:
            ApiError: Nobody can tell.
        """
        try:
            await settle_entries(self._context, entries)
        except ApiError as error:
            error.hint = (
                "it may have arrived, so it was not given up:"
                " do the same again when the platform answers"
            )
            raise

    async def plan_undo(self, batch_id: int) -> Plan:
        """See `Changes.plan_undo`."""
        batch = await self._log.batch(batch_id)
        await self._find_out(batch)
        drafts = await self._plan_reversal(batch)
        purpose = find_opposite(batch)
        return Plan(build_reversal_title(batch, purpose), tuple(map(_plan_draft, drafts)))

    async def undo(
        self,
        batch_id: int | None,
        progress: OnProgress | None,
        stopping: Stopping = never,
    ) -> BatchReport:
        """See `Changes.undo`."""
        await self._log.ensure_journal()
        last = self._find_last(Purpose.UNDO) if batch_id is None else self._log.batch(batch_id)
        batch = await last
        try:
            return await self._reverse(batch, progress, stopping)
        except UndoRefused as error:
            # Nobody asked for an older change: it is named, not taken back.
            older = await self._log.undoable(before=batch.id)
            if batch_id is not None or older is None:
                raise
            hint = f"the last change that can be is number {older.id} of the log: {older.title}"
            raise UndoRefused(error.message, hint=hint) from None

    async def _find_last(self, purpose: Purpose) -> Batch:
        """Return what a plain undo or redo takes back: the last change or undo.

        Of what was not sent yet that is to give it up.

        Args:
            purpose: Undo or redo.

        Raises:
            UndoRefused: There is none; or it did not go through, and an older one was not asked
                for.
        """
        is_undo = purpose is Purpose.UNDO
        last = await self._log.last(purpose)
        if last is None:
            hint = "the log shows what was done here" if is_undo else "redo takes back an undo"
            raise UndoRefused(f"there is nothing to {purpose}", hint=hint)
        waits = (State.UNSENT, State.STOPPED, State.UNKNOWN)
        if last.standing or any(last.counts.get(state) for state in waits):
            return last
        hints = [f"give it up: coexplorer undo {last.id}"] if last.kept else []
        older = await self._log.undoable(before=last.id) if is_undo else await self._log.redoable()
        what = "change" if is_undo else "undo"
        if older is not None:
            hints.append(f"the {what} before it: coexplorer undo {older.id} ({older.title})")
        raise UndoRefused(
            f"the last {what}, number {last.id} ({last.title}), did not go through:"
            f" {last.outcome}; there is nothing of it to {purpose}",
            hint="; ".join(hints),
        )

    async def redo(self, progress: OnProgress | None) -> BatchReport:
        """See `Changes.redo`."""
        await self._log.ensure_journal()
        return await self._reverse(await self._find_last(Purpose.REDO), progress)

    async def _reverse(
        self, batch: Batch, progress: OnProgress | None, stopping: Stopping = never
    ) -> BatchReport:
        await self._find_out(batch)
        drafts = await self._plan_reversal(batch)
        purpose = find_opposite(batch)
        return await self._bulk.start(
            drafts,
            build_reversal_title(batch, purpose),
            progress,
            purpose=purpose,
            takes_back=batch.id,
            stopping=stopping,
        )

    async def _find_out(self, batch: Batch) -> None:
        """Ask what arrived of a batch, and of earlier tries to take it back.

        Raises:
            ApiError: Nobody can tell, so nothing may be taken back.
        """
        journal = self._context.journal
        await self._context.run(journal.recover)
        lost = await self._context.run(journal.reversals_of, batch.id)
        if batch.counts.get(State.UNKNOWN):
            lost += await self._context.run(journal.entries_of, batch.id)
        try:
            await settle_entries(self._context, lost)
        except ApiError as error:
            error.hint = (
                f"nobody knows yet whether change {batch.id} arrived, so nothing was taken back:"
                " do the same again when the platform answers"
            )
            raise

    async def _plan_reversal(self, batch: Batch) -> list[Draft]:
        """Return what takes a batch back, the last first: what was done and what is kept of it.

        Raises:
            UndoRefused: There is nothing of the kind, or it can't be taken back.
        """
        entries = await self._context.run(self._context.journal.entries_of, batch.id)
        drafts = []
        for entry in reversed(entries):
            if entry.state is State.APPLIED and entry.undone_by is None:
                drafts.append(build_reversal(entry))
            elif entry.state in NOT_THERE:
                left = await self._context.run(self._context.journal.leave_to_later, entry)
                drafts.append(build_withdrawal(entry, left))
        if not drafts:
            raise UndoRefused(
                f"nothing of {batch.title!r} is left to undo",
                hint="it was undone already, or nothing of it was sent",
            )
        names = await self._context.names(list({draft.asset_id for draft in drafts}))
        return [
            msgspec.structs.replace(draft, asset_name=names.get(draft.asset_id, draft.asset_name))
            for draft in drafts
        ]

    async def _kept(self, entry_id: int) -> Entry:
        entry = await self._context.run(self._context.journal.entry, entry_id)
        if entry is None or entry.state not in KEPT:
            raise _not_waiting(entry_id)
        return entry


def _not_waiting(entry_id: int) -> Refused:
    return Refused(
        f"entry {entry_id} is not waiting for anything", hint="the log lists what waits first"
    )


def find_opposite(batch: Batch) -> Purpose:
    """Return the purpose of reversing a batch: an undo is redone, anything else undone."""
    return Purpose.REDO if batch.purpose is Purpose.UNDO else Purpose.UNDO


def _plan_draft(draft: Draft) -> PlanItem:
    """Return what a draft would do, to show it first."""
    unchanged = Fields(draft.asset_name)
    base, mine = draft.base or unchanged, draft.mine or unchanged
    return PlanItem(draft.asset_id, draft.asset_name, draft.action, base, mine)


def build_reversal_title(batch: Batch, purpose: Purpose) -> str:
    """Return ``undo: add tag rna``, or ``redo: …``, named after the original change."""
    title = batch.title
    while batch.purpose is not Purpose.DO and title.startswith(("undo: ", "redo: ")):
        title = title[len("undo: ") :]
    return f"{purpose}: {title}"


def build_reversal(entry: Entry) -> Draft:
    """Return the draft that reverses an applied entry.

    Raises:
        UndoRefused: It was a delete or a create.
    """
    if entry.action is Action.DELETE:
        raise UndoRefused(f"deleting {entry.asset_name} can't be undone", hint="nothing was sent")
    if entry.action is Action.CREATE:
        raise UndoRefused(
            f"creating {entry.asset_name} can't be undone",
            hint="to remove the asset, archive it and then delete it",
        )
    # What only gave up an unsent change has sent nothing: it says itself what it was.
    return Draft(
        asset_id=entry.asset_id,
        asset_name=entry.asset_name,
        action=_OPPOSITE.get(entry.action, Action.EDIT),
        base=entry.after or entry.mine,
        mine=entry.before or entry.base,
        base_metadata=entry.metadata,
        metadata=entry.base_metadata,
        reverses=entry.id,
    )


def build_withdrawal(entry: Entry, left: Entry | None) -> Draft:
    """Return the draft that gives up an entry that was not sent: done once it is written down.

    A redo of it asks for the same again, but for no delete or create. Where the entry was itself to
    take something back, that stands again, and there is nothing to redo.

    Args:
        entry: The entry.
        left: What of it no later change asks for otherwise; None: nothing.
    """
    again = entry.reverses is None and entry.action not in (Action.DELETE, Action.CREATE)
    if left is None:
        again, left = False, msgspec.structs.replace(entry, mine=entry.base)
    return Draft(
        asset_id=entry.asset_id,
        asset_name=entry.asset_name,
        action=_OPPOSITE.get(entry.action, entry.action),
        base=left.mine,
        mine=left.base,
        base_metadata=left.metadata,
        metadata=left.base_metadata,
        state=State.APPLIED if again else State.UNCHANGED,
        reason=GIVEN_UP,
        reverses=entry.id,
    )
