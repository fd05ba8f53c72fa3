"""How much to ask for, from what was read before: pure.

A reader may follow several threads through a file at once: programs seek back and forth between an
index and what it points to, and a kernel asks for pieces out of order. So each stretch of the file
that is read goes by itself (`_Stretch`).
"""

from __future__ import annotations

from typing import Final

import msgspec

FIRST_BYTES: Final = 256 * 1024
"""What a first read asks for, and where a stretch begins to go on in order."""

LARGEST_BYTES: Final = 16 * 1024 * 1024
MOST_AHEAD: Final = 4
"""Requests that a reader may have on their way before their bytes are wanted."""

_MOST_STRETCHES: Final = 8
_NEAR_BYTES: Final = 128 * 1024
"""What begins so near to what was read goes on with it."""


class ReadPlan(msgspec.Struct, frozen=True):
    """What to ask for beside what is read.

    Attributes:
        start: Where to begin, if something is missing: at the read, or before it.
        stop: How far to go.
        ahead: How far what is not wanted yet may be fetched; not beyond `stop`: nothing is.
        step: How many bytes each of those requests asks for.
    """

    start: int
    stop: int
    ahead: int = 0
    step: int = LARGEST_BYTES


class _Stretch:
    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.window = 0
        self.in_order = end - start

    def goes_on(self, offset: int) -> bool:
        slack = max(_NEAR_BYTES, self.window)
        return self.start <= offset <= self.end + slack


class Pattern:
    """What one reader has read.

    Args:
        size: Bytes of the whole file.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._stretches: list[_Stretch] = []
        self._is_first = True

    def note(self, offset: int, size: int, *, is_missing: bool) -> ReadPlan:
        """Note a read and say what to ask for.

        Args:
            offset: Its first byte.
            size: Its length.
            is_missing: Something has to be asked for because of it.
        """
        end = offset + size
        is_first, self._is_first = self._is_first, False
        found = next((s for s in reversed(self._stretches) if s.goes_on(offset)), None)
        if found is None:
            found = _Stretch(offset, end)
            self._add(found)
            if end >= self._size and offset > FIRST_BYTES:
                # An index at the end: of a zip, a Parquet file. It is longer than its last bytes.
                return ReadPlan(max(0, self._size - FIRST_BYTES), self._size)
            if is_first and is_missing:
                found.window = FIRST_BYTES
                return ReadPlan(offset, max(end, min(self._size, offset + FIRST_BYTES)))
            return ReadPlan(offset, end)
        self._stretches.remove(found)
        self._stretches.append(found)
        if offset <= found.end < end:
            found.in_order += end - max(found.end, offset)
        found.end = max(found.end, end)
        if is_missing:
            found.window = min(LARGEST_BYTES, max(FIRST_BYTES, 2 * found.window))
        return self._plan(found, offset, end)

    def _add(self, stretch: _Stretch) -> None:
        self._stretches.append(stretch)
        del self._stretches[:-_MOST_STRETCHES]

    def _plan(self, stretch: _Stretch, offset: int, end: int) -> ReadPlan:
        stop = min(self._size, max(end, offset + stretch.window))
        if stretch.in_order < FIRST_BYTES or stretch.in_order < stretch.end - stretch.start:
            return ReadPlan(offset, stop)
        # Never more ahead than was read in order: what is asked for in vain is less than that.
        step = min(LARGEST_BYTES, max(FIRST_BYTES, stretch.in_order // 2))
        distance = min(MOST_AHEAD * step, stretch.in_order)
        return ReadPlan(offset, max(end, offset), min(self._size, stretch.end + distance), step)
