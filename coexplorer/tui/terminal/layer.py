"""Turns what Textual wants to show into what to send to the terminal.

Only this module knows Textual's private shapes (`LayoutUpdate`, `ChopsUpdate`,
`Strip.render_ansi`); `tests/tui/terminal/test_surface.py` names the one that an upgrade changed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from rich.color import ColorSystem
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, CompositorUpdate, LayoutUpdate
from textual.strip import Strip

from coexplorer.tui.terminal.cells import (
    BLANK,
    PLAIN,
    Cell,
    Pen,
    Row,
    draw_text,
    parse_sgr,
)
from coexplorer.tui.terminal.diff import MODERN, Capabilities, ScreenModel

_MAX_PENS = 4096
_MAX_STRIPS = 256
"""Whole rows that are kept as cells."""
_MAX_SEGMENTS = 1024
"""Pieces of text that are kept as cells: rows that scroll are the same pieces at other places."""


class OutputLayer:
    """Keeps the model of one terminal up to date and says what to write.

    Args:
        color_system: What the terminal can show; colors are brought down to it.
        terminal: What else it can do.
    """

    def __init__(
        self,
        color_system: ColorSystem | None,
        terminal: Capabilities = MODERN,
    ) -> None:
        self._color_system = color_system or ColorSystem.TRUECOLOR
        self._terminal = terminal
        self._pens: dict[Style, Pen] = {}
        self._segments: dict[Segment, Sequence[Cell]] = {}
        self._strips: dict[int, tuple[Strip, Row]] = {}
        self._size = (0, 0)
        self.model = self._build_model()

    def _build_model(self) -> ScreenModel:
        return ScreenModel(*self._size, self._terminal)

    def resize(self, width: int, height: int) -> None:
        """Start over when the terminal has another size: nobody knows what it made of its rows."""
        if self._size != (width, height):
            self._size = (width, height)
            self.model = self._build_model()

    def render(self, update: CompositorUpdate) -> str | None:
        """Return what to write for an update of Textual's; None for a kind that is not known."""
        rows = self.read(update)
        return None if rows is None else self.model.render(rows)

    def read(self, update: CompositorUpdate) -> dict[int, Row] | None:
        """Return the rows that an update would show; None for a kind that is not known."""
        if isinstance(update, LayoutUpdate):
            return self._read_layout(update)
        if isinstance(update, ChopsUpdate):
            return self._read_chops(update)
        return None

    def _read_layout(self, update: LayoutUpdate) -> dict[int, Row]:
        width, height = self._size
        rows: dict[int, Row] = {}
        for y, strips in enumerate(update.strips, update.region.y):
            if 0 <= y < height:
                cells = self._patch(y, {update.region.x: strips})
                rows[y] = tuple(cells[:width])
        return rows

    def _read_chops(self, update: ChopsUpdate) -> dict[int, Row]:
        width, height = self._size
        rows: dict[int, Row] = {}
        for y in {span[0] for span in update.spans}:
            if 0 <= y < height:
                parts = {x: [strip] for x, strip in update.chops[y].items() if strip is not None}
                rows[y] = self._find_row(parts) or tuple(self._patch(y, parts)[:width])
        return rows

    def _find_row(self, parts: Mapping[int, Sequence[Strip]]) -> Row | None:
        """Return a whole row that is one strip: a list that scrolls shows the strips it has."""
        if len(parts) != 1 or not (strips := parts.get(0)) or len(strips) != 1:
            return None
        strip = strips[0]
        if strip.cell_length != self._size[0]:
            return None
        # By identity: to compare strips takes as long as to draw them. The strip is kept with its
        # row, so that no other one can have its place in memory.
        known = self._strips.get(id(strip))
        if known is None:
            if len(self._strips) >= _MAX_STRIPS:
                self._strips.clear()
            known = self._strips[id(strip)] = strip, tuple(self._build_strip(strip))
        return known[1]

    def _patch(self, y: int, parts: Mapping[int, Iterable[Strip]]) -> list[Cell]:
        """Lay strips over what the row shows."""
        width, _ = self._size
        old = self.model.get_row(y)
        cells = list(old) if old is not None else [BLANK] * width
        for x, strips in parts.items():
            new: list[Cell] = []
            for strip in strips:
                new.extend(self._build_strip(strip))
            cells[x : x + len(new)] = new
        return cells

    def _build_strip(self, strip: Strip) -> list[Cell]:
        cells: list[Cell] = []
        for segment in strip:
            cells.extend(self._build_segment(segment))
        # What Textual believes of a strip's width holds, or everything right of it would move.
        length = strip.cell_length
        return cells[:length] + [BLANK] * (length - len(cells))

    def _build_segment(self, segment: Segment) -> Sequence[Cell]:
        if segment.control:
            return ()
        cells = self._segments.get(segment)
        if cells is None:
            if len(self._segments) >= _MAX_SEGMENTS:
                self._segments.clear()
            cells = self._segments[segment] = self._draw_segment(segment.text, segment.style)
        return cells

    def _draw_segment(self, text: str, style: Style | None) -> list[Cell]:
        return draw_text(text, self.find_pen(style))

    def find_pen(self, style: Style | None) -> Pen:
        """Return how a style looks on this terminal."""
        if style is None:
            return PLAIN
        pen = self._pens.get(style)
        if pen is None:
            if len(self._pens) >= _MAX_PENS:
                self._pens.clear()
            pen = self._pens[style] = parse_sgr(Strip.render_ansi(style, self._color_system))
        return pen
