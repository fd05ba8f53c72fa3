"""Undo, redo, and the log of what was done here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from coexplorer.errors import StillSending, UndoRefused
from coexplorer.library.entries import Batch, Purpose, State
from coexplorer.library.results import BatchReport
from coexplorer.tui import external
from coexplorer.tui.actions import edit
from coexplorer.tui.actions.plans import show_plan
from coexplorer.tui.changes import (
    describe_origin,
    describe_purpose,
    describe_replaced,
    describe_reversal,
)
from coexplorer.tui.keys import key_of
from coexplorer.tui.screens.key_queue import OPEN

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Action, Workbench

_REVERSING = "reversing"
"""What is said about an undo or a redo that goes on."""


async def undo(screen: Workbench) -> None:
    """Take the last change back, also when it is still on its way."""
    await _reverse(screen, Purpose.UNDO)


async def redo(screen: Workbench) -> None:
    """Do again what was taken back."""
    await _reverse(screen, Purpose.REDO)


async def _reverse(screen: Workbench, purpose: Purpose) -> None:
    in_flight = screen.state.in_flight
    if in_flight.reversing:
        screen.say(f"{in_flight.reversing} is still running: one press is enough", about=_REVERSING)
        return
    # Of a change whose end nobody knows nothing can be undone: the one before it would be.
    waits = in_flight.any
    if waits:
        screen.feeds.header.show("waiting for what is on its way")
        await screen.release_keys(OPEN)
    try:
        async with in_flight.alone():
            await _choose(screen, purpose, waited=waits)
    finally:
        in_flight.reversing = ""
        screen.coexplorer.settle(_REVERSING)
        screen.feeds.header.show("")


async def _choose(screen: Workbench, purpose: Purpose, *, waited: bool) -> None:
    """Take back what was just done at once; name anything else before it is touched."""
    library, is_undo = screen.library, purpose is Purpose.UNDO
    batch = await library.log.last(purpose)
    if batch is None or not (batch.standing or batch.counts.get(State.UNSENT)):
        batch = await (library.log.undoable() if is_undo else library.log.redoable())
    if batch is None:
        why = (
            f"the log ({key_of('log.open')}) says what was done here"
            if is_undo
            else "redo takes back an undo"
        )
        screen.say(f"there is nothing to {purpose}: {why}", severity="warning")
        return
    try:
        await _take_back(screen, batch, purpose, waited=waited)
    except StillSending:
        raise
    except UndoRefused as error:
        # Nobody asked for an older change: it is named, not taken back.
        older = await library.log.undoable(before=batch.id) if is_undo else None
        if older is not None:
            error.hint = (
                f"the change before it: {older.title}; {key_of('log.open')} can undo any change"
            )
        raise


async def _take_back(screen: Workbench, batch: Batch, purpose: Purpose, *, waited: bool) -> None:
    library, recent = screen.library, screen.state.in_flight.recent
    is_undo = purpose is Purpose.UNDO
    meant = recent.means_undo(batch.id) if is_undo else recent.means_redo(batch.id)
    is_single = batch.standing + batch.kept == 1
    # It also says why it can't be, before anybody is asked.
    plan = await library.changes.plan_undo(batch.id, look=False) if is_single else None
    replaced = describe_replaced(plan.given_up) if plan is not None else ""
    if meant and is_single and not replaced:
        await screen.release_keys(OPEN)
    elif waited and not meant:
        screen.say(
            f"nothing to {purpose} of what was on its way; {purpose} again goes further back",
            severity="warning",
        )
        return
    elif is_single:
        unsent = "" if batch.standing else ", which is not on the platform"
        when = describe_origin(batch, external.local_time())
        also = f"; it replaces {replaced}, not on the platform" if replaced else ""
        question = f"{describe_purpose(batch)}, {when}{unsent}{also}?"
        if not await screen.prompt.confirm(question, yes=str(purpose), no="leave it as it is"):
            return
    else:
        await _reverse_many(screen, batch)
        return
    screen.state.in_flight.reversing = describe_purpose(batch)
    screen.feeds.header.show(screen.state.in_flight.reversing)
    if plan is None:
        report = await library.changes.undo(batch.id)
    else:
        report = await library.changes.apply(plan)
    _note(screen, batch, report)
    _tell(screen, batch, report)


async def _reverse_many(screen: Workbench, batch: Batch) -> None:
    """Show all that would be taken back, and do it from there: with a bar, and Esc stops it."""
    from coexplorer.tui.screens.plan import PlanScreen, tell_after  # noqa: PLC0415  needed here only

    library = screen.library
    origin = describe_origin(batch, external.local_time())
    shown = PlanScreen(
        library,
        partial(library.changes.plan_undo, batch.id, look=False),
        batch.standing + batch.kept,
        title=f"{describe_purpose(batch)}, {origin}",
        origin=origin,
        way_back=f"{tell_after()} {key_of('change.redo')} does it again"
        if batch.purpose is not Purpose.UNDO
        else f"{tell_after()} {key_of('change.undo')} undoes it",
    )
    done = await show_plan(screen, shown)
    if done is not None:
        _note(screen, batch, done)


def _note(screen: Workbench, batch: Batch, report: BatchReport) -> None:
    recent = screen.state.in_flight.recent
    if not report.applied:
        recent.note(None)
    elif batch.purpose is Purpose.UNDO:
        recent.note_redo(batch.id, report.batch_id)
    else:
        recent.note_undo(batch.id, report.batch_id)


def _tell(screen: Workbench, batch: Batch, report: BatchReport) -> None:
    """Say what was taken back, and what was not and why."""
    text, is_well = describe_reversal(batch, report)
    screen.say(text, severity="information" if is_well else "warning")
    screen.feeds.list.load()


async def open_log(screen: Workbench) -> None:
    """Show the log; an unsent edit that is taken up again comes back here."""
    from coexplorer.tui.screens.log import LogScreen  # noqa: PLC0415  needed here only

    taken = await screen.app.push_screen_wait(LogScreen(screen.library))
    await screen.feeds.load_status()
    screen.feeds.list.load()
    if taken is not None and taken.compares:
        await edit.choose(screen, taken.entry)
    elif taken is not None:
        await edit.take_up(screen, taken.entry)


ACTIONS: dict[str, Action] = {
    "change.undo": undo,
    "change.redo": redo,
    "log.open": open_log,
}
