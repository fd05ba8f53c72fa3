"""Walks all pages of a search, fetching the next ones while one is read.

`paging` decides; this is the short driver that does the waiting.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Generic, Self, TypeVar

import anyio
import anyio.lowlevel
import msgspec
from anyio.abc import TaskGroup
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from coexplorer.api.paging import Incomplete, Pager, PageStart, Step, build_windows
from coexplorer.api.wire import Envelope
from coexplorer.errors import ApiError
from coexplorer.models import AssetId

FetchEnvelope = Callable[[PageStart], Awaitable[Envelope]]
_Item = tuple[Envelope, Step] | ApiError
_PIECE = 10
"""Rows parsed at a time: a whole page takes 30 ms, and a mount or a screen shares this thread."""

_MOST_LEFT_OUT = 10_000

_HEAVY_BYTES = 4 * 1024 * 1024
"""So much may wait to be read, of which a usual page of 1,000 rows has a third."""

Row = TypeVar("Row")


class Walk(Generic[Row]):
    """Pages of one search, in order, without the rows that the platform repeats.

    Used plainly (``async for rows in walk``) it asks for one page at a time. Inside
    ``async with walk:`` further pages are on their way while one is read.

    Args:
        fetch: Fetches one page.
        parse: Reads rows of a page.
        id_of: Tells which asset a row is of.
        limit: Rows a page, within 1 and 1000.
        prefetch: Pages that may be on their way or waiting, in ``async with``. Platforms that count
            by offset are asked for this many at once; where a token leads from page to page there
            is one request at a time.
        offset: Rows to leave out at the start.
        growth: See `Pager`; for walks that may end early, and one page at a time.

    Attributes:
        finished: Whether the walk has ended of itself.
        incomplete: Why it ended although the platform has more; None otherwise.
        left_out: Rows that name no asset, as far as they differ from each other.
    """

    def __init__(
        self,
        fetch: FetchEnvelope,
        parse: Callable[[Sequence[bytes | msgspec.Raw]], Sequence[Row]],
        id_of: Callable[[Row], AssetId],
        *,
        limit: int,
        prefetch: int = 1,
        offset: int = 0,
        growth: int = 1,
    ) -> None:
        self.finished = False
        self.incomplete: Incomplete | None = None
        self.left_out: set[bytes] = set()
        self._fetch = fetch
        self._parse = parse
        self._id_of = id_of
        self._prefetch = max(1, prefetch)
        self._pager = Pager(limit, growth)
        self._next: PageStart | None = PageStart(offset, limit)
        self._group: TaskGroup | None = None
        self._send: MemoryObjectSendStream[_Item] | None = None
        self._receive: MemoryObjectReceiveStream[_Item] | None = None
        self._held_bytes = 0
        self._is_heavy = False
        self._taken = anyio.Event()

    @property
    def complete(self) -> bool:
        """Whether everything that the search finds has been read."""
        return self.finished and self.incomplete is None

    async def __aenter__(self) -> Self:
        self._send, self._receive = anyio.create_memory_object_stream[_Item](self._prefetch)
        self._group = await anyio.create_task_group().__aenter__()
        self._group.start_soon(self._produce, self._send)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        if self._group is None or self._send is None or self._receive is None:
            raise RuntimeError("the walk was not entered")
        with self._send, self._receive:
            self._group.cancel_scope.cancel()
            if isinstance(error, Exception):
                # The caller's own error: it goes on as it is, not wrapped in a group.
                await self._group.__aexit__(None, None, None)
                return False
            return await self._group.__aexit__(kind, error, traceback)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> tuple[Row, ...]:
        if self._next is None:
            raise StopAsyncIteration
        if self._receive is None:
            envelope = await self._fetch(self._next)
            step = self._step(self._next, envelope)
        else:
            item = await self._receive.receive()
            if isinstance(item, ApiError):
                self._next = None
                raise item
            envelope, step = item
            self._held_bytes -= _count_bytes(envelope)
            self._taken.set()
        by_id = await self._parse_in_pieces(envelope)
        new = self._pager.keep_new(by_id)
        self._next = step.to
        if step.to is None:
            self.finished = True
            self.incomplete = step.incomplete
        return tuple(row for asset_id, row in by_id.items() if asset_id in new)

    async def _parse_in_pieces(self, envelope: Envelope) -> dict[AssetId, Row]:
        """Parse a page's rows and let others have their turn in between."""
        by_id: dict[AssetId, Row] = {}
        for start in range(0, len(envelope.rows), _PIECE):
            piece = envelope.rows[start : start + _PIECE]
            rows = self._parse(piece)
            for row in rows:
                by_id[self._id_of(row)] = row
            if len(rows) < len(piece):
                self._note_left_out(piece)
            await anyio.lowlevel.checkpoint()
        return by_id

    def _note_left_out(self, piece: Sequence[bytes | msgspec.Raw]) -> None:
        """Remember which rows could not be read, by their digests: they may come again."""
        for row in piece:
            if not self._parse((row,)) and len(self.left_out) < _MOST_LEFT_OUT:
                self.left_out.add(hashlib.sha256(row).digest())

    def _step(self, place: PageStart, envelope: Envelope) -> Step:
        return self._pager.step(
            place,
            rows=len(envelope.rows),
            has_more=envelope.has_more,
            next_token=envelope.next_token,
        )

    async def _produce(self, send: MemoryObjectSendStream[_Item]) -> None:
        place = self._next
        async with send:
            try:
                while place is not None:
                    envelope = await self._fetch(place)
                    step = self._step(place, envelope)
                    await self._hand_on(send, envelope, step)
                    del envelope  # what follows may take long
                    place = step.to
                    if place is not None and place.token is None and self._prefetch > 1:
                        place = await self._produce_windows(place, send)
            except ApiError as error:
                await send.send(error)

    async def _hand_on(
        self, send: MemoryObjectSendStream[_Item], envelope: Envelope, step: Step
    ) -> None:
        """Give a page to whoever reads; go on once there is not too much to be read."""
        size = _count_bytes(envelope)
        self._is_heavy = self._is_heavy or size > _HEAVY_BYTES
        self._held_bytes += size
        await send.send((envelope, step))
        del envelope
        while self._held_bytes > _HEAVY_BYTES:
            self._taken = anyio.Event()
            await self._taken.wait()

    async def _produce_windows(
        self, start: PageStart, send: MemoryObjectSendStream[_Item]
    ) -> PageStart | None:
        """Fetch by offsets, several at once; return where the guesses went wrong, None at the end.

        Raises:
            ApiError: As the first page that failed.
        """
        guesses = deque(build_windows(start, count=10_000))
        under_way: deque[_Window] = deque()
        async with anyio.create_task_group() as group:
            place: PageStart | None = start
            while place is not None:
                while guesses and len(under_way) < (1 if self._is_heavy else self._prefetch):
                    window = _Window(guesses.popleft())
                    under_way.append(window)
                    group.start_soon(window.run, self._fetch)
                if not under_way or under_way[0].place != place:
                    break
                outcome = await under_way.popleft().result()
                if isinstance(outcome, ApiError):
                    await send.send(outcome)
                    place = None
                    break
                step = self._step(place, outcome)
                await self._hand_on(send, outcome, step)
                del outcome
                place = step.to
            group.cancel_scope.cancel()
        return place


def _count_bytes(envelope: Envelope) -> int:
    return sum(len(memoryview(row)) for row in envelope.rows)


class _Window:
    """One page on its way."""

    def __init__(self, place: PageStart) -> None:
        self.place = place
        self._done = anyio.Event()
        self._outcome: Envelope | ApiError | None = None

    async def run(self, fetch: FetchEnvelope) -> None:
        """Fetch the page; an error waits until the page's turn comes."""
        try:
            self._outcome = await fetch(self.place)
        except ApiError as error:
            self._outcome = error
        self._done.set()

    async def result(self) -> Envelope | ApiError:
        """Wait for what came of it."""
        await self._done.wait()
        if self._outcome is None:
            raise RuntimeError("a page was awaited that nobody fetched")
        return self._outcome
