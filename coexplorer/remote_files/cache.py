"""The cache on the disk: blocks of files, one for all processes of a user. Its methods block.

All that is written is written under one lock, which is also where its bounds are kept: what the
files take on the disk is counted as they grow, and when the room is used up those that nobody has
read for longest go. A process that can't have the lock soon does without the cache.
"""

from __future__ import annotations

import contextlib
import errno
import os
import struct
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from coexplorer.config.locking import open_lock, try_lock
from coexplorer.config.paths import ensure_private_dir
from coexplorer.remote_files.blocks import (
    BLOCK_BYTES,
    PAGE_BYTES,
    SEGMENT_BLOCKS,
    CacheKey,
    Version,
    name_folder,
)
from coexplorer.remote_files.segments import (
    Segment,
    WouldWait,
    empty_file,
    make_segment,
    open_segment,
)

FREE_SHARE: Final = 0.1
"""This share of the disk stays free."""

_LEFT_SHARE: Final = 0.9
"""What is left of the room when some of it was freed, so that this is not done again at once."""

_LOCK_S: Final = 2.0
"""So long the lock is waited for."""

_PAUSE_S: Final = 30.0
"""So long nothing is written after the disk refused it."""

_OPEN_SEGMENTS: Final = 64
_FEW_SEGMENTS: Final = 16
"""Quicker looked for one by one than in the list of a folder."""

_COUNT: Final = struct.Struct("<8sQ")
_COUNT_MAGIC: Final = b"coexused"


class CacheUse(msgspec.Struct, frozen=True):
    """What the cache holds.

    Attributes:
        used_bytes: What its files take on the disk.
        most_bytes: What they may take.
        files: How many there are.
    """

    used_bytes: int
    most_bytes: int
    files: int


