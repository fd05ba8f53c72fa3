"""``undo`` and ``redo``: a change of the log taken back, and done again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import click

from coexplorer.cli import exits
from coexplorer.cli.carry_out import Interruption, follow, run_batch
from coexplorer.cli.completion import complete_changes
from coexplorer.cli.exits import leave
from coexplorer.cli.format import moment_text, plural
from coexplorer.cli.narration import Progress, confirm, warn
from coexplorer.cli.outcomes import finish, plan_code
from coexplorer.cli.output import Format, format_options, print_line
from coexplorer.cli.plan_texts import print_plan
from coexplorer.cli.schema import OUTCOME
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.values import NUMBER

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.entries import Batch
    from coexplorer.library.plans import Plan
    from coexplorer.library.results import BatchProgress, BatchReport

_NEWEST = 100
"""So many changes are looked through for ones that are newer than an undo."""
_NAMED = 3
_WAITS = ("unsent", "stopped", "unknown")
"""States of an undo that has not arrived, but may be given up."""

_DRY_RUN = click.option(
    "--dry-run", is_flag=True, help="Show what would be taken back, and do nothing."
)


@click.command("undo")
@click.argument("change", type=NUMBER, required=False, shell_complete=complete_changes)
@_DRY_RUN
@click.option("-y", "--yes", is_flag=True, help="Accepted, as elsewhere, but undo never asks.")
@format_options(OUTCOME)
@pass_invocation
def undo_command(
    invocation: Invocation, change: int | None, *, dry_run: bool, yes: bool, style: Format
) -> None:
    """Take back the last change, or CHANGE of the log, and say which that was.

    Tags are taken back one by one. A text that was changed since, by you or somebody else, is
    left alone and named; it stays open, so the next undo tries it again. Parts of the change that
    are not on the platform are given up; if nobody can tell, because the reply was lost and the
    platform can't be asked, nothing is taken back. If the last change failed, the one before it
    is named, not taken back. A delete can't be undone.
    """
    del yes  # a script may give it to whatever changes something
    _reverse(invocation, change, "undo", dry_run=dry_run, style=style)


@click.command("redo")
@_DRY_RUN
@click.option(
    "-y", "--yes", is_flag=True, help="Don't ask, even if you have made changes since then."
)
@format_options(OUTCOME)
@pass_invocation
def redo_command(invocation: Invocation, *, dry_run: bool, yes: bool, style: Format) -> None:
    """Redo what the last undo took back; give up an undo that was not sent yet.

    Parts that the undo gave up, because they never were on the platform, are not sent: they wait
    again, and "retry --batch" sends them. If you made changes since the undo, you are asked
    first.
    """
    if not _may_redo(invocation, ask=not (yes or dry_run)):
        warn("nothing was done")
        leave(exits.REFUSED)
    _reverse(invocation, None, "redo", dry_run=dry_run, style=style)


def _may_redo(invocation: Invocation, *, ask: bool) -> bool:
    """Say what changes are newer than the undo that a redo is about, and ask if it is meant."""

    async def find(library: Library) -> tuple[Batch | None, list[Batch]]:
        last = await library.log.last(Purpose.REDO)
        newest = await library.log.batches(limit=_NEWEST) if last is not None else []
        return last, [
            each
            for each in newest
            if last and each.id > last.id and each.purpose == "do" and not each.did_nothing
        ]

    from coexplorer.library.entries import Purpose

    last, newer = invocation.run(find, offline=True)
    if last is None or not newer or not (last.standing or any(map(last.counts.get, _WAITS))):
        return True  # where there is nothing to redo, that is said without a question
    told = ", ".join(f"{each.title} (change {each.id})" for each in newer[:_NAMED])
    more = f" and {len(newer) - _NAMED} more" if len(newer) > _NAMED else ""
    warn(
        f"this would redo change {last.id} ({last.title}) of {moment_text(last.at)};"
        f" {plural(len(newer), 'newer change')} {'has' if len(newer) == 1 else 'have'}"
        f" been made since: {told}{more}"
    )
    return not ask or confirm("Redo it anyway?")


def _reverse(
    invocation: Invocation, change: int | None, command: str, *, dry_run: bool, style: Format
) -> None:
    """Take a change back, or show what that would do, and say which change it is."""
    if dry_run:
        plan = invocation.run(lambda library: _plan_reversal(library, change, command))
        if style is Format.TABLE:
            print_line(f"{plan.title} (change {plan.about})")
        print_plan(plan, style)
        leave(plan_code(plan))
        return

    async def work(
        library: Library, stop: Interruption
    ) -> tuple[BatchReport, Batch, Batch | None, Batch | None]:
        newest = await library.log.batches(limit=1) if change is None else []
        title = "doing again" if command == "redo" else "undoing"
        report = await follow(library, title, start, stop)
        number = (await library.log.batch(report.batch_id)).reverses or 0
        reversed_one = await library.log.batch(number)
        stuck = change is None and command == "undo" and not report.applied
        older = await library.log.undoable(before=number) if stuck else None
        passed = newest[0] if newest and newest[0].id > number else None
        return report, reversed_one, passed, older

    def start(
        library: Library, progress: Callable[[BatchProgress], None]
    ) -> Awaitable[BatchReport]:
        if command == "redo":
            return library.changes.redo(progress=progress)
        return library.changes.undo(change, progress=progress)

    report, reversed_one, passed, older = run_batch(invocation, work, style)
    if passed is not None and passed.purpose == "do" and command == "undo":
        warn(
            f"change {passed.id} ({passed.title}) left nothing to undo ({passed.outcome}),"
            f" so this is about an older one: change {reversed_one.id}"
        )
    finish(
        report,
        style,
        way_back="coexplorer redo" if reversed_one.purpose != "undo" else None,
        hint=f"the change before it: coexplorer undo {older.id} ({older.title})" if older else "",
        about=f"{report.title} (change {reversed_one.id})",
    )


async def _plan_reversal(library: Library, change: int | None, command: str) -> Plan:
    """Plan what the same command without ``--dry-run`` would do."""
    from coexplorer.library.entries import Purpose

    with Progress("looking at the assets") as bar:
        return await library.changes.plan_undo(
            change, purpose=Purpose(command), heard=lambda read: bar.update(read, None)
        )
