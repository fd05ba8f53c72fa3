"""Changes on their way: each in a task of its own, one of an asset at a time.

A request that outlives its caller's patience goes on, and the library settles it; the caller is
told ETIMEDOUT meanwhile, because a process that waits for FUSE can't even be killed.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import trio

from coexplorer.fs.core.buffers import SaveFailure
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.errnos import DEADLINE_S
from coexplorer.fs.kernel.request_loop import give_way
from coexplorer.fs.sync.health import Health

log = logging.getLogger(__name__)

_REPLY_S = 0.5
_PATIENCE_S = DEADLINE_S - 1.0
"""Less than a handler's own deadline, so that it is this one that speaks."""


@dataclass(eq=False)
class SaveAttempt:
    """One change on its way.

    Attributes:
        known: Its outcome is known: who waits for it need not wait for what is left to do.
        given_up: What was said when nobody waited for it any longer.
        arrived: The platform has it.
    """

    known: trio.Event = field(default_factory=trio.Event)
    done: trio.Event = field(default_factory=trio.Event)
    failure: SaveFailure | None = None
    given_up: SaveFailure | None = None
    arrived: bool = False


class Attempts:
    """Starts them, and waits for their outcome."""

    def __init__(self, volume: Volume, health: Health, nursery: trio.Nursery) -> None:
        self._volume = volume
        self._health = health
        self._nursery = nursery
        self._locks: dict[int, tuple[trio.Lock, int]] = {}
        self._running: set[SaveAttempt] = set()

    def start(self, run: Callable[[SaveAttempt], Awaitable[None]]) -> SaveAttempt:
        """Begin a change in a task of its own."""
        attempt = SaveAttempt()
        self._running.add(attempt)
        give_way()
        self._nursery.start_soon(self._guard, run, attempt)
        return attempt

    async def _guard(
        self, run: Callable[[SaveAttempt], Awaitable[None]], attempt: SaveAttempt
    ) -> None:
        """Run an attempt so that nothing it meets ends the mount."""
        try:
            await run(attempt)
        except Exception:
            log.exception("a change failed unexpectedly")
            if not attempt.arrived:  # else it is done, and nobody must do it again
                attempt.failure = SaveFailure(errno.EIO, "an unexpected error; see the log")
        finally:
            self._running.discard(attempt)
            attempt.known.set()
            attempt.done.set()

    async def wait(self, attempt: SaveAttempt) -> None:
        """Wait until its outcome is known, or the caller's patience is at its end."""
        # The handler may have waited already, to hear whether the platform is there.
        latest = trio.current_effective_deadline() - _REPLY_S
        with trio.move_on_at(min(trio.current_time() + _PATIENCE_S, latest)):
            await attempt.known.wait()

    def give_up(self, attempt: SaveAttempt, node: Node, what: str) -> None:
        """Note that a change goes on without anybody waiting for it, and how it ends then."""
        report = (
            f"{what} is not finished: the platform did not answer within {_PATIENCE_S:.0f} s\n"
            "what to do: wait; a look at the platform settles whether it arrived\n"
        )
        self._health.note_silence()
        self._volume.failures.note(node, what, report)
        self._volume.report(f"{node.title}: {what}: no answer within {_PATIENCE_S:.0f} s")
        attempt.failure = attempt.given_up = SaveFailure(errno.ETIMEDOUT, report)
        self._nursery.start_soon(self._report_end, attempt, f"{node.title}: {what}")

    async def _report_end(self, attempt: SaveAttempt, title: str) -> None:
        await attempt.done.wait()
        if attempt.arrived:  # else why it failed was said
            self._volume.report(f"{title}: arrived after all")

    @asynccontextmanager
    async def hold(self, slot: int) -> AsyncIterator[None]:
        """Let one change of an asset at a time go on: each PUT sends all of its fields."""
        lock, users = self._locks.get(slot, (trio.Lock(), 0))
        self._locks[slot] = (lock, users + 1)
        try:
            if users:
                await lock.acquire()
            else:
                lock.acquire_nowait()  # without a turn of the event loop
            try:
                yield
            finally:
                lock.release()
        finally:
            lock, users = self._locks[slot]
            if users == 1:
                del self._locks[slot]
            else:
                self._locks[slot] = (lock, users - 1)

    def is_held(self, slot: int) -> bool:
        """Tell whether a change of an asset is on its way, or waits for its turn."""
        return slot in self._locks

    def list_ends(self) -> list[trio.Event]:
        """List what tells that those on their way have ended."""
        return [attempt.done for attempt in self._running]

    def __len__(self) -> int:
        return len(self._running)
