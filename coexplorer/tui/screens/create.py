"""The form for a new asset, then its way from draft to ready or failed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from coexplorer.library.library import Library
from coexplorer.models import Record
from coexplorer.tui.commands import Scope
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Details, Rule
from coexplorer.tui.widgets.footer import Footer


class CreateScreen(CommandScreen[Record | None]):
    """Gives what was made, or None."""

    scope: ClassVar[Scope] = Scope.FORM
    DEFAULT_CSS = "CreateScreen Details { height: 1fr; }"

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
        self.query_one(Rule).show_title("New asset")

    def do_screen_close(self) -> None:
        """Leave."""
        self.dismiss(None)
