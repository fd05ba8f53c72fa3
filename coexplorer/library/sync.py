"""`library.sync`: keeping the catalog true (design: catalog-and-edits.md, Sync).

One process sweeps; others wait for what it finds. The decisions are in `sweep_plan`.
"""

from __future__ import annotations

import math
import time
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import msgspec

from coexplorer.catalog.sweeps import STALE_AFTER_S, Gaps
from coexplorer.errors import CatalogError, Refused
from coexplorer.library.context import Context
from coexplorer.library.events import RowsChanged, SyncFinished, SyncProgressed
from coexplorer.library.exception_groups import plain_errors
from coexplorer.library.metadata import keep_fresh
from coexplorer.library.results import SyncReport
from coexplorer.library.status import describe_gaps, describe_untold
from coexplorer.library.sweep_plan import (
    NEWEST,
    REFRESH_EVERY_S,
    SWEEP_TIMES,
    VIEWS,
    Leg,
    Need,
    find_listed,
    find_need,
    find_searchable,
    is_suspicious,
    pick_asked,
)
from coexplorer.models import MOST_ROWS, AssetId, Membership, Record
from coexplorer.query import PlatformPart, Query

if TYPE_CHECKING:
    from coexplorer.library.sweep import Sweep

HEARTBEAT_S = 5.0

_LOOK_EVERY_S = 0.25
_REFRESH_PAGE = 100


