"""Tables of text for a terminal of some width. Pure; cells are cleaned here and nowhere else."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coexplorer.text import clean, cut, fit, width

_GAP = "  "
_NARROWEST = 8
_READABLE = 36
"""So many cells of the column that `Column.keeps` are kept, as long as others can give way."""

_WIDEST_PADDED = 60
"""In a pipe a longer cell sticks out of its column: one long name must not widen every line."""


class Column(msgspec.Struct, frozen=True):
    """A column of a table.

    Attributes:
        right: Numbers are aligned to the right.
        flexible: It gives way when the table is too wide; the others never do.
        keeps: It gives way last: it is what one looks for.
        spare: Above 0: the column is left out when there is no room, the highest first.
    """

    title: str
    right: bool = False
    flexible: bool = False
    keeps: bool = False
    spare: int = 0


def render_table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], *, max_width: int | None
) -> list[str]:
    """Return the lines of a table, its titles first.

    Args:
        columns: One for each cell of a row.
        rows: Cells as they came, strangers' text included.
        max_width: Cells of the terminal; None: as wide as it gets, nothing is cut.
    """
    titles = [column.title for column in columns]
    cleaned = [titles, *([clean(cell) for cell in row] for row in rows)]
    widths = [max(map(width, cells)) for cells in zip(*cleaned, strict=True)]
    if max_width is not None:
        shown = _choose(columns, widths, max_width)
        columns = [columns[index] for index in shown]
        cleaned = [[row[index] for index in shown] for row in cleaned]
        widths = _shrink(columns, [widths[index] for index in shown], max_width)
    else:
        widths = [min(size, _WIDEST_PADDED) for size in widths]
    return [_render_row(columns, cells, widths, max_width) for cells in cleaned]


def _render_row(
    columns: Sequence[Column], cells: Sequence[str], widths: Sequence[int], max_width: int | None
) -> str:
    fitted: list[str] = []
    for column, cell, cells_wide in zip(columns, cells, widths, strict=True):
        spare = cells_wide - width(cell)
        if spare < 0:
            whole = max_width is None
            fitted.append(cell if whole else fit(cell, cells_wide, right=column.right))
        else:
            fitted.append(" " * spare + cell if column.right else cell + " " * spare)
    line = _GAP.join(fitted).rstrip()
    return line if max_width is None else cut(line, max_width).replace("……", "…")


def _choose(columns: Sequence[Column], widths: Sequence[int], max_width: int) -> list[int]:
    """Return the columns for which there is room, by their numbers."""
    shown = list(range(len(columns)))
    while sum(_least(columns[at], widths[at]) + len(_GAP) for at in shown) - len(_GAP) > max_width:
        spare = max(shown, key=lambda at: columns[at].spare)
        if not columns[spare].spare:
            break
        shown.remove(spare)
    return shown


def _least(column: Column, size: int) -> int:
    if column.keeps:
        return min(size, _READABLE)
    return min(size, _NARROWEST) if column.flexible else size


def _shrink(columns: Sequence[Column], widths: Sequence[int], max_width: int) -> list[int]:
    """Take from the widest flexible columns until the table fits or nothing more can be taken."""
    shrunk = list(widths)
    excess = sum(shrunk) + len(_GAP) * (len(shrunk) - 1) - max_width
    for keeps in (False, True):
        giving = [at for at, each in enumerate(columns) if each.flexible and each.keeps is keeps]
        while excess > 0 and giving:
            widest = max(giving, key=lambda at: shrunk[at])
            if shrunk[widest] <= _NARROWEST:
                break
            shrunk[widest] -= 1
            excess -= 1
    return shrunk
