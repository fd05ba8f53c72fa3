"""The views of the strip: queries with names and numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from coexplorer.text import clean, cut, width
from coexplorer.tui.columns import Line, Piece, Role

LAST_NUMBER = 9
"""Views beyond it are shown, and opened by the mouse or the palette."""
LONGEST = 20
"""Cells of a name where there is room."""


class View(msgspec.Struct, frozen=True):
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
    views: Sequence[View], counts: Mapping[str, int], query: str, cells: int, *, part: bool = False
) -> tuple[Line, list[tuple[int, int]]]:
    """Return the strip's line, and for each view its first cell and the one after it.

    Names are whole. Where there is little room some go without their counts, and where there is
    less, views far from the one in force are left out: their keys work anyway.

    Args:
        views: In their order.
        counts: Query → how many it finds, as far as known.
        query: The text in force: its view is highlighted.
        cells: Width.
        part: Only part of the assets was read: counts are lower bounds, and a view without
            any has no number.
    """
    active = find_active(views, query)
    names = [_name(number, view) for number, view in enumerate(views, 1)]
    tails = [_tail(counts.get(view.query), part=part) for view in views]
    if sum(map(width, names + tails)) + 2 * len(views) <= cells:
        shown, tight = range(len(views)), False
    else:
        least = [width(name) for name in names]
        if active is not None:
            least[active] += width(tails[active]) + 1  # for a blank before its bracket
        shown, tight = _choose_shown(least, active or 0, cells), True
        used = sum(least[at] for at in shown) + len(shown) + 1 + _dots(shown, len(views))
        _drop_tails(tails, shown, active, cells - used)
    return _join(names, tails, shown, active, tight=tight)


def find_active(views: Sequence[View], query: str) -> int | None:
    """Return which view has a query, to the letter where one has it so, else but for blanks."""
    texts = [view.query for view in views]
    if query in texts:
        return texts.index(query)
    text = query.strip()
    return next((at for at, each in enumerate(texts) if each.strip() == text), None)


def _tail(count: int | None, *, part: bool) -> str:
    if count is None:
        return ""
    if not part:
        return f" {count:,}"
    return f" {count:,}+" if count else " …"


def _name(number: int, view: View) -> str:
    name = cut(clean(view.title), LONGEST)
    return f"{number} {name}" if number <= LAST_NUMBER else name


def _dots(shown: range, of: int) -> int:
    """Return the cells that say that there are more views, on either side."""
    return (shown.start > 0) + 2 * (shown.stop < of)


def _choose_shown(widths: Sequence[int], active: int, cells: int) -> range:
    """Return the views that fit, from the first on if the one in force is among them."""
    for start in range(len(widths)):
        stop, used = start, 1
        while stop < len(widths):
            used += widths[stop] + 1
            if used + _dots(range(start, stop + 1), len(widths)) > cells:
                break
            stop += 1
        if stop > active or start == active:
            return range(start, stop)
    return range(0)


def _drop_tails(tails: list[str], shown: range, active: int | None, room: int) -> None:
    """Leave out the counts that have no room: short ones are few assets that wait for somebody."""
    for at in sorted(shown, key=lambda at: width(tails[at])):
        if at == active:
            continue
        if width(tails[at]) > room:
            tails[at] = ""
        room -= width(tails[at])


def _join(
    names: Sequence[str],
    tails: Sequence[str],
    shown: range,
    active: int | None,
    *,
    tight: bool,
) -> tuple[Line, list[tuple[int, int]]]:
    pieces: list[Piece] = [("…", Role.DIM)] if shown.start else []
    places = [(0, 0)] * len(names)
    used = len(pieces)
    for at in shown:
        label = names[at] + tails[at]
        # Where there is little room, neighbors share the blank between them.
        if at != active:
            text = f" {label}" if tight else f" {label} "
        else:
            text = f" [{label}]" if tight and used else f"[{label}]"
        pieces.append((text, Role.ACCENT if at == active else Role.DIM))
        places[at] = (used, used + width(text))
        used += width(text)
    if shown.stop < len(names):
        pieces.append((" …", Role.DIM))
    return tuple(pieces), places
