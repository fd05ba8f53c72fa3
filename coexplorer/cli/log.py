"""``log``: what was done from here, and what waits for its user."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from coexplorer.cli.completion import complete_changes
from coexplorer.cli.format import moment_text, plural
from coexplorer.cli.left_texts import find_origin, print_left
from coexplorer.cli.output import Format, format_options, print_line, print_rows, print_table
from coexplorer.cli.row_values import entry_values, outcome_values
from coexplorer.cli.schema import ENTRY, OUTCOME
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.values import NUMBER
from coexplorer.spelling import spell

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.entries import Batch, Entry
    from coexplorer.library.results import BatchReport

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
    Column("WHEN", spare=1),
    Column("BY", spare=2),
    Column("WHAT", flexible=True),
    Column("OUTCOME", flexible=True),
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

    With CHANGE, a number from the log, show what happened to each of its assets.
    """
    if change is not None:
        if entries or refused:
            raise click.UsageError("a CHANGE shows all its entries; leave the other options out")
        _log_change(invocation, change, style)
        return

    async def work(library: Library) -> tuple[list[Entry], list[Batch], list[Entry], int]:
        kept = await library.log.kept()
        if not kept and not await library.log.count_batches():
            await library.log.ensure_journal()
        if refused:
            found = [entry for entry in reversed(kept) if entry.state == "refused"]
            return [], [], found[:limit], 0
        if entries or style is not Format.TABLE:
            return kept, [], await library.log.entries(limit=limit), 0
        batches = await library.log.batches(limit=limit, tries=False)
        since = batches[-1].id if batches else 0
        return kept, batches, [], await library.log.count_batches(since=since) - len(batches)

    kept, batches, log, folded = invocation.run(work, offline=True)
    if style is not Format.TABLE:
        print_rows(ENTRY, map(entry_values, log), style)
        return
    left = print_left(invocation.run(find_origin, offline=True)) + _print_drafts(invocation)
    _print_kept(kept, limit)
    if entries or (log and refused):
        print_table(_ENTRY_COLUMNS, [_entry_cells(entry) for entry in log])
    elif batches:
        _print_batches(batches, folded)
    else:
        _print_nothing(refused=refused, left=left)


def _print_batches(batches: Sequence[Batch], folded: int) -> None:
    print_table(_BATCH_COLUMNS, [_batch_cells(batch) for batch in batches])
    if folded:
        told = f"{plural(folded, 'earlier try', 'earlier tries')} of a mount"
        print_line(f"not listed: {told}, replaced by later ones (coexplorer log --entries)")


def _print_nothing(*, refused: bool, left: int) -> None:
    if refused:
        print_line("Nothing was refused.")
    elif not left:
        print_line("Nothing was done here yet.")


def _print_drafts(invocation: Invocation) -> int:
    """Print what was being typed when the app ended; return how many texts that is."""
    from coexplorer.library.drafts import AllDrafts

    left = AllDrafts(invocation.find_settings().journal_path)
    drafts = [(path, f"for {draft.name}") for path, draft in left.edits.take()]
    drafts += [(path, "for a new asset") for path, _ in left.forms.take()]
    drafts += [(path, "in an editor") for path, _ in left.texts.take()]
    for path, what in drafts:
        print_line(f"typed {what} and not saved: {path}")
    if drafts:
        print_line("  the app offers this at its next start")
    return len(drafts)


def _log_change(invocation: Invocation, change: int, style: Format) -> None:
    """Print what became of each asset of a change, and your text where that tells more."""

    async def read(library: Library) -> tuple[BatchReport, list[Entry]]:
        report = await library.changes.report(change)
        if not any(result.state in ("conflict", "refused", "unsent") for result in report.results):
            return report, []
        return report, await library.log.entries_of(change, kept_first=True)

    report, entries = invocation.run(read, offline=True)
    _print_report(report, style)
    if style is Format.TABLE:
        _print_texts(entries)


