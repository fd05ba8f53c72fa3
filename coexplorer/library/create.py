"""New assets: requested once, found again if the reply is lost, watched until they are ready."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator

import anyio
import msgspec

from coexplorer.errors import ApiError, CoexplorerError, Refused
from coexplorer.fields import fields_of
from coexplorer.library.context import Context
from coexplorer.library.entries import Action, EntryDraft, State
from coexplorer.library.events import AssetSettled, EditApplied, EditFailed, EditStarted
from coexplorer.library.metadata import judge_metadata
from coexplorer.library.results import CreateProgress, ReadyProgress
from coexplorer.library.validate import check_fields, tidy_fields
from coexplorer.models import AssetId, AssetState, Membership, NewAsset, Record

FIRST_POLL_S = 5.0
LONGEST_POLL_S = 60.0
_GROWTH = 1.5


def poll_waits() -> Iterator[float]:
    """Yield the seconds between looks at a draft: 5, then longer and longer, up to a minute."""
    wait_s = FIRST_POLL_S
    while True:
        yield wait_s
        wait_s = min(_GROWTH * wait_s, LONGEST_POLL_S)


class Creator:
    """Creates assets and waits for them.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def create(
        self, new: NewAsset, heard: Callable[[CreateProgress], None] | None = None
    ) -> Record:
        """See `Changes.create`. The journal gets the editable fields, never the source's keys."""
        context = self._context
        fields = tidy_fields(fields_of(new))
        if fields.metadata is None:
            check_fields(fields)
        else:
            await judge_metadata(context, lambda schema: check_fields(fields, schema=schema))
        new = msgspec.structs.replace(new, **msgspec.structs.asdict(fields))
        draft = EntryDraft(AssetId(""), new.name, Action.CREATE, mine=fields)
        _, (entry,) = await context.write_down(
            context.journal.begin, [draft], title=f"create {new.name}"
        )
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
            # It waits for nothing: the log does not keep what it takes to send it again.
            state = State.UNKNOWN if unknown else State.REFUSED
            await context.settle(entry, state, error=error)
            context.bus.publish(EditFailed(entry, AssetId(""), Action.CREATE, error))
            raise
        except anyio.get_cancelled_exc_class():
            stopped = None if sent else Refused("it was stopped before anything was sent")
            await context.settle(entry, State.UNKNOWN if sent else State.REFUSED, error=stopped)
            raise
        if heard:
            heard(CreateProgress(sent=True, asset_id=asset.id))
        # Whoever is out of time now still hears which asset it is.
        with anyio.CancelScope(shield=True):
            await context.settle(entry, State.APPLIED, asset_id=asset.id, after=asset.fields)
            record = await context.remember(asset, Membership(archived=False, mine=True))
        context.bus.publish(EditApplied(entry, asset.id, Action.CREATE))
        return record

    async def _find_others(self) -> Collection[AssetId]:
        """Return what a create that is looked for can't be, as it was made before."""
        return await self._context.run(self._context.journal.created_ids)

    async def wait_ready(
        self, asset_id: AssetId, progress: Callable[[ReadyProgress], None] | None
    ) -> Record:
        """See `Changes.wait_ready`."""
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
