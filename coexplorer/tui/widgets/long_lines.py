"""A pane of very many lines, or of a picture."""

from __future__ import annotations

from collections.abc import Sequence

from textual import events
from textual.geometry import Size
from textual.strip import Strip

from coexplorer.tui.built_lines import BuiltLines
from coexplorer.tui.columns import Line
from coexplorer.tui.widgets.lines import Lines, build_strip
from coexplorer.tui.widgets.picker import Picker

WHEEL_LINES = 3


class LongLines(Picker):
    """Lines with a cursor, or with none: then keys scroll.

    Attributes:
        has_cursor: A line is chosen, and marked.
        strips: What is drawn instead of lines: a picture.
    """

    DEFAULT_CSS = """
    LongLines .picker--unfocused { color: $text; background: $block-cursor-blurred-background; }
    """
    COMPONENT_CLASSES = Picker.COMPONENT_CLASSES | {"picker--unfocused"}

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own word
        super().__init__(id=id)
        self.has_cursor = True
        self.strips: Sequence[Strip] = ()

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; all are drawn again, as nobody knows which have changed."""
        self._lines = lines
        self.strips = ()
        self.virtual_size = Size(self.size.width, len(lines))
        self.at = max(0, min(self.at, len(lines) - 1))
        self.refresh()

    def show_strips(self, strips: Sequence[Strip]) -> None:
        """Show what is drawn already."""
        self.show(BuiltLines(len(strips), lambda _: ()))
        self.strips = strips

    def show_from(self, lines: Sequence[Line], top: int) -> None:
        """Show other lines, with this one at the top."""
        self.show(lines)
        self.at = 0
        self.scroll_to(y=0, animate=False, immediate=True, force=True)
        if top:
            self.move_to(top)

    def move_to(self, index: int) -> None:
        """Put the cursor on a line; without one, scroll until it is the first one that is shown."""
        if self.has_cursor:
            super().move_to(index)
            return
        most = max(0, len(self.lines) - max(1, self.size.height))
        before, self.at = self.at, max(0, min(index, most))
        self.scroll_to(y=self.at, animate=False, immediate=True, force=True)
        if before != self.at or index > most:
            self.post_message(self.Moved(self.at))

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Move down."""
        event.stop()
        self.move_to(self.at + WHEEL_LINES)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Move up."""
        event.stop()
        self.move_to(self.at - WHEEL_LINES)

    def on_focus(self) -> None:
        """Show the cursor as active."""
        self.refresh()

    def on_blur(self) -> None:
        """Show the cursor as inactive."""
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw one line (Textual's Line API)."""
        index = y + self.scroll_offset.y
        if self.strips:
            blank = Strip.blank(self.size.width, self.rich_style)
            return self.strips[index] if index < len(self.strips) else blank
        if self.has_cursor and index == self.at < len(self.lines):
            name = "picker--cursor" if self.has_focus else "picker--unfocused"
            style = self.get_component_rich_style(name)
            return build_strip(self.lines[index], self.size.width, style, lambda _role: style)
        return Lines.render_line(self, y)
