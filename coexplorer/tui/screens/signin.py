"""Signing in again without losing what is being typed: the other screens wait below."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from coexplorer.config import Settings
from coexplorer.config.domain import Address
from coexplorer.errors import CoexplorerError, NotSignedIn
from coexplorer.library.library import Library
from coexplorer.models import Secret
from coexplorer.spelling import spell
from coexplorer.text import clean
from coexplorer.tui import external
from coexplorer.tui.columns import Line, Role, wrap
from coexplorer.tui.commands import Scope
from coexplorer.tui.credentials import find_fault, read_token
from coexplorer.tui.keys import key_of
from coexplorer.tui.messages import TextEntered, TextTyped
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Rule
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.form import FormField
from coexplorer.tui.widgets.lines import Lines


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
        self._rule, self._why, self._footer = Rule(), Lines(id="why"), Footer()
        self._said: tuple[str, Role] = ("", Role.DIM)

    def compose(self) -> ComposeResult:
        """Why, where, the token."""
        yield self._rule
        yield self._why
        yield self._token
        yield self._told
        yield Lines(id="room")
        yield self._footer

    def on_mount(self) -> None:
        """Say why."""
        self._show_why()
        self.set_focus(self._token.field)
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)

    def on_resize(self) -> None:
        """Fit to the width."""
        self._rule.show_title(f"Sign in to {self._settings.domain}")
        self._show_why()
        self._tell(*self._said)

    def _show_why(self) -> None:
        make = f"Make a token in your account's settings on {self._settings.domain}."
        said = [(f"{self._error.message}.", Role.BAD)] if self._error else []
        said += [(make, Role.TEXT), ("What you were typing is kept.", Role.DIM)]
        lines = [line for text, role in said for line in self._wrap(text, role)]
        self._why.show([*lines, ()])

    def _wrap(self, text: str, role: Role) -> list[Line]:
        return [((part, role),) for part in wrap(spell(clean(text)), max(1, self.app.size.width))]

    def _tell(self, text: str, role: Role) -> None:
        """Say how the last try went, in full, at any width."""
        self._said = (text, role)
        self._told.show(self._wrap(text, role) if text else [])

    def on_text_typed(self, event: TextTyped) -> None:
        """Nothing follows what is typed here."""
        event.stop()

    def on_text_entered(self, event: TextEntered) -> None:
        """Enter sends it."""
        event.stop()
        self.perform("form.submit")

    async def do_form_submit(self) -> None:
        """Try the token, keep it where the old one was kept."""
        given = read_token(self._token.value)
        fault = find_fault(given, Address(self._settings.base_url, self._settings.domain))
        if fault:
            self._tell(fault, Role.WARN)
            self._token.field.select_all()  # what is typed or pasted next is in its place
            return
        token = Secret(given.token)
        self._tell(f"asking {self._settings.domain}…", Role.DIM)
        try:
            await self._library.platform.sign_in(token)
        except CoexplorerError as error:
            text = f"{error.message}; {error.hint}".rstrip("; ")
            self._tell(text, Role.BAD)
            self._token.field.select_all()  # what is typed or pasted next is in its place
            self.coexplorer.leave_if_other(error)
            return
        said = external.keep_token(self._settings, token)
        unsent = len(await self._library.log.unsent())
        self.say(
            f"{said}; {unsent:,} unsent: {key_of('log.open')} shows and sends them"
            if unsent
            else said
        )
        self.dismiss(result=True)

    def do_screen_close(self) -> None:
        """Leave it."""
        self.dismiss(result=False)
