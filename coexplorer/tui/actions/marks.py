"""Marking: what every action then works on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coexplorer.tui.actions import Action
    from coexplorer.tui.screens.main import MainScreen

ONLY_ONE = "only this one, not those that are marked"


def toggle(screen: MainScreen) -> None:
    """Mark or unmark the asset under the cursor, and move on."""
    row = screen.rows.current
    if row is None:
        return
    if row.id in screen.marked:
        del screen.marked[row.id]
    else:
        screen.marked[row.id] = None
    screen.show_marks()
    screen.rows.move_by(1)


async def mark_range(screen: MainScreen) -> None:
    """Start a range, or mark from its start to here."""
    if screen.range_start is None:
        screen.range_start = screen.rows.cursor
        screen.show_footer()
        return
    first, last = sorted((screen.range_start, screen.rows.cursor))
    screen.range_start = None
    rows = await screen.library.window(screen.browsing.query, offset=first, limit=last - first + 1)
    screen.marked.update(dict.fromkeys(row.id for row in rows))
    screen.show_marks()


async def mark_all(screen: MainScreen) -> None:
    """Mark everything that the search finds."""
    screen.marked.update(dict.fromkeys(await screen.library.ids(screen.browsing.query)))
    screen.show_marks()


def mark_none(screen: MainScreen) -> None:
    """Take all marks away."""
    screen.marked.clear()
    screen.range_start = None
    screen.show_marks()


ACTIONS: dict[str, Action] = {
    "mark.toggle": toggle,
    "mark.range": mark_range,
    "mark.all": mark_all,
    "mark.none": mark_none,
}
