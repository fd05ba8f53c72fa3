"""What a request carries, and what of its reply is read: bounded in bytes, pieces and time.

A megabyte of gzip can hold a gigabyte, and gzip inside gzip has no limit at all. So decompression
stops at the limit, and a body that is compressed twice is refused (RFC 9110, 8.4).
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final, Self

import anyio
import httpx
import msgspec

from coexplorer.api.failures import Failed, FailureKind, build_unreachable
from coexplorer.api.limits import Bounds, Timeouts
from coexplorer.api.network import RAISED, Network

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


class GivenBody(httpx.AsyncByteStream):
    """The body of a request, given at once.

    httpx's own is a generator; where the connection breaks before it is exhausted it is left to
    the garbage collector, which trio complains about.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Once(self._content)


class _Once:
    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        content, self._content = self._content, None
        if not content:
            raise StopAsyncIteration
        return content


class Chunks:
    """The body of a reply on its way, with our errors instead of httpx's."""

    def __init__(self, response: httpx.Response, network: Network, *, writes: bool) -> None:
        self._response = response
        self._network = network
        self._writes = writes
        self._raw = response.aiter_raw()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._raw)
        except RAISED as error:
            url = str(self._response.url)
            failure = self._network.describe(error, url, writes=self._writes)
            raise Failed(failure) from None

    async def aclose(self) -> None:
        """Close the connection, then run the generators inside httpx to their end.

        It leaves an unfinished body to the garbage collector, which trio complains about.
        """
        with anyio.CancelScope(shield=True):
            await self._response.aclose()
            with suppress(httpx.HTTPError, httpx.StreamError):
                async for _chunk in self._raw:
                    pass


class HurriedChunks:
    """The body of a reply, as long as it comes fast enough, and in pieces worth reading."""

    def __init__(
        self, chunks: AsyncIterator[bytes], timeouts: Timeouts, bounds: Bounds, *, writes: bool
    ) -> None:
        self._chunks = chunks
        self._timeouts = timeouts
        self._bounds = bounds
        self._writes = writes
        self._started = anyio.current_time()
        self._received = 0
        self._pieces = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self._received += len(chunk)
        self._pieces += 1
        if self._bounds.is_crumbled(self._pieces, self._received):
            raise ValueError(f"it comes in {self._pieces:,} pieces of a few bytes")
        if self._timeouts.is_drip(self._received, anyio.current_time() - self._started):
            reason = f"its answer comes too slowly ({self._received:,} bytes so far)"
            raise Failed(build_unreachable(reason, kind=FailureKind.SILENT, writes=self._writes))
        return chunk


class ReadBody(msgspec.Struct, frozen=True):
    """What was read of a reply.

    Attributes:
        cut: There was more.
    """

    content: bytes
    cut: bool


async def read_body(chunks: AsyncIterator[bytes], encoding: str, most: int) -> ReadBody:
    """Read a body up to `most` bytes.

    Args:
        chunks: As they came.
        encoding: The header ``Content-Encoding``.
        most: Bytes after unpacking.

    Raises:
        ValueError: It is packed in a way that was not asked for, or wrongly.
    """
    unpacker = _find_unpacker(encoding)
    content = bytearray()
    packed = False
    async for chunk in chunks:
        packed = packed or bool(chunk)
        room = most - len(content) + 1
        content += chunk[:room] if unpacker is None else _unpack(unpacker, chunk, room)
        if len(content) > most:
            return ReadBody(bytes(content[:most]), cut=True)
    if unpacker is not None and packed and not unpacker.eof:
        raise ValueError("a reply that ends too early")
    return ReadBody(bytes(content), cut=False)


def _find_unpacker(encoding: str) -> zlib._Decompress | None:
    match encoding.strip().lower():
        case "" | "identity":
            return None
        case "gzip" | "x-gzip" | "deflate":
            return zlib.decompressobj(_GZIP_OR_ZLIB)
    raise ValueError("a reply compressed in a way that was not asked for")


def _unpack(unpacker: zlib._Decompress, chunk: bytes, room: int) -> bytes:
    if unpacker.eof:
        return b""
    try:
        return unpacker.decompress(chunk, room)
    except zlib.error:
        raise ValueError("a reply that can't be decompressed") from None
