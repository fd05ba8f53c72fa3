"""Confirming a delete: says what will be lost, and asks for a typed confirmation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import msgspec
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical

from coexplorer.library.library import Library
from coexplorer.models import Record
from coexplorer.text import plural
from coexplorer.tui.asking_uses import UsesQuestion
from coexplorer.tui.columns import Role
from coexplorer.tui.commands import Command, Scope
from coexplorer.tui.deletion import Doomed, build_deletion
from coexplorer.tui.messages import TextAbandoned, TextEntered, TextTyped
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Rule
from coexplorer.tui.widgets.field import Field
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.lines import Lines
from coexplorer.written import trim

CHROME = 4
"""Lines around what is said: title, field, what was wrong, keys."""


class ConfirmScreen(CommandScreen[Sequence[Record]]):
    """Gives what is to be deleted, as the platform has it, once the wanted words were typed.

    It asks the platform while the words are typed: what is shown is what is there now. Words that
    are entered before it has answered count only if all is as it was shown.

    Args:
        library: Asks the platform.
        known: What is to be deleted, as the catalog has it.
        note: What else is to be said of it.
    """

    scope: ClassVar[Scope] = Scope.FORM
    keeps_clear: ClassVar[str] = "#question"
    DEFAULT_CSS = """
    ConfirmScreen #question {
        dock: bottom; height: auto; max-height: 100%; background: $background;
    }
    ConfirmScreen Lines { height: auto; }
    ConfirmScreen Rule, ConfirmScreen Footer, ConfirmScreen Horizontal { height: 1; }
    ConfirmScreen #sign { height: 1; background: $surface; }
    ConfirmScreen Field { width: 1fr; }
    """

    def __init__(self, library: Library, known: Sequence[Record], *, note: str = "") -> None:
        super().__init__()
        self._library = library
        self._doomed = Doomed(tuple(known))
        self._note = note
        self._uses = UsesQuestion(self, library, self._show_uses)
        self._read: int | None = 0
        self._entered = False
        self._judged = ""
        self._rule, self._footer = Rule(), Footer()
        self._gone, self._sign, self._wrong = Lines(), Lines(id="sign"), Lines()
        self._field = Field("confirm")

    def compose(self) -> ComposeResult:
        """What will be gone, and the field."""
        with Vertical(id="question"):
            yield self._rule
            yield self._gone
            with Horizontal():
                yield self._sign
                yield self._field
            yield self._wrong
            yield self._footer

    def on_mount(self) -> None:
        """Show what will be gone, and ask the platform whether that is still so."""
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)
        self.set_focus(self._field)
        self.start("look", self._look)
        self._uses.begin([record.asset.id for record in self._doomed.known])

    def _show_uses(self) -> None:
        """Show what uses it, once that is answered; before, why it takes long."""
        if self.is_attached:
            if not self._uses.is_asking:
                self._doomed = msgspec.structs.replace(self._doomed, uses=self._uses.found)
            self._show()

    def iter_footer(self) -> list[Command]:
        """Offer to leave; the text above says what Enter wants."""
        return [command for command in super().iter_footer() if command.id == "screen.close"]

    def on_resize(self) -> None:
        """Fit to the width."""
        self._show()

    async def _look(self) -> None:
        ids = [record.asset.id for record in self._doomed.known]
        try:
            answers = await self._library.platform.fetch_many(ids, progress=self._tell)
            self._doomed = msgspec.structs.replace(self._doomed, answers=answers)
        finally:
            self._read = None
            if self.is_attached:
                self._show()
        if self._entered and self._doomed.is_as_known:
            self.dismiss(self._doomed.records)
        elif self._entered:
            self._say_wrong("look again: it is not as it was shown")

    def _tell(self, read: int) -> None:
        self._read = read
        if len(self._doomed.known) > 1:
            self._show()

    def _show(self) -> None:
        doomed, reading = self._doomed, ""
        if self._read is not None:
            many = len(doomed.known)
            what = f"{self._read:,} of {plural(many, 'asset')}" if many > 1 else "it"
            reading = f"Reading {what} from the platform, to show what is there now…"
        self._rule.show_title("Delete permanently")
        room = self.app.size.height - CHROME
        lines = build_deletion(
            doomed,
            self.app.size.width,
            reading=reading,
            note=self._note,
            most=room,
            asking=self._uses.sentence,
        )
        self._gone.show(lines)
        sign = f" type {doomed.words}: " if doomed.records else " "
        self._sign.styles.width = len(sign)
        self._sign.show([((sign, Role.LABEL),)])

    def _say_wrong(self, text: str) -> None:
        self._wrong.show([((f"  {text}", Role.BAD),)])

    def on_text_typed(self, event: TextTyped) -> None:
        """What was said is about words that stand there no more."""
        event.stop()
        if event.text != self._judged:
            self._entered = False
            self._wrong.show([()])

    def on_text_entered(self, event: TextEntered) -> None:
        """Compare the words."""
        event.stop()
        self._judged = event.text
        if not self._doomed.records:
            self.dismiss(())
        elif trim(event.text) != self._doomed.words:
            self._say_wrong(f"that does not match: type {self._doomed.words}, or Esc")
        elif self._read is None:
            self.dismiss(self._doomed.records)
        else:
            self._entered = True
            self._say_wrong("it is still being read, to be sure; Esc leaves")

    def on_text_abandoned(self, event: TextAbandoned) -> None:
        """Leave everything as it is."""
        event.stop()
        self.dismiss(())

    def do_screen_close(self) -> None:
        """Leave everything as it is."""
        self.dismiss(())
