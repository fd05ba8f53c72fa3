"""New assets: requested once, found again if the reply is lost, watched until they are ready."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Collection, Iterator

import anyio
import msgspec

from coexplorer.errors import ApiError, CoexplorerError, Refused
from coexplorer.fields import fields_of
from coexplorer.library.capture import CaptureChecks, explain_refusal, tell_source
from coexplorer.library.context import Context
from coexplorer.library.edit import Editor
from coexplorer.library.entries import (
    MAY_COME,
    NOT_THERE,
    STOPPED_SENDING,
    Action,
    Entry,
    EntryDraft,
    Purpose,
    State,
    tell_how_to_go_on,
)
from coexplorer.library.events import AssetSettled, EditApplied, EditFailed, EditStarted
from coexplorer.library.made_of import note_source
from coexplorer.library.metadata import judge_metadata
from coexplorer.library.results import CreateProgress, EditResult, ReadyProgress, read_result
from coexplorer.library.settle import settle_entries, tell_may_come
from coexplorer.library.validate import check_fields, tidy_fields
from coexplorer.models import AssetId, AssetState, Membership, NewAsset, Record
from coexplorer.sharing.changes import SharingChange

SharingTold = Callable[[EditResult], None]
"""Told what became of the sharing of a new asset."""

FIRST_POLL_S = 5.0
LONGEST_POLL_S = 60.0
_GROWTH = 1.5


def poll_waits() -> Iterator[float]:
    """Yield the seconds between looks at a draft: 5, then longer and longer, up to a minute."""
    wait_s = FIRST_POLL_S
    while True:
        yield wait_s
        wait_s = min(_GROWTH * wait_s, LONGEST_POLL_S)


def may_share_again(entry: Entry) -> bool:
    """Tell whether a sharing that failed can be sent again (pure)."""
    return entry.action is Action.SHARE and entry.state in NOT_THERE and bool(entry.asset_id)


class Creator:
    """Creates assets and waits for them.

    Args:
        context: What the session's modules share.
        editor: Shares what was made.
        checks: Look whether what is asked for can become an asset.
    """

    def __init__(self, context: Context, editor: Editor, checks: CaptureChecks) -> None:
        self._context = context
        self._editor = editor
        self._checks = checks

    async def create(
        self,
        new: NewAsset,
        sharing: SharingChange | None = None,
        shared: SharingTold | None = None,
        *,
        failed_too: bool = False,
        heard: Callable[[CreateProgress], None] | None = None,
    ) -> Record:
        """See `Creation.create`. The journal gets the editable fields, never the source's keys.

        How it is to be shared is in the same batch from the start: whoever goes on with a batch
        that was cut off finds both.
        """
        context = self._context
        fields = tidy_fields(fields_of(new))
        if fields.metadata is None:
            check_fields(fields)
        else:
            await judge_metadata(context, lambda schema: check_fields(fields, schema=schema))
        new = await self._checks.check(new, failed_too=failed_too)
        new = msgspec.structs.replace(new, **msgspec.structs.asdict(fields))
        await self._ensure_not_coming(new)
        batch, entry, others = await self._write_down(new, sharing)
        context.bus.publish(EditStarted(entry, AssetId(""), Action.CREATE))
        sent = False
        try:
            client = await context.client()
            await context.write_down(context.journal.intend, entry, after=fields)
            sent = True
            if heard:
                heard(CreateProgress(sent=True))
            asset = await client.create(new, others=self._find_others)
        except CoexplorerError as error:
            unknown = sent and isinstance(error, ApiError) and error.outcome_unknown
            if isinstance(error, ApiError):
                explain_refusal(new, error)
            # It waits for nothing: the log does not keep what it takes to send it again.
            state = State.UNKNOWN if unknown else State.REFUSED
            await context.settle(entry, state, error=error)
            await self._abandon(batch, others)
            context.bus.publish(EditFailed(entry, AssetId(""), Action.CREATE, error))
            raise
        except anyio.get_cancelled_exc_class():
            await self._cut_off(batch, entry, others, sent=sent)
            raise
        if heard:
            heard(CreateProgress(sent=True, asset_id=asset.id))
        try:
            # Whoever is out of time now still hears which asset it is.
            with anyio.CancelScope(shield=True):
                await context.settle(entry, State.APPLIED, asset_id=asset.id, after=asset.fields)
                record = await context.remember(asset, Membership(archived=False, mine=True))
            context.bus.publish(EditApplied(entry, asset.id, Action.CREATE))
            for number in others:
                result = await self._share(number)
                if shared is not None:
                    shared(result)
        except BaseException:
            await self._abandon(batch, others)
            raise
        return record

    async def _write_down(
        self, new: NewAsset, sharing: SharingChange | None
    ) -> tuple[int, int, list[int]]:
        """Write down what is to be done; return the batch, the create, and what follows it."""
        nobody = AssetId("")
        made_of = note_source(new.source)
        drafts = [EntryDraft(nobody, new.name, Action.CREATE, mine=fields_of(new), asked=made_of)]
        title = f"create {new.name}{tell_source(new.source)}"
        if sharing is not None:
            roles = sharing.ask_of(None)
            drafts.append(EntryDraft(nobody, new.name, Action.SHARE, roles=roles))
            title = f"{title}; {sharing.title}"
        context = self._context
        batch, (entry, *others) = await context.write_down(
            context.journal.begin, drafts, title=title
        )
        return batch, entry, others

    async def _share(self, number: int) -> EditResult:
        """Share what was made, and return what became of that: the asset is there in any case."""
        read = self._context.journal.entry
        planned = await self._context.run(read, number)
        if planned is None:
            raise AssertionError("what was written down is there")
        try:
            return await self._editor.carry_out(
                planned, Purpose.DO, cut_off=State.STOPPED, first=True
            )
        except CoexplorerError as error:
            noted = await self._context.run(read, number) or planned
            return msgspec.structs.replace(read_result(noted), error=error)

    async def share_again(self, result: EditResult) -> EditResult:
        """See `Creation.share_again`."""
        entry = await self._context.run(self._context.journal.entry, result.entry_id)
        if entry is None or not may_share_again(entry):
            return result
        claim = self._context.journal.claim
        if not await self._context.write_down(claim, [entry.id]):
            return result
        return await self._share(entry.id)

    async def _ensure_not_coming(self, new: NewAsset) -> None:
        """Look for an earlier create of the same, if nobody knows what became of it.

        Raises:
            Refused: It was made, or may still be.
        """
        made_of = tuple(note_source(new.source))
        earlier = [
            each
            for each in await self._context.run(self._context.journal.pending)
            if each.is_awaited and each.asset_name == new.name and tuple(each.asked) == made_of
        ]
        for entry in await settle_entries(self._context, earlier):
            if entry.state is State.APPLIED:
                raise Refused(
                    f"change {entry.batch_id} has made {new.name!r} already: {entry.asset_id}",
                    hint="create it again if you want a second one",
                )
            if entry.is_awaited:
                raise Refused(
                    f"change {entry.batch_id} asked for {new.name!r}: {MAY_COME}",
                    hint=tell_may_come(entry).hint,
                )

    async def _cut_off(self, batch: int, entry: int, others: list[int], *, sent: bool) -> None:
        """Write down that a create was stopped: it may be made anyway, once it is sent."""
        stopped = Refused("it was stopped before anything was sent")
        if sent:
            stopped = Refused(STOPPED_SENDING, hint=tell_how_to_go_on(batch))
        await self._context.settle(entry, State.UNKNOWN if sent else State.REFUSED, error=stopped)
        await self._abandon(batch, others)

    async def _abandon(self, batch: int, others: list[int]) -> None:
        """Let what was to follow wait for its user: it goes on by itself only when it is named."""
        if others:
            with anyio.CancelScope(shield=True), contextlib.suppress(CoexplorerError):
                abandon = self._context.journal.abandon_batch
                await self._context.write_down(abandon, batch, stopped=True)

    async def _find_others(self) -> Collection[AssetId]:
        """Return what a create that is looked for can't be, as it was made before."""
        return await self._context.run(self._context.journal.created_ids)

    async def wait_ready(
        self, asset_id: AssetId, progress: Callable[[ReadyProgress], None] | None
    ) -> Record:
        """See `Creation.wait_ready`."""
        started = time.monotonic()
        for wait_s in poll_waits():
            record = await self._context.fetch(asset_id)
            # An unknown state may be one on the way: nobody can use an asset before it is ready.
            if record.asset.state in (AssetState.READY, AssetState.FAILED):
                self._context.bus.publish(AssetSettled(asset_id, record.asset.state))
                return record
            if progress:
                waited_s = time.monotonic() - started
                progress(ReadyProgress(asset_id, record.asset.state, waited_s, wait_s))
            await anyio.sleep(wait_s)
        raise AssertionError("polling has no end of its own")
