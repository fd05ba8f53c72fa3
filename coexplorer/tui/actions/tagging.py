"""The tags that are known: read once, and offered as they are typed."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from coexplorer.tui.tag_text import find_tag_at, fit_values, parse_tags, quote_tag
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Workbench

MOST_TAGS = 50


async def know_tags(screen: Workbench) -> dict[str, int]:
    """Return all tags with their counts, most used first.

    Whoever comes first waits until they are read, however often it is begun anew by further keys.
    Assets that have changed since are read again, for the next caller: what is typed does not
    wait for that.
    """
    state = screen.state
    if state.tags_stale:
        state.tags_stale = False
        screen.restart("tags", functools.partial(_read_tags, screen))
    if not state.tags_known:
        await state.tags_read.wait()
    return state.tags_known


async def _read_tags(screen: Workbench) -> None:
    state = screen.state
    try:
        state.tags_known = dict(await screen.library.assets.tag_counts())
    except Exception:
        state.tags_stale = True  # the next key tries again
        state.tags_read.set()
        raise
    state.tags_read.set()


def complete_tags(screen: Workbench, text: str, cursor: int) -> None:
    """Offer the tags that go on from what is typed."""
    if screen.state.editing is None:
        return
    start, end, typed = find_tag_at(text, cursor)
    choices = fit_tags(screen, typed, without=frozenset(parse_tags(text))) if typed else ()
    screen.state.editing.editor.offer_tags(choices, of=text, span=(start, end))


def fit_tags(
    screen: Workbench, typed: str, *, without: frozenset[str] = frozenset()
) -> list[Choice]:
    """Return the known tags that contain what is typed: those used last, then the most used."""
    counts = screen.state.tags_known
    last = screen.coexplorer.memory.remembered.tags
    tags = (tag for tag in dict.fromkeys([*last, *counts]) if tag not in without)
    fitting = fit_values(tags, typed, MOST_TAGS)
    return [Choice(quote_tag(tag), text=tag, help=f"{counts.get(tag, 0):>7,}") for tag in fitting]
