"""Moving around: the cursor, the panes, the views, the size of the details."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from coexplorer.errors import ConfigError
from coexplorer.query import SORT_FIELDS, SortKey
from coexplorer.tui import external
from coexplorer.tui.keys import key_of
from coexplorer.tui.views import build_views
from coexplorer.tui.widgets.choices import Choice
from coexplorer.tui.widgets.details import Details
from coexplorer.tui.workbench import TWO_PANES, WIDE_ENOUGH

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Action, Workbench

END = 1 << 60


def move(screen: Workbench, rows: int) -> None:
    """Move the cursor, or scroll the details while they have the focus."""
    if isinstance(screen.focused, Details):
        screen.details.move_by(rows)
    else:
        screen.rows.move_by(rows)


def jump(screen: Workbench, rows: int) -> None:
    """Go to an end; `go_back` leads back."""
    row, before = screen.rows.current, screen.rows.cursor
    move(screen, rows)
    if row is not None and screen.rows.cursor != before:
        screen.state.browsing.leave(row.id)


def move_page(screen: Workbench, share: float) -> None:
    """Move by a share of a page."""
    details = isinstance(screen.focused, Details)
    page = screen.details.size.height if details else screen.rows.page_rows
    rows = max(1, int(abs(share) * page) - (abs(share) == 1))
    move(screen, rows if share > 0 else -rows)


def next_pane(screen: Workbench) -> None:
    """Go from the list to the details, or back."""
    if screen.focused is screen.rows and screen.details_shown:
        screen.set_focus(screen.details)
    elif screen.size_name != "full":
        screen.set_focus(screen.rows)


def go_back(screen: Workbench) -> None:
    """Go back to the last place."""
    row = screen.rows.current
    place = screen.state.browsing.go_back(row.id if row else None)
    if place is not None:
        screen.search.show_text(place.text)
        screen.strip.show_views(query=place.text)
        screen.feeds.list.load(go_to=place.asset_id, to_top=True)


def open_view(screen: Workbench, number: int) -> None:
    """Put a view's query into the search."""
    views = build_views(screen.state.saved_views)
    if number > len(views):
        screen.say(
            f"there is no view {number}; {key_of('view.save')} saves the search as one",
            severity="warning",
        )
        return
    go_to(screen, views[number - 1].query)


def go_to(screen: Workbench, text: str) -> None:
    """Search for `text`, remembering where we were."""
    row = screen.rows.current
    if text != screen.state.browsing.text:
        screen.state.browsing.leave(row.id if row else None)
    screen.state.browsing.text = text
    screen.search.show_text(text)
    screen.strip.show_views(query=text)
    screen.feeds.list.load(to_top=True)


async def save_view(screen: Workbench) -> None:
    """Ask for a name and save the search under it."""
    text = screen.state.browsing.text.strip()
    if not text:
        screen.say("search for something first: a view is a search with a name", severity="warning")
        return
    names = {query: name for name, query in screen.state.saved_views.items()}
    name = await screen.prompt.ask("save this search as", value=names.get(text, ""))
    if name is None:
        return
    await _keep_view(screen, name.strip(), text)


async def _keep_view(screen: Workbench, name: str, text: str) -> None:
    """Save a search under a name; no name removes the view that has this search."""
    views = screen.state.saved_views
    old = next((key for key, query in views.items() if query == text), None)
    try:
        if old is not None and old != name:
            del views[old]
            external.save_view(screen.settings, old, None)
        if name:
            views[name] = text
            external.save_view(screen.settings, name, text)
    except ConfigError as error:
        screen.say(f"the view lasts until you leave: {error}", severity="warning")
    screen.strip.show_views(build_views(views), query=text)
    await screen.feeds.header.load_counts(pause=False)


def resize(screen: Workbench) -> None:
    """Make the details taller, then full, then hide them, then small."""
    order: tuple[str, ...] = ("hidden", "small", "tall", "full")
    if screen.app.size.height < TWO_PANES:
        order = ("hidden", "full")
    now = screen.size_name
    name = order[(order.index(now) + 1) % len(order)] if now in order else order[0]
    screen.state.size_chosen = name if name != "full" else screen.state.size_chosen
    screen.coexplorer.memory.remembered.details = screen.state.size_chosen
    screen.state.size_is_ours = False
    screen.set_size(name)
    screen.restart("details", screen.feeds.details.load)


def beside(screen: Workbench) -> None:
    """Put the details beside the list, or below."""
    if screen.app.size.width < WIDE_ENOUGH:
        screen.say(f"details beside the list need a width of {WIDE_ENOUGH}", severity="warning")
        return
    screen.toggle_class("beside")
    if not screen.details_shown:
        screen.set_size("small")
    screen.call_after_refresh(screen.feeds.details.show)


async def open_details(screen: Workbench) -> None:
    """Show all of the asset, and fetch it again meanwhile."""
    if screen.size_name == "full":
        screen.set_size(screen.find_size_behind())
        return
    screen.set_size("full")
    await screen.feeds.details.load()
    row = screen.rows.current
    if row is not None:
        await screen.library.platform.fetch(row.id)
        await screen.feeds.details.load()


async def sort(screen: Workbench) -> None:
    """Choose how to sort the list."""
    choices = [
        Choice(name, key=_letter(name, [n for n, _ in SORT_FIELDS[:at]]), help=text)
        for at, (name, text) in enumerate(SORT_FIELDS)
    ]
    field = await screen.prompt.choose("sort by", choices)
    if field is None:
        return
    descending = field in ("created", "size", "files", "used")
    _sort(screen, SortKey(field, descending))


def reverse(screen: Workbench) -> None:
    """Reverse the order."""
    order = screen.state.browsing.order
    _sort(screen, SortKey(order.field, not order.descending))


def _sort(screen: Workbench, key: SortKey) -> None:
    screen.state.browsing.sort_by(key)
    remembered = screen.coexplorer.memory.remembered
    remembered.sort, remembered.descending = key.field, key.descending
    screen.coexplorer.memory.save()
    screen.search.show_text(screen.state.browsing.text)
    row = screen.rows.current
    screen.feeds.list.load(go_to=row.id if row else None)


def _letter(name: str, before: list[str]) -> str:
    """Return the first letter of a name that no earlier name has taken."""
    taken: set[str] = set()
    for other in before:
        taken.add(next((c for c in other if c not in taken), ""))
    return next((c for c in name if c not in taken and c not in "jk"), "")


ACTIONS: dict[str, Action] = {
    "move.down": functools.partial(move, rows=1),
    "move.up": functools.partial(move, rows=-1),
    "move.top": functools.partial(jump, rows=-END),
    "move.bottom": functools.partial(jump, rows=END),
    "move.half_down": functools.partial(move_page, share=0.5),
    "move.half_up": functools.partial(move_page, share=-0.5),
    "move.page_down": functools.partial(move_page, share=1),
    "move.page_up": functools.partial(move_page, share=-1),
    "pane.next": next_pane,
    "pane.previous": next_pane,
    "move.back": go_back,
    **{f"view.{n}": functools.partial(open_view, number=n) for n in range(1, 10)},
    "view.save": save_view,
    "find.sort": sort,
    "find.reverse": reverse,
    "details.resize": resize,
    "details.beside": beside,
    "details.open": open_details,
}
