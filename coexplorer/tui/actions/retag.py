"""Renaming a tag everywhere: on the marked assets, on what the search finds, or on all."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from coexplorer.errors import InvalidField, JournalError, NotThere
from coexplorer.library.bulk_change import Change
from coexplorer.library.plans import Plan, note_changes
from coexplorer.library.retag import build_retag, find_tagged
from coexplorer.query import Flag, Query
from coexplorer.tui.actions import tagging
from coexplorer.tui.actions.plans import carry_out
from coexplorer.tui.keys import key_of
from coexplorer.tui.screens.key_queue import FIELD
from coexplorer.tui.tag_text import fit_values, parse_tags, quote_tag
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from coexplorer.library.selection import Fit
    from coexplorer.models import AssetId
    from coexplorer.tui.workbench import Action, Workbench

MOST_TAGS = 50


async def ask_and_rename(screen: Workbench) -> None:
    """Ask for a tag and its new name, and rename it."""
    counts = await _count_tags(screen)

    def complete(typed: str) -> list[Choice]:
        fitting = fit_values(counts, typed, MOST_TAGS)
        return [Choice(quote_tag(tag), text=tag, help=f"{counts[tag]:>7,}") for tag in fitting]

    title = f"rename which tag ({_tell_scope(screen)})"
    answer = await screen.prompt.ask(title, complete=complete, first=True)
    tags = parse_tags(answer or "")
    if tags:
        await _rename(screen, tags)


async def rename_all_spellings(screen: Workbench, tag: str) -> None:
    """Ask for the new name of a tag, however it is spelled, and rename it."""
    folded = tag.casefold()
    same = [each for each in await _count_tags(screen) if each.casefold() == folded]
    await _rename(screen, same or [tag])


async def _rename(screen: Workbench, old: Sequence[str]) -> None:
    text = quote_tag(old[0])
    told = ", ".join(map(quote_tag, old))
    await tagging.know_tags(screen)
    complete = partial(tagging.fit_tags, screen)
    while answer := await screen.prompt.ask(
        f"rename {told} to ({_tell_scope(screen)})", value=text, complete=complete
    ):
        text, new = answer, parse_tags(answer)
        if len(new) != 1:
            screen.say('one tag, please; a tag with a comma goes in quotes: "a, b"', about=FIELD)
        elif set(old) == set(new):
            screen.say("that is its name already", about=FIELD)
        else:
            try:
                await _carry_out(screen, old, new[0])
            except (InvalidField, JournalError) as error:
                screen.report(error)  # it is written down nowhere: the question has it
                await screen.coexplorer.until_calm()
            else:
                return


async def _carry_out(screen: Workbench, old: Sequence[str], new: str) -> None:
    marked = screen.state.marked
    if marked:
        rows = await screen.library.assets.rows(list(marked))
        chosen = [row.id for row in rows if not set(old).isdisjoint(row.tags)]
        fits = marked.fits
    else:
        fits = await find_tagged(screen.library, old, _find_query(screen))
        chosen = list(fits)
    if not chosen:
        where = "" if _is_all(screen) else f" among the {_tell_scope(screen)}"
        message = f"no asset{where} has the tag {' or '.join(old)}"
        raise NotThere(message, hint=f"{key_of('tags.open')} lists the tags of what is shown")
    screen.coexplorer.memory.remember_tag(new)
    make = partial(_plan, screen, chosen, build_retag(old, new), fits)
    await carry_out(screen, make, len(chosen))


async def _plan(
    screen: Workbench, chosen: Sequence[AssetId], change: Change, fits: Mapping[AssetId, Fit]
) -> Plan:
    plan = await screen.library.changes.plan(chosen, change, fits=fits)
    return note_changes(plan, screen.state.marked.seen)


async def _count_tags(screen: Workbench) -> dict[str, int]:
    """Return the tags, as they are spelled, of what a rename is about, most used first."""
    if screen.state.marked:
        rows = await screen.library.assets.rows(list(screen.state.marked))
        return dict(Counter(tag for row in rows for tag in row.tags).most_common())
    return dict(await screen.library.assets.tag_counts(_find_query(screen)))


def _find_query(screen: Workbench) -> Query:
    """Return what is searched for; without a search all assets, the archived ones, too."""
    return Query(screen.state.browsing.query.terms or (Flag("any"),))


def _is_all(screen: Workbench) -> bool:
    return not screen.state.marked and not screen.state.browsing.query.terms


def _tell_scope(screen: Workbench) -> str:
    if screen.state.marked:
        return screen.state.marked.describe()
    return "all assets" if _is_all(screen) else "assets found"


ACTIONS: dict[str, Action] = {"tag.rename": ask_and_rename}
