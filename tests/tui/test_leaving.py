"""Leaving: nothing that is on its way holds it up, and what comes later finds no ruin."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import anyio
import pytest
from textual import events
from textual.keys import _character_to_key

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.errors import NotSignedIn
from coexplorer.library import open_library, planner, planning
from coexplorer.models import AssetId
from coexplorer.tui import session
from coexplorer.tui.actions import edit, triage
from coexplorer.tui.app import CoexplorerApp
from tests.support.patience import stretched
from tests.support.server import OUTSIDE


class Alive:
    """An app that runs as it does behind a terminal, and can end while the test goes on."""

    def __init__(self, app: CoexplorerApp, running: asyncio.Task[Any]) -> None:
        self.app = app
        self.running = running

    async def until(self, condition: Callable[[], object], describe: str) -> None:
        with anyio.move_on_after(stretched(10)):
            while not condition():
                assert not self.running.done(), f"it ended: {self.app.failure!r}"
                await asyncio.sleep(0.01)
            return
        raise AssertionError(f"never came: {describe}")

    def press(self, keys: str) -> None:
        for char in keys:
            name = {"\r": "enter", "\x1b": "escape"}.get(char) or _character_to_key(char)
            self.app.post_message(events.Key(name, char))

    async def end(self) -> None:
        """Wait until the app has ended."""
        with anyio.fail_after(stretched(10)):
            await self.running

    async def see_rows(self) -> None:
        await self.until(self.app.shown.is_set, "the first screen")
        await self.until(lambda: self.app.main.rows.current is not None, "the first rows")


async def show_ahead(app: CoexplorerApp, late: Awaitable[object]) -> None:
    async with edit.shown_ahead(app.main, AssetId(OUTSIDE), {"archived": True}):
        await late


async def read_list(app: CoexplorerApp, late: Awaitable[object]) -> None:
    await late
    app.main.feeds.list.load(to_top=True)
    await app.main.feeds.load_start()


async def say(app: CoexplorerApp, late: Awaitable[object]) -> None:
    await late
    app.main.say("too late")
    app.main.report(NotSignedIn("too late"))


async def ask(app: CoexplorerApp, late: Awaitable[object]) -> None:
    await late
    await app.main.prompt.choose("too late", [])


async def open_fields(app: CoexplorerApp, late: Awaitable[object]) -> None:
    await late
    await edit.start(app.main, "name")


async def open_plan(app: CoexplorerApp, late: Awaitable[object]) -> None:
    await late
    await triage.archive(app.main)


async def open_help(app: CoexplorerApp, late: Awaitable[object]) -> None:
    await late
    app.main.perform("app.help")


async def fail(_app: CoexplorerApp, late: Awaitable[object]) -> None:
    await late
    raise RuntimeError("too late")


@pytest.mark.parametrize(
    "work",
    [show_ahead, read_list, say, ask, open_fields, open_plan, open_help, fail],
    ids=lambda each: each.__name__,
)
async def test_what_ends_after_the_app_touches_nothing_of_it(
    server: DemoServer,
    settings: Settings,
    work: Callable[[CoexplorerApp, Awaitable[object]], Awaitable[None]],
) -> None:
    begun, gone, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def hold_on() -> None:
        begun.set()
        while not gone.is_set():  # as what is written is waited for, whoever cancels
            with suppress(asyncio.CancelledError):
                await gone.wait()

    async def go_on() -> None:
        try:
            await work(app, hold_on())
        finally:
            ended.set()

    async with open_library(settings, origin="tui") as library:
        await library.sync.sweep()
        app = CoexplorerApp(library, settings)
        alive = Alive(app, asyncio.create_task(app.run_async(headless=True, size=(120, 36))))
        await alive.see_rows()
        app.main.start("late", go_on)
        await alive.until(begun.is_set, "the work")
        app.exit()
        await alive.end()
        gone.set()
        with anyio.fail_after(stretched(10)):
            await ended.wait()
        await asyncio.gather(*app._work, return_exceptions=True)
        assert app.failure is None


@asynccontextmanager
async def in_session(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Alive]:
    """Run the app as a session does, with the library and its background around it."""
    made: asyncio.Future[CoexplorerApp] = asyncio.get_running_loop().create_future()
    run = CoexplorerApp.run_async

    async def run_headless(app: CoexplorerApp) -> Any:
        made.set_result(app)
        return await run(app, headless=True, size=(120, 36))

    monkeypatch.setattr(CoexplorerApp, "run_async", run_headless)
    running = asyncio.create_task(session._run(settings))
    with anyio.fail_after(stretched(10)):
        app = await made
    yield Alive(app, running)


@pytest.mark.parametrize("keys", ["", "R", "a", "r!\r", "\r"])
async def test_a_platform_that_does_not_answer_is_not_waited_for(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    async with open_library(settings, origin="cli") as library:
        if keys:
            await library.sync.sweep()
    with server.hooks.before("GET") as reading, server.hooks.before("POST") as searching:
        async with in_session(settings, monkeypatch) as alive:
            await alive.until(alive.app.shown.is_set, "the first screen")
            if keys:
                await alive.see_rows()
                alive.press(keys)
            await alive.until(
                lambda: reading.was_reached or searching.was_reached, "a request without an answer"
            )
            alive.press("q")
            await alive.end()  # the gates are closed still


async def test_what_is_computed_for_nobody_any_more_is_not_waited_for(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with open_library(settings, origin="cli") as library:
        await library.sync.sweep()
    begun, done = threading.Event(), threading.Event()

    def take_long(*given: Any) -> Any:
        begun.set()
        done.wait()
        return planning.build_plan(*given)

    monkeypatch.setattr(planner, "build_plan", take_long)
    try:
        async with in_session(settings, monkeypatch) as alive:
            await alive.see_rows()
            alive.press("*a")
            await alive.until(begun.is_set, "the plan being made")
            alive.press("\x1bq")
            await alive.end()
    finally:
        done.set()


def test_the_program_ends_though_a_thread_computes_still() -> None:
    program = """
import sys, threading
from coexplorer import cli

def leave():
    threading.Thread(target=threading.Event().wait).start()
    print("said")
    sys.exit(3)

cli._main = leave
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, check=False, timeout=stretched(30)
    )
    assert (done.returncode, done.stdout) == (3, b"said\n")
