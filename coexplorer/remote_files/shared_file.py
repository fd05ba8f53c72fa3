"""One file, for all of its readers: what is here, what is on its way, and who waits for it."""

from __future__ import annotations

import copy
import logging
from collections.abc import Iterable
from contextlib import suppress
from typing import Final

import anyio
import anyio.abc
import anyio.to_thread

from coexplorer.errors import ApiError, BadReply, Conflict, Unreachable
from coexplorer.remote_files.blocks import (
    BLOCK_BYTES,
    CacheKey,
    Version,
    find_blocks,
    find_runs,
)
from coexplorer.remote_files.cache import BlockCache
from coexplorer.remote_files.limits import Limits
from coexplorer.remote_files.memory import Buffer
from coexplorer.remote_files.origin import FileOrigin
from coexplorer.remote_files.pattern import MOST_AHEAD, Pattern, ReadPlan
from coexplorer.remote_files.segments import WouldWait

_KEEP_BYTES: Final = 1024 * 1024
"""So much is written to the disk at once."""

_AT_ONCE: Final = 8
"""So many blocks are copied from the system's memory without a thread."""

_UNKEPT_AHEAD_BYTES: Final = 1024 * 1024
"""How far is read ahead where nothing can be kept on the disk."""

_log = logging.getLogger(__name__)


class _Fetch:
    """One request on its way: the blocks that it brings, in order."""

    def __init__(self, blocks: range, cause: object, generation: int, needed: int) -> None:
        self.needed = needed
        self.generation = generation
        self.blocks = blocks
        self.next = blocks.start
        self.cause = cause
        self.scope = anyio.CancelScope()

    @property
    def left(self) -> range:
        return range(self.next, self.blocks.stop)


class _AgainError(Exception):
    """What a read waited for does not come by this way any more: it has to look again."""


class _Want:
    """Blocks that one read waits for."""

    def __init__(self, missing: Iterable[int]) -> None:
        self.missing = set(missing)
        self.got: dict[int, Buffer] = {}
        self.error: Exception | None = None
        self.over = anyio.Event()


