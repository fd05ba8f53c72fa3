"""What every screen has in common: keys run commands, workers wait, errors become notifications."""

from __future__ import annotations

import inspect
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual import events
from textual.await_complete import AwaitComplete
from textual.dom import NoScreen
from textual.widget import Widget
from textual.worker import Worker

from coexplorer.errors import CoexplorerError, NotSignedIn
from coexplorer.tui.command_registry import get_command
from coexplorer.tui.commands import Command, Scope, Situation
from coexplorer.tui.keys import SHARED, key_of, name_key, show_key
from coexplorer.tui.messages import CommandClicked, CopyWanted, FieldLeft, TextRefused
from coexplorer.tui.terminal.bursts import PAUSE_S, Burst, find_burst, find_rest, looks_pasted
from coexplorer.tui.terminal.screen import TerminalScreen
from coexplorer.tui.widgets.notices import NoticeKeeper

if TYPE_CHECKING:
    from coexplorer.tui.app_protocol import AppProtocol

_log = logging.getLogger(__name__)
Result = TypeVar("Result")
START, OPEN, LEFT, LIST, CLOSE, BACK = "start", "open", "left", "list", "close", "back"
BEGIN = "begin"
"""What held keys wait for: the screen's first content, what a command opens, where a key leads,
another list (what is typed into a field does not wait for that), fields that are being closed,
what comes after another screen; and a command that has not yet looked at what it acts on."""

KEYS = "keys"
"""What is said about keys that do nothing: the last one alone is shown."""
NO_FIELD = "nothing was pasted: open a field first"
JOINED = "several lines came at once and were joined with blanks"

LEAVING = ("tab", "shift+tab", "enter", "escape", "ctrl+s", "ctrl+r")
"""Keys that may move the focus out of a field."""

Input = events.Key | events.Paste
"""What comes from the keyboard, in its order."""
Handler = Callable[[], Coroutine[None, None, None] | None]
Work = Callable[[], Coroutine[None, None, None]]
"""Something to wait for; it is called when its worker runs, never when it is superseded before."""


LINE_ENDS = ("enter", "ctrl+j")
"""The keys that a terminal makes of line ends where it does not mark what is pasted."""


