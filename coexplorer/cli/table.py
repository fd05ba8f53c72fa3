"""Tables of text for a terminal of some width. Pure; cells are cleaned here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coexplorer.text import clean, cut, fit, width

_GAP = "  "
_NARROWEST = 8
_WIDEST_PADDED = 60
"""In a pipe a longer cell sticks out of its column: one long name must not widen every line."""


class Column(msgspec.Struct, frozen=True):
    """A column of a table.

    Attributes:
        right: Numbers are aligned to the right.
        flexible: It gives way when the table is too wide; the others never do.
    """

    title: str
    right: bool = False
    flexible: bool = False


def render_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, max_width: int | None
) -> list[str]:
    """Return the lines of a table, its titles first.

    Args:
        columns: One for each cell of a row.
        rows: Cells as they came, strangers' text included.
        max_width: Cells of the terminal; None: as wide as it gets, nothing is cut.
    """
    cleaned = [[clean(cell) for cell in row] for row in rows]
    widths = [
        max([width(column.title), *(width(row[index]) for row in cleaned)])
        for index, column in enumerate(columns)
    ]
    if max_width is not None:
        widths = _shrink(columns, widths, max_width)
    else:
        widths = [min(size, _WIDEST_PADDED) for size in widths]
    titles = [column.title for column in columns]
    return [_render_row(columns, cells, widths, max_width) for cells in (titles, *cleaned)]


def _render_row(
    columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int], max_width: int | None
) -> str:
    fitted = (
        cell
        if max_width is None and width(cell) > cells_wide
        else fit(cell, cells_wide, right=column.right)
        for column, cell, cells_wide in zip(columns, cells, widths, strict=True)
    )
    line = _GAP.join(fitted).rstrip()
    return line if max_width is None else cut(line, max_width)


def _shrink(columns: Sequence[Column], widths: list[int], max_width: int) -> list[int]:
    """Take from the widest flexible columns until the table fits or nothing more can be taken."""
    shrunk = list(widths)
    excess = sum(shrunk) + len(_GAP) * (len(shrunk) - 1) - max_width
    flexible = [index for index, column in enumerate(columns) if column.flexible]
    while excess > 0 and flexible:
        widest = max(flexible, key=lambda index: shrunk[index])
        if shrunk[widest] <= _NARROWEST:
            break
        others = [shrunk[index] for index in flexible if index != widest]
        floor = max([_NARROWEST, *(size for size in others if size < shrunk[widest])])
        step = max(1, min(excess, shrunk[widest] - floor))
        shrunk[widest] -= step
        excess -= step
    return shrunk
