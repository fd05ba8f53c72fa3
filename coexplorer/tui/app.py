"""The app: opens the main screen, and holds what all screens share."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from textual import events
from textual.binding import BindingType
from textual.notifications import Notification
from textual.screen import Screen
from textual.worker import WorkerFailed

from coexplorer.config import Settings
from coexplorer.errors import CatalogError, CoexplorerError, NotSignedIn, OtherPerson
from coexplorer.library.library import Library
from coexplorer.text import clean
from coexplorer.tui import external
from coexplorer.tui.actions import search
from coexplorer.tui.commands import Scope
from coexplorer.tui.keys import build_keymap, name_key, put_in_force
from coexplorer.tui.last_screen import LastScreen
from coexplorer.tui.memory import Memory
from coexplorer.tui.messages import FieldLeft
from coexplorer.tui.screens.base import SIGN_IN, CommandScreen
from coexplorer.tui.screens.main import MainScreen
from coexplorer.tui.terminal.app import TerminalApp
from coexplorer.tui.themes import STYLE, build_themes, choose_theme

if TYPE_CHECKING:
    from coexplorer.tui.app_protocol import MainAppProtocol


KEPT_NOTICES = 200
KEYS_OF_EDITORS = (signal.SIGINT, signal.SIGQUIT)
"""What the terminal sends to all programs of a job for a key; an editor that is open means it."""
LONGEST_LEAVE_S = 0.2
IDLE_S = 1.0
"""Without a key for so long, nobody is in the middle of something."""
LOOK_S = 0.05
NO_CHANGE = 2**62
"""A change number that no catalog reaches: asks for the newest number alone."""


class CoexplorerApp(TerminalApp[int], inherit_bindings=False):
    """The terminal app over one open library.

    Args:
        library: Opened, and closed, around the app.
        settings: The profile.
    """

    TITLE = "coexplorer"
    CSS = STYLE
    BINDINGS: ClassVar[list[BindingType]] = []
    ENABLE_COMMAND_PALETTE = False
    NOTIFICATION_TIMEOUT = 6

    def __init__(
        self, library: Library, settings: Settings, spell: Callable[[str], str] = str
    ) -> None:
        super().__init__()
        self._spell = spell
        self.library = library
        self.settings = settings
        self.memory = Memory(settings.journal_path)
        self.memory.tell = partial(self.say, severity="warning")
        self.keymap = build_keymap(settings.keys, settings.actions)
        put_in_force(self.keymap)
        keys = (*(key for _, key in self.keymap.commands), *self.keymap.quick)
        self.alt_keys = frozenset(key for key in keys if key.startswith("alt+"))
        if self.keymap.find(Scope.MAIN, "/") != search.OPENS:
            self.typed_search = ""
        self.unfinished: set[int] = set()
        self.notices: list[tuple[float, str]] = []
        self._about: list[tuple[str, Notification]] = []
        self.shown = asyncio.Event()
        self._fields_left = asyncio.Event()
        self.last_screen: LastScreen | None = None
        self.left_mounted = False
        self.other: OtherPerson | None = None
        self._editor = external.EditorProcess()
        for theme in build_themes():
            self.register_theme(theme)
        self.theme = choose_theme(self.memory.remembered.theme)
        self.animation_level = "none"

    def get_default_screen(self) -> Screen[None]:
        """Open with the main screen: nothing is drawn before it."""
        return MainScreen(self.library, self.settings)

    async def take_key(self, event: events.Key | events.Paste) -> None:
        """Offer keys and pastes to the screen first; see `CommandScreen.take_key`."""
        if isinstance(event, events.Paste) or not self._run_anywhere(event):
            await self.deliver_key(event)

    def _run_anywhere(self, event: events.Key) -> bool:
        """Run what works whatever is open, and does not wait for what keys wait for."""
        key = name_key(event.key, event.character)
        command_id = self.keymap.find(Scope.ANYWHERE, key)
        screen = self.screen
        if command_id is None or not isinstance(screen, CommandScreen):
            return False
        if event.is_printable and self.typing:
            return False
        screen.perform(command_id)
        return True

    async def deliver_key(self, event: events.Key | events.Paste) -> None:
        """Run a key's command, or hand it, or what was pasted, to what has the focus."""
        screen = self.screen
        if not isinstance(screen, CommandScreen):
            await super().take_key(event)
        elif not screen.take_key(event):
            field = screen.hold_for_field(event)
            await super().take_key(event)
            if field is not None:
                field.call_later(field.post_message, FieldLeft(screen.leaving_turn))

    @property
    def failure(self) -> Exception | None:
        """The mistake of our own that ended the app, if one did."""
        error = self._exception
        return error.error if isinstance(error, WorkerFailed) else error  # type: ignore[return-value]  # what a worker raised

    def _fatal_error(self) -> None:
        """End without Textual's traceback on the terminal: the caller keeps it in a file."""
        self._close_messages_no_wait()

    def on_ready(self) -> None:
        """Say what is wrong with the settings, and what else is to be told, once."""
        self.shown.set()
        for problem in (*self.settings.warnings, *self.keymap.problems):
            self.say(problem, severity="warning")
        for notice in self.settings.notices:
            self.say(notice)

    @property
    def main(self) -> MainScreen:
        """The main screen."""
        screen = self.screen_stack[0]
        if not isinstance(screen, MainScreen):
            raise TypeError(f"the first screen is {screen!r}")
        return screen

    def say(self, text: str, *, severity: str = "information", about: str = "") -> None:
        """Show a notification and keep it for the log; foreign text in it is made harmless.

        What is said again while it is still shown is counted there, and takes no more room.
        """
        shown = self._spell(clean(text))
        now = external.now()
        self.notices.append((now, shown))
        del self.notices[:-KEPT_NOTICES]
        level = severity if severity in ("warning", "error") else "information"
        recent = (said for at, said in self.notices if now - at < self.NOTIFICATION_TIMEOUT)
        times = sum(said == shown for said in recent)
        if times > 1:
            alike = (shown, f"{shown} ({times - 1} times)")
            for notification in [each for each in self._notifications if each.message in alike]:
                self._unnotify(notification, refresh=False)
            shown = f"{shown} ({times} times)"
        if isinstance(self.screen, CommandScreen):
            self.screen.notices.place()
        notice = Notification(
            shown,
            severity=level,  # type: ignore[arg-type]  # a Literal, checked above
            timeout=self.NOTIFICATION_TIMEOUT,
            markup=False,
        )
        # At once, not by a message: it may have to go before that would be handled.
        self._notifications.add(notice)
        self._refresh_notifications()
        if about:
            self._about.append((about, notice))

    def settle(self, about: str) -> None:
        """Take away what is still shown of an asset, or an action, that went well since."""
        for subject, notification in self._about:
            if subject == about and notification in self._notifications:
                self._unnotify(notification)
        self._about = [
            (subject, each)
            for subject, each in self._about
            if subject != about and each in self._notifications
        ]

    # What needs the world outside the widgets

    async def set_mounted(self, *, mounted: bool) -> str:
        """Mount the assets in a process of its own, or unmount them; say what was done."""
        said = await external.set_mounted(self.settings, mounted=mounted)
        self.left_mounted = mounted and await external.is_mounted(self.settings.mount_folder)
        return said

    async def copy(self, text: str) -> bool:
        """Put a text on the clipboard, by OSC 52 and, where it stands in between, by tmux.

        Returns:
            Whether it was handed on; whether the terminal at the other end took it, nobody tells.
        """
        written = self.write_copies(text)
        return await external.copy_by_tmux(text) or written

    async def run_editor(self, before: str, text: str) -> external.Edited:
        """Let the user change a text in $EDITOR; all else goes on meanwhile, unseen.

        Args:
            before: The text as it was built from the assets, for the draft.
            text: The text as it is opened.
        """
        path = external.keep_text(text)
        self.memory.save_text(before, text, str(path))
        # Nothing is painted over the editor: a batch holds every frame back.
        with self.suspend(), self.batch_update():
            edited = await self._editor.run(path, before)
        if not path.exists():
            self.memory.save_text(before, edited.text or text)
        # What was written is a draft; nothing is asked of somebody who is gone.
        self._come_back()
        return edited

    async def run_pager(self, content: bytes, ending: str) -> str:
        """Show a copy of a file in $PAGER; all else goes on meanwhile, unseen.

        Args:
            content: What is in it.
            ending: What its name ends with: ``.json``.

        Returns:
            What went wrong, if anything did.

        Raises:
            OSError: The copy can't be written.
        """
        with external.keep_copy(content, ending) as path, self.suspend(), self.batch_update():
            problem = await self._editor.show(path)
        self._come_back()
        return problem

    def _come_back(self) -> None:
        """Show the app again after another program had the terminal, unless it is to end."""
        if self.ended_by is not None:
            self.exit()
            raise asyncio.CancelledError
        self.repaint()
        self.note_focus()

    def end_by(self, number: int) -> None:
        """Leave because of a signal, after the editor that has the terminal."""
        if number in KEYS_OF_EDITORS and self._editor.is_open:
            return
        self.ended_by = number
        if not self._editor.pass_on(number):
            super().end_by(number)

    def tell_no_shell(self) -> None:
        """Say that there is no shell that could wake the app."""
        self.say("there is no shell to go back to here", severity="warning")

    async def keep_frame(self) -> None:
        """Keep the screen that the next start opens with, if it can be had at once."""
        if len(self.screen_stack) > 1 or self.main.state.editing is not None:
            return
        if self.settings.asks_program:
            return  # a list is not shown before it is known whose token there is
        with suppress(TimeoutError, CatalogError):
            async with asyncio.timeout(LONGEST_LEAVE_S):
                # Nothing of this is painted: the screen is gone in a moment.
                with self.batch_update():
                    change, _ = await self.library.assets.changed_since(NO_CHANGE)
                    size = self.main.size_name
                    await self.main.show_start()
                    is_laid_out = self.main.size_name == size
                    capture = self.capture_frame() if is_laid_out else None
                    if capture is not None:
                        look = self.main.build_look(self.find_pen)
                        path = str(self.settings.catalog_path)
                        self.last_screen = LastScreen(capture, look, path, change)

    # What comes up of itself

    @property
    def typing(self) -> bool:
        """Whether keys go into a field, a question or $EDITOR."""
        screen = self.screen
        fields = isinstance(screen, MainScreen) and screen.state.editing is not None
        return fields or self._editor.is_open or getattr(screen.focused, "takes_keys", False)

    async def until_calm(self) -> None:
        """Wait until nobody types: what comes up of itself takes no key that a field was to get."""
        while self.typing:
            self._fields_left.clear()
            await self._fields_left.wait()

    async def until_idle(self, *, tell: str, since: int) -> None:
        """Wait until nobody types, and no key has come for a moment.

        Args:
            tell: Said if that has to be waited for.
            since: What `keys_typed` was: nothing is waited for when no key has come since then.
        """
        is_told = False
        while (waits := self._keys_wait) or self.typing or self.keys_typed != since:
            left_s = self.typed_at + IDLE_S - time.monotonic()
            if not waits and not self.typing and left_s <= 0:
                break
            if not is_told and (self.typing or self.keys_typed != since):
                is_told = True
                self.say(tell, about=tell)
            if self.typing:
                await self.until_calm()
            else:
                await asyncio.sleep(max(left_s, LOOK_S))
        self.settle(tell)

    @property
    def _keys_wait(self) -> bool:
        """Whether keys that were typed have not acted yet."""
        return isinstance(self.screen, CommandScreen) and self.screen.keys_wait

    def note_focus(self) -> None:
        """The focus is elsewhere, or fields were closed: waiters may look again."""
        self._fields_left.set()

    def leave_if_other(self, error: CoexplorerError) -> bool:
        """Leave if the token is somebody else's: nothing of the first person is shown or sent then.

        What is being typed stays as a draft of the first person.
        """
        if isinstance(error, OtherPerson) and self.other is None:
            self.other = error
            if self._editor.is_open:  # it covers the screen, and its text is a draft once it ends
                self.main.start("leave", self._leave_later)
            else:
                self.exit()
        return isinstance(error, OtherPerson)

    async def _leave_later(self) -> None:
        await self.until_calm()
        self.exit()

    def sign_in_again(self, error: NotSignedIn | None) -> None:
        """Ask for a token, without leaving what is being typed, and not in the middle of it."""
        if error is not None and self.typing:
            self.main.restart("sign in", partial(self._sign_in_later, error))
        else:
            self.show_sign_in(error)

    async def _sign_in_later(self, error: NotSignedIn) -> None:
        await self.until_calm()
        self.show_sign_in(error)

    def show_sign_in(self, error: NotSignedIn | None) -> None:
        """Ask for a token now."""
        self.settle(SIGN_IN)
        from coexplorer.tui.screens.signin import SignInScreen  # noqa: PLC0415  needed here only

        if not any(isinstance(screen, SignInScreen) for screen in self.screen_stack):
            self.push_screen(SignInScreen(self.library, self.settings, error))


if TYPE_CHECKING:

    def _serves_screens(app: CoexplorerApp) -> MainAppProtocol:
        return app
