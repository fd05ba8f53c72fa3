"""How much to ask for, from what was read before: pure.

A reader may follow several threads through a file at once: programs seek back and forth between an
index and what it points to, and a kernel asks for pieces out of order. So each stretch of the file
that is read goes by itself (`_Stretch`).
"""

from __future__ import annotations

from typing import Final

import msgspec

from coexplorer.remote_files.blocks import BLOCK_BYTES, find_blocks

FIRST_BYTES: Final = 256 * 1024
"""What a first read asks for, and where a stretch begins to go on in order."""

LARGEST_BYTES: Final = 16 * 1024 * 1024
MOST_AHEAD: Final = 4
"""Requests that a reader may have on their way before their bytes are wanted."""

SMALL_BYTES: Final = 32 * 1024
"""A shorter read is one of an index, where more of it is wanted around the same place soon."""

PIECE_BYTES: Final = 128 * 1024
"""A kernel asks for what a program reads in pieces of this size: more of it comes, as a rule."""

_FORWARD_BYTES: Final = 512 * 1024
_LEAST_AHEAD_BYTES: Final = 1024 * 1024
_AHEAD_FROM_BYTES: Final = 1536 * 1024
"""So much has to be read in order before anything is fetched that nobody waits for."""

_AROUND_BYTES: Final = 512 * 1024
_WIDE_BYTES: Final = 1024 * 1024
_NARROW_READS: Final = 3
"""So many small reads ask for the narrower surroundings; whoever reads more walks an index."""

_SPARE_BYTES: Final = 4 * 1024 * 1024
"""So much may be asked for around small reads before any of it turns out to be of use."""

_MOST_TOUCHED: Final = 65_536
_MOST_STRETCHES: Final = 8
_NEAR_BYTES: Final = 128 * 1024
"""What begins so near to what was read goes on with it."""


class ReadPlan(msgspec.Struct, frozen=True):
    """What to ask for beside what is read.

    Attributes:
        start: Where to begin, if something is missing: at the read, or before it.
        stop: How far to go then.
        ahead: What to fetch although it is not wanted yet, by its first byte and the one after its
            last; empty: nothing.
        step: How many bytes each of the requests for that asks for.
    """

    start: int
    stop: int
    ahead: range = range(0)
    step: int = LARGEST_BYTES


class _Stretch:
    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        self.window = 0
        self.in_order = end - start
        self.asked = end
        self.reads = 1

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
        self._spare = _SPARE_BYTES
        self._around = 0
        self._touched: set[int] = set()

    def note(self, offset: int, size: int, *, is_missing: bool) -> ReadPlan:
        """Note a read and say what to ask for.

        Args:
            offset: Its first byte.
            size: Its length.
            is_missing: Something has to be asked for because of it.
        """
        end = offset + size
        is_first, self._is_first = self._is_first, False
        self._note_use(find_blocks(offset, size), is_missing=is_missing)
        found = next((s for s in reversed(self._stretches) if s.goes_on(offset)), None)
        if found is None:
            found = _Stretch(offset, end)
            self._add(found)
            if end >= self._size and offset > FIRST_BYTES:
                # An index at the end: of a zip, a Parquet file. It is longer than its last bytes.
                return ReadPlan(max(0, self._size - FIRST_BYTES), self._size)
            if is_first and is_missing:
                plan = self._plan(found, offset, end, is_missing=True)
                # What is at the start is wanted anyway: programs tell the kind of file by it.
                return ReadPlan(0 if offset < FIRST_BYTES else plan.start, plan.stop)
            if is_missing and size <= SMALL_BYTES:
                return self._plan_around(offset, end)
            if is_missing and BLOCK_BYTES < size <= PIECE_BYTES:
                return self._plan_forward(found, offset, end)
            return ReadPlan(offset, end)
        self._stretches.remove(found)
        self._stretches.append(found)
        if offset <= found.end < end:
            found.in_order += end - max(found.end, offset)
        found.end = max(found.end, end)
        found.reads += 1
        return self._plan(found, offset, end, is_missing=is_missing)

    def _note_use(self, blocks: range, *, is_missing: bool) -> None:
        """Note which blocks were of use: what was asked for around others may pay off."""
        new = [number for number in blocks if number not in self._touched]
        if new and not is_missing:
            self._spare = min(_SPARE_BYTES, self._spare + 2 * BLOCK_BYTES * len(new))
        if len(self._touched) > _MOST_TOUCHED:
            self._touched.clear()
        self._touched.update(new)

    def _plan_around(self, offset: int, end: int) -> ReadPlan:
        """Ask for what lies around a small read, as long as that seems to be of use."""
        if self._spare <= 0:
            return ReadPlan(offset, end)
        width = _AROUND_BYTES if self._around < _NARROW_READS else _WIDE_BYTES
        self._around += 1
        self._spare -= width
        start = offset // width * width
        return ReadPlan(start, min(self._size, max(end, start + width)))

    def _plan_forward(self, stretch: _Stretch, offset: int, end: int) -> ReadPlan:
        """Ask for what may follow a piece, as long as that seems to be of use."""
        if self._spare <= 0:
            return ReadPlan(offset, end)
        self._spare -= _FORWARD_BYTES - (end - offset)
        stretch.window = _FORWARD_BYTES
        stretch.asked = min(self._size, offset + _FORWARD_BYTES)
        return ReadPlan(offset, stretch.asked)

    def _add(self, stretch: _Stretch) -> None:
        self._stretches.append(stretch)
        del self._stretches[:-_MOST_STRETCHES]

    def note_known(self, offset: int, size: int) -> None:
        """Note a read of what is here already, for which nothing can be asked any more."""
        plan = self.note(offset, size, is_missing=False)
        if plan.ahead:
            self.note_not_asked(plan.ahead.start)

    def note_not_asked(self, start: int) -> None:
        """Note that what was to be fetched ahead is not, from there on."""
        for stretch in self._stretches:
            if stretch.start <= start < stretch.asked:
                stretch.asked = start

    def _plan(self, stretch: _Stretch, offset: int, end: int, *, is_missing: bool) -> ReadPlan:
        stop = end
        if is_missing:
            stretch.window = min(LARGEST_BYTES, max(FIRST_BYTES, 2 * stretch.window))
            stop = min(self._size, max(end, offset + stretch.window))
        stretch.asked = max(stretch.asked, stop)
        has_gaps = stretch.in_order < stretch.end - stretch.start
        if stretch.reads == 1 or stretch.in_order < _AHEAD_FROM_BYTES or has_gaps:
            return ReadPlan(offset, stop)
        # Never more ahead than was read in order: what is asked for in vain is less than that.
        step = min(LARGEST_BYTES, max(_LEAST_AHEAD_BYTES, stretch.in_order // 2))
        reach = min(self._size, stretch.end + min(MOST_AHEAD * step, stretch.in_order))
        room = reach - stretch.asked
        # Not a little more after every read: a good part of what one request brings.
        if room < step // 2 and reach < self._size:
            return ReadPlan(offset, stop)
        ahead = range(stretch.asked, reach)
        stretch.asked = reach  # at once: another read may come before this one is carried out
        return ReadPlan(offset, stop, ahead, step)
