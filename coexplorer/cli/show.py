"""``show`` and ``open``: assets, all of each."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from coexplorer.asset_extras import read_extras
from coexplorer.cli.asset_keys import ASSET, find_keys
from coexplorer.cli.format import count_text, moment_text, size_text, wrap
from coexplorer.cli.freshness import hint_at_keys, load_offline
from coexplorer.cli.narration import note, warn
from coexplorer.cli.output import (
    Format,
    choose_raw,
    encode_record,
    format_options,
    print_json,
    print_rows,
    raw_option,
    show_columns,
)
from coexplorer.cli.query_words import QueryCommand
from coexplorer.cli.screen import paper_width
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.targets import find_targets, read_targets, reading_options
from coexplorer.errors import ApiError
from coexplorer.fields import FIELDS, FieldKind
from coexplorer.metadata.showing import show_value
from coexplorer.sharing.roles import Sharing, list_members, name_group, title_of
from coexplorer.text import UNTOLD, clean, clean_lines, cut_word

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.metadata.schema import MetadataSchema
    from coexplorer.models import Asset, AssetId, Membership, Record

_LABEL = 14
_NARROW = 50
"""On fewer columns a value begins below its label."""

_MOST_MEMBERS = 100
"""Members that are listed of those who can see an asset."""

_MOST_SHARED = 10
"""Of so many assets the platform is asked who can see them; ``share`` tells it of any number."""
_SOON_S = 3.0

_MOST_PAGES = 20
"""A browser that is sent more of them at once helps nobody."""


@click.command("show", cls=QueryCommand)
@reading_options
@click.option("--offline", is_flag=True, help="Answer from the local catalog, without the network.")
@raw_option
@format_options(ASSET, columns=True)
@pass_invocation
def show_command(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    *,
    offline: bool,
    raw: bool,
    columns: tuple[str, ...],
    style: Format,
) -> None:
    """Show everything about assets, read from the platform just now."""
    style = choose_raw(style, raw=raw, columns=",".join(columns) or None)
    targets = read_targets(assets, query, reads=True)

    for_people = style is Format.TABLE and not (raw or columns)
    shared: dict[AssetId, Sharing] = {}

    async def work(library: Library) -> tuple[list[Record], MetadataSchema]:
        if offline:
            await load_offline(library)
        ids = await find_targets(library, targets, guess=True, fresh=not offline)
        if for_people and not offline and len(ids) <= _MOST_SHARED:
            shared.update(await _read_sharing(library, ids))
        records = await library.assets.records(ids)
        asks = not offline and any(each.asset.metadata for each in records)
        schemas = library.platform if asks else library.assets
        await hint_at_keys(library, [*find_keys(columns).values()])
        return records, await schemas.metadata_schema()

    records, schema = invocation.run(work, offline=offline)
    if raw:
        print_json(map(encode_record, records), style)
        return
    if style is not Format.TABLE or columns:
        rows = (show_columns(record, columns, schema, style) for record in records)
        print_rows(ASSET, rows, style, columns)
        return
    for index, record in enumerate(records):
        if index:
            click.echo()
        known = shared.get(record.asset.id)
        for line in describe_record(record, schema, columns=paper_width(), sharing=known):
            click.echo(line)


async def _read_sharing(library: Library, ids: list[AssetId]) -> dict[AssetId, Sharing]:
    """Ask who can see assets, as far as the platform tells soon: all else is known by then."""
    import anyio

    with anyio.move_on_after(_SOON_S):
        seen = await library.platform.sharing(ids)
        return {each: now for each, now in seen.items() if isinstance(now, Sharing)}
    return {}


def describe_record(
    record: Record,
    schema: MetadataSchema | None = None,
    *,
    columns: int | None = None,
    sharing: Sharing | None = None,
) -> list[str]:
    """Return all that is known of an asset as lines for people, cleaned (pure).

    Args:
        record: The asset.
        sharing: Who can see it; None: not known.
        schema: Says how custom metadata are shown; None: nobody knows.
        columns: Break values between words to fit so many; None: leave each in its line.
    """
    asset = record.asset
    extras = read_extras(asset)
    pairs = [("id", asset.id), *_iter_editable(asset), *_plain_pairs(asset, record.membership)]
    pairs += [
        ("parameters", extras.parameters),
        ("profile", extras.profile),
        ("transferred", "" if extras.transferred is None else moment_text(extras.transferred)),
        ("not moved", extras.not_moved),
    ]
    if sharing is not None:
        pairs += [("shared with", text) for text in _list_access(sharing)]
    lines = [click.style(clean(cut_word(asset.name)), bold=True)]
    for label, known in pairs:
        if known:
            lines += _describe_value(label, clean(known), columns)
    for key, value in (asset.metadata or {}).items():
        shown = show_value(schema.find(key) if schema else None, value, units=True)
        lines += _describe_value("metadata", f"{clean(key)}: {clean(shown)}", columns)
    for key, value in extras.others.items():
        shown = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        lines += _describe_value("other", f"{clean(key)}: {clean(shown)}", columns)
    for field in FIELDS:
        if field.kind is FieldKind.TEXT and (text := field.text_of(asset)):
            lines.append("")
            for line in clean_lines(text):
                broken = [line] if columns is None else wrap(line, columns - 2)
                lines += [f"  {each}" for each in broken]
    return lines


def _list_access(sharing: Sharing) -> list[str]:
    """Return who can see an asset beside its only owner: ``everyone: viewer``."""
    groups = {name_group(name) for name in sharing.groups}
    told = [
        f"{cut_word(title_of(member))}{' (group)' if member in groups else ''}: {cut_word(role)}"
        for member, role in list_members(sharing)
    ]
    if len(told) > _MOST_MEMBERS:
        told[_MOST_MEMBERS:] = [f"and {len(told) - _MOST_MEMBERS:,} more: see coexplorer share"]
    return told if len(told) > 1 else ["nobody else"]


def _describe_value(label: str, value: str, columns: int | None) -> list[str]:
    """Return a label and its value; on a narrow terminal the value begins below it (pure)."""
    if columns is None:
        return [f"  {label:<{_LABEL}}{value}"]
    if columns < _NARROW:
        return [f"  {label}", *(f"    {line}" for line in wrap(value, columns - 4))]
    first, *rest = wrap(value, columns - _LABEL - 2)
    return [f"  {label:<{_LABEL}}{first}", *(" " * (_LABEL + 2) + line for line in rest)]


def _iter_editable(asset: Asset) -> Iterator[tuple[str, str]]:
    """Yield titles and values of what stands neither above nor below: the name and texts do."""
    for field in FIELDS:
        if field.kind is FieldKind.SET:
            yield field.title, "  ".join(map(cut_word, field.set_of(asset)))
        elif field.kind is FieldKind.LINE and field.name != "name":
            yield field.title, cut_word(field.text_of(asset))


def _plain_pairs(asset: Asset, membership: Membership) -> list[tuple[str, str]]:
    flags = [
        name for name in ("archived", "favorite", "mine", "shared") if getattr(membership, name)
    ]
    source, made = asset.source, asset.provenance
    pairs = [
        ("state", cut_word(asset.state or UNTOLD)),
        ("failure", asset.failure_reason),
        ("type", cut_word(asset.type or UNTOLD)),
        ("is", ", ".join(flags)),
        ("owner", cut_word(asset.owner)),
        ("size", size_text(asset.size_bytes)),
        ("files", count_text(asset.files)),
        ("created", moment_text(asset.created)),
        ("last used", "never" if asset.last_used == 0 else moment_text(asset.last_used)),
    ]
    if source is not None and source.bucket:
        kept = "stays there" if source.external else "copied"
        place = f"{source.origin or 'aws'}: {source.bucket}/{source.prefix}"
        pairs.append(("source", f"{place} ({kept})"))
    if made is not None:
        pairs += [
            ("commit", made.commit),
            ("run script", made.run_script),
            ("docker image", made.docker_image),
            ("capsule", made.capsule),
            ("computation", made.computation),
            ("made from", "  ".join(made.data_assets)),
        ]
    pairs.append(("contains", "  ".join(asset.contained)))
    return pairs


@click.command("open", cls=QueryCommand)
@reading_options
@click.option("--print", "only_print", is_flag=True, help="Only print the links.")
@pass_invocation
def open_command(
    invocation: Invocation, assets: tuple[str, ...], query: str | None, *, only_print: bool
) -> None:
    """Open assets' web pages in the browser; over SSH, print the links."""
    targets = read_targets(assets, query, reads=True)

    async def work(library: Library) -> list[str]:
        try:
            ids = await find_targets(library, targets, guess=True)
        except ApiError:
            # The page may open anyway: what is known here is enough for a link.
            ids = await find_targets(library, targets, guess=True, fresh=False)
        return [f"{library.settings.base_url}/data-assets/{asset_id}" for asset_id in ids]

    links = invocation.run(work)
    remote = bool(os.environ.get("SSH_CONNECTION") or os.environ.get("SSH_TTY"))
    if only_print or remote:
        for link in links:
            click.echo(link)
        return
    if len(links) > _MOST_PAGES:
        raise click.UsageError(f"{len(links):,} pages are too many to open; --print prints links")
    for link in links:
        if click.launch(link) == 0:
            note(f"opened {link}")
        else:
            warn("no browser could be started here")
            click.echo(link)
