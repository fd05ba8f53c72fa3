"""``archive``, ``unarchive`` and ``rm``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coexplorer.cli.carry_out import carry_out, plan_options
from coexplorer.cli.freshness import with_sync_progress
from coexplorer.cli.output import Format, format_options
from coexplorer.cli.schema import OUTCOME
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.targets import choose_targets, read_targets, target_options

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.plans import Change, Plan
    from coexplorer.models import AssetId


@click.command("archive")
@target_options
@plan_options
@format_options(OUTCOME)
@pass_invocation
def archive_command(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    *,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    style: Format,
) -> None:
    """Archive assets. They no longer show up in lists; unarchive brings them back."""
    from coexplorer.library.plans import Change

    change = Change(archive=True)
    plan = _plan(invocation, assets, query, change, refresh=refresh)
    carry_out(invocation, plan, dry_run=dry_run, ask=_ask(plan, query, yes=yes), style=style)


@click.command("unarchive")
@target_options
@plan_options
@format_options(OUTCOME)
@pass_invocation
def unarchive_command(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    *,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    style: Format,
) -> None:
    """Bring assets back from the archive. A query needs is:archived to find them."""
    from coexplorer.library.plans import Change

    change = Change(archive=False)
    plan = _plan(invocation, assets, query, change, refresh=refresh)
    carry_out(invocation, plan, dry_run=dry_run, ask=_ask(plan, query, yes=yes), style=style)


@click.command("rm")
@target_options
@click.option(
    "--archive-first", is_flag=True, help="Also archive assets that are not archived yet."
)
@plan_options
@format_options(OUTCOME)
@pass_invocation
def rm_command(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    *,
    archive_first: bool,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    style: Format,
) -> None:
    """Delete archived assets for good. This can't be undone, so it always asks."""
    from coexplorer.library.plans import Change

    change = Change(delete=True, archive_first=archive_first)
    plan = _plan(invocation, assets, query, change, refresh=refresh)
    carry_out(invocation, plan, dry_run=dry_run, ask=not yes, style=style)


def _ask(plan: Plan, query: str | None, *, yes: bool) -> bool:
    """Tell whether to ask first: not where one asset was named, which can be brought back."""
    return (query is not None or len(plan.items) > 1) and not yes


def _plan(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    change: Change,
    *,
    refresh: bool,
) -> Plan:
    targets = read_targets(assets, query)

    async def work(library: Library) -> Plan:
        # A delete is not kept for later, when nobody looks any more.
        kept = not change.delete
        chosen = await choose_targets(library, targets, refresh=refresh, kept=kept)
        if change.delete:
            await _ensure_archived_is_known(library, chosen.ids)
        return await library.changes.plan(chosen.ids, change, fits=chosen.fits)

    return invocation.run(work)


async def _ensure_archived_is_known(library: Library, ids: list[AssetId]) -> None:
    """Sweep once if no search has said of some asset yet whether it is archived."""
    records = await library.assets.records(ids)
    if any(record.membership.archived is None for record in records):
        await with_sync_progress(library, library.sync.sweep)
