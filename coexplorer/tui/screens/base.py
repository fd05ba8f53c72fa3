"""What every screen has in common: keys run commands, workers wait, errors become notifications."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import ClassVar, Generic

from textual import events
from textual.await_complete import AwaitComplete
from textual.dom import NoScreen
from textual.screen import ScreenResultType
from textual.worker import Worker

from coexplorer.errors import CoexplorerError, NotSignedIn
from coexplorer.tui.command_registry import get_command
from coexplorer.tui.commands import Command, Scope, Situation
from coexplorer.tui.keys import SHARED, key_of, name_key, show_key
from coexplorer.tui.messages import CommandClicked, CopyWanted, TextRefused
from coexplorer.tui.screens.key_queue import BEGIN, FIELD, NO_FIELD, OPEN, KeyQueueScreen
from coexplorer.tui.screens.openings import KeyOpening
from coexplorer.tui.widgets.notices import NoticeKeeper

_log = logging.getLogger(__name__)
KEYS = "keys"
"""What is said about keys that do nothing: the last one alone is shown."""
SIGN_IN = "sign in"
HERE = "here"
"""What is said of how things stand on a screen: at the latest it goes with the screen."""

Handler = Callable[[], Coroutine[None, None, None] | None]
Work = Callable[[], Coroutine[None, None, None]]
"""Something to wait for; it is called when its worker runs, never when it is superseded before."""


class CommandScreen(KeyQueueScreen[ScreenResultType], Generic[ScreenResultType]):
    """A screen whose keys run commands of the registry.

    A command ``log.retry`` is carried out by the method ``do_log_retry``, which may be async: it
    then runs in a worker.
    """

    scope: ClassVar[Scope]
    keeps_clear: ClassVar[str] = ""
    """Selects what no notice may cover, beside the fields that keys go to."""
    tells_keys: ClassVar[bool] = False
    """Whether a key that does nothing is answered with the ones that do something."""
    AUTO_FOCUS = None

    def __init__(self) -> None:
        super().__init__()
        self.notices = NoticeKeeper(self, self.keeps_clear)

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
            self.say(NO_FIELD, severity="warning", about=NO_FIELD)

    def on_text_refused(self, event: TextRefused) -> None:
        """Say why a field did not take what was pasted."""
        event.stop()
        self.say(event.reason, severity="warning", about=FIELD)

    def on_copy_wanted(self, event: CopyWanted) -> None:
        """Copy what is selected; where nothing is, say how to leave: that may be what is meant."""
        event.stop()
        if event.text:
            self.start("copy", partial(self._copy, event.text))
            return
        self.say(
            f"nothing is selected to copy: {self.leaving_key} leaves the field,"
            f" {key_of('app.quit_now')} quits",
            about=FIELD,
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

    def on_mount(self) -> None:
        """Keep notices beside what is edited."""
        self.screen_layout_refresh_signal.subscribe(self, lambda _: self.notices.follow())

    async def on_descendant_focus(self) -> None:
        """Something has the focus now."""
        self.coexplorer.note_focus()
        self.notices.follow()

    def on_descendant_blur(self) -> None:
        """Something has it no longer."""
        self.coexplorer.note_focus()
        self.notices.follow()

    def on_screen_resume(self) -> None:
        """In front again."""
        self.coexplorer.note_focus()
        self.notices.place()

    def dismiss(self, result: ScreenResultType | None = None) -> AwaitComplete:
        """Leave; what was said of how things stood here goes, too."""
        self.coexplorer.settle(HERE)
        self.coexplorer.settle(KEYS)
        return super().dismiss(result)

    def on_command_clicked(self, event: CommandClicked) -> None:
        """Run a command of the footer."""
        event.stop()
        self.perform(event.command_id)

    def perform(self, command_id: str) -> None:
        """Carry a command out, or say why it can't be now."""
        command = get_command(command_id)
        reason = command.why_disabled(self.situation())
        handler = self.find_handler(command_id)
        key = self.openings.take_key()
        if reason or handler is None:
            told = f"{command.title}: {reason or 'not here'}"
            self.say(told, severity="warning", about=command_id)
            if command.types:
                self.openings.refuse(key)
            return
        opening = None
        if command.opens:
            opening = self.openings.begin(key, types=command.types)
            self.hold_keys(OPEN)
        if inspect.iscoroutinefunction(handler):
            work = handler if opening is None else partial(self._open, handler, opening)
            self.begin(command_id, work)
            return
        handler()
        self.coexplorer.settle(command_id)
        if opening is not None:
            self.call_after_refresh(self._release_opening, opening)

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
        self.hold_keys(BEGIN)
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

    async def _release_opening(self, opening: KeyOpening) -> None:
        """Let keys go on that waited for what a key opened, if they wait for no later one."""
        if self.openings.is_last(opening):
            await self.release_keys(OPEN)

    async def _open(self, work: Work, opening: KeyOpening) -> None:
        """Let keys go on once something is open; what nothing opened for is dropped."""
        try:
            await work()
        except CoexplorerError:
            # A question was answered, and what the answer was to open does not come.
            if opening.types and self.openings.is_last(opening) and self.holds_for(OPEN):
                self.drop_held()
            raise
        finally:
            typing = getattr(self.focused, "takes_keys", False)
            if opening.types and self.openings.is_empty(opening) and self.is_current and not typing:
                self.openings.refuse(opening.key)
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
            about = SIGN_IN
        text = f"{error.message}: {hint}" if hint else error.message
        self.say(text, severity="error", about=error.about or about)
