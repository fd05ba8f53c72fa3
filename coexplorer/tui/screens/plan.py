"""A bulk edit: its plan as a diff, then its progress and outcome."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from coexplorer.library.changes import Plan
from coexplorer.library.library import Library
from coexplorer.library.results import BatchReport
from coexplorer.tui.commands import Scope
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Details, Rule
from coexplorer.tui.widgets.footer import Footer


class PlanScreen(CommandScreen[BatchReport | None]):
    """Gives what the plan came to, or None when it was not carried out."""

    scope: ClassVar[Scope] = Scope.PLAN
    DEFAULT_CSS = "PlanScreen Details { height: 1fr; }"

    def __init__(self, library: Library, plan: Plan) -> None:
        super().__init__()
        self._library = library
        self._plan = plan

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
        self.query_one(Rule).show_title("Plan")

    def do_screen_close(self) -> None:
        """Leave."""
        self.dismiss(None)
