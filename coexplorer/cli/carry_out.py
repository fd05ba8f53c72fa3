"""Carries a plan out: shows it, asks, and applies it behind a progress bar."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from coexplorer.cli import exits
from coexplorer.cli.format import plural
from coexplorer.cli.narration import Progress, confirm, tell_hint, warn
from coexplorer.cli.outcomes import finish, plan_code
from coexplorer.cli.output import Format, print_line, print_rows
from coexplorer.cli.plan_texts import describe_plan, name_action, print_plan
from coexplorer.cli.row_values import outcome_values
from coexplorer.cli.schema import OUTCOME, PLAN
from coexplorer.errors import CoexplorerError, NotFound, TimeIsUp

if TYPE_CHECKING:
    from coexplorer.cli.deadline import Deadline
    from coexplorer.cli.session import Invocation
    from coexplorer.library import Library
    from coexplorer.library.plans import Plan
    from coexplorer.library.results import BatchProgress, BatchReport, EditResult

Command = TypeVar("Command", bound=Callable[..., Any])
Answer = TypeVar("Answer")

_LOOK_S = 3.0
"""So long it may take to look what arrived of a change that was stopped."""

_SHOWN = 20
"""So many assets of a plan are shown before a question; ``--dry-run`` shows all."""


def plan_options(command: Command) -> Command:
    """Add ``--dry-run``, ``--yes`` and ``--refresh`` to a command that changes assets."""
    command = click.option(
        "--refresh", is_flag=True, help="First reread all assets, to see edits by others."
    )(command)
    command = click.option("-y", "--yes", is_flag=True, help="Do not ask for confirmation.")(
        command
    )
    return click.option("--dry-run", is_flag=True, help="Only show what would be done.")(command)


def carry_out(
    invocation: Invocation,
    plan: Plan,
    *,
    dry_run: bool,
    ask: bool,
    style: Format = Format.TABLE,
    written: Callable[[], None] = lambda: None,
    then: Callable[[BatchReport], tuple[BatchReport, int]] | None = None,
) -> None:
    """Show a plan, ask, apply it and leave with the exit code that it deserves.

    Args:
        invocation: This run.
        plan: From `Changes.plan` or `Changes.plan_document`.
        dry_run: Only show it, all of it.
        ask: Show it and ask before anything is sent.
        style: `Format.JSON` writes the plan (dry run) or the outcomes as JSON.
        written: Called once the plan is in the journal, or holds nothing: no text can be lost then;
            not where a text was kept because its asset had changed, or is not there.
        then: Goes on from what it came to; returns what that became, and an exit code for when all
            else is well.
    """
    if not plan.items:
        written()
        if style is Format.TABLE:
            print_line("nothing was changed")
        else:
            print_rows(PLAN if dry_run else OUTCOME, (), style)
        return
    if dry_run:
        print_plan(plan, style)
        exits.leave(plan_code(plan))
        return
    if ask and plan.todo:
        question = f"{name_action(plan)} {plural(len(plan.todo), 'asset')} {plan.where}".rstrip()
        for line in describe_plan(plan, shown=_SHOWN):
            if line != question:
                click.echo(line, err=True)
        if not confirm(f"{question}?"):
            warn("nothing was done")
            exits.leave(exits.REFUSED)
    start = partial(_apply, plan)
    report = run_batch(
        invocation, lambda library, stop: follow(library, plan.title, start, stop), style
    )
    if not any(
        result.no_longer_fits or isinstance(result.error, NotFound) for result in report.results
    ):
        written()  # else the text is for other assets than its writer had seen: it stays, too
    code = exits.OK
    if then is not None:
        report, code = then(report)
    finish(report, style)
    exits.leave(code)


async def _apply(
    plan: Plan, library: Library, progress: Callable[[BatchProgress], None]
) -> BatchReport:
    return await library.changes.apply(plan, progress=progress)


class Interruption:
    """What is told of a batch that a signal stops, at whatever moment after it was written down.

    Args:
        batch_id: The batch, where it is known before; 0: its first progress tells it.

    Attributes:
        report: What became of it; None: nobody has looked yet.
        told: Assets that are told no more: an earlier run has done them.
    """

    def __init__(self, batch_id: int = 0) -> None:
        self.batch_id = batch_id
        self.report: BatchReport | None = None
        self.told: frozenset[str] = frozenset()

    def tell(self, style: Format) -> None:
        """Say what is done, what waits and how to go on; and print the rows, if any are wanted."""
        if not self.batch_id:
            return  # nothing is written down, so nothing is sent
        again = f"go on with: coexplorer retry --batch {self.batch_id}"
        report = self.report
        if report is None:
            warn(f"stopped: coexplorer log {self.batch_id} shows how far it got; {again}")
            return
        report = msgspec.structs.replace(
            report, results=tuple(r for r in report.results if r.asset_id not in self.told)
        )
        counts = count_outcomes(report.results)
        warn(f"stopped: {counts}; {again}" if report.waiting else f"stopped: {counts}")
        if style is not Format.TABLE:
            print_rows(OUTCOME, map(outcome_values, report.results), style)


def count_outcomes(results: Iterable[EditResult]) -> str:
    """Return ``3 done, 5 not sent``, of what was cut off (pure)."""
    from coexplorer.library.entries import DONE, KEPT, State

    listed = [*results]
    states = Counter(result.state for result in listed)
    done = sum(states[state] for state in DONE)
    waiting = {*KEPT, State.PLANNED, State.INTENDED} - {State.UNKNOWN, State.REFUSED}
    told = [f"{done:,} done", f"{sum(states[state] for state in waiting):,} not sent"]
    if refused := states[State.REFUSED]:
        told.append(f"{refused:,} refused")
    if unknown := states[State.UNKNOWN]:
        told.append(f"{unknown:,} that nobody knows of yet")
    if moving := sum(result.moving for result in listed):
        told.append(f"{moving:,} still being moved: coexplorer transfer --wait waits for that")
    return ", ".join(told)


def run_batch(
    invocation: Invocation,
    work: Callable[[Library, Interruption], Awaitable[Answer]],
    style: Format,
    *,
    resumed: int = 0,
) -> Answer:
    """Run work that carries out a batch; where a signal ends it, tell how far it got.

    Args:
        invocation: This run.
        work: What to do: it gives what it is given to `follow`.
        style: How rows of it are printed.
        resumed: The batch that it goes on with; 0: it makes one.
    """
    stop = Interruption(resumed)
    try:
        return invocation.run(lambda library: work(library, stop))
    except KeyboardInterrupt:
        # Also one that comes when all is done and the library is being closed.
        stop.tell(style)
        raise


async def follow(
    library: Library,
    title: str,
    start: Callable[[Library, Callable[[BatchProgress], None]], Awaitable[BatchReport]],
    stop: Interruption,
) -> BatchReport:
    """Run a batch with a progress bar.

    Args:
        library: The library.
        title: What the bar says.
        start: Runs it, and tells how far it is.
        stop: Learns what a signal has to tell.
    """
    import anyio

    from coexplorer.library.entries import DONE, State

    def show(progress: BatchProgress) -> None:
        stop.batch_id = progress.batch_id
        failed = f"({progress.failed} failed)" if progress.failed else ""
        if progress.total:
            bar.update(progress.done, progress.total, failed)

    with Progress(title) as bar:
        try:
            if stop.batch_id:
                earlier = (await library.changes.report(stop.batch_id)).of(
                    *DONE, State.SKIPPED, State.DISCARDED
                )
                stop.told = frozenset(result.asset_id for result in earlier)
            stop.report = await start(library, show)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True), contextlib.suppress(CoexplorerError):
                stop.report = await _look(library, stop.batch_id)
            raise
    return stop.report


async def _look(library: Library, batch_id: int) -> BatchReport | None:
    """Say how far a batch got that was cut off; None: it was not even written down."""
    from coexplorer.library.entries import State

    if not batch_id:
        return None
    report = await library.changes.report(batch_id)
    if report.of(State.UNKNOWN):
        # What was on its way may have arrived: whoever stops it wants to know how far it got.
        await settle_soon(library, batch_id)
        report = await library.changes.report(batch_id)
    return report


async def settle_soon(library: Library, batch_id: int) -> None:
    """Ask the platform what has arrived of a batch, for as long as who stopped it waits."""
    import anyio

    with contextlib.suppress(CoexplorerError), anyio.move_on_after(_LOOK_S):
        await library.changes.settle_batch(batch_id)


def wait_settled(
    invocation: Invocation,
    deadline: Deadline | None,
    report: BatchReport,
    settle: Callable[[Library, Callable[[int, int], None]], Awaitable[BatchReport]],
    *,
    title: str,
    doing: str,
    again: str = "",
    report_again: Callable[[Library], Awaitable[BatchReport]] | None = None,
) -> tuple[BatchReport, int]:
    """Wait behind a bar until what was sent has come to its end on the platform.

    Args:
        invocation: This run.
        deadline: When it is given up; None: never.
        report: What was sent.
        settle: Waits, and tells of how many that are settled.
        title: What the bar is about.
        doing: What goes on when the time is up, or a signal comes.
        again: The command that goes on waiting; empty: none does.
        report_again: Says how it stands then; None: as the journal has the report's change.

    Returns:
        How it ended, or how it stands, and an exit code.
    """

    async def work(library: Library) -> BatchReport:
        with Progress(title) as bar:
            return await settle(library, bar.update)

    if deadline is not None:
        deadline.doing = doing
    try:
        return invocation.run(work, deadline=deadline), exits.OK
    except KeyboardInterrupt:
        warn(f"stopped waiting: {doing}" + (f"; wait again with: {again}" if again else ""))
        raise
    except TimeIsUp as error:
        warn(error.message)
        if again:
            tell_hint(f"wait again with: {again}")
        batch = report.batch_id
        look = report_again or (lambda library: library.changes.report(batch))
        return invocation.run(look, offline=True), exits.TIMED_OUT
