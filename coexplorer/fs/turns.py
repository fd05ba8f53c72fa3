"""Taking the kernel's requests one after another, without a turn of the event loop for each.

pyfuse3 waits for every request with trio: a lock, two switches of tasks and three system calls,
around the two that matter; that was two thirds of the time of a request. While requests come one
after another they are taken here at once, by the same task. Every `TURN_S` the event loop gets its
turn, with everything else that waits there.
"""

from __future__ import annotations

import select
import time
from types import TracebackType

import pyfuse3
import trio

TURN_S = 0.002
"""How long requests are taken before everything else gets a turn."""

LINGER_S = 0.0001
"""How long a program may take to come back with its next request, and be served at once."""

_HIGHEST = 1024  # select takes no descriptors from here on


class Door:
    """Lets one task at a time wait for the kernel, as `trio.Lock` would, but without a switch.

    Who leaves calls another task, which comes to its turn when the one that left has to wait for
    something. If that never waits, it may be back first.
    """

    def __init__(self) -> None:
        self._is_taken = False
        self._others = trio.lowlevel.ParkingLot()

    async def __aenter__(self) -> None:
        while self._is_taken:
            await self._others.park()
        self._is_taken = True

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._is_taken = False
        self._others.unpark()


class LowLevel:
    """`trio.lowlevel`, with another way to wait for the kernel's next request."""

    def __init__(self) -> None:
        self._turn_ends = 0.0

    def __getattr__(self, name: str) -> object:
        return getattr(trio.lowlevel, name)

    async def wait_readable(self, descriptor: int) -> None:
        """Return when there is a request."""
        if time.perf_counter() < self._turn_ends and descriptor < _HIGHEST:
            ready, _, _ = select.select([descriptor], [], [], LINGER_S)
            if ready:
                return
        await trio.lowlevel.wait_readable(descriptor)
        self._turn_ends = time.perf_counter() + TURN_S


class _Trio:
    """`trio`, as pyfuse3 sees it."""

    Lock = Door

    def __init__(self) -> None:
        self.lowlevel = LowLevel()

    def __getattr__(self, name: str) -> object:
        return getattr(trio, name)


def take_in_turns() -> None:
    """Let pyfuse3 take its requests this way; before its main loop.

    It looks its event loop up in its own module, which is how its asyncio mode puts another there.
    """
    vars(pyfuse3)["trio"] = _Trio()