def _print_kept(kept: Sequence[Entry], limit: int) -> None:
    """Print what waits for the user, and how much was stopped or refused, above all else.

    The newest first, as everywhere in the log; `kept` is as the journal has it, oldest first.
    """
    from coexplorer.library.entries import State

    waiting = [entry for entry in reversed(kept) if not entry.is_named_only]
    if waiting:
        # A conflict that is sent again as it is only meets the same thing again.
        how = "coexplorer retry, or discard"
        if all(entry.state is State.CONFLICT for entry in waiting):
            # What else conflicts is a share.
            kinds = {"edit" if entry.base is not None else "share" for entry in waiting}
            again = " or ".join(sorted(kinds))
            how = f"{again} again, or coexplorer discard"
        click.echo(click.style(spell(f"Waiting for you: {how}"), bold=True))
        print_table(_ENTRY_COLUMNS, [_entry_cells(entry) for entry in waiting[:limit]])
        if len(waiting) > limit:
            print_line(f"… and {len(waiting) - limit:,} more (--limit)")
        print_line("")
    for batch_id, stopped in tell_stopped(kept).items():
        print_line(f"change {batch_id} {stopped}: coexplorer retry --batch {batch_id} goes on")
    if told := tell_ended(kept):
        print_line(
            f"{told}: coexplorer log --refused shows why, coexplorer discard --refused gives up"
        )
        print_line("")


def tell_ended(kept: Sequence[Entry]) -> str:
    """Say how many changes were refused, and how many assets not made; empty: none (pure)."""
    from coexplorer.library import refusals

    ended = Counter(entry.action == "create" for entry in kept if entry.state == "refused")
    return refusals.tell_ended(ended[False], ended[True])


def tell_stopped(kept: Sequence[Entry]) -> dict[int, str]:
    """Say of each change why what is left of it waits until it is named, and how much (pure)."""
    from coexplorer.library.entries import Cause

    left = [each for each in kept if each.is_named_only and each.state != "refused"]
    unsent = Counter(each.batch_id for each in left if each.state == "stopped")
    coming = Counter(each.batch_id for each in left if each.state != "stopped")
    restored = {each.batch_id for each in kept if each.cause is Cause.RESTORED}
    return {
        number: ", ".join(
            (
                "was brought back" if number in restored else "was stopped",
                *([f"{unsent[number]:,} not sent"] if unsent[number] else []),
                *([f"{coming[number]:,} may still arrive"] if coming[number] else []),
            )
        )
        for number in dict.fromkeys(each.batch_id for each in left)
    }


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
    if batch.asset_name and batch.asset_name not in what:
        what = f"{what} ({batch.asset_name})"
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
            result.reason,
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


def _print_texts(entries: Sequence[Entry]) -> None:
    """Print the texts that somebody else's stand in the way of, and what can be done.

    And those that a mount could not save: their programs have ended.
    """
    from coexplorer.cli.plan_texts import describe_change, describe_fields
    from coexplorer.library.entries import KEPT, MOUNT
    from coexplorer.library.field_diffs import describe_roles

    for entry in entries:
        is_text = entry.base is not None and entry.mine is not None
        in_conflict = entry.state == "conflict"
        is_told = in_conflict or (entry.origin == MOUNT and entry.state in KEPT)
        if not is_told or not (is_text or entry.roles):
            continue
        print_line("")
        print_line(f"yours, of {entry.asset_name} (entry {entry.id}):")
        if entry.base is not None and entry.mine is not None:
            for line in describe_change(entry.base, entry.mine):
                click.echo(line)
        for line in describe_fields(describe_roles(entry.roles_before, entry.roles)):
            click.echo(line)
        if not in_conflict:
            print_line(entry.hint)
            continue
        if entry.roles:
            print_line(
                f"theirs: coexplorer share {entry.asset_id[:8]}; share it again to have yours"
                f" anyway, or give it up: coexplorer discard {entry.id}"
            )
            continue
        print_line(
            f"theirs: coexplorer show {entry.asset_id[:8]}; edit again to have yours anyway, or "
            f"give it up: coexplorer discard {entry.id}"
        )