class SharedFile:
    """A file that is open; `coexplorer.remote_files.remote_files.RemoteFiles` has one for each.

    Args:
        key: Which file.
        origin: Where it is.
        cache: Where its blocks are kept.
        limits: What it shares with other files.
        tasks: Where its requests run.

    Attributes:
        readers: How many there are.
        is_stale: There is another file at the origin now: this one can't be read any more.
        is_kept: What comes is kept on the disk; not after it was to be forgotten.
    """

    def __init__(
        self,
        key: CacheKey,
        origin: FileOrigin,
        cache: BlockCache,
        limits: Limits,
        tasks: anyio.abc.TaskGroup,
    ) -> None:
        self.key = key
        self.origin = origin
        self.readers = 0
        self.is_stale = False
        self.is_kept = True
        self._cache = cache
        self._limits = limits
        self._tasks = tasks
        self._coming: dict[int, _Fetch] = {}
        self._fetches: set[_Fetch] = set()
        self._wants: set[_Want] = set()
        self._was_read = False
        self._generation = 0
        self._is_over = False

    @property
    def size(self) -> int:
        """Bytes of the whole file."""
        return self.origin.size

    @property
    def version(self) -> Version:
        """Which content of it is read."""
        return Version(self.origin.size, self.origin.etag)

    @property
    def _keeps(self) -> bool:
        return self.is_kept and self._cache.keeps

    def peek(self, offset: int, size: int) -> bytes | None:
        """Return bytes that are in memory, from any thread; None: not all are."""
        blocks = find_blocks(offset, size)
        got = self._find_in_memory(blocks)
        if len(got) < len(blocks) or self.is_stale:
            return None
        return _join(got, offset, size)

    async def read(self, offset: int, size: int, pattern: Pattern) -> bytes:
        """Return bytes that are all inside the file.

        Args:
            offset: Of the first one.
            size: How many.
            pattern: What the reader has read.

        Raises:
            Conflict: The file is another one now.
            ApiError: It can't be read.
        """
        while not self.is_stale:
            generation = self._generation
            try:
                content = await self._read(offset, size, pattern)
            except _AgainError:
                continue
            if generation == self._generation:
                self._was_read = True
                return content
        raise _tell_changed()

    async def _read(self, offset: int, size: int, pattern: Pattern) -> bytes:
        """Read once.

        Raises:
            _AgainError: It has to be done again.
        """
        blocks = find_blocks(offset, size)
        got = self._find_in_memory(blocks)
        if len(got) < len(blocks):
            got |= await self._load(blocks, got, keep=size < BLOCK_BYTES)
        missing = [number for number in blocks if number not in got]
        is_missing = any(number not in self._coming for number in missing)
        plan = pattern.note(offset, size, is_missing=is_missing)
        if missing:
            got |= await self._wait_for(missing, plan, pattern)
        if plan.ahead:
            await self._read_ahead(plan, pattern)
        return _join(got, offset, size)

    def _find_in_memory(self, blocks: Iterable[int]) -> dict[int, Buffer]:
        held = ((number, self._limits.memory.get(id(self), number)) for number in blocks)
        return {number: block for number, block in held if block is not None}

    async def _load(
        self, blocks: range, got: dict[int, Buffer], *, keep: bool
    ) -> dict[int, Buffer]:
        """Read from the disk what is there of some blocks; see again what came meanwhile."""
        found: dict[int, Buffer] = {}
        version = self.version
        wanted = [n for n in blocks if n not in got and n not in self._coming]
        for run in find_runs(wanted):
            with suppress(WouldWait):
                # What the system has in memory is copied at once: a thread would take longer.
                if len(run) <= _AT_ONCE:
                    found |= self._cache.read(self.key, version, run, may_wait=False)
                    continue
            found |= await anyio.to_thread.run_sync(
                self._cache.read, self.key, version, run, abandon_on_cancel=True
            )
        if version != self.version:
            found = {}  # of a former content, or from before its mark was known
        if keep:
            for number, block in found.items():
                self._limits.memory.put(id(self), number, bytes(block))
        return found | self._find_in_memory(n for n in blocks if n not in found)

    async def _wait_for(
        self, missing: list[int], plan: ReadPlan, cause: Pattern
    ) -> dict[int, Buffer]:
        """Return blocks that are neither in memory nor on the disk."""
        want = _Want(missing)
        self._wants.add(want)
        try:
            new = [number for number in missing if number not in self._coming]
            if new:
                self._start_for(new, missing, plan, cause)
            await want.over.wait()
        except BaseException:
            self._wants.discard(want)
            self._leave(cause)
            raise
        self._wants.discard(want)
        if want.error is not None:
            raise copy.copy(want.error)
        return want.got

    def _start_for(self, new: list[int], missing: list[int], plan: ReadPlan, cause: object) -> None:
        """Start the requests for missing blocks, as long as planned where nothing is in the way."""
        runs = list(find_runs(new))
        first, last = runs[0].start, runs[-1].stop
        if new[0] == missing[0]:
            start = plan.start // BLOCK_BYTES
            while first > start and first - 1 not in self._coming:
                first -= 1
            runs[0] = range(first, runs[0].stop)
        if new[-1] == missing[-1]:
            stop = find_blocks(plan.stop, 0).stop
            while last < stop and last not in self._coming:
                last += 1
            runs[-1] = range(runs[-1].start, last)
        for run in runs:
            self._start(run, cause, needed=min(run.stop, new[-1] + 1))

    async def _shorten(self, fetch: _Fetch) -> None:
        """Let a request stop before what is on the disk already, though not before it is needed."""
        tail = range(fetch.needed, fetch.blocks.stop)
        missing = await self._find_missing(tail)
        present = [number for number in tail if number not in missing]
        if not present:
            return
        blocks = range(fetch.blocks.start, present[0])
        for number in range(present[0], fetch.blocks.stop):
            if self._coming.get(number) is fetch:
                del self._coming[number]
        self._fail(range(present[0], fetch.blocks.stop), _AgainError())
        fetch.blocks = blocks

    async def _find_missing(self, blocks: range) -> set[int]:
        if not blocks:
            return set()
        missing = await anyio.to_thread.run_sync(
            self._cache.find_missing, self.key, self.version, blocks, abandon_on_cancel=True
        )
        memory = self._limits.memory
        return {number for number in missing if memory.get(id(self), number) is None}

    async def _read_ahead(self, plan: ReadPlan, pattern: Pattern) -> None:
        """Ask for what will be wanted next, as far as planned and as there is room for it."""
        start, stop = plan.ahead.start, plan.ahead.stop
        room = self._cache.most_bytes // 8 if self._keeps else _UNKEPT_AHEAD_BYTES
        stop = min(stop, plan.stop + room)
        if start >= stop or not self._limits.has_room_ahead:
            pattern.note_not_asked(start)
            return
        missing = await self._find_missing(find_blocks(start, stop - start))
        mine = sum(fetch.cause is pattern for fetch in self._fetches)
        step = max(1, plan.step // BLOCK_BYTES)
        for run in find_runs(sorted(missing)):
            for first in range(run.start, run.stop, step):
                if mine >= MOST_AHEAD or not self._limits.has_room_ahead:
                    pattern.note_not_asked(first * BLOCK_BYTES)
                    return
                self._start_free(range(first, min(run.stop, first + step)), pattern)
                mine += 1
        pattern.note_not_asked(stop)

    # Requests.

    def _start_free(self, blocks: range, cause: object) -> None:
        """Ask for those of some blocks that are not on their way already."""
        for run in find_runs([number for number in blocks if number not in self._coming]):
            self._start(run, cause)

    def _start(self, blocks: range, cause: object, *, needed: int | None = None) -> None:
        if self._is_over:
            raise _tell_over()
        fetch = _Fetch(blocks, cause, self._generation, blocks.stop if needed is None else needed)
        self._fetches.add(fetch)
        self._coming.update(dict.fromkeys(blocks, fetch))
        self._tasks.start_soon(self._run, fetch)

    async def _run(self, fetch: _Fetch) -> None:
        """Carry out a request; it never raises: what fails is told to those who wait for it."""
        error: Exception = _tell_over()
        try:
            with fetch.scope:
                async with self._limits.slots:
                    await self._bring(fetch)
        except Conflict:
            await self._note_change(fetch)
            error = _AgainError()
        except Exception as problem:  # noqa: BLE001 # whatever it is, somebody waits to hear of it
            if not isinstance(problem, ApiError):
                _log.debug("a request for %r failed", fetch.blocks, exc_info=True)
            error = problem
        finally:
            self._drop(fetch)
            if fetch.left and not fetch.scope.cancel_called:
                self._fail(fetch.left, error)

    async def _bring(self, fetch: _Fetch) -> None:
        """Bring the blocks of a request, and keep them.

        Raises:
            BadReply: Fewer came than there have to be.
            ApiError: The origin's.
        """
        await self._shorten(fetch)
        start = fetch.blocks.start * BLOCK_BYTES
        size = min(fetch.blocks.stop * BLOCK_BYTES, self.size) - start
        buffer = bytearray()
        waiting: list[bytes] = []
        try:
            async with self.origin.read(start, size) as chunks:
                async for chunk in chunks:
                    buffer += chunk
                    while fetch.left and len(buffer) >= (length := self._find_length(fetch.next)):
                        block = bytes(buffer[:length])
                        del buffer[:length]
                        waiting.append(block)
                        self._arrive(fetch, block)
                    if len(waiting) * BLOCK_BYTES >= _KEEP_BYTES:
                        batch, waiting = waiting, []
                        await self._keep(fetch, batch)
        finally:
            with anyio.CancelScope(shield=True):  # what has come is kept, whoever left meanwhile
                await self._keep(fetch, waiting)
        if fetch.left:
            raise BadReply(
                "the file's storage sent fewer bytes than it should have", hint="try again"
            )

    def _find_length(self, number: int) -> int:
        return min(BLOCK_BYTES, self.size - number * BLOCK_BYTES)

    async def _keep(self, fetch: _Fetch, blocks: list[bytes]) -> None:
        """Write the blocks that came last to the disk, unless they are of a former content."""
        if blocks and self._keeps and fetch.generation == self._generation:
            first = fetch.next - len(blocks)
            await anyio.to_thread.run_sync(self._cache.write, self.key, self.version, first, blocks)

    def _arrive(self, fetch: _Fetch, block: bytes) -> None:
        number = fetch.next
        fetch.next += 1
        self._coming.pop(number, None)
        self._limits.memory.put(id(self), number, block)
        for want in self._wants:
            if number in want.missing:
                want.missing.discard(number)
                want.got[number] = block
                if not want.missing:
                    want.over.set()

    def _fail(self, blocks: range, error: Exception) -> None:
        for want in self._wants:
            if not want.missing.isdisjoint(blocks):
                want.error = error
                want.over.set()

    def _drop(self, fetch: _Fetch) -> None:
        """Take a request out: nobody waits for it any more."""
        self._fetches.discard(fetch)
        for number in fetch.left:
            if self._coming.get(number) is fetch:
                del self._coming[number]

    async def _note_change(self, fetch: _Fetch) -> None:
        """Begin again with what is there now; if somebody has read the former content, give up.

        Nobody is ever given bytes of both.
        """
        if fetch.generation != self._generation:
            return
        self._generation += 1
        self.is_stale = self._was_read or self._generation > 1
        self.origin.etag = ""
        self._limits.memory.drop(id(self))
        for other in self._fetches - {fetch}:
            self._drop(other)
            other.scope.cancel()
        for want in self._wants:
            want.error = _AgainError()
            want.over.set()
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(self._cache.forget, self.key)

    def _leave(self, cause: object) -> None:
        """Cut off what was asked for because of a reader, unless somebody else waits for it."""
        for fetch in [each for each in self._fetches if each.cause is cause]:
            if all(want.missing.isdisjoint(fetch.left) for want in self._wants):
                self._drop(fetch)
                fetch.scope.cancel()

    def leave(self, pattern: Pattern) -> None:
        """Note that a reader is closed."""
        self.readers -= 1
        self._leave(pattern)

    def end(self) -> None:
        """Cut off everything that is on its way, and tell those who wait for it."""
        self._is_over = True
        for fetch in list(self._fetches):
            self._drop(fetch)
            fetch.scope.cancel()
        for want in self._wants:
            want.error = _tell_over()
            want.over.set()
        self._limits.memory.drop(id(self))


def _tell_over() -> Unreachable:
    return Unreachable("the session has ended", hint="open the file again")


def _tell_changed() -> Conflict:
    return Conflict(
        "this file has changed since it was opened: its storage has another one now",
        hint="open it again",
    )


def _join(got: dict[int, Buffer], offset: int, size: int) -> bytes:
    """Cut what was read out of its blocks."""
    blocks = find_blocks(offset, size)
    if len(blocks) == 1:
        start = offset - blocks.start * BLOCK_BYTES
        return bytes(got[blocks.start][start : start + size])
    parts: list[Buffer] = [got[number] for number in blocks]
    parts[0] = memoryview(parts[0])[offset - blocks.start * BLOCK_BYTES :]
    rest = offset + size - (blocks.stop - 1) * BLOCK_BYTES
    parts[-1] = memoryview(parts[-1])[:rest]
    return b"".join(parts)
