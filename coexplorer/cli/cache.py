"""``cache``: what is kept on this disk of the files of assets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coexplorer.cli.completion import complete_assets
from coexplorer.cli.output import Format, format_options, print_line, print_object, print_table
from coexplorer.cli.row_values import cache_values
from coexplorer.cli.schema import CACHE
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.targets import find_targets, read_targets
from coexplorer.models import AssetId
from coexplorer.query import Flag, Query
from coexplorer.text import plural, size_text

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.remote_files import CacheUse

_MOST_SHOWN = 20


@click.command("cache")
@click.argument("assets", metavar="[ASSET]...", nargs=-1, shell_complete=complete_assets)
@click.option("--clear", is_flag=True, help="Remove what is kept: of ASSET, or all of it.")
@format_options(CACHE)
@pass_invocation
def cache_command(
    invocation: Invocation, assets: tuple[str, ...], *, clear: bool, style: Format
) -> None:
    """Show how much of the files of assets is kept on this disk, and where.

    What cat, head, tail, the app and the mount have read is kept for the next time, and for
    offline. It never takes more than cache_size in config.toml says, nor the last 10 % of the disk.
    Nothing is lost with --clear: it is read again from the platform. Downloads are not in it.
    """
    targets = read_targets(assets, None) if assets else None

    async def work(library: Library) -> None:
        if targets is None:
            ids = await library.assets.ids(Query((Flag("any"),)))
        else:
            ids = await find_targets(library, targets, fresh=False)
        sizes = await library.files.measure_assets(ids)
        if not clear:
            use = await library.files.measure_cache()
            names = await _find_names(library, sizes)
            _print(folder, use, [(each, names.get(each, ""), sizes[each]) for each in sizes], style)
            return
        if targets is None:
            freed = await library.files.clear_cache()
        else:
            await library.files.forget(ids)
            freed = sum(sizes.values())
        print_line(f"removed {size_text(freed)} of files from {folder}")

    folder = invocation.load_settings().paths.file_cache_dir
    invocation.run(work, offline=True)


async def _find_names(library: Library, sizes: Mapping[AssetId, int]) -> dict[AssetId, str]:
    records = await library.assets.records([*sizes])
    return {each.asset.id: each.asset.name for each in records}


def _print(
    folder: Path, use: CacheUse, kept: Sequence[tuple[AssetId, str, int]], style: Format
) -> None:
    if style is not Format.TABLE:
        print_object(CACHE, cache_values(str(folder), use, kept), style)
        return
    most = f"of at most {size_text(use.most_bytes)}" if use.most_bytes else "(nothing is kept)"
    print_line(f"{size_text(use.used_bytes)} {most} in {folder}")
    if kept:
        print_table(
            [Column("KEPT", right=True), Column("ID"), Column("ASSET", flexible=True)],
            [(size_text(size), asset_id[:8], name) for asset_id, name, size in kept[:_MOST_SHOWN]],
        )
    if len(kept) > _MOST_SHOWN:
        print_line(f"and {plural(len(kept) - _MOST_SHOWN, 'asset')} more")
