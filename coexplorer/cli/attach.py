"""``attach``, ``detach`` and ``attached``: the assets of a workstation, a capsule or a pipeline."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import click
import msgspec

from coexplorer.cli import exits
from coexplorer.cli.carry_out import carry_out, plan_options, wait_settled
from coexplorer.cli.completion import complete_workplaces
from coexplorer.cli.deadline import Deadline, timeout_option
from coexplorer.cli.format import plural
from coexplorer.cli.narration import Progress, note, warn
from coexplorer.cli.output import Format, format_options, print_line, print_rows, print_table
from coexplorer.cli.quiet import is_quiet
from coexplorer.cli.row_values import attached_values
from coexplorer.cli.schema import ATTACHED, OUTCOME
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.targets import choose_targets, read_targets, target_options
from coexplorer.cli.values import TEXT
from coexplorer.config.environment import find_session
from coexplorer.errors import PlatformTooOld
from coexplorer.text import clean

if TYPE_CHECKING:
    from coexplorer.cli.targets import Targets
    from coexplorer.computations import AttachedAsset
    from coexplorer.library import Library
    from coexplorer.library.plans import Plan
    from coexplorer.library.results import BatchReport
    from coexplorer.library.workplaces import FoundWorkplace
    from coexplorer.models import AssetId

_NAMED = 5
"""Of so many assets the folders are named one by one."""


@click.command("attach")
@target_options
@click.option(
    "--onto",
    "place",
    type=TEXT,
    metavar="WORKPLACE",
    shell_complete=complete_workplaces,
    help="A capsule, a pipeline or a workstation, by name or id; else this workstation.",
)
@click.option("--mount", metavar="FOLDER", help="The folder to mount it in, for a single asset.")
@click.option("--wait", "waits", is_flag=True, help="Wait until the files can be read.")
@plan_options
@timeout_option
@format_options(OUTCOME)
@pass_invocation
def attach_command(
    invocation: Invocation,
    /,
    *,
    assets: tuple[str, ...],
    query: str | None,
    place: str | None,
    mount: str | None,
    waits: bool,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    deadline: Deadline | None,
    style: Format,
) -> None:
    """Attach assets to this workstation, or to a capsule or pipeline.

    In a workstation, CO_COMPUTATION_ID says which one it is. If your workstation runs in the
    capsule that you name, the assets are attached to the workstation. Assets that are attached
    already stay as they are.
    """
    targets = read_targets(assets, query)
    if deadline is not None:
        deadline.doing = "nothing was attached"
    plan = invocation.run(
        partial(_plan, targets=targets, place=place, mount=mount or "", refresh=refresh),
        deadline=deadline,
    )
    _carry_out(
        invocation,
        plan,
        targets,
        dry_run=dry_run,
        yes=yes,
        style=style,
        then=partial(_go_on, invocation, deadline, waits=waits, tells=style is Format.TABLE),
    )


@click.command("detach")
@target_options
@click.option(
    "--from",
    "place",
    type=TEXT,
    metavar="WORKPLACE",
    shell_complete=complete_workplaces,
    help="A capsule, a pipeline or a workstation, by name or id; else this workstation.",
)
@plan_options
@format_options(OUTCOME)
@pass_invocation
def detach_command(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    *,
    place: str | None,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    style: Format,
) -> None:
    """Detach assets from this workstation, or from a capsule or pipeline.

    The assets stay on the platform. Undo attaches them again, in the same folders.
    """
    targets = read_targets(assets, query)
    plan = invocation.run(
        partial(_plan, targets=targets, place=place, detach=True, refresh=refresh)
    )
    _carry_out(invocation, plan, targets, dry_run=dry_run, yes=yes, style=style)


@click.command("attached")
@click.argument("place", metavar="[WORKPLACE]", required=False, shell_complete=complete_workplaces)
@format_options(ATTACHED)
@pass_invocation
def attached_command(invocation: Invocation, place: str | None, style: Format) -> None:
    """List what is attached to this workstation, or to a capsule or pipeline."""

    async def work(
        library: Library,
    ) -> tuple[FoundWorkplace, Sequence[AttachedAsset], dict[AssetId, str]]:
        found = await _find(library, place, to_list=True)
        attached = await library.workplaces.attached(found.workplace)
        with Progress("reading the names"):
            return found, attached, await library.workplaces.names(attached)

    from coexplorer.library.workplaces import find_data_folder

    found, attached, names = invocation.run(work)
    workplace = f"{found.workplace.kind}/{found.workplace.id}"
    rows = [attached_values(each, names.get(each.id, ""), workplace) for each in attached]
    if style is not Format.TABLE:
        print_rows(ATTACHED, rows, style)
        return
    if not rows:
        print_line(f"nothing is attached to {found.title}")
        return
    columns = [Column("ID"), Column("FOLDER", flexible=True), Column("NAME", flexible=True)]
    told = [
        [each.id[:8], each.mount or "?", names.get(each.id) or "(name not known here)"]
        for each in attached
    ]
    print_table(columns, told)
    folder = find_data_folder() if found.is_here else None
    where = f", in {folder}" if folder is not None else ""
    print_line(f"{plural(len(rows), 'asset')} attached to {found.title}{where}")


async def _find(library: Library, place: str | None, *, to_list: bool = False) -> FoundWorkplace:
    """Return the workplace that is meant, and say so where it is not the one that was named."""
    if place is None:
        return await library.workplaces.find_here(to_list=to_list)
    named = await library.workplaces.find(place)
    found = await library.workplaces.find_session(named)
    if found.workplace != named.workplace:
        note(f"this is about {found.title}, which runs in {named.title}")
    return found


async def _plan(
    library: Library,
    *,
    targets: Targets,
    place: str | None,
    mount: str = "",
    detach: bool = False,
    refresh: bool,
) -> Plan:
    from coexplorer.library.attachments import Attaching, pick_attached
    from coexplorer.library.bulk_change import Change

    found = await _find(library, place)
    ids: list[AssetId] = []
    if detach and targets.named:
        # What is attached there needs no name, and may be nobody's to see any more.
        with contextlib.suppress(PlatformTooOld):
            attached = await library.workplaces.attached(found.workplace)
            ids, rest = pick_attached(targets.named, attached)
            targets = msgspec.structs.replace(targets, named=tuple(rest))
    if not ids or targets.named:
        chosen = await choose_targets(library, targets, refresh=refresh, kept=False)
        ids = [*dict.fromkeys((*ids, *chosen.ids))]
    attaching = Attaching(found.workplace, found.title, detach, mount, found.capsule)
    return await library.changes.plan(ids, Change(attaching=attaching))


def _carry_out(
    invocation: Invocation,
    plan: Plan,
    targets: Targets,
    *,
    dry_run: bool,
    yes: bool,
    style: Format,
    then: Callable[[BatchReport], tuple[BatchReport, int]] | None = None,
) -> None:
    several = targets.query is not None or len(plan.items) > 1
    ask = several and not yes
    shows_plan = ask or (dry_run and style is Format.TABLE)
    if plan.caution and plan.todo and not shows_plan:
        warn(plan.caution)
    carry_out(invocation, plan, dry_run=dry_run, ask=ask, style=style, then=then)


def _go_on(
    invocation: Invocation,
    deadline: Deadline | None,
    report: BatchReport,
    *,
    waits: bool,
    tells: bool,
) -> tuple[BatchReport, int]:
    """Wait for the files, if that is wanted, and say where in this workstation they are."""
    report, code = _wait(invocation, deadline, report) if waits else (report, exits.OK)
    if tells and not is_quiet():
        for line in _name_folders(report):
            print_line(line)
    return report, code


def _name_folders(report: BatchReport) -> list[str]:
    """Return the paths of what this workstation has now; nothing where this is none."""
    from coexplorer.library.workplaces import find_data_folder

    here = f"computations/{find_session(os.environ)}"
    mounts = [each.roles[here] for each in report.applied if each.roles and here in each.roles]
    folder = find_data_folder() if mounts else None
    if folder is None:
        return []
    named = [str(folder / clean(mount)) for mount in mounts if mount]
    return named if len(named) <= _NAMED else [f"their files are in {folder}"]


def _wait(
    invocation: Invocation, deadline: Deadline | None, report: BatchReport
) -> tuple[BatchReport, int]:
    """Wait until what was attached has its files; return how it ended, and an exit code."""
    left = sum(result.is_mounting for result in report.results)
    if not left:
        return report, exits.OK

    return wait_settled(
        invocation,
        deadline,
        report,
        lambda library, tell: library.changes.wait_mounted(report.batch_id, progress=tell),
        title="mounting",
        doing=f"{plural(left, 'asset')} attached, but not mounted yet",
    )
