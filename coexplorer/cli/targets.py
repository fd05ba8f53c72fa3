"""Which assets a command means: named ones, a list on standard input, or what ``--query`` finds."""

from __future__ import annotations

import sys
import time
import unicodedata
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from coexplorer.cli import streams
from coexplorer.cli.completion import complete_assets, complete_assets_or_query, complete_query
from coexplorer.cli.freshness import (
    ensure_found,
    ensure_fresh,
    ensure_meant,
    hint_at_query,
    look_for_new,
)
from coexplorer.cli.narration import note, warn
from coexplorer.cli.query_words import is_term, join_words
from coexplorer.errors import ApiError, NotFound
from coexplorer.models import AssetId, Record

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.named_assets import Named
    from coexplorer.library.resolve import Resolved
    from coexplorer.library.selection import Fit
    from coexplorer.query import Query

Command = TypeVar("Command", bound=Callable[..., Any])

_FETCHED_AFRESH = 10
"""So many named assets are asked of the platform before they are shown or changed; more come from
the catalog: every write reads its asset again anyway."""


class Targets(msgspec.Struct, frozen=True):
    """What was given on the command line; exactly one of the two.

    Attributes:
        named: Names, ids and beginnings of ids; of the command line or of a list.
        query: A parsed query.
        words: What `named` is as a query, unless there is an asset of such a name.
    """

    named: tuple[Named, ...] = ()
    query: Query | None = None
    words: Query | None = None


def target_options(command: Command) -> Command:
    """Add ``ASSET…`` and ``--query`` to a command, which reads them with `read_targets`."""
    command = click.option(
        "--query",
        metavar="QUERY",
        shell_complete=complete_query,
        help="All assets that match, instead of ASSET.",
    )(command)
    return click.argument("assets", metavar="ASSET...", nargs=-1, shell_complete=complete_assets)(
        command
    )


def reading_options(command: Command) -> Command:
    """Add ``ASSET…`` or the words of a query to a command that only reads; see `read_targets`."""
    command = click.option(
        "--query", metavar="QUERY", shell_complete=complete_query, help="The same as QUERY."
    )(command)
    return click.argument(
        "assets",
        metavar="ASSET...|QUERY...",
        nargs=-1,
        shell_complete=complete_assets_or_query,
    )(command)


def asset_argument(command: Command) -> Command:
    """Add one ``ASSET`` to a command, or ``-`` for a list on standard input."""
    return click.argument("asset", metavar="ASSET", shell_complete=complete_assets)(command)


def read_selection(text: str) -> Query:
    """Read the value of ``--query``.

    Raises:
        click.UsageError: It finds everything, which a variable that is not set would do, too.
        QueryError: It has a mistake.
    """
    from coexplorer.query import parse_query

    query = parse_query(text)
    if not query.terms:
        raise click.UsageError("this query finds every asset; if that is meant, say is:any")
    return query


def _read_standard_input() -> bytes:
    if streams.is_missing(streams.STDIN):
        raise click.UsageError("standard input is closed: there is no list to read")
    return sys.stdin.buffer.read()


def _read_list() -> list[Named]:
    from coexplorer.cli.schema import KINDS
    from coexplorer.library.named_assets import parse_list

    titles = {name for kind in KINDS for name in kind.names}
    return parse_list(_read_standard_input(), titles)


def read_targets(assets: tuple[str, ...], query: str | None, *, reads: bool = False) -> Targets:
    """Check what was given before anything is opened or sent.

    Args:
        assets: The arguments.
        query: The value of ``--query``.
        reads: The command only reads: its arguments may be a query instead, if one of them is a
            term such as ``tag:raw``. For a command that writes, an argument is always an asset.

    Raises:
        click.UsageError: Nothing, or both, or a query that finds everything, or a list is to be
            read from a standard input that is closed.
        QueryError: The query has a mistake.
        DocumentError: The list on standard input has one.
    """
    from coexplorer.library.named_assets import Named

    if query is not None:
        if assets:
            raise click.UsageError("give assets or --query, not both")
        return Targets(query=read_selection(query))
    if not assets:
        raise click.UsageError("which assets? Give names or ids, - to read a list, or --query")
    words = None
    if reads and "-" not in assets and any(map(is_term, assets)):
        words = read_selection(join_words(assets, None) or "")
    named: list[Named] = []
    for given in dict.fromkeys(assets):
        named += _read_list() if given == "-" else [Named((given,))]
    return Targets(named=tuple(named), words=words)


class KnownAssetGoneError(NotFound):
    """An asset that was known here is not there, or not shared with this user any more.

    Args:
        record: As it was known.
        error: What the platform said.
    """

    def __init__(self, record: Record, error: NotFound) -> None:
        name = f"{record.asset.name} ({record.asset.id[:8]})"
        super().__init__(f"{name}: {error.message}", hint=error.hint, status=error.status)
        self.record = record


class Chosen(msgspec.Struct, frozen=True):
    """Assets that are going to be changed.

    Attributes:
        ids: Which.
        fits: What they were chosen by, to be judged again right before each is changed.
    """

    ids: list[AssetId]
    fits: dict[AssetId, Fit]


