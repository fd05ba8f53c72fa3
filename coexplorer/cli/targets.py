"""Which assets a command means: named ones, ids on standard input, or what ``--query`` finds."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec

from coexplorer.cli.narration import warn
from coexplorer.cli.session import ensure_fresh
from coexplorer.models import AssetId

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.query import Query

Command = TypeVar("Command", bound=Callable[..., Any])

_FETCHED_AFRESH = 10
"""So many named assets are asked of the platform before they are shown or changed; more come from
the catalog: every write reads its asset afresh anyway."""


class Targets(msgspec.Struct, frozen=True):
    """What was given on the command line; exactly one of the two.

    Attributes:
        names: Names, ids and beginnings of ids.
        query: A parsed query.
    """

    names: tuple[str, ...] = ()
    query: Query | None = None


def target_options(command: Command) -> Command:
    """Add ``ASSET…`` and ``--query`` to a command, which reads them with `read_targets`."""
    command = click.option(
        "--query", metavar="QUERY", help="All assets that a query finds, in place of ASSET."
    )(command)
    return click.argument("assets", metavar="ASSET...", nargs=-1)(command)


def asset_argument(command: Command) -> Command:
    """Add one ``ASSET`` to a command, or ``-`` for all whose ids come on standard input."""
    return click.argument("asset", metavar="ASSET")(command)


def read_targets(assets: tuple[str, ...], query: str | None) -> Targets:
    """Check what was given before anything is opened or sent.

    Raises:
        click.UsageError: Nothing, or both, or a query that finds everything.
        QueryError: The query has a mistake.
    """
    if query is not None:
        if assets:
            raise click.UsageError("give assets or --query, not both")
        from coexplorer.query import parse_query

        parsed = parse_query(query)
        if not parsed.terms:
            raise click.UsageError("this query finds every asset; if that is meant, say is:any")
        return Targets(query=parsed)
    names: list[str] = []
    for given in assets:
        names += _read_ids() if given == "-" else [given]
    if not assets:
        raise click.UsageError("which assets? Give names or ids, - to read ids, or --query")
    return Targets(names=tuple(dict.fromkeys(names)))


def _read_ids() -> list[str]:
    """Read ids from standard input: the first word of each line that has one."""
    lines = sys.stdin.buffer.read().decode("utf-8", "replace").split("\n")
    return [line.split()[0] for line in lines if line.strip()]


async def find_targets(library: Library, targets: Targets, *, fresh: bool = True) -> list[AssetId]:
    """Return the ids of what is meant, and say so if that is nothing.

    A query is asked of an up-to-date catalog.

    Args:
        library: The library.
        targets: What was given.
        fresh: Ask the platform where that can matter.

    Raises:
        AmbiguousAsset: A name fits several assets.
        NotFound: A name fits none.
    """
    if targets.query is not None:
        if fresh:
            await ensure_fresh(library)
        found = await library.ids(targets.query)
        if not found:
            warn("the query finds no assets")
        return found
    if not targets.names:
        warn("no ids came on standard input")
    known = {
        record.asset.id for record in await library.records([AssetId(n) for n in targets.names])
    }
    ids = [
        AssetId(name) if AssetId(name) in known else await library.resolve(name)
        for name in targets.names
    ]
    if fresh and len(ids) <= _FETCHED_AFRESH:
        for asset_id in ids:
            await library.fetch(asset_id)
    return list(dict.fromkeys(ids))
