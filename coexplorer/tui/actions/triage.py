"""Triage: one key acts on an asset and moves to the next; or acts on all marked ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import msgspec

from coexplorer.errors import JournalError
from coexplorer.fields import Fields
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import State
from coexplorer.library.plans import Plan, note_changes
from coexplorer.library.results import EditResult
from coexplorer.models import AssetId, Row
from coexplorer.tui.actions import edit, tagging
from coexplorer.tui.actions.plans import carry_out
from coexplorer.tui.keys import QuickAction
from coexplorer.tui.main_state import Repeatable
from coexplorer.tui.tag_text import format_tags, join_pasted, parse_tags, quote_tag
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Action, Workbench


async def do(screen: Workbench, action: Repeatable) -> None:
    """Do an action to the marked assets, as a plan, or to the one under the cursor, at once."""
    screen.state.last_action = action
    row = screen.rows.current
    if screen.state.marked:
        first = await _first_marked(screen) or row
        if first is not None:
            chosen = list(screen.state.marked)
            make = partial(_plan, screen, chosen, action.change(first))
            await carry_out(screen, make, len(chosen))
        return
    if row is None:
        return
    screen.rows.move_by(1)
    with screen.state.in_flight.one() as sending:
        result = sending.result = await _do_one(screen, row, action.change(row))
    if result is not None and result.state is State.UNCHANGED:
        screen.say(f"{action.title}: nothing to do for {row.name}")


async def _plan(screen: Workbench, chosen: Sequence[AssetId], change: Change) -> Plan:
    """Plan a change of marked assets: what a search has marked must be in it still."""
    fits, seen = screen.state.marked.fits, screen.state.marked.seen
    return note_changes(await screen.library.changes.plan(chosen, change, fits=fits), seen)


async def _first_marked(screen: Workbench) -> Row | None:
    """Return the first marked row at hand, which says what a toggle does to all of them."""
    known = {row.id: row for _, row in screen.rows.windows.iter_known()}
    return next((known[marked] for marked in screen.state.marked if marked in known), None)


async def _do_one(screen: Workbench, row: Row, change: Change) -> EditResult | None:
    if change.archive is not None:
        async with edit.shown_ahead(screen, row.id, {"archived": change.archive}):
            return await screen.library.changes.archive(row.id, archived=change.archive)
    record = await screen.library.assets.record(row.id)
    if record is None:
        return None
    base = record.asset.fields
    mine = apply_tags(base, change)
    async with edit.shown_ahead(screen, row.id, msgspec.structs.asdict(mine)):
        return await screen.library.changes.edit(row.id, base, mine)


def apply_tags(base: Fields, change: Change) -> Fields:
    """Return the fields with a change's tags added and removed."""
    kept = [tag for tag in base.tags if tag not in change.remove_tags]
    added = [tag for tag in change.add_tags if tag not in kept]
    return msgspec.structs.replace(base, tags=(*kept, *added))


async def archive(screen: Workbench) -> None:
    """Archive assets that are not archived; unarchive the others."""
    await do(
        screen, Repeatable("archive or unarchive", lambda row: Change(archive=not row.archived))
    )


def _always(change: Change) -> Callable[[Row], Change]:
    return lambda _row: change


async def add_tag(screen: Workbench) -> None:
    """Ask for tags and add them."""
    await _change_tags(screen, "add tag", lambda tags: Change(add_tags=tags))


async def remove_tag(screen: Workbench) -> None:
    """Ask for tags and take them away."""
    row = screen.rows.current
    if screen.state.marked:
        marked = await screen.library.assets.rows(list(screen.state.marked))
        own = tuple(dict.fromkeys(tag for each in marked for tag in each.tags))
    else:
        own = row.tags if row else ()
    await _change_tags(screen, "remove tag", lambda tags: Change(remove_tags=tags), own=own)


async def _change_tags(
    screen: Workbench,
    title: str,
    build: Callable[[tuple[str, ...]], Change],
    *,
    own: tuple[str, ...] | None = None,
) -> None:
    text = ""
    while tags := await _ask_tags(screen, title, own=own, text=text):
        change = build(tags)
        row, at = screen.rows.current, screen.rows.cursor
        try:
            await do(screen, Repeatable(change.title, _always(change)))
        except JournalError as error:
            # It is written down nowhere: the question has it, and is there again for the same row.
            screen.report(error)
            await screen.coexplorer.until_calm()
            screen.rows.move_to(at)
            if screen.rows.current is None or row is None or screen.rows.current.id != row.id:
                return
            text = format_tags(tags)
        else:
            return


async def _ask_tags(
    screen: Workbench, title: str, *, own: tuple[str, ...] | None, text: str
) -> tuple[str, ...]:
    await tagging.know_tags(screen)

    def complete(typed: str) -> list[Choice]:
        if own is not None:
            folded = typed.casefold()
            return [Choice(quote_tag(tag), text=tag) for tag in own if folded in tag.casefold()]
        return tagging.fit_tags(screen, typed)

    answer = await screen.prompt.ask(title, value=text, complete=complete, paste=join_pasted)
    tags = parse_tags(answer or "")
    for tag in tags:
        screen.coexplorer.memory.remember_tag(tag)
    return tags


async def repeat(screen: Workbench) -> None:
    """Do the last action again."""
    if screen.state.last_action is not None:
        await do(screen, screen.state.last_action)


async def quick(screen: Workbench, action: QuickAction) -> None:
    """Do what the user gave a key of their own."""
    change = Change(
        add_tags=(action.add_tag,) if action.add_tag else (),
        remove_tags=(action.remove_tag,) if action.remove_tag else (),
        archive=action.archive,
    )
    await do(screen, Repeatable(action.title, lambda _row: change))


ACTIONS: dict[str, Action] = {
    "asset.archive": archive,
    "tag.add": add_tag,
    "tag.remove": remove_tag,
    "triage.repeat": repeat,
}
