"""Requests are taken one after another, and everything else still gets its turn."""

from __future__ import annotations

import os

import pytest
import trio

from coexplorer.fs.kernel.request_loop import TURN_S, Door, LowLevel, give_way


def test_one_task_at_a_time_is_at_the_door() -> None:
    inside = most = passed = 0

    async def pass_through(door: Door) -> None:
        nonlocal inside, most, passed
        for _ in range(20):
            async with door:
                inside += 1
                most = max(most, inside)
                await trio.lowlevel.checkpoint()
                inside -= 1
                passed += 1
            await trio.lowlevel.checkpoint()

    async def main() -> None:
        door = Door()
        async with trio.open_nursery() as nursery:
            for _ in range(4):
                nursery.start_soon(pass_through, door)

    trio.run(main)

    assert (most, passed) == (1, 80)


def test_who_waits_at_the_door_can_be_cancelled() -> None:
    async def main() -> None:
        door = Door()
        async with door:
            with trio.move_on_after(0) as scope:
                async with door:
                    raise AssertionError("two are inside")
            assert scope.cancelled_caught
        async with door:
            pass

    trio.run(main)


@pytest.mark.parametrize("has_cores", [True, False])
def test_everything_else_gets_its_turn_while_requests_keep_coming(*, has_cores: bool) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"a request that never ends")
    others = 0

    async def count_turns() -> None:
        nonlocal others
        while True:
            others += 1
            await trio.lowlevel.checkpoint()

    async def main() -> None:
        low_level = LowLevel(has_cores=has_cores)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(count_turns)
            while others < 10:
                await low_level.wait_readable(reading)
            nursery.cancel_scope.cancel()

    trio.run(main)
    os.close(reading)
    os.close(writing)
    assert TURN_S < 0.005, "a stat's p99 during a sync"


@pytest.mark.parametrize("has_cores", [True, False])
def test_a_request_is_seen_whether_it_comes_at_once_or_late(*, has_cores: bool) -> None:
    reading, writing = os.pipe()
    seen = b""

    async def ask() -> None:
        for number in range(40):
            os.write(writing, b"%d" % (number % 10))
            # The next one comes at once, or while the event loop waits for it.
            for _ in range(50 * (number % 3)):
                await trio.lowlevel.checkpoint()
        os.close(writing)

    async def main() -> None:
        nonlocal seen
        low_level = LowLevel(has_cores=has_cores)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask)
            while len(seen) < 40:
                await low_level.wait_readable(reading)
                seen += os.read(reading, 1)

    trio.run(main)
    os.close(reading)
    assert seen == b"0123456789" * 4


def test_what_was_begun_comes_before_the_next_request() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"another request, which is there already")
    begun: list[str] = []

    async def begin() -> None:
        begun.append("a save")

    async def main() -> None:
        low_level = LowLevel(has_cores=True)
        async with trio.open_nursery() as nursery:
            await low_level.wait_readable(reading)
            nursery.start_soon(begin)
            assert not begun
            give_way()
            await low_level.wait_readable(reading)
            assert begun, "else as many requests as come while a turn lasts go first"

    trio.run(main)
    os.close(reading)
    os.close(writing)
