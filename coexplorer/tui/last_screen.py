"""What the next start needs of the screen that the app leaves."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coexplorer.query import SortKey
from coexplorer.tui.terminal.cells import Pen, Row
from coexplorer.tui.terminal.diff import Capabilities


class ListLook(msgspec.Struct, frozen=True):
    """The list of a kept frame.

    Attributes:
        left: Column of its lines.
        top: Row of the first line below its head.
        width: Cells of a line.
        height: Lines.
        columns: Ids in the user's order; empty for our own choice.
        sort: Its order, unless a search gives one.
        pens: How each role looks.
        text: How the list itself looks.
        cursor: How the line under the cursor looks while keys go to the list.
        blurred: And while they go to the search.
        true_rows: Rows of the screen that are true whatever the catalog holds.
        terminal: What the terminal can do.
    """

    left: int
    top: int
    width: int
    height: int
    columns: tuple[str, ...]
    sort: SortKey
    pens: dict[str, Pen]
    text: Pen
    cursor: Pen
    blurred: Pen
    true_rows: tuple[int, ...]
    terminal: Capabilities


class Capture(msgspec.Struct, frozen=True):
    """A screen that was painted, if only for this.

    Attributes:
        rows: All of its rows.
        size: Columns and rows.
        terminal: What the terminal can do.
    """

    rows: Sequence[Row]
    size: tuple[int, int]
    terminal: Capabilities


class LastScreen(msgspec.Struct, frozen=True):
    """The screen to open with.

    Attributes:
        capture: The screen.
        look: How its list looks.
        catalog: The catalog that it shows.
        change: The catalog's newest change number.
    """

    capture: Capture
    look: ListLook
    catalog: str
    change: int