async def choose_targets(
    library: Library, targets: Targets, *, refresh: bool, kept: bool
) -> Chosen:
    """Return what is to be changed, and say so if that is nothing; raises what `find_targets` does.

    Args:
        library: The library.
        targets: What was given.
        refresh: Read all assets anew first.
        kept: What is done with them is kept if it can't be sent, so that an asset will do as it was
            known before: it is merged with what it is by then.
    """
    from coexplorer.library.named_assets import is_whole_id
    from coexplorer.library.selection import Fit, fit_query

    if targets.query is not None:
        fit = fit_query(await library.assets.read_types(targets.query), time.time())
        known_at = await ensure_found(library, targets.query, refresh=refresh, kept=kept)
        await ensure_meant(library, targets.query)
        found = await library.assets.ids(targets.query)
        if await library.sync.ensure_told(targets.query, found):
            found = await library.assets.ids(targets.query)
        if not found:
            since = (
                f", as far as was known at {known_at}; --refresh looks again" if known_at else ""
            )
            warn(f"the query finds no assets{since}")
        elif known_at:
            note(f"found among what was known at {known_at}; --refresh reads all assets anew")
        await hint_at_query(library, targets.query)
        return Chosen(found, dict.fromkeys(found, fit))
    if refresh:
        await ensure_fresh(library, refresh=True)
    elif named := [each.text for each in targets.named if not is_whole_id(each.text)]:
        few = named if len(named) <= _FETCHED_AFRESH else []
        await look_for_new(library, few, kept=kept)
    resolved = await _resolve(library, targets, guess=False, fresh=True, kept=kept)
    fits = {each.asset_id: Fit(name=each.name) for each in resolved if each.by_name}
    return Chosen([each.asset_id for each in resolved], fits)


async def find_targets(
    library: Library, targets: Targets, *, guess: bool = False, fresh: bool = True
) -> list[AssetId]:
    """Return the ids of what is meant, and say so if that is nothing.

    A query is asked of an up-to-date catalog.

    Args:
        library: The library.
        targets: What was given.
        guess: Take the beginning of a name as well, and say which asset that is: for commands that
            only read. They are content with an empty list, too.
        fresh: Ask the platform where that can matter.

    Raises:
        AmbiguousAsset: A name fits several assets.
        NotFound: A name fits none, or a list is empty.
        UnknownAssets: The same, of several that were given.
    """
    query = targets.query
    if targets.words is not None and not await _is_a_name(library, targets.named):
        query = targets.words
    if query is not None:
        if fresh:
            await ensure_fresh(library)
        await ensure_meant(library, query)
        found = await library.assets.ids(query)
        if not found:
            warn("the query finds no assets")
        await hint_at_query(library, query)
        return found
    resolved = await _resolve(library, targets, guess=guess, fresh=fresh, kept=False)
    return [each.asset_id for each in resolved]


async def _is_a_name(library: Library, named: Sequence[Named]) -> bool:
    """Tell whether an asset has the name that looks like a term of a query."""
    from coexplorer.query import Flag, Match, Query

    for text in (each.text for each in named if is_term(each.text)):
        rows = await library.assets.window(Query((Flag("any"), Match("name", text))))
        if any(row.name == text for row in rows):
            return True
    return False


async def _resolve(
    library: Library, targets: Targets, *, guess: bool, fresh: bool, kept: bool
) -> list[Resolved]:
    from_list = any(each.line for each in targets.named)
    resolved = await library.assets.resolve_all(targets.named, guess=guess and not from_list)
    if not resolved:
        if not guess:
            raise NotFound(
                "no ids came on standard input, so there was nothing to do",
                hint="what should have written them may have failed, or found nothing",
            )
        warn("no ids came on standard input")
        return []
    for each in resolved:
        if each.is_guess:
            warn(f"{each.named.text!r} is short for {each.name} ({each.asset_id[:8]})")
    if fresh and len(resolved) <= _FETCHED_AFRESH:
        for each in resolved:
            record = await _fetch(library, each.asset_id, kept=kept)
            if not guess:
                _ensure_same_name(each, record.asset.name)
    return resolved


async def _fetch(library: Library, asset_id: AssetId, *, kept: bool) -> Record:
    """Ask the platform for an asset; see `choose_targets`.

    Raises:
        KnownAssetGoneError: The platform says that it is not there, or not shared any more.
    """
    known = await library.assets.record(asset_id)
    try:
        return await library.platform.fetch(asset_id)
    except NotFound as error:
        if known is None:
            raise
        raise KnownAssetGoneError(known, error) from error
    except ApiError:
        # The change meets that again, and is kept with what was asked for.
        if known is None or not kept:
            raise
        return known


def _ensure_same_name(resolved: Resolved, name: str) -> None:
    """Check that what was found by its name still has it.

    Raises:
        NotFound: It was renamed: somebody may mean another asset by the name now.
    """
    text = resolved.name
    if resolved.by_name and unicodedata.normalize("NFC", text) != unicodedata.normalize(
        "NFC", name
    ):
        raise NotFound(
            f"there is no asset {text!r} any more: it is called {name!r} now",
            hint=f"if you mean this one, give its id: {resolved.asset_id}",
        )
