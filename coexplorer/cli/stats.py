"""``stats`` and ``duplicates``: what the catalog knows beyond single assets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coexplorer.cli.cells import can_say
from coexplorer.cli.completion import complete_query
from coexplorer.cli.format import day_text, draw_bar, plural, size_text
from coexplorer.cli.freshness import ensure_fresh, ensure_meant, hint_at_query, load_offline
from coexplorer.cli.output import Format, format_options, print_line, print_rows, print_table
from coexplorer.cli.query_words import QueryCommand, join_words
from coexplorer.cli.row_values import iter_duplicates, iter_stats
from coexplorer.cli.schema import DUPLICATE, SHARE
from coexplorer.cli.screen import paper_width
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.targets import read_selection
from coexplorer.cli.values import OneOf
from coexplorer.text import clean, width

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coexplorer.library import Library
    from coexplorer.models import Duplicates, Share, Stats

_TOP = 12
"""This many lines of each list are shown to people; other formats have all."""

_MONTHS = 24
_BAR_CELLS = 20
_SHORTEST_BAR = 6
_LABEL_CELLS = 10
"""So much of a label must be left beside the shortest bar."""
_GAP_CELLS = 2

_LISTS = (
    ("by_state", "STATE"),
    ("by_type", "TYPE"),
    ("by_owner", "OWNER"),
    ("by_age", "AGE"),
    ("by_month", "MONTH"),
    ("by_place", "PLACE"),
    ("by_tag", "TAG"),
)
_TITLES = {name.removeprefix("by_"): title for name, title in _LISTS}


@click.command("stats", cls=QueryCommand)
@click.argument("words", metavar="[QUERY]...", nargs=-1, shell_complete=complete_query)
@click.option("--query", metavar="QUERY", shell_complete=complete_query, help="The same as QUERY.")
@click.option(
    "--by",
    multiple=True,
    type=OneOf([name.removeprefix("by_") for name, _ in _LISTS]),
    metavar="LIST",
    help=f"Only this list: {', '.join(name.removeprefix('by_') for name, _ in _LISTS)}.",
)
@click.option("--offline", is_flag=True, help="Answer from the local catalog, without the network.")
@format_options(SHARE, columns=True)
@pass_invocation
def stats_command(
    invocation: Invocation,
    words: tuple[str, ...],
    *,
    query: str | None,
    by: tuple[str, ...],
    offline: bool,
    columns: tuple[str, ...],
    style: Format,
) -> None:
    """Count assets and bytes by state, type, owner, tag, age, month and place; name the largest.

    A bar shows a line's share of the largest size in its list.

    Archived assets are counted too, unless you give a QUERY: then add is:any.
    """
    text = join_words(words, query)
    asked = None if text is None else read_selection(text)

    async def work(library: Library) -> Stats:
        await _freshen(library, offline=offline)
        if asked is not None:
            await ensure_meant(library, asked)
            await hint_at_query(library, asked)
        return await library.assets.stats(asked)

    stats = invocation.run(work, offline=offline)
    if style is not Format.TABLE or columns:
        rows = (row for row in iter_stats(stats) if not by or row["by"] in by)
        print_rows(SHARE, rows, style, columns)
        return
    if by:
        for each in by:
            _print_shares(_TITLES[each], getattr(stats, f"by_{each}"))
        return
    _print_totals(stats)
    for attribute, title in _LISTS:
        shares = getattr(stats, attribute)
        if shares:
            click.echo()
            _print_shares(title, shares)
    click.echo()
    largest = [(row.id[:8], size_text(row.size_bytes), row.name) for row in stats.largest]
    head = [Column("LARGEST"), Column("SIZE", right=True), Column("NAME", flexible=True)]
    print_table(head, largest)


def _print_shares(title: str, shares: Sequence[Share]) -> None:
    """Print a list with bars: its largest shares, or its last months."""
    shown = shares[-_MONTHS:] if title == "MONTH" else shares[:_TOP]
    most = max((each.size_bytes for each in shown), default=0)
    cells = [(each.label, f"{each.assets:,}", size_text(each.size_bytes)) for each in shown]
    head = [
        Column(title, flexible=True, keeps=True),
        Column("ASSETS", right=True),
        Column("SIZE", right=True),
    ]
    paper = paper_width()
    bar_cells = _BAR_CELLS if paper is None else fit_bar(paper, [(title, "ASSETS", "SIZE"), *cells])
    if bar_cells and can_say("█▏"):
        bars = [draw_bar(each.size_bytes, most, bar_cells) for each in shown]
        rows = [(*row, bar) for row, bar in zip(cells, bars, strict=True)]
        narrow = bar_cells < _BAR_CELLS  # then the room is shared as the bar's length says
        head[0] = Column(title, flexible=True, keeps=not narrow)
        print_table([*head, Column("", spare=1)], rows)
    else:
        print_table(head, cells)
    if len(shares) > len(shown):
        where = "earlier" if title == "MONTH" else "more"
        click.echo(f"… and {len(shares) - len(shown):,} {where}")


def fit_bar(terminal_cells: int, rows: Sequence[tuple[str, str, str]]) -> int:
    """Return how long bars are beside a list's labels, counts and sizes; 0: no room (pure)."""
    label, *others = (max(map(width, map(clean, column))) for column in zip(*rows, strict=True))
    room = terminal_cells - sum(others) - 3 * _GAP_CELLS
    if room >= label + _SHORTEST_BAR:
        return min(_BAR_CELLS, room - label)
    return _SHORTEST_BAR if room >= min(label, _LABEL_CELLS) + _SHORTEST_BAR else 0


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
        return await library.assets.duplicates()

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
        click.echo("No two assets look the same.")
