"""``files`` and ``get``: what is in an asset, and bringing it here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coexplorer.cli.completion import complete_paths
from coexplorer.cli.each_asset import OF_ONE, Trouble, for_each
from coexplorer.cli.exits import leave
from coexplorer.cli.format import plural, size_text
from coexplorer.cli.narration import Progress, note, warn
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
from coexplorer.errors import NotFound
from coexplorer.library.wanted_files import WantedPath, arrange
from coexplorer.models import AssetId, FileEntry
from coexplorer.names import disambiguate, escape_name

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.file_rules import FileRules
    from coexplorer.library.results import DownloadProgress

_ORDER = "coexplorer.order"
_Found = tuple[AssetId, FileEntry]


@click.command("files")
@asset_argument
@click.argument("path", default="", shell_complete=complete_paths)
@click.option("--recursive", is_flag=True, help="Include everything below.")
@click.option("--tree", is_flag=True, help="Draw everything below, with the size of each folder.")
@click.option(
    "-0",
    "--null",
    "is_null",
    is_flag=True,
    help="Print exact paths of files alone, each ended by a NUL, for xargs -0.",
)
@format_options(FILE, columns=True)
@pass_invocation
def files_command(
    invocation: Invocation,
    asset: str,
    path: str,
    *,
    recursive: bool,
    tree: bool,
    is_null: bool,
    columns: tuple[str, ...],
    style: Format,
) -> None:
    """List the files of an asset, or of the folder PATH in it.

    If ASSET is -, of all assets in the list on standard input.
    """
    if (tree or is_null) and (columns or style is not Format.TABLE):
        raise click.UsageError("--tree and -0 are formats of their own: leave -o and --columns out")
    if tree and is_null:
        raise click.UsageError("give --tree or -0, not both")
    targets = read_targets((asset,), None)

    found: list[_Found] = []

    async def work(library: Library) -> int:
        async def one(asset_id: AssetId, trouble: Trouble) -> bool:
            before = len(found)
            if not (recursive or tree):
                entries = await library.files.list_path(asset_id, path, trouble=trouble.note)
                found.extend((asset_id, entry) for entry in entries)
            else:
                walk = library.files.walk(asset_id, path, trouble=trouble.note)
                async with aclosing(walk) as below:
                    found.extend([(asset_id, entry) async for entry in below])
            return len(found) > before

        ids = await find_targets(library, targets, guess=True, fresh=False)
        return await for_each(ids, one)

    code = invocation.run(work)
    if is_null:
        _print_null(entry for _, entry in found)
    elif tree:
        _print_trees(found, path, several=asset == "-")
    elif style is Format.TABLE and not columns:
        _print_list(found, several=asset == "-")
    else:
        print_rows(FILE, (file_values(*each) for each in found), style, columns)
    leave(code)


def _print_null(entries: Iterable[FileEntry]) -> None:
    paths = (entry.path for entry in entries if not entry.is_folder)
    content = b"".join(each.encode("utf-8", "surrogatepass") + b"\0" for each in paths)
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _print_list(found: Sequence[_Found], *, several: bool) -> None:
    head = [Column("PATH", flexible=True), Column("SIZE", right=True)]
    rows = [_build_row(*each) for each in found]
    if several:
        head = [Column("ASSET"), *head]
        rows = [(asset_id[:8], *row) for (asset_id, _), row in zip(found, rows, strict=True)]
    print_table(head, rows)
    files = [entry for _, entry in found if not entry.is_folder]
    folders = len(found) - len(files)
    size = size_text(sum(entry.size_bytes or 0 for entry in files))
    note(f"{plural(len(files), 'file')}, {size}; {plural(folders, 'folder')}")


def _print_trees(found: Sequence[_Found], top: str, *, several: bool) -> None:
    from coexplorer.cli.file_tree import draw_tree
    from coexplorer.library.folder_sizes import FolderSizes

    of_assets: dict[AssetId, list[FileEntry]] = {}
    for asset_id, entry in found:
        of_assets.setdefault(asset_id, []).append(entry)
    head = [Column("SIZE", right=True), Column("FILES", right=True)]
    rows: list[tuple[str, ...]] = []
    for asset_id, entries in of_assets.items():
        sizes = FolderSizes(top, depth=None)
        for entry in entries:
            sizes.add(entry)
        drawn = draw_tree(entries, sizes.list_all(), top)
        rows += [(asset_id[:8], *row) for row in drawn] if several else drawn
    head = [Column("ASSET"), *head] if several else head
    print_table([*head, Column("NAME", flexible=True)], rows)


def _build_row(_: AssetId, entry: FileEntry) -> tuple[str, ...]:
    if entry.is_folder:
        return (entry.path + "/", "")
    return (entry.path, size_text(entry.size_bytes))


class _Ordered(click.Option):
    """An option whose values keep their place among those of other such options.

    `FileRules` go by the order of ``--include`` and ``--exclude``, which click does not keep.
    """

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Note each value as the parser comes by it."""
        super().add_to_parser(parser, ctx)
        for name in self.opts:
            option = parser._long_opt[name]  # noqa: SLF001 # click has no other way to the order
            option.process = self._noting(option.process, ctx)

    def _noting(
        self, process: Callable[[str, Any], None], ctx: click.Context
    ) -> Callable[[str, Any], None]:
        def keep(value: str, state: Any) -> None:
            order: list[tuple[str, str]] = ctx.meta.setdefault(_ORDER, [])
            order.append((self.name or "", value))
            process(value, state)

        return keep


