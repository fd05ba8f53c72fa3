"""The characters of a query: spaces, quotes and bare words, with their places."""

from __future__ import annotations

import re

import msgspec

from coexplorer.errors import QueryError

FIELD_START = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*):(?!//)", re.ASCII)
"""A field's name and its colon; not the scheme of ``s3://bucket``."""

NEGATION = re.compile(r"-|not:", re.IGNORECASE | re.ASCII)


class Piece(msgspec.Struct, frozen=True):
    """A quoted or bare text and its place, quotes included."""

    text: str
    start: int
    end: int
    quoted: bool = False


def skip_spaces(text: str, pos: int) -> int:
    """Return the index of the next character that is no space, or the end."""
    while pos < len(text) and text[pos].isspace():
        pos += 1
    return pos


def find_end(text: str, pos: int, stops: str = "") -> int:
    """Return where the bare text at `pos` ends: a space, one of `stops`, or the end."""
    while pos < len(text) and not text[pos].isspace() and text[pos] not in stops:
        pos += 1
    return pos


def read_quoted(text: str, start: int, *, closes_itself: bool = False) -> Piece:
    r"""Read ``"…"`` at `start`, in which ``\"`` and ``\\`` stand for a quote and a backslash.

    Args:
        text: The whole query.
        start: Index of the opening quote.
        closes_itself: Take a missing closing quote as read at the end, as while typing.

    Raises:
        QueryError: The quote is not closed, or there is nothing in it.
    """
    out: list[str] = []
    pos = start + 1
    while pos < len(text) and text[pos] != '"':
        if text[pos] == "\\" and text[pos + 1 : pos + 2] in {'"', "\\"}:
            pos += 1
        out.append(text[pos])
        pos += 1
    if pos >= len(text) and not closes_itself:
        raise QueryError(
            "this quote is not closed", start=start, end=len(text), hint='add a closing "'
        )
    end = min(pos + 1, len(text))
    if not out:
        raise QueryError(
            "there is no text between the quotes",
            start=start,
            end=end,
            hint="add some text or remove the quotes",
        )
    return Piece("".join(out), start, end, quoted=True)


def quote(text: str) -> str:
    """Return `text` in quotes, as `read_quoted` reads it back."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def is_bare(text: str, stops: str = "") -> bool:
    """Tell whether `text` can stand without quotes as a value."""
    return (
        bool(text) and not any(char.isspace() or char in stops for char in text) and '"' not in text
    )
