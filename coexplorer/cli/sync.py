"""``sync``: all assets of the platform into the local catalog."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coexplorer.cli.format import plural
from coexplorer.cli.freshness import with_sync_progress
from coexplorer.cli.narration import warn_once
from coexplorer.cli.output import Format, format_options, print_object
from coexplorer.cli.row_values import sync_values
from coexplorer.cli.schema import SYNC
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.errors import CatalogError

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.results import SyncReport


@click.command("sync")
@click.option(
    "--force", is_flag=True, help="Accept the result even if many assets have disappeared."
)
@format_options(SYNC)
@pass_invocation
def sync_command(invocation: Invocation, *, force: bool, style: Format) -> None:
    """Read all assets of the platform into the local catalog.

    Other commands do this by themselves when it is needed.
    """

    async def work(library: Library) -> SyncReport:
        status = await library.status()
        if not status.is_kept:
            raise CatalogError(
                status.catalog_problem,
                hint="fix that, or set XDG_CACHE_HOME to a folder on another disk",
            )
        return await with_sync_progress(library, lambda: library.sync.sweep(force=force))

    try:
        report = invocation.run(work)
    except CatalogError as error:
        if not error.is_damaged:
            raise
        report = invocation.run(work)  # opened again, it is rebuilt
    invocation.partial = not report.complete or bool(report.gaps)
    for sentence in report.gaps:
        warn_once(sentence)
    if style is not Format.TABLE:
        print_object(SYNC, sync_values(report), style)
        return
    click.echo(describe_sync(report))


def describe_sync(report: SyncReport) -> str:
    """Return what a sweep came to as one line (pure)."""
    total = plural(report.total, "asset")
    if not report.complete:
        why = "did not show all of them"
        if report.endless:
            why = (
                "goes on listing without end, so it was given up, and what was new in it is not"
                " kept; tell who runs the platform"
            )
        total = f"at least {total} (the platform {why})"
    line = f"{total} in {report.duration_s:.1f} s"
    if report.removed:
        line += f", {report.removed:,} gone"
    return f"{line}, read by another process" if report.by_other else line
