"""Cancelled by asyncio itself, as Textual's workers are: what is written down is finished."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import JournalError
from coexplorer.fields import replace_values
from coexplorer.library import Library, open_library
from coexplorer.library.journal import Journal
from coexplorer.library.uncancelled import finish_in_thread
from coexplorer.models import AssetId
from tests.library.conftest import build_settings
from tests.support.server import RAW


class Gate:
    """Work in a thread that waits until it may end."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.open = threading.Event()

    def wait(self) -> str:
        self.begun.set()
        assert self.open.wait(60)
        return "written"

    async def reached(self) -> None:
        await asyncio.to_thread(self.begun.wait, 60)


@pytest.mark.parametrize("times", [0, 1, 3])
@pytest.mark.parametrize("fails", [False, True])
def test_what_follows_the_write_runs_and_then_the_cancellation_comes(
    times: int, *, fails: bool
) -> None:
    gate, noted = Gate(), []

    def write() -> str:
        gate.wait()
        if fails:
            raise JournalError("full")
        return "written"

    async def work() -> None:
        try:
            noted.append(await finish_in_thread(write))
        except JournalError:
            noted.append("failed")
        await anyio.lowlevel.checkpoint()
        noted.append("went on")

    async def main() -> None:
        task = asyncio.create_task(work())
        await gate.reached()
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
            assert not task.done()
        gate.open.set()
        await asyncio.wait([task])
        assert task.cancelled() is (times > 0)

    asyncio.run(main())
    assert noted == ["failed" if fails else "written"] + ["went on"] * (times == 0)


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_scope_comes_after_the_write_too(backend: str) -> None:
    gate, noted = Gate(), []

    async def work() -> None:
        noted.append(await finish_in_thread(gate.wait))
        await anyio.lowlevel.checkpoint()
        noted.append("went on")

    async def main() -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(work)
            await anyio.to_thread.run_sync(gate.begun.wait)
            group.cancel_scope.cancel()
            gate.open.set()

    anyio.run(main, backend=backend)
    assert noted == ["written"]


def test_asyncio_counts_the_cancellation_once() -> None:
    """Its own timeouts tell by that count whether they or somebody else cancelled."""
    gate = Gate()

    async def work() -> None:
        async with asyncio.timeout(0.01):
            asyncio.get_running_loop().call_later(0.05, gate.open.set)
            await finish_in_thread(gate.wait)
            await asyncio.sleep(60)

    async def main() -> None:
        with pytest.raises(TimeoutError):
            await work()
        await asyncio.sleep(0)

    asyncio.run(main())


@asynccontextmanager
async def opened(server: DemoServer, folder: Path) -> AsyncIterator[Library]:
    async with open_library(build_settings(server, folder), origin="tui") as library:
        yield library


@pytest.mark.parametrize("step", ["begin", "intend", "settle"])
def test_an_edit_is_cancelled_in_the_middle_of_a_write_to_the_journal(
    server: DemoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    gate = Gate()
    real: Callable[..., object] = getattr(Journal, step)

    def held(*args: object, **kwargs: object) -> object:
        answer = real(*args, **kwargs)
        if not gate.open.is_set():
            gate.wait()
        return answer

    async def main() -> str:
        async with opened(server, tmp_path) as library:
            base = (await library.platform.fetch(AssetId(RAW))).asset.fields
            mine = replace_values(base, {"description": "mine"})
            monkeypatch.setattr(Journal, step, held)
            task = asyncio.create_task(library.changes.edit(AssetId(RAW), base, mine))
            await gate.reached()
            task.cancel()
            await asyncio.sleep(0)
            assert not task.done()
            gate.open.set()
            await asyncio.wait([task])
            (entry,) = await library.log.entries(limit=1)
            return str(entry.state)

    state = asyncio.run(main())
    arrived = server.store.get(RAW).description == "mine"
    assert arrived is (step == "settle")
    assert state == {"begin": "unsent", "intend": "unknown", "settle": "applied"}[step]
