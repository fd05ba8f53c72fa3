"""What is closed before it was there, or while it still reads, is no mistake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.fields import Fields
from coexplorer.query import parse_query
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.screens.confirm import ConfirmScreen
from coexplorer.tui.screens.create import CreateScreen
from coexplorer.tui.screens.help import HelpScreen
from coexplorer.tui.screens.signin import SignInScreen
from coexplorer.tui.screens.tags import TagsScreen
from coexplorer.tui.widgets.fields import FieldsEditor
from tests.support.tui import Running, running_app

SCREENS: dict[str, Callable[[Running], CommandScreen[Any]]] = {
    "confirm": lambda app: ConfirmScreen(app.library, ()),
    "create": lambda app: CreateScreen(app.library),
    "help": lambda _: HelpScreen(),
    "sign in": lambda app: SignInScreen(app.library, app.app.settings, None),
    "tags": lambda app: TagsScreen(app.library, parse_query(""), searching=False),
}


async def test_fields_may_be_gone_before_they_are_there(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        for first in ("name", "tags", "description"):
            editor = FieldsEditor(Fields("x", tags=("a",)), first=first)
            app.main.side.mount(editor)
            removed = editor.remove()
            assert editor.mine.same_as(editor.base)
            editor.on_mount()
            editor.offer_tags((), of="", span=(0, 0))
            await removed
            editor.on_mount()
            await app.settle()
        await app.press("j")
        assert app.main.rows.cursor == 1
        assert app.app.failure is None


@pytest.mark.parametrize("name", SCREENS)
async def test_a_screen_may_be_left_before_it_is_there(
    server: DemoServer, settings: Settings, name: str
) -> None:
    async with running_app(server, settings) as app:
        for waits in (False, True):
            screen = SCREENS[name](app)
            pushed = app.app.push_screen(screen)
            if waits:
                await pushed
            screen.dismiss()
            await app.until(lambda: app.app.screen is app.main, "the list")
            await app.settle()
        await app.press("j")
        assert app.main.rows.cursor == 1
        assert app.app.failure is None
