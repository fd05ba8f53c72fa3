"""Cells of CSV (RFC 4180) as spreadsheets open them, and back. Pure.

A spreadsheet runs a cell that begins as a formula does, and names are strangers' text:
``=HYPERLINK(…)`` in one could send a colleague's data away. Such a text gets an apostrophe before
it, which spreadsheets take for "this is text". To be read back exactly, a text that begins with
apostrophes and then as a formula gets one, too; so one apostrophe is taken away again.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

_FORMULA = re.compile("'*[-=+@\t\r\n\uff0b\uff0d\uff1d\uff20]")
_FORMULA_WRITTEN = re.compile("'+[-=+@\t\r\n\uff0b\uff0d\uff1d\uff20]")
_QUOTED = re.compile(r'[",;\t\r\n]|^\s|\s$')


def write_text(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def read_text(cell: str) -> str:
    """Return the text that `write_text` made a cell of."""
    return cell[1:] if _FORMULA_WRITTEN.match(cell) else cell


def write_row(cells: Iterable[str]) -> str:
    """Return a record, without its line end.

    More is quoted than has to be: a cell with the delimiter of other countries' spreadsheets, and
    blanks at an end, which some readers take away.
    """
    return ",".join(_quote(cell) for cell in cells)


def _quote(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell
