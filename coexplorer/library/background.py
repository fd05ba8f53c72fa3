"""What runs by itself while a front end is open: sweeps, refreshes, drafts, unknown outcomes."""

from __future__ import annotations

import logging
import time

import anyio

from coexplorer.errors import CatalogError, CoexplorerError, NotFound, Refused
from coexplorer.library.acknowledged import apply_acknowledged
from coexplorer.library.context import Context
from coexplorer.library.create import poll_waits
from coexplorer.library.events import AssetSettled, CatalogReplaced, RowsChanged, SyncFailed
from coexplorer.library.settle import look_again, settle_entries, settle_late
from coexplorer.library.sweep_plan import REFRESH_EVERY_S, Need, sweep_rest_s
from coexplorer.library.sync import Sync
from coexplorer.models import AssetId, AssetState
from coexplorer.query import Query, parse_query

_log = logging.getLogger(__name__)

_DRAFTS = parse_query("state:draft is:any")
_LOOK_EVERY_S = 5.0
_MOST_WATCHED = 20
"""Only the newest drafts are asked for one by one; sweeps find out about the others."""


class Background:
    """Keeps the catalog fresh until it is cancelled.

    Args:
        context: What the session's modules share.
        sync: Sweeps and refreshes.
    """

    def __init__(self, context: Context, sync: Sync) -> None:
        self._context = context
        self._sync = sync

    async def run(self) -> None:
        """See `Library.run_background`."""
        await self._apply_acknowledged()
        async with anyio.create_task_group() as group:
            group.start_soon(self._settle)
            group.start_soon(self._settle_late)
            group.start_soon(self._keep_fresh)
            group.start_soon(self._watch_drafts, _DRAFTS)
            group.start_soon(self._follow_file)

    async def _apply_acknowledged(self) -> None:
        """Let the catalog know what was done, and what a crash kept from it."""
        try:
            await apply_acknowledged(self._context)
        except CoexplorerError as error:
            _log.warning("changes of an earlier session may not be shown at once: %s", error)

    async def _settle(self) -> None:
        """Look for what other sessions left unknown: earlier ones, and who is killed meanwhile."""
        is_left = True
        while True:
            try:
                recover = self._context.journal.recover
                is_left = bool(await self._context.write_down(recover)) or is_left
                if is_left:
                    pending = await self._context.run(self._context.journal.pending)
                    await settle_entries(self._context, pending)
                is_left = False
            except CoexplorerError:
                await anyio.sleep(REFRESH_EVERY_S)
            else:
                await anyio.sleep(_LOOK_EVERY_S)

    async def _settle_late(self) -> None:
        """Notice what arrived after a look that did not find it."""
        looked: dict[int, int] = {}
        while True:
            try:
                await settle_late(self._context)
                await look_again(self._context, looked)
            except CoexplorerError as error:
                _log.info("nobody can tell what has arrived late: %s", error)
            await anyio.sleep(_LOOK_EVERY_S)

    async def _keep_fresh(self) -> None:
        rest_until = 0.0
        complete = True
        is_proven = False
        while True:
            rested = time.monotonic() >= rest_until
            try:
                need = await self._sync.need()
                if rested and (need is Need.SWEEP or not complete):
                    report = await self._sync.sweep()
                    complete = report.complete
                    rest_until = time.monotonic() + sweep_rest_s(report.duration_s)
                elif need is not Need.NOTHING:
                    await self._sync.refresh()
                if not is_proven:
                    await self._context.prove()
                    is_proven = True
            except CoexplorerError as error:
                self._context.bus.publish(SyncFailed(error))
                if isinstance(error, Refused):
                    rest_until = time.monotonic() + sweep_rest_s(0)
                await anyio.sleep(REFRESH_EVERY_S)
            await anyio.sleep(_LOOK_EVERY_S)

    async def _follow_file(self) -> None:
        """Notice that the catalog was deleted and another process made a new one."""
        while True:
            await anyio.sleep(_LOOK_EVERY_S)
            try:
                if await self._context.run(self._context.catalog.follow_file):
                    self._context.bus.publish(CatalogReplaced())
                    self._context.bus.publish(RowsChanged())
            except CatalogError as error:
                self._context.note_catalog_problem(error)

    async def _watch_drafts(self, drafts: Query) -> None:
        """Poll what is in ``draft``: each at 5 s, then slower, until it is ready or failed."""
        watched: set[AssetId] = set()
        async with anyio.create_task_group() as group:
            while True:
                try:
                    found = await self._context.run(
                        self._context.catalog.ids, drafts, now=time.time()
                    )
                except CoexplorerError:
                    found = []
                for asset_id in found[:_MOST_WATCHED]:
                    if asset_id not in watched:
                        watched.add(asset_id)
                        group.start_soon(self._watch, asset_id, watched)
                await anyio.sleep(_LOOK_EVERY_S)

    async def _watch(self, asset_id: AssetId, watched: set[AssetId]) -> None:
        for wait_s in poll_waits():
            await anyio.sleep(wait_s)
            try:
                record = await self._context.fetch(asset_id)
            except NotFound:
                break
            except CoexplorerError:
                continue
            if record.asset.state in (AssetState.READY, AssetState.FAILED):
                self._context.bus.publish(AssetSettled(asset_id, record.asset.state))
                break
        watched.discard(asset_id)
