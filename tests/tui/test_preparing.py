"""While something is being prepared, its screen takes the keys: none reaches the list behind it."""

from __future__ import annotations

import asyncio

import pytest

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.errors import CatalogError
from coexplorer.library.plans import Plan
from coexplorer.tui.screens.plan import PlanScreen
from tests.support.tui import Running, running_app


class Slow:
    """Makes plans only when told to; knows whether one was given up."""

    def __init__(self, app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        self.go = asyncio.Event()
        self.given_up = False
        self.fails = False
        self._plan = app.library.changes.plan
        monkeypatch.setattr(app.library.changes, "plan", self.make)

    async def make(self, *args: object, **options: object) -> Plan:
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.given_up = True
            raise
        if self.fails:
            raise CatalogError("the catalog is gone")
        return await self._plan(*args, **options)  # type: ignore[arg-type]  # handed on


WAYS = {"bulk": "*+bulk\r", "archive": "*a", "repeat": "jjaG*.", "some": "  +new\r"}


@pytest.mark.parametrize("keys", WAYS.values(), ids=WAYS)
async def test_keys_typed_while_a_plan_is_made_are_the_plans(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    async with running_app(server, settings) as app:
        slow = Slow(app, monkeypatch)
        app.burst(keys + "yyaD.1sT")
        await app.until_shown("comparing", "Esc gives it up")
        await app.settle()
        sent = len(server.log.find_all("PATCH")) + len(server.log.find_all("PUT"))
        slow.go.set()
        await app.until_shown("y do it")
        await app.settle()
        assert isinstance(app.app.screen, PlanScreen)
        assert len(app.app.screen_stack) == 2
        await app.press("escape")
        await app.until(lambda: app.app.screen is app.main, "the list")
        await app.settle()
        assert not app.main.prompt.display
        assert app.main.focused is app.main.rows
        now = len(server.log.find_all("PATCH")) + len(server.log.find_all("PUT"))
        assert now <= max(sent, 1)  # the archive that is repeated


async def test_a_plan_that_is_being_made_is_given_up_by_esc(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(server, settings) as app:
        slow = Slow(app, monkeypatch)
        await app.press("*", "a")
        await app.until_shown("comparing")
        await app.press("escape")
        await app.until(lambda: slow.given_up, "the end of the making")
        await app.until(lambda: app.app.screen is app.main, "the list")
        await app.press("a")
        slow.go.set()
        await app.until_shown("y do it")
    assert not server.log.find_all("PATCH")


async def test_a_plan_that_fails_says_why_and_the_next_one_comes(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(server, settings) as app:
        slow = Slow(app, monkeypatch)
        slow.fails = True
        slow.go.set()
        await app.press("*", "a")
        await app.until_shown("the catalog is gone")
        await app.until(lambda: app.app.screen is app.main, "the list")
        slow.fails = False
        await app.press("a")
        await app.until_shown("y do it")
        await app.press("y")
        await app.until_shown(" done")