@click.command("get")
@asset_argument
@click.argument("paths", metavar="[PATH]...", nargs=-1, shell_complete=complete_paths)
@click.option(
    "--to",
    "folder",
    type=FilledPath(file_okay=False),
    default=Path(),
    help="Destination folder (default: the current one).",
)
@click.option(
    "--include",
    cls=_Ordered,
    multiple=True,
    metavar="PATTERN",
    help="Download files that fit, such as '*.json' or 'logs/**'.",
)
@click.option(
    "--exclude",
    cls=_Ordered,
    multiple=True,
    metavar="PATTERN",
    help="Leave out files and folders that fit.",
)
@click.pass_context
def get_command(
    ctx: click.Context,
    asset: str,
    paths: tuple[str, ...],
    folder: Path,
    *,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
) -> None:
    """Download the files of an asset, or the files and folders PATH in it.

    An interrupted download resumes where it stopped if the storage shows, by an ETag or a date,
    that the file is still the same; otherwise it starts over. Nothing is written outside the
    folder, and each file's size is checked. What can't be downloaded is named, and the rest is
    downloaded anyway (code 7). With - as ASSET, the files of all assets in the list on standard
    input, each asset in its own folder NAME~ID.

    Patterns are those of rsync: * and ? stand for anything but a slash, ** for anything; one
    without a slash fits a name in any folder, one that begins with a slash fits from the asset's
    root. The first one that fits a file decides; after a last --include, nothing else is
    downloaded. A folder that has the name of a file is downloaded as NAME~.
    """
    targets = read_targets((asset,), None)
    rules = _read_rules(ctx, include, exclude)
    wanted = arrange(paths)
    invocation = ctx.find_object(Invocation)
    if invocation is None:
        raise AssertionError

    async def work(library: Library) -> int:
        async def one(asset_id: AssetId, trouble: Trouble) -> bool:
            place = await _find_place(library, asset_id, folder) if asset == "-" else folder
            came: set[Path] = set()
            for each in wanted:
                try:
                    await _download(
                        library, asset_id, each, place, rules=rules, trouble=trouble, came=came
                    )
                except OF_ONE as error:
                    if len(wanted) == 1 and not came:  # it is about all of them
                        raise
                    if each.path not in error.message:
                        error.message = f"{each.path}: {error.message}"
                    trouble.note(error)
            if not came and not trouble.noted and rules is not None:
                none = "no file fits these patterns"
                if asset != "-":
                    raise NotFound(none, hint="the first pattern that fits a file decides")
                warn(f"{asset_id[:8]}: {none}; the first that fits decides")
            return bool(came)

        ids = await find_targets(library, targets, guess=True, fresh=False)
        return await for_each(ids, one)

    leave(invocation.run(work))


def _read_rules(
    ctx: click.Context, include: tuple[str, ...], exclude: tuple[str, ...]
) -> FileRules | None:
    """Return the patterns in the order in which they were given; None: there are none."""
    if not (include or exclude):
        return None
    from coexplorer.library.file_rules import FileRule, FileRules

    order: list[tuple[str, str]] = ctx.meta[_ORDER]
    return FileRules(FileRule(pattern, name == "include") for name, pattern in order)


async def _download(
    library: Library,
    asset_id: AssetId,
    wanted: WantedPath,
    place: Path,
    *,
    rules: FileRules | None,
    trouble: Trouble,
    came: set[Path],
) -> None:
    """Download a file or folder, and print what has come that had not come before."""
    written: list[Path] = []
    kept: list[Path] = []
    try:
        with Progress("downloading", sizes=True) as bar:

            def show(progress: DownloadProgress) -> None:
                bar.update(progress.done_bytes, progress.total_bytes, progress.path)

            await library.files.download(
                asset_id,
                wanted.path,
                place,
                progress=show,
                trouble=trouble.note,
                arrived=written.append,
                kept=kept.append,
                rules=rules,
                below=wanted.below,
            )
    finally:  # What is there is named, also if the rest can't be had.
        for each in written:
            if each not in came:
                print_line(str(each))
        if fresh := [each for each in kept if each not in came]:
            what = str(fresh[0]) if len(fresh) == 1 else f"{len(fresh):,} files, {fresh[0]} first,"
            was = "was" if len(fresh) == 1 else "were"
            warn(f"{what} {was} there before and kept: same size, the content was not compared")
        came.update(written, kept)


async def _find_place(library: Library, asset_id: AssetId, folder: Path) -> Path:
    """Give an asset a folder that no other one ever gets: two may have the same name."""
    record = await library.assets.record(asset_id)
    name = "" if record is None else record.asset.name
    return folder / disambiguate(escape_name(name), asset_id)
