"""Sign in again, without losing what is being typed: the other screens wait below."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from coexplorer.config import Settings
from coexplorer.errors import CoexplorerError, NotSignedIn
from coexplorer.library.library import Library
from coexplorer.models import Secret
from coexplorer.text import clean
from coexplorer.tui import external
from coexplorer.tui.columns import Role
from coexplorer.tui.commands import Scope
from coexplorer.tui.messages import TextEntered, TextTyped
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Rule
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.form import FormField
from coexplorer.tui.widgets.lines import Lines
from coexplorer.written import unwrap_token


class SignInScreen(CommandScreen[bool]):
    """Gives True when the platform took the token.

    Args:
        error: Why the old token is no good; None when the user asks to sign in.
    """

    scope: ClassVar[Scope] = Scope.FORM
    DEFAULT_CSS = "SignInScreen Lines { height: auto; } SignInScreen #room { height: 1fr; }"

    def __init__(self, library: Library, settings: Settings, error: NotSignedIn | None) -> None:
        super().__init__()
        self._library = library
        self._settings = settings
        self._error = error
        self._token = FormField("token", "access token (cop_…)", secret=True)
        self._told = Lines(id="told")

    def compose(self) -> ComposeResult:
        """Why, where, the token."""
        yield Rule()
        yield Lines(id="why")
        yield self._token
        yield self._told
        yield Lines(id="room")
        yield Footer()

    def on_mount(self) -> None:
        """Say why."""
        why = f"{self._error.message}. " if self._error else ""
        self.query_one("#why", Lines).show(
            [
                ((clean(why), Role.BAD),),
                (
                    (
                        f"Make a token in your account's settings on {self._settings.domain}.",
                        Role.TEXT,
                    ),
                ),
                (("What you were typing is kept.", Role.DIM),),
                (),
            ]
        )
        self.set_focus(self._token.field)
        self.query_one(Footer).show_commands(self.iter_footer(), self.coexplorer.keymap)

    def on_resize(self) -> None:
        """Fit to the width."""
        self.query_one(Rule).show_title(f"Sign in to {self._settings.domain}")

    def on_text_typed(self, event: TextTyped) -> None:
        """Nothing follows what is typed here."""
        event.stop()

    def on_text_entered(self, event: TextEntered) -> None:
        """Enter sends it."""
        event.stop()
        self.perform("form.submit")

    async def do_form_submit(self) -> None:
        """Try the token, keep it where the old one was kept."""
        token = Secret(unwrap_token(self._token.value))
        if not token:
            self._told.show([(("type the token first", Role.WARN),)])
            return
        self._told.show([(("asking the platform…", Role.DIM),)])
        try:
            await self._library.sign_in(token)
        except CoexplorerError as error:
            text = f"{error.message}; {error.hint}".rstrip("; ")
            self._told.show([((clean(text), Role.BAD),)])
            return
        said = external.keep_token(self._settings, token)
        unsent = len(await self._library.unsent())
        self.say(f"{said}; {unsent:,} unsent: L shows and sends them" if unsent else said)
        self.dismiss(result=True)

    def do_screen_close(self) -> None:
        """Leave it."""
        self.dismiss(result=False)
