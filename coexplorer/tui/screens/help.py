"""The help screen: every command with its keys, from the registry."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult

from coexplorer.text import fit
from coexplorer.tui.commands import Group, Scope
from coexplorer.tui.keys import Keymap, show_key
from coexplorer.tui.present import Line, Role
from coexplorer.tui.registry import COMMANDS
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Details, Rule

REMARKS = (
    "Favourites are shown and filtered (is:favorite), not set: the API has no call for it.",
    "Archived assets are left out unless the search says is:archived or is:any.",
)


class HelpScreen(CommandScreen[None]):
    """All keys; scrolls."""

    scope: ClassVar[Scope] = Scope.FORM
    DEFAULT_CSS = "HelpScreen Details { height: 1fr; }"

    def compose(self) -> ComposeResult:
        """A rule and the lines."""
        yield Rule()
        yield Details()

    def on_mount(self) -> None:
        """Take the focus, so that arrows scroll."""
        self.set_focus(self.query_one(Details))

    def on_resize(self) -> None:
        """Fit the lines to the width."""
        self.query_one(Rule).show_title("Keys (Esc closes)")
        cells = self.app.size.width
        self.query_one(Details).show(build_help(self.coexplorer.keymap, cells))

    def do_screen_close(self) -> None:
        """Leave."""
        self.dismiss(None)


def build_help(keymap: Keymap, cells: int) -> list[Line]:
    """Return the lines of the help."""
    lines: list[Line] = []
    keys_cells = 14 if cells >= 60 else 10  # noqa: PLR2004  the narrow screen's limit
    for group in Group:
        commands = [c for c in COMMANDS if c.group is group and keymap.keys.get(c.id)]
        if not commands:
            continue
        lines += [(), ((group.value, Role.TITLE),)]
        for command in commands:
            keys = " ".join(show_key(key) for key in keymap.keys[command.id])
            lines.append(
                (
                    (fit(keys, keys_cells), Role.LABEL),
                    (fit(f" {command.help}", cells - keys_cells), Role.TEXT),
                )
            )
    if keymap.quick:
        lines += [(), (("Your own", Role.TITLE),)]
        lines += [
            (
                (fit(key, keys_cells), Role.LABEL),
                (fit(f" {action.title}", cells - keys_cells), Role.TEXT),
            )
            for key, action in keymap.quick.items()
        ]
    lines.append(())
    lines += [((fit(remark, cells), Role.DIM),) for remark in REMARKS]
    return lines[1:]
