"""``stats``, ``duplicates`` and ``lineage``: what the catalog knows beyond single assets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coexplorer.cli.completion import complete_query
from coexplorer.cli.format import day_text, plural, size_text
from coexplorer.cli.output import Format, format_options, print_line, print_rows, print_table
from coexplorer.cli.schema import (
    DUPLICATE,
    RELATIVE,
    SHARE,
    Values,
    iter_duplicates,
    iter_stats,
    relative_values,
)
from coexplorer.cli.session import Invocation, ensure_fresh, load_offline, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.targets import asset_argument, find_targets, read_selection, read_targets
from coexplorer.cli.words import QueryCommand, join_words

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.results import Lineage
    from coexplorer.models import Duplicates, Relative, Stats

_TOP = 12
"""So many lines of each list are shown to people; JSON holds all."""

_LISTS = (
    ("by_state", "STATE"),
    ("by_type", "TYPE"),
    ("by_owner", "OWNER"),
    ("by_age", "AGE"),
    ("by_place", "KEPT"),
    ("by_tag", "TAG"),
)


@click.command("stats", cls=QueryCommand)
@click.argument("words", metavar="[QUERY]...", nargs=-1, shell_complete=complete_query)
@click.option("--query", metavar="QUERY", shell_complete=complete_query, help="The same as QUERY.")
@click.option("--offline", is_flag=True, help="Answer from the local catalog, without the network.")
@format_options(SHARE, columns=True)
@pass_invocation
def stats_command(
    invocation: Invocation,
    words: tuple[str, ...],
    *,
    query: str | None,
    offline: bool,
    columns: tuple[str, ...],
    style: Format,
) -> None:
    """Count assets and bytes by state, type, owner, tag, age and place; name the largest.

    Archived assets are counted too, unless a query leaves them out.
    """
    text = join_words(words, query)
    asked = None if text is None else read_selection(text)

    async def work(library: Library) -> Stats:
        await _freshen(library, offline=offline)
        return await library.stats(asked)

    stats = invocation.run(work, offline=offline)
    if style is not Format.TABLE or columns:
        print_rows(SHARE, iter_stats(stats), style, columns)
        return
    _print_totals(stats)
    for attribute, title in _LISTS:
        shares = getattr(stats, attribute)
        if shares:
            click.echo()
            rows = [(each.label, f"{each.assets:,}", size_text(each.size_bytes)) for each in shares]
            head = [Column(title, flexible=True), Column("ASSETS", right=True)]
            print_table([*head, Column("SIZE", right=True)], rows[:_TOP])
            if len(rows) > _TOP:
                click.echo(f"… and {len(rows) - _TOP:,} more")
    click.echo()
    rows = [(row.id[:8], size_text(row.size_bytes), row.name) for row in stats.largest]
    head = [Column("LARGEST"), Column("SIZE", right=True), Column("NAME", flexible=True)]
    print_table(head, rows)


def _print_totals(stats: Stats) -> None:
    rows = [
        (share.label, f"{share.assets:,}", size_text(share.size_bytes))
        for share in (stats.total, stats.archived, stats.never_used)
    ]
    columns = [Column(""), Column("ASSETS", right=True), Column("SIZE", right=True)]
    print_table(columns, rows)


async def _freshen(library: Library, *, offline: bool) -> None:
    if offline:
        await load_offline(library)
    else:
        await ensure_fresh(library)


@click.command("duplicates")
@click.option("--offline", is_flag=True, help="Answer from the local catalog, without the network.")
@format_options(DUPLICATE, columns=True)
@pass_invocation
def duplicates_command(
    invocation: Invocation, *, offline: bool, columns: tuple[str, ...], style: Format
) -> None:
    """Find assets with the same name, the same place in S3, or the same inputs and capsule.

    All formats except table leave out the oldest of each group, so you can pipe them to archive.
    """

    async def work(library: Library) -> list[Duplicates]:
        await _freshen(library, offline=offline)
        return await library.duplicates()

    groups = invocation.run(work, offline=offline)
    if style is Format.IDS:
        ids = {row["id"]: row for row in iter_duplicates(groups)}  # one may be in several groups
        print_rows(DUPLICATE, ids.values(), style)
        return
    if style is not Format.TABLE or columns:
        print_rows(DUPLICATE, iter_duplicates(groups), style, columns)
        return
    for group in groups:
        shared = group.shared if group.why != "inputs" else "made from the same by one capsule"
        print_line(f"same {group.why}: {shared} ({plural(len(group.rows), 'asset')})")
        cells = [
            (row.id[:8], size_text(row.size_bytes), day_text(row.created), row.name)
            for row in group.rows
        ]
        head = [Column("  ID"), Column("SIZE", right=True), Column("CREATED")]
        print_table(
            [*head, Column("NAME", flexible=True)],
            [(f"  {first}", *rest) for first, *rest in cells],
        )
    if not groups:
        click.echo("No two assets look like the same.")


@click.command("lineage")
@asset_argument
@click.option("--offline", is_flag=True, help="Answer from the local catalog, without the network.")
@format_options(RELATIVE, columns=True)
@pass_invocation
def lineage_command(
    invocation: Invocation, *, asset: str, offline: bool, columns: tuple[str, ...], style: Format
) -> None:
    """Show what an asset was made from, and what was made from it."""
    if asset == "-":
        raise click.UsageError("lineage is of one asset; - is a list")
    targets = read_targets((asset,), None)

    async def work(library: Library) -> tuple[Lineage, str]:
        await _freshen(library, offline=offline)
        (asset_id,) = await find_targets(library, targets, guess=True, fresh=False)
        record = await library.record(asset_id)
        return await library.lineage(asset_id), "" if record is None else record.asset.name

    lineage, name = invocation.run(work, offline=offline)
    if style is not Format.TABLE or columns:
        rows: list[Values] = [
            relative_values(relative, lineage.asset_id, depth)
            for depth, relatives in ((-1, lineage.parents), (1, lineage.children))
            for relative in relatives
        ]
        print_rows(RELATIVE, rows, style, columns)
        return
    print_line(f"{lineage.asset_id[:8]}  {name}")
    _print_relatives("made from", lineage.parents)
    _print_relatives("what was made from it", lineage.children)


def _print_relatives(title: str, relatives: tuple[Relative, ...]) -> None:
    print_line(f"{title}:" if relatives else f"{title}: nothing that is known")
    for relative in relatives:
        contains = "  (contained)" if relative.kind == "contains" else ""
        name = relative.row.name if relative.row else "(not known here)"
        print_line(f"  {relative.id[:8]}  {name}{contains}")
