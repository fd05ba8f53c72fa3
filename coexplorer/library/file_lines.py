"""Finds lines in a file that is read in parts: no more of it is read than they take."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final, Protocol

_FIRST_BYTES: Final = 64 * 1024
_MOST_BYTES: Final = 4 * 1024 * 1024
_EVEN_BYTES: Final = 1024 * 1024


class ReadsParts(Protocol):
    """What can be read in parts, such as `coexplorer.remote_files.FileReader`.

    Attributes:
        size: Bytes of the whole.
    """

    size: int

    async def read(self, offset: int, size: int) -> bytes:
        """Return some bytes of it."""
        ...


async def read_part(file: ReadsParts, start: int, stop: int) -> AsyncIterator[bytes]:
    """Yield the bytes from `start` up to `stop`, in pieces: small ones first.

    Raises:
        ApiError: They can't be read.
    """
    stop = min(stop, file.size)
    piece = _FIRST_BYTES
    while start < stop:
        content = await file.read(start, min(piece, stop - start))
        yield content
        start += len(content)
        piece = min(_EVEN_BYTES, piece * 2)


async def read_first_lines(file: ReadsParts, count: int) -> AsyncIterator[bytes]:
    """Yield the first lines of a file, in pieces.

    Raises:
        ApiError: They can't be read.
    """
    if not count:
        return
    async for content in read_part(file, 0, file.size):
        found = content.count(b"\n")
        if found >= count:
            yield content[: _find_nth(content, count)]
            return
        count -= found
        yield content


async def find_line(file: ReadsParts, number: int) -> int:
    """Return where a line begins, counted from 1; the end of the file where it has fewer.

    Raises:
        ApiError: The file can't be read.
    """
    before, at = number - 1, 0
    if before < 1:
        return 0
    async for content in read_part(file, 0, file.size):
        found = content.count(b"\n")
        if found >= before:
            return at + _find_nth(content, before)
        before -= found
        at += len(content)
    return file.size


async def find_last_lines(file: ReadsParts, count: int) -> int:
    """Return where the last lines of a file begin; it is read from its end.

    Raises:
        ApiError: It can't be read.
    """
    if not count:
        return file.size
    stop, step = file.size, _FIRST_BYTES
    while stop:
        start = max(0, stop - step)
        content = await file.read(start, stop - start)
        if stop == file.size:  # the end of the last line begins no other
            content = content.removesuffix(b"\n")
        found = content.count(b"\n")
        if found >= count:
            return start + _find_nth(content, found - count + 1)
        count -= found
        stop, step = start, min(_MOST_BYTES, step * 2)
    return 0


def _find_nth(content: bytes, number: int) -> int:
    """Return what is behind the n-th end of a line (pure)."""
    at = 0
    for _ in range(number):
        at = content.index(b"\n", at) + 1
    return at
