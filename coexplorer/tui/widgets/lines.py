"""Lines of pieces, drawn with the Line API: only what changed is drawn again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Region, Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from coexplorer.text import width
from coexplorer.tui.columns import Line, Role
from coexplorer.tui.terminal.plain import PlainLines
from coexplorer.tui.terminal.styles import LazyStyles

RoleStyle = Callable[[Role], Style]
"""Gives a role its colors."""


class Lines(PlainLines, LazyStyles, ScrollView, can_focus=False):
    """A pane of lines. It scrolls when it has more of them than it is high."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"role--{role}" for role in Role}
    virtual_size = reactive(Size(0, 0))
    """Another width follows from a layout; it is no reason for one (Textual's own is)."""
    DEFAULT_CSS = """
    Lines {
        overflow: hidden hidden;
        scrollbar-size: 0 0;
        background: $background;
    }
    Lines .role--text { color: $text; }
    Lines .role--dim { color: $text-muted; }
    Lines .role--tag { color: $text-accent; }
    Lines .role--good { color: $text-success; }
    Lines .role--warn { color: $text-warning; }
    Lines .role--bad { color: $text-error; text-style: bold; }
    Lines .role--label { color: $text-secondary; }
    Lines .role--title { color: $text; text-style: bold; }
    Lines .role--accent { color: $text-primary; text-style: bold; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002  Textual's own word
        super().__init__(id=id)
        self._lines: Sequence[Line] = ()
        self._base: Style | None = None
        self._styles: dict[Role, Style] = {}

    @property
    def lines(self) -> Sequence[Line]:
        """What is shown."""
        return self._lines

    def show(self, lines: Sequence[Line]) -> None:
        """Show these lines; only changed ones are drawn again."""
        before, self._lines = self._lines, tuple(lines)
        if len(self._lines) != self.virtual_size.height:
            self.refresh(layout=True)
        self.virtual_size = Size(self.size.width, len(self._lines))
        top = self.scroll_offset.y
        for y in range(max(len(before), len(self._lines))):
            old = before[y] if y < len(before) else ()
            new = self._lines[y] if y < len(self._lines) else ()
            if old != new:
                self.refresh(Region(0, y - top, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        """Draw one line (Textual's Line API)."""
        cells = self.size.width
        base = self._base = self._base or self.rich_style
        index = y + self.scroll_offset.y
        if index >= len(self._lines):
            return Strip.blank(cells, base)
        return build_strip(self._lines[index], cells, base, self.role_style)

    def role_style(self, role: Role) -> Style:
        """Return the colors of a role on this pane."""
        style = self._styles.get(role)
        if style is None:
            style = self._styles[role] = self.get_component_rich_style(f"role--{role}")
        return style

    def notify_style_update(self) -> None:
        """Look the colors up again."""
        self._base = None
        self._styles.clear()
        super().notify_style_update()


def build_strip(
    line: Line, cells: int, base: Style, style_of: RoleStyle, *, over: Style | None = None
) -> Strip:
    """Make one line of pieces into a strip of exactly `cells` cells.

    Args:
        line: Cleaned pieces.
        cells: Width of the strip.
        base: Style of what is left of the line.
        style_of: Gives a role its style.
        over: Laid over every piece (the cursor).
    """
    segments = []
    used = 0
    for text, role in line:
        style = style_of(role)
        segments.append(Segment(text, style + over if over else style))
        used += width(text)
    if used < cells:
        segments.append(Segment(" " * (cells - used), base + over if over else base))
    strip = Strip(segments, max(used, cells))
    return strip if used <= cells else strip.crop(0, cells)
