"""``du``: which folders of assets take the space."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from coexplorer.cli.each_asset import Trouble, for_each
from coexplorer.cli.exits import leave
from coexplorer.cli.narration import Progress, warn
from coexplorer.cli.output import Format, format_options, print_rows, print_table
from coexplorer.cli.query_words import QueryCommand
from coexplorer.cli.row_values import folder_values
from coexplorer.cli.schema import FOLDER
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.targets import find_targets, read_targets, reading_options
from coexplorer.cli.values import COUNT
from coexplorer.library.folder_sizes import FolderSize, FolderSizes
from coexplorer.models import AssetId
from coexplorer.text import plural, size_text

if TYPE_CHECKING:
    from coexplorer.library import Library


@click.command("du", cls=QueryCommand)
@reading_options
@click.option(
    "-d",
    "--depth",
    type=COUNT,
    default=1,
    metavar="N",
    help="Show folders N levels deep (default: 1); 0: only the sum of each asset.",
)
@format_options(FOLDER, columns=True)
@pass_invocation
def du_command(
    invocation: Invocation,
    assets: tuple[str, ...],
    query: str | None,
    *,
    depth: int,
    columns: tuple[str, ...],
    style: Format,
) -> None:
    """Show how much is in each folder of assets, with all that is below it, the largest first.

    The platform lists one folder at a time, so an asset with very many folders takes a while. What
    was listed is kept: the next time it is there at once, also offline.
    """
    targets = read_targets(assets, query, reads=True)
    measured: list[tuple[AssetId, FolderSizes]] = []

    async def work(library: Library) -> int:
        async def one(asset_id: AssetId, trouble: Trouble) -> bool:
            sizes = FolderSizes(depth=depth)
            looked = 0
            with Progress("files") as bar:
                walk = library.files.walk(asset_id, trouble=trouble.note)
                async with aclosing(walk) as entries:
                    async for entry in entries:
                        sizes.add(entry)
                        looked += 1
                        bar.update(sizes.total.files, None, entry.path)
            if looked or not trouble.noted:
                measured.append((asset_id, sizes))
            return looked > 0

        ids = await find_targets(library, targets, guess=True, fresh=False)
        return await for_each(ids, one)

    code = invocation.run(work)
    measured.sort(key=lambda each: -each[1].total.size_bytes)
    unknown = sum(sizes.total.unknown for _, sizes in measured)
    if unknown:
        warn(f"the platform does not say the size of {plural(unknown, 'file')}: they count as 0")
    found = [(asset_id, each) for asset_id, sizes in measured for each in sizes.list_all()]
    if style is Format.TABLE and not columns:
        head = [Column("SIZE", right=True), Column("FILES", right=True)]
        head += [Column("ASSET")] * (len(measured) > 1)
        rows = (_build_row(*each, several=len(measured) > 1) for each in found)
        print_table([*head, Column("FOLDER", flexible=True)], [*rows])
    else:
        print_rows(FOLDER, (folder_values(*each) for each in found), style, columns)
    leave(code)


def _build_row(asset_id: AssetId, folder: FolderSize, *, several: bool) -> tuple[str, ...]:
    name = f"{folder.path}/" if folder.path else "."
    figures = (size_text(folder.size_bytes), f"{folder.files:,}")
    return (*figures, asset_id[:8], name) if several else (*figures, name)
