"""Search as you type: the field, its completions, its history, and clearing."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING

from coexplorer.query import complete_at, format_id, format_text, narrow_text
from coexplorer.tui.actions import retag, tagging
from coexplorer.tui.actions.marks import ONLY_ONE
from coexplorer.tui.screens.key_queue import OPEN
from coexplorer.tui.tag_text import fit_values
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from coexplorer.tui.workbench import Action, Workbench

OPENS = "find.search"
"""The command that opens the field."""
MOST_VALUES = 50
_HINT = "search hint"
_LISTED = {"tag", "owner", "bucket", "type", "state", "has"}
"""Fields whose values come from the catalog."""


async def open_with(screen: Workbench, text: str) -> None:
    """Open the search field with a text that was typed before there was a field."""
    await screen.search.open_field(text)
    screen.strip.show_views(query=text)
    screen.restart("values", partial(_read_ahead, screen))
    screen.restart("complete", partial(_complete, screen, text, len(text)))


async def open_search(screen: Workbench) -> None:
    """Open the search field."""
    row = screen.rows.current
    screen.state.browsing.leave(row.id if row else None)
    screen.state.values_known.clear()
    # What is typed is another term, not the end of the last one.
    text = screen.state.browsing.text.strip()
    await screen.search.open_field(f"{text} " if text else "")
    screen.restart("values", partial(_read_ahead, screen))


def take_text(screen: Workbench, text: str, cursor: int) -> None:
    """Filter by what is typed, and offer what goes on from it."""
    if not screen.search.typing:
        return
    changed = text != screen.state.browsing.text
    screen.state.browsing.text = text
    if changed:
        screen.strip.show_views(query=text)
        screen.search.show_mistake(screen.state.browsing.fault, text)
        screen.feeds.list.load(to_top=True)
    screen.restart("complete", partial(_complete, screen, text, cursor))


async def _complete(screen: Workbench, text: str, cursor: int) -> None:
    found = complete_at(text, cursor)
    field = screen.search.field
    if field is None:
        return
    if found is None or (found.kind == "field" and not found.text):
        field.offer((), of=text)
        return
    choices = [Choice(value, help=note) for value, note in found.choices]
    if found.kind == "value" and found.field in _LISTED and (not choices or found.field == "has"):
        values = await _find_values(screen, found.field)
        uses = screen.state.tags_known if found.field == "tag" else {}
        choices += [
            Choice(
                format_text(found.field, value),
                text=value,
                help=f"{uses[value]:>7,}" if value in uses else "",
            )
            for value in fit_values(values, found.text, MOST_VALUES)
        ]
    if screen.search.typing and field.value == text:
        field.offer(choices, of=text, span=(found.start, found.end))


async def _read_ahead(screen: Workbench) -> None:
    """Prepare what the first keys would have to wait for: the order of all assets, and tags."""
    await screen.library.assets.prepare(screen.state.browsing.query)
    await _find_values(screen, "tag")


async def _find_values(screen: Workbench, field: str) -> Iterable[str]:
    """Return the values of a field; they are read once while a search is typed."""
    if field == "tag":
        return await tagging.know_tags(screen)
    known = screen.state.values_known.get(field)
    if known is None:
        known = screen.state.values_known[field] = await screen.library.assets.field_values(field)
    return known


def offer_history(screen: Workbench) -> None:
    """Offer earlier searches instead of completions."""
    searches = screen.coexplorer.memory.remembered.searches
    field = screen.search.field
    if field is not None:
        field.offer([Choice(text) for text in searches])
        field.step_choice(1)


def finish(screen: Workbench, text: str) -> None:
    """Close the field and keep the search in force."""
    text = text.strip()
    is_other = text != screen.state.browsing.text
    screen.state.browsing.text = text
    screen.coexplorer.memory.remember_search(text)
    _close(screen)
    if is_other:
        screen.feeds.list.load(to_top=True)
    elif not screen.rows.windows.count:
        screen.feeds.list.load()  # what clears the search now is another key
    screen.restart("hints", partial(_tell_hints, screen))


async def _tell_hints(screen: Workbench) -> None:
    """Say what in the search that is in force can't be meant so: a list shows none of it."""
    # Not before the first frame.
    from coexplorer.library.query_hints import explain_search  # noqa: PLC0415

    screen.coexplorer.settle(_HINT)
    query = screen.state.browsing.query
    for hint in await explain_search(screen.library.assets, query, time.time()):
        screen.say(hint, severity="warning", about=_HINT)


def abandon(screen: Workbench) -> None:
    """Close the field and clear the search."""
    row = screen.rows.current
    _close(screen)
    if screen.state.browsing.text:
        screen.state.browsing.text = ""
        screen.feeds.list.load(go_to=row.id if row else None, to_top=True)
        _show(screen)


def clear(screen: Workbench) -> None:
    """Close what is open, then clear the range, the marks, the search."""
    if screen.size_name == "full":
        screen.perform("details.open")
    elif screen.focused is screen.details:
        screen.set_focus(screen.rows)
    elif screen.state.range_start is not None:
        screen.state.range_start = None
        screen.show_footer()
    elif screen.state.marked:
        screen.state.marked.clear()
        screen.show_marks()
    elif screen.state.browsing.text:
        row = screen.rows.current
        screen.state.browsing.leave(row.id if row else None)
        screen.state.browsing.text = ""
        _show(screen)
        screen.feeds.list.load(go_to=row.id if row else None, to_top=True)


def list_derived(screen: Workbench) -> None:
    """List what was made from the chosen asset."""
    row = screen.rows.current
    if row is not None:
        others = screen.marks_others
        _go_on(screen, format_id("contained_data_id", row.id))
        if others:
            screen.say(ONLY_ONE)


async def open_tags(screen: Workbench) -> None:
    """Show all tags with their counts, of what the search finds."""
    from coexplorer.tui.screens.tags import TagsScreen  # noqa: PLC0415  needed here only

    browsing = screen.state.browsing
    counts = TagsScreen(screen.library, browsing.query, searching=bool(browsing.text.strip()))
    chosen = await screen.app.push_screen_wait(counts)
    if chosen is None:
        return
    if chosen.renames:
        screen.hold_keys(OPEN)  # what was typed behind is the new name
        try:
            await retag.rename_all_spellings(screen, chosen.tag)
        finally:
            await screen.release_keys(OPEN)
    else:
        _go_on(screen, narrow_text(screen.state.browsing.text, chosen.tag))


def _go_on(screen: Workbench, text: str) -> None:
    """Search for something else, with a way back to where it began."""
    row = screen.rows.current
    screen.state.browsing.leave(row.id if row else None)
    screen.state.browsing.text = text
    _show(screen)
    screen.feeds.list.load(to_top=True)


def _show(screen: Workbench) -> None:
    text = screen.state.browsing.text
    screen.search.show_text(text)
    screen.strip.show_views(query=text)


def _close(screen: Workbench) -> None:
    screen.search.close_field()
    _show(screen)
    screen.set_focus(screen.rows)
    screen.fit_size()


ACTIONS: dict[str, Action] = {
    OPENS: open_search,
    "find.derived": list_derived,
    "find.clear": clear,
    "tags.open": open_tags,
}
