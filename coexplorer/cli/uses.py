"""``uses``: the capsules and pipelines that assets are attached to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import click

from coexplorer.cli import exits
from coexplorer.cli.format import plural, used_text
from coexplorer.cli.freshness import ensure_fresh
from coexplorer.cli.narration import Progress, report_error, warn
from coexplorer.cli.output import Format, format_options, print_line, print_rows, print_table
from coexplorer.cli.row_values import use_values
from coexplorer.cli.schema import USE
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.targets import find_targets, read_targets, reading_options
from coexplorer.text import cut_word

if TYPE_CHECKING:
    from coexplorer.cli.row_kinds import Values
    from coexplorer.library import Library
    from coexplorer.library.used_by import Uses
    from coexplorer.models import AssetId

_NEW_S = 0.0
"""A command asks anew, whatever its session knows."""


@click.command("uses")
@reading_options
@click.option("--refresh", is_flag=True, help="First reread all assets, to see edits by others.")
@format_options(USE)
@pass_invocation
def uses_command(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    *,
    refresh: bool,
    style: Format,
) -> None:
    """List the capsules and pipelines that use assets.

    The platform names only those that you can see, and is asked twice for each asset. If it does
    not answer, the use is not known, and the exit code says so.
    """
    targets = read_targets(assets, query, reads=True)

    async def work(library: Library) -> tuple[Mapping[AssetId, Uses], dict[AssetId, str]]:
        if refresh:
            await ensure_fresh(library, refresh=True)
        ids = await find_targets(library, targets, guess=True)
        uses = await ask_uses(library, ids)
        records = await library.assets.records(ids)
        return uses, {each.asset.id: each.asset.name for each in records}

    found, names = invocation.run(work)
    if style is Format.TABLE:
        _print_table(found, names)
    else:
        print_rows(USE, _list_rows(found, names), style)
    failures = [code for key, uses in found.items() for code in _tell_gaps(uses, key, names)]
    any_done = any(len(uses.unknown) < _SEARCHES for uses in found.values())
    exits.leave(exits.of_outcomes(failures, any_done=any_done))


_SEARCHES = 2
"""Of capsules, and of pipelines."""


async def ask_uses(library: Library, ids: list[AssetId]) -> Mapping[AssetId, Uses]:
    """Ask the platform what uses assets, behind a progress bar."""
    with Progress("asking what uses them") as bar:
        return await library.workplaces.uses(
            ids, progress=lambda read: bar.update(read, len(ids)), trust_s=_NEW_S
        )


def _list_rows(found: Mapping[AssetId, Uses], names: Mapping[AssetId, str]) -> Iterator[Values]:
    for asset_id, uses in found.items():
        for capsule in uses.found:
            yield use_values(asset_id, names.get(asset_id, ""), capsule)


def _print_table(found: Mapping[AssetId, Uses], names: Mapping[AssetId, str]) -> None:
    columns = [
        Column("ID"),
        Column("ASSET", flexible=True),
        Column("KIND"),
        Column("USED BY", flexible=True, keeps=True),
        Column("ITS ID"),
        Column("OWNER", flexible=True, spare=1),
        Column("OPENED", spare=2),
    ]
    rows = [
        [
            *(asset_id[:8], names.get(asset_id, "")),
            *(capsule.kind.word, capsule.name, capsule.id[:8]),
            *(capsule.owner_email or capsule.owner or "?", used_text(capsule.last_accessed)),
        ]
        for asset_id, uses in found.items()
        for capsule in uses.found
    ]
    if rows:
        print_table(columns, rows)
    unused = [key for key, uses in found.items() if uses.is_whole and not uses.found]
    if len(unused) == 1:
        (asset_id,) = unused
        print_line(f"nothing that you can see uses {_title(asset_id, names)}")
    elif unused:
        print_line(f"nothing that you can see uses {plural(len(unused), 'asset')}")


def _title(asset_id: AssetId, names: Mapping[AssetId, str]) -> str:
    name = names.get(asset_id, "")
    return f"{cut_word(name)} ({asset_id[:8]})" if name else asset_id[:8]


def _tell_gaps(uses: Uses, asset_id: AssetId, names: Mapping[AssetId, str]) -> Iterator[int]:
    """Say what is not known of an asset; yield the exit codes of that."""
    title = _title(asset_id, names)
    if uses.more:
        warn(f"{title}: there may be more: {uses.more}")
        yield exits.PARTLY
    told: dict[str, None] = {}
    for kind, error in uses.unknown.items():
        yield exits.code_of(error)
        if error.message not in told:
            told[error.message] = None
            alike = [each for each, other in uses.unknown.items() if other.message == error.message]
            what = " and ".join(alike) if len(alike) > 1 else str(kind)
            report_error(error, about=f"which {what} use {title} is not known")
