"""The one way to change an asset (design: catalog-and-edits.md, Changing an asset).

Write it down, read the asset again, merge, write down the intent, send, compare, write down the
outcome: always in this order, whichever front end asks, for one asset or one of a thousand.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import TypeAlias

import anyio
import anyio.lowlevel
import msgspec

from coexplorer.errors import (
    ApiError,
    BadReply,
    ChangedSince,
    CoexplorerError,
    Conflict,
    EditConflict,
    JournalError,
    NoLongerFits,
    NotFound,
    NotSignedIn,
    PlatformFault,
    Refused,
)
from coexplorer.fields import FIELD_BY_NAME, Fields, changed_fields, replace_values
from coexplorer.library.context import Context
from coexplorer.library.entries import Action, Draft, Entry, Purpose, State
from coexplorer.library.events import EditApplied, EditFailed, EditStarted
from coexplorer.library.locks import hold_asset
from coexplorer.library.merge import Merged, merge_fields, merge_metadata, merge_reversal
from coexplorer.library.refusals import is_final
from coexplorer.library.results import EditResult, describe_left_alone
from coexplorer.library.selection import Fit, keep_shown, was_unfit
from coexplorer.library.settle import find_archived, settle_edits
from coexplorer.library.succession import find_ours, go_on_from_ours, go_on_from_shown
from coexplorer.library.validate import check_fields, tidy_fields
from coexplorer.models import Asset, AssetId, Membership, MetadataValue, Record

Heard: TypeAlias = Callable[[EditResult, Asset], None]
"""Hears how an edit ended and what the platform has now, before the catalog does."""

_TRIES = 4
"""Merges of one edit that may meet somebody else's change before it is given up as a conflict."""


class _Attempt:
    """One entry on its way.

    Attributes:
        sent: Whether the platform may have it: a request was sent and no reply came yet.
        answered: Whether what went wrong is the platform's answer to a write.
        before: What the platform had before the first request; None also once it is sure that
            nothing arrived.
        overtaken: What was sent, and may have arrived before somebody changed it further.
        asset: What the platform has now; None where nothing was read.
        archived: Whether the asset is archived; None: nobody has asked yet.
        held: Texts that an undo leaves alone, as later changes that wait set them otherwise.
        update_catalog: What to tell the catalog once the outcome is written down. Of an edit that
            arrives that is the platform's reply alone, not what was there before.
    """

    def __init__(self, entry: Entry, purpose: Purpose, *, archived: bool | None) -> None:
        self.entry = entry
        self.purpose = purpose
        self.archived = archived
        self.sent = False
        self.answered = False
        self.before: Fields | None = None
        self.overtaken: Fields | None = None
        self.asset: Asset | None = None
        self.held: Mapping[str, Entry] = {}
        self.update_catalog: Callable[[], Awaitable[object]] | None = None

    def note(self, error: ApiError) -> None:
        """Note how a write failed."""
        self.sent = error.outcome_unknown
        self.answered = True

    def note_overtaken(self, sent: Fields, error: Conflict) -> None:
        """Note that somebody was faster, whether or not ours had arrived before that."""
        self.sent = error.outcome_unknown
        if error.outcome_unknown or self.overtaken is not None:
            self.overtaken = sent
        else:
            self.before = None

    def leave_out_others(self, now: Fields) -> None:
        """Count what others did since the first request as there before: no undo takes it back."""
        if self.overtaken is not None and self.before is not None:
            self.before = merge_fields(self.overtaken, self.before, now).fields

    def merge(self, base: Fields, mine: Fields, theirs: Fields) -> Merged:
        """Merge as an edit, or take back as an undo."""
        if self.purpose is Purpose.DO:
            return merge_fields(base, mine, theirs, self.entry.asked)
        texts = {
            name: FIELD_BY_NAME[name].value_of(by.mine)
            for name, by in self.held.items()
            if by.mine is not None
        }
        merged = merge_reversal(base, mine, replace_values(theirs, texts))
        left = {name: FIELD_BY_NAME[name].value_of(theirs) for name in texts}
        restored = replace_values(merged.fields, left)
        return Merged(restored, merged.conflicts, changed_fields(theirs, restored))


