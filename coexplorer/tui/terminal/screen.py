"""The base of every screen."""

from __future__ import annotations

from typing import Generic

from textual.screen import Screen, ScreenResultType

from coexplorer.tui.terminal.app import TerminalApp
from coexplorer.tui.terminal.compositor import RowCompositor


class TerminalScreen(Screen[ScreenResultType], Generic[ScreenResultType]):
    """A screen that draws changed rows by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = RowCompositor()

    def _compositor_refresh(self) -> None:
        """Draw nothing while the first frame stands: all is drawn when it makes way."""
        if isinstance(self.app, TerminalApp) and self.app.holds_output:
            self._dirty_widgets.clear()
        else:
            super()._compositor_refresh()
