"""``archive``, ``unarchive`` and ``rm``."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from coexplorer.cli.carry_out import carry_out, plan_options
from coexplorer.cli.format import plural
from coexplorer.cli.freshness import with_sync_progress
from coexplorer.cli.narration import Progress, note, warn
from coexplorer.cli.output import Format, format_options
from coexplorer.cli.schema import OUTCOME
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.targets import choose_targets, read_targets, target_options
from coexplorer.text import clean

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.bulk_change import Change
    from coexplorer.library.plans import Plan
    from coexplorer.models import AssetId

_uses_option = click.option(
    "--uses/--no-uses",
    default=None,
    help="Also show what uses them, as far as you can see (default: for up to 20, in a plan that is"
    " shown).",
)


@click.command("archive")
@target_options
@_uses_option
@plan_options
@format_options(OUTCOME)
@pass_invocation
def archive_command(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    *,
    uses: bool | None,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    style: Format,
) -> None:
    """Archive assets. They no longer show up in lists; unarchive brings them back."""
    from coexplorer.library.bulk_change import Change

    change = Change(archive=True)

    def asks(plan: Plan) -> bool:
        return _ask(plan, query, yes=yes)

    shown = None if uses is False else lambda plan: dry_run or asks(plan)
    plan = _plan(invocation, assets, query, change, refresh=refresh, uses=bool(uses), shown=shown)
    carry_out(invocation, plan, dry_run=dry_run, ask=asks(plan), style=style)


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
    from coexplorer.library.bulk_change import Change

    change = Change(archive=False)
    plan = _plan(invocation, assets, query, change, refresh=refresh)
    carry_out(invocation, plan, dry_run=dry_run, ask=_ask(plan, query, yes=yes), style=style)


@click.command("rm")
@target_options
@click.option(
    "--archive-first", is_flag=True, help="Also archive assets that are not archived yet."
)
@_uses_option
@plan_options
@format_options(OUTCOME)
@pass_invocation
def rm_command(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    *,
    archive_first: bool,
    uses: bool | None,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    style: Format,
) -> None:
    """Delete archived assets for good. This can't be undone, so it always asks."""
    from coexplorer.library.bulk_change import Change

    change = Change(delete=True, archive_first=archive_first)
    shown = None if uses is False else lambda _: dry_run or not yes
    plan = _plan(invocation, assets, query, change, refresh=refresh, uses=bool(uses), shown=shown)
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
    uses: bool = False,
    shown: Callable[[Plan], bool] | None = None,
) -> Plan:
    """Make a plan.

    Args:
        invocation: This run.
        assets: As they were named.
        query: What finds them instead.
        change: What to do with them.
        refresh: Read all assets first.
        uses: Also say what uses them, however many they are, and even if no plan is shown.
        shown: Tells whether people see the plan before it is carried out: if so, it says what uses
            a few. None: it says nothing of that.
    """
    targets = read_targets(assets, query)

    async def work(library: Library) -> Plan:
        # A delete is not kept for later, when nobody looks any more.
        kept = not change.delete
        chosen = await choose_targets(library, targets, refresh=refresh, kept=kept)
        if change.delete:
            await _ensure_archived_is_known(library, chosen.ids)
        plan = await library.changes.plan(chosen.ids, change, fits=chosen.fits)
        is_shown = shown is not None and shown(plan)
        if not uses and not is_shown:
            return plan
        plan = await _add_uses(library, plan, bidden=uses)
        if not is_shown:
            _tell_uses(plan)
        return plan

    return invocation.run(work)


async def _add_uses(library: Library, plan: Plan, *, bidden: bool) -> Plan:
    """Say in a plan what uses the assets that it removes; unbidden, only of a few, and soon."""
    from coexplorer.library.plans import tell_uses
    from coexplorer.library.used_by import ASKED_UNBIDDEN, FRESH_S, WAIT_UNBIDDEN_S

    ids = plan.removed
    if not ids:
        return plan
    if not bidden and len(ids) > ASKED_UNBIDDEN:
        note(f"what uses these {len(ids):,} assets was not asked; --uses asks")
        return plan
    with Progress("asking what uses them") as bar:
        found = await library.workplaces.uses(
            ids,
            progress=lambda read: bar.update(read, len(ids)),
            trust_s=FRESH_S,
            within_s=None if bidden else WAIT_UNBIDDEN_S,
        )
    return tell_uses(plan, found)


def _tell_uses(plan: Plan) -> None:
    """Say what uses assets where nobody is asked: who wanted to know has it with the outcome."""
    from coexplorer.library.used_by import describe_uses

    told = [(item, item.uses) for item in plan.todo if item.uses is not None]
    for item, uses in told:
        if not uses.is_unused:
            warn(f"{clean(item.name)} ({item.asset_id[:8]}): {clean(describe_uses(uses))}")
    if unused := sum(uses.is_unused for _, uses in told):
        warn(f"nothing that you can see uses {plural(unused, 'asset')}")


async def _ensure_archived_is_known(library: Library, ids: list[AssetId]) -> None:
    """Sweep once if no search has said of some asset yet whether it is archived."""
    records = await library.assets.records(ids)
    if any(record.membership.archived is None for record in records):
        await with_sync_progress(library, library.sync.sweep)
