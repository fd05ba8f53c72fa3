"""Pure: a model of what the terminal shows, and the fewest bytes that make it show the next screen.

Three ways to save, in order of what they are worth: cells that are there already are not sent;
a block of full-width rows that moved is moved by the terminal itself (DECSTBM with LF and RI, which
a VT100 has too); blanks up to the end of a row are erased (EL). Cursor addressing and SGR take
their shortest form.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from coexplorer.tui.terminal.cells import (
    BLANK,
    PLAIN,
    Cell,
    Pen,
    Row,
    is_plain_blank,
    is_risky,
    sgr_between,
)

_SCROLL_WORTH_ROWS = 4
"""Fewer changed rows than this are not worth looking for a block that moved."""

_GAP_WORTH_CELLS = 5
"""Unchanged cells that are cheaper to send again than to jump over."""

_ERASE_WORTH_CELLS = 4
"""Trailing blanks that are cheaper to erase than to send."""


class ScreenModel:
    """What the terminal shows, cell for cell, as far as it is known.

    Args:
        width: Columns.
        height: Rows.
        erases_with_background: Whether the terminal erases with the pen's background (terminfo's
            ``bce``); where it doesn't, only blanks of the terminal's own background are erased.
        scrolls: Whether scroll regions may be used.
    """

    def __init__(
        self, width: int, height: int, *, erases_with_background: bool = True, scrolls: bool = True
    ) -> None:
        self.width = width
        self.height = height
        self._erases_with_background = erases_with_background
        self._scrolls = scrolls
        self._rows: list[Row | None] = [None] * height

    def forget(self) -> None:
        """Say that anything may be on the screen: the next frame sends every row that it is given.

        After a resize, a suspension, another program, or when the user asks for it.
        """
        self._rows = [None] * self.height

    def adopt(self, rows: Sequence[Row]) -> None:
        """Say what is on the screen, painted by somebody else (the first frame).

        Args:
            rows: All rows from the top; a row of the wrong width is taken as unknown.
        """
        for y, row in enumerate(rows[: self.height]):
            self._rows[y] = row if len(row) == self.width else None

    def get_row(self, y: int) -> Row | None:
        """Return what row ``y`` shows; None when that is not known."""
        return self._rows[y]

    def render(self, wanted: Mapping[int, Row]) -> str:
        """Return what to write so that the given rows show as given; the model then has them.

        The pen is plain and the cursor anywhere afterwards.

        Args:
            wanted: Row number to its cells, each of the screen's width.
        """
        changed = {y: row for y, row in wanted.items() if self._rows[y] != row}
        if not changed:
            return ""
        plain = self._render_rows(self._rows, changed)
        moved = self._render_moved(changed)
        for y, row in changed.items():
            self._rows[y] = row
        return moved if moved is not None and len(moved) < len(plain) else plain

    def _render_moved(self, changed: Mapping[int, Row]) -> str | None:
        """Try a scroll region over the changed rows; None when nothing moved."""
        if not self._scrolls or len(changed) < _SCROLL_WORTH_ROWS:
            return None
        top, bottom = min(changed), max(changed) + 1
        distance = _find_distance(self._rows, changed)
        if not distance or abs(distance) >= bottom - top:
            return None
        blank: Row = (BLANK,) * self.width
        old = list(self._rows)
        count = abs(distance)
        if distance > 0:
            old[top:bottom] = [*old[top + count : bottom], *[blank] * count]
        else:
            old[top:bottom] = [*[blank] * count, *old[top : bottom - count]]
        target = [changed.get(y, self._rows[y]) for y in range(top, bottom)]
        if None in target:
            return None
        wanted = {y: row for y, row in enumerate(target, top) if row is not None and row != old[y]}
        # At the region's edge, LF (or RI) moves its rows. Setting a region sends the cursor home.
        edge = (
            f"\x1b[{bottom}H" + "\n" * count
            if distance > 0
            else f"\x1b[{top + 1}H" + "\x1bM" * count
        )
        scroll = f"\x1b[{top + 1};{bottom}r{edge}\x1b[r"
        return scroll + self._render_rows(old, wanted)

    def _render_rows(self, old: Sequence[Row | None], wanted: Mapping[int, Row]) -> str:
        writer = _Writer(self.width, erases_with_background=self._erases_with_background)
        for y in sorted(wanted):
            writer.write_row(y, old[y], wanted[y])
        return writer.finish()


def _find_distance(old: Sequence[Row | None], changed: Mapping[int, Row]) -> int:
    """Find by how many rows most changed rows moved up (positive) or down; 0 if none did."""
    top, bottom = min(changed), max(changed) + 1
    places: dict[Row, int] = {}
    for y in range(top, bottom):
        row = old[y]
        if row is not None:
            places.setdefault(row, y)
    votes = Counter(places[row] - y for y, row in changed.items() if row in places)
    if not votes:
        return 0
    distance, count = votes.most_common(1)[0]
    return distance if count * 2 >= len(changed) - abs(distance) else 0


class _Writer:
    """Builds one frame: knows where the cursor is and how the pen looks."""

    def __init__(self, width: int, *, erases_with_background: bool) -> None:
        self._width = width
        self._erases_with_background = erases_with_background
        self._out: list[str] = []
        self._pen: Pen | None = PLAIN
        self._at: tuple[int, int] | None = None

    def finish(self) -> str:
        if self._pen != PLAIN:
            self._out.append("\x1b[m")
        return "".join(self._out)

    def write_row(self, y: int, old: Row | None, new: Row) -> None:
        """Send the cells of row ``y`` that differ."""
        erased_from = self._find_erasable(new)
        x = 0
        while x < self._width:
            if old is not None and old[x] == new[x]:
                x += 1
                continue
            start = x - 1 if new[x].text == "" and x else x
            end = self._find_end(x, old, new)
            if end > erased_from and _differ(old, new, max(erased_from, start), self._width):
                self._write_cells(y, start, new[start : max(erased_from, start)])
                self._erase(y, max(erased_from, start), new[-1].pen)
                return
            self._write_cells(y, start, new[start:end])
            x = end

    def _find_end(self, start: int, old: Row | None, new: Row) -> int:
        """Find where the run of cells that differ ends, bridging small gaps."""
        if old is None:
            return self._width
        end, same = start + 1, 0
        for x in range(start + 1, self._width):
            if old[x] != new[x]:
                end, same = x + 1, 0
            else:
                same += 1
                if same > _GAP_WORTH_CELLS:
                    break
        return end

    def _find_erasable(self, row: Row) -> int:
        """Find from where on the row is blank and can be erased; past the end when it can't."""
        last = row[-1]
        if not is_plain_blank(last) or (last.pen.background and not self._erases_with_background):
            return self._width + 1
        x = self._width
        while x and row[x - 1].text == " " and _looks_alike(row[x - 1], last):
            x -= 1
        return x if self._width - x > _ERASE_WORTH_CELLS else self._width + 1

    def _erase(self, y: int, x: int, pen: Pen) -> None:
        self._move(y, x)
        self._set_pen(Pen(background=pen.background))
        self._out.append("\x1b[K")

    def _write_cells(self, y: int, x: int, cells: Sequence[Cell]) -> None:
        for column, cell in enumerate(cells, x):
            if cell.text == "":
                continue
            self._move(y, column)
            self._set_pen(cell.pen)
            self._out.append(cell.text)
            # Past a character of disputed width, and in the last column (where the terminal waits
            # with the wrap), nobody knows where the cursor is.
            known = column + 1 < self._width and not is_risky(cell.text)
            self._at = (y, column + 1) if known else None

    def _set_pen(self, pen: Pen) -> None:
        self._out.append(sgr_between(self._pen, pen))
        self._pen = pen

    def _move(self, y: int, x: int) -> None:
        if self._at == (y, x):
            return
        row, column = y + 1, x + 1
        absolute = f"\x1b[{row};{column}H" if x else f"\x1b[{row}H" if y else "\x1b[H"
        best = absolute
        if self._at is not None and self._at[0] == y and self._at[1] < x:
            ahead = x - self._at[1]
            relative = f"\x1b[{ahead}C" if ahead > 1 else "\x1b[C"
            best = min(absolute, relative, key=len)
        self._out.append(best)
        self._at = (y, x)


def _differ(old: Row | None, new: Row, start: int, end: int) -> bool:
    return old is None or old[start:end] != new[start:end]


def _looks_alike(cell: Cell, other: Cell) -> bool:
    """Tell whether two blanks look the same: the foreground of a blank is not seen."""
    return is_plain_blank(cell) and cell.pen.background == other.pen.background