class Sync:
    """Sweeps and refreshes the catalog.

    Args:
        context: What the session's modules share.

    Attributes:
        busy: Whether this process sweeps or refreshes now.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._owner = uuid.uuid4().hex
        self._one_at_a_time = anyio.Lock()
        self._last: tuple[float, SyncReport] | None = None
        self.busy = False

    async def sweep(self, *, force: bool = False, anew: bool = False) -> SyncReport:
        """Sweep the platform once, or wait for the process that does. Progress comes as events.

        Args:
            force: Accept a sweep in which a large part of the assets vanished.
            anew: A sweep that was begun before now will not do, whoever made it.

        Raises:
            Refused: A large part vanished, twice; nothing was removed.
        """
        asked_at = time.time()
        since = time.monotonic()
        with self._context.noting_reach():
            async with self._one_at_a_time:
                if self._last is not None and self._last[0] >= since:
                    return self._last[1]  # begun while this one waited
                async with self._sweeping(math.inf if anew else asked_at) as other:
                    if other is not None:
                        return other
                    begun = time.monotonic()
                    report = await self._sweep(force=force)
                    self._last = begun, report
                    return report

    async def catch_up(self) -> SyncReport:
        """Bring the catalog up to date: what is new first, then everything.

        For users who ask for news: somebody else's edit of an old asset is news, and only a sweep
        that begins after the question is sure to see it (40 pages for 40,000 assets).

        Raises:
            Refused: See `sweep`.
        """
        if (await self._context.run(self._context.catalog.sync_state)).synced_at is not None:
            await self.refresh()
        return await self.sweep(anew=True)

    async def ensure_found(self, query: Query) -> float | None:
        """Bring the catalog up to date for a query whose assets will be changed.

        Sweeps, unless the last sweep was less than a minute ago, or less than ten times its length
        if that is longer; then it reads only what the platform itself finds for the query.

        Returns:
            Epoch seconds of the end of the last complete sweep; None if there was none.
        """
        run, catalog = self._context.run, self._context.catalog
        state = await run(catalog.sync_state)
        rest_s = max(REFRESH_EVERY_S, SWEEP_TIMES * (state.duration_s or 0.0))
        if state.synced_at is None or not 0 <= time.time() - state.synced_at < rest_s:
            await self.sweep()
        elif (part := find_searchable(query)) is not None:
            await self._read(part)
        else:
            await self.refresh()
        return (await run(catalog.sync_state)).synced_at

    async def _read(self, part: PlatformPart) -> None:
        """Read what the platform itself finds for a query, into the catalog."""
        with self._context.noting_reach():
            client = await self._context.client()
            asked_at = time.time()
            async for page in client.iter_pages(part.request):
                records = [Record(asset, part.membership, asked_at) for asset in page]
                await self._context.run(self._context.catalog.upsert, records, generation=None)
                self._context.bus.publish(RowsChanged(tuple(each.id for each in page)))
                asked_at = time.time()

    async def ensure_told(self, query: Query, ids: Sequence[AssetId]) -> bool:
        """Make sure that it is known of assets what a query asks of them that only lists tell.

        Only the platform's lists of favorites, one's own and shared assets say which they are. One
        of which it shows only a part says nothing of the rest.

        Args:
            query: What found the assets, which are going to be changed.
            ids: The assets.

        Returns:
            Whether a list was read again, so that the query may find other assets now.

        Raises:
            Refused: The platform does not show all of such a list.
            ApiError: It could not be asked.
        """
        asked = find_listed(query)
        run, catalog = self._context.run, self._context.catalog
        legs = [
            leg
            for leg in VIEWS
            if leg.flag in asked and await run(catalog.has_untold, leg.flag, ids)
        ]
        state = await run(catalog.sync_state)
        if legs and not self._context.offline and not asked & {*state.gaps.untold}:
            await self._read_views(legs)
            state = await run(catalog.sync_state)
        for flag in sorted(asked & {*state.gaps.cut, *state.gaps.untold}):
            raise Refused(
                f"nothing is done by this query: {describe_untold(flag)}",
                hint="name the assets; or try again: coexplorer sync reads that list again",
            )
        return bool(legs)

    async def _read_views(self, legs: Sequence[Leg]) -> None:
        """Read some of the lists of favorites and the like again."""
        from coexplorer.library.sweep import Sweep  # noqa: PLC0415 - brings httpx

        run, catalog = self._context.run, self._context.catalog
        with self._context.noting_reach():
            state = await run(catalog.sync_state)
            client = await self._context.client()
            sweep = Sweep(self._context, client, state.generation, None, most=MOST_ROWS)
            await sweep.read_views(legs)
        gaps, read = state.gaps, {leg.flag for leg in legs}
        await run(
            catalog.note_gaps,
            msgspec.structs.replace(
                gaps,
                cut=(*(each for each in gaps.cut if each not in read), *sorted(sweep.cut)),
                untold=(*(each for each in gaps.untold if each not in read), *sorted(sweep.untold)),
            ),
        )

    async def refresh(self) -> SyncReport:
        """Read the newest pages until one holds nothing new."""
        started = time.monotonic()
        seen = 0
        from coexplorer.api import Incomplete  # noqa: PLC0415 - brings httpx

        with self._context.noting_reach():
            client = await self._context.client()
            catalog = self._context.catalog
            asked_at = time.time()
            walk = client.iter_pages(NEWEST, limit=_REFRESH_PAGE)
            is_cut = False
            new: list[AssetId] = []
            async for page in walk:
                before = await self._context.names([each.id for each in page])
                new += [each.id for each in page if each.id not in before]
                marks = Membership(archived=False)
                records = [Record(asset, marks, asked_at) for asset in page]
                changed = await self._context.run(catalog.upsert, records, generation=None)
                seen += len(records)
                self._context.bus.publish(SyncProgressed("refresh", seen, 0))
                if not changed:
                    break
                self._context.bus.publish(RowsChanged(tuple(each.id for each in page)))
                asked_at = time.time()
                if seen > MOST_ROWS:
                    is_cut = True
                    break
            if is_cut or walk.incomplete is Incomplete.ENDLESS:
                await self._context.forget(new)  # it invents them: see `_sweep`
            is_cut = is_cut or walk.incomplete is not None
            await self._context.run(
                catalog.note_refresh, time.time(), cut=is_cut, left_out=len(walk.left_out)
            )
        return await self._report(started, seen=seen, removed=0)

    async def ensure_fresh(self, *, max_age_s: float = 60.0) -> SyncReport | None:
        """Sync or refresh if the catalog is older than `max_age_s`; None when it was not needed."""
        need = await self.need(max_age_s)
        if need is Need.SWEEP:
            return await self.sweep()
        return await self.refresh() if need is Need.REFRESH else None

    async def need(self, max_age_s: float = REFRESH_EVERY_S) -> Need:
        """Say what the catalog's age asks for."""
        state = await self._context.run(self._context.catalog.sync_state)
        return find_need(
            now=time.time(),
            swept_at=state.synced_at,
            refreshed_at=state.refreshed_at,
            duration_s=state.duration_s or 0.0,
            has_swept=state.has_swept,
            refresh_after_s=max_age_s,
        )

    async def _sweep(self, *, force: bool) -> SyncReport:
        from coexplorer.library.sweep import Sweep  # noqa: PLC0415 - brings httpx

        started = time.monotonic()
        context, catalog = self._context, self._context.catalog
        client = await context.client()
        state = await context.run(catalog.sync_state)
        known = state.assets
        generation = await context.run(catalog.begin_sweep)
        sweep = Sweep(context, client, generation, known or None, most=MOST_ROWS)
        before = set(await context.run(catalog.unseen, generation)) if known else set()
        if not known:
            await sweep.read_first_page()
        complete = await sweep.read_rows()
        removed = 0
        if complete:
            unseen = await context.run(catalog.unseen, generation)
            if is_suspicious(known=known, vanished=len(unseen)):
                complete = await sweep.read_rows()  # the second look
                unseen = await context.run(catalog.unseen, generation)
            is_odd = is_suspicious(known=known, vanished=len(unseen)) and not force
            if is_odd and sweep.left_out:
                complete = False  # rows that could not be used may be what was not seen
            elif is_odd:
                raise Refused(
                    f"{len(unseen):,} of {known:,} assets vanished, so nothing was removed",
                    hint="is this the right token? if so: coexplorer sync --force",
                )
            gone = await self._find_gone(sweep, unseen, force=force) if complete else None
            complete = gone is not None
            if gone:
                await context.forget(gone)
                removed = len(gone)
        if not sweep.is_endless:
            await sweep.read_views()
            await keep_fresh(context)
        gaps = Gaps(
            len(sweep.left_out),
            tuple(sorted(sweep.cut)),
            tuple(sorted(sweep.untold)),
        )
        if sweep.is_endless:
            # What a platform invents would stay, and look later as if it had vanished.
            await context.forget([each for each in sweep.seen if each not in before])
            gaps = msgspec.structs.replace(gaps, cut=("favorite", "mine", "shared"))
        await context.run(
            catalog.finish_sweep,
            complete=complete,
            total=len(sweep.seen),
            now=time.time(),
            duration_s=time.monotonic() - started,
            dialect=client.dialect,
            gaps=gaps,
        )
        return await self._report(
            started, seen=len(sweep.seen), removed=removed, endless=sweep.is_endless
        )

    async def _find_gone(
        self, sweep: Sweep, unseen: Sequence[AssetId], *, force: bool
    ) -> Sequence[AssetId] | None:
        """Return those of `unseen` that are gone; None: the platform stopped answering.

        Raises:
            Refused: Some of a sample live, so that nobody knows which others do.
        """
        asked = pick_asked(unseen, force=force)
        gone = await sweep.find_gone(asked)
        if gone is None or len(asked) == len(unseen):
            return gone
        if len(gone) < len(asked):
            raise Refused(
                f"{len(asked) - len(gone):,} of {len(asked):,} assets that the platform no longer"
                " lists still exist there, so nothing was removed",
                hint=f"to start over, delete the catalog: {self._context.settings.catalog_path}",
            )
        return unseen

    @asynccontextmanager
    async def _sweeping(self, asked_at: float) -> AsyncIterator[SyncReport | None]:
        """Hold the sweeper's place, with signs of life; yield a report if another sweep will do.

        Args:
            asked_at: Epoch seconds; a sweep that another process finished later is as good.
        """
        other = await self._take_place(asked_at)
        if other is not None:
            yield other
            return
        self.busy = True
        try:
            with plain_errors():
                async with anyio.create_task_group() as group:
                    group.start_soon(self._beat)
                    yield None
                    group.cancel_scope.cancel()
        finally:
            self.busy = False
            with anyio.CancelScope(shield=True):
                await self._context.run(self._context.catalog.release_sweep, self._owner)

    async def _take_place(self, asked_at: float) -> SyncReport | None:
        """Wait until nobody else sweeps; None: the place is ours."""
        started = time.monotonic()
        run, catalog = self._context.run, self._context.catalog
        while not await self._try_to_take_place():
            await anyio.sleep(_LOOK_EVERY_S)
            state = await run(catalog.sync_state)
            self._context.bus.publish(SyncProgressed("by another process", state.assets, 0))
            looked_at = state.refreshed_at if state.has_swept else None
            if looked_at is not None and looked_at >= asked_at:
                return await self._report(started, seen=0, removed=0, by_other=True)
        return None

    async def _try_to_take_place(self) -> bool:
        """Become the one who sweeps; only reads as long as somebody else does.

        A first sweep writes page after page: whoever wants to write in between may wait in vain.
        """
        run, catalog = self._context.run, self._context.catalog
        if (await run(catalog.sync_state)).is_swept_by_other(self._owner, now=time.time()):
            return False
        try:
            return await run(
                catalog.acquire_sweep, self._owner, now=time.time(), stale_after_s=STALE_AFTER_S
            )
        except CatalogError:
            state = await run(catalog.sync_state)
            if state.is_swept_by_other(self._owner, now=time.time()):
                return False
            raise

    async def _beat(self) -> None:
        while True:
            await anyio.sleep(HEARTBEAT_S)
            alive = await self._context.run(
                self._context.catalog.heartbeat, self._owner, now=time.time()
            )
            if not alive:
                raise Refused("another process has taken over the sweep", hint="wait for it")

    async def _report(
        self,
        started: float,
        *,
        seen: int,
        removed: int,
        by_other: bool = False,
        endless: bool = False,
    ) -> SyncReport:
        state = await self._context.run(self._context.catalog.sync_state)
        self._context.bus.publish(SyncFinished(state.complete, state.assets))
        return SyncReport(
            complete=state.complete,
            total=state.assets,
            seen=seen,
            removed=removed,
            duration_s=time.monotonic() - started,
            by_other=by_other,
            left_out=state.gaps.left_out,
            gaps=describe_gaps(state.gaps),
            endless=endless,
        )
