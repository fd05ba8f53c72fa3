"""Lines that are shown as they are drawn.

Textual passes each line of each widget through borders, padding, tint and opacity, and keeps the
result by its place: a list that scrolls gets every line made again. A pane that has none of these
keeps its own lines, and the output layer knows them again at another place.
"""

from __future__ import annotations

from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class PlainLines(Widget):
    """A widget of the Line API without border, padding, tint, opacity, hatch and links."""

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draw the lines of a part of it."""
        strips = [self.render_line(y) for y in crop.line_range]
        if filters := self.get_line_filters():
            _, background = self.background_colors
            for each in filters:
                strips = [strip.apply_filter(each, background) for strip in strips]
        if crop.column_span != (0, self.size.width):
            strips = [strip.crop(*crop.column_span) for strip in strips]
        return strips
