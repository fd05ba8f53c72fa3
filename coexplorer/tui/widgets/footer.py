"""The last line: the keys that matter now, from the registry."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from coexplorer.text import cut, width
from coexplorer.tui.columns import Piece, Role
from coexplorer.tui.commands import Command
from coexplorer.tui.keys import Keymap, show_key
from coexplorer.tui.messages import CommandClicked
from coexplorer.tui.widgets.lines import Lines


class Footer(Lines):
    """``e edit  t tags  a archive …``; what can be clicked can be pressed.

    Where not all fit, the last one does: the way to all the others.
    """

    DEFAULT_CSS = "Footer { height: 1; background: $panel; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own word
        super().__init__(id=id)
        self._commands: Sequence[Command] = ()
        self._keymap: Keymap | None = None
        self._note = ""
        self._places: list[tuple[int, int, str]] = []

    def show_commands(self, commands: Sequence[Command], keymap: Keymap, *, note: str = "") -> None:
        """Show the short words of these commands, after a note."""
        self._commands, self._keymap, self._note = commands, keymap, note
        self._lay_out()

    def on_resize(self) -> None:
        """Fit the footer to the width."""
        self._lay_out()

    def on_click(self, event: events.Click) -> None:
        """Run the command under the mouse."""
        for start, end, command_id in self._places:
            if start <= event.x < end:
                self.post_message(CommandClicked(command_id))

    def _lay_out(self) -> None:
        cells = self.size.width
        pieces: list[Piece] = []
        used = 0
        if self._note:
            note = cut(self._note, cells)
            pieces.append((note + "  ", Role.ACCENT))
            used = width(note) + 2
        self._places = []
        shown = [(show_key(self._keymap.first(c.id)), c) for c in self._commands if self._keymap]
        shown = [(key, command) for key, command in shown if key and command.short]
        kept = width(shown[-1][0]) + width(shown[-1][1].short) + 3 if shown else 0
        for key, command in shown:
            taken = width(key) + 1 + width(command.short) + 2
            last = command is shown[-1][1]
            if used + taken - 2 + (0 if last else kept) > cells:
                continue
            pieces += [(key, Role.LABEL), (f" {command.short}  ", Role.TEXT)]
            self._places.append((used, used + taken - 2, command.id))
            used += taken
        self.show([tuple(pieces)])
