"""Sign in: domain and token, without losing what is being typed."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from coexplorer.config import Settings
from coexplorer.errors import NotSignedIn
from coexplorer.tui.commands import Scope
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Details, Rule
from coexplorer.tui.widgets.footer import Footer


class SignInScreen(CommandScreen[None]):
    """Closes when signed in, or given up."""

    scope: ClassVar[Scope] = Scope.FORM
    DEFAULT_CSS = "SignInScreen Details { height: 1fr; }"

    def __init__(self, settings: Settings, error: NotSignedIn | None) -> None:
        super().__init__()
        self._settings = settings
        self._error = error

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
        self.query_one(Rule).show_title("Sign in")

    def do_screen_close(self) -> None:
        """Leave."""
        self.dismiss(None)
