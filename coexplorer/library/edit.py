"""The one way to change an asset (design: catalog-and-edits.md, Changing an asset).

Write it down, read the asset again, merge (`coexplorer.library.reconcile`), write down the intent,
send, compare, write down the outcome: always in this order, whichever front end asks, for one asset
or one of a thousand. The order is the promise, so all of its steps are here.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import anyio
import anyio.lowlevel
import msgspec

from coexplorer.errors import ApiError, CoexplorerError, Conflict, JournalError, NotFound, Refused
from coexplorer.fields import Fields, changed_fields, same_value, tell_fields
from coexplorer.library.asset_checks import AssetChecks
from coexplorer.library.attach import Attacher
from coexplorer.library.attempt import (
    Attempt,
    arrived_before,
    build_contested,
    build_result,
    nothing_to_send,
    tell_cut_off,
)
from coexplorer.library.confirm import Wanted
from coexplorer.library.context import Context
from coexplorer.library.entries import ATTACHING, DONE, Action, Entry, EntryDraft, Purpose, State
from coexplorer.library.events import EditApplied, EditFailed, EditStarted
from coexplorer.library.failed_entries import FailedEntries
from coexplorer.library.locks import hold_asset
from coexplorer.library.metadata import judge_metadata, touches_metadata
from coexplorer.library.reconcile import Reconciled, Reconciler
from coexplorer.library.removal import Removal
from coexplorer.library.results import EditResult
from coexplorer.library.selection import Fit, keep_shown
from coexplorer.library.settle import judge_edit, settle_edits
from coexplorer.library.share import Sharer
from coexplorer.library.transfer import Transferer
from coexplorer.library.transfer_target import MOVING
from coexplorer.library.validate import check_fields, ensure_editable, tidy_fields
from coexplorer.models import Asset, AssetId
from coexplorer.sharing.changes import SharingChange, differ
from coexplorer.sharing.roles import Sharing

Heard: TypeAlias = Callable[[EditResult, Asset], None]
"""Hears how an edit ended and what the platform has now, before the catalog does."""

_TRIES = 4
"""Merges of one edit that may meet somebody else's change before it is given up as a conflict."""


