r"""Text that people type, paste and save, as it is taken in. Pure.

What somebody wrote is kept as it was written. Taken off is only what their tools added to it: a
byte order mark at the beginning, carriage returns before line feeds, blanks and other signs without
a shape around a value. Control characters never get in. Making text safe to *show* is another
matter: see `coexplorer.text`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

MARK = "\ufeff"
"""The byte order mark, which some editors put before a text."""

NOT_UTF8 = "not valid UTF-8"
"""In the reason why a text was refused: it is kept with such bytes written out, as ``\\xfc``."""

_LINE_END = re.compile("\r\n|[\r\n\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_OUTER = "\ufeff\u200b\u2060\u00ad\u180e"
"""Signs without a width: what is left of copying from a page; they say nothing around a value."""
_UNSEEN = re.compile(
    "[\u00ad\u180e\u200b\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\ufff9-\ufffb]"
)
"""Signs that cannot be seen and change what a word is, or the direction of what is around them.

Characters that join or part letters and emoji, and direction marks, are part of writing.
"""
_QUOTES = {'"': '"', "'": "'", "\N{LEFT DOUBLE QUOTATION MARK}": "\N{RIGHT DOUBLE QUOTATION MARK}"}
_ASSIGNED = re.compile(r"(?:export\s+)?[A-Z][A-Z0-9_]*\s*=\s*(?=\S)")


def trim(text: str) -> str:
    """Take off blanks and signs without a shape around a value, line ends included."""
    while (less := text.strip().strip(_OUTER)) != text:
        text = less
    return text


def unwrap(text: str) -> str:
    """Take off what is around a word that was copied: blanks, and quotes on both sides."""
    text = trim(text)
    if len(text) > 1 and _QUOTES.get(text[0]) == text[-1]:
        text = trim(text[1:-1])
    return text


def unwrap_token(text: str) -> str:
    """Take off what is around a token in a shell file: quotes, ``NAME=``, ``export NAME=``."""
    return unwrap(_ASSIGNED.sub("", unwrap(text), count=1))


def read_lines(text: str) -> str:
    """Return text of several lines as a field of several lines takes it.

    All line ends become line feeds, tabs stay; a byte order mark and control characters go.
    """
    return _CONTROL.sub("", _LINE_END.sub("\n", text.removeprefix(MARK)))


def split_lines(text: str) -> list[str]:
    """Return the lines that have something in them, each without what is around it."""
    lines = (trim(line.replace("\t", " ")) for line in read_lines(text).split("\n"))
    return [line for line in lines if line]


def join_lines(text: str) -> str:
    """Return text as a field of one line takes it: its lines with a blank in between.

    Blanks before and behind all of it are kept: a word may be pasted behind another.
    """
    return put_lines_together(text, " ".join)


def put_lines_together(text: str, join: Callable[[list[str]], str]) -> str:
    """Return text as one line; `join` puts its lines together, where there are several."""
    text = read_lines(text).strip("\n").replace("\t", " ")
    if "\n" not in text:
        return text
    first, *_, last = text.split("\n")
    before = first[: len(first) - len(first.lstrip())] if first.strip() else ""
    behind = last[len(last.rstrip()) :] if last.strip() else ""
    return before + join(split_lines(text)) + behind


def is_text(character: str) -> bool:
    """Tell whether a typed character is text: control characters are not."""
    return len(character) == 1 and unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")


def use_line_feeds(text: str, *, before: str = "") -> str:
    """Return a text of several lines without what another system's editor added to it.

    Args:
        text: As it was written.
        before: What it was written over: carriage returns that were there already stay.
    """
    if text == before:
        return text
    if not before.startswith(MARK):
        text = text.removeprefix(MARK)
    return text if "\r" in before else text.replace("\r\n", "\n")


def find_unseen(text: str) -> tuple[int, str] | None:
    """Return the place (from 1) and the code of the first sign that a short text can't hold.

    That is a sign that cannot be seen and makes one word another.
    """
    found = _UNSEEN.search(text)
    return None if found is None else (found.start() + 1, f"U+{ord(found[0]):04X}")
