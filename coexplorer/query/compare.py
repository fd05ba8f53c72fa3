"""How texts are compared: contained, at the start, whole, or by a pattern. Pure.

In a pattern ``*`` is any text, none too, and ``?`` one character; all else is what it is.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, Literal

from coexplorer.query.fields import FIELDS
from coexplorer.query.tree import How, Match

OPERATORS: Final[dict[How, str]] = {"whole": "=", "starts": "^", "glob": "glob("}
"""What stands before a text in a query."""

ANYTHING: Final = "*"

_OWN: Final = {field.name: "whole" if field.choices else field.match for field in FIELDS}

Way = Literal["contains", "starts", "whole", "glob"]


def way_of(term: Match) -> Way:
    """Return how a term compares: as it says itself, or as its field does."""
    if term.how:
        return term.how
    return "contains" if term.custom else _OWN[term.field]


def fits(way: Way, wanted: str, text: str) -> bool:
    """Tell whether a text is what is wanted; both are folded (`query.fold`).

    No text at all fits no pattern, not even ``*``.
    """
    match way:
        case "contains":
            return wanted in text
        case "starts":
            return text.startswith(wanted)
        case "whole":
            return text == wanted
        case "glob":
            return bool(text) and _fits_glob(wanted, text)


def split_glob(pattern: str) -> list[str]:
    """Return the texts that stand in every text that fits a pattern, in their order."""
    return [piece for piece in re.split(r"[*?]", pattern) if piece]


def find_beginning_of(pattern: str) -> str:
    """Return what every text that fits a pattern begins with."""
    return re.split(r"[*?]", pattern, maxsplit=1)[0]


def fits_all(pattern: str) -> bool:
    """Tell whether a pattern fits every text that there is."""
    return not pattern.strip(ANYTHING)


def _fits_glob(pattern: str, text: str) -> bool:
    """Take each piece between ``*`` where it comes first: no text takes long."""
    first, *rest = pattern.split(ANYTHING)
    if not rest:
        return _compile(first).fullmatch(text) is not None
    if _compile(first).match(text) is None:
        return False
    *middle, last = rest
    place, end = len(first), len(text) - len(last)
    for piece in middle:
        found = _compile(piece).search(text, place)
        if found is None:
            return False
        place = found.end()
    return end >= place and _compile(last).fullmatch(text, end) is not None


@lru_cache(maxsize=256)
def _compile(piece: str) -> re.Pattern[str]:
    return re.compile("".join("." if one == "?" else re.escape(one) for one in piece), re.DOTALL)
