"""``transfer``: moves the files of assets to other storage, for administrators."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from coexplorer.cli import exits
from coexplorer.cli.carry_out import carry_out, plan_options, wait_settled
from coexplorer.cli.deadline import Deadline, timeout_option
from coexplorer.cli.format import plural
from coexplorer.cli.output import Format, format_options
from coexplorer.cli.schema import OUTCOME
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.targets import choose_targets, read_targets, target_options
from coexplorer.cli.values import TEXT

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.plans import Plan
    from coexplorer.library.results import BatchReport


@click.command("transfer")
@target_options
@click.option(
    "--to",
    "target",
    type=TEXT,
    required=True,
    metavar="S3",
    help="s3://BUCKET/PREFIX; {id} stands for the asset's id, which several assets need.",
)
@click.option(
    "--endpoint", type=TEXT, metavar="NAME", help="A custom S3 endpoint that the platform knows."
)
@click.option("--force", is_flag=True, help="Also if a released pipeline uses them.")
@click.option("--again", is_flag=True, help="Also if an earlier transfer of them has not ended.")
@click.option("--wait", "waits", is_flag=True, help="Wait until the files have moved.")
@plan_options
@timeout_option
@format_options(OUTCOME)
@pass_invocation
def transfer_command(
    invocation: Invocation,
    /,
    *,
    assets: tuple[str, ...],
    query: str | None,
    target: str,
    endpoint: str | None,
    force: bool,
    again: bool,
    waits: bool,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    deadline: Deadline | None,
    style: Format,
) -> None:
    """Move the files of assets to other storage. Only administrators of the platform may.

    The platform goes on in the background. This can't be undone, so it always asks.
    """
    targets = read_targets(assets, query)
    if deadline is not None:
        deadline.doing = "nothing was transferred"

    async def work(library: Library) -> Plan:
        from coexplorer.library.plans import Change
        from coexplorer.library.transfer_target import Transferring, parse_target

        transferring = Transferring(parse_target(target, endpoint or ""), force, again)
        chosen = await choose_targets(library, targets, refresh=refresh, kept=False)
        change = Change(transferring=transferring)
        return await library.changes.plan(chosen.ids, change, fits=chosen.fits)

    plan = invocation.run(work, deadline=deadline)
    then = partial(_wait, invocation, deadline) if waits else None
    carry_out(invocation, plan, dry_run=dry_run, ask=not yes, style=style, then=then)


def _wait(
    invocation: Invocation, deadline: Deadline | None, report: BatchReport
) -> tuple[BatchReport, int]:
    """Wait until the files have moved; return how it ended, and an exit code."""
    left = sum(result.moving for result in report.results)
    if not left:
        return report, exits.OK

    return wait_settled(
        invocation,
        deadline,
        report,
        lambda library, tell: library.changes.wait_moved(report.batch_id, progress=tell),
        title="moving files",
        doing=f"the platform still moves the files of {plural(left, 'asset')}",
    )
