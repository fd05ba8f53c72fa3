"""``share``: who can see assets, shown and changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from coexplorer.cli import exits
from coexplorer.cli.carry_out import carry_out, plan_options
from coexplorer.cli.completion import complete_grant, complete_members
from coexplorer.cli.exits import leave
from coexplorer.cli.narration import Progress, report_error, warn
from coexplorer.cli.output import Format, format_options, print_line, print_rows
from coexplorer.cli.row_values import access_values
from coexplorer.cli.schema import ACCESS
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.targets import choose_targets, find_targets, read_targets, target_options
from coexplorer.cli.values import OneOf
from coexplorer.errors import CoexplorerError, InvalidField
from coexplorer.sharing.changes import SharingChange
from coexplorer.sharing.roles import (
    EVERYONE,
    NONE,
    Kind,
    Sharing,
    kind_of,
    list_members,
    list_roles,
    name_group,
    name_user,
    title_of,
)
from coexplorer.sharing.written import check_name, parse_grant
from coexplorer.text import clean, cut_word

if TYPE_CHECKING:
    from coexplorer.cli.targets import Targets
    from coexplorer.library import Library
    from coexplorer.library.permissions import Seen
    from coexplorer.library.plans import Plan
    from coexplorer.models import Record

_SHORTEST = 24
"""Cells of the column of members: most addresses fit."""


@click.command("share")
@target_options
@click.option(
    "--everyone",
    type=OneOf(list_roles("everyone")),
    multiple=True,  # so that two can be refused
    help="What everybody may do who can sign in.",
)
@click.option(
    "--user",
    "users",
    multiple=True,
    metavar="ADDRESS:ROLE",
    shell_complete=complete_grant("user"),
    help=f"Give a user a role: {', '.join(list_roles('user')[:-1])}.",
)
@click.option(
    "--group",
    "groups",
    multiple=True,
    metavar="GROUP:ROLE",
    shell_complete=complete_grant("group"),
    help=f"Give a group a role: {', '.join(list_roles('group')[:-1])}.",
)
@click.option(
    "--remove",
    "removals",
    multiple=True,
    metavar="NAME",
    shell_complete=complete_members,
    help="Take away the access of a user (address) or a group.",
)
@plan_options
@format_options(ACCESS)
@pass_invocation
def share_command(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    *,
    everyone: tuple[str, ...],
    users: tuple[str, ...],
    groups: tuple[str, ...],
    removals: tuple[str, ...],
    dry_run: bool,
    yes: bool,
    refresh: bool,
    style: Format,
) -> None:
    """Share assets, or show who can see them if you give no change.

    Anyone you do not name keeps their access, including what others give them meanwhile. The
    result is read back, and users and groups that the platform does not know are named. If you
    would no longer be an owner, you are asked first, unless you add --yes.
    """
    targets = read_targets(assets, query)
    change = read_change(everyone, users, groups, removals, gives_up=yes)
    if change is None:
        if dry_run or yes:
            raise click.UsageError(
                "what is to be changed? Give --everyone, --user, --group or --remove"
            )
        _show(invocation, targets, style, refresh=refresh)
        return
    from coexplorer.library.share_plans import allow_losses, list_absent, list_losses

    plan = invocation.run(lambda library: _plan(library, targets, change, refresh=refresh))
    for name in list_absent(plan, change):
        warn(f"{name} has no access to {'it' if len(plan.items) == 1 else 'any of them'}")
    losses = list_losses(plan)
    several = targets.query is not None or len(plan.items) > 1
    ask = (several or bool(losses)) and not yes
    if losses and not dry_run:
        plan = allow_losses(plan)  # as it is asked about
    if plan.caution and plan.todo and not (ask or dry_run):
        warn(plan.caution)
    carry_out(invocation, plan, dry_run=dry_run, ask=ask, style=style)


def read_change(
    everyone: Sequence[str],
    users: Sequence[str],
    groups: Sequence[str],
    removals: Sequence[str],
    *,
    gives_up: bool,
) -> SharingChange | None:
    """Return what the options ask for; None: they ask for nothing (pure).

    Raises:
        click.UsageError: One of them can't be read, or somebody is named twice.
    """
    given = [(EVERYONE, role) for role in everyone]
    kinds: tuple[tuple[Kind, Sequence[str]], ...] = (("user", users), ("group", groups))
    try:
        given += [parse_grant(kind, each) for kind, texts in kinds for each in texts]
        for name in removals:
            check_name(name)
    except InvalidField as error:
        raise click.UsageError(error.message.removeprefix(f"{error.field}: ")) from None
    roles: dict[str, str] = {}
    for member, role in given:
        if roles.setdefault(member, role) != role:
            raise click.UsageError(f"{title_of(member)} is given two roles: choose one")
    for name in removals:
        if name == EVERYONE:
            raise click.UsageError("to take away everyone's access, give --everyone none")
        for member in (name_user(name), name_group(name)):
            if roles.get(member, NONE) != NONE:
                raise click.UsageError(f"{name} is given a role and removed: choose one")
    if not roles and not removals:
        return None
    return SharingChange(roles, tuple(dict.fromkeys(removals)), gives_up)


async def _plan(
    library: Library, targets: Targets, change: SharingChange, *, refresh: bool
) -> Plan:
    from coexplorer.library.bulk_change import Change

    chosen = await choose_targets(library, targets, refresh=refresh, kept=True)
    with Progress("asking who can see them") as bar:
        return await library.changes.plan(
            chosen.ids,
            Change(sharing=change),
            fits=chosen.fits,
            heard=lambda read: bar.update(read, len(chosen.ids)),
        )


def _show(invocation: Invocation, targets: Targets, style: Format, *, refresh: bool) -> None:
    """Print who can see assets, as the platform says now."""

    async def work(library: Library) -> list[tuple[Record, Seen]]:
        if refresh:
            from coexplorer.cli.freshness import ensure_fresh

            await ensure_fresh(library, refresh=True)
        ids = await find_targets(library, targets, guess=True)
        with Progress("asking who can see them") as bar:
            seen = await library.platform.sharing(
                ids, progress=lambda read: bar.update(read, len(ids))
            )
        return [(record, seen[record.asset.id]) for record in await library.assets.records(ids)]

    found = invocation.run(work)
    codes = [_tell_failure(record, seen) for record, seen in found]
    read = [(record, seen) for record, seen in found if isinstance(seen, Sharing)]
    if style is not Format.TABLE:
        rows = (access_values(record.asset, seen) for record, seen in read)
        print_rows(ACCESS, (row for each in rows for row in each), style)
    else:
        for index, (record, seen) in enumerate(read):
            if index:
                print_line("")
            name = click.style(clean(cut_word(record.asset.name)), bold=True)
            click.echo(f"{name}  {record.asset.id[:8]}")
            for line in describe_sharing(seen):
                click.echo(f"  {line}")
    leave(exits.of_outcomes([code for code in codes if code], any_done=bool(read)))


def _tell_failure(record: Record, seen: Seen) -> int:
    """Say why nobody can tell who can see an asset; return the exit code of that."""
    if isinstance(seen, Sharing):
        return exits.OK
    error: CoexplorerError
    if seen is None:
        from coexplorer.library.permissions import say_unseen

        error = say_unseen()
    else:
        error = seen
    report_error(error, about=f"{record.asset.name} ({record.asset.id[:8]})")
    return exits.code_of(error)


def describe_sharing(sharing: Sharing) -> Iterator[str]:
    """Yield a line for each member: who, and their role (pure)."""
    for member, role in list_members(sharing):
        who = cut_word(title_of(member))
        if kind_of(member) == "group":
            who = f"{who} (group)"
        yield f"{clean(who):<{_SHORTEST}}  {clean(cut_word(role))}"
    if not sharing.roles:
        yield "nobody is named"
    if sharing.odd:
        yield f"and {sharing.odd} more that coexplorer does not know"
