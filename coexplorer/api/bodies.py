"""Reads the bodies of replies up to a limit, however well they were compressed (RFC 9110, 8.4).

A megabyte of gzip can hold a gigabyte, and gzip inside gzip has no limit at all. So decompression
stops at the limit, and a body that is compressed twice is refused.
"""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator
from typing import Final

import msgspec

ACCEPTED: Final = "gzip"
"""What is asked for (``Accept-Encoding``)."""

_GZIP_OR_ZLIB: Final = 32 + zlib.MAX_WBITS


class Body(msgspec.Struct, frozen=True):
    """What was read of a reply.

    Attributes:
        cut: There was more.
    """

    content: bytes
    cut: bool


async def read_body(chunks: AsyncIterator[bytes], encoding: str, most: int) -> Body:
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
            return Body(bytes(content[:most]), cut=True)
    if unpacker is not None and packed and not unpacker.eof:
        raise ValueError("a reply that ends too early")
    return Body(bytes(content), cut=False)


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
