"""The list on the first frame, drawn while the app is still being imported.

The saved frame says how the list looks and where it is (`last_screen.ListLook`); its rows are read
from the catalog. So a search typed before the app is there shows results at once, and a changed
catalog is shown as it is now. The app takes over what is drawn here, cell for cell.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from coexplorer.catalog import Catalog
from coexplorer.errors import CatalogError
from coexplorer.models import Row
from coexplorer.query import Query, parse_partial
from coexplorer.text import width
from coexplorer.tui.columns import (
    NOTHING_FITS,
    NOTHING_READ,
    Piece,
    Role,
    build_layout,
    build_row,
    show_count,
)
from coexplorer.tui.last_screen import ListLook
from coexplorer.tui.quickstart.codec import decode_rows
from coexplorer.tui.terminal.cells import BLANK, PLAIN, Cell, Pen, draw_text, sgr_between
from coexplorer.tui.terminal.diff import ScreenModel

_FOUND_CELLS = 20
"""Room for the count, at the end of its row; what a longer one left there is overwritten."""


class FirstList:
    """The screen of a kept frame, with the list as the catalog has it.

    Args:
        rows: The frame's rows, from `codec.encode_rows`.
        look: From `codec.encode_look`.
        catalog: Its path.
        size: Columns and rows of the screen.

    Raises:
        ValueError: Rows or look are none.
        CatalogError: The catalog can't be used.
    """

    def __init__(self, rows: bytes, look: bytes, catalog: str, size: tuple[int, int]) -> None:
        self._look = msgspec.json.decode(look, type=ListLook)
        self._rows = decode_rows(rows)
        if [len(row) for row in self._rows] != [size[0]] * size[1] or self._look.height <= 0:
            raise ValueError("the frame is of another size, or without a list")
        self._columns = size[0]
        self._layout = build_layout(self._look.width, self._look.columns)
        self._model = ScreenModel(*size, self._look.terminal)
        self._model.adopt(self._rows)
        self._catalog = Catalog.open(Path(catalog))

    @property
    def rows(self) -> list[tuple[Cell, ...]]:
        """What is on the screen."""
        return self._rows

    def close(self) -> None:
        """Let go of the catalog."""
        self._catalog.close()

    def paint(self) -> bytes:
        """Return what paints, on an empty screen, the list as it is now and what else is true.

        Nothing when the catalog can't be read.
        """
        kept = self._look.true_rows
        blank = (BLANK,) * self._columns
        self._rows = [row if y in kept else blank for y, row in enumerate(self._rows)]
        self._model.adopt([blank] * len(self._rows))
        try:
            _, rows = self._read(Query())
        except CatalogError:
            return b""
        self._draw(rows, self._look.cursor, note="")
        return self._model.render(dict(enumerate(self._rows))).encode()

    def search(self, text: str, row: int) -> bytes:
        """Return what changes on the screen when `text` is searched for.

        Nothing when there is a mistake in it, or the catalog can't be read: the app says why.

        Args:
            text: As typed.
            row: Row of the screen at whose end the count stands.
        """
        query, fault = parse_partial(text)
        if fault is not None:
            return b""
        try:
            found, rows = self._read(query)
            state = self._catalog.sync_state()
        except CatalogError:
            return b""
        self._draw(
            rows,
            self._look.blurred,
            note=NOTHING_FITS.format(key="Esc") if state.complete else NOTHING_READ,
        )
        written = self._model.render(dict(enumerate(self._rows)))
        count = show_count(found, state.assets if text.strip() else None, plus=not state.complete)
        dim = self._look.pens.get(Role.DIM, PLAIN)
        place = f"\x1b[{row + 1};{self._columns - _FOUND_CELLS + 1}H"
        shown = f"{sgr_between(None, dim)}{count:>{_FOUND_CELLS}}{sgr_between(dim, PLAIN)}"
        return f"{written}{place}{shown}".encode()

    def _read(self, query: Query) -> tuple[int, list[Row]]:
        """Return how many a query finds, and the rows that have room."""
        if not query.sort:
            query = msgspec.structs.replace(query, sort=(self._look.sort,))
        # As the app counts back from it: what was found is found again.
        now = time.time() // 60 * 60
        rows = self._catalog.window(query, offset=0, limit=self._look.height, now=now)
        if len(rows) < self._look.height:
            return len(rows), rows
        return self._catalog.count(query, now=now), rows

    def _draw(self, rows: Sequence[Row], cursor: Pen, *, note: str) -> None:
        look = self._look
        lines = [self._draw_row(row, cursor if not at else None) for at, row in enumerate(rows)]
        if note and not lines:
            lines = [self._draw_pieces([(f"    {note}", Role.DIM)], self._role)]
        lines += [self._draw_pieces([], self._role)] * (look.height - len(lines))
        for y, line in enumerate(lines, look.top):
            old = self._rows[y]
            self._rows[y] = (*old[: look.left], *line, *old[look.left + look.width :])

    def _draw_row(self, row: Row, cursor: Pen | None) -> list[Cell]:
        pieces = build_row(row, self._layout)
        return self._draw_pieces(pieces, self._role if cursor is None else lambda _role: cursor)

    def _draw_pieces(self, pieces: Sequence[Piece], pen_of: Callable[[Role], Pen]) -> list[Cell]:
        cells = [cell for text, role in pieces for cell in draw_text(text, pen_of(role))]
        rest = self._look.width - sum(width(text) for text, _ in pieces)
        return [*cells, *draw_text(" " * rest, self._look.text)][: self._look.width]

    def _role(self, role: Role) -> Pen:
        return self._look.pens.get(role, self._look.text)


def open_list(rows: bytes, look: bytes, catalog: str, size: tuple[int, int]) -> FirstList | None:
    """Return the list behind a frame; None when there can be none."""
    with suppress(CatalogError, ValueError, OSError):
        return FirstList(rows, look, catalog, size)
    return None
