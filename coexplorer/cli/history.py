"""``log``, ``undo``, ``redo``, ``retry`` and ``discard``: what was done here, and what waits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click

from coexplorer.cli import exits
from coexplorer.cli.completion import complete_changes, complete_entries
from coexplorer.cli.format import moment_text, plural
from coexplorer.cli.narration import NobodyToAskError, Progress, confirm, report_error, warn
from coexplorer.cli.output import Format, format_options, print_line, print_rows, print_table
from coexplorer.cli.plans import DONE, finish, follow, leave, print_plan, tell_left_alone
from coexplorer.cli.schema import ENTRY, OUTCOME, entry_values, outcome_values
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.values import NUMBER
from coexplorer.errors import CoexplorerError, Refused

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.entries import Batch, Entry
    from coexplorer.library.plans import Plan
    from coexplorer.library.results import BatchReport

_OPEN = ("planned", "intended", "unsent", "stopped", "unknown", "conflict")
"""States of what a change has not done yet."""

_UNASKED = ("stopped", "refused")
"""States of what is sent only when it is named."""

_MANY = 20
"""More assets of one change are not sent again before their number was told."""

_NAMED = 20
"""So many entries are named by their numbers in one line."""

_ENTRY_COLUMNS = (
    Column("ENTRY", right=True),
    Column("WHEN"),
    Column("BY"),
    Column("ACTION"),
    Column("STATE"),
    Column("ASSET", flexible=True),
    Column("WHY", flexible=True),
)
_BATCH_COLUMNS = (
    Column("CHANGE", right=True),
    Column("WHEN"),
    Column("BY"),
    Column("WHAT", flexible=True),
    Column("OUTCOME"),
)


@click.command("log")
@click.argument("change", type=NUMBER, required=False, shell_complete=complete_changes)
@click.option(
    "-n", "--limit", type=NUMBER, default=30, metavar="N", help="Show at most N (default: 30)."
)
@click.option("--entries", is_flag=True, help="Show the entry of each asset, not only the changes.")
@click.option("--refused", is_flag=True, help="Show only what the platform refused.")
@format_options(ENTRY)
@pass_invocation
def log_command(
    invocation: Invocation,
    change: int | None,
    *,
    limit: int,
    entries: bool,
    refused: bool,
    style: Format,
) -> None:
    """Show what you changed from this machine; what is waiting to be sent comes first.

    CHANGE is a number from the log: shows what happened to each of its assets.
    """
    if change is not None:
        if entries or refused:
            raise click.UsageError("a CHANGE shows all its entries; leave the other options out")
        _log_change(invocation, change, style)
        return

    async def work(library: Library) -> tuple[list[Entry], list[Batch], list[Entry]]:
        kept = await library.log.kept()
        if not kept and not await library.log.count_batches():
            await library.log.ensure_journal()
        if refused:
            return [], [], [entry for entry in reversed(kept) if entry.state == "refused"][:limit]
        if entries or style is not Format.TABLE:
            return kept, [], await library.log.entries(limit=limit)
        return kept, await library.log.batches(limit=limit), []

    kept, batches, log = invocation.run(work, offline=True)
    if style is not Format.TABLE:
        print_rows(ENTRY, map(entry_values, log), style)
        return
    _print_left()
    _print_kept(kept, limit)
    if entries or (log and refused):
        print_table(_ENTRY_COLUMNS, [_entry_cells(entry) for entry in log])
    elif batches:
        print_table(_BATCH_COLUMNS, [_batch_cells(batch) for batch in batches])
    else:
        print_line("Nothing was refused." if refused else "Nothing was done here yet.")


def _print_left() -> None:
    """Print the texts that an editor left and that nothing was made of."""
    from coexplorer.config import find_paths
    from coexplorer.library.left_texts import list_left

    for left in list_left(find_paths().state_dir):
        about = plural(len(left.assets), "asset")
        print_line(f"typed and not sent, {moment_text(left.at)}, about {about}: {left.path}")
        if left.before is not None:
            print_line("  coexplorer edit --resume goes on with it; remove the file to give it up")


def _log_change(invocation: Invocation, change: int, style: Format) -> None:
    """Print what became of each asset of a change, and your text where it is in conflict."""

    async def read(library: Library) -> tuple[BatchReport, list[Entry]]:
        report = await library.changes.report(change)
        if not report.in_conflict:
            return report, []
        return report, await library.log.entries_of(change, kept_first=True)

    report, entries = invocation.run(read, offline=True)
    _print_report(report, style)
    if style is Format.TABLE:
        _print_conflicts(entries)


def _print_kept(kept: Sequence[Entry], limit: int) -> None:
    """Print what waits for the user, and how much was stopped or refused, above all else."""
    waiting = [entry for entry in kept if entry.state not in _UNASKED]
    if waiting:
        click.echo(click.style("Waiting for you: coexplorer retry, or discard", bold=True))
        print_table(_ENTRY_COLUMNS, [_entry_cells(entry) for entry in waiting[:limit]])
        if len(waiting) > limit:
            print_line(f"… and {len(waiting) - limit:,} more (--limit)")
        print_line("")
    for batch_id, stopped in _count_stopped(kept).items():
        print_line(
            f"change {batch_id} was stopped, {stopped:,} not sent:"
            f" coexplorer retry --batch {batch_id} goes on"
        )
    refused = sum(entry.state == "refused" for entry in kept)
    if refused:
        told = f"{plural(refused, 'change')} {'was' if refused == 1 else 'were'} refused"
        print_line(f"{told}: coexplorer log --refused shows why, discard --refused gives up")
        print_line("")


def _count_stopped(kept: Sequence[Entry]) -> dict[int, int]:
    """Return how much of each change its user stopped before it was sent (pure)."""
    return dict(Counter(entry.batch_id for entry in kept if entry.state == "stopped"))


def _entry_cells(entry: Entry) -> list[str]:
    return [
        str(entry.id),
        moment_text(entry.at),
        entry.origin,
        entry.action,
        entry.told,
        f"{entry.asset_name} ({entry.asset_id[:8]})" if entry.asset_id else entry.asset_name,
        entry.reason,
    ]


def _batch_cells(batch: Batch) -> list[str]:
    what = batch.title
    if batch.reverses is not None:
        what = f"{what} (change {batch.reverses})"
    return [str(batch.id), moment_text(batch.at), batch.origin, what, batch.outcome]


def _print_report(report: BatchReport, style: Format) -> None:
    if style is not Format.TABLE:
        print_rows(OUTCOME, map(outcome_values, report.results), style)
        return
    print_line(report.title)
    rows = [
        (
            result.asset_id[:8],
            result.told,
            result.asset_name,
            result.error.message if result.error else "",
        )
        for result in report.results
    ]
    columns = (
        Column("ID"),
        Column("STATE"),
        Column("ASSET", flexible=True),
        Column("WHY", flexible=True),
    )
    print_table(columns, rows)


def _print_conflicts(entries: Sequence[Entry]) -> None:
    """Print the texts that somebody else's stand in the way of, and what can be done."""
    from coexplorer.cli.plans import describe_change

    for entry in entries:
        if entry.state != "conflict" or entry.base is None or entry.mine is None:
            continue
        print_line("")
        print_line(f"yours, of {entry.asset_name} (entry {entry.id}):")
        for line in describe_change(entry.base, entry.mine):
            click.echo(line)
        print_line(
            f"theirs: coexplorer show {entry.asset_id[:8]}; edit again to have yours anyway, or "
            f"give it up: coexplorer discard {entry.id}"
        )


