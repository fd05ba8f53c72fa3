"""The details of the asset under the cursor."""

from __future__ import annotations

from collections.abc import Sequence

from coexplorer.text import clean, cut, width
from coexplorer.tui.present import Line, Role
from coexplorer.tui.widgets.lines import Lines


class Rule(Lines):
    """The line between list and details, with the asset's name in it."""

    DEFAULT_CSS = "Rule { height: 1; }"

    def show_title(self, title: str) -> None:
        """Show the name of what is below."""
        cells = self.size.width
        text = cut(clean(title), max(0, cells - 6))
        head = f"── {text} " if text else ""
        self.show([((head + "─" * max(0, cells - width(head)), Role.DIM),)])


class Details(Lines, can_focus=True):
    """Facts of an asset; scrolls when they are more than fit."""

    DEFAULT_CSS = """
    Details { height: auto; }
    """

    def show_facts(self, lines: Sequence[Line], *, same_asset: bool) -> None:
        """Show these lines, from the top if they are of another asset."""
        if not same_asset and self.scroll_offset.y:
            self.scroll_to(y=0, animate=False, immediate=True)
        self.show(lines)

    def move_by(self, rows: int) -> None:
        """Scroll by so many lines."""
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, immediate=True, force=True)
