"""Taking the kernel's requests one after another, without a turn of the event loop for each.

pyfuse3 waits for every request with trio: a lock, two switches of tasks and three system calls,
around the two that matter; that took two thirds of a request's time. Here, as long as requests keep
coming, one task takes them directly. Every `TURN_S` the event loop gets its turn, for everything
else that waits there. Between two requests this task does not even sleep: being woken by another
core takes longer than most requests.
"""

from __future__ import annotations

import math
import os
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

# Staying awake in vain costs as much as this many times are worth; for so long it then is not tried
# again.
_PRICE = 4
_MOST_CREDIT = 12
_ASLEEP_S = 0.05


class _Others:
    """Whether something was begun that should not wait for the next request."""

    wait = False


_others = _Others()


def give_way() -> None:
    """Let the event loop have its turn before the next request is waited for."""
    _others.wait = True


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
    """`trio.lowlevel`, with another way to wait for the kernel's next request.

    Args:
        has_cores: Whether the program that asks can run while this one stays awake.
    """

    def __init__(self, *, has_cores: bool | None = None) -> None:
        if has_cores is None:
            has_cores = len(os.sched_getaffinity(0)) > 1
        self._turn_ends = 0.0
        self._is_busy = False
        self._poll: select.poll | None = None
        self._credit = 0
        self._asleep_until = 0.0 if has_cores else math.inf

    def __getattr__(self, name: str) -> object:
        return getattr(trio.lowlevel, name)

    async def wait_readable(self, descriptor: int) -> None:
        """Return when there is a request."""
        now = time.perf_counter()
        if _others.wait:
            _others.wait = self._is_busy = False
            await trio.lowlevel.checkpoint()
        if self._is_busy and descriptor < _HIGHEST:
            if now >= self._turn_ends:
                await trio.lowlevel.checkpoint()
                now = time.perf_counter()
                self._turn_ends = now + TURN_S
            self._is_busy = self._comes_soon(descriptor, now)
            if self._is_busy:
                return
        await trio.lowlevel.wait_readable(descriptor)
        self._is_busy = True
        self._turn_ends = time.perf_counter() + TURN_S

    def _comes_soon(self, descriptor: int, now: float) -> bool:
        """Wait for `LINGER_S`; awake, as long as that mostly pays.

        To be woken takes longer than most requests. But where all cores are busy, the program that
        asks may be waiting for ours.
        """
        if self._credit <= 0:
            if now < self._asleep_until:
                return bool(select.select([descriptor], [], [], LINGER_S)[0])
            self._credit = 1
        if self._poll is None:
            self._poll = select.poll()
            self._poll.register(descriptor, select.POLLIN)
        look, ends = self._poll.poll, now + LINGER_S
        while not look(0):
            if time.perf_counter() > ends:
                self._credit -= _PRICE
                self._asleep_until = now + _ASLEEP_S
                return False
        self._credit = min(self._credit + 1, _MOST_CREDIT)
        return True


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
