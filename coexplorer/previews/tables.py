"""The first rows of a CSV or TSV file. Pure."""

from __future__ import annotations

import csv
from typing import Final, NamedTuple

MOST_ROWS: Final = 2_000
MOST_COLUMNS: Final = 200
LONGEST_CELL: Final = 200
"""Characters that are kept of a cell."""


class Rows(NamedTuple):
    """Rows of a table.

    Attributes:
        rows: The head among them.
        fault: What is wrong with the row behind the last one; empty: nothing.
        is_cut: There is more of it than this.
    """

    rows: list[list[str]]
    fault: str
    is_cut: bool


def read_rows(text: str, *, whole: bool) -> Rows:
    """Read rows; what separates cells is told by the first line.

    Args:
        text: The file, or its beginning.
        whole: It is all of the file; else the last row may be cut, and is left out.
    """
    first = text[: text.find("\n")] if "\n" in text else text
    sign = max("\t,;|", key=first.count)
    rows: list[list[str]] = []
    fault, is_cut = "", not whole
    lines = text.splitlines(keepends=True)
    if not whole and len(lines) > 1:
        lines.pop()
    try:
        for row in csv.reader(lines, delimiter=sign):
            if len(rows) > MOST_ROWS:
                is_cut = True
                break
            if row:
                rows.append([cell[:LONGEST_CELL] for cell in row[:MOST_COLUMNS]])
    except csv.Error as error:
        fault = f"row {len(rows) + 1:,} can't be read: {error}"
    return Rows(rows, fault, is_cut)
