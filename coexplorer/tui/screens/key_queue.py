"""Keys in their order: what is typed ahead waits for what it is meant for."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Generic, cast

from textual import events
from textual.await_complete import AwaitComplete
from textual.screen import ScreenResultType
from textual.widget import Widget

from coexplorer.tui.keys import name_key, show_key
from coexplorer.tui.messages import FieldLeft
from coexplorer.tui.screens.openings import Openings
from coexplorer.tui.terminal.bursts import (
    LEAST,
    LEAST_BRACKETED,
    Burst,
    Unpaused,
    find_burst,
    find_rest,
    looks_pasted,
)
from coexplorer.tui.terminal.screen import TerminalScreen

if TYPE_CHECKING:
    from coexplorer.tui.app_protocol import AppProtocol

START, OPEN, LEFT, LIST, CLOSE, BACK = "start", "open", "left", "list", "close", "back"
BEGIN = "begin"
"""What held keys wait for: the screen's first content, what a command opens, where a key leads,
another list (what is typed into a field does not wait for that), fields that are being closed,
what comes after another screen; and a command that has not yet looked at what it acts on."""

FIELD = "field"
"""What is said of the field, or of the question, that keys go to."""
NO_FIELD = "nothing was pasted: open a field first"
JOINED = "several lines came at once and were joined with blanks"

LEAVING = ("tab", "shift+tab", "enter", "escape", "ctrl+s", "ctrl+r")
"""Keys that may move the focus out of a field."""
LINE_ENDS = ("enter", "ctrl+j")
"""The keys that a terminal makes of line ends where it does not mark what is pasted."""

Input = events.Key | events.Paste
"""What comes from the keyboard, in its order."""


class KeyQueueScreen(TerminalScreen[ScreenResultType], Generic[ScreenResultType]):
    """A screen on which keys act in their order, however fast they come.

    Keys that come before there is anything to take them are held. Words that were pasted as if they
    were typed are no commands, nor is what was typed for something that did not open.
    """

    loads_first: ClassVar[bool] = False
    """Keys wait until the screen itself calls `release_keys` with `START`."""

    def __init__(self) -> None:
        super().__init__()
        self.openings = Openings()
        self.leaving_turn = 0
        self._holds = {START}
        self._held: deque[Input] = deque()
        self._releasing = False
        self._delivering = False
        self._leaving: Widget | None = None
        self._pasted = Unpaused()
        self._joined: Widget | None = None

    @property
    def coexplorer(self) -> AppProtocol:
        """The app, as far as it is a screen's business."""
        return cast("AppProtocol", self.app)

    def say(self, text: str, *, severity: str = "information", about: str = "") -> None:
        """Show a notification; foreign text in it is made harmless.

        Args:
            text: What is said.
            severity: ``information``, ``warning`` or ``error``.
            about: What it is about; `AppProtocol.settle` takes it away when that is over.
        """
        self.coexplorer.say(text, severity=severity, about=about)

    def run_key(self, key: str) -> bool:
        """Run the command of a key by its name; tell whether there is one."""
        raise NotImplementedError

    def take_key(self, event: Input) -> bool:
        """Run the command of a key, unless the focus is on a field; tell whether it is taken.

        The app asks before Textual hands the key on, so that keys which are typed ahead act in
        their order: what follows ``/`` or ``r`` belongs to the field that these open.
        """
        typing = getattr(self.focused, "takes_keys", False)
        waits = self._holds - {LIST} if typing and not self._held else self._holds
        if (waits or self._releasing) and not self._delivering:
            self._held.append(event)
            return True
        if isinstance(event, events.Paste):
            return False
        if self._drop_burst(event, typing=typing) or (not typing and self.openings.drops(event)):
            return True
        if typing:
            return False
        self.openings.note_key(event)
        return self.run_key(name_key(event.key, event.character))

    def _drop_burst(self, event: events.Key, *, typing: bool) -> bool:
        """Tell whether a key is part of words that were pasted as if they were typed.

        Little is guessed once the terminal has shown that it brackets pastes: all else is
        keys then, but for words on the list that nobody types ahead: tmux pastes without them,
        too. Where it is not known, words on the list would be commands: they do nothing, nor does
        what follows them without a pause. Behind an Enter in a field of one line they would be,
        once it has left the field: they go into the field, as pasted lines do, and are saved only
        after another look: they may have been keys.
        """
        burst = find_burst(event)
        if burst is not None and burst.dropped:
            self._pasted.begin(event.time)
            return True
        if not typing:
            return self._drop_words(event, burst)
        if self.coexplorer.brackets_pastes:
            return False
        if burst is not None and event.key in LINE_ENDS:
            rest = find_rest(event)[1:]
            # A line feed is no key that anybody presses here; Enter may be one.
            is_pasted = event.key != "enter" or looks_pasted(rest)
            add_lines = getattr(self.focused, "add_lines", None)
            if is_pasted and add_lines is not None:
                if add_lines(rest):
                    self._joined = self.focused
                burst.dropped = True
                return True
        return self._asks_to_look(event)

    def _drop_words(self, event: events.Key, burst: Burst | None) -> bool:
        if self._pasted.has(event) and (event.key == "enter" or event.is_printable):
            drops = event.character not in ("/", ":")  # nothing is changed by what follows these
        else:
            least = LEAST_BRACKETED if self.coexplorer.brackets_pastes else LEAST
            drops = burst is not None and looks_pasted(find_rest(event), least=least)
            if drops:
                self.say(NO_FIELD, severity="warning", about=NO_FIELD)
        if drops:
            self._pasted.begin(event.time)
            if burst is not None:
                burst.dropped = True
        return drops

    def drop_held(self) -> None:
        """Drop what was typed behind an answer that led to nothing: it was for what comes next."""
        self._held.clear()
        self.openings.refuse_now()

    def _asks_to_look(self, event: events.Key) -> bool:
        """Refuse once to save lines that were joined: somebody may have typed them ahead."""
        if self._joined is None or event.key not in ("enter", "ctrl+s"):
            return False
        field, self._joined = self._joined, None
        if not field.is_attached or not getattr(field, "has_joined", False):
            return False
        told = f"{JOINED}: look, then press {show_key(event.key)} again"
        self.say(told, severity="warning", about=FIELD)
        return True

    def hold_for_field(self, event: Input) -> Widget | None:
        """Before a key that may leave a field: what was typed after it waits for where it leads.

        Returns:
            The field; it is to post `FieldLeft` when it has handled the key. That goes the way of
            all that the key makes it post, behind it.
        """
        field = self.focused
        if field is None or not getattr(field, "takes_keys", False):
            return None
        if isinstance(event, events.Paste):
            return None
        if event.key not in LEAVING and not getattr(field, "any_key_leaves", False):
            return None
        self._holds.add(LEFT)
        self._leaving = field
        self.leaving_turn += 1
        return field

    async def on_field_left(self, event: FieldLeft) -> None:
        """The key was handled: the focus is where it leads."""
        event.stop()
        if event.turn == self.leaving_turn:
            await self.release_keys(LEFT)

    @property
    def keys_wait(self) -> bool:
        """Whether keys wait, or what a key opens is on its way."""
        return bool(self._held or self._holds - {LIST} or self._releasing)

    def holds_for(self, reason: str) -> bool:
        """Tell whether keys wait for this."""
        return reason in self._holds

    def hold_keys(self, reason: str) -> None:
        """Let keys wait, in their order, until `release_keys` is called with this reason."""
        self._holds.add(reason)
        if reason == OPEN:
            self.openings.wait_for_focus()

    async def release_keys(self, reason: str) -> None:
        """Let the keys that were held go on: there is something to take them now.

        Args:
            reason: `START` or another one: what they waited for.
        """
        self._holds.discard(reason)
        if self._holds or self._releasing:
            return
        self._releasing = True
        try:
            # A key that opens something else makes the rest wait again.
            while self._held and not self._holds:
                await self._deliver(self._held.popleft())
        finally:
            self._releasing = False

    async def _deliver(self, event: Input) -> None:
        self._delivering = True
        try:
            await self.coexplorer.deliver_key(event)
        finally:
            self._delivering = False

    def watch_focused(self, before: Widget | None, now: Widget | None) -> None:
        """Count where the focus goes, at once: messages tell of it later."""
        self.openings.note_move()
        if getattr(before, "takes_keys", False):
            self.coexplorer.settle(FIELD)
        if getattr(now, "takes_keys", False):
            self.coexplorer.settle(NO_FIELD)

    async def on_descendant_focus(self) -> None:
        """Something has the focus now."""
        if self.focused is not self._leaving:
            await self.release_keys(LEFT)
        if self.openings.note_focus():
            await self.release_keys(OPEN)

    async def on_screen_suspend(self) -> None:
        """Another screen is in front now."""
        self.openings.note_open()
        await self.release_keys(OPEN)

    def on_screen_resume(self) -> None:
        """In front again; whoever opened the other screen goes on first."""
        self.call_after_refresh(self.release_keys, BACK)

    def on_mount(self) -> None:
        """Take keys once the screen is drawn."""
        if not self.loads_first:
            self.call_after_refresh(self.release_keys, START)

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave; keys that were typed for what is below are handed to it."""
        held = list(self._held)
        self._held.clear()
        done = super().dismiss(result)
        below = self.app.screen
        if held and isinstance(below, KeyQueueScreen):
            below.take_over(held)
        return done

    def take_over(self, keys: Sequence[Input]) -> None:
        """Take keys that were held for this screen by the one above it."""
        self._held.extendleft(reversed(keys))
        self._holds.add(BACK)
