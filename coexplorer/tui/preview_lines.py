"""Previews of files as lines on the screen. Pure.

All of it is strangers' text, and cleaned here.
"""

from __future__ import annotations

from collections.abc import Sequence

from coexplorer.previews import (
    HexPreview,
    MarkdownPreview,
    Preview,
    TablePreview,
    TextPreview,
    TreeLine,
    TreePreview,
)
from coexplorer.text import char_width, clean, cut, fit, width
from coexplorer.tui.built_lines import BuiltLines
from coexplorer.tui.columns import Line, Role
from coexplorer.tui.markdown import render_markdown

_MOST_COLUMN = 28
"""Cells of a column of a table."""
_MOST_INDENT = 12
_SHORT = 24
"""A list or group with more in it is folded at first, unless it is the outermost one."""
_OPEN_LEVELS = 2
_HEX_ROW = 16


def build_lines(preview: Preview, cells: int, *, left: int = 0) -> Sequence[Line]:
    """Return the lines of a preview that has no cursor.

    Args:
        preview: What is shown.
        cells: Width of the pane.
        left: How many cells are scrolled out at the left.
    """
    if isinstance(preview, TextPreview):
        lines = preview.part.lines
        return BuiltLines(len(lines), lambda at: _cut_text(lines[at][0], left, cells))
    if isinstance(preview, TablePreview):
        widths = measure_columns(preview)
        rows = preview.rows
        return BuiltLines(len(rows), lambda at: build_row(rows[at], widths, left))
    if isinstance(preview, MarkdownPreview):
        return render_markdown(preview.text, cells)
    if isinstance(preview, HexPreview):
        data = preview.data
        count = -(-len(data) // _HEX_ROW)
        return BuiltLines(count, lambda at: _build_hex(data, at * _HEX_ROW, left))
    return ()


def _cut_text(text: str, left: int, cells: int) -> Line:
    # No more than can be seen is looked at; a character takes at most ten cells once it is cleaned.
    shown = clean(text[: left + 2 * cells].replace("\t", "    "))
    return ((cut(_skip(shown, left), cells), Role.TEXT),)


def _skip(text: str, cells: int) -> str:
    """Return text without its first cells."""
    if text.isascii():
        return text[cells:]
    for at, char in enumerate(text):
        if cells <= 0:
            return text[at:]
        cells -= char_width(char)
    return ""


def measure_columns(table: TablePreview) -> list[int]:
    """Return how wide each column is, by the first rows."""
    rows = [table.head, *table.rows[:200]]
    count = max((len(row) for row in rows), default=0)
    return [
        min(_MOST_COLUMN, max(width(clean(row[at])) for row in rows if at < len(row)))
        for at in range(count)
    ]


def build_row(row: Sequence[str], widths: Sequence[int], left: int) -> Line:
    """Return a row of a table; its last cell takes what is left of the line."""
    cells = [clean(cell) for cell in row]
    fitted = [fit(cell, cells_of) for cell, cells_of in zip(cells, widths, strict=False)]
    if cells and len(cells) == len(widths):
        fitted[-1] = cells[-1]
    return ((_skip("  ".join(fitted), left), Role.TEXT),)


def _build_hex(data: bytes, at: int, left: int) -> Line:
    row = data[at : at + _HEX_ROW]
    halves = (row[:8].hex(" "), row[8:].hex(" "))
    text = "".join(chr(each) if 32 <= each < 127 else "." for each in row)  # noqa: PLR2004 - ASCII
    shown = f"{at:08x}  {halves[0]:<23}  {halves[1]:<23}  "
    return ((_skip(shown, left), Role.DIM), (text, Role.TEXT))


# Trees


def choose_folds(nodes: Sequence[TreeLine]) -> set[int]:
    """Return which lines of a tree are folded at first."""
    return {
        at
        for at, node in enumerate(nodes)
        if node.stop > at + 1
        and node.depth
        and (node.depth >= _OPEN_LEVELS or node.stop - at > _SHORT)
    }


def list_shown(nodes: Sequence[TreeLine], folded: set[int]) -> list[int]:
    """Return the numbers of the lines that are in no fold."""
    shown = []
    at = 0
    while at < len(nodes):
        shown.append(at)
        at = nodes[at].stop if at in folded else at + 1
    return shown


def build_tree(preview: TreePreview, folded: set[int], cells: int) -> tuple[list[int], BuiltLines]:
    """Return which lines of a tree are shown, and what they look like."""
    shown = list_shown(preview.nodes, folded)

    def build(at: int) -> Line:
        place = shown[at]
        node = preview.nodes[place]
        sign = " "
        if node.stop > place + 1:
            sign = "▸" if place in folded else "▾"
        start = f"{'  ' * min(node.depth, _MOST_INDENT)}{sign} "
        label = clean(node.label[:cells])
        value = clean(node.value[:cells])
        between = "  " if label and value else ""
        room = max(1, cells - width(start) - width(label) - len(between))
        return ((f"{start}{label}{between}", Role.LABEL), (cut(value, room), Role.TEXT))

    return shown, BuiltLines(len(shown), build)
