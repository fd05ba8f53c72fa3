"""One sweep: writes every page of every leg to the catalog while fetching the next ones.

`sweep_plan` decides; this does the waiting. Import it late: the api brings httpx.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager

import anyio
import anyio.lowlevel
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from coexplorer.api import Client, Incomplete
from coexplorer.catalog.sweeps import Listed
from coexplorer.errors import ApiError, Forbidden, NotFound, NotSignedIn, Rejected
from coexplorer.library.context import Context
from coexplorer.library.events import RowsChanged, SyncProgressed
from coexplorer.library.exception_groups import plain_errors
from coexplorer.library.sweep_plan import (
    MOST_UNTOLD,
    NEWEST,
    ROWS,
    VIEWS,
    Leg,
    covers_all,
    ends_of,
    split_leg,
    tells_nothing,
)
from coexplorer.models import Asset, AssetId, Record, SortField

PREFETCH = 4
"""Pages of one search that may be on their way while one is written."""

QUEUED_PAGES = 4
"""Pages that may wait for being written: more would only take memory."""

_HEAVY_BYTES = 8 * 1024 * 1024
"""So many bytes of JSON may wait for being written: a few usual pages of 1,000 rows."""

FIRST_ROWS = 100
GETS_AT_ONCE = 8

_MORE_ENDS = (SortField.NAME, SortField.SIZE, SortField.TYPE)
_Written = tuple[Leg, tuple[Asset, ...], float]
"""A page: what found it, its assets, and epoch seconds before it was asked for."""


class Sweep:
    """Reads everything once.

    Args:
        context: What the session's modules share.
        client: The way to the platform.
        generation: The catalog's number of this sweep.
        known: Assets that the last sweep found, for progress; None on a first sync.
        most: Assets to read before the platform counts as inventing them.

    Attributes:
        seen: Ids that were read.
        left_out: Rows that name no asset; see `Walk.left_out`.
        is_endless: Whether the platform went on listing beyond `most`, or without saying anything
            of what it lists.
        cut: Lists of which the platform showed only a part.
        untold: Lists that it does not have.
    """

    def __init__(
        self,
        context: Context,
        client: Client,
        generation: int,
        known: int | None,
        *,
        most: int,
    ) -> None:
        self._context = context
        self._client = client
        self._generation = generation
        self._known = known
        self._most = most
        self._pages = 0
        self._unwritten_bytes = 0
        self._wrote = anyio.Event()
        self._queue: MemoryObjectSendStream[_Written]
        self._types: set[str] = set()
        self._saying_nothing = 0
        self.seen: set[AssetId] = set()
        self.left_out: set[bytes] = set()
        self.is_endless = False
        self.cut: set[Listed] = set()
        self.untold: set[Listed] = set()

    async def read_first_page(self) -> None:
        """Read the newest few, so that there is something to see long before a large page came."""
        asked_at = time.time()
        page = await self._client.search(NEWEST, limit=FIRST_ROWS)
        await self._write([Record(each, ROWS[0].marks, asked_at) for each in page.results])
        self.seen.update(each.id for each in page.results)
        self._tell(ROWS[0])

    async def read_rows(self) -> bool:
        """Read every asset, archived ones too; return whether none can have been missed."""
        async with self._writing():
            covered = [await self._cover(leg) for leg in ROWS]
        return all(covered)

    async def read_views(self, legs: Iterable[Leg] = VIEWS) -> None:
        """Read which assets are favorites, mine and shared.

        A view that the platform does not know, or shows in part only, says nothing of the others.

        Args:
            legs: The views.
        """
        with plain_errors():
            async with anyio.create_task_group() as group:
                for leg in legs:
                    group.start_soon(self._read_view, leg)

    async def find_gone(self, ids: Sequence[AssetId]) -> list[AssetId] | None:
        """GET each of `ids`; return the ones that are gone: the platform says 404.

        Some platforms say 401 of an asset that is gone. That counts too, if the token is good for a
        search right afterwards: else it has expired meanwhile, and tells nothing.

        The others are written to the catalog as seen. None: the platform stopped answering.
        """
        gone: list[AssetId] = []
        refused: list[AssetId] = []
        living: list[Asset] = []
        todo = iter(ids)
        failed = False

        async def work() -> None:
            nonlocal failed
            for asset_id in todo:  # shared: each worker takes the next one
                if failed:
                    return
                try:
                    living.append(await self._client.get(asset_id))
                except NotFound:
                    gone.append(asset_id)
                except NotSignedIn:
                    refused.append(asset_id)
                except Forbidden:
                    continue  # there, but not for us: no proof that it is gone
                except ApiError:
                    failed = True

        with plain_errors():
            async with anyio.create_task_group() as group:
                for _ in range(min(GETS_AT_ONCE, len(ids))):
                    group.start_soon(work)
        await self._write([Record(asset, fetched_at=time.time()) for asset in living])
        if failed or (refused and not await self._context.is_signed_in()):
            return None
        return gone + refused

    async def _read_view(self, leg: Leg) -> None:
        if leg.flag == "archived":
            raise ValueError(leg.flag)
        try:
            found, is_whole = await self._find_members(leg)
        except Rejected:
            self.untold.add(leg.flag)
            return
        run, catalog = self._context.run, self._context.catalog
        if not is_whole:
            self.cut.add(leg.flag)
        if is_whole:
            await run(catalog.set_members, leg.flag, found)
        else:
            await run(catalog.set_membership, found, leg.marks)
        self._context.bus.publish(RowsChanged())

    async def _find_members(self, leg: Leg) -> tuple[set[AssetId], bool]:
        """Return what a view finds, round the platform's wall; and whether that is all of it."""
        found, incomplete = await self._walk_ids(leg)
        if incomplete is not Incomplete.WALL:
            return found, incomplete is None
        first, last = ends_of(leg, SortField.CREATED)
        one, incomplete = await self._walk_ids(first)
        if incomplete is None:
            return one, True
        other, incomplete = await self._walk_ids(last)
        found |= one | other
        if incomplete is None or not one.isdisjoint(other):
            return found, True
        parts = split_leg(leg) if leg.request.type is None else ()
        is_whole = bool(parts) and covers_all(leg, parts, self._types)
        for part in parts:
            try:
                others, is_part_whole = await self._find_members(part)
            except Rejected:
                others, is_part_whole = set(), part.request.type not in self._types
            found |= others
            is_whole = is_whole and is_part_whole
        return found, is_whole

    async def _walk_ids(self, leg: Leg) -> tuple[set[AssetId], Incomplete | None]:
        """Read the ids that one search finds; return them, and why that ended early if it did."""
        found: set[AssetId] = set()
        async with self._client.iter_ids(leg.request, prefetch=PREFETCH) as walk:
            async for ids in walk:
                found.update(ids)
                self._tell(leg)
                if len(found) > self._most:
                    break
        if walk.left_out or not walk.finished:
            return found, Incomplete.ENDLESS
        return found, walk.incomplete

    async def _cover(self, leg: Leg) -> bool:
        """Read all that a leg finds, round the platform's wall; return whether that worked."""
        _, incomplete = await self._walk(leg)
        if incomplete is not Incomplete.WALL or self.is_endless:
            return incomplete is None
        if await self._meet(leg, SortField.CREATED):
            return True
        if parts := split_leg(leg):
            covered = [await self._cover_part(part) for part in parts]
            return all(covered) and covers_all(leg, parts, self._types)
        for field in _MORE_ENDS:
            if await self._meet(leg, field):
                return True
        return False

    async def _cover_part(self, part: Leg) -> bool:
        """Cover a narrower leg; a type that the platform does not know holds nothing."""
        try:
            return await self._cover(part)
        except Rejected:
            return part.request.type not in self._types

    async def _meet(self, leg: Leg, field: SortField) -> bool:
        """Read a leg from both ends of a sort; return whether they meet."""
        first, last = ends_of(leg, field)
        one, incomplete = await self._walk(first)
        if incomplete is None or self.is_endless:
            return incomplete is None
        other, incomplete = await self._walk(last)
        return incomplete is None or not one.isdisjoint(other)

    async def _walk(self, leg: Leg) -> tuple[set[AssetId], Incomplete | None]:
        """Read one search; return the ids that it found, and why it ended early if it did."""
        found: set[AssetId] = set()
        if self.is_endless:
            return found, Incomplete.ENDLESS
        # A page may have been asked for long before it is read here. An edit in between is newer,
        # and must not be overwritten: so each page is dated by when it was asked for at the latest.
        asked_at = deque([time.time()], maxlen=2 * PREFETCH + 2)
        async with self._client.iter_pages(leg.request, prefetch=PREFETCH) as walk:
            async for page in walk:
                ids = [asset.id for asset in page]
                found.update(ids)
                self.seen.update(ids)
                self._types.update(asset.type for asset in page)
                await self._enqueue(leg, page, asked_at[0])
                asked_at.append(time.time())
                await anyio.lowlevel.checkpoint()  # parsing the next page takes a while
                self._saying_nothing += sum(map(tells_nothing, page))
                if len(self.seen) > self._most or self._saying_nothing > MOST_UNTOLD:
                    self.is_endless = True
                    break
        self.left_out |= walk.left_out
        self.is_endless = self.is_endless or walk.incomplete is Incomplete.ENDLESS
        return found, Incomplete.ENDLESS if self.is_endless else walk.incomplete

    async def _enqueue(self, leg: Leg, page: tuple[Asset, ...], asked_at: float) -> None:
        """Have a page written; go on once there is not too much to be written."""
        self._unwritten_bytes += _count_bytes(page)
        await self._queue.send((leg, page, asked_at))
        while self._unwritten_bytes > _HEAVY_BYTES:
            self._wrote = anyio.Event()
            await self._wrote.wait()

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[None]:
        """Write the pages that are queued meanwhile to the catalog, and all of them by the end."""
        send, receive = anyio.create_memory_object_stream[_Written](QUEUED_PAGES)
        self._queue = send
        with plain_errors():
            async with anyio.create_task_group() as group:
                group.start_soon(self._write_queued, receive)
                async with send:
                    yield

    async def _write_queued(self, receive: MemoryObjectReceiveStream[_Written]) -> None:
        async with receive:
            async for leg, assets, asked_at in receive:
                await self._write([Record(asset, leg.marks, asked_at) for asset in assets])
                self._unwritten_bytes -= _count_bytes(assets)
                self._wrote.set()
                self._tell(leg)

    async def _write(self, records: Sequence[Record]) -> None:
        context = self._context
        await context.run(context.catalog.upsert, records, generation=self._generation)
        context.bus.publish(RowsChanged())

    def _tell(self, leg: Leg) -> None:
        self._pages += 1
        self._context.bus.publish(
            SyncProgressed(leg.stage, len(self.seen), self._pages, self._known)
        )


def _count_bytes(page: Sequence[Asset]) -> int:
    return sum(len(asset.raw) for asset in page)