class BlockCache:
    """Blocks of files on this disk.

    Args:
        folder: Where they are; made when something is written.
        most_bytes: What they may take on the disk; 0: nothing is kept.
        find_disk: Returns the free bytes and all bytes of the disk of a folder.
    """

    def __init__(
        self,
        folder: Path,
        most_bytes: int,
        *,
        find_disk: Callable[[Path], tuple[int, int]] | None = None,
    ) -> None:
        self.folder = folder
        self.most_bytes = most_bytes
        self._find_disk = find_disk or _find_disk
        self._threads = threading.Lock()
        self._lock_file: int | None = None
        self._paused_until = 0.0
        self._open_lock = threading.Lock()
        self._open: OrderedDict[tuple[CacheKey, int], Segment] = OrderedDict()

    def __del__(self) -> None:
        self._close_lock()

    @property
    def keeps(self) -> bool:
        """Whether what is written now has a chance to be kept."""
        return self.most_bytes > 0 and time.monotonic() >= self._paused_until

    # Reading: without the lock.

    def find_version(self, key: CacheKey, size: int) -> Version | None:
        """Return which content of a file the cache has some of; None: nothing is here.

        Args:
            key: The file.
            size: How many bytes it has.
        """
        with contextlib.suppress(OSError):
            for number in self._list_segments(key, size):
                segment = open_segment(self._find_path(key, number), key, number)
                if segment is not None:
                    return segment.version
        return None

    def _list_segments(self, key: CacheKey, size: int) -> Iterable[int]:
        """Return the numbers of segments of a file that may be here.

        Raises:
            OSError: None is.
        """
        count = -(-size // (SEGMENT_BLOCKS * BLOCK_BYTES))
        if count <= _FEW_SEGMENTS:
            return range(count)
        # There may be as many files beside it as the asset has.
        names = os.listdir(self.folder / key.folder)  # noqa: PTH208 # names alone
        start = key.digest.hex() + "."
        numbers = (name[len(start) :] for name in names if name.startswith(start))
        return sorted(int(number) for number in numbers if number.isdecimal())

    def read(
        self, key: CacheKey, version: Version, blocks: range, *, may_wait: bool = True
    ) -> dict[int, memoryview]:
        """Return those of some blocks of a file that are here and whole.

        Args:
            key: The file.
            version: Which content of it.
            blocks: Numbers of blocks.
            may_wait: Also what has to be read from the disk itself, not from the system's memory.

        Raises:
            WouldWait: It must not wait, and would have to.
        """
        found: dict[int, memoryview] = {}
        for number, first, stop in _split(blocks):
            segment = self._find_segment(key, version, number, may_wait=may_wait)
            if segment is not None:
                with contextlib.suppress(OSError):
                    base = number * SEGMENT_BLOCKS
                    found |= segment.read(base, first, stop, may_wait=may_wait)
        return found

    def find_missing(self, key: CacheKey, version: Version, blocks: range) -> list[int]:
        """Return those of some blocks that are not here, going by their marks."""
        missing: list[int] = []
        for number, first, stop in _split(blocks):
            base = number * SEGMENT_BLOCKS
            marks: tuple[int, ...] = (0,) * (stop - first)
            segment = self._find_segment(key, version, number, may_wait=True)
            if segment is not None:
                with contextlib.suppress(OSError):
                    marks = segment.read_marks(first, stop)
            missing += [base + first + n for n, mark in enumerate(marks) if not mark]
        return missing

    def _find_segment(
        self, key: CacheKey, version: Version, number: int, *, may_wait: bool
    ) -> Segment | None:
        """Return an open cache file of this version of the file, if there is one.

        Raises:
            WouldWait: It has to be opened first, and nobody may wait.
        """
        with self._open_lock:
            segment = self._open.get((key, number))
            if segment is not None:
                self._open.move_to_end((key, number))
        if segment is None or segment.version != version or not segment.is_alive:
            if not may_wait:
                raise WouldWait
            try:
                segment = open_segment(self._find_path(key, number), key, number)
            except OSError:
                return None
            if segment is None or segment.version != version:
                return None
            self._remember(key, number, segment)
        return segment

    def _remember(self, key: CacheKey, number: int, segment: Segment) -> None:
        with self._open_lock:
            self._open[key, number] = segment
            self._open.move_to_end((key, number))
            while len(self._open) > _OPEN_SEGMENTS:
                self._open.popitem(last=False)

    def _find_path(self, key: CacheKey, number: int) -> Path:
        return self.folder / key.folder / f"{key.digest.hex()}.{number}"

    # Writing: under the lock.

    def write(self, key: CacheKey, version: Version, first: int, blocks: Sequence[bytes]) -> bool:
        """Keep blocks of a file that follow each other, as far as there is room.

        Returns:
            Whether all of them are here now; a disk that is full or broken is no error.
        """
        if not self.keeps:
            return False
        try:
            with self._locked() as lock:
                return lock is not None and all(
                    self._write_part(lock, key, version, (number, start), blocks[begin:end])
                    for number, start, begin, end in _split_blocks(first, len(blocks))
                )
        except OSError:
            self._paused_until = time.monotonic() + _PAUSE_S
            return False

    def _write_part(
        self,
        lock: int,
        key: CacheKey,
        version: Version,
        place: tuple[int, int],
        blocks: Sequence[bytes],
    ) -> bool:
        """Write blocks of one segment: its number, and where in it they begin.

        Raises:
            OSError: The disk refuses it.
        """
        number, first = place
        need = sum(map(len, blocks)) + 4 * PAGE_BYTES
        if not self._make_room(lock, need):
            return False
        segment = self._find_segment(key, version, number, may_wait=True)
        if segment is None:
            path = self._find_path(key, number)
            if path.exists():
                self._remove(lock, path)
            ensure_private_dir(path.parent)
            segment = make_segment(path, key, number, version)
            if segment is None:
                return False
            self._remember(key, number, segment)
            before = 0
        else:
            before = segment.used_bytes
        try:
            segment.write(number * SEGMENT_BLOCKS, first, blocks)
        finally:
            self._count(lock, segment.used_bytes - before)
        return True

    def write_file(self, key: CacheKey, name: str, content: bytes) -> bool:
        """Keep a small file beside the blocks of a place, likewise."""
        if not self.keeps:
            return False
        try:
            with self._locked() as lock:
                if lock is None or not self._make_room(lock, len(content) + 4 * PAGE_BYTES):
                    return False
                path = self._find_side_file(key, name)
                ensure_private_dir(path.parent)
                if path.exists():
                    self._remove(lock, path)
                unfinished = path.with_suffix(".new")
                flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
                descriptor = os.open(unfinished, flags, 0o600)
                with os.fdopen(descriptor, "wb") as file:
                    file.write(content)
                    file.flush()
                    used = os.fstat(file.fileno()).st_blocks * 512
                unfinished.rename(path)
                self._count(lock, used)
        except OSError:
            self._paused_until = time.monotonic() + _PAUSE_S
            return False
        return True

    def read_file(self, key: CacheKey, name: str) -> bytes | None:
        """Return a small file that was kept so; None: it is not here."""
        path = self._find_side_file(key, name)
        try:
            content = path.read_bytes()
            os.utime(path)
        except OSError:
            return None
        return content

    def _find_side_file(self, key: CacheKey, name: str) -> Path:
        return self.folder / key.folder / f"{key.digest.hex()}.{name}"

    def forget(self, key: CacheKey) -> None:
        """Remove what is kept of a file."""
        folder, start = self.folder / key.folder, f"{key.digest.hex()}."
        with contextlib.suppress(OSError):
            names = [n for n in os.listdir(folder) if n.startswith(start)]  # noqa: PTH208 # names
            with self._locked() as lock:
                if lock is not None:
                    for name in names:
                        self._remove(lock, folder / name)
                    self._drop_empty(folder)

    def forget_places(self, places: Iterable[str]) -> None:
        """Remove all that is kept in these places, as far as that can be done."""
        for place in places:
            with contextlib.suppress(OSError):
                self.clear(place)

    def clear(self, place: str = "") -> int:
        """Remove everything; return how many bytes that frees.

        Args:
            place: Only what is kept in this place, and in those inside it.

        Raises:
            OSError: It can't be removed, or another process is writing all the time.
        """
        folder = self.folder / name_folder(place) if place else self.folder
        if not folder.is_dir():
            return 0
        freed = 0
        with self._locked() as lock:
            if lock is None:
                raise OSError(errno.EBUSY, "another program is writing to it all the time")
            for _, path, used in list(_list_files(folder, top=bool(place))):
                empty_file(path)
                path.unlink(missing_ok=True)  # and say why it can't be
                self._drop_empty(path.parent)
                self._count(lock, -used)
                freed += used
            if not place:
                self._set_count(lock, 0)
            self._drop_empty(folder)
        return freed

    def _drop_empty(self, folder: Path) -> None:
        """Remove a folder, and those that it is in, as far as nothing is in them."""
        with contextlib.suppress(OSError):
            while folder != self.folder:
                folder.rmdir()
                folder = folder.parent

    def measure(self) -> CacheUse:
        """Return what is kept now, by looking at each file."""
        sizes = [used for _, _, used in _list_files(self.folder)]
        return CacheUse(sum(sizes), self.most_bytes, len(sizes))

    def measure_places(self, places: Iterable[str]) -> dict[str, int]:
        """Return what is kept of those of some places of which something is."""
        sizes: dict[str, int] = {}
        for _, path, used in _list_files(self.folder):
            folder = path.parent.relative_to(self.folder).as_posix()
            sizes[folder] = sizes.get(folder, 0) + used
        found = ((place, sizes.get(name_folder(place), 0)) for place in places)
        return {place: used for place, used in found if used}

    # The room that it takes.

    def _make_room(self, lock: int, need: int) -> bool:
        """Remove what nobody has read for longest until something has room; tell whether it has."""
        if need > self.most_bytes:
            return False
        used = self._get_count(lock)
        free, total = self._find_disk(self.folder)
        floor = int(total * FREE_SHARE)
        if used is not None and used + need <= self.most_bytes and free - need >= floor:
            return True
        files = sorted(_list_files(self.folder))
        used = sum(size for _, _, size in files)
        fits = used + need <= self.most_bytes and free - need >= floor
        most = self.most_bytes if fits else int(self.most_bytes * _LEFT_SHARE)
        for _, path, size in files:
            if used + need <= max(most, need) and free - need >= floor:
                break
            empty_file(path)
            used -= size
            free += size
            self._drop_empty(path.parent)
        self._set_count(lock, used)
        return used + need <= self.most_bytes and free - need >= floor

    def _remove(self, lock: int, path: Path) -> None:
        with contextlib.suppress(OSError):
            used = path.stat().st_blocks * 512
            empty_file(path)
            self._count(lock, -used)

    def _get_count(self, lock: int) -> int | None:
        """Return what all files take, as it was counted; None: they have to be looked at."""
        raw = os.pread(lock, _COUNT.size, 0)
        if len(raw) < _COUNT.size:
            return None
        magic, used = _COUNT.unpack(raw)
        return int(used) if magic == _COUNT_MAGIC else None

    def _set_count(self, lock: int, used: int) -> None:
        os.pwrite(lock, _COUNT.pack(_COUNT_MAGIC, max(0, used)), 0)

    def _count(self, lock: int, more: int) -> None:
        used = self._get_count(lock)
        if used is not None:
            self._set_count(lock, used + more)

    # The lock.

    @contextlib.contextmanager
    def _locked(self) -> Iterator[int | None]:
        """Hold the lock; None: it can't be had soon.

        Raises:
            OSError: The folder can't be used.
        """
        deadline = time.monotonic() + _LOCK_S
        if not self._threads.acquire(timeout=_LOCK_S):
            yield None
            return
        try:
            lock = self._open_lock_file()
            while not try_lock(lock):
                if time.monotonic() > deadline:
                    yield None
                    return
                time.sleep(0.002)
            try:
                yield lock
            finally:
                _let_go(lock)
        finally:
            self._threads.release()

    def _open_lock_file(self) -> int:
        """Open the lock's file, or another one where somebody has deleted the folder."""
        if self._lock_file is not None:
            if os.fstat(self._lock_file).st_nlink:
                return self._lock_file
            self._close_lock()
        ensure_private_dir(self.folder)
        self._lock_file = open_lock(self.folder / "lock")
        return self._lock_file

    def _close_lock(self) -> None:
        descriptor, self._lock_file = self._lock_file, None
        if descriptor is not None:
            with contextlib.suppress(OSError):
                os.close(descriptor)


def _let_go(lock: int) -> None:
    import fcntl  # noqa: PLC0415 # only who writes needs it

    fcntl.flock(lock, fcntl.LOCK_UN)


def _list_files(folder: Path, *, top: bool = False) -> Iterator[tuple[float, Path, int]]:
    """Yield when each file was used last, where it is, and what it takes on the disk.

    Those in folders that are named otherwise than ours are counted, and go, too.

    Args:
        folder: Where they are, at any depth.
        top: Also those directly in it; in the cache's own folder that is the lock.
    """
    left = [os.fspath(folder)]
    while left:
        here = left.pop()
        with contextlib.suppress(OSError), os.scandir(here) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if entry.is_dir(follow_symlinks=False):
                        left.append(entry.path)
                    elif top:
                        found = entry.stat(follow_symlinks=False)
                        yield found.st_mtime, Path(entry.path), found.st_blocks * 512
        top = True


def _find_disk(folder: Path) -> tuple[int, int]:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize


def _split(blocks: range) -> Iterator[tuple[int, int, int]]:
    """Yield each segment's number, and where in it the wanted blocks begin and end."""
    for number, first, begin, end in _split_blocks(blocks.start, len(blocks)):
        yield number, first, first + end - begin


def _split_blocks(first: int, count: int) -> Iterator[tuple[int, int, int, int]]:
    """Yield likewise, and which of the given blocks they are."""
    begin = 0
    while begin < count:
        number, place = divmod(first + begin, SEGMENT_BLOCKS)
        end = min(count, begin + SEGMENT_BLOCKS - place)
        yield number, place, begin, end
        begin = end
