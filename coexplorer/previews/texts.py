"""Parts of a text file as lines, from its start, its end, or anywhere between.

Only the bytes of a part are read. A line that is longer than any reader wants is cut into several.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from typing import Final

import msgspec

PART_BYTES: Final = 64 * 1024
"""So much is read at once: a slow link takes 8 s for it, and it fills thirty screens."""

LONGEST_LINE: Final = 4096
"""Bytes of a line; what is longer is shown as several."""

MOST_LINES: Final = 20_000
"""Lines that are kept of a file; those at the other end go when more are read."""

Read = Callable[[int, int], Awaitable[bytes]]
"""Reads bytes of a file: from an offset, so many."""


class TextPart(msgspec.Struct, frozen=True):
    """Lines that follow each other.

    Attributes:
        start: Offset of the first byte of the first line.
        lines: The lines, each with the offset behind it (its line end included).
        size: Bytes of the whole file.
    """

    start: int
    lines: tuple[tuple[str, int], ...]
    size: int

    @property
    def stop(self) -> int:
        """Offset of the first byte behind the last line."""
        return self.lines[-1][1] if self.lines else self.start


def split_lines(data: bytes, offset: int, *, at_end: bool) -> Iterator[tuple[str, int]]:
    """Yield the whole lines in `data`, each with the offset behind it.

    Args:
        data: Bytes that begin with a line.
        offset: Where they are in the file.
        at_end: They reach to the file's end, so the last line needs no line end.
    """
    at = 0
    while at < len(data):
        newline = data.find(b"\n", at, at + LONGEST_LINE)
        if newline >= 0:
            stop, text = newline + 1, data[at:newline].removesuffix(b"\r")
        elif len(data) - at >= LONGEST_LINE:
            stop = _cut(data, at, at + LONGEST_LINE)
            text = data[at:stop]
        elif at_end:
            stop, text = len(data), data[at:]
        else:
            return
        yield text.decode("utf-8", "replace"), offset + stop
        at = stop


def _cut(data: bytes, start: int, stop: int) -> int:
    """Return where to cut a long line: not within a character."""
    for back in range(4):
        place = stop - back
        if place >= len(data) or data[place] & 0xC0 != 0x80:  # noqa: PLR2004 - goes on a character
            return max(place, start + 1)
    return stop


async def read_start(read: Read, size: int) -> TextPart:
    """Read the first lines."""
    return await _read_from(read, 0, size)


async def _read_from(read: Read, start: int, size: int) -> TextPart:
    data = await read(start, min(PART_BYTES, size - start))
    at_end = start + len(data) >= size
    return TextPart(start, tuple(split_lines(data, start, at_end=at_end)), size)


async def read_tail(read: Read, size: int) -> TextPart:
    """Read the last lines, by one read at the end of the file."""
    return await _read_until(read, size, size)


async def _read_until(read: Read, stop: int, size: int) -> TextPart:
    start = max(0, stop - PART_BYTES)
    data = await read(start, stop - start)
    if start:
        # It begins in the middle of a line, which may have no end in here.
        cut = data.find(b"\n") + 1 or _cut(data, 0, 1)
        start, data = start + cut, data[cut:]
    return TextPart(start, tuple(split_lines(data, start, at_end=True)), size)


async def read_part_after(read: Read, part: TextPart) -> TextPart:
    """Read the lines that follow a part; it has none where the file ends."""
    return await _read_from(read, part.stop, part.size)


async def read_part_before(read: Read, part: TextPart) -> TextPart:
    """Read the lines before a part; it has none where the file begins."""
    return await _read_until(read, part.start, part.size)


def join_parts(first: TextPart, second: TextPart, *, keep_first: bool) -> TextPart:
    """Put two parts together that follow each other, and let go what is too much.

    Args:
        first: The lines before.
        second: The lines behind.
        keep_first: Too many lines: those at the end go, not those at the beginning.
    """
    lines = first.lines + second.lines
    if len(lines) <= MOST_LINES:
        return TextPart(first.start, lines, first.size)
    if keep_first:
        return TextPart(first.start, lines[:MOST_LINES], first.size)
    gone = len(lines) - MOST_LINES
    return TextPart(lines[gone - 1][1], lines[gone:], first.size)
