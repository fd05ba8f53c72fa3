"""Ids in a query: whole ones, the addresses of assets' web pages, and beginnings of ids. Pure."""

from __future__ import annotations

import re

SHORTEST = 6
"""Characters of the beginning of an id that a word is compared with ids for."""

WHOLE = "[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
SHAPED = frozenset("0123456789abcdef-")
"""What ids consist of."""

_MODEL = "00000000-0000-0000-0000-000000000000"
_SHAPE = re.compile(WHOLE)
_WHOLE = re.compile(WHOLE, re.IGNORECASE)
_AFTER = r"(?=[\s,;]|$)"
_LISTED = re.compile(
    # An id, or a page of the asset: whatever follows there (its name, a tab, a fragment).
    rf"(?:(?P<id>{WHOLE})|https?://[^\s/]+/data[-_]assets/(?P<page>{WHOLE})(?:[/?#][^\s,;]*)?)"
    # What separates it from the next one belongs to neither.
    rf"{_AFTER}(?:\s*[,;])*",
    re.IGNORECASE,
)


def find_whole(text: str, pos: int = 0) -> tuple[str, int] | None:
    """Return the whole id that is written at `pos`, and where what comes after it begins."""
    found = _LISTED.match(text, pos)
    if found is None:
        return None
    return (found["id"] or found["page"]).lower(), found.end()


def is_whole(text: str) -> bool:
    """Tell whether a text has the form of a whole id."""
    return _WHOLE.fullmatch(text) is not None


def find_owner(text: str, how: str) -> str:
    """Return what the id of an owner must begin with, or be (how: ``whole``); else nothing.

    A pattern is never compared with ids.
    """
    return "" if how == "glob" or (how == "whole" and not is_whole(text)) else find_beginning(text)


def find_beginning(text: str) -> str:
    """Return a text as the beginning of an id, or all of one, if it can be that; else nothing."""
    return text.lower() if len(text) >= SHORTEST and begins_id(text) else ""


def begins_id(text: str) -> bool:
    """Tell whether some id could begin with a text, however short."""
    text = text.lower()
    fits = len(text) <= len(_MODEL) and text.isascii()
    return fits and _SHAPE.fullmatch(text + _MODEL[len(text) :]) is not None
