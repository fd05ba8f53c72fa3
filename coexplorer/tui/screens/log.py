"""The log: what was done, unsent edits on top."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from coexplorer.library.entries import Entry
from coexplorer.library.library import Library
from coexplorer.tui.commands import Scope
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Details, Rule
from coexplorer.tui.widgets.footer import Footer


class LogScreen(CommandScreen[Entry | None]):
    """Gives an unsent entry that is to be edited again, or None."""

    scope: ClassVar[Scope] = Scope.LOG
    DEFAULT_CSS = "LogScreen Details { height: 1fr; }"

    def __init__(self, library: Library) -> None:
        super().__init__()
        self._library = library

    def compose(self) -> ComposeResult:
        """Lay the screen out."""
        yield Rule()
        yield Details()
        yield Footer()

    def on_mount(self) -> None:
        """Take the focus."""
        self.set_focus(self.query_one(Details))
        self.query_one(Footer).show_commands(self.iter_footer(), self.coexplorer.keymap)

    def on_resize(self) -> None:
        """Fit to the width."""
        self.query_one(Rule).show_title("Log")

    def do_screen_close(self) -> None:
        """Leave."""
        self.dismiss(None)
