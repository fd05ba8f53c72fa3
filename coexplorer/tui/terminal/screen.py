"""The base of every screen."""

from __future__ import annotations

from typing import Generic

from textual.screen import Screen, ScreenResultType

from coexplorer.tui.terminal.compositor import RowCompositor


class TerminalScreen(Screen[ScreenResultType], Generic[ScreenResultType]):
    """A screen that draws changed rows by themselves."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = RowCompositor()
