"""Keeping the tree in step with the catalog, whichever process changed it."""

from __future__ import annotations

import gc
import logging
import time
from typing import TYPE_CHECKING

import trio

from coexplorer.errors import CatalogError
from coexplorer.fs.core.nodes import KnownAsset, build_flags
from coexplorer.fs.core.scratch import SCRATCH_LIFE_S
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.procfs import is_alive
from coexplorer.fs.sync.upstream import Upstream
from coexplorer.library import Library
from coexplorer.library.events import (
    CatalogReplaced,
    EventsDropped,
    RowsChanged,
    SyncFailed,
    SyncFinished,
)
from coexplorer.models import AssetId

if TYPE_CHECKING:
    from coexplorer.models import Row

log = logging.getLogger(__name__)

POLL_S = 0.5
"""How often other processes' changes are looked for."""

_NOTHING_KNOWN = -1
_APPLIED_BATCH = 40
_APPLIED_AT_ONCE = 5
_MOST_WALKED = 2000
_MEASURED_BATCH = 50
_MEASURE_PAUSE_S = 0.005
_SETTLE_S = 0.15
_ROWS_BATCH = 500
_TIDY_S = 1.0
_PURGE_S = 30.0


class CatalogWatcher:
    """The mount's background tasks; each runs until it is cancelled."""

    def __init__(self, volume: Volume, library: Library, upstream: Upstream) -> None:
        self._volume = volume
        self._library = library
        self._reach = upstream.reach
        self._journal = upstream.journal
        self._keeper = upstream.keeper
        self._sharing = upstream.sharing
        self._write_down = upstream.write_down
        self._change = 0
        self._left_out = 0
        self._changed = trio.Event()

    async def load(self) -> None:
        """Fill the tree from the catalog, bit by bit: all rows at once would double the memory."""
        is_whole = await self._is_whole()
        self._change, ids = await self._library.assets.changed_since(0)
        for start in range(0, len(ids), _ROWS_BATCH):
            rows = await self._library.assets.rows(ids[start : start + _ROWS_BATCH])
            self._volume.tree.fill(map(_known, rows), time.monotonic())
        self._volume.shows_all = is_whole
        gc.collect()
        self._leave_out_tree()

    async def _is_whole(self) -> bool:
        """Tell whether the catalog has had all assets at least once."""
        return (await self._library.status()).synced_at is not None

    def _leave_out_tree(self) -> None:
        """Keep the collector from the tree, which stays: walking over it took up to 400 ms."""
        gc.collect(1)
        gc.freeze()
        self._left_out = len(self._volume.tree)

    def _collect(self) -> None:
        """Look for cycles among all that is new but the tree; nobody else does."""
        if len(self._volume.tree) > self._left_out + _MOST_WALKED:
            self._leave_out_tree()
        else:
            gc.collect()

    # --- Changes

    async def follow(self) -> None:
        """Apply changes as they come."""
        while True:
            with trio.move_on_after(POLL_S):
                await self._changed.wait()
                # An edit changes the catalog twice, and the next save may come right behind it:
                # each waits for the threads that this needs. What it changed is shown already.
                await trio.sleep(_SETTLE_S)
            self._changed = trio.Event()
            try:
                is_whole = self._volume.shows_all or await self._is_whole()
                await self._catch_up()
                self._volume.shows_all = is_whole
            except CatalogError as error:
                log.warning("the catalog can't be read: %s", error)

    async def listen(self) -> None:
        """Hear of this process's own changes at once, and of trouble with the network."""
        with self._library.subscribe() as events:
            async for event in events:
                if isinstance(event, RowsChanged | EventsDropped | SyncFinished):
                    self._changed.set()
                if isinstance(event, CatalogReplaced):
                    self._change = _NOTHING_KNOWN
                    self._changed.set()
                    self._volume.report(
                        "the catalog was deleted and made again; reading the new one"
                    )
                if isinstance(event, SyncFailed):
                    self._reach.note_failure(event.error)
                elif isinstance(event, SyncFinished):
                    self._reach.note_success()

    async def _catch_up(self) -> None:
        version = await self._library.assets.data_version()
        if version == self._change:
            return
        if self._change == _NOTHING_KNOWN or version < self._change:  # the catalog is another one
            await self._reload()
            return
        newest, ids = await self._library.assets.changed_since(self._change)
        for start in range(0, len(ids), _APPLIED_BATCH):
            await self._apply(ids[start : start + _APPLIED_BATCH])
        self._change = newest

    async def _apply(self, ids: list[AssetId]) -> None:
        # During a first sync nobody has seen a text yet: light rows do, without their JSON.
        volume, read_at = self._volume, time.monotonic()
        seen = [asset_id for asset_id in ids if volume.is_measured(asset_id)]
        unseen = list(set(ids).difference(seen))
        records = {r.asset.id: r for r in await self._library.assets.records(seen)} if seen else {}
        rows = {row.id: row for row in await self._library.assets.rows(unseen)} if unseen else {}
        for number, asset_id in enumerate(ids, 1):
            if volume.is_outdated(asset_id, read_at):
                continue  # the catalog tells of the save next
            if (record := records.get(asset_id)) is not None:
                volume.apply_record(record, time.monotonic())
            elif (row := rows.get(asset_id)) is not None:
                volume.apply_known(_known(row), time.monotonic())
            else:
                volume.remove(asset_id)
            if number % _APPLIED_AT_ONCE == 0:
                await trio.lowlevel.checkpoint()  # requests come first
        volume.tell_stale()
        await trio.lowlevel.checkpoint()

    async def _reload(self) -> None:
        known = [node.id for node in self._volume.tree.iter_nodes()]
        newest, ids = await self._library.assets.changed_since(0)
        for start in range(0, len(ids), _APPLIED_BATCH):
            await self._apply(ids[start : start + _APPLIED_BATCH])
        for asset_id in set(known) - set(ids):
            self._volume.remove(asset_id)
        self._volume.tell_stale()
        self._change = newest

    # --- Sizes

    async def measure(self) -> None:
        """Learn the sizes of all files in the background, so that a stat finds them in memory."""
        nodes = list(self._volume.tree.iter_nodes())
        details = self._volume.sizes
        for start in range(0, len(nodes), _MEASURED_BATCH):
            batch = {
                node.id: node
                for node in nodes[start : start + _MEASURED_BATCH]
                if not details.has(node.slot) and not node.gone
            }
            if not batch:
                continue
            try:
                records = await self._library.assets.records(list(batch))
            except CatalogError as error:
                log.warning("the catalog can't be read: %s", error)
                return
            for record in records:
                self._volume.texts.measure(batch[record.asset.id], record.asset.excerpt)
            await trio.sleep(_MEASURE_PAUSE_S)

    # --- Housekeeping

    async def tidy(self) -> None:
        """Bring hidden files back, let old scratch files and names go, notice what was given up.

        And write down what a full disk had no room for.
        """
        purged = time.monotonic()
        while True:
            await trio.sleep(_TIDY_S)
            now = time.monotonic()
            self._bring_back(now)
            for scratch in self._volume.scratch.expire(now):
                self._volume.forget_deep(scratch)
            self._keeper.show_waiting()
            await self._write_down()
            self._volume.tree.expire_aliases(now)
            self._volume.tell_stale()
            await self._journal.notice_discards()
            await self._sharing.failures.notice_changes()
            if now - purged > _PURGE_S:
                purged = now
                self._volume.shown.purge(is_alive)
                self._volume.groups.clear()
                self._collect()
                await self._keeper.drop_copies(SCRATCH_LIFE_S)

    def _bring_back(self, now: float) -> None:
        for file in self._volume.files.list_open():
            if file.hidden_until is not None and now >= file.hidden_until:
                self._volume.files.bring_back(file)


def _known(row: Row) -> KnownAsset:
    flags = build_flags(
        archived=row.archived, favorite=row.favorite, mine=row.mine, shared=row.shared
    )
    return KnownAsset(row.id, row.name, row.tags, row.created or 0.0, flags)
