"""The details of the asset under the cursor."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events

from coexplorer.text import clean, cut, width
from coexplorer.tui.columns import Line, Role
from coexplorer.tui.messages import DetailsResized
from coexplorer.tui.widgets.lines import Lines


class Rule(Lines):
    """The line between list and details, with the asset's name in it."""

    DEFAULT_CSS = "Rule { height: 1; }"

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own word
        super().__init__(id=id)
        self._title = ""

    def show_title(self, title: str) -> None:
        """Show the name of what is below."""
        self._title = title
        self._draw()

    def on_resize(self) -> None:
        """Fit to the width."""
        self._draw()

    def _draw(self) -> None:
        title = self._title
        cells = self.size.width
        text = cut(clean(title), max(0, cells - 6))
        head = f"── {text} " if text else ""
        self.show([((head + "─" * max(0, cells - width(head)), Role.DIM),)])


class Details(Lines, can_focus=True):
    """Facts of an asset; scrolls when they are more than fit."""

    DEFAULT_CSS = """
    Details { height: auto; }
    """

    def on_resize(self) -> None:
        """Say that there is room for other lines."""
        self.post_message(DetailsResized())

    def show_facts(self, lines: Sequence[Line], *, same_asset: bool) -> None:
        """Show these lines, from the top if they are of another asset."""
        if not same_asset and self.scroll_offset.y:
            self.scroll_to(y=0, animate=False, immediate=True)
        self.show(lines)

    def on_key(self, event: events.Key) -> None:
        """Scroll, where the screen has no commands for that."""
        page, end = max(1, self.size.height - 1), len(self.lines)
        steps = {
            **dict.fromkeys(("down", "j"), 1),
            **dict.fromkeys(("up", "k"), -1),
            **dict.fromkeys(("pagedown", "space"), page),
            "pageup": -page,
            "ctrl+d": page // 2,
            "ctrl+u": -(page // 2),
            **dict.fromkeys(("home", "g"), -end),
            **dict.fromkeys(("end", "G", "upper_g"), end),
        }
        if event.key in steps:
            event.stop()
            event.prevent_default()
            self.move_by(steps[event.key])

    def move_by(self, rows: int) -> None:
        """Scroll by a number of lines."""
        self.scroll_to(y=self.scroll_offset.y + rows, animate=False, immediate=True, force=True)
