"""``files`` and ``get``: what is in an asset, and bringing it here."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coexplorer.cli.completion import complete_paths
from coexplorer.cli.each_asset import Trouble, for_each
from coexplorer.cli.exits import leave
from coexplorer.cli.format import size_text
from coexplorer.cli.narration import Progress
from coexplorer.cli.output import (
    Format,
    format_options,
    print_line,
    print_rows,
    print_table,
)
from coexplorer.cli.row_values import file_values
from coexplorer.cli.schema import FILE
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.targets import asset_argument, find_targets, read_targets
from coexplorer.cli.values import FilledPath
from coexplorer.models import AssetId, FileEntry
from coexplorer.names import disambiguate, escape_name

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.results import DownloadProgress

_Found = tuple[AssetId, FileEntry]


@click.command("files")
@asset_argument
@click.argument("path", default="", shell_complete=complete_paths)
@click.option("--recursive", is_flag=True, help="Include everything below.")
@format_options(FILE, columns=True)
@pass_invocation
def files_command(
    invocation: Invocation,
    asset: str,
    path: str,
    *,
    recursive: bool,
    columns: tuple[str, ...],
    style: Format,
) -> None:
    """List the files of an asset, or of the folder PATH in it.

    If ASSET is -, of all assets in the list on standard input.
    """
    targets = read_targets((asset,), None)

    found: list[_Found] = []

    async def work(library: Library) -> int:
        async def one(asset_id: AssetId, trouble: Trouble) -> bool:
            before = len(found)
            if not recursive:
                entries = await library.files.list_folder(asset_id, path, trouble=trouble.note)
                found.extend((asset_id, entry) for entry in entries)
            else:
                walk = library.files.walk(asset_id, path, trouble=trouble.note)
                async with aclosing(walk) as below:
                    found.extend([(asset_id, entry) async for entry in below])
            return len(found) > before

        ids = await find_targets(library, targets, guess=True, fresh=False)
        return await for_each(ids, one)

    code = invocation.run(work)
    if style is Format.TABLE and not columns:
        several = asset == "-"
        head = [Column("PATH", flexible=True), Column("SIZE", right=True)]
        rows = [_build_row(*each) for each in found]
        if several:
            head = [Column("ASSET"), *head]
            rows = [(asset_id[:8], *row) for (asset_id, _), row in zip(found, rows, strict=True)]
        print_table(head, rows)
    else:
        print_rows(FILE, (file_values(*each) for each in found), style, columns)
    leave(code)


def _build_row(_: AssetId, entry: FileEntry) -> tuple[str, ...]:
    if entry.is_folder:
        return (entry.path + "/", "")
    return (entry.path, size_text(entry.size_bytes))


@click.command("get")
@asset_argument
@click.argument("path", default="", shell_complete=complete_paths)
@click.option(
    "--to",
    "folder",
    type=FilledPath(file_okay=False),
    default=Path(),
    help="Destination folder (default: the current one).",
)
@pass_invocation
def get_command(invocation: Invocation, asset: str, path: str, folder: Path) -> None:
    """Download the files of an asset, or the file or folder PATH in it.

    An interrupted download resumes where it stopped if the storage shows, by an ETag or a date,
    that the file is still the same; otherwise it starts over. Nothing is written outside the
    folder, and each file's size is checked. What can't be downloaded is named, and the rest is
    downloaded anyway (code 7). With - as ASSET, the files of all assets in the list on standard
    input, each asset in its own folder NAME~ID.
    """
    targets = read_targets((asset,), None)

    async def work(library: Library) -> int:
        async def one(asset_id: AssetId, trouble: Trouble) -> bool:
            place = await _find_place(library, asset_id, folder) if asset == "-" else folder
            written: list[Path] = []
            try:
                with Progress("downloading", sizes=True) as bar:

                    def show(progress: DownloadProgress) -> None:
                        bar.update(progress.done_bytes, progress.total_bytes, progress.path)

                    await library.files.download(
                        asset_id,
                        path,
                        place,
                        progress=show,
                        trouble=trouble.note,
                        arrived=written.append,
                    )
            finally:  # What is there is named, also if the rest can't be had.
                for each in written:
                    print_line(str(each))
            return bool(written)

        ids = await find_targets(library, targets, guess=True, fresh=False)
        return await for_each(ids, one)

    leave(invocation.run(work))


async def _find_place(library: Library, asset_id: AssetId, folder: Path) -> Path:
    """Give an asset a folder that no other one ever gets: two may have the same name."""
    record = await library.assets.record(asset_id)
    name = "" if record is None else record.asset.name
    return folder / disambiguate(escape_name(name), asset_id)
