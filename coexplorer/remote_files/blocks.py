"""Blocks of a file, and how a few of them lie in one cache file: pure.

A cache file (a segment) holds up to `SEGMENT_BLOCKS` blocks of one file: a page that says whose
they are, a page of marks, then the blocks, with holes where none is. A mark is the checksum of its
block, and 0 where there is none. It is written after the block, and a block that does not fit its
mark is not there: so neither a process that is killed, nor a power cut, nor a bad disk can make
anybody believe a byte that never came.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

BLOCK_BYTES: Final = 64 * 1024
"""What is fetched, kept and checked as one."""

SEGMENT_BLOCKS: Final = 1024
PAGE_BYTES: Final = 4096
DATA_START: Final = 2 * PAGE_BYTES
MARK_BYTES: Final = 4

_FORMAT: Final = 1
_MAGIC: Final = b"coexblok"
_HEAD: Final = struct.Struct("<8sIIQI16sH")
_CRC: Final = struct.Struct("<I")
_LONGEST_ETAG: Final = 1024


class CacheKey(msgspec.Struct, frozen=True):
    """Which file it is.

    Attributes:
        place: What is forgotten as a whole: an asset of a platform. Places that are forgotten with
            one around them are written with it in front, and a NUL between them.
        name: The file in it, and what else tells it from a former one of the same name.
    """

    place: str
    name: str

    @property
    def folder(self) -> str:
        """The name of the folder of everything that is kept of the place."""
        return name_folder(self.place)

    @property
    def digest(self) -> bytes:
        """What stands for the key in a cache file."""
        return digest(f"{self.place}\0{self.name}")


class Version(msgspec.Struct, frozen=True):
    """Which content of a file it is.

    Attributes:
        size: Bytes of the whole file.
        etag: The origin's mark; empty: it gives none.
    """

    size: int
    etag: str


def name_folder(place: str) -> str:
    """Return the name of the folder of everything that is kept of a place; it may have slashes."""
    return "/".join(digest(level).hex() for level in place.split("\0"))


def digest(text: str) -> bytes:
    """Return 16 bytes that stand for a text, which may hold what no file name can."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def find_blocks(offset: int, size: int) -> range:
    """Return the numbers of the blocks that some bytes lie in."""
    return range(offset // BLOCK_BYTES, -(-(offset + size) // BLOCK_BYTES))


def find_runs(numbers: Iterable[int]) -> Iterator[range]:
    """Put ascending numbers together where they follow each other."""
    first = stop = -1
    for number in numbers:
        if number != stop:
            if stop > first:
                yield range(first, stop)
            first = number
        stop = number + 1
    if stop > first:
        yield range(first, stop)


def build_mark(number: int, block: bytes | memoryview) -> int:
    """Return the mark of a block, never 0. The number is in it: a block elsewhere does not fit."""
    return zlib.crc32(block, number & 0xFFFF_FFFF) or 1


def build_header(key: CacheKey, segment: int, version: Version) -> bytes | None:
    """Write the first page of a cache file; None: such a version can't be kept."""
    etag = version.etag.encode("utf-8", "surrogatepass")
    if len(etag) > _LONGEST_ETAG:
        return None
    head = _HEAD.pack(_MAGIC, _FORMAT, BLOCK_BYTES, version.size, segment, key.digest, len(etag))
    text = head + etag
    return (text + _CRC.pack(zlib.crc32(text))).ljust(PAGE_BYTES, b"\0")


def read_header(page: bytes, key: CacheKey, segment: int) -> Version | None:
    """Read the first page of a cache file; None: it is another's, of another format, or torn."""
    if len(page) != PAGE_BYTES:
        return None
    magic, form, block_bytes, size, number, digested, length = _HEAD.unpack_from(page)
    if (magic, form, block_bytes) != (_MAGIC, _FORMAT, BLOCK_BYTES) or length > _LONGEST_ETAG:
        return None
    end = _HEAD.size + length
    if _CRC.unpack_from(page, end)[0] != zlib.crc32(page[:end]):
        return None
    if (digested, number) != (key.digest, segment):
        return None
    return Version(size, page[_HEAD.size : end].decode("utf-8", "surrogatepass"))
