"""A bulk edit: its plan as a diff, then its progress and each asset's outcome."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from functools import partial
from typing import ClassVar

import anyio
import msgspec
from textual.app import ComposeResult
from textual.worker import Worker, WorkerCancelled, WorkerFailed

from coexplorer.errors import CoexplorerError
from coexplorer.library.bulk import OnProgress, Stopping
from coexplorer.library.entries import Action, State
from coexplorer.library.library import Library
from coexplorer.library.plans import Plan, tell_uses
from coexplorer.library.results import BatchProgress, BatchReport, EditResult
from coexplorer.library.used_by import count_uses
from coexplorer.models import AssetId
from coexplorer.text import width
from coexplorer.tui.asking_uses import UsesQuestion
from coexplorer.tui.columns import Line, Role
from coexplorer.tui.commands import Command, Scope, rename
from coexplorer.tui.diffs import (
    Outcome,
    build_outcome,
    build_plan_lines,
    build_plan_title,
    build_report,
    cut_line,
    describe_plan,
)
from coexplorer.tui.keys import key_of
from coexplorer.tui.screens.base import CommandScreen
from coexplorer.tui.widgets.details import Rule
from coexplorer.tui.widgets.footer import Footer
from coexplorer.tui.widgets.lines import Lines
from coexplorer.tui.widgets.picker import Picker

BAR_CELLS = 40
SHOW_EVERY_S = 0.5
"""So often the list follows what is sent again."""
LONGEST_LOOK_S = 3.0
"""So long it may take to look what has arrived of a change that was stopped."""
CLOSE = "screen.close"
PREPARING = "prepare"
NO_WAY_BACK = (Action.DELETE, Action.CREATE, Action.TRANSFER)
"""What nothing takes back."""

Start = Callable[..., Awaitable[BatchReport]]
"""Carries a batch out; takes ``progress`` and ``stopping`` as `Changes.apply` does."""
MakePlan = Callable[[], Awaitable[Plan]]
"""Compares the assets with what is wanted."""


class PlanScreen(CommandScreen[BatchReport | None]):
    """Gives what the plan came to, or None when it was not carried out.

    It opens before there is a plan: what is typed while the plan is being made comes here, not to
    the list, and Esc gives it up. Nobody carries out a plan that was not shown yet.

    Nothing is sent before `y` is pressed. Esc while it runs lets what is on its way end and begins
    nothing more; a second Esc cancels that, too. What is not done, or whose end nobody knows by
    then, can be done later: `r` looks first.

    Args:
        library: Carries it out.
        make: Makes the plan; None when there is a batch to go on with.
        count: How many assets it is about.
        title: Said above until there is a plan, and then above the plan.
        origin: When the change was done that the plan takes back.
        way_back: What is said of taking it back.
        resumes: The batch to go on with: what is left of it, refused changes included, is done at
            once.
        only: The assets of that batch that are meant; None: all that is left.
        outside: Assets that are not in the list that is shown.
        written: Called once the journal has the plan: what it was made from can't be lost.
    """

    scope: ClassVar[Scope] = Scope.PLAN
    tells_keys: ClassVar[bool] = True
    DEFAULT_CSS = """
    PlanScreen #progress { height: 1; }
    PlanScreen #outcome { height: auto; max-height: 5; }
    """

    def __init__(
        self,
        library: Library,
        make: MakePlan | None,
        count: int,
        *,
        title: str = "",
        origin: str = "",
        way_back: str = "",
        resumes: int = 0,
        only: Collection[AssetId] | None = None,
        outside: Collection[AssetId] = frozenset(),
        written: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__()
        self._library = library
        self._make = make
        self._title = title
        self._origin = origin
        self._only = only
        self._is_preparing = make is not None
        self._way_back = way_back or f"{tell_after()} {key_of('change.undo')} undoes all of it"
        self._outside = outside
        self._written = written
        self._outcomes: list[Outcome] = []
        self._count = count
        self._plan: Plan | None = None
        self.failure: CoexplorerError | None = None
        self.has_nothing = False
        self._batch_id = resumes
        self._report: BatchReport | None = None
        self._worker: Worker[None] | None = None
        self._looking: Worker[None] | None = None
        self._counts: BatchProgress | None = None
        self._newest: int | None = None
        self._fresh: dict[AssetId, EditResult] = {}
        self._shown_at = 0.0
        self._stopping = False
        self._is_left = False
        self._has_begun = False
        self._uses = UsesQuestion(self, library, self._show_uses)
        self._rule = Rule()
        self._progress = Lines(id="progress")
        self._list = Picker()
        self._outcome = Lines(id="outcome")
        self._footer = Footer()

    def compose(self) -> ComposeResult:
        """Title, progress, list, what is said of the line under the cursor, keys."""
        yield self._rule
        yield self._progress
        yield self._list
        yield self._outcome
        yield self._footer

    def on_mount(self) -> None:
        """Take the focus, and make the plan."""
        self.set_focus(self._list)
        self._show_keys()
        if self._make is None:
            self._set_out("resume", self._resume)
        else:
            self._worker = self.start(PREPARING, partial(self._prepare, self._make))

    async def _resume(self, *, progress: OnProgress, stopping: Stopping) -> BatchReport:
        self._report = await self._library.changes.report(self._batch_id)
        self._show()
        return await self._library.changes.resume(
            self._batch_id,
            progress=progress,
            stopping=stopping,
            refused=True,
            only=self._only,
        )

    async def _prepare(self, make: MakePlan) -> None:
        try:
            plan = await make()
        except CoexplorerError as error:
            self.failure = error
            self.dismiss(None)
            return
        self._is_preparing = False
        if not plan.items:
            self.has_nothing = True
            self.dismiss(None)
            return
        self._plan = plan
        if plan.about is not None:
            self._title = describe_plan(plan, self._origin)
        cells = self.app.size.width
        self._progress.show([cut_line(((plan.caution, Role.WARN),), cells)] if plan.caution else [])
        self._uses.begin(plan.removed)
        self._show()
        self._show_uses()
        self.call_after_refresh(self._show_keys)

    def _show_uses(self) -> None:
        """Show how far the question is what uses the assets, and what was answered."""
        if self._plan is None or self._has_begun or not self._uses.ids:
            return
        uses, cells = self._uses, self.app.size.width
        if uses.is_asking:
            text = f"asking what uses them: {uses.answered:,} of {len(uses.ids):,}"
            trouble = f", {uses.unknown:,} not known" if uses.unknown else ""
            stops = f"  {key_of(CLOSE)} stops asking" if uses.stoppable else ""
            why = f"  {uses.trouble}" if uses.trouble else ""
            line = (text, Role.TEXT), (trouble, Role.WARN), (stops, Role.DIM), (why, Role.WARN)
            self._progress.show([cut_line(line, cells)])
            return
        self._plan = tell_uses(self._plan, uses.found)
        more = f"{key_of('plan.uses')} asks" if uses.open else ""
        if uses.found:
            text = count_uses([uses.found[each] for each in uses.ids if each in uses.found])
            if left := len(uses.ids) - len(uses.found):
                text += f"; {left:,} not asked about"
            more = f"; {more} again" if more else ""
        else:
            text = f"what uses these {len(uses.ids):,} assets was not asked; "
        role = Role.DIM if all(each.is_unused for each in uses.found.values()) else Role.WARN
        self._progress.show([cut_line(((text, role), (more, Role.DIM)), cells)])
        self._show()
        self._show_keys()

    def do_plan_uses(self) -> None:
        """Ask what uses the assets that the plan archives or deletes."""
        if not self._has_begun and self._uses.ids:
            self._uses.ask_now()
            self._show_uses()
        else:
            self.tell_keys(key_of("plan.uses"))

    def on_resize(self) -> None:
        """Fit to the width."""
        self._show()

    @property
    def _todo(self) -> bool:
        return self._plan is not None and bool(self._plan.todo)

    @property
    def _is_busy(self) -> bool:
        return any(
            worker is not None and not worker.is_finished
            for worker in (self._worker, self._looking)
        )

    def _show(self) -> None:
        cells = self.app.size.width
        if self._report is not None:
            self._rule.show_title(self._report.title)
            self._outcomes = build_report(self._report, cells)
            self._list.show([outcome.line for outcome in self._outcomes])
        elif self._plan is None:
            self._rule.show_title(self._title or "Plan")
            assets = "asset" if self._count == 1 else "assets"
            text = f"comparing {self._count:,} {assets} …"
            self._progress.show([((text, Role.TEXT), (f"  {key_of(CLOSE)} gives it up", Role.DIM))])
        else:
            self._rule.show_title(self._title or build_plan_title(self._plan, self._outside))
            self._list.show(build_plan_lines(self._plan, cells, self._outside))
            if not self._plan.todo:
                self._progress.show([((f"nothing to do: {key_of(CLOSE)} leaves", Role.WARN),)])
        self._show_outcome()

    def on_picker_moved(self) -> None:
        """Show everything about the line under the cursor."""
        self._show_outcome()

    def _show_outcome(self) -> None:
        chosen = self._outcomes[self._list.at : self._list.at + 1]
        cells = self.app.size.width
        shown = [each.result for each in chosen if each.result is not None]
        self._outcome.show([line for result in shown for line in build_outcome(result, cells)])

    def _show_keys(self) -> None:
        self._footer.show_commands(self.iter_footer(), self.coexplorer.keymap)

    def iter_footer(self) -> list[Command]:
        """Offer what makes sense now."""
        hidden = set()
        if self._report is not None or self._is_busy or not self._todo:
            hidden.add("plan.apply")
        if "plan.apply" in hidden or not self._uses.open or self._uses.is_asking:
            hidden.add("plan.uses")
        if self._report is None or self._is_busy or not self._report.waiting:
            hidden.add("plan.retry")
        shown = [command for command in super().iter_footer() if command.id not in hidden]
        if self._report is not None and self._report.of(State.STOPPED):
            shown = rename(shown, "plan.retry", "go on")
        if not self._is_busy or self._is_preparing:
            return shown
        return rename(shown, CLOSE, "stop")

    def do_plan_apply(self) -> None:
        """Carry the plan out."""
        if self._plan is None:
            self.say("not yet: the plan is not ready", severity="warning", about=PREPARING)
        elif self._report is None and not self._is_busy and self._todo:
            self._uses.stop()
            self._set_out("apply", partial(self._library.changes.apply, self._plan))
        else:
            self.tell_keys(key_of("plan.apply"))

    def do_plan_retry(self) -> None:
        """Do what failed again, and nothing else."""
        if self._report is not None and self._report.waiting and not self._is_busy:
            self._batch_id = self._report.batch_id
            shown = {result.asset_id for result in self._report.waiting}
            resume = self._library.changes.resume
            self._set_out("resume", partial(resume, self._batch_id, only=shown))
        else:
            self.tell_keys(key_of("plan.retry"))

    def _set_out(self, name: str, carry_out: Start) -> None:
        self._has_begun = True
        self._stopping, self._counts, self._looking = False, None, None
        self._fresh.clear()
        self._worker = self.start(name, partial(self._carry_out, carry_out))
        self._show_keys()

    async def _carry_out(self, carry_out: Start) -> None:
        self._newest = await self._find_newest()
        try:
            self._finish(await carry_out(progress=self._tell, stopping=lambda: self._stopping))
        finally:
            await self._look_back()

    async def _find_newest(self) -> int:
        batches = await self._library.log.batches(limit=1)
        return batches[0].id if batches else 0

    async def _look_back(self) -> None:
        """After an error or a stop, show what is done and what is not."""
        if self._is_left:
            return
        if self._worker is not None and self._worker.is_cancelled:
            self._looking = self.start("look back", self._load_report)
        self.call_after_refresh(self._show_keys)

    async def _load_report(self) -> None:
        """Show how far it got; of what was on its way the platform is asked first."""
        newest = None if self._newest is None else await self._find_newest()
        batch_id = self._batch_id or newest
        if batch_id is None or (not self._batch_id and batch_id == self._newest):
            self._progress.show([(("stopped before anything was sent", Role.WARN),)])
            return
        report = await self._library.changes.report(batch_id)
        self._finish(report)
        if report.of(State.UNKNOWN):
            self._progress.show([(("stopped; asking what has arrived…", Role.WARN),)])
            with suppress(CoexplorerError), anyio.move_on_after(LONGEST_LOOK_S):
                await self._library.changes.settle_batch(batch_id)
            self._finish(await self._library.changes.report(batch_id))
        self.call_after_refresh(self._show_keys)  # this look is over by then, too

    def _tell(self, progress: BatchProgress) -> None:
        if not self._batch_id or progress.batch_id not in self.coexplorer.unfinished:
            self._written()
            self.coexplorer.unfinished.add(progress.batch_id)
        self._batch_id, self._counts = progress.batch_id, progress
        if self._report is not None and progress.latest is not None:
            self._fresh[progress.latest.asset_id] = progress.latest
            if time.monotonic() - self._shown_at >= SHOW_EVERY_S:
                self._show_fresh(self._report)
        if self._stopping:
            self._show_stopping()
        elif progress.total:
            self._progress.show([build_bar(progress, self.app.size.width)])

    def _show_fresh(self, report: BatchReport) -> None:
        """While it goes on, show what became of assets since, not how they stood before."""
        self._shown_at = time.monotonic()
        results = tuple(self._fresh.get(each.asset_id, each) for each in report.results)
        self._report = msgspec.structs.replace(report, results=results)
        self._show()

    def _show_stopping(self) -> None:
        text = "stopping after the requests on their way"
        if self._counts is not None and self._counts.total:
            done = self._counts.done - self._counts.failed
            text = f"{text} ({done:,} of {self._counts.total:,} done)"
        self._progress.show(
            [((text, Role.WARN), (f"; {key_of(CLOSE)} again cancels it", Role.DIM))]
        )

    def _finish(self, report: BatchReport) -> None:
        self._report = report
        self._batch_id = report.batch_id
        self._written()
        self.coexplorer.unfinished.discard(report.batch_id)
        given_up = sum(result.withdrawn for result in report.results)
        done, failed, skipped = len(report.applied), len(report.failed), len(report.skipped)
        done -= given_up
        unknown, held = len(report.of(State.UNKNOWN)), len(report.of(State.STOPPED))
        stopped = self._stopping or held > 0
        failed -= unknown + held
        text = f"{'stopped: ' if stopped else ''}{done:,} done"
        text += f", {held:,} not sent" if stopped else ""
        text += f", {unknown:,} that may have arrived" if unknown else ""
        text += f", {failed:,} failed" if failed or not stopped else ""
        text += f", {skipped:,} left out" if skipped or not stopped else ""
        if given_up:
            text += f", {given_up:,} given up"
        leaves = f"{key_of(CLOSE)} leaves"
        again = "goes on" if stopped else "retries the failed ones"
        hint = (
            f"; {key_of('plan.retry')} {again}, {leaves}"
            if report.waiting
            else f"; {self._tell_way_back(report)}"
        )
        if failed and not report.waiting:
            hint = f"; refused changes stay in the log, {leaves}"
        # Where there is little room: the footer has the keys, too.
        fits = width(text + hint) <= self.app.size.width
        role = Role.BAD if failed or unknown else Role.WARN if held else Role.GOOD
        self._progress.show([((text, role), (hint if fits else "", Role.DIM))])
        self._list.move_to(0)
        self._show()
        self._show_keys()

    def _tell_way_back(self, report: BatchReport) -> str:
        """Return how it is taken back, as far as it can be."""
        if any(_has_no_way_back(result) for result in report.applied):
            return f"this can't be undone, {key_of(CLOSE)} leaves"
        return self._way_back if report.applied else f"{key_of(CLOSE)} leaves"

    async def wait_ended(self) -> None:
        """Wait for what was cut off: only then does the journal say how it stands."""
        for worker in (self._worker, self._looking):
            if worker is not None:
                with suppress(WorkerCancelled, WorkerFailed):
                    await worker.wait()

    def do_screen_close(self) -> None:
        """Let what runs end where it is, then cancel it; leave when nothing runs."""
        if self._is_preparing and self._worker is not None:
            self._worker.cancel()
            self.dismiss(None)
        elif self._uses.is_asking and self._uses.stoppable:
            self._uses.stop()
        elif self._is_busy and self._worker is not None:
            if self._looking is not None and not self._looking.is_finished:
                self._looking.cancel()
                self.dismiss(self._report)
            elif self._worker.is_cancelled:
                self._is_left = True  # nobody waits for the look at what was done
                self.dismiss(self._report)
            elif self._stopping:
                self._worker.cancel()
                self._progress.show([(("stopped", Role.WARN),)])
            else:
                self._stopping = True
                self._show_stopping()
        else:
            self.dismiss(self._report)


def tell_after() -> str:
    """Say that a key comes after leaving this screen: it is one of the list."""
    return f"{key_of(CLOSE)}, then"


def _has_no_way_back(result: EditResult) -> bool:
    """Tell whether nothing takes it back: also where nobody knows who could see an asset before."""
    unseen = result.action is Action.SHARE and (result.roles is None or result.gives_up)
    return result.action in NO_WAY_BACK or (unseen and result.state is State.APPLIED)


def build_bar(progress: BatchProgress, cells: int) -> Line:
    """Return a progress bar with its numbers: the bar alone says too little."""
    done = progress.done
    failed = f", {progress.failed:,} failed" if progress.failed else ""
    text = f" {done:,} of {progress.total:,}{failed}"
    bar = max(0, min(BAR_CELLS, cells - width(text)))
    full = bar * done // max(1, progress.total)
    return (("█" * full, Role.ACCENT), ("░" * (bar - full), Role.DIM), (text, Role.TEXT))
