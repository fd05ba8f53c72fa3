"""``transfer``: moves the files of assets to other storage, for administrators."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import click

from coexplorer.cli import exits
from coexplorer.cli.carry_out import carry_out, plan_options, wait_settled
from coexplorer.cli.deadline import Deadline, timeout_option
from coexplorer.cli.format import plural
from coexplorer.cli.narration import warn
from coexplorer.cli.outcomes import finish
from coexplorer.cli.output import Format, format_options
from coexplorer.cli.schema import OUTCOME
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.targets import choose_targets, read_targets, target_options
from coexplorer.cli.values import TEXT
from coexplorer.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coexplorer.cli.targets import Targets
    from coexplorer.library import Library
    from coexplorer.library.entries import Entry
    from coexplorer.library.plans import Plan
    from coexplorer.library.results import BatchReport
    from coexplorer.models import AssetId

_TITLE = "moving files"
_NAMED = 5
"""So many assets are named in the command that waits for them again."""


@click.command("transfer")
@target_options
@click.option(
    "--to",
    "target",
    type=TEXT,
    metavar="S3",
    help="s3://BUCKET/PREFIX; {id} stands for the asset's id, which several assets need.",
)
@click.option(
    "--endpoint", type=TEXT, metavar="NAME", help="A custom S3 endpoint that the platform knows."
)
@click.option("--force", is_flag=True, help="Also if a released pipeline uses them.")
@click.option("--again", is_flag=True, help="Also if an earlier transfer of them has not ended.")
@click.option(
    "--wait",
    "waits",
    is_flag=True,
    help="Wait until the files have moved; without --to, of what was begun before.",
)
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
    target: str | None,
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
    if target is None:
        if not waits or again or force or endpoint or dry_run:
            raise click.UsageError(
                "say where to with --to; --wait alone waits for what was begun before"
            )
        _follow(invocation, deadline, targets, refresh=refresh, style=style)
        return
    if deadline is not None:
        deadline.doing = "nothing was transferred"

    async def work(library: Library) -> Plan:
        from coexplorer.library.bulk_change import Change
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
    left = [result.asset_id for result in report.results if result.moving]
    if not left:
        return report, exits.OK
    return wait_settled(
        invocation,
        deadline,
        report,
        lambda library, tell: library.changes.wait_moved(report.batch_id, progress=tell),
        title=_TITLE,
        doing=f"the platform still moves the files of {plural(len(left), 'asset')}",
        again=_name_again(left),
    )


def _follow(
    invocation: Invocation,
    deadline: Deadline | None,
    targets: Targets,
    *,
    refresh: bool,
    style: Format,
) -> None:
    """Wait for transfers that some earlier run of this user has begun; nothing is sent."""
    from coexplorer.library.entries import State
    from coexplorer.library.transfer_target import tell_unfinished

    async def find(library: Library) -> tuple[BatchReport, list[Entry]]:
        chosen = await choose_targets(library, targets, refresh=refresh, kept=False)
        entries = await library.changes.unfinished_transfers(chosen.ids)
        others = len({*chosen.ids} - {each.asset_id for each in entries})
        if not entries:
            raise Refused(
                f"no transfer of {'it' if others == 1 else 'them'} that this computer has begun is"
                " on its way",
                hint="coexplorer show tells when an asset was last transferred",
            )
        if others:
            warn(f"{plural(others, 'other asset')} of these: no transfer is on its way")
        return await library.changes.transfers_report(entries), entries

    if deadline is not None:
        deadline.doing = "still looking for the transfers"
    report, entries = invocation.run(find, deadline=deadline)
    for each in entries:
        if each.state is State.UNKNOWN:
            warn(f"{each.asset_name} ({each.asset_id[:8]}): {tell_unfinished(each).message}")
    ids = list(dict.fromkeys(each.asset_id for each in entries))
    report, code = wait_settled(
        invocation,
        deadline,
        report,
        lambda library, tell: library.changes.follow_transfers(entries, progress=tell),
        title=_TITLE,
        doing=f"{plural(len(ids), 'asset')} not moved yet, as far as anybody knows",
        again=_name_again(ids),
        report_again=lambda library: library.changes.transfers_report(entries),
    )
    finish(report, style, code=code)


def _name_again(ids: Sequence[AssetId]) -> str:
    """Return the command that waits for transfers of assets once more."""
    named = " ".join(each[:8] for each in ids[:_NAMED])
    return f"coexplorer transfer --wait {named}{' …' if len(ids) > _NAMED else ''}"
