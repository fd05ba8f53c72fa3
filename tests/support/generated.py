"""Files of any length that nobody stores: each byte follows from the seed and its offset."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import lru_cache

import anyio
import anyio.lowlevel

from coexplorer.errors import Conflict

_PIECE = 65_536


@lru_cache(maxsize=512)
def _make_piece(seed: int, number: int) -> bytes:
    return random.Random(seed * 1_000_003 + number).randbytes(_PIECE)


def generate(seed: int, offset: int, size: int) -> bytes:
    """Return bytes of the file of a seed."""
    first, last = offset // _PIECE, (offset + size) // _PIECE
    content = b"".join(_make_piece(seed, number) for number in range(first, last + 1))
    start = offset - first * _PIECE
    return content[start : start + size]


class GeneratedOrigin:
    """A file that is generated, and notes what is asked of it.

    Attributes:
        asked: Offset and size of each request.
        given_bytes: How many bytes were sent in all.
        under_way: Requests at this moment.
        most_under_way: The most that there were at once.
        cut_off: Requests that were left before their end.
        trouble: Called before each piece with the request's offset and how much of it was sent; it
            may raise, or wait.
        now: The ETag of what is there now.
    """

    def __init__(self, size: int, *, seed: int = 1, etag: str = '"1"', chunk: int = 50_000) -> None:
        self.size = size
        self.etag = ""
        self.seed = seed
        self.now = etag
        self.asked: list[tuple[int, int]] = []
        self.given_bytes = 0
        self.under_way = self.most_under_way = self.cut_off = 0
        self.trouble: Callable[[int, int], object] | None = None
        self.gate: anyio.Event | None = None
        self._chunk = chunk

    @asynccontextmanager
    async def read(self, offset: int, size: int) -> AsyncIterator[AsyncIterator[bytes]]:
        assert offset >= 0
        assert size > 0
        assert offset + size <= self.size, "nobody may ask for what is not there"
        self.asked.append((offset, size))
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        whole = False
        pieces = self._send(offset, size)
        try:
            await anyio.lowlevel.checkpoint()
            if self.etag and self.etag != self.now:
                raise Conflict("another version", hint="")
            self.etag = self.now
            yield pieces
            whole = True
        finally:
            self.under_way -= 1
            self.cut_off += not whole
            await pieces.aclose()

    async def _send(self, offset: int, size: int) -> AsyncGenerator[bytes]:
        seed, sent = self.seed, 0
        while sent < size:
            if self.gate is not None:
                await self.gate.wait()
            await anyio.lowlevel.checkpoint()
            if self.trouble is not None:
                self.trouble(offset, sent)
            piece = generate(seed, offset + sent, min(self._chunk, size - sent))
            self.given_bytes += len(piece)
            yield piece
            sent += len(piece)
