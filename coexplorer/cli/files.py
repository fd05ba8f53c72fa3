"""``files`` and ``get``: what is in an asset, and bringing it here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from coexplorer.cli.format import size_text
from coexplorer.cli.narration import Progress
from coexplorer.cli.output import (
    Format,
    format_options,
    print_json,
    print_line,
    print_table,
    print_tsv,
)
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.table import Column
from coexplorer.cli.targets import asset_argument

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.results import DownloadProgress
    from coexplorer.models import AssetId, FileEntry


@click.command("files")
@asset_argument
@click.argument("path", default="")
@click.option("--recursive", is_flag=True, help="Everything below, too.")
@format_options(Format.JSON, Format.JSON_LINES, Format.TSV)
@pass_invocation
def files_command(
    invocation: Invocation, asset: str, path: str, *, recursive: bool, style: Format
) -> None:
    """List the files of an asset, or of the folder PATH in it."""

    async def work(library: Library) -> list[FileEntry]:
        asset_id = await library.resolve(asset)
        return await _list(library, asset_id, path, recursive=recursive)

    entries = invocation.run(work)
    if style is Format.TABLE:
        rows = [
            (
                each.path + "/" if each.is_folder else each.path,
                "" if each.is_folder else size_text(each.size_bytes),
            )
            for each in entries
        ]
        print_table([Column("PATH", flexible=True), Column("SIZE", right=True)], rows)
    elif style is Format.TSV:
        print_tsv(
            ("path", "is_folder", "size_bytes"),
            ((each.path, each.is_folder, each.size_bytes) for each in entries),
        )
    else:
        print_json((msgspec.json.encode(each) for each in entries), style)


async def _list(
    library: Library, asset_id: AssetId, path: str, *, recursive: bool
) -> list[FileEntry]:
    """List a folder; with `recursive`, each folder is followed by what is in it."""
    found: list[FileEntry] = []
    for entry in await library.list_files(asset_id, path):
        found.append(entry)
        if recursive and entry.is_folder:
            found += await _list(library, asset_id, entry.path, recursive=True)
    return found


@click.command("get")
@asset_argument
@click.argument("path", default="")
@click.option(
    "--to",
    "folder",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path(),
    help="The folder to put them into; here without one.",
)
@pass_invocation
def get_command(invocation: Invocation, asset: str, path: str, folder: Path) -> None:
    """Download the files of an asset, or the file or folder PATH in it.

    A download that was interrupted goes on where it ended. Nothing is written outside of the
    folder, and each file's size is checked.
    """

    async def work(library: Library) -> list[Path]:
        asset_id = await library.resolve(asset)
        with Progress("downloading", sizes=True) as bar:

            def show(progress: DownloadProgress) -> None:
                bar.update(progress.done_bytes, progress.total_bytes, progress.path)

            return await library.download(asset_id, path, folder, progress=show)

    for written in invocation.run(work):
        print_line(str(written))
