"""Rows drawn separately show what the whole screen would have shown."""

import pytest
from rich.color import ColorSystem
from textual._compositor import ChopsUpdate, CompositorUpdate
from textual.geometry import Spacing
from textual.screen import Screen

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.tui.app import CoexplorerApp
from coexplorer.tui.terminal.layer import OutputLayer
from coexplorer.tui.terminal.plain import PlainLines
from tests.support.tui import Running, running_app


class Shown:
    """What a terminal would show, by the updates that the app gave out."""

    def __init__(self, app: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        self._app = app.app
        self.alone = 0
        self._layer = OutputLayer(ColorSystem.TRUECOLOR)
        self._layer.resize(*self._app.size)
        display = type(self._app)._display

        def show(app: CoexplorerApp, screen: Screen[object], update: object) -> None:
            if isinstance(update, CompositorUpdate):
                self._layer.render(update)
            if isinstance(update, ChopsUpdate):
                self.alone += all(len(update.chops[y]) == 1 for y, _, _ in update.spans)
            display(app, screen, update)

        monkeypatch.setattr(type(self._app), "_display", show)
        self._app.screen.refresh(repaint=True, layout=True)

    def check(self) -> None:
        """Compare with the screen drawn as a whole; our lines may not need what it leaves out."""
        screen = self._app.screen
        whole = self._app._render_all()
        assert whole is not None
        rows = self._layer.read(whole)
        assert rows is not None
        for y, row in rows.items():
            assert self._layer.model.get_row(y) == row, f"row {y}"
        for pane in screen.query(PlainLines):
            assert pane.styles.gutter == Spacing.all(0)
            assert pane.styles.opacity == 1.0


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (40, 12)])
async def test_what_keys_change_is_drawn_as_the_whole_screen_would_be(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]
) -> None:
    async with running_app(server, settings, size=size) as app:
        shown = Shown(app, monkeypatch)
        await app.press("j", "j", "space", "k")
        await app.settle()
        shown.check()
        assert shown.alone
        for keys in (("/", "r", "a"), ("escape", "escape"), ("pagedown", "g"), ("l",), ("e",)):
            await app.press(*keys)
            await app.until(lambda: not app.main._holds, "keys are taken")
            await app.settle()
            shown.check()
        app.app.say("a notification in front of the list")
        await app.settle()
        await app.press("escape", "j", "k", "j")
        await app.settle()
        shown.check()
