"""``log``, ``undo``, ``redo``, ``retry`` and ``discard``: what was done here, and what waits."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING

import click
import msgspec

from coexplorer.cli import exits
from coexplorer.cli.format import moment_text
from coexplorer.cli.narration import report_error
from coexplorer.cli.output import Format, format_options, print_json, print_line, print_table
from coexplorer.cli.plans import DONE, finish, follow, leave
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.values import NUMBER
from coexplorer.errors import CoexplorerError, Refused
from coexplorer.text import clean

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
    Column("WHEN"),
    Column("BY"),
    Column("WHAT", flexible=True),
    Column("OUTCOME"),
)


@click.command("log")
@click.argument("change", type=NUMBER, required=False)
@click.option("--limit", type=NUMBER, default=30, help="So many at most.")
@click.option("--entries", is_flag=True, help="Every asset's own entry, not only the changes.")
@format_options(Format.JSON, Format.JSON_LINES)
@pass_invocation
def log_command(
    invocation: Invocation, change: int | None, *, limit: int, entries: bool, style: Format
) -> None:
    """Show what was done here; what waits for you is on top.

    CHANGE is a number of the log: what became of each asset. JSON is always one object an entry.
    """
    if change is not None:
        report = invocation.run(lambda library: library.batch_report(change), offline=True)
        _print_report(report, style)
        return

    async def work(library: Library) -> tuple[list[Entry], list[Batch], list[Entry]]:
        waiting = await library.unsent()
        return waiting, await library.batches(limit=limit), await library.log(limit=limit)

    waiting, batches, log = invocation.run(work, offline=True)
    if style is not Format.TABLE:
        print_json((msgspec.json.encode(entry) for entry in log), style)
        return
    if waiting:
        click.echo(click.style("Waiting for you: coexplorer retry, or discard", bold=True))
        print_table(_ENTRY_COLUMNS, [_entry_cells(entry) for entry in waiting])
        click.echo()
    if entries:
        print_table(_ENTRY_COLUMNS, [_entry_cells(entry) for entry in log])
    elif batches:
        print_table(_BATCH_COLUMNS, [_batch_cells(batch) for batch in batches])
    else:
        click.echo("Nothing was done here yet.")


def _entry_cells(entry: Entry) -> list[str]:
    return [
        str(entry.id),
        moment_text(entry.at),
        entry.origin,
        entry.action,
        entry.state,
        f"{entry.asset_name} ({entry.asset_id[:8]})" if entry.asset_id else entry.asset_name,
        entry.reason,
    ]


def _batch_cells(batch: Batch) -> list[str]:
    counts = ", ".join(f"{count} {state}" for state, count in batch.counts.items())
    what = batch.title
    if batch.reverses is not None:
        what = f"{what} (batch {batch.reverses})"
    return [str(batch.id), moment_text(batch.at), batch.origin, what, counts]


def _print_report(report: BatchReport, style: Format) -> None:
    from coexplorer.cli.plans import encode_result

    if style is not Format.TABLE:
        print_json((encode_result(result) for result in report.results), style)
        return
    print_line(report.title)
    rows = [
        (
            result.asset_id[:8],
            result.state,
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


@click.command("undo")
@click.argument("change", type=NUMBER, required=False)
@format_options(Format.JSON, Format.JSON_LINES)
@pass_invocation
def undo_command(invocation: Invocation, change: int | None, *, style: Format) -> None:
    """Take back the last change, or CHANGE of the log.

    What somebody changed since is left alone and named. A delete can't be undone.
    """
    report = invocation.run(
        lambda library: follow(library, "undoing", partial(library.undo, change))
    )
    finish(report, style, way_back="coexplorer redo")


@click.command("redo")
@format_options(Format.JSON, Format.JSON_LINES)
@pass_invocation
def redo_command(invocation: Invocation, *, style: Format) -> None:
    """Do again what the last undo took back."""
    report = invocation.run(lambda library: follow(library, "doing again", library.redo))
    finish(report, style)


@click.command("retry")
@click.argument("entries", metavar="[ENTRY]...", type=NUMBER, nargs=-1)
@click.option("--batch", type=NUMBER, metavar="CHANGE", help="Go on with an interrupted change.")
@pass_invocation
def retry_command(invocation: Invocation, entries: tuple[int, ...], *, batch: int | None) -> None:
    """Send changes again that could not be sent: all that wait, or ENTRY of the log."""
    if batch is not None:
        if entries:
            raise click.UsageError("give entries or --batch, not both")
        report = invocation.run(
            lambda library: follow(library, "going on", partial(library.resume, batch))
        )
        finish(report)
        return
    _each(invocation, entries, _retry)


@click.command("discard")
@click.argument("entries", metavar="ENTRY...", type=NUMBER, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All that wait.")
@pass_invocation
def discard_command(invocation: Invocation, entries: tuple[int, ...], *, everything: bool) -> None:
    """Give up changes that could not be sent; the log keeps their text."""
    if bool(entries) == everything:
        raise click.UsageError("give entries of the log, or --all")
    _each(invocation, entries, _discard)


async def _retry(library: Library, entry_id: int) -> str:
    result = await library.retry(entry_id)
    if result.error is not None:
        raise result.error
    if result.state == "unchanged":
        return f"{result.asset_name} is so already; nothing was sent"
    return f"{DONE[result.action]} {result.asset_name}"


async def _discard(library: Library, entry_id: int) -> str:
    entry = await library.discard(entry_id)
    return f"gave up entry {entry.id}: {entry.action} {entry.asset_name}"


def _each(
    invocation: Invocation,
    entries: tuple[int, ...],
    do: Callable[[Library, int], Awaitable[str]],
) -> None:
    """Do something with each entry (none given: all that wait), and tell each outcome."""

    async def work(library: Library) -> tuple[int, list[CoexplorerError]]:
        chosen = entries or tuple(entry.id for entry in await library.unsent())
        if not chosen:
            raise Refused("nothing waits for you", hint="coexplorer log shows what was done")
        errors: list[CoexplorerError] = []
        for entry_id in chosen:
            try:
                click.echo(clean(await do(library, entry_id)))
            except CoexplorerError as error:
                report_error(error)
                errors.append(error)
        return len(chosen), errors

    count, errors = invocation.run(work)
    codes = {exits.code_of(error) for error in errors}
    if errors:
        leave(codes.pop() if len(codes) == 1 and len(errors) == count else exits.PARTLY)