class CommandScreen(TerminalScreen[Result]):
    """A screen whose keys run commands of the registry.

    A command ``log.retry`` is carried out by the method ``do_log_retry``, which may be async: it
    then runs in a worker.
    """

    scope: ClassVar[Scope]
    loads_first: ClassVar[bool] = False
    """Keys wait until the screen itself calls `release_keys` with `START`."""
    keeps_clear: ClassVar[str] = ""
    """Selects what no notice may cover, beside the fields that keys go to."""
    tells_keys: ClassVar[bool] = False
    """Whether a key that does nothing is answered with the ones that do something."""
    AUTO_FOCUS = None

    def __init__(self) -> None:
        super().__init__()
        # Keys that come before there is anything to take them wait, in their order.
        self._holds = {START}
        self._releasing = False
        self._delivering = False
        self._held: deque[Input] = deque()
        self._leaving: Widget | None = None
        self.leaving_turn = 0
        self._focus_turn = 0
        self._opening = 0
        self._opening_turn = 0
        self._dropped_at = float("-inf")
        self._refused_at = float("-inf")
        self._last_key: events.Key | None = None
        self._openings = 0
        self._joined: Widget | None = None
        self.notices = NoticeKeeper(self, self.keeps_clear)

    @property
    def coexplorer(self) -> AppProtocol:
        """The app, as far as it is a screen's business."""
        return cast("AppProtocol", self.app)

    @property
    def key_scope(self) -> Scope:
        """Where keys are looked up now."""
        return self.scope

    def situation(self) -> Situation:
        """Say what decides whether commands can run."""
        return Situation(connected=True)

    def find_handler(self, command_id: str) -> Handler | None:
        """Return what carries a command out on this screen."""
        return getattr(self, "do_" + command_id.replace(".", "_"), None)

    def do_app_redraw(self) -> None:
        """Paint everything again."""
        self.coexplorer.repaint()

    def do_app_suspend(self) -> None:
        """Go back to the shell until its ``fg``."""
        self.coexplorer.stop_job(group=True)

    # Keys

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
        if self._drop_burst(event, typing=typing) or self._drop_refused(event, typing=typing):
            return True
        if typing:
            return False
        self._last_key = event
        return self.run_key(name_key(event.key, event.character))

    def _drop_burst(self, event: events.Key, *, typing: bool) -> bool:
        """Tell whether a key is part of words that were pasted as if they were typed.

        Nothing is guessed once the terminal has shown that it marks what is pasted: all else is
        keys then, however many came at once. Where that is not known, words on the list would be
        commands: they do nothing, nor does what follows them without a pause. Behind an Enter in
        a field of one line they would be, once it has left the field: they go into the field, as
        pasted lines do, and are saved only after another look: they may have been keys.
        """
        burst = find_burst(event)
        if burst is not None and burst.dropped:
            self._dropped_at = event.time
            return True
        if self.coexplorer.brackets_pastes:
            return False
        if not typing:
            return self._drop_words(event, burst)
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
        follows = event.time - self._dropped_at < PAUSE_S
        if follows and (event.key == "enter" or event.is_printable):
            drops = event.character not in ("/", ":")  # nothing is changed by what follows these
        else:
            drops = burst is not None and looks_pasted(find_rest(event))
            if drops:
                self.say(NO_FIELD, severity="warning")
        if drops:
            self._dropped_at = event.time
            if burst is not None:
                burst.dropped = True
        return drops

    def _refuse_rest(self, opener: events.Key | None) -> None:
        """Drop what was typed behind a key that opened nothing: it was text for what it opens."""
        if opener is None:
            return
        self._refused_at = opener.time
        burst = find_burst(opener)
        if burst is not None:
            burst.dropped = True

    def _refuse_held(self) -> None:
        """Drop what was typed behind an answer that led to nothing: it was for what comes next."""
        self._held.clear()
        # What is still on its way follows without a pause.
        self._refused_at = monotonic()

    def _drop_refused(self, event: events.Key, *, typing: bool) -> bool:
        """Tell whether a key follows, without a pause, one that opened nothing."""
        if typing or event.time - self._refused_at >= PAUSE_S:
            return False
        if not event.is_printable:
            self._refused_at = float("-inf")
            return event.key == "enter"
        self._refused_at = event.time
        return True

    def _asks_to_look(self, event: events.Key) -> bool:
        """Refuse once to save lines that were joined: somebody may have typed them ahead."""
        if self._joined is None or event.key not in ("enter", "ctrl+s"):
            return False
        field, self._joined = self._joined, None
        if not field.is_attached or not getattr(field, "has_joined", False):
            return False
        self.say(f"{JOINED}: look, then press {show_key(event.key)} again", severity="warning")
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

    def run_key(self, key: str) -> bool:
        """Run the command of a key by its name; tell whether there is one."""
        command_id = self.coexplorer.keymap.find(self.key_scope, key)
        if command_id is None or (self.tells_keys and self.find_handler(command_id) is None):
            return False
        self.perform(command_id)
        return True

    def tell_keys(self, key: str) -> None:
        """Say what can be pressed here, as a key was that does nothing."""
        named = (f"{key_of(command.id)} {command.short}" for command in self.iter_footer())
        # Once, however many keys are pressed.
        self.coexplorer.settle(KEYS)
        self.say(f"{show_key(key)} does nothing here: {', '.join(named)}", about=KEYS)

    async def on_key(self, event: events.Key) -> None:
        """Run the command of a key that a field did not want."""
        key = name_key(event.key, event.character)
        if self.run_key(key):
            event.stop()
            event.prevent_default()
        elif self.tells_keys and (event.is_printable or key.startswith("ctrl+") or key == "enter"):
            self.tell_keys(key)

    def on_paste(self, event: events.Paste) -> None:
        """Say that pasted text does nothing here: no field wanted it, and it is no command."""
        event.stop()
        if event.text:
            self.say(NO_FIELD, severity="warning")

    def on_text_refused(self, event: TextRefused) -> None:
        """Say why a field did not take what was pasted."""
        event.stop()
        self.say(event.reason, severity="warning")

    def on_copy_wanted(self, event: CopyWanted) -> None:
        """Copy what is selected; where nothing is, say how to leave: that may be what is meant."""
        event.stop()
        if event.text:
            self.start("copy", partial(self._copy, event.text))
            return
        self.say(
            f"nothing is selected to copy: {self.leaving_key} leaves the field,"
            f" {key_of('app.quit_now')} quits"
        )

    async def _copy(self, text: str) -> None:
        copied = await self.coexplorer.copy(text)
        self.say("copied what is selected" if copied else "this terminal has no clipboard")

    @property
    def leaving_key(self) -> str:
        """The key that leaves the field with the cursor."""
        own = getattr(self.focused, "leaves", False)
        return show_key("escape") if own else key_of("screen.close")

    def do_app_quit_now(self) -> None:
        """Leave, whatever is open; drafts stay."""
        self.app.exit()

    @property
    def keys_wait(self) -> bool:
        """Whether keys wait, or what a key opens is on its way."""
        return bool(self._held or self._holds - {LIST} or self._releasing)

    def hold_keys(self, reason: str) -> None:
        """Let keys wait, in their order, until `release_keys` is called with this reason."""
        self._holds.add(reason)
        if reason == OPEN:
            self._opening_turn = self._focus_turn

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

    def on_mount(self) -> None:
        """Take keys once the screen is drawn."""
        self.screen_layout_refresh_signal.subscribe(self, lambda _: self.notices.follow())
        if not self.loads_first:
            self.call_after_refresh(self.release_keys, START)

    def watch_focused(self) -> None:
        """Count where the focus goes, at once: messages tell of it later."""
        self._focus_turn += 1

    async def on_descendant_focus(self) -> None:
        """Something has the focus now."""
        self.coexplorer.note_focus()
        self.notices.follow()
        if self.focused is not self._leaving:
            await self.release_keys(LEFT)
        # What went to the list just before a key there opens something is told late: that is not
        # yet what it opens.
        if self._focus_turn != self._opening_turn:
            self._openings += 1
            await self.release_keys(OPEN)

    async def on_screen_suspend(self) -> None:
        """Another screen is in front now."""
        self._openings += 1
        await self.release_keys(OPEN)

    def dismiss(self, result: Result | None = None) -> AwaitComplete:
        """Leave; keys that were typed for what is below are handed to it."""
        held = list(self._held)
        self._held.clear()
        done = super().dismiss(result)
        below = self.app.screen
        if held and isinstance(below, CommandScreen):
            below.take_over(held)
        return done

    def take_over(self, keys: Sequence[Input]) -> None:
        """Take keys that were held for this screen by the one above it."""
        self._held.extendleft(reversed(keys))
        self._holds.add(BACK)

    def on_descendant_blur(self) -> None:
        """Something has it no longer."""
        self.coexplorer.note_focus()
        self.notices.follow()

    def on_screen_resume(self) -> None:
        """In front again; whoever opened the other screen goes on first."""
        self.coexplorer.note_focus()
        self.notices.place()
        self.call_after_refresh(self.release_keys, BACK)

    def on_command_clicked(self, event: CommandClicked) -> None:
        """Run a command of the footer."""
        event.stop()
        self.perform(event.command_id)

    def perform(self, command_id: str) -> None:
        """Carry a command out, or say why it can't be now."""
        command = get_command(command_id)
        reason = command.why_disabled(self.situation())
        handler = self.find_handler(command_id)
        opener, self._last_key = self._last_key, None
        if reason or handler is None:
            self.say(f"{command.title}: {reason or 'not here'}", severity="warning")
            if command.types:
                self._refuse_rest(opener)
            return
        if command.opens:
            self._opening += 1
            self.hold_keys(OPEN)
        if inspect.iscoroutinefunction(handler):
            work = partial(self._open, handler, command, opener, self._opening)
            self.begin(command_id, work if command.opens else handler)
            return
        handler()
        if command.opens:
            self.call_after_refresh(self._release_opening, self._opening)

    def iter_footer(self) -> list[Command]:
        """Return the footer's commands: the ones in this scope that can run now."""
        now = self.situation()
        scope = self.key_scope
        closes = "screen.close" if scope in SHARED else ""
        commands = (get_command(name) for name in self.coexplorer.keymap.keys)
        return [
            command
            for command in commands
            if command.short
            and (command.scope is scope or command.id == closes)
            and not command.why_disabled(now)
        ]

    def begin(self, name: str, work: Work) -> None:
        """Start what a key does: the next key waits until it knows what it acts on.

        A worker runs later than the key that started it; ``aj`` in one packet would otherwise
        archive the asset that ``j`` goes to.
        """
        self._holds.add(BEGIN)
        self.start(name, partial(self._begin, work))

    def start(self, name: str, work: Work) -> Worker[None]:
        """Wait for something in the background; what goes wrong becomes a notification."""
        return self._put_to_work(name, work)

    def restart(self, name: str, work: Work) -> Worker[None]:
        """Likewise, but cancel what was started under this name before."""
        return self._put_to_work(name, work, group=name)

    def _put_to_work(self, name: str, work: Work, group: str = "") -> Worker[None]:
        """Start work, by the one door that all of it goes through; none once the app has ended."""
        guarded = partial(self._guard, name, work)
        if self.coexplorer.has_ended:
            return Worker(self, guarded, name=name)
        if not group:
            return self.run_worker(guarded, name=name)
        return self.run_worker(guarded, name=name, group=group, exclusive=True)

    async def _begin(self, work: Work) -> None:
        # It is handled when the work waits for the first time: the cursor and marks are read then.
        self.call_later(self.release_keys, BEGIN)
        await work()

    async def _release_opening(self, opening: int) -> None:
        """Let keys go on that waited for what a key opened, if they wait for no later one."""
        if opening == self._opening:
            await self.release_keys(OPEN)

    async def _open(
        self, work: Work, command: Command, opener: events.Key | None, opening: int
    ) -> None:
        """Let keys go on once something is open; what nothing opened for is dropped."""
        before = self._openings
        try:
            await work()
        except CoexplorerError:
            # A question was answered, and what the answer was to open does not come.
            if command.types and opening == self._opening and OPEN in self._holds:
                self._refuse_held()
            raise
        finally:
            typing = getattr(self.focused, "takes_keys", False)
            if command.types and self._openings == before and self.is_current and not typing:
                self._refuse_rest(opener)
            # What is open may have been closed again by keys, and another key have opened more,
            # while this was still at work.
            await self._release_opening(opening)

    async def _guard(self, name: str, work: Work) -> None:
        try:
            with self.coexplorer.working():
                await work()
        except Exception as error:
            if self.coexplorer.has_ended:
                # There is nobody left to tell, and nothing that it could have touched.
                _log.debug("after the end", exc_info=True)
            elif isinstance(error, CoexplorerError):
                self.report(error, about=name)
            elif not isinstance(error, NoScreen) or self.is_running:
                raise
        else:
            self.coexplorer.settle(name)

    def report(self, error: CoexplorerError, *, about: str = "") -> None:
        """Show one of our errors: one sentence with the way out.

        Args:
            error: What happened.
            about: What was tried, where the error is not of one asset: once that goes well, this
                is no longer shown. What is said of an asset goes with the asset's next success.
        """
        hint = error.hint
        if self.coexplorer.leave_if_other(error):
            return
        if isinstance(error, NotSignedIn):
            self.coexplorer.sign_in_again(error)
            hint = "you will be asked for a token when you are done here"
            if not self.coexplorer.typing:
                return  # the screen that asks says why
        text = f"{error.message}: {hint}" if hint else error.message
        self.say(text, severity="error", about=error.about or about)

    def say(self, text: str, *, severity: str = "information", about: str = "") -> None:
        """Show a notification; foreign text in it is made harmless."""
        self.coexplorer.say(text, severity=severity, about=about)
