"""One value as JSON, TSV and CSV have it, with nothing in it that a terminal obeys."""

from __future__ import annotations

import re
import sys

import msgspec

from coexplorer.cells import escape_char, is_obeyed, mark_formula, write_row, write_text

_UNICODE = {"utf-8", "utf8", "ascii"}
"""Encodings that need no escapes; click writes UTF-8 where Python would write ASCII."""

_OPENS_QUOTE = re.compile(r'^( *)"')


def escape_json(encoded: bytes) -> str:
    """Return JSON with characters that a terminal could obey as JSON escapes: the same data."""
    text = encoded.decode("utf-8", "replace")
    if text.isprintable() and (text.isascii() or sys.stdout.encoding.lower() in _UNICODE):
        return text
    return "".join(char if _is_sayable(char) else _json_escape(char) for char in text)


def can_say(text: str) -> bool:
    """Tell whether standard output's encoding has these characters."""
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True


def _is_sayable(char: str) -> bool:
    """Tell whether a terminal can show a character and obeys nothing by it."""
    if char.isascii() or sys.stdout.encoding.lower() in _UNICODE:
        return char.isprintable()
    return can_say(char) and char.isprintable()


def _json_escape(char: str) -> str:
    # Outside the basic plane JSON wants a pair of surrogates, which is what UTF-16 is made of.
    units = char.encode("utf-16-be")
    return "".join(f"\\u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2))


def _plain_cell(value: object) -> str | None:
    """Return a value that is neither text nor list, as cells have it."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if isinstance(value, str | tuple | list | dict) else str(value)


def tsv_cell(value: object) -> str:
    """Return a value as a cell of TSV; a list or an object is JSON."""
    plain = _plain_cell(value)
    if plain is not None:
        return plain
    return _escape_tsv(value if isinstance(value, str) else escape_json(msgspec.json.encode(value)))


def csv_cell(value: object) -> str:
    """Return a value as a cell of CSV, not yet quoted; a list of texts is a record of its own."""
    plain = _plain_cell(value)
    if plain is not None:
        return plain
    if isinstance(value, str):
        return write_text(value)
    if isinstance(value, tuple | list) and all(isinstance(each, str) for each in value):
        return write_text(write_row(value))
    # JSON has escapes of its own: another reader undoes them.
    return mark_formula(escape_json(msgspec.json.encode(value)))


def _escape_tsv(text: str) -> str:
    for char, escape in (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r")):
        text = text.replace(char, escape)
    if not text.isprintable():
        text = "".join(escape_char(char) if is_obeyed(char) else char for char in text)
    # A quote at the beginning would make most readers take what follows for one cell.
    return _OPENS_QUOTE.sub(r'\1\\"', text)