class Editor:
    """Carries out journal entries, one asset at a time.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._actions: Mapping[Action, Callable[[_Attempt], Awaitable[EditResult]]] = {
            Action.EDIT: self._edit,
            Action.ARCHIVE: self._archive,
            Action.UNARCHIVE: self._archive,
            Action.DELETE: self._delete,
        }

    async def edit(
        self,
        asset_id: AssetId,
        base: Fields,
        mine: Fields,
        *,
        base_metadata: Mapping[str, MetadataValue] | None = None,
        metadata: Mapping[str, MetadataValue] | None = None,
        fit: Fit | None = None,
        heard: Heard | None = None,
    ) -> EditResult:
        """See `Library.edit`."""
        mine = tidy_fields(mine, base)
        changed = changed_fields(base, mine)
        check_fields(mine, only=changed, known=(base,))
        draft = Draft(asset_id, base.name, Action.EDIT, base, mine, fit=fit)
        if metadata is not None:
            draft = msgspec.structs.replace(
                draft, base_metadata=dict(base_metadata or {}), metadata=dict(metadata)
            )
        what = [*changed, *(["custom metadata"] if metadata is not None else [])]
        return await self.do(draft, title=build_edit_title(what, base), heard=heard)

    async def keep(
        self, asset_id: AssetId, base: Fields, mine: Fields, error: CoexplorerError
    ) -> int:
        """See `Library.keep`."""
        draft = Draft(asset_id, base.name, Action.EDIT, base, mine)
        state = failed_state(error, sent=False)
        if isinstance(error, Refused):
            state = State.REFUSED  # our own guard: nothing may send it unasked
        draft = msgspec.structs.replace(draft, state=state, reason=error.message, hint=error.hint)
        title = build_edit_title(changed_fields(base, mine), base)
        begin = self._context.journal.begin
        _, numbers = await self._context.write_down(begin, [draft], title=title)
        return numbers[0]

    async def archive(self, asset_id: AssetId, *, archived: bool) -> EditResult:
        """See `Library.archive`."""
        action = Action.ARCHIVE if archived else Action.UNARCHIVE
        name = await self.name_of(asset_id)
        return await self.do(Draft(asset_id, name, action), title=f"{action} {name}")

    async def delete(
        self, asset_id: AssetId, *, archive_first: bool, shown: Asset | None
    ) -> EditResult:
        """See `Library.delete`."""
        if shown is None:
            record = await self._context.known(asset_id)
            shown = record.asset if record else None
        name = shown.name if shown else asset_id
        fit = keep_shown(shown) if shown else None
        delete = Draft(asset_id, name, Action.DELETE, fit=fit)
        if not archive_first:
            return await self.do(delete, title=f"delete {name}")
        drafts = [Draft(asset_id, name, Action.ARCHIVE, fit=fit), delete]
        return await self.do(*drafts, title=f"archive and delete {name}")

    async def do(self, *drafts: Draft, title: str, heard: Heard | None = None) -> EditResult:
        """Write one asset's drafts down as a batch, carry them out, return the last result."""
        journal = self._context.journal

        def begin() -> tuple[int, list[Entry]]:
            batch, _ = journal.begin(drafts, title=title)
            return batch, journal.entries_of(batch)

        batch, entries = await self._context.write_down(begin)
        try:
            return await self.carry_out_all(entries, Purpose.DO, heard)
        except BaseException:
            with contextlib.suppress(JournalError):  # then the next start does it
                await self._context.write_down(journal.abandon_batch, batch)
            raise

    async def carry_out_all(
        self, entries: Sequence[Entry], purpose: Purpose, heard: Heard | None = None
    ) -> EditResult:
        """Send one asset's entries in their order; return the last result.

        Raises:
            CoexplorerError: One of them failed. Those after it are not sent: they are left out as
                well, unless it is kept unsent and they are with it.
        """
        first, *others = entries
        try:
            result = await self.carry_out(first, purpose, heard)
            for entry in others:
                # A search may take a while to find what we have archived just now.
                archived = True if first.action is Action.ARCHIVE else None
                result = await self.carry_out(entry, purpose, heard, archived=archived)
        except CoexplorerError as error:
            if failed_state(error, sent=False) in (State.SKIPPED, State.REFUSED):
                for entry in others:
                    await self._leave_out(entry, error)
            raise
        return result

    async def carry_out(
        self,
        entry: Entry,
        purpose: Purpose,
        heard: Heard | None = None,
        *,
        archived: bool | None = None,
    ) -> EditResult:
        """Send one planned entry and write down what became of it.

        Args:
            entry: The entry.
            purpose: Whether it is done or taken back.
            heard: See `Library.edit`.
            archived: Whether the asset is archived, where that is known for sure.

        Raises:
            CoexplorerError: It failed; the journal says how far it got.
        """
        left = await self._context.run(self._context.journal.leave_to_later, entry)
        if left is None:
            return await self._leave_to_later(entry)
        entry = left
        attempt = _Attempt(entry, purpose, archived=archived)
        bus = self._context.bus
        bus.publish(EditStarted(entry.id, entry.asset_id, entry.action))
        try:
            async with hold_asset(self._context.journal.folder, entry.asset_id, self._context.tell):
                result = await self._actions[entry.action](attempt)
                # From the reply to this line nothing waits, so no cancellation comes between.
                await self._context.settle(
                    entry.id,
                    result.state,
                    error=result.error,
                    after=result.after,
                    whole=not result.skipped_fields,
                )
        except CoexplorerError as failure:
            error = await self._settle_failure(attempt, failure)
            if attempt.update_catalog is not None and not isinstance(error, NotFound):
                await attempt.update_catalog()
            error.about = entry.asset_id
            bus.publish(EditFailed(entry.id, entry.asset_id, entry.action, error))
            if error is not failure:
                raise error from failure
            raise
        except anyio.get_cancelled_exc_class():
            state = State.UNKNOWN if attempt.sent else State.UNSENT
            reason = Refused("it was interrupted", hint="look at the log; retry or discard it")
            await self._context.settle(entry.id, state, error=reason)
            raise
        if heard is not None and attempt.asset is not None:
            heard(result, attempt.asset)
            await anyio.lowlevel.cancel_shielded_checkpoint()  # who was told goes first
        if attempt.update_catalog is not None:
            await attempt.update_catalog()
        bus.publish(EditApplied(entry.id, entry.asset_id, entry.action))
        return result

    async def _settle_failure(self, attempt: _Attempt, failure: CoexplorerError) -> CoexplorerError:
        """Write down that an entry failed; return why, as far as a second look knows better."""
        entry, error = attempt.entry, failure
        if attempt.answered:
            error = await self._confirm_gone(entry.asset_id, failure)
        state = failed_state(error, sent=attempt.sent)
        if state is State.SKIPPED and isinstance(error, NoLongerFits) and _keeps_text(entry):
            state, error = State.REFUSED, _keep_unfit(entry, error)
        gone = isinstance(error, NotFound) and entry.reverses is not None
        if gone:
            # Nothing is left to take back: the next undo must not stop at it again.
            state = State.SKIPPED
        await self._context.settle(entry.id, state, error=error, gone=gone)
        return error

    async def _leave_out(self, entry: Entry, error: CoexplorerError) -> None:
        """Note why an entry is not sent, unless something became of it already."""
        noted = await self._context.run(self._context.journal.entry, entry.id)
        if noted is not None and noted.state is State.PLANNED:
            await self._context.settle(entry.id, State.SKIPPED, error=error)

    async def _leave_to_later(self, entry: Entry) -> EditResult:
        """Give up a change that waited, as all of it was asked for otherwise since."""
        error = Refused("a later change to this asset replaced it")
        await self._context.settle(entry.id, State.DISCARDED, error=error)
        self._context.bus.publish(EditFailed(entry.id, entry.asset_id, entry.action, error))
        return msgspec.structs.replace(_result(entry, State.DISCARDED), error=error)

    async def _confirm_gone(self, asset_id: AssetId, error: CoexplorerError) -> CoexplorerError:
        """Ask once more for an asset that a write did not find; return what is true of it then.

        A balancer or a router in between answers 404, too, and then the change could still go
        through.
        """
        if not isinstance(error, NotFound):
            return error
        try:
            await self._context.look(asset_id)
        except CoexplorerError as confirmed:
            return error if isinstance(confirmed, NotFound) else confirmed
        return PlatformFault(
            "the platform shows this asset, but says that it does not exist",
            hint="try again in a while; if this goes on, you can probably read this asset"
            " but not change it",
            status=error.status,
        )

    async def _is_gone(self, asset_id: AssetId) -> bool:
        """Tell whether the platform says that there is no such asset."""
        try:
            await self._context.look(asset_id)
        except ApiError as error:
            return isinstance(error, NotFound)
        return False

    async def _is_archived(self, asset: Asset) -> bool | None:
        """Ask the platform again whether an asset is archived; None: it does not say."""
        try:
            return await find_archived(await self._context.client(), asset)
        except ApiError:
            return None

    async def name_of(self, asset_id: AssetId) -> str:
        """Return an asset's name for the log; its id when the catalog does not know it."""
        record = await self._context.known(asset_id)
        return record.asset.name if record else asset_id

    async def _ensure_fits(self, attempt: _Attempt, asset: Asset) -> None:
        """Judge an asset that was just read by what it was selected by.

        Raises:
            NoLongerFits: It has changed since.
            ChangedSince: It is to be deleted, and is not as it was shown.
        """
        entry = attempt.entry
        if entry.fit is not None and attempt.purpose is Purpose.DO and attempt.before is None:
            known = await self._context.known(asset.id)
            membership = Membership() if known is None else known.membership
            if entry.fit.depends_on_archived:
                archived = await self._find_archived(attempt, asset)
                membership = msgspec.structs.replace(membership, archived=archived)
            entry.fit.ensure(Record(asset, membership), entry.base)
        if entry.action is Action.DELETE and (entry.fit is None or entry.fit.shown is None):
            _ensure_as_noted(entry, asset)

    async def _judge_again(self, attempt: _Attempt, asset: Asset, maybe_done: bool) -> None:  # noqa: FBT001 # a `Judge`
        """Judge an asset that was read once more, right before an archive or delete is repeated."""
        attempt.archived = None
        try:
            await self._ensure_fits(attempt, asset)
        except Refused:
            # What is still there was not deleted; only a search tells whether it was archived.
            attempt.sent = maybe_done and attempt.entry.action is not Action.DELETE
            attempt.update_catalog = partial(self._context.remember, asset)
            raise

    async def _find_archived(self, attempt: _Attempt, asset: Asset) -> bool:
        """Ask the platform whether an asset is archived, once in an attempt: a search tells."""
        if attempt.archived is None:
            asked = time.time()
            attempt.archived = await find_archived(await self._context.client(), asset)
            marks = Membership(archived=attempt.archived)
            attempt.update_catalog = partial(self._context.remember, asset, marks, at=asked)
        return attempt.archived

    # --- The actions

    async def _edit(self, attempt: _Attempt) -> EditResult:
        entry, context = attempt.entry, self._context
        base, mine = entry.base, entry.mine
        if base is None or mine is None:
            raise AssertionError("an edit without its fields can't be written down")
        client = await context.client()
        for _ in range(_TRIES):
            asked = time.time()
            theirs = await context.look(entry.asset_id)
            read_at = anyio.current_time()
            attempt.asset, attempt.archived = theirs, None
            attempt.update_catalog = partial(context.remember, theirs, at=asked)
            await settle_edits(context, theirs)
            attempt.leave_out_others(theirs.fields)
            await self._ensure_fits(attempt, theirs)
            base = await self._prepare(attempt, base, theirs.fields)
            merged = attempt.merge(base, mine, theirs.fields)
            metadata, keys = _merge_metadata(entry, theirs)
            conflicts = (*merged.conflicts, *keys)
            left_to = await self._find_ours(attempt, conflicts, theirs.fields) if conflicts else {}
            if conflicts and attempt.purpose is Purpose.DO:
                raise EditConflict(
                    entry.asset_id,
                    conflicts,
                    base=base,
                    mine=mine,
                    theirs=theirs.fields,
                    own=tuple(left_to.values()) if len(left_to) == len(conflicts) else (),
                )
            if not merged.changed and metadata is None:
                return await self._send_nothing(attempt, theirs.fields, conflicts, left_to)
            if attempt.purpose is Purpose.DO:
                # What is put back was on the platform, whatever we think of it.
                check_fields(
                    merged.fields,
                    only=merged.changed,
                    known=(theirs.fields, base),
                )
            attempt.before = attempt.before or theirs.fields
            await context.write_down(
                context.journal.intend,
                entry.id,
                before=attempt.before,
                after=merged.fields,
                base_metadata=None if metadata is None else theirs.custom_metadata,
                metadata=metadata,
            )
            attempt.sent = True
            try:
                reply = await client.update(
                    entry.asset_id,
                    merged.fields,
                    before=theirs.fields,
                    custom_metadata=metadata,
                    metadata_before=None if metadata is None else theirs.custom_metadata,
                    read_at=read_at,
                )
            except Conflict as error:  # somebody was faster: read and merge again
                attempt.note_overtaken(merged.fields, error)
                continue
            except ApiError as error:
                attempt.note(error)
                raise
            attempt.sent = False
            attempt.asset = reply
            attempt.update_catalog = partial(context.remember, reply)
            return msgspec.structs.replace(
                _result(entry, State.APPLIED, reply.fields.name),
                before=attempt.before,
                after=reply.fields,
                changed=changed_fields(attempt.before, reply.fields),
                skipped_fields=conflicts,
                left_to=tuple(left_to.items()),
                differs=changed_fields(merged.fields, reply.fields),
            )
        raise Conflict(
            "others keep changing this asset, so the edit could not be merged",
            hint="wait a moment, then retry it",
        )

    async def _prepare(self, attempt: _Attempt, base: Fields, theirs: Fields) -> Fields:
        """Return what an edit is merged from, and find out what an undo must leave alone.

        What this user asked for before it, and had arrived though the reply was lost, is no change
        by somebody else.
        """
        entry, journal = attempt.entry, self._context.journal
        base = go_on_from_shown(entry, base, theirs)
        if attempt.purpose is not Purpose.DO:
            attempt.held = await self._context.run(journal.find_held, entry, theirs)
            return base
        if not changed_fields(base, theirs):
            return base
        writes = await self._context.run(journal.find_writes, entry.asset_id)
        return go_on_from_ours(entry, base, theirs, writes)

    async def _find_ours(
        self, attempt: _Attempt, fields: Sequence[str], theirs: Fields
    ) -> dict[str, int]:
        """Return the changes from here that have set fields as they are, by field."""
        entry = attempt.entry
        writes = await self._context.run(self._context.journal.find_writes, entry.asset_id)
        ours = find_ours(entry, fields, theirs, writes)
        return ours | {name: by.batch_id for name, by in attempt.held.items() if name in fields}

    async def _send_nothing(
        self,
        attempt: _Attempt,
        theirs: Fields,
        left_alone: tuple[str, ...],
        left_to: Mapping[str, int],
    ) -> EditResult:
        """Return the outcome of an edit that has nothing to send."""
        if attempt.before is not None:  # it had arrived, and others went on from it
            journal, number = self._context.journal, attempt.entry.id
            before = attempt.before
            await self._context.write_down(journal.intend, number, before=before, after=theirs)
        return _nothing_to_send(attempt, theirs, left_alone, left_to)

    async def _archive(self, attempt: _Attempt) -> EditResult:
        entry, context = attempt.entry, self._context
        archived = entry.action is Action.ARCHIVE
        client = await context.client()
        asset = await context.look(entry.asset_id)
        read_at = anyio.current_time()
        # What a colleague did a moment ago is theirs: our undo must not take it back.
        was_so = await self._find_archived(attempt, asset) is archived
        await self._ensure_fits(attempt, asset)
        judge = None if entry.fit is None else partial(self._judge_again, attempt)
        await context.write_down(context.journal.intend, entry.id)
        attempt.sent = True
        try:
            await client.archive(entry.asset_id, archived, judge=judge, read_at=read_at)
        except NotSignedIn:
            attempt.sent = False
            await context.look(entry.asset_id)  # which says so if only this asset is refused
            raise
        except ApiError as error:
            attempt.note(error)
            if not (_is_unclear(error) and await self._is_archived(asset) is archived):
                raise
        attempt.sent = False
        marks = Membership(archived=archived)
        attempt.update_catalog = partial(context.mark, [entry.asset_id], marks)
        return _result(entry, State.UNCHANGED if was_so else State.APPLIED, asset.name)

    async def _delete(self, attempt: _Attempt) -> EditResult:
        entry, context = attempt.entry, self._context
        client = await context.client()
        try:
            record = await context.fetch(entry.asset_id)
        except NotFound:
            return _result(entry, State.UNCHANGED)  # somebody else deleted it
        read_at = anyio.current_time()
        archived = await self._find_archived(attempt, record.asset)
        await self._ensure_fits(attempt, record.asset)
        if not archived:
            raise Refused(
                "this asset is not archived, and only archived assets can be deleted",
                hint="archive it first, or ask for both at once",
            )
        fields = record.asset.fields
        await context.write_down(context.journal.intend, entry.id, before=fields)
        attempt.sent = True
        try:
            judge = partial(self._judge_again, attempt)
            await client.delete(entry.asset_id, judge=judge, read_at=read_at)
        except ApiError as error:
            attempt.note(error)
            if isinstance(await self._confirm_gone(entry.asset_id, error), NotFound):
                attempt.update_catalog = partial(context.forget, [entry.asset_id])
                return _result(entry, State.UNCHANGED)  # somebody was faster
            if not (_is_unclear(error) and await self._is_gone(entry.asset_id)):
                raise
        attempt.sent = False
        attempt.update_catalog = partial(context.forget, [entry.asset_id])
        return msgspec.structs.replace(_result(entry, State.APPLIED, fields.name), before=fields)


