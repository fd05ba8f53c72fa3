"""Attaching: where to is asked, this workstation first, then capsules that fit what is typed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from coexplorer.computations import Workplace, WorkplaceKind
from coexplorer.errors import AmbiguousAsset, ApiError, NotFound
from coexplorer.library.attachments import Attaching
from coexplorer.library.bulk_change import Change
from coexplorer.library.plans import Plan
from coexplorer.models import AssetId
from coexplorer.tui.actions.plans import show_plan
from coexplorer.tui.screens.key_queue import OPEN
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from coexplorer.computations import Capsule
    from coexplorer.library.results import BatchReport
    from coexplorer.library.workplaces import FoundWorkplace
    from coexplorer.tui.workbench import Action, Workbench

_HERE = "this workstation"
_SEARCH = "search capsules"
_ATTACHED = "attached already: detach"


class _Chooser:
    """Offers where assets can be attached to, and searches for more as somebody types.

    Args:
        screen: The main screen.
        chosen: The assets.
    """

    def __init__(self, screen: Workbench, chosen: Sequence[AssetId]) -> None:
        self._screen = screen
        self._chosen = chosen
        self.told_attached = False
        """Whether it was said that all are attached to this workstation already."""
        self._found: dict[str, Capsule] = {}
        self._searched: set[str] = set()

    def complete(self, typed: str) -> list[Choice]:
        """Return what fits, as far as it is known; what more there is comes in a moment."""
        typed = typed.strip()
        if typed not in self._searched:
            self._searched.add(typed)
            self._screen.restart(_SEARCH, partial(self._search, typed))
        return offer_workplaces(
            self._screen.library.workplaces.here,
            [*self._found.values()],
            typed,
            attached=self.told_attached,
        )

    async def look_here(self) -> None:
        """Look whether all are attached to this workstation; untold where nobody can say."""
        workplaces = self._screen.library.workplaces
        with contextlib.suppress(ApiError):
            attached = await workplaces.attached(
                Workplace(WorkplaceKind.COMPUTATION, workplaces.here)
            )
            self.told_attached = {each.id for each in attached}.issuperset(self._chosen)
            self._screen.prompt.offer_again()

    async def _search(self, typed: str) -> None:
        try:
            found = await self._screen.library.workplaces.suggest(typed)
        except BaseException:
            self._searched.discard(typed)  # cut off by the next letter: ask again if it comes back
            raise
        self._found |= {each.id: each for each in found}
        self._screen.prompt.offer_again()


def offer_workplaces(
    here: str, capsules: Sequence[Capsule], typed: str, *, attached: bool = False
) -> list[Choice]:
    """Return what assets can be attached to: this workstation, then capsules (pure).

    Args:
        here: The id of this workstation; empty: this is none.
        capsules: Capsules and pipelines that are known.
        typed: A part of a name, or the beginning of an id.
        attached: All of the assets are attached to this workstation already.
    """
    folded = typed.strip().casefold()
    told = _ATTACHED if attached else here[:8]
    choices = [Choice(here, text=_HERE, help=told)] if here and folded in _HERE else []
    fitting = [
        each
        for each in capsules
        if folded in each.name.casefold() or each.id.casefold().startswith(folded)
    ]
    fitting.sort(key=lambda each: each.last_accessed or 0, reverse=True)
    return choices + [
        Choice(each.id, text=each.name or each.id, help=f"{each.kind.word}  {each.owner_email}")
        for each in fitting
    ]


async def attach(screen: Workbench) -> None:
    """Attach the asset under the cursor, or the marked ones, to what is chosen.

    Where all of them are attached there already, they can be detached.
    """
    row = screen.rows.current
    chosen = list(screen.state.marked) or ([row.id] if row else [])
    if not chosen:
        return
    chooser = _Chooser(screen, chosen)
    found = await _ask(screen, chooser)
    if found is None:
        return
    told = chooser.told_attached and found.workplace.id == screen.library.workplaces.here
    attached = {each.id for each in await screen.library.workplaces.attached(found.workplace)}
    detach = attached.issuperset(chosen)
    if detach and not told:
        question = f"attached to {found.title} already"
        if not await screen.prompt.confirm(question, yes="detach", no="leave it so"):
            return
        screen.hold_keys(OPEN)
    mount = "" if detach else await _ask_mount(screen, chosen)
    if mount is None:
        return
    change = Change(attaching=Attaching(found.workplace, found.title, detach, mount, found.capsule))
    report = await _carry_out(screen, chosen, change)
    if report is not None:
        await _wait(screen, report, found)


async def _ask(screen: Workbench, chooser: _Chooser) -> FoundWorkplace | None:
    """Ask where to, until there is such a place; None: nowhere.

    Raises:
        CoexplorerError: It can't be asked for.
    """
    workplaces = screen.library.workplaces
    if workplaces.here:
        screen.restart("look here", chooser.look_here)
    while True:
        answer = await screen.prompt.ask("attach to", complete=chooser.complete, first=True)
        if not answer or not answer.strip():
            return None
        screen.hold_keys(OPEN)
        if answer == workplaces.here:
            return await workplaces.find_here()
        try:
            return await workplaces.find_session(await workplaces.find(answer))
        except (NotFound, AmbiguousAsset) as error:
            screen.report(error)  # another answer may do: it is asked once more


async def _ask_mount(screen: Workbench, chosen: Sequence[AssetId]) -> str | None:
    """Ask for the folder of a single asset that has none; None: the question was left."""
    if len(chosen) > 1:
        return ""
    record = await screen.library.assets.record(chosen[0])
    if record is None or record.asset.mount:
        return ""
    answer = await screen.prompt.ask("it has no mount folder; folder there:")
    if not answer or not answer.strip():
        return None
    screen.hold_keys(OPEN)
    return answer.strip()


async def _carry_out(
    screen: Workbench, chosen: Sequence[AssetId], change: Change
) -> BatchReport | None:
    from coexplorer.tui.screens.plan import PlanScreen  # noqa: PLC0415  needed here only

    async def make() -> Plan:
        return await screen.library.changes.plan(chosen, change)

    outside = screen.state.marked.outside
    return await show_plan(screen, PlanScreen(screen.library, make, len(chosen), outside=outside))


async def _wait(screen: Workbench, report: BatchReport, found: FoundWorkplace) -> None:
    """Wait for the files of what was attached, and say how that ended."""
    left = sum(result.is_mounting for result in report.results)
    if not left:
        return
    what = "1 asset" if left == 1 else f"{left:,} assets"
    screen.say(f"{what} still being mounted")
    done = await screen.library.changes.wait_mounted(report.batch_id)
    if failed := len(done.refused) - len(report.refused):
        screen.say(f"{failed:,} of {left:,} could not be mounted: see the log", severity="error")
    else:
        from coexplorer.library.workplaces import find_data_folder  # noqa: PLC0415  needed here

        folder = find_data_folder() if found.is_here else None
        where = f", in {folder}" if folder is not None else ""
        screen.say(f"mounted: {what}{where}")


ACTIONS: dict[str, Action] = {"asset.attach": attach}
