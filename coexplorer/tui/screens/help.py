"""The help screen: every command with its keys, from the registry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import ClassVar

from textual.app import ComposeResult

from coexplorer.text import clean, fit
from coexplorer.tui.columns import Line, Role, wrap
from coexplorer.tui.command_registry import COMMANDS
from coexplorer.tui.commands import Command, Group, Scope
from coexplorer.tui.keys import Keymap, show_key
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Details, Rule
from coexplorer.tui.widgets.footer import Footer

MOST_KEYS = 4
"""More of them that do the same are shown by the first and the last."""
REMARKS = (
    "Favorites can be shown and filtered (is:favorite) but not set: the API has no call for that.",
    "Archived assets are hidden unless the search says is:archived or is:any.",
)


class HelpScreen(CommandScreen[None]):
    """All keys; scrolls."""

    scope: ClassVar[Scope] = Scope.FORM
    DEFAULT_CSS = "HelpScreen Details { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__()
        self._rule, self._details, self._footer = Rule(), Details(), Footer()

    def compose(self) -> ComposeResult:
        """A rule and the lines."""
        yield self._rule
        yield self._details
        yield self._footer

    def on_mount(self) -> None:
        """Take the focus, so that arrows scroll."""
        self.set_focus(self._details)
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self._rule.show_title("Keys")
        cells = self.app.size.width
        self._details.show(build_help(self.coexplorer.keymap, cells))

    def iter_footer(self) -> list[Command]:
        """Offer to leave; nothing else can be done here."""
        return [command for command in super().iter_footer() if command.id == "screen.close"]

    def do_screen_close(self) -> None:
        """Leave."""
        self.dismiss(None)


def build_help(keymap: Keymap, cells: int) -> list[Line]:
    """Return the lines of the help."""
    keys_cells = 16 if cells >= 60 else 10  # noqa: PLR2004  the narrow screen's limit
    lines: list[Line] = []
    for group in Group:
        commands = [c for c in COMMANDS if c.group is group and keymap.keys.get(c.id)]
        entries = list(_iter_entries(commands, keymap))
        if entries:
            lines += [(), ((group.value, Role.TITLE),)]
        for keys, text in entries:
            lines += _build_entry(keys, text, keys_cells, cells)
    if keymap.quick:
        lines += [(), (("Your own", Role.TITLE),)]
    for key, action in keymap.quick.items():
        lines += _build_entry(key, clean(action.title), keys_cells, cells)
    lines.append(())
    lines += [((part, Role.DIM),) for remark in REMARKS for part in wrap(remark, cells)]
    return lines[1:]


def _iter_entries(commands: Sequence[Command], keymap: Keymap) -> Iterator[tuple[str, str]]:
    """Yield keys and help; neighbors that differ only by a number are one entry."""
    for text, same in groupby(commands, key=lambda command: command.help):
        keys = [show_key(key) for command in same for key in keymap.keys[command.id]]
        yield (f"{keys[0]} … {keys[-1]}" if len(keys) > MOST_KEYS else " ".join(keys)), text


def _build_entry(keys: str, text: str, keys_cells: int, cells: int) -> Iterator[Line]:
    for place, part in enumerate(wrap(text, max(1, cells - keys_cells - 1))):
        label = "" if place else keys
        yield ((fit(label, keys_cells), Role.LABEL), (f" {part}", Role.TEXT))
