"""Cache files on the disk: one for each segment of a file. Blocks.

Who reads takes no lock: a cache file's first page never changes, and every block has its mark. Who
writes holds the cache's lock (`BlockCache`), under which alone files are made and removed.
"""

from __future__ import annotations

import contextlib
import os
import struct
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from coexplorer.remote_files.blocks import (
    BLOCK_BYTES,
    DATA_START,
    MARK_BYTES,
    PAGE_BYTES,
    CacheKey,
    Version,
    build_header,
    build_mark,
    find_runs,
    read_header,
)

_TOUCH_S: Final = 60.0
"""So often at most it is noted that a file is still in use."""

_NO_WAIT: Final = getattr(os, "RWF_NOWAIT", 0)
"""Reads only what the system has in memory (Linux); 0: nobody can tell."""


class WouldWait(Exception):
    """What was asked for is on the disk, and not in the system's memory."""


class Segment:
    """An open cache file. It is closed when nobody holds it, so no thread meets another's file."""

    def __init__(self, path: Path, descriptor: int, version: Version) -> None:
        self.path = path
        self.version = version
        self.descriptor = descriptor
        self._touched = 0.0

    def __del__(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.descriptor)

    @property
    def is_alive(self) -> bool:
        """Whether the file still has its name; else another process has removed it."""
        with contextlib.suppress(OSError):
            return os.fstat(self.descriptor).st_nlink > 0
        return False

    @property
    def used_bytes(self) -> int:
        """What it takes on the disk."""
        return os.fstat(self.descriptor).st_blocks * 512

    def read_marks(self, first: int, stop: int, *, may_wait: bool = True) -> tuple[int, ...]:
        """Return the marks of blocks by their numbers in this segment; 0: it is not here."""
        raw = bytearray((stop - first) * MARK_BYTES)
        self._read_into(memoryview(raw), PAGE_BYTES + first * MARK_BYTES, may_wait=may_wait)
        return struct.unpack(f"<{stop - first}I", raw)

    def read(self, base: int, first: int, stop: int, *, may_wait: bool) -> dict[int, memoryview]:
        """Return those of some blocks that are here and whole, by their numbers in the file.

        Args:
            base: Number of the segment's first block in the file.
            first: The first block to look for, by its number in this segment.
            stop: The one after the last.
            may_wait: Also what has to be read from the disk itself.

        Raises:
            WouldWait: It must not wait, and would have to.
            OSError: The disk can't be read.
        """
        marks = self.read_marks(first, stop, may_wait=may_wait)
        here = (first + place for place, mark in enumerate(marks) if mark)
        found: dict[int, memoryview] = {}
        for run in find_runs(here):
            size = self._find_size(base, run)
            content = memoryview(bytearray(size))
            place = DATA_START + run.start * BLOCK_BYTES
            count = self._read_into(content, place, may_wait=may_wait)
            for number in run:
                start = (number - run.start) * BLOCK_BYTES
                block = content[start : min(start + BLOCK_BYTES, size)]
                whole = start + len(block) <= count
                if whole and build_mark(base + number, block) == marks[number - first]:
                    found[base + number] = block
                else:
                    self._clear(number)
        if found:
            self._touch()
        return found

    def _find_size(self, base: int, run: range) -> int:
        """Return how many bytes a run of blocks has: the last block of a file may be shorter."""
        start, stop = (base + run.start) * BLOCK_BYTES, (base + run.stop) * BLOCK_BYTES
        return min(stop, self.version.size) - start

    def _read_into(self, content: memoryview, offset: int, *, may_wait: bool) -> int:
        if may_wait:
            return _read_whole(self.descriptor, content, offset)
        if not _NO_WAIT:
            raise WouldWait
        try:
            count = os.preadv(self.descriptor, [content], offset, _NO_WAIT)
        except OSError:  # EAGAIN, or a file system that can't tell
            raise WouldWait from None
        if count < len(content):
            raise WouldWait
        return count

    def _clear(self, place: int) -> None:
        """Take the mark away from a block that does not fit it."""
        with contextlib.suppress(OSError):
            os.pwrite(self.descriptor, bytes(MARK_BYTES), PAGE_BYTES + place * MARK_BYTES)

    def _touch(self) -> None:
        """Note that it was read, for those who choose what goes first."""
        now = time.monotonic()
        if now - self._touched > _TOUCH_S or not self._touched:
            self._touched = now
            with contextlib.suppress(OSError):
                os.utime(self.descriptor)

    def write(self, base: int, first: int, blocks: Sequence[bytes]) -> None:
        """Put blocks here, each marked after it is whole.

        Args:
            base: Number of the segment's first block in the file.
            first: Number of the first of them in this segment.
            blocks: They follow each other.

        Raises:
            OSError: The disk is full, or broken; what was marked is whole.
        """
        marks = [build_mark(base + first + n, block) for n, block in enumerate(blocks)]
        if self.read_marks(first, first + len(blocks)) == tuple(marks):
            return  # another process was faster
        content = b"".join(blocks)
        _write_whole(self.descriptor, content, DATA_START + first * BLOCK_BYTES)
        packed = struct.pack(f"<{len(marks)}I", *marks)
        _write_whole(self.descriptor, packed, PAGE_BYTES + first * MARK_BYTES)

    def empty(self) -> None:
        """Give its room on the disk back, whoever still has it open, and take its name away."""
        with contextlib.suppress(OSError):
            os.ftruncate(self.descriptor, 0)
        with contextlib.suppress(OSError):
            self.path.unlink()


def open_segment(path: Path, key: CacheKey, number: int) -> Segment | None:
    """Open a cache file; None: there is none, or it is not to be believed.

    Raises:
        OSError: The disk can't be read.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        return None
    segment = Segment(path, descriptor, Version(0, ""))
    version = read_header(os.pread(descriptor, PAGE_BYTES, 0), key, number)
    if version is None:
        return None
    segment.version = version
    return segment


def make_segment(path: Path, key: CacheKey, number: int, version: Version) -> Segment | None:
    """Make a cache file in the place of whatever has its name; None: such a version has none.

    Raises:
        OSError: It can't be written.
    """
    header = build_header(key, number, version)
    if header is None:
        return None
    unfinished = path.with_suffix(".new")
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(unfinished, flags, 0o600)
    segment = Segment(unfinished, descriptor, version)
    try:
        _write_whole(descriptor, header, 0)
        unfinished.rename(path)
    except OSError:
        segment.empty()
        raise
    segment.path = path
    return segment


def empty_file(path: Path) -> None:
    """Remove a cache file, and give its room back even where a process still has it open."""
    with contextlib.suppress(OSError):
        os.truncate(path, 0)
    with contextlib.suppress(OSError):
        path.unlink()


def _read_whole(descriptor: int, content: memoryview, offset: int) -> int:
    done = 0
    while done < len(content):
        count = os.preadv(descriptor, [content[done:]], offset + done)
        if count == 0:
            break
        done += count
    return done


def _write_whole(descriptor: int, content: bytes, offset: int) -> None:
    left = memoryview(content)
    while left:
        count = os.pwrite(descriptor, left, offset)
        left = left[count:]
        offset += count
