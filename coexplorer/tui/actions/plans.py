"""Plans: shown as they are made, and carried out from their own screen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from coexplorer.tui.keys import key_of
from coexplorer.tui.workbench import STILL_MARKED

if TYPE_CHECKING:
    from coexplorer.library.plans import Plan
    from coexplorer.library.results import BatchReport
    from coexplorer.tui.screens.plan import MakePlan, PlanScreen
    from coexplorer.tui.workbench import Workbench


async def carry_out(
    screen: Workbench, make: MakePlan, count: int, *, written: Callable[[], None] = lambda: None
) -> bool:
    """Show a plan as soon as it is made; carried out, its rows are read again.

    Its screen is there at once, and takes the keys that are typed meanwhile. Marks stay, so
    that a second change of the same assets can follow; those of assets that are gone go with
    them.

    Args:
        screen: The main screen.
        make: Makes the plan.
        count: How many assets it is about.
        written: Called once the journal has the plan.

    Returns:
        Whether it was carried out, as far as there was anything to do.

    Raises:
        CoexplorerError: What `make` raised.
    """
    from coexplorer.tui.screens.plan import PlanScreen  # noqa: PLC0415  needed here only

    outside = screen.state.marked.outside
    shown = PlanScreen(
        screen.library, partial(_make, screen, make), count, outside=outside, written=written
    )
    report = await show_plan(screen, shown)
    if report is not None:
        _note_recent(screen, report)
    return report is not None or shown.has_nothing


def _note_recent(screen: Workbench, report: BatchReport) -> None:
    """Note what a plan did: the undo of one asset right after it can only mean that."""
    recent = screen.state.in_flight.recent
    for result in report.applied or [None]:
        recent.note(result)


async def _make(screen: Workbench, make: MakePlan) -> Plan:
    """Make a plan, without what this user can only view: it would be refused one by one."""
    from coexplorer.library.viewed import CHANGING, leave_out_viewed  # noqa: PLC0415  see above

    plan = await make()
    changed = [item.asset_id for item in plan.todo if item.action in CHANGING]
    rows = await screen.library.assets.rows(changed)
    others = [row.id for row in rows if not row.mine]
    return leave_out_viewed(plan, await screen.library.platform.only_viewed(others))


async def show_plan(screen: Workbench, shown: PlanScreen) -> BatchReport | None:
    """Show a plan's screen; return what it came to, None when it was left.

    Raises:
        CoexplorerError: The plan could not be made.
    """
    report = await screen.app.push_screen_wait(shown)
    await shown.wait_ended()
    if shown.failure is not None:
        raise shown.failure
    if shown.has_nothing:
        screen.say("there is nothing to do")
        return None
    if report is not None:
        for result in report.applied:
            screen.state.marked.note_own_change(result.asset_id)
        await screen.drop_lost_marks()
        if any(result.asset_id in screen.state.marked for result in report.applied):
            many = screen.state.marked.describe()
            told = f"{many}, still: {key_of('mark.none')} unmarks them"
            screen.say(told, about=STILL_MARKED)
    screen.feeds.list.load()
    await screen.feeds.load_status()
    return report