def failed_state(error: CoexplorerError, *, sent: bool) -> State:
    """Say how an entry that failed ends.

    Args:
        error: Why it failed.
        sent: Whether the platform may have it anyway.
    """
    if isinstance(error, EditConflict | Conflict):
        return State.CONFLICT
    if sent:
        return State.UNKNOWN
    if is_final(error):
        return State.REFUSED
    return State.SKIPPED if isinstance(error, Refused) else State.UNSENT


def _is_unclear(error: ApiError) -> bool:
    """Tell whether the platform answered a write in a way that leaves open whether it was done."""
    return isinstance(error, BadReply) and error.outcome_unknown


def _keeps_text(entry: Entry) -> bool:
    return entry.action is Action.EDIT and entry.fit is not None and entry.fit.keeps_text


def _keep_unfit(entry: Entry, error: NoLongerFits) -> NoLongerFits:
    """Say how an edit is sent although its asset is not what it was any more."""
    return NoLongerFits(
        error.message,
        hint=f"your edit is kept: coexplorer retry {entry.id} sends it anyway,"
        f" discard {entry.id} throws it away",
    )


def allow_unfit(entry: Entry) -> Entry:
    """Return an entry as it is sent on request: who knows that it does not fit means it still."""
    if entry.state is State.REFUSED and was_unfit(entry.reason) and _keeps_text(entry):
        return msgspec.structs.replace(entry, fit=None)
    return entry


