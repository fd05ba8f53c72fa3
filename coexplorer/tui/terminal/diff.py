"""A model of what the terminal shows, and the fewest bytes that make it show the next screen. Pure.

Three ways to save bytes, best first: cells that are already there are not sent;
a block of full-width rows that moved is moved by the terminal itself (DECSTBM with LF and RI, which
a VT100 has too); blanks are erased (EL up to the end of a row, ECH before it). Cursor addressing
and SGR take their shortest form.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

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

_HOLE_WORTH_CELLS = 12
"""Blanks within a row that are cheaper to erase and to jump over than to send."""

_HOLES = re.compile(f" {{{_HOLE_WORTH_CELLS},}}")


class Capabilities(NamedTuple):
    """What the model may ask of a terminal.

    Attributes:
        erases_with_background: Terminfo's ``bce``: erased cells have the pen's background. Where
            they don't, only blanks of the terminal's own background are erased.
        scrolls: Terminfo's ``csr``, ``ind`` and ``ri``: scroll regions that can be moved both ways.
        erases_within: Terminfo's ``ech``: can erase this many cells from the cursor on.
    """

    erases_with_background: bool
    scrolls: bool
    erases_within: bool


MODERN = Capabilities(erases_with_background=True, scrolls=True, erases_within=True)


class ScreenModel:
    """What the terminal shows, cell for cell, as far as it is known.

    Args:
        width: Columns.
        height: Rows.
        terminal: What it can do.
    """

    def __init__(self, width: int, height: int, terminal: Capabilities = MODERN) -> None:
        self.width = width
        self.height = height
        self._terminal = terminal
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
        written = self._render_moved(changed)
        if written is None:
            written = self._render_rows(self._rows, changed)
        for y, row in changed.items():
            self._rows[y] = row
        return written

    def _render_moved(self, changed: Mapping[int, Row]) -> str | None:
        """Move a block by a scroll region; None when that leaves most rows to be sent anyway.

        Half of the rows in place pay for the region and for the blank rows that it brings in.
        """
        if not self._terminal.scrolls or len(changed) < _SCROLL_WORTH_ROWS:
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
        if len(wanted) * 2 > len(changed):
            return None
        # At the region's edge, LF (or RI) moves its rows. Setting a region sends the cursor home.
        edge = (
            f"\x1b[{bottom}H" + "\n" * count
            if distance > 0
            else f"\x1b[{top + 1}H" + "\x1bM" * count
        )
        scroll = f"\x1b[{top + 1};{bottom}r{edge}\x1b[r"
        return scroll + self._render_rows(old, wanted)

    def _render_rows(self, old: Sequence[Row | None], wanted: Mapping[int, Row]) -> str:
        writer = _Writer(self.width, self._terminal)
        for y in sorted(wanted):
            writer.write_row(y, old[y], wanted[y])
        return writer.finish()


def _find_distance(old: Sequence[Row | None], changed: Mapping[int, Row]) -> int:
    """Find by how many rows most changed rows moved up (positive) or down; 0 if none did."""
    top, bottom = min(changed), max(changed) + 1
    before = [(row, y) for y, row in enumerate(old[top:bottom], top) if row is not None]
    # A row that was drawn once is the same object at its new place. To look for an equal one every
    # cell is hashed, which takes longer than all the rest.
    known = {id(row): y for row, y in reversed(before)}
    votes = Counter(known[id(row)] - y for y, row in changed.items() if id(row) in known)
    if not votes:
        places = dict(reversed(before))
        votes = Counter(places[row] - y for y, row in changed.items() if row in places)
    if not votes:
        return 0
    distance, count = votes.most_common(1)[0]
    return distance if count * 2 >= len(changed) - abs(distance) else 0


class _Writer:
    """Builds one frame: knows where the cursor is and how the pen looks."""

    def __init__(self, width: int, terminal: Capabilities) -> None:
        self._width = width
        self._terminal = terminal
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
        """Find where the row's erasable blank rest begins; past the end if there is none."""
        last = row[-1]
        if not is_plain_blank(last) or (
            last.pen.background and not self._terminal.erases_with_background
        ):
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
        start = 0
        while start < len(cells):
            pen = cells[start].pen
            end = start + 1
            while end < len(cells) and cells[end].pen is pen:
                end += 1
            self._write_run(y, x + start, cells[start:end], pen)
            start = end

    def _write_run(self, y: int, x: int, cells: Sequence[Cell], pen: Pen) -> None:
        """Send cells of one look."""
        texts = [cell.text for cell in cells]
        start = 0
        for at, text in enumerate(texts):
            if text and not is_risky(text):
                continue
            self._write_columns(y, x + start, "".join(texts[start:at]), pen)
            if text:
                self._write_text(y, x + at, text, pen)
                # Past a character of disputed width nobody knows where the cursor is.
                self._at = None
            start = at + 1
        self._write_columns(y, x + start, "".join(texts[start:]), pen)

    def _write_columns(self, y: int, x: int, text: str, pen: Pen) -> None:
        """Send one character per column, with gaps where a run of blanks is erased."""
        at = 0
        for hole in _HOLES.finditer(text) if self._can_erase_within(pen) else ():
            self._write_text(y, x + at, text[at : hole.start()], pen)
            self._move(y, x + hole.start())
            self._set_pen(pen)
            self._out.append(f"\x1b[{hole.end() - hole.start()}X")
            at = hole.end()
        self._write_text(y, x + at, text[at:], pen)

    def _can_erase_within(self, pen: Pen) -> bool:
        able = self._terminal
        if not able.erases_within or (pen.background and not able.erases_with_background):
            return False
        return is_plain_blank(Cell(" ", pen))

    def _write_text(self, y: int, x: int, text: str, pen: Pen) -> None:
        if not text:
            return
        self._move(y, x)
        self._set_pen(pen)
        self._out.append(text)
        end = x + len(text)
        self._at = (y, end) if end < self._width else None

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
