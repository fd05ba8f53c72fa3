"""Carries a plan out: shows it, asks, and applies it behind a progress bar."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import click

from coexplorer.cli import exits
from coexplorer.cli.format import plural
from coexplorer.cli.narration import Progress, confirm, warn
from coexplorer.cli.outcomes import finish, plan_code
from coexplorer.cli.output import Format, print_line, print_rows
from coexplorer.cli.plan_texts import describe_plan, name_action, print_plan
from coexplorer.cli.schema import OUTCOME, PLAN
from coexplorer.errors import CoexplorerError, NotFound

if TYPE_CHECKING:
    from coexplorer.cli.session import Invocation
    from coexplorer.library import Library
    from coexplorer.library.plans import Plan
    from coexplorer.library.results import BatchProgress, BatchReport

Command = TypeVar("Command", bound=Callable[..., Any])

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
    report = invocation.run(lambda library: apply_with_progress(library, plan))
    if not any(
        result.no_longer_fits or isinstance(result.error, NotFound) for result in report.results
    ):
        written()  # else the text is for other assets than its writer had seen: it stays, too
    code = exits.OK
    if then is not None:
        report, code = then(report)
    finish(report, style)
    exits.leave(code)


async def apply_with_progress(library: Library, plan: Plan) -> BatchReport:
    """Apply a plan; when it is interrupted, say what is done and how to go on."""
    return await follow(library, plan.title, partial(library.changes.apply, plan))


async def follow(
    library: Library,
    title: str,
    start: Callable[..., Awaitable[BatchReport]],
    *,
    resumed: int | None = None,
) -> BatchReport:
    """Run a batch with a progress bar.

    Args:
        library: The library.
        title: What the bar says.
        start: Runs it; takes ``progress``.
        resumed: The batch that it goes on with: what that had done is not told again.
    """
    import anyio

    batch_id = 0
    earlier = len((await library.changes.report(resumed)).applied) if resumed else 0

    def show(progress: BatchProgress) -> None:
        nonlocal batch_id
        batch_id = progress.batch_id
        failed = f"({progress.failed} failed)" if progress.failed else ""
        if progress.total:
            bar.update(progress.done, progress.total, failed)

    with Progress(title) as bar:
        try:
            return await start(progress=show)
        except anyio.get_cancelled_exc_class():
            with anyio.CancelScope(shield=True):
                await _tell_interrupted(library, batch_id, earlier)
            raise


async def _tell_interrupted(library: Library, batch_id: int, earlier: int) -> None:
    import anyio

    from coexplorer.library.entries import State

    if not batch_id:
        return
    report = await library.changes.report(batch_id)
    unknown = report.of(State.UNKNOWN)
    if unknown:
        # What was on its way may have arrived: whoever stops it wants to know how far it got.
        with contextlib.suppress(CoexplorerError), anyio.move_on_after(_LOOK_S):
            await library.changes.settle_batch(batch_id)
        report = await library.changes.report(batch_id)
        unknown = report.of(State.UNKNOWN)
    left = len(report.failed) - len(unknown)
    done = max(0, len(report.applied) - earlier)
    told = f"{done:,} done, {left:,} not sent"
    if unknown:
        told += f", {len(unknown):,} that nobody knows of yet"
    warn(f"stopped: {told}; go on with: coexplorer retry --batch {batch_id}")