def _ensure_as_noted(entry: Entry, asset: Asset) -> None:
    """Judge what is to be deleted by the little that is known of what was shown.

    Nothing was written down of it where the catalog did not know the asset, or by older versions.

    Raises:
        ChangedSince: It is not the same any more.
    """
    if entry.before is not None:
        what: tuple[str, ...] = changed_fields(entry.before, asset.fields)
    else:
        what = ("name",) if entry.asset_name not in (asset.name, asset.id) else ()
    if what:
        raise ChangedSince(what, asset.name if "name" in what else "")


def build_edit_title(what: Sequence[str], base: Fields) -> str:
    """Return ``edit name and tags of X``."""
    return f"edit {' and '.join(what) or 'nothing'} of {base.name}"


def _result(entry: Entry, state: State, name: str = "") -> EditResult:
    return EditResult(
        entry_id=entry.id,
        batch_id=entry.batch_id,
        asset_id=entry.asset_id,
        asset_name=name or entry.asset_name,
        action=entry.action,
        state=state,
    )


def _nothing_to_send(
    attempt: _Attempt, theirs: Fields, left_alone: tuple[str, ...], left_to: Mapping[str, int]
) -> EditResult:
    """Say why nothing was sent: no change needed, the lost reply had it, or others changed it."""
    state, error = State.UNCHANGED, None
    if attempt.before is not None:
        state = State.APPLIED
    elif left_alone:
        state = State.SKIPPED
        ours = sorted(set(left_to.values()), reverse=True)
        first = " ".join(f"coexplorer undo {number};" for number in ours)
        error = Refused(
            f"{describe_left_alone(left_alone, left_to.items())}, so it was left alone",
            hint=f"take that back first: {first} or edit the asset by hand"
            if ours
            else "sort that out and undo again, or edit the asset by hand",
        )
    return msgspec.structs.replace(
        _result(attempt.entry, state, theirs.name),
        before=attempt.before or theirs,
        after=theirs,
        changed=changed_fields(attempt.before, theirs) if attempt.before else (),
        skipped_fields=left_alone,
        left_to=tuple(left_to.items()),
        error=error,
    )


def _merge_metadata(
    entry: Entry, theirs: Asset
) -> tuple[dict[str, MetadataValue] | None, tuple[str, ...]]:
    """Merge custom metadata if the entry edits it; None when nothing of it is to be sent."""
    if entry.metadata is None:
        return None, ()
    now = theirs.custom_metadata
    merged, conflicts = merge_metadata(entry.base_metadata or {}, entry.metadata, now)
    return (None if merged == now else merged), conflicts
