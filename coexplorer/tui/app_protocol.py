"""What screens ask of the app that shows them. The app itself imports the screens, not they it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from textual import events

from coexplorer.errors import CoexplorerError, NotSignedIn
from coexplorer.tui.external import Edited
from coexplorer.tui.keys import Keymap
from coexplorer.tui.memory import Memory


class AppProtocol(Protocol):
    """What any screen may ask for: keys, notifications, and whether somebody types."""

    keymap: Keymap
    memory: Memory
    brackets_pastes: bool | None
    """Whether the terminal puts brackets around what is pasted; None while that is not known."""

    @property
    def notices(self) -> Sequence[tuple[float, str]]:
        """What was said in this session, each with its time, epoch seconds."""

    @property
    def typing(self) -> bool:
        """Whether keys go into a field, a question or $EDITOR."""

    unfinished: set[int]
    """Changes of many assets that are being carried out: told when the app ends meanwhile."""

    @property
    def has_ended(self) -> bool:
        """Whether the app is leaving or has left."""

    def say(self, text: str, *, severity: str = "information", about: str = "") -> None:
        """Show a notification and keep it for the log."""

    def settle(self, about: str) -> None:
        """Remove notifications about an asset or an action that has gone well since."""

    def working(self) -> AbstractContextManager[None]:
        """Wrap what a worker does in this, so that the end waits for it."""

    async def deliver_key(self, event: events.Key | events.Paste) -> None:
        """Run a key's command, or hand it, or what was pasted, to what has the focus."""

    async def copy(self, text: str) -> bool:
        """Put a text on the clipboard; tell whether it was handed on."""

    def note_focus(self) -> None:
        """The focus is elsewhere, or fields were closed."""

    keys_typed: int
    """How many keys and pastes have come."""

    async def until_calm(self) -> None:
        """Wait until nobody types."""

    async def until_idle(self, *, tell: str, since: int) -> None:
        """Wait until nobody types or has typed for a moment, if anybody has since then."""

    def leave_if_other(self, error: CoexplorerError) -> bool:
        """Leave if an error says that the token is somebody else's; tell whether it does."""

    def sign_in_again(self, error: NotSignedIn | None) -> None:
        """Ask for a token, without leaving what is being typed."""

    def show_sign_in(self, error: NotSignedIn | None) -> None:
        """Ask for a token now."""

    async def run_pager(self, content: bytes, ending: str) -> str:
        """Show a copy of a file in $PAGER; return what went wrong, if anything did."""

    def repaint(self) -> None:
        """Send the whole screen again."""

    def stop_job(self, *, group: bool = False) -> None:
        """Give the terminal back to the shell until it wakes this job."""


class MainAppProtocol(AppProtocol, Protocol):
    """What only the main screen, and what its keys do, may ask for."""

    typed_search: str

    @property
    def holds_output(self) -> bool:
        """Whether the first frame stands, and nothing is drawn until `begin_output`."""

    def begin_output(self) -> None:
        """Take the screen over from the first frame."""

    async def set_mounted(self, *, mounted: bool) -> str:
        """Mount the assets, or unmount them; say what was done."""

    async def run_editor(self, before: str, text: str) -> Edited:
        """Let the user change a text in $EDITOR."""

    async def keep_frame(self) -> None:
        """Keep the screen that the next start opens with."""