_DRY_RUN = click.option(
    "--dry-run", is_flag=True, help="Show what would be taken back, and do nothing."
)


@click.command("undo")
@click.argument("change", type=NUMBER, required=False, shell_complete=complete_changes)
@_DRY_RUN
@format_options(OUTCOME)
@pass_invocation
def undo_command(
    invocation: Invocation, change: int | None, *, dry_run: bool, style: Format
) -> None:
    """Take back the last change, or CHANGE of the log, and say which that was.

    Tags are taken back one by one. A text that was changed since, by you or somebody else, is left
    alone and named; it is not used up, so the next undo tries it again. What of the change the
    platform does not have is given up; where nobody knows, because the reply was lost and the
    platform can't be asked, nothing is taken back. If the last change failed, the one before it is
    named, not taken back. A delete can't be undone.
    """
    _reverse(invocation, change, "undo", dry_run=dry_run, style=style)


@click.command("redo")
@_DRY_RUN
@format_options(OUTCOME)
@pass_invocation
def redo_command(invocation: Invocation, *, dry_run: bool, style: Format) -> None:
    """Redo what the last undo took back; give up an undo that was not sent yet."""
    _reverse(invocation, None, "redo", dry_run=dry_run, style=style)


def _reverse(
    invocation: Invocation, change: int | None, command: str, *, dry_run: bool, style: Format
) -> None:
    """Take a change back, or show what that would do, and say which change it is."""
    if dry_run:
        plan = invocation.run(lambda library: _plan_reversal(library, change, command))
        if style is Format.TABLE:
            print_line(f"{plan.title} (change {plan.about})")
        print_plan(plan, style)
        leave(exits.OK if plan.todo or not plan.missed else exits.REFUSED)
        return

    async def work(library: Library) -> tuple[BatchReport, Batch, Batch | None, Batch | None]:
        newest = await library.log.batches(limit=1) if change is None else []
        if command == "redo":
            report = await follow(library, "doing again", library.changes.redo)
        else:
            report = await follow(library, "undoing", partial(library.changes.undo, change))
        number = (await library.log.batch(report.batch_id)).reverses or 0
        reversed_one = await library.log.batch(number)
        stuck = change is None and command == "undo" and not report.applied
        older = await library.log.undoable(before=number) if stuck else None
        passed = newest[0] if newest and newest[0].id > number else None
        return report, reversed_one, passed, older

    report, reversed_one, passed, older = invocation.run(work)
    if passed is not None and passed.purpose == "do":
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


