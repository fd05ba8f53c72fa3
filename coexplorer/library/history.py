"""Acts on what is in the journal: undo, redo, retry, and giving up."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Collection, Sequence

import anyio
import msgspec

from coexplorer.errors import (
    ApiError,
    CoexplorerError,
    EditConflict,
    JournalError,
    NotFound,
    NotThere,
    Refused,
    StillSending,
    UndoRefused,
)
from coexplorer.fields import Fields, changed_fields
from coexplorer.library.asset_checks import allow_unfit
from coexplorer.library.attach_plans import may_attach
from coexplorer.library.attachments import split_loads, workplace_of
from coexplorer.library.attempt import Attempt
from coexplorer.library.bulk import Bulk, OnProgress, Stopping, never
from coexplorer.library.context import Context
from coexplorer.library.edit import Editor, build_edit_title
from coexplorer.library.entries import (
    ATTACHING,
    DONE,
    KEPT,
    MAY_COME,
    UNASKED,
    Action,
    Batch,
    Entry,
    Purpose,
    State,
    is_written_out,
)
from coexplorer.library.log import Log
from coexplorer.library.plans import Plan
from coexplorer.library.reconcile import Reconciler
from coexplorer.library.refusals import concerns_all
from coexplorer.library.rehearsal import Rehearsal
from coexplorer.library.results import BatchReport, EditResult, read_result
from coexplorer.library.reversal import (
    Reversal,
    build_drafts,
    build_reversal_title,
    find_opposite,
    keep_to_plan,
)
from coexplorer.library.settle import settle_entries, tell_may_come
from coexplorer.library.validate import tidy_fields
from coexplorer.written import NOT_UTF8

_LOOKED_FOR_AGAIN = 3
"""So many assets that an undo found gone are looked for again by the next one."""


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
        self._rehearsal = Rehearsal(context)
        self._reconciler = Reconciler(context)

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
            settled = await self._find_settled(entry)
            if settled is not None:
                return read_result(settled)
        if entry.action is not Action.CREATE and not entry.asset_id:
            await self.settle_batch(entry.batch_id)  # finds out whether its asset was made
            now = await self._context.run(self._context.journal.entry, entry_id)
            entry = now or entry
            if entry.state is State.SKIPPED:
                return read_result(entry)
            entry = await self._kept(entry_id)
            if not entry.asset_id:
                raise ApiError(f"its asset is not there yet: {MAY_COME}", hint=entry.hint)
        if entry.action is Action.CREATE:
            raise Refused(
                "a create can't be sent again from the log, which does not keep what it is made"
                " from",
                hint="create the asset again",
            )
        if is_written_out(entry):
            raise Refused(
                f"its text is {NOT_UTF8}, and so can't be sent as it is",
                hint=f"save it again as UTF-8, or give it up: coexplorer discard {entry_id}",
            )
        batch = await self._context.run(self._context.journal.batch, entry.batch_id)
        purpose = batch.purpose if batch else Purpose.DO
        if not await self._context.write_down(self._context.journal.claim, [entry_id]):
            raise _not_waiting(entry_id)
        # What waited for nothing waits for nothing again, where its user stops this.
        cut_off = State.STOPPED if entry.state in UNASKED else State.UNSENT
        return await self._editor.carry_out(allow_unfit(entry), purpose, cut_off=cut_off)

    async def _find_settled(self, entry: Entry) -> Entry | None:
        """Return what is not sent again after a look at what was unknown; None: it may be.

        Raises:
            ApiError: It is a create that may still arrive.
        """
        settled = await self._context.run(self._context.journal.entry, entry.id)
        if settled is None or settled.state is State.APPLIED:
            return settled
        if settled.action is Action.CREATE and settled.state is State.UNKNOWN:
            raise tell_may_come(settled)
        # A transfer may be under way; and what a create takes is in no log.
        return settled if settled.action in (Action.TRANSFER, Action.CREATE) else None

    async def retry_attaching(self, entries: Sequence[Entry]) -> list[EditResult]:
        """See `Changes.retry_attaching`."""
        journal = self._context.journal
        await settle_entries(self._context, entries)
        results: list[EditResult] = []
        numbers = [entry.id for entry in entries]
        claimed = set(await self._context.write_down(journal.claim, numbers))
        todo: dict[int, list[Entry]] = {}
        for entry in entries:
            now = await self._context.run(journal.entry, entry.id)
            if now is not None and entry.id in claimed:
                todo.setdefault(now.batch_id, []).append(now)
            elif now is not None and now.state in DONE:
                results.append(read_result(now))
        hopeless: CoexplorerError | None = None
        named = any(entry.state in UNASKED for entry in entries)
        cut_off = State.STOPPED if named else State.UNSENT
        loads = [(batch, load) for batch, group in todo.items() for load in split_loads(group)]
        try:
            for batch_id, load in loads:
                if hopeless is None:
                    batch = await self._context.run(journal.batch, batch_id)
                    purpose = batch.purpose if batch else Purpose.DO
                    done = await self._editor.attach(load, purpose, cut_off=cut_off)
                    errors = [each.error for each in done if each.error is not None]
                    hopeless = next(filter(concerns_all, errors), None)
                    results += done
        finally:
            for batch_id in todo:
                with anyio.CancelScope(shield=True), contextlib.suppress(JournalError):
                    abandon = journal.abandon_batch
                    await self._context.write_down(abandon, batch_id, hopeless, stopped=named)
        return results

    async def amend(self, entry_id: int, base: Fields, mine: Fields, *, check: bool) -> bool:
        """See `Changes.amend`."""
        mine = tidy_fields(mine, base)
        changed = changed_fields(base, mine)
        if check:
            await self._editor.check(base, mine, changed)
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
            if settled is not None and settled.is_awaited:
                raise tell_may_come(settled)
        if not await self._context.write_down(self._context.journal.discard, entry_id):
            raise _not_waiting(entry_id)
        return await self._context.run(self._context.journal.entry, entry_id) or entry

    async def find_conflict(self, entry_id: int) -> EditConflict | None:
        """See `Changes.find_conflict`."""
        entry = await self._kept(entry_id)
        if entry.action is not Action.EDIT or entry.base is None:
            return None
        theirs = (await self._context.fetch(entry.asset_id)).asset
        attempt = Attempt(entry, Purpose.DO, archived=None)
        found = await self._reconciler.reconcile(attempt, entry.base, theirs)
        return found.tell_conflict(entry, theirs) if found.conflicts else None

    async def discard_batch(self, batch_id: int, only: Collection[int] | None = None) -> int:
        """See `Changes.discard_batch`."""
        entries = await self._context.run(self._context.journal.entries_of, batch_id)
        chosen = [entry for entry in entries if only is None or entry.id in only]
        await self._ask_before_discard(chosen)
        numbers = [entry.id for entry in chosen]
        return await self._context.write_down(self._context.journal.discard_all, numbers)

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

    async def plan_undo(
        self,
        batch_id: int | None,
        purpose: Purpose,
        heard: Callable[[int], None] | None = None,
        *,
        look: bool,
    ) -> Plan:
        """See `Changes.plan_undo`."""
        reversal = await self._prepare(batch_id, purpose)
        return await self._rehearsal.plan(reversal, heard, look=look)

    async def undo(
        self,
        batch_id: int | None,
        progress: OnProgress | None,
        stopping: Stopping = never,
        shown: Plan | None = None,
    ) -> BatchReport:
        """See `Changes.undo`."""
        reversal = await self._prepare(batch_id)
        if shown is not None:
            reversal = keep_to_plan(reversal, shown.drafts)
        return await self._carry_out(reversal, progress, stopping)

    async def redo(self, progress: OnProgress | None) -> BatchReport:
        """See `Changes.redo`."""
        return await self._carry_out(await self._prepare(None, Purpose.REDO), progress)

    async def _carry_out(
        self, reversal: Reversal, progress: OnProgress | None, stopping: Stopping = never
    ) -> BatchReport:
        report = await self._bulk.start(
            reversal.drafts,
            reversal.title,
            progress,
            purpose=reversal.purpose,
            takes_back=reversal.batch.id,
            into=reversal.into,
            stopping=stopping,
        )
        return msgspec.structs.replace(report, notes=reversal.notes)

    async def _prepare(self, batch_id: int | None, purpose: Purpose = Purpose.UNDO) -> Reversal:
        """Decide what is taken back, and how.

        Args:
            batch_id: The change; None: the last one.
            purpose: Of the last one: undo or redo.

        Raises:
            ApiError: Nobody can tell what of it arrived, so nothing may be taken back.
            UndoRefused: There is nothing to take back, or it can't be.
        """
        await self._log.ensure_journal()
        if batch_id is not None:
            return await self._plan_reversal(await self._log.batch(batch_id))
        last = await self._find_last(purpose)
        try:
            return await self._plan_reversal(last)
        except StillSending:
            raise
        except UndoRefused as error:
            # Nobody asked for an older change: it is named, not taken back.
            older = await self._log.undoable(before=last.id)
            if older is None or purpose is Purpose.REDO:
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
        left = await self._log.last(purpose, gone=True)
        if left is not None and (last is None or left.id > last.id):
            if await self._is_there_again(left):
                return left
            if last is None:
                raise UndoRefused(
                    f"there is nothing to {purpose} but change {left.id} ({left.title}), and its"
                    " assets are gone from the platform, or not shared with you any more",
                    hint=f"to look again later: coexplorer undo {left.id}",
                )
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

    async def _is_there_again(self, batch: Batch) -> bool:
        """Tell whether an asset of a change that an undo found gone may be there after all."""
        gone = await self._context.run(self._context.journal.find_gone, batch.id)
        if gone and gone[0].action in ATTACHING:
            return await may_attach(self._context, workplace_of(gone[0]))
        for asset_id in list(dict.fromkeys(entry.asset_id for entry in gone))[:_LOOKED_FOR_AGAIN]:
            try:
                await self._context.look(asset_id)
            except NotFound:
                continue
            except ApiError:
                return True  # nobody can tell: the change is not passed over
            return True
        return False

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

    async def _plan_reversal(self, batch: Batch) -> Reversal:
        """Return what takes a batch back.

        Raises:
            ApiError: See `_find_out`.
            UndoRefused: There is nothing to take back, or it can't be.
        """
        await self._find_out(batch)
        run, journal = self._context.run, self._context.journal
        entries = await run(journal.entries_of, batch.id)
        try:
            drafts = await run(build_drafts, batch, entries, journal.leave_to_later)
        except UndoRefused as error:
            again = await run(journal.find_redone, batch.id)
            if again is not None:
                error.hint = (
                    f"what an undo took back of it, change {again.id} did again: coexplorer undo"
                    f" {again.id}"
                )
            raise
        names = await self._context.names(list({draft.asset_id for draft in drafts}))
        drafts = [
            msgspec.structs.replace(draft, asset_name=names.get(draft.asset_id, draft.asset_name))
            for draft in drafts
        ]
        purpose = find_opposite(batch)
        into = await run(journal.find_cut_off, batch.id, purpose)
        title = build_reversal_title(batch, purpose)
        return Reversal(batch, purpose, title, tuple(drafts), into)

    async def _kept(self, entry_id: int) -> Entry:
        entry = await self._context.run(self._context.journal.entry, entry_id)
        if entry is None:
            raise NotThere(f"there is no entry {entry_id}", hint="coexplorer log lists them")
        if entry.state not in KEPT:
            raise _not_waiting(entry_id)
        return entry


def _not_waiting(entry_id: int) -> Refused:
    return Refused(
        f"entry {entry_id} is not waiting for anything", hint="the log lists what waits first"
    )
