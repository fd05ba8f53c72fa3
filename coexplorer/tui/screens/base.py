"""What every screen has in common: keys run commands, workers wait, errors become notifications."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual import events
from textual.screen import Screen
from textual.worker import Worker

from coexplorer.errors import CoexplorerError, NotSignedIn
from coexplorer.tui.commands import Command, Scope, Situation
from coexplorer.tui.keys import name_key
from coexplorer.tui.messages import CommandClicked
from coexplorer.tui.registry import get_command

if TYPE_CHECKING:
    from coexplorer.tui.app import CoexplorerApp

Result = TypeVar("Result")
Handler = Callable[[], Coroutine[None, None, None] | None]


class CommandScreen(Screen[Result]):
    """A screen whose keys run commands of the registry.

    A command ``log.retry`` is carried out by the method ``do_log_retry``, which may be async: it
    then runs in a worker.
    """

    scope: ClassVar[Scope]
    AUTO_FOCUS = None

    @property
    def coexplorer(self) -> CoexplorerApp:
        """The app, by its own type."""
        return cast("CoexplorerApp", self.app)

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

    async def on_key(self, event: events.Key) -> None:
        """Run the command of a key that no widget wanted."""
        key = name_key(event.key, event.character)
        command_id = self.coexplorer.keymap.find(self.key_scope, key)
        if command_id is not None:
            event.stop()
            event.prevent_default()
            self.perform(command_id)

    def on_command_clicked(self, event: CommandClicked) -> None:
        """Run a command of the footer."""
        event.stop()
        self.perform(event.command_id)

    def perform(self, command_id: str) -> None:
        """Carry a command out, or say why it can't be now."""
        command = get_command(command_id)
        reason = command.why_disabled(self.situation())
        handler = self.find_handler(command_id)
        if reason or handler is None:
            self.say(f"{command.title}: {reason or 'not here'}", severity="warning")
            return
        work = handler()
        if work is not None:
            self.start(work, name=command_id)

    def iter_footer(self) -> list[Command]:
        """Return the commands of the footer: those of this scope that can run now."""
        now = self.situation()
        commands = (get_command(name) for name in self.coexplorer.keymap.keys)
        return [
            command
            for command in commands
            if command.short and (command.scope is self.key_scope) and not command.why_disabled(now)
        ]

    def start(
        self,
        work: Coroutine[None, None, None],
        *,
        name: str = "",
        group: str = "default",
        exclusive: bool = False,
    ) -> Worker[None]:
        """Wait for something in the background; what goes wrong becomes a notification.

        Args:
            work: What to wait for.
            name: For the log.
            group: Workers that belong together.
            exclusive: A newer one of the group cancels the older.
        """
        return self.run_worker(
            self._guard(work), name=name, group=group, exclusive=exclusive, exit_on_error=True
        )

    async def _guard(self, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except CoexplorerError as error:
            self.report(error)

    def report(self, error: CoexplorerError) -> None:
        """Show an error of ours: one sentence with the way out."""
        if isinstance(error, NotSignedIn):
            self.coexplorer.sign_in_again(error)
        hint = f": {error.hint}" if error.hint else ""
        self.say(f"{error.message}{hint}", severity="error")

    def say(self, text: str, *, severity: str = "information") -> None:
        """Show a notification; foreign text in it is made harmless."""
        self.coexplorer.say(text, severity=severity)
