"""The views of the strip: queries with names and numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from coexplorer.text import clean, cut, width
from coexplorer.tui.present import Line, Piece, Role

LAST_NUMBER = 9
"""Views beyond it are shown, and opened by the mouse or the palette."""


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
    short = _length(views, counts) > cells
    pieces: list[Piece] = []
    places: list[tuple[int, int]] = []
    used = 0
    for number, view in enumerate(views, 1):
        label = _label(number, view, None if short else counts.get(view.query))
        active = view.query == query.strip()
        text = f"[{label}]" if active else f" {label} "
        if used + width(text) > cells:
            break
        pieces.append((text, Role.ACCENT if active else Role.DIM))
        places.append((used, used + width(text)))
        used += width(text)
    return tuple(pieces), places


def _label(number: int, view: View, count: int | None) -> str:
    name = cut(clean(view.title), 20)
    head = f"{number} {name}" if number <= LAST_NUMBER else name
    return head if count is None else f"{head} {count:,}"


def _length(views: Sequence[View], counts: Mapping[str, int]) -> int:
    return sum(width(_label(n, v, counts.get(v.query))) + 2 for n, v in enumerate(views, 1))
