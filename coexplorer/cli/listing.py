"""``ls``: what a query finds."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING

import click
import msgspec

from coexplorer.cli.asset_keys import ASSET, LIGHT, OF_METADATA, find_keys, row_values
from coexplorer.cli.completion import complete_field, complete_names, complete_query, complete_tags
from coexplorer.cli.format import count_text, day_text, plural, size_text, used_text
from coexplorer.cli.freshness import (
    ensure_fresh,
    ensure_meant,
    hint_at_keys,
    hint_at_query,
    load_offline,
)
from coexplorer.cli.narration import note, warn
from coexplorer.cli.output import (
    Format,
    JsonWriter,
    RowWriter,
    build_column,
    choose_raw,
    encode_asset,
    encode_record,
    format_options,
    print_json,
    print_rows,
    print_table,
    raw_option,
    read_columns,
    show_columns,
    tell_value,
)
from coexplorer.cli.query_words import QueryCommand, join_words
from coexplorer.cli.row_kinds import Holds, Values
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.values import COUNT, NUMBER
from coexplorer.query import (
    SORT_FIELDS,
    Query,
    SortKey,
    asks_typed,
    find_field,
    parse_query,
    parse_value,
)
from coexplorer.text import UNTOLD, guess_word

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.known import Known
    from coexplorer.library.results import RemoteFound
    from coexplorer.metadata.schema import MetadataSchema
    from coexplorer.models import Asset, AssetId, Record, Row

_COLUMNS = {
    "id": Column("ID"),
    "mark": Column(""),
    "name": Column("NAME", flexible=True, keeps=True),
    "type": Column("TYPE"),
    "state": Column("STATE"),
    "size": Column("SIZE", right=True),
    "files": Column("FILES", right=True),
    "created": Column("CREATED"),
    "last_used": Column("USED"),
    "owner": Column("OWNER", flexible=True),
    "mount": Column("MOUNT", flexible=True),
    "tags": Column("TAGS", flexible=True),
}
_DEFAULT = ("id", "mark", "name", "type", "state", "size", "created", "tags")
_SPARE = ("created", "size", "state", "type", "tags")
"""Columns that nobody asked for leave the name its room, the last one first."""

_KEYS = {"used": "last_used"}
"""Names that people know from queries → keys."""

_SHORT_ID = 8
_RECORDS_AT_ONCE = 1000
"""So many full records are held in memory; an export can be of 100,000."""


@click.command("ls", cls=QueryCommand)
@click.argument("query", nargs=-1, shell_complete=complete_query)
@click.option(
    "--tag",
    "tags",
    multiple=True,
    metavar="TAG",
    shell_complete=complete_tags,
    help="With this tag (any of them).",
)
@click.option(
    "--type",
    "kind",
    metavar="TYPE",
    shell_complete=complete_field("type"),
    help="dataset, result, combined or model.",
)
@click.option(
    "--state",
    metavar="STATE",
    shell_complete=complete_field("state"),
    help="draft, ready or failed.",
)
@click.option(
    "--owner",
    metavar="TEXT",
    shell_complete=complete_field("owner"),
    help="Part of the owner's name or address.",
)
@click.option("--mine", is_flag=True, help="Made by you.")
@click.option("--shared", is_flag=True, help="Shared with you.")
@click.option("--favorite", is_flag=True, help="Your favorites on the platform.")
@click.option("--archived", is_flag=True, help="Only archived assets.")
@click.option("--all", "everything", is_flag=True, help="Include archived assets.")
@click.option(
    "--sort",
    metavar="FIELD",
    multiple=True,
    shell_complete=complete_field("sort"),
    help=f"Sort by {', '.join(name for name, _ in SORT_FIELDS)}; -FIELD: descending.",
)
@click.option("-n", "--limit", type=NUMBER, metavar="N", help="Show at most N.")
@click.option("--offset", type=COUNT, default=0, metavar="N", help="Skip the first N.")
@click.option(
    "--columns",
    metavar="A,B,…",
    shell_complete=complete_names(ASSET.names),
    help=f"Show only these columns, in any format: {', '.join(ASSET.names)}, metadata.KEY.",
)
@click.option("--refresh", is_flag=True, help="First reread all assets, to see edits by others.")
@click.option("--offline", is_flag=True, help="Answer from the local catalog, without the network.")
@click.option(
    "--remote",
    is_flag=True,
    help="Search on the platform instead of in the local catalog.",
)
@raw_option
@format_options(ASSET)
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
    raw: bool,
    style: Format,
) -> None:
    """List assets matching QUERY (default: everything that is not archived).

    The local catalog answers; if it is older than a minute, the platform is asked for news first.
    Quote a query that contains special characters of your shell, such as > or *.

    -tag:test leaves out assets with that tag. To leave out a word, write not:raw (-raw would be
    read as options).
    """
    if (refresh + offline + remote) > 1:
        raise click.UsageError("give only one of --refresh, --offline and --remote")
    style = choose_raw(style, raw=raw, columns=columns)
    join_words(query, None)
    check_type(kind)
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
    chosen = read_columns(ASSET, columns, _KEYS)
    answer = _Answer(style, raw=raw, columns=chosen)
    if remote:
        _list_remote(invocation, asked, answer, limit=limit, offset=offset)
        return

    async def read(known: Known) -> None:
        await load_offline(known)
        await ensure_meant(known, asked)
        await _list(known, asked, answer, limit=limit, offset=offset)
        await hint_at_query(known, asked)
        await hint_at_keys(known, [*find_keys(chosen).values()])

    async def work(library: Library) -> None:
        await ensure_fresh(library, refresh=refresh)
        await ensure_meant(library, asked)
        await _list(library, asked, answer, limit=limit, offset=offset)
        await hint_at_query(library, asked)
        await hint_at_keys(library, [*find_keys(chosen).values()])

    if offline:
        invocation.read(read)
    else:
        invocation.run(work)


def check_type(kind: str | None) -> None:
    """Refuse a type that no platform has: it would list nothing, as if there were nothing.

    Raises:
        click.UsageError: It is none.
    """
    field = find_field("type")
    known = [name for name, _ in field.choices] if field is not None else []
    if kind is not None and kind.lower() not in known:
        raise click.UsageError(
            f"--type {kind!r} is no type: {', '.join(known)}{guess_word(kind, known)}"
        )


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


class _Answer(msgspec.Struct, frozen=True):
    """How assets are printed.

    Attributes:
        raw: The platform's own objects, in JSON.
        columns: Only these; none: those of the format.
    """

    style: Format
    raw: bool = False
    columns: tuple[str, ...] = ()


async def _list(
    library: Library | Known, query: Query, answer: _Answer, *, limit: int | None, offset: int
) -> None:
    style = answer.style
    if style is Format.TABLE:
        total = await library.assets.count(query)
        wanted = max(0, total - offset) if limit is None else limit
        rows = await library.assets.window(query, offset=offset, limit=wanted) if wanted else []
        await _print_table(library, rows, answer.columns)
        _tell_count(len(rows), total)
        return
    if style is Format.IDS:
        ids = await _find_ids(library, query, limit=limit, offset=offset)
        click.echo("".join(f"{asset_id}\n" for asset_id in ids), nl=False)
        return
    light = style in {Format.CSV, Format.TSV} if not answer.columns else {*answer.columns} <= LIGHT
    if light and not answer.raw:
        wanted = await library.assets.count(query) if limit is None else limit
        rows = await library.assets.window(query, offset=offset, limit=wanted) if wanted else []
        print_rows(ASSET, map(row_values, rows), style, answer.columns)
        return
    ids = await _find_ids(library, query, limit=limit, offset=offset)
    if answer.raw:
        with JsonWriter(style) as raw_writer:
            async for records in _iter_records(library, ids):
                raw_writer.write(map(encode_record, records))
        return
    schema = await library.assets.metadata_schema()
    with RowWriter(ASSET, style, answer.columns) as writer:
        async for records in _iter_records(library, ids):
            writer.write(show_columns(each, answer.columns, schema, style) for each in records)


async def _iter_records(
    library: Library | Known, ids: list[AssetId]
) -> AsyncIterator[list[Record]]:
    """Yield full records, so many at once as memory is to hold."""
    for start in range(0, len(ids), _RECORDS_AT_ONCE):
        yield await library.assets.records(ids[start : start + _RECORDS_AT_ONCE])


async def _find_ids(
    library: Library | Known, query: Query, *, limit: int | None, offset: int
) -> list[AssetId]:
    return (await library.assets.ids(query))[offset : None if limit is None else offset + limit]


async def _print_table(library: Library | Known, rows: list[Row], chosen: tuple[str, ...]) -> None:
    """Print rows for people; ids are short as long as that leaves them unique."""
    names = chosen or _own_columns(library.settings.columns)
    details: dict[str, Values] = {}
    if not _COLUMNS.keys() | LIGHT >= {*names}:
        records = await library.assets.records([row.id for row in rows])
        schema = await library.assets.metadata_schema()
        details = {
            each.asset.id: show_columns(each, names, schema, Format.TABLE) for each in records
        }
    short = len({row.id[:_SHORT_ID] for row in rows}) == len(rows)
    tellers = [_find_teller(name, details, short_id=short) for name in names]
    cells = [[tell(row) for tell in tellers] for row in rows]
    print_table([_build_column(name, asked=bool(chosen)) for name in names], cells)


def _build_column(name: str, *, asked: bool) -> Column:
    known = _COLUMNS.get(name)
    if known is None:
        return build_column(ASSET, name)
    spare = 0 if asked or name not in _SPARE else _SPARE.index(name) + 1
    return msgspec.structs.replace(known, spare=spare)


def _own_columns(configured: tuple[str, ...]) -> tuple[str, ...]:
    named = (_KEYS.get(name, name) for name in configured)
    known = tuple(name for name in named if name in _COLUMNS)
    return ("id", *(name for name in known if name != "id")) if known else _DEFAULT


def _tell_count(shown: int, total: int) -> None:
    found = plural(total, "asset")
    note(found if shown == total else f"{shown:,} of {found}")


def _find_teller(name: str, details: dict[str, Values], *, short_id: bool) -> Callable[[Row], str]:
    """Return what makes the cell of a column out of a row."""
    if name == "id":
        return (lambda row: row.id[:_SHORT_ID]) if short_id else (lambda row: row.id)
    if name in _CELLS:
        return _CELLS[name]
    if name.startswith(OF_METADATA):
        return lambda row: tell_value(details.get(row.id, {}).get(name), Holds.TEXT)
    key = ASSET.find_key(name)
    if key is None:
        raise AssertionError
    return lambda row: tell_value((details.get(row.id) or row_values(row)).get(name), key.holds)


_CELLS: dict[str, Callable[[Row], str]] = {
    "name": lambda row: row.name,
    "type": lambda row: row.type or UNTOLD,
    "state": lambda row: row.state or UNTOLD,
    "mark": lambda row: ("★" if row.favorite else "") + ("⌂" if row.archived else ""),
    "size": lambda row: size_text(row.size_bytes),
    "files": lambda row: count_text(row.files),
    "created": lambda row: day_text(row.created),
    "last_used": lambda row: used_text(row.last_used),
    "tags": lambda row: " ".join(row.tags),
}


def _list_remote(
    invocation: Invocation, query: Query, answer: _Answer, *, limit: int | None, offset: int
) -> None:
    async def work(library: Library) -> tuple[RemoteFound, MetadataSchema]:
        if asks_typed(query):
            await library.platform.metadata_schema()
            await ensure_meant(library, query)
        found = await library.platform.find(query, offset=offset, limit=limit)
        if not found.assets or any(term.negated for term in query.terms):
            await hint_at_query(library, query, found=len(found.assets))
        keys = find_keys(answer.columns)
        await hint_at_keys(library, [*keys.values()])
        schemas = library.platform if keys else library.assets
        return found, await schemas.metadata_schema()

    found, schema = invocation.run(work)
    assets = found.assets
    if found.incomplete:
        why = f" ({found.reason})" if found.reason else ""
        warn(f"the platform shows only a part of what it finds{why}; narrow the query, or sync")
        invocation.partial = True
    if found.left_out:
        invocation.partial = True
        from coexplorer.library.status import describe_left_out

        warn(describe_left_out(found.left_out))
    if answer.raw:
        print_json([encode_asset(asset, None) for asset in assets], answer.style)
    elif answer.style is Format.TABLE and not answer.columns:
        names = [name for name in _DEFAULT if name != "mark"]
        columns = [_build_column(name, asked=False) for name in names]
        print_table(columns, [_remote_cells(each) for each in assets])
        _tell_count(len(assets), len(assets))
    else:
        rows = (show_columns(each, answer.columns, schema, answer.style) for each in assets)
        print_rows(ASSET, rows, answer.style, answer.columns)


def _remote_cells(asset: Asset) -> list[str]:
    return [
        asset.id,
        asset.name,
        asset.type or UNTOLD,
        asset.state or UNTOLD,
        size_text(asset.size_bytes),
        day_text(asset.created),
        " ".join(asset.tags),
    ]
