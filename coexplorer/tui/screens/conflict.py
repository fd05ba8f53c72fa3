"""A conflict: theirs, mine and the base beside each other."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from coexplorer.errors import EditConflict
from coexplorer.models import Fields
from coexplorer.tui.commands import Scope
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Details, Rule
from coexplorer.tui.widgets.footer import Footer


class ConflictScreen(CommandScreen[Fields | None]):
    """Gives the fields that were chosen, or None."""

    scope: ClassVar[Scope] = Scope.CONFLICT
    DEFAULT_CSS = "ConflictScreen Details { height: 1fr; }"

    def __init__(self, name: str, conflict: EditConflict) -> None:
        super().__init__()
        self._name = name
        self._conflict = conflict

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
        self.query_one(Rule).show_title("Somebody changed this meanwhile")

    def do_screen_close(self) -> None:
        """Leave."""
        self.dismiss(None)