class Editor:
    """Carries out journal entries, one asset at a time.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._checks = AssetChecks(context)
        self._failed = FailedEntries(context, self._checks)
        self._reconciler = Reconciler(context)
        removal = Removal(context, self._checks)
        self.sharer = Sharer(context, self._checks)
        self.transferer = Transferer(context, self._checks)
        self.attacher = Attacher(context)
        self._actions: Mapping[Action, Callable[[Attempt], Awaitable[EditResult]]] = {
            Action.EDIT: self._edit,
            Action.ARCHIVE: removal.archive,
            Action.UNARCHIVE: removal.archive,
            Action.DELETE: removal.delete,
            Action.SHARE: self.sharer.share,
            Action.TRANSFER: self.transferer.transfer,
        }

    async def edit(
        self,
        asset_id: AssetId,
        base: Fields,
        mine: Fields,
        *,
        fit: Fit | None = None,
        heard: Heard | None = None,
        file: str = "",
        continues: Collection[int] = (),
    ) -> EditResult:
        """See `Changes.edit`."""
        mine = tidy_fields(mine, base)
        changed = changed_fields(base, mine)
        await self.check(base, mine, changed)
        draft = EntryDraft(asset_id, base.name, Action.EDIT, base, mine, fit=fit)
        draft = msgspec.structs.replace(draft, file=file, continues=tuple(continues))
        return await self.do(draft, title=build_edit_title(changed, base), heard=heard)

    async def check(self, base: Fields, mine: Fields, changed: Sequence[str]) -> None:
        """Refuse values that must not be sent: see `check_fields`."""
        check = partial(check_fields, mine, only=changed, known=(base,))
        if touches_metadata(changed):
            await judge_metadata(self._context, lambda schema: check(schema=schema))
        else:
            check()

    async def archive(self, asset_id: AssetId, *, archived: bool) -> EditResult:
        """See `Changes.archive`."""
        action = Action.ARCHIVE if archived else Action.UNARCHIVE
        name = await self.name_of(asset_id)
        return await self.do(EntryDraft(asset_id, name, action), title=f"{action} {name}")

    async def delete(
        self, asset_id: AssetId, *, archive_first: bool, shown: Asset | None
    ) -> EditResult:
        """See `Changes.delete`."""
        if shown is None:
            record = await self._context.known(asset_id)
            shown = record.asset if record else None
        name = shown.name if shown else asset_id
        fit = keep_shown(shown) if shown else None
        delete = EntryDraft(asset_id, name, Action.DELETE, fit=fit)
        if not archive_first:
            return await self.do(delete, title=f"delete {name}")
        drafts = [EntryDraft(asset_id, name, Action.ARCHIVE, fit=fit), delete]
        try:
            return await self.do(*drafts, title=f"archive and delete {name}")
        except ApiError as error:
            if await self._has_archived(error):
                left = "" if error.outcome_unknown else ", not deleted"
                error.message += f"; it is archived now{left}"
            raise

    async def _has_archived(self, error: ApiError) -> bool:
        """Tell whether the archiving before a delete that failed was done."""
        journal = self._context.journal
        if error.entry is None:
            return False
        failed = await self._context.run(journal.entry, error.entry)
        if failed is None or failed.action is not Action.DELETE:
            return False
        first, *_ = await self._context.run(journal.entries_of, failed.batch_id)
        return first.action is Action.ARCHIVE and first.state in DONE

    async def share(self, asset_id: AssetId, before: Sharing, after: Sharing) -> EditResult:
        """See `Changes.share`."""
        name = await self.name_of(asset_id)
        had, wanted = differ(before, after)
        draft = EntryDraft(asset_id, name, Action.SHARE, roles_before={**had}, roles={**wanted})
        title = SharingChange(wanted).title or "share with nobody else"
        return await self.do(draft, title=f"{title}: {name}")

    async def do(self, *drafts: EntryDraft, title: str, heard: Heard | None = None) -> EditResult:
        """Write one asset's drafts down as a batch, carry them out, return the last result."""
        journal = self._context.journal

        def begin() -> tuple[int, list[Entry]]:
            batch, _ = journal.begin(drafts, title=title)
            return batch, journal.entries_of(batch)

        batch, entries = await self._context.write_down(begin)
        try:
            return await self.carry_out_all(entries, Purpose.DO, heard, first=True)
        except BaseException:
            with contextlib.suppress(JournalError):  # then the next start does it
                await self._context.write_down(journal.abandon_batch, batch)
            raise

    async def carry_out_all(
        self,
        entries: Sequence[Entry],
        purpose: Purpose,
        heard: Heard | None = None,
        *,
        cut_off: State = State.UNSENT,
        first: bool = False,
    ) -> EditResult:
        """Send one asset's entries in their order; return the last result.

        Args:
            entries: The entries.
            purpose: Whether they are done or taken back.
            heard: See `Changes.edit`.
            cut_off: See `carry_out`.
            first: See `carry_out`.

        Raises:
            CoexplorerError: One of them failed. Those after it are not sent: they are left out as
                well, unless it is kept unsent and they are with it.
        """
        entry, *others = entries
        archives = entry.action is Action.ARCHIVE
        try:
            result = await self.carry_out(entry, purpose, heard, cut_off=cut_off, first=first)
            for entry in others:
                # A search may take a while to find what we have archived just now.
                archived = True if archives else None
                result = await self.carry_out(
                    entry, purpose, heard, archived=archived, cut_off=cut_off, first=first
                )
        except CoexplorerError as error:
            noted = await self._context.run(self._context.journal.entry, entry.id)
            if noted is not None and noted.state in (State.SKIPPED, State.REFUSED):
                for other in others:
                    await self._failed.leave_out(other, error)
            raise
        return result

    async def attach(
        self, entries: Sequence[Entry], purpose: Purpose, *, cut_off: State, first: bool = False
    ) -> list[EditResult]:
        """Send entries that attach or detach with one request; see `Attacher.carry_out`."""
        leave = self._leaver(first=first)
        return await self.attacher.carry_out(entries, purpose, cut_off=cut_off, leave=leave)

    async def _attach_one(
        self, entry: Entry, purpose: Purpose, *, cut_off: State, first: bool
    ) -> EditResult:
        (done,) = await self.attach([entry], purpose, cut_off=cut_off, first=first)
        if done.error is not None and done.state not in (*DONE, State.SKIPPED, State.DISCARDED):
            raise done.error
        return done

    def _leaver(self, *, first: bool) -> Callable[[Entry], Entry | None]:
        """Return what tells which part of an entry is not up to a later change."""
        journal = self._context.journal
        return journal.leave_to_own if first else journal.leave_to_later

    async def carry_out(
        self,
        entry: Entry,
        purpose: Purpose,
        heard: Heard | None = None,
        *,
        archived: bool | None = None,
        cut_off: State = State.UNSENT,
        first: bool = False,
    ) -> EditResult:
        """Send one planned entry and write down what became of it.

        Args:
            entry: The entry.
            purpose: Whether it is done or taken back.
            heard: See `Changes.edit`.
            archived: Whether the asset is archived, where that is known for sure.
            cut_off: What it is if this is cancelled before it is sent.
            first: This session has just made it: no other process gives it up before it was tried.

        Raises:
            CoexplorerError: It failed; the journal says how far it got.
        """
        if entry.action in ATTACHING:
            return await self._attach_one(entry, purpose, cut_off=cut_off, first=first)
        left = await self._context.run(self._leaver(first=first), entry)
        if left is None:
            return await self._failed.leave_to_later(entry)
        entry = left
        attempt = Attempt(entry, purpose, archived=archived)
        bus = self._context.bus
        bus.publish(EditStarted(entry.id, entry.asset_id, entry.action))
        try:
            async with hold_asset(self._context.journal.folder, entry.asset_id, self._context.tell):
                result = await self._actions[entry.action](attempt)
                # From the reply to this line nothing waits, so no cancellation comes between.
                await self._context.settle(
                    entry.id,
                    result.state,
                    error=_tell_beside(result),
                    after=result.after,
                    whole=not result.skipped_fields,
                    roles=result.roles,
                )
        except CoexplorerError as failure:
            error = await self._failed.settle(attempt, failure)
            if attempt.update_catalog is not None and not isinstance(error, NotFound):
                await attempt.update_catalog()
            error.about, error.entry = entry.asset_id, entry.id
            bus.publish(EditFailed(entry.id, entry.asset_id, entry.action, error))
            if error is not failure:
                raise error from failure
            raise
        except anyio.get_cancelled_exc_class():
            state, reason = tell_cut_off(entry, cut_off, sent=attempt.sent)
            await self._context.settle(entry.id, state, error=reason)
            raise
        if heard is not None and attempt.asset is not None:
            heard(result, attempt.asset)
            await anyio.lowlevel.cancel_shielded_checkpoint()  # who was told goes first
        if attempt.update_catalog is not None:
            await attempt.update_catalog()
        bus.publish(EditApplied(entry.id, entry.asset_id, entry.action))
        return result

    async def name_of(self, asset_id: AssetId) -> str:
        """Return an asset's name for the log; its id when the catalog does not know it."""
        record = await self._context.known(asset_id)
        return record.asset.name if record else asset_id

    async def _edit(self, attempt: Attempt) -> EditResult:
        entry, context = attempt.entry, self._context
        base, mine = entry.base, entry.mine
        if base is None or mine is None:
            raise AssertionError("an edit without its fields can't be written down")
        client = await context.client()
        reads: list[Fields] = []
        for _ in range(_TRIES):
            asked = time.time()
            theirs = await context.look(entry.asset_id)
            reads.append(theirs.fields)
            read_at = anyio.current_time()
            attempt.asset, attempt.archived = theirs, None
            attempt.update_catalog = partial(context.remember, theirs, at=asked)
            await settle_edits(context, theirs)
            sent = attempt.as_sent()
            if sent is not None and judge_edit(sent, theirs) is State.APPLIED:
                return arrived_before(sent, theirs.fields)
            attempt.leave_out_others(theirs.fields)
            attempt.go_on_from_earlier(theirs.fields)
            await self._checks.ensure_fits(attempt, theirs)
            found = await self._reconciler.reconcile(attempt, base, theirs)
            base = found.base
            attempt.note_merged(arrived=found.has_nothing_to_send and not found.conflicts)
            if found.conflicts and attempt.purpose is Purpose.DO:
                raise found.tell_conflict(entry, theirs)
            if found.has_nothing_to_send:
                return await self._send_nothing(attempt, theirs.fields, found)
            if attempt.purpose is Purpose.DO:
                # What is put back was on the platform, whatever we think of it.
                check_fields(found.fields, only=found.changed, known=(theirs.fields, base))
            ensure_editable(theirs, found.changed)
            attempt.before = attempt.before or attempt.earlier or theirs.fields
            await context.write_down(
                context.journal.intend,
                entry.id,
                before=attempt.before,
                after=found.fields,
            )
            attempt.sent = True
            try:
                reply = await client.update(
                    entry.asset_id,
                    found.fields,
                    before=theirs.fields,
                    read_at=read_at,
                    seen=theirs,
                )
            except ApiError as error:
                arrived = await self._hear_no(attempt, theirs, found, error)
                if arrived is None:  # somebody was faster: read and merge again
                    continue
                reply = arrived
            wanted = Wanted(theirs, found.fields)
            if not wanted.is_shown_by(reply):
                reply = await self._checks.confirm_saved(attempt, wanted, reply)
            attempt.sent = False
            attempt.asset = reply
            attempt.update_catalog = partial(context.remember, reply)
            state = State.UNCHANGED if wanted.came_to_nothing(reply) else State.APPLIED
            return msgspec.structs.replace(
                build_result(entry, state, reply.fields.name),
                before=attempt.before,
                after=reply.fields,
                changed=changed_fields(attempt.before, reply.fields),
                skipped_fields=found.conflicts,
                left_to=tuple(found.left_to.items()),
                differs=changed_fields(found.fields, reply.fields),
                unasked=tuple(
                    name
                    for name in changed_fields(found.fields, reply.fields)
                    if same_value(theirs.fields, found.fields, name)
                ),
                became=None if wanted.is_silent_on(reply) else reply.fields,
            )
        is_changed = any(not each.same_as(reads[0]) for each in reads)
        raise build_contested("this asset", is_changed=is_changed)

    async def _hear_no(
        self, attempt: Attempt, theirs: Asset, found: Reconciled, error: ApiError
    ) -> Asset | None:
        """Judge an edit that was answered with no.

        Returns:
            What the platform has, if the edit arrived nevertheless; None: somebody was faster.

        Raises:
            ApiError: It did not go through, or nobody can tell.
        """
        if isinstance(error, Conflict):
            attempt.note_overtaken(found.fields, error)
            return None
        attempt.note(error)
        sent = msgspec.structs.replace(attempt.entry, before=theirs.fields, after=found.fields)
        attempt.sent, maybe_done = True, attempt.sent  # until the look has shown it
        arrived = await self._checks.find_arrived(sent, error)
        attempt.sent = maybe_done
        if arrived is None:
            raise error
        return arrived

    async def _send_nothing(
        self, attempt: Attempt, theirs: Fields, found: Reconciled
    ) -> EditResult:
        """Return the outcome of an edit that has nothing to send."""
        attempt.before = attempt.before or attempt.earlier
        if attempt.before is not None:  # it had arrived, and others went on from it
            journal, number = self._context.journal, attempt.entry.id
            before = attempt.before
            await self._context.write_down(journal.intend, number, before=before, after=theirs)
        return nothing_to_send(attempt, theirs, found.conflicts, found.left_to)


def _tell_beside(result: EditResult) -> CoexplorerError | None:
    """Return what is written down beside the state of a change."""
    if result.moving:
        return Refused(MOVING, hint=f"coexplorer show {result.asset_id[:8]} tells when it was done")
    return Refused(result.lacking) if result.lacking else result.error


def build_edit_title(what: Sequence[str], base: Fields) -> str:
    """Return ``edit name and tags of X``."""
    return f"edit {tell_fields(what) or 'nothing'} of {base.name}"
