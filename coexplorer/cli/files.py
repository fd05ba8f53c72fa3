"""``files`` and ``get``: what is in an asset, and bringing it here."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coexplorer.cli import exits
from coexplorer.cli.completion import complete_paths
from coexplorer.cli.exits import leave
from coexplorer.cli.format import size_text
from coexplorer.cli.narration import Progress, warn
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
from coexplorer.errors import BadReply, CoexplorerError, Forbidden, NotFound, Refused, Rejected
from coexplorer.models import AssetId, FileEntry
from coexplorer.names import disambiguate, escape_name

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.results import DownloadProgress

_Found = tuple[AssetId, FileEntry]
_MOST_TOLD = 20
_OF_ONE_ASSET = (BadReply, Forbidden, NotFound, Refused, Rejected)


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
        async def one(asset_id: AssetId, trouble: _Trouble) -> bool:
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
        return await _for_each(ids, one)

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
        async def one(asset_id: AssetId, trouble: _Trouble) -> bool:
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
        return await _for_each(ids, one)

    leave(invocation.run(work))


async def _find_place(library: Library, asset_id: AssetId, folder: Path) -> Path:
    """Give an asset a folder that no other one ever gets: two may have the same name."""
    record = await library.assets.record(asset_id)
    name = "" if record is None else record.asset.name
    return folder / disambiguate(escape_name(name), asset_id)


class _Trouble:
    """What of one asset can't be had while the rest of it comes; told at the end.

    Attributes:
        noted: All of it, as far as it is kept.
    """

    def __init__(self) -> None:
        self.noted: list[CoexplorerError] = []
        self._codes: set[int] = set()
        self._count = 0

    def note(self, error: CoexplorerError) -> None:
        """Remember an error."""
        self._count += 1
        self._codes.add(exits.code_of(error))
        if len(self.noted) < _MOST_TOLD:
            self.noted.append(error)

    def tell(self, about: str) -> None:
        """Say each in a line."""
        for error in self.noted:
            warn(f"{about}{error.message}")
        if self._count > len(self.noted):
            warn(f"{about}and {self._count - len(self.noted):,} more of this kind")

    def find_code(self, *, came: bool) -> int:
        """Return the exit code of this asset.

        Args:
            came: Some of it could be had.
        """
        if not self._codes:
            return exits.OK
        return exits.PARTLY if came or len(self._codes) > 1 else next(iter(self._codes))


async def _for_each(
    ids: list[AssetId], work: Callable[[AssetId, _Trouble], Awaitable[bool]]
) -> int:
    """Do something with each asset; one that can't be had does not keep the others from it.

    Args:
        ids: The assets.
        work: Says whether anything of the asset came.

    Returns:
        The exit code.

    Raises:
        ApiError: With a single asset, or trouble that all have alike.
    """
    codes = []
    for asset_id in ids:
        trouble = _Trouble()
        about = f"{asset_id[:8]}: " if len(ids) > 1 else ""
        came = False
        try:
            came = await work(asset_id, trouble)
        except _OF_ONE_ASSET as error:
            if len(ids) == 1 and not trouble.noted:
                raise
            trouble.note(error)
        except CoexplorerError:
            trouble.tell(about)
            raise
        if len(ids) == 1 and not came and len(trouble.noted) == 1:
            raise trouble.noted[0]
        trouble.tell(about)
        codes.append(trouble.find_code(came=came))
    return codes[0] if len(set(codes)) == 1 else exits.PARTLY if codes else exits.OK