@click.command("retry")
@click.argument(
    "entries", metavar="[ENTRY]...", type=NUMBER, nargs=-1, shell_complete=complete_entries
)
@click.option(
    "--batch",
    type=NUMBER,
    metavar="CHANGE",
    shell_complete=complete_changes,
    help="Finish an interrupted change.",
)
@click.option("--refused", is_flag=True, help="Also send what was refused.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask before many are sent.")
@pass_invocation
def retry_command(
    invocation: Invocation, entries: tuple[int, ...], *, batch: int | None, refused: bool, yes: bool
) -> None:
    """Send changes again that could not be sent: all that wait, or ENTRY of the log.

    What was refused, what you stopped, and every delete is sent only when you name it. Nothing to
    send is no failure. What a later change asks for otherwise is left to that one.
    """
    if batch is not None:
        if entries:
            raise click.UsageError("give entries or --batch, not both")
        if not _is_open(invocation.run(lambda library: library.log.batch(batch)), refused=refused):
            print_line(f"nothing of change {batch} waits to be sent")
            return
        report = invocation.run(
            lambda library: follow(
                library, "going on", partial(library.changes.resume, batch, refused=refused)
            )
        )
        finish(report)
        return

    def choose(kept: Sequence[Entry]) -> list[int]:
        chosen = [
            each
            for each in kept
            if each.state not in _UNASKED or (refused and each.state == "refused")
        ]
        deletes = [each.id for each in chosen if each.action == "delete"]
        if deletes:
            numbers = " ".join(str(number) for number in deletes[:_NAMED])
            more = " …" if len(deletes) > _NAMED else ""
            warn(f"not deleted unless you name them: coexplorer retry {numbers}{more}")
        return [each.id for each in chosen if each.action != "delete"]

    if not entries and not yes and not _may_send_many(invocation, refused=refused):
        warn("nothing was sent")
        leave(exits.REFUSED)
    _each(invocation, entries, choose, _retry)


def _may_send_many(invocation: Invocation, *, refused: bool) -> bool:
    """Say which changes of many assets wait, as they were cut off, and ask before they are sent.

    Where there is nobody to ask, as in a script, they are told and sent.
    """

    async def count(library: Library) -> dict[str, int]:
        kept = await library.log.kept()
        sent = Counter(
            each.batch_id
            for each in kept
            if each.action != "delete"
            and (each.state not in _UNASKED or (refused and each.state == "refused"))
        )
        return {
            f"change {number} ({(await library.log.batch(number)).title})": many
            for number, many in sent.items()
            if many > _MANY
        }

    waiting = invocation.run(count, offline=True)
    for what, many in waiting.items():
        warn(f"{many:,} assets of {what} wait to be sent")
    try:
        return not waiting or confirm(f"Send all {sum(waiting.values()):,}?")
    except NobodyToAskError:
        return True


def _is_open(batch: Batch, *, refused: bool) -> bool:
    """Tell whether something of a change is left to do.

    Raises:
        Refused: Only what was refused is, and that was not asked for.
    """
    if any(batch.counts.get(state) for state in (*_OPEN, *(["refused"] if refused else []))):
        return True
    if not batch.counts.get("refused"):
        return False
    raise Refused(
        f"nothing of change {batch.id} waits to be sent; a part of it was refused",
        hint=f"coexplorer log {batch.id} shows why;"
        f" retry --batch {batch.id} --refused sends it again",
    )


