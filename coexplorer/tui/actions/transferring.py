"""Transferring: where to is asked, then a plan; what was begun is waited for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import TYPE_CHECKING

from coexplorer.errors import InvalidField
from coexplorer.library.bulk_change import Change
from coexplorer.library.plans import Plan
from coexplorer.library.transfer_target import ID_MARK, Transferring, check_places, parse_target
from coexplorer.models import AssetId
from coexplorer.tui.actions.plans import show_plan
from coexplorer.tui.screens.key_queue import FIELD, OPEN

if TYPE_CHECKING:
    from coexplorer.library.entries import Entry
    from coexplorer.library.results import BatchReport
    from coexplorer.tui.workbench import Action, Workbench

_PLACE = "s3://"
"""What every answer begins with."""

Wait = Callable[[Callable[[int, int], None]], Awaitable["BatchReport"]]
"""Waits for transfers; is told where to tell of how many they have ended, of how many."""


async def transfer(screen: Workbench) -> None:
    """Transfer the files of the asset under the cursor, or of the marked ones.

    Where transfers of all of them have begun, those can be waited for.
    """
    chosen = screen.targets()
    if not chosen:
        return
    changes = screen.library.changes
    begun = await changes.unfinished_transfers(chosen)
    if {each.asset_id for each in begun}.issuperset(chosen):
        question = "a transfer was begun, and nobody knows yet how it ended"
        if await screen.prompt.confirm(question, yes="wait for it", no="leave it so"):
            wait = partial(_follow, screen, begun)
            waited = {each.id for each in begun}
            screen.start(f"transfers {begun[0].batch_id}", partial(_wait, screen, wait, waited))
        return
    transferring = await _ask(screen, len(chosen))
    if transferring is None:
        return
    report = await _carry_out(screen, chosen, Change(transferring=transferring))
    if report is not None and (moving := {e.entry_id for e in report.results if e.moving}):
        wait = partial(_wait_moved, screen, report.batch_id)
        # Of its own: it may take hours, and nothing else is to wait for it.
        screen.start(f"transfers {report.batch_id}", partial(_wait, screen, wait, moving))


async def _ask(screen: Workbench, count: int) -> Transferring | None:
    """Ask where to, until that can be read; None: nowhere."""
    text = _PLACE
    title = "transfer to" if count == 1 else f"transfer to, with {ID_MARK} for each one's id"
    while (answer := await screen.prompt.ask(title, value=text)) and answer.strip() != _PLACE:
        text = answer
        try:
            target = parse_target(answer)
            check_places(target, count)
        except InvalidField as error:
            told = error.message.removeprefix(f"{error.field}: ")
            screen.say(told, severity="warning", about=FIELD)
        else:
            screen.hold_keys(OPEN)
            return Transferring(target)
    return None


async def _carry_out(
    screen: Workbench, chosen: Sequence[AssetId], change: Change
) -> BatchReport | None:
    from coexplorer.tui.screens.plan import PlanScreen  # noqa: PLC0415  needed here only

    marked = screen.state.marked
    fits = marked.fits if marked else None

    async def make() -> Plan:
        return await screen.library.changes.plan(chosen, change, fits=fits)

    shown = PlanScreen(screen.library, make, len(chosen), outside=marked.outside)
    return await show_plan(screen, shown)


async def _follow(
    screen: Workbench, begun: Sequence[Entry], progress: Callable[[int, int], None]
) -> BatchReport:
    return await screen.library.changes.follow_transfers(begun, progress=progress)


async def _wait_moved(
    screen: Workbench, batch_id: int, progress: Callable[[int, int], None]
) -> BatchReport:
    return await screen.library.changes.wait_moved(batch_id, progress=progress)


async def _wait(screen: Workbench, wait: Wait, entry_ids: Collection[int]) -> None:
    """Wait until files have moved, say how far that is, and how it ended."""
    count = len(entry_ids)
    what = "1 asset" if count == 1 else f"{count:,} assets"
    screen.say(f"the platform moves the files of {what}")
    told = 0

    def tell(done: int, of: int) -> None:
        nonlocal told
        if told < done < of:
            told = done
            screen.say(f"moving files: {done:,} of {of:,} assets", about=_PLACE)

    report = await wait(tell)
    screen.coexplorer.settle(_PLACE)
    screen.feeds.list.load()
    failed = [each for each in report.failed if each.entry_id in entry_ids]
    if not failed:
        screen.say(f"transferred: {what}")
        return
    error = failed[0].error
    why = f": {error.message}" if error is not None else ""
    screen.say(f"{len(failed):,} of {count:,} not transferred{why}", severity="error")


ACTIONS: dict[str, Action] = {"asset.transfer": transfer}
