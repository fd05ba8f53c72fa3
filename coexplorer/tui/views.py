"""The views of the strip: queries with names and numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coexplorer.text import clean, cut, width
from coexplorer.tui.present import Line, Piece, Role

LAST_NUMBER = 9
"""Views beyond it are shown, and opened by the mouse or the palette."""
LONGEST = 20
"""Cells of a name where there is room."""


@dataclass(frozen=True, slots=True)
class View:
    """A search with a name.

    Attributes:
        title: As shown in the strip.
        query: The text that it puts into the search box.
        own: Whether the user made it.
    """

    title: str
    query: str
    own: bool = False


BUILT_IN = (
    View("All", ""),
    View("Mine", "is:mine"),
    View("Shared", "is:shared"),
    View("★", "is:favorite"),
    View("Drafts", "state:draft"),
    View("Failed", "state:failed"),
    View("Unused", "used:never"),
    View("Archived", "is:archived"),
)


def build_views(saved: Mapping[str, str]) -> tuple[View, ...]:
    """Return the strip's views: ours, then the user's in their order."""
    return (*BUILT_IN, *(View(name, query, own=True) for name, query in saved.items()))


def build_strip_line(
    views: Sequence[View], counts: Mapping[str, int], query: str, cells: int
) -> tuple[Line, list[tuple[int, int]]]:
    """Return the strip's line, and for each view that fits its first cell and the one after it.

    Args:
        views: In their order.
        counts: Query → how many it finds, as far as known.
        query: The text in force: its view is highlighted.
        cells: Width.
    """
    labels, tight = _label_all(views, counts, cells)
    pieces: list[Piece] = []
    places: list[tuple[int, int]] = []
    used = 0
    bracket = False
    for label, view in zip(labels, views, strict=True):
        active = view.query == query.strip()
        # Where there is little room, neighbours share the blank, or the bracket, between them.
        left, right = ("" if bracket else " "), ("" if tight else " ")
        text = f"[{label}]" if active else f"{left}{label}{right}"
        if used + width(text) > cells:
            break
        pieces.append((text, Role.ACCENT if active else Role.DIM))
        places.append((used, used + width(text)))
        used += width(text)
        bracket = active and tight
    return tuple(pieces), places


def _label_all(
    views: Sequence[View], counts: Mapping[str, int], cells: int
) -> tuple[list[str], bool]:
    """Return the labels in the fullest way that fits, and whether they must stand close.

    Shorter names are better than no counts.
    """
    labels: list[str] = []
    tight = False
    for longest, counted, tight in (
        (LONGEST, True, False),
        *((length, True, True) for length in (LONGEST, 6, 5, 4, 3)),
        (LONGEST, False, False),
    ):
        labels = [
            _label(n, v, counts.get(v.query) if counted else None, longest)
            for n, v in enumerate(views, 1)
        ]
        if sum(map(width, labels)) + len(labels) * (1 if tight else 2) + tight <= cells:
            break
    return labels, tight


def _label(number: int, view: View, count: int | None, longest: int) -> str:
    name = clean(view.title)
    # An ellipsis in so few cells would be most of what is seen.
    name = cut(name, longest) if longest == LONGEST else name[:longest]
    head = f"{number} {name}" if number <= LAST_NUMBER else name
    return head if count is None else f"{head} {count:,}"