@click.command("discard")
@click.argument(
    "entries", metavar="ENTRY...", type=NUMBER, nargs=-1, shell_complete=complete_entries
)
@click.option(
    "--all", "everything", is_flag=True, help="Everything that is waiting or was refused."
)
@click.option("--refused", is_flag=True, help="Everything that was refused.")
@pass_invocation
def discard_command(
    invocation: Invocation, entries: tuple[int, ...], *, everything: bool, refused: bool
) -> None:
    """Give up changes that could not be sent. The log keeps their text.

    Where a reply was lost, the platform is asked first: what had arrived is not given up (exit 7),
    but can be undone; where nobody can tell, it is kept.
    """
    if [bool(entries), everything, refused].count(True) != 1:
        raise click.UsageError("give entries of the log, or --all, or --refused")

    def choose(kept: Sequence[Entry]) -> list[int]:
        return [each.id for each in kept if everything or each.state == "refused"]

    _each(invocation, entries, choose, _discard)


async def _retry(library: Library, entry_id: int) -> int:
    result = await library.changes.retry(entry_id)
    if result.state == "discarded":
        print_line(f"{result.asset_name}: a later change replaced it; nothing was sent")
        return exits.OK
    if result.error is not None:
        raise result.error
    if result.state == "unchanged":
        print_line(f"{result.asset_name} is so already; nothing was sent")
    else:
        print_line(f"{DONE[result.action]} {result.asset_name}")
    return exits.PARTLY if tell_left_alone(result) else exits.OK


async def _discard(library: Library, entry_id: int) -> int:
    entry = await library.changes.discard(entry_id)
    if entry.state != "discarded":
        print_line(f"entry {entry.id} had arrived, so it was not given up: {_tell_way_back(entry)}")
        return exits.PARTLY
    print_line(f"gave up entry {entry.id}: {entry.action} {entry.asset_name}")
    return exits.OK


def _tell_way_back(entry: Entry) -> str:
    """Say what takes back what had arrived (pure)."""
    what = f"{entry.action} {entry.asset_name}"
    if entry.action in ("delete", "create"):
        return what
    return f"{what} (take it back: coexplorer undo {entry.batch_id})"


def _tell_nothing(kept: Sequence[Entry]) -> str:
    """Say that nothing was done, and what is kept anyway (pure)."""
    waiting = any(entry.state not in _UNASKED or entry.action == "delete" for entry in kept)
    line = "nothing was done" if waiting else "nothing is waiting to be sent"
    for batch_id, stopped in _count_stopped(kept).items():
        line += f"; change {batch_id} was stopped, {stopped:,} not sent: retry --batch {batch_id}"
    if refused := sum(entry.state == "refused" for entry in kept):
        were = "was" if refused == 1 else "were"
        line += f"; {plural(refused, 'change')} {were} refused: coexplorer log --refused"
    return line


def _tell_untried(names: Sequence[str]) -> None:
    """Name what was not tried, as what happened to one would happen to all."""
    for name in names[:_NAMED]:
        warn(f"{name}: not tried; it is kept as it was")
    if len(names) > _NAMED:
        warn(f"{len(names) - _NAMED:,} more not tried; they are kept as they were")


def _each(
    invocation: Invocation,
    entries: tuple[int, ...],
    choose: Callable[[Sequence[Entry]], list[int]],
    do: Callable[[Library, int], Awaitable[int]],
) -> None:
    """Do something with each entry, and tell each outcome.

    Args:
        invocation: This run.
        entries: Their numbers.
        choose: Which of those that are kept, where no number was given.
        do: Does it to one, says what it did, and returns its exit code.
    """
    from coexplorer.library.bulk import concerns_all

    async def work(library: Library) -> set[int]:
        kept = await library.log.kept()
        chosen = tuple(dict.fromkeys(entries)) or choose(kept)
        if not chosen:
            await library.log.ensure_journal()
            print_line(_tell_nothing(kept))
        names = {each.id: f"{each.asset_name} ({each.asset_id[:8]})" for each in kept}
        codes: set[int] = set()
        todo = iter(chosen)
        for entry_id in todo:
            try:
                codes.add(await do(library, entry_id))
            except CoexplorerError as error:
                report_error(error, about=names.get(entry_id, ""))
                codes.add(exits.code_of(error))
                if concerns_all(error):
                    # Each of the others would wait as long, and in vain.
                    _tell_untried([names.get(each, str(each)) for each in todo])
                    break
        return codes

    codes = invocation.run(work)
    failures = codes - {exits.OK}
    leave(exits.of_outcomes(failures, any_done=len(failures) < len(codes)))
