"""``tags``: all of them with their counts; renaming and merging, as bulk edits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from coexplorer.cli.carry_out import carry_out, plan_options
from coexplorer.cli.completion import complete_query, complete_tags
from coexplorer.cli.freshness import (
    ensure_found,
    ensure_fresh,
    ensure_meant,
    hint_at_query,
    load_offline,
)
from coexplorer.cli.output import Format, format_options, print_rows, print_table
from coexplorer.cli.query_words import QueryGroup, join_words
from coexplorer.cli.schema import OUTCOME, TAG
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.targets import read_selection
from coexplorer.cli.values import NUMBER
from coexplorer.errors import NotThere
from coexplorer.query import Flag, Match, Query

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.plans import Plan

_QUERY = click.option(
    "--query",
    metavar="QUERY",
    shell_complete=complete_query,
    help="Only on assets that match (default: all).",
)


_ELSEWHERE = {
    **dict.fromkeys(("list", "ls", "show", "all", "count"), "tags"),
    **dict.fromkeys(("add", "create", "new", "set"), "edit ASSET --add-tag TAG"),
    **dict.fromkeys(("remove", "rm", "delete", "del"), "edit ASSET --remove-tag TAG"),
    **dict.fromkeys(("mv", "move"), "tags rename OLD NEW"),
}
"""What people type for a command → what it is called here."""


@click.group(
    "tags",
    cls=QueryGroup,
    elsewhere=_ELSEWHERE,
    invoke_without_command=True,
    subcommand_metavar="[QUERY]... | COMMAND [ARGS]...",
)
@click.option("--query", metavar="QUERY", shell_complete=complete_query, help="The same as QUERY.")
@click.option("-n", "--limit", type=NUMBER, metavar="N", help="Show at most N.")
@click.option("--offline", is_flag=True, help="Answer from the local catalog, without the network.")
@format_options(TAG, columns=True)
@click.pass_context
def tags_command(
    ctx: click.Context,
    words: tuple[str, ...],
    query: str | None,
    *,
    limit: int | None,
    offline: bool,
    columns: tuple[str, ...],
    style: Format,
) -> None:
    """List tags, most used first: of all assets, or of those matching QUERY."""
    if ctx.invoked_subcommand is not None:
        if query is not None or limit or offline or columns or style is not Format.TABLE:
            raise click.UsageError(f"give options behind {ctx.invoked_subcommand}")
        return
    text = join_words(words, query)
    asked = None if text is None else read_selection(text)
    invocation = ctx.find_object(Invocation)
    if invocation is None:
        raise AssertionError

    async def work(library: Library) -> list[tuple[str, int]]:
        if offline:
            await load_offline(library)
        else:
            await ensure_fresh(library)
        if asked is not None:
            await ensure_meant(library, asked)
            await hint_at_query(library, asked)
        return await library.assets.tag_counts(asked)

    counts = invocation.run(work, offline=offline)[:limit]
    if style is Format.TABLE and not columns:
        rows = [(tag, f"{count:,}") for tag, count in counts]
        print_table([Column("TAG", flexible=True), Column("ASSETS", right=True)], rows)
    else:
        rows_of = ({"tag": tag, "assets": count} for tag, count in counts)
        print_rows(TAG, rows_of, style, columns)


@tags_command.command("rename")
@click.argument("old", shell_complete=complete_tags)
@click.argument("new", shell_complete=complete_tags)
@_QUERY
@plan_options
@format_options(OUTCOME)
@pass_invocation
def rename_command(
    invocation: Invocation,
    old: str,
    new: str,
    query: str | None,
    *,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    style: Format,
) -> None:
    """Rename tag OLD to NEW, on archived assets too."""
    _retag(invocation, (old,), new, query, dry_run=dry_run, yes=yes, refresh=refresh, style=style)


@tags_command.command("merge")
@click.argument("tags", metavar="TAG...", nargs=-1, required=True, shell_complete=complete_tags)
@click.option(
    "--into",
    required=True,
    metavar="TAG",
    shell_complete=complete_tags,
    help="The tag that replaces them; it may be one of them.",
)
@_QUERY
@plan_options
@format_options(OUTCOME)
@pass_invocation
def merge_command(
    invocation: Invocation,
    tags: tuple[str, ...],
    into: str,
    query: str | None,
    *,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    style: Format,
) -> None:
    """Merge several tags into one, on archived assets too."""
    _retag(invocation, tags, into, query, dry_run=dry_run, yes=yes, refresh=refresh, style=style)


def _retag(
    invocation: Invocation,
    old: tuple[str, ...],
    new: str,
    query: str | None,
    *,
    dry_run: bool,
    yes: bool,
    refresh: bool,
    style: Format,
) -> None:
    from coexplorer.library.retag import build_retag, find_tagged

    if set(old) == {new}:
        raise click.UsageError(f"the old and the new tag are both {new!r}: nothing would change")
    asked = Query((Flag("any"),)) if query is None else read_selection(query)

    async def work(library: Library) -> Plan:
        tagged = Query((Flag("any"), *(Match("tag", tag) for tag in old)))
        await ensure_meant(library, asked)
        known_at = await ensure_found(library, tagged, refresh=refresh, kept=True)
        found = await find_tagged(library, old, asked)
        if not found:
            tags = " or ".join(old)
            where = "" if query is None else " among those that the query finds"
            since = f", as far as was known at {known_at}" if known_at else ""
            hint = "coexplorer tags lists them; --refresh reads all assets anew"
            raise NotThere(f"no asset{where} has the tag {tags}{since}", hint=hint)
        return await library.changes.plan(list(found), build_retag(old, new), fits=found)

    carry_out(invocation, invocation.run(work), dry_run=dry_run, ask=not yes, style=style)
