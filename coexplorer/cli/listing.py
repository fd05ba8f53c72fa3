"""``ls``: what a query finds."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import click
import msgspec

from coexplorer.cli.completion import complete_query
from coexplorer.cli.format import count_text, day_text, plural, size_text, used_text
from coexplorer.cli.narration import note, warn
from coexplorer.cli.output import (
    Format,
    JsonWriter,
    encode_asset,
    encode_record,
    format_options,
    print_json,
    print_table,
    print_tsv,
)
from coexplorer.cli.session import Invocation, ensure_fresh, load_offline, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.values import COUNT, NUMBER
from coexplorer.cli.words import QueryCommand
from coexplorer.query import (
    SORT_FIELDS,
    Query,
    SortKey,
    parse_query,
    parse_value,
    platform_part,
)

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.results import RemoteFound
    from coexplorer.models import Asset, Row

_COLUMNS = {
    "id": Column("ID"),
    "mark": Column(""),
    "name": Column("NAME", flexible=True),
    "type": Column("TYPE"),
    "state": Column("STATE"),
    "size": Column("SIZE", right=True),
    "files": Column("FILES", right=True),
    "created": Column("CREATED"),
    "used": Column("USED"),
    "owner": Column("OWNER", flexible=True),
    "mount": Column("MOUNT", flexible=True),
    "tags": Column("TAGS", flexible=True),
}
_DEFAULT = ("id", "mark", "name", "type", "state", "size", "created", "tags")
_TSV = (
    "id",
    "name",
    "type",
    "state",
    "size_bytes",
    "files",
    "created",
    "last_used",
    "owner",
    "mount",
    "tags",
    "archived",
    "favorite",
    "mine",
    "shared",
)
_SHORT_ID = 8
_RECORDS_AT_ONCE = 1000
"""So many full records are held in memory; an export can be of 100,000."""


@click.command("ls", cls=QueryCommand)
@click.argument("query", nargs=-1, shell_complete=complete_query)
@click.option("--tag", "tags", multiple=True, metavar="TAG", help="With this tag (any of them).")
@click.option("--type", "kind", metavar="TYPE", help="dataset, result, combined or model.")
@click.option("--state", metavar="STATE", help="draft, ready or failed.")
@click.option("--owner", metavar="TEXT", help="Part of the owner's name or address.")
@click.option("--mine", is_flag=True, help="Made by you.")
@click.option("--shared", is_flag=True, help="Shared with you.")
@click.option("--favorite", is_flag=True, help="Your favorites on the platform.")
@click.option("--archived", is_flag=True, help="Only archived ones.")
@click.option("--all", "everything", is_flag=True, help="Archived ones too.")
@click.option(
    "--sort",
    metavar="FIELD",
    multiple=True,
    help=f"Sort by {', '.join(name for name, _ in SORT_FIELDS)}; -FIELD: descending.",
)
@click.option("--limit", type=NUMBER, help="So many at most.")
@click.option("--offset", type=COUNT, default=0, help="Leave so many out first.")
@click.option("--columns", metavar="A,B,…", help=f"Of {', '.join(_COLUMNS)}.")
@click.option("--refresh", is_flag=True, help="Read all assets anew first, edits by others too.")
@click.option("--offline", is_flag=True, help="Show what is known, without the network.")
@click.option(
    "--remote",
    is_flag=True,
    help="Let the platform itself search; what it can't judge is judged here.",
)
@format_options(Format.JSON, Format.JSON_LINES, Format.TSV, Format.IDS)
@pass_invocation
def ls_command(
    invocation: Invocation,
    query: tuple[str, ...],
    *,
    tags: tuple[str, ...],
    kind: str | None,
    state: str | None,
    owner: str | None,
    mine: bool,
    shared: bool,
    favorite: bool,
    archived: bool,
    everything: bool,
    sort: tuple[str, ...],
    limit: int | None,
    offset: int,
    columns: str | None,
    refresh: bool,
    offline: bool,
    remote: bool,
    style: Format,
) -> None:
    """List the assets that QUERY finds; all that are not archived without one.

    The local catalog answers, after asking the platform for news if it is older than a minute.
    Several arguments are put together with blanks; quote a query that holds characters of your
    shell: coexplorer ls 'tag:raw -tag:test size:>10GB' --sort -size

    A word that begins with - is an option, unless it is a term such as -tag:test. After -- all
    belongs to QUERY: coexplorer ls -- -raw lists what does not hold raw.
    """
    if (refresh + offline + remote) > 1:
        raise click.UsageError("give only one of --refresh, --offline and --remote")
    if columns is not None and (remote or style is not Format.TABLE):
        raise click.UsageError("--columns is for the table of the local catalog alone")
    if not all(word.strip() for word in query):
        raise click.UsageError("a word of QUERY is empty; give none to list all")
    flags = {"mine": mine, "shared": shared, "favorite": favorite, "archived": archived}
    flags["any"] = everything
    given = [("tag", tag) for tag in tags]
    given += [
        (field, text)
        for field, text in (("type", kind), ("state", state), ("owner", owner))
        if text is not None
    ]
    given += [("is", name) for name, on in flags.items() if on]
    given += [("sort", key) for key in sort]
    asked = read_query(query, given)
    chosen = _read_columns(columns)
    if remote:
        _list_remote(invocation, asked, limit=limit, offset=offset, style=style)
        return

    async def work(library: Library) -> None:
        if offline:
            await load_offline(library)
        else:
            await ensure_fresh(library, refresh=refresh)
        await _list(library, asked, limit=limit, offset=offset, style=style, columns=chosen)

    invocation.run(work, offline=offline)


def read_query(words: tuple[str, ...], given: list[tuple[str, str]]) -> Query:
    """Put the words of a command line and its options, as fields with their values, together.

    Raises:
        QueryError: There is a mistake in the query, or in the value of an option.
    """
    parsed = parse_query(" ".join(words))
    options = [parse_value(*each) for each in given]
    terms = [each for each in options if not isinstance(each, SortKey)]
    sort = [each for each in options if isinstance(each, SortKey)]
    return Query((*parsed.terms, *terms), (*sort, *parsed.sort))


def _read_columns(text: str | None) -> tuple[str, ...]:
    if text is None:
        return ()
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    unknown = [name for name in names if name not in _COLUMNS]
    if unknown or not names:
        raise click.UsageError(f"--columns: expected some of {', '.join(_COLUMNS)}")
    return names


async def _list(
    library: Library,
    query: Query,
    *,
    limit: int | None,
    offset: int,
    style: Format,
    columns: tuple[str, ...],
) -> None:
    total = await library.count(query)
    wanted = max(0, total - offset) if limit is None else limit
    if style in {Format.JSON, Format.JSON_LINES}:
        ids = (await library.ids(query))[offset : offset + wanted]
        with JsonWriter(style) as writer:
            for start in range(0, len(ids), _RECORDS_AT_ONCE):
                records = await library.records(ids[start : start + _RECORDS_AT_ONCE])
                writer.write(encode_record(record) for record in records)
    elif style is Format.IDS:
        for asset_id in (await library.ids(query))[offset : offset + wanted]:
            click.echo(asset_id)
    else:
        rows = await library.window(query, offset=offset, limit=wanted) if wanted else []
        if style is Format.TSV:
            print_tsv(_TSV, ([getattr(row, name) for name in _TSV] for row in rows))
        else:
            _print_rows(rows, columns or _own_columns(library.settings.columns))
            _tell_count(len(rows), total)


def _own_columns(configured: tuple[str, ...]) -> tuple[str, ...]:
    known = tuple(name for name in configured if name in _COLUMNS)
    return ("id", *(name for name in known if name != "id")) if known else _DEFAULT


def _tell_count(shown: int, total: int) -> None:
    found = plural(total, "asset")
    note(found if shown == total else f"{shown:,} of {found}")


def _print_rows(rows: list[Row], names: tuple[str, ...]) -> None:
    """Print rows for people; ids are short as long as that leaves them unique."""
    short = len({row.id[:_SHORT_ID] for row in rows}) == len(rows)
    cells = [[_cell(row, name, short_id=short) for name in names] for row in rows]
    print_table([_COLUMNS[name] for name in names], cells)


def _cell(row: Row, name: str, *, short_id: bool) -> str:
    if name == "id":
        return row.id[:_SHORT_ID] if short_id else row.id
    shown = _CELLS.get(name)
    return str(getattr(row, name) or "") if shown is None else shown(row)


_CELLS: dict[str, Callable[[Row], str]] = {
    "mark": lambda row: ("★" if row.favorite else "") + ("⌂" if row.archived else ""),
    "size": lambda row: size_text(row.size_bytes),
    "files": lambda row: count_text(row.files),
    "created": lambda row: day_text(row.created),
    "used": lambda row: used_text(row.last_used),
    "tags": lambda row: " ".join(row.tags),
}


def _list_remote(
    invocation: Invocation, query: Query, *, limit: int | None, offset: int, style: Format
) -> None:
    platform_part(query)  # a query that can't be judged is told before the library is opened

    async def work(library: Library) -> RemoteFound:
        return await library.find_remote(query, offset=offset, limit=limit)

    found = invocation.run(work)
    assets = found.assets
    if found.incomplete:
        warn("the platform shows only a part of what it finds; narrow the query, or sync")
        invocation.partial = True
    if found.left_out:
        warn(f"{plural(found.left_out, 'row')} of the platform's without a usable id left out")
    if style in {Format.JSON, Format.JSON_LINES}:
        print_json([encode_asset(asset, None) for asset in assets], style)
    elif style is Format.IDS:
        for asset in assets:
            click.echo(asset.id)
    elif style is Format.TSV:
        members = msgspec.structs.fields(type(assets[0])) if assets else ()
        names = [name for name in _TSV if name in {member.name for member in members}]
        print_tsv(names or _TSV, ([getattr(each, name) for name in names] for each in assets))
    else:
        names = [name for name in _DEFAULT if name != "mark"]
        print_table([_COLUMNS[name] for name in names], [_remote_cells(each) for each in assets])
        _tell_count(len(assets), len(assets))


def _remote_cells(asset: Asset) -> list[str]:
    return [
        asset.id,
        asset.name,
        asset.type,
        asset.state,
        size_text(asset.size_bytes),
        day_text(asset.created),
        " ".join(asset.tags),
    ]
