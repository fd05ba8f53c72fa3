"""What is in a zip archive, from the directory at its end; nothing is unpacked. Pure."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final, NamedTuple

TAIL_BYTES: Final = 22 + 20 + 56 + 65_535
"""The end of an archive: its last record with the longest comment, and those of Zip64."""

_END: Final = struct.Struct("<4s4H2LH")
_END64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_ENTRY: Final = struct.Struct("<4s6H3L5H2L")
_LARGE: Final = 0xFFFFFFFF
_UTF8: Final = 0x800


class Directory(NamedTuple):
    """Where the directory of an archive is.

    Attributes:
        offset: Of its first byte.
        length: In bytes.
        files: How many files it says it has.
    """

    offset: int
    length: int
    files: int


class Member(NamedTuple):
    """A file in an archive; sizes in bytes."""

    name: str
    size: int
    packed: int
    is_secret: bool


def find_directory(tail: bytes, size: int) -> Directory | None:
    """Find the directory of an archive; None: there is none.

    Args:
        tail: The last bytes of the file, `TAIL_BYTES` of them if it has so many.
        size: Of the whole file.
    """
    at = tail.rfind(b"PK\5\6")
    if at < 0 or len(tail) - at < _END.size:
        return None
    _, _, _, _, count, length, offset, _ = _END.unpack_from(tail, at)
    start = size - len(tail)
    locator = at - _LOCATOR.size
    if _LARGE in (offset, length) or count == 0xFFFF:  # noqa: PLR2004 - Zip64
        if locator < 0 or tail[locator : locator + 4] != b"PK\6\7":
            return None
        place = _LOCATOR.unpack_from(tail, locator)[2] - start
        if place < 0 or place + _END64.size > len(tail) or tail[place : place + 4] != b"PK\6\6":
            return None
        *_, count, length, offset = _END64.unpack_from(tail, place)
    if offset + length > size:
        return None
    return Directory(offset, length, count)


def iter_members(data: bytes) -> Iterator[Member]:
    """Yield the files that a directory, or its beginning, names."""
    at = 0
    while at + _ENTRY.size <= len(data) and data[at : at + 4] == b"PK\1\2":
        fields = _ENTRY.unpack_from(data, at)
        flags, packed, size = fields[3], fields[8], fields[9]
        name_bytes, extra_bytes, comment_bytes = fields[10:13]
        start = at + _ENTRY.size
        name = data[start : start + name_bytes]
        extra = data[start + name_bytes : start + name_bytes + extra_bytes]
        at = start + name_bytes + extra_bytes + comment_bytes
        if at > len(data):
            return
        size, packed = _find_sizes(extra, size, packed)
        text = name.decode("utf-8" if flags & _UTF8 else "cp437", "replace")
        yield Member(text, size, packed, bool(flags & 1))


def _find_sizes(extra: bytes, size: int, packed: int) -> tuple[int, int]:
    """Return the true sizes, which Zip64 puts into an extra field."""
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        if kind == 1:
            values = [
                struct.unpack_from("<Q", extra, place)[0]
                for place in range(at + 4, min(at + 4 + length, len(extra)) - 7, 8)
            ]
            if size == _LARGE and values:
                size = values.pop(0)
            if packed == _LARGE and values:
                packed = values.pop(0)
            break
        at += 4 + length
    return size, packed
