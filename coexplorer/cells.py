r"""Cells of CSV (RFC 4180) as spreadsheets open them, and back. Pure.

A spreadsheet runs a cell that begins as a formula does, and names are strangers' text:
``=HYPERLINK(…)`` in one could send a colleague's data away. Such a text gets an apostrophe before
it, which spreadsheets take for "this is text". To be read back exactly, a text that begins with
apostrophes and then as a formula gets one, too; so one apostrophe is taken away again.

What a terminal obeys is written as ``\x1b``, ``\u202e`` or ``\U000e0001``, wherever the table goes:
a control character but tab and line feed, a carriage return without one, and what turns the
direction of text or can't be seen. Backslashes right before such a form are doubled, and one that
a text holds itself gets them doubled, too: an odd number of them makes a character of the form, an
even one leaves it as it stands. All other backslashes stay single, as paths on Windows have them.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections.abc import Iterable

_FORMULA = re.compile("'*[-=+@\t\r\n\uff0b\uff0d\uff1d\uff20]")
_FORMULA_WRITTEN = re.compile("'+[-=+@\t\r\n\uff0b\uff0d\uff1d\uff20]")
_QUOTED = re.compile(r'[",;\t\r\n]|^\s|\s$')
_JOINERS = "\u200c\u200d\u00ad"
"""Invisible, but parts of words and emoji; no terminal obeys them."""
_FORM = r"(x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})"
_LITERAL = re.compile(rf"(\\+)(?={_FORM})")
_WRITTEN = re.compile(rf"(\\+){_FORM}")


def write_text(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, and nothing in it that is obeyed."""
    return mark_formula(hide_controls(text))


def mark_formula(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula."""
    return f"'{text}" if _FORMULA.match(text) else text


def read_text(cell: str) -> str:
    """Return the text that `write_text` made a cell of."""
    return show_controls(cell[1:] if _FORMULA_WRITTEN.match(cell) else cell)


def hide_controls(text: str) -> str:
    """Return a text with what a terminal obeys in it as escapes: see this module."""
    text = _LITERAL.sub(r"\1\1", text)
    if text.isprintable():
        return text
    out: list[str] = []
    backslashes = 0
    for at, char in enumerate(text):
        if is_obeyed(char) and not (char == "\r" and text.startswith("\n", at + 1)):
            out.append("\\" * backslashes + escape_char(char))
            backslashes = 0
        else:
            out.append(char)
            backslashes = backslashes + 1 if char == "\\" else 0
    return "".join(out)


def show_controls(text: str) -> str:
    """Return the text that `hide_controls` was given."""
    return _WRITTEN.sub(_read_form, text) if "\\" in text else text


def _read_form(found: re.Match[str]) -> str:
    backslashes, form = found.groups()
    code = int(form[1:], 16)
    kept = backslashes[: len(backslashes) // 2]
    is_char = len(backslashes) % 2 and code <= sys.maxunicode
    return kept + (chr(code) if is_char else backslashes[: len(backslashes) % 2] + form)


def is_obeyed(char: str) -> bool:
    """Tell whether a character does something in a terminal, or can't be seen; not tab and LF."""
    if char.isprintable() or char in "\t\n" or char in _JOINERS:
        return False
    return unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")


def escape_char(char: str) -> str:
    r"""Return ``\x1b``, ``\u202e`` or ``\U000e0001``."""
    code = ord(char)
    if code <= 0xFF:  # noqa: PLR2004 - two digits
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 - four digits


def write_row(cells: Iterable[str]) -> str:
    """Return a record, without its line end.

    More is quoted than has to be: a cell with the delimiter of other countries' spreadsheets, and
    blanks at an end, which some readers take away.
    """
    return ",".join(_quote(cell) for cell in cells)


def _quote(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"' if _QUOTED.search(cell) else cell
