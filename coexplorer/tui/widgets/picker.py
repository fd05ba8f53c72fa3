"""A scrolling list of a few hundred lines with a cursor, for logs and outcomes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual import events
from textual.geometry import Offset, Region
from textual.message import Message
from textual.strip import Strip

from coexplorer.tui.columns import Line
from coexplorer.tui.widgets.lines import Lines, build_strip


class Picker(Lines, can_focus=True):
    """Lines with a cursor; it posts `Moved` when the cursor is on another line."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"picker--cursor"}
    DEFAULT_CSS = """
    Picker { height: 1fr; }
    Picker .picker--cursor {
        color: $block-cursor-foreground; background: $block-cursor-background; text-style: bold;
    }
    """

    class Moved(Message):
        """The cursor is on another line."""

        def __init__(self, index: int) -> None:
            self.index = index
            super().__init__()

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own word
        super().__init__(id=id)
        self.at = 0

    @property
    def chosen_place(self) -> Offset:
        """Where on the screen the chosen line is: see `TerminalApp.find_cursor`."""
        return self.region.offset + Offset(0, self.at - self.scroll_offset.y)

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; the cursor stays on its number."""
        super().show(lines)
        self.at = max(0, min(self.at, len(self.lines) - 1))

    def move_to(self, index: int) -> None:
        """Put the cursor on a line."""
        index = max(0, min(index, len(self.lines) - 1))
        before, self.at = self.at, index
        top, page = self.scroll_offset.y, max(1, self.size.height)
        wanted = min(max(top, index - page + 1), index)
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, immediate=True, force=True)
        for line in (before, index):
            self.refresh(Region(0, line - wanted, self.size.width, 1))
        if before != index:
            self.post_message(self.Moved(index))

    def on_key(self, event: events.Key) -> None:
        """Move the cursor."""
        page = max(1, self.size.height - 1)
        steps = {"down": 1, "j": 1, "up": -1, "k": -1, "pagedown": page, "pageup": -page}
        if event.key in steps:
            self.move_to(self.at + steps[event.key])
        elif event.key in ("home", "g"):
            self.move_to(0)
        elif event.key in ("end", "G", "upper_g"):
            self.move_to(len(self.lines) - 1)
        else:
            return
        event.stop()
        event.prevent_default()

    def on_click(self, event: events.Click) -> None:
        """Move to the clicked line."""
        self.move_to(event.y + self.scroll_offset.y)

    def render_line(self, y: int) -> Strip:
        """Draw one line (Textual's Line API)."""
        index = y + self.scroll_offset.y
        if index != self.at or index >= len(self.lines):
            return super().render_line(y)
        style = self.get_component_rich_style("picker--cursor")
        return build_strip(self.lines[index], self.size.width, style, lambda _role: style)
