"""``cat``, ``head`` and ``tail``: what is in files of assets, reading only what is shown."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click
import msgspec

from coexplorer.cli.completion import complete_paths
from coexplorer.cli.each_asset import OF_ONE, Trouble, for_each
from coexplorer.cli.exits import leave
from coexplorer.cli.narration import Progress, warn
from coexplorer.cli.session import Invocation, pass_invocation
from coexplorer.cli.targets import asset_argument, find_targets, read_targets
from coexplorer.errors import CoexplorerError
from coexplorer.models import AssetId
from coexplorer.text import clean, size_text

if TYPE_CHECKING:
    from coexplorer.cli.shown_bytes import Output, ShownText
    from coexplorer.library import Library
    from coexplorer.remote_files import FileReader

Command = TypeVar("Command", bound=Callable[..., Any])

_USUAL_LINES: Final = 10


class HowMuch(msgspec.Struct, frozen=True):
    """How many lines or bytes.

    Attributes:
        sign: ``-``: all but so many; ``+``: all from that one on, counted from 1; empty: so many.
    """

    count: int
    sign: str = ""


class _HowMuchType(click.ParamType[HowMuch]):
    """A number, of bytes with a unit if there is one; with a sign where that means something.

    Args:
        sign: Which one may be there.
        sizes: It counts bytes.
    """

    name = "number"

    def __init__(self, sign: str, *, sizes: bool) -> None:
        self._sign, self._sizes = sign, sizes

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> HowMuch:
        if isinstance(value, HowMuch):
            return value
        sign = value[:1] if value[:1] == self._sign else ""
        count = read_bytes(value.removeprefix(sign), sizes=self._sizes)
        if count is None:
            told = "a number of bytes, such as 100 or 2MB" if self._sizes else "a number of lines"
            self.fail(f"{value!r} is not {told}", param, ctx)
        return HowMuch(count, sign)


class _Range(click.ParamType[tuple[int | None, int | None]]):
    """``A:B``: from byte A up to, and without, byte B; negative ones count from the end."""

    name = "range"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[int | None, int | None]:
        if isinstance(value, tuple):
            return value
        first, colon, last = value.partition(":")
        try:
            ends = _read_end(first), _read_end(last if colon else "none")
        except ValueError:
            self.fail(
                f"{value!r} is not A:B: write 0:1000, 64MB:65MB, 5000: or -1000: for example",
                param,
                ctx,
            )
        return ends


def _read_end(text: str) -> int | None:
    """Return one end of a range; None: it is left out (pure).

    Raises:
        ValueError: It is none.
    """
    if not text:
        return None
    size = read_bytes(text.removeprefix("-"), sizes=True)
    if size is None:
        raise ValueError(text)
    return -size if text.startswith("-") else size


def read_bytes(text: str, *, sizes: bool) -> int | None:
    """Return a whole number, or a size with its unit; None: it is neither (pure)."""
    if text.isascii() and text.isdecimal() and len(text) < 20:  # noqa: PLR2004 # an int's digits
        return int(text)
    if not sizes or not text[:1].isdecimal():
        return None
    from coexplorer.query.values import parse_size

    return parse_size(text)


def content_options(command: Command) -> Command:
    """Add ``ASSET PATH… --raw`` to a command."""
    command = click.option(
        "--raw", is_flag=True, help="Show exact bytes also on a terminal, which may obey them."
    )(command)
    command = click.argument(
        "paths", metavar="PATH...", nargs=-1, required=True, shell_complete=complete_paths
    )(command)
    return asset_argument(command)


def how_much_options(sign: str, *, lines: str, size: str) -> Callable[[Command], Command]:
    """Add ``-n`` and ``-c``, with their help; `sign` begins a number that means the other end."""

    def add(command: Command) -> Command:
        command = click.option(
            "-c",
            "--bytes",
            "size",
            type=_HowMuchType(sign, sizes=True),
            metavar="N",
            help=size,
        )(command)
        kind = _HowMuchType(sign, sizes=False)
        return click.option("-n", "--lines", type=kind, metavar="N", help=lines)(command)

    return add


@click.command("cat")
@content_options
@click.option(
    "--range",
    "part",
    type=_Range(),
    metavar="A:B",
    help="Only from byte A up to byte B; negative: from the end.",
)
@pass_invocation
def cat_command(
    invocation: Invocation,
    asset: str,
    paths: tuple[str, ...],
    *,
    raw: bool,
    part: tuple[int | None, int | None] | None,
) -> None:
    """Print files of an asset, one after the other.

    A pipe or a file gets every byte as it is. A terminal gets text, with whatever it would obey
    made visible; a binary file is refused there. What was read is kept on this disk, so that it is
    there the next time, also offline. With - as ASSET, the same files of all assets in the list on
    standard input.
    """

    async def find(file: FileReader) -> _Part:
        start, stop, _ = slice(*(part or (None, None))).indices(file.size)
        return _Part(_read_part(file, start, stop), start, max(start, stop))

    leave(_show(invocation, asset, paths, find, raw=raw, titles=False))


@click.command("head")
@content_options
@how_much_options(
    "-",
    lines="The first N lines (default: 10); -N: all but the last N.",
    size="The first N bytes, such as 100 or 2MB; -N: all but the last N.",
)
@pass_invocation
def head_command(
    invocation: Invocation,
    asset: str,
    paths: tuple[str, ...],
    *,
    raw: bool,
    lines: HowMuch | None,
    size: HowMuch | None,
) -> None:
    """Print the beginning of files of an asset.

    Only that is read, however large the file is. See cat for terminals and pipes.
    """
    wanted, in_lines = _choose(lines, size)

    async def find(file: FileReader) -> _Part:
        from coexplorer.library.file_lines import find_last_lines, read_first_lines

        if not in_lines:
            stop = max(0, file.size - wanted.count) if wanted.sign else wanted.count
        elif wanted.sign:
            stop = await find_last_lines(file, wanted.count)
        else:
            return _Part(read_first_lines(file, wanted.count), 0, None)
        return _Part(_read_part(file, 0, stop), 0, min(stop, file.size))

    leave(_show(invocation, asset, paths, find, raw=raw, titles=True))


@click.command("tail")
@content_options
@how_much_options(
    "+",
    lines="The last N lines (default: 10); +N: all from line N on.",
    size="The last N bytes, such as 100 or 2MB; +N: all from byte N on.",
)
@click.option("-f", "--follow", is_flag=True, help="End at once: see above.")
@pass_invocation
def tail_command(
    invocation: Invocation,
    asset: str,
    paths: tuple[str, ...],
    *,
    raw: bool,
    lines: HowMuch | None,
    size: HowMuch | None,
    follow: bool,
) -> None:
    """Print the end of files of an asset.

    Only that is read, however large the file is. See cat for terminals and pipes. Files of assets
    don't grow: the platform shows results when their run has ended.
    """
    wanted, in_lines = _choose(lines, size)

    async def find(file: FileReader) -> _Part:
        from coexplorer.library.file_lines import find_last_lines, find_line

        if not in_lines:
            start = wanted.count - 1 if wanted.sign else file.size - wanted.count
        elif wanted.sign:
            start = await find_line(file, wanted.count)
        else:
            start = await find_last_lines(file, wanted.count)
        start = min(max(0, start), file.size)
        return _Part(_read_part(file, start, file.size), start, file.size)

    code = _show(invocation, asset, paths, find, raw=raw, titles=True)
    if follow:
        warn("files of assets don't grow, so nothing more will come: -f has ended")
    leave(code)


def _choose(lines: HowMuch | None, size: HowMuch | None) -> tuple[HowMuch, bool]:
    """Return how much is wanted, and whether that is lines.

    Raises:
        click.UsageError: Both are asked for.
    """
    if lines is not None and size is not None:
        raise click.UsageError("give -n or -c, not both")
    if size is not None:
        return size, False
    return HowMuch(_USUAL_LINES) if lines is None else lines, True


class _Part(msgspec.Struct):
    """What of a file is shown.

    Attributes:
        content: Its pieces.
        start: Where it begins.
        stop: Where it ends; None: nobody knows yet.
    """

    content: AsyncIterator[bytes]
    start: int
    stop: int | None


def _read_part(file: FileReader, start: int, stop: int) -> AsyncIterator[bytes]:
    from coexplorer.library.file_lines import read_part

    return read_part(file, start, stop)


_FindPart = Callable[["FileReader"], Awaitable[_Part]]


def _show(
    invocation: Invocation,
    asset: str,
    paths: Sequence[str],
    find: _FindPart,
    *,
    raw: bool,
    titles: bool,
) -> int:
    """Show a part of each file; return the exit code.

    Args:
        invocation: The run.
        asset: What was given as ASSET.
        paths: The files.
        find: Says which part of a file.
        raw: Also a terminal gets the bytes as they are.
        titles: Say which file it is, where there are several.
    """
    from coexplorer.cli.shown_bytes import Output

    targets = read_targets((asset,), None)
    out = Output(raw=raw)

    async def work(library: Library) -> int:
        ids = await find_targets(library, targets, guess=True, fresh=False)
        is_several = len(ids) * len(paths) > 1
        shown = 0

        async def one(asset_id: AssetId, trouble: Trouble) -> bool:
            nonlocal shown
            came = False
            for path in paths:
                name = f"{asset_id[:8]}/{path}" if len(ids) > 1 else path
                try:
                    async with await library.files.open(asset_id, path) as file:
                        if titles and is_several:
                            before = "\n" if shown else ""
                            await out.write_text(f"{before}==> {clean(name)} <==\n")
                        shown += 1
                        await _Copy(out, name).run(await find(file))
                        came = True
                except OF_ONE as error:
                    if len(paths) > 1 and path not in error.message:
                        error.message = f"{path}: {error.message}"
                    trouble.note(error)
            return came

        return await for_each(ids, one)

    return invocation.run(work)


class _Copy:
    """Copies a part of a file to standard output, and says how far it got if it is broken off.

    Args:
        out: Standard output.
        name: Of the file.
    """

    def __init__(self, out: Output, name: str) -> None:
        self._out, self._name = out, name
        self._before = out.written

    async def run(self, part: _Part) -> None:
        """Copy it.

        Raises:
            OSError: It can't be written.
            ApiError: It can't be read.
            Refused: It is binary, and this is a terminal.
        """
        try:
            await self._copy(part)
        except BaseException as error:
            is_closed = isinstance(error, OSError) and error.errno == errno.EPIPE
            written = self._out.written - self._before
            if written and not self._out.is_terminal and not is_closed:
                told = self._tell(written, part)
                if isinstance(error, CoexplorerError):
                    error.message = f"{error.message} ({told})"
                else:
                    warn(told)
            raise

    def _tell(self, written: int, part: _Part) -> str:
        if part.stop is None or not self._out.is_file:
            whole = "" if part.stop is None else f" of {size_text(part.stop - part.start)}"
            return f"{self._name}: {size_text(written)}{whole} were written"
        at = part.start + written
        return (
            f"{self._name}: {written:,} of {part.stop - part.start:,} bytes were written;"
            f" coexplorer cat with --range {at}:{part.stop} prints the rest"
        )

    async def _copy(self, part: _Part) -> None:
        from coexplorer.cli.shown_bytes import ShownText

        text: ShownText | None = ShownText(self._name) if self._out.is_terminal else None
        total = None if part.stop is None else part.stop - part.start
        bar = Progress("reading", sizes=True) if self._out.is_file else None
        context: AbstractContextManager[object] = nullcontext() if bar is None else bar
        with context:
            async for content in part.content:
                if text is None:
                    await self._out.write(content)
                else:
                    await self._out.write_text(text.show(content))
                if bar is not None:
                    bar.update(self._out.written - self._before, total, self._name)
        if text is not None:
            await self._out.write_text(text.show(b"", ends=True))
