"""Marking the assets that actions then apply to."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coexplorer.library.selection import fit_query
from coexplorer.query import Flag, Query

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Action, Workbench

ALL = 1 << 60
"""More rows than any list has."""
ONLY_ONE = "only this one, not the marked ones"


def toggle(screen: Workbench) -> None:
    """Mark or unmark the asset under the cursor, and move on."""
    row = screen.rows.current
    if row is None:
        return
    if row.id in screen.state.marked:
        screen.state.marked.drop([row.id])
    else:
        screen.state.marked.add([row])
    screen.show_marks()
    screen.rows.move_by(1)


async def mark_range(screen: Workbench) -> None:
    """Start a range, or mark from its start to here."""
    if screen.state.range_start is None:
        screen.state.range_start = screen.rows.cursor
        screen.show_footer()
        return
    first, last = sorted((screen.state.range_start, screen.rows.cursor))
    screen.state.range_start = None
    rows = await screen.feeds.list.read_rows(first, last - first + 1)
    screen.state.marked.add(rows)
    screen.show_marks()


async def mark_all(screen: Workbench) -> None:
    """Mark everything that the search finds."""
    query = screen.state.browsing.query
    judged = query if query.terms else Query((Flag("archived", negated=True),))
    fit = fit_query(await screen.library.assets.read_types(judged), time.time())
    screen.state.marked.add(await screen.library.assets.window(query, limit=ALL), fit)
    screen.show_marks()


def mark_none(screen: Workbench) -> None:
    """Clear all marks."""
    screen.state.marked.clear()
    screen.state.range_start = None
    screen.show_marks()


ACTIONS: dict[str, Action] = {
    "mark.toggle": toggle,
    "mark.range": mark_range,
    "mark.all": mark_all,
    "mark.none": mark_none,
}
