"""How new an answer is: bringing the catalog up to date before a command uses it, or saying so."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, TypeVar

import click

from coexplorer.cli import session
from coexplorer.cli.format import clock_text
from coexplorer.cli.narration import Progress, draws, tell_hint, warn, warn_once
from coexplorer.cli.quiet import is_quiet
from coexplorer.cli.session import Invocation
from coexplorer.errors import (
    BadReply,
    CatalogError,
    CoexplorerError,
    Forbidden,
    NotSignedIn,
    PlatformFault,
    RateLimited,
    Rejected,
    Unreachable,
)
from coexplorer.query import Has, Query

if TYPE_CHECKING:
    from coexplorer.library import Library
    from coexplorer.library.known import Known

Answer = TypeVar("Answer")

PASSING = (Unreachable, PlatformFault, RateLimited, BadReply, NotSignedIn)
"""Failures after which the same may go through later."""
KEPT = (*PASSING, Rejected, Forbidden)
"""Failures that are no reason to lose a change: it is kept if it can't be sent."""

_READING = "reading the platform's assets"
FRESH_S = 60.0
"""A catalog younger than this is not refreshed before it answers."""


async def ensure_fresh(library: Library, *, refresh: bool = False) -> None:
    """Bring the catalog up to date if it is old, with progress; say so when that can't be done.

    Args:
        library: The library.
        refresh: Read all assets anew however young the catalog is, and fail if that fails.

    Raises:
        ApiError: Only the platform can help: nothing is known yet, or it does not know this user.
        CatalogError: Nothing is known yet, and nothing can be kept.
    """
    if refresh:
        await with_sync_progress(library, library.sync.catch_up)
        await _tell_part(library)
        return

    async def work() -> None:
        await library.sync.ensure_fresh(max_age_s=FRESH_S)

    await _freshen(library, work, only_reads=True)


async def look_for_new(library: Library, names: Sequence[str], *, kept: bool) -> None:
    """Let the catalog know of assets that are new, or have one of these names by now.

    One may have a name that was another's alone. That is a few requests, where a sweep would make a
    change of one asset wait for half a minute.

    Args:
        library: The library.
        names: What is asked for by name; a few.
        kept: See `ensure_found`.
    """
    if (await library.status()).synced_at is None:
        return

    async def work() -> None:
        await library.sync.refresh()
        await library.assets.look_for_names(names)

    await _freshen(library, work, kept=kept)


async def ensure_found(library: Library, query: Query, *, refresh: bool, kept: bool) -> str:
    """Bring the catalog up to date for a query whose assets will be changed.

    Args:
        library: The library.
        query: What is looked for.
        refresh: Read all assets anew, and fail if that fails.
        kept: What is done with them is kept if it can't be sent: a token that has expired, say, is
            no reason to stop here.

    Returns:
        When all assets were read last, as a clock time; empty when that was just now.

    Raises:
        ApiError: The platform could not be asked, and nothing is known here that the query finds.
    """
    if refresh:
        await with_sync_progress(library, library.sync.catch_up)
        await _tell_part(library)
        return ""
    swept_at: float | None = None

    async def work() -> None:
        nonlocal swept_at
        swept_at = await library.sync.ensure_found(query)

    failure = await _freshen(library, work, kept=kept)
    if failure is not None and not await library.assets.count(query):
        failure.message = f"nobody knows what the query finds: {failure.message}"
        raise failure
    now = time.time()
    return "" if swept_at is None or now - swept_at < FRESH_S else clock_text(swept_at, now)


async def _freshen(
    library: Library,
    work: Callable[[], Awaitable[None]],
    *,
    kept: bool = False,
    only_reads: bool = False,
) -> CoexplorerError | None:
    """Bring the catalog up to date; return why that failed, if it may do as it is.

    Args:
        library: The library.
        work: Does it.
        kept: See `ensure_found`.
        only_reads: Nothing is changed by what is found, so what was known will do, but for somebody
            whom the platform no longer knows.
    """
    failure: CoexplorerError | None = None
    try:
        await with_sync_progress(library, work)
    except (*KEPT, CatalogError) as error:
        status = await library.status()
        is_hopeless = isinstance(error, NotSignedIn) or (
            isinstance(error, BadReply | Rejected | Forbidden) and not only_reads
        )
        if (is_hopeless and not kept) or status.synced_at is None:
            raise
        failure = error
        if isinstance(error, CatalogError) and status.catalog_problem:
            # It is told once, at the end; a script must know that this may be old.
            click.get_current_context().ensure_object(Invocation).partial = True
            return failure
        known_at = clock_text(status.synced_at, time.time())
        does = "showing" if only_reads else "going by"
        warn(f"{error.message}; {does} what was known at {known_at}")
        if only_reads and not isinstance(error, CatalogError):
            tell_hint(f"{error.hint}; --offline shows what is known without asking")
    await _tell_part(library)
    return failure


async def ensure_meant(library: Library | Known, query: Query) -> None:
    """Refuse a query before it is asked, or acted on, if it asks for what no asset can have.

    Raises:
        QueryError: See `coexplorer.library.query_hints.ensure_meant`.
    """
    from coexplorer.query import asks_typed

    if not asks_typed(query):
        return  # nothing more is imported for a plain search
    from coexplorer.library import query_hints

    await query_hints.ensure_meant(library.assets, query, time.time())


async def hint_at_query(
    library: Library | Known, query: Query, *, found: int | None = None
) -> None:
    """Say what in a query can't be meant so, if it finds nothing for that, or everything.

    Args:
        library: What is known.
        query: It was asked already.
        found: How many assets it found; None: the catalog tells.
    """
    from coexplorer.query.hints import explain_nothing, needs_a_look

    if not explain_nothing(query) and not needs_a_look(query):
        return  # nothing more is imported for a plain search
    from coexplorer.library.query_hints import explain_search

    for hint in await explain_search(library.assets, query, time.time(), found=found):
        warn(hint)


async def hint_at_keys(library: Library | Known, keys: Sequence[str]) -> None:
    """Say which of the keys whose columns were asked for no asset has."""
    if not keys:
        return
    from coexplorer.library.query_hints import explain_query

    asked = Query(tuple(Has(key, custom=True) for key in keys))
    for hint in await explain_query(library.assets, asked, time.time()):
        warn(hint)


async def _tell_part(library: Library | Known) -> None:
    """Say when an answer is made from a part of the assets only."""
    status = await library.status()
    if not status.complete:
        warn(f"this is about a part of the assets: {status.count_text} are known")
        tell_hint("coexplorer sync asks the platform for the rest")
    for sentence in status.gaps:
        warn_once(sentence)
    if status.gaps or not status.complete:
        click.get_current_context().ensure_object(Invocation).partial = True


async def with_sync_progress(library: Library, work: Callable[[], Awaitable[Answer]]) -> Answer:
    """Do work that may sweep the platform, and show how far it is: below, or in a line at times."""
    if is_quiet():
        return await work()
    import anyio

    from coexplorer.library.events import SyncProgressed
    from coexplorer.library.exception_groups import plain_errors

    async def show() -> None:
        tell_at = anyio.current_time() + session.TELL_AFTER_S
        async for event in events:
            if not isinstance(event, SyncProgressed):
                continue
            # More than were known beforehand: nobody can tell yet how many there will be.
            known = event.known if event.known and event.known >= event.rows else None
            bar.update(event.rows, known, event.stage)
            if not draws() and anyio.current_time() >= tell_at:
                of_all = f" of {known:,}" if known else ""
                warn(f"{_READING}: {event.rows:,}{of_all} so far ({event.stage})")
                tell_at = anyio.current_time() + session.TELL_EVERY_S

    with Progress(_READING) as bar, library.subscribe() as events, plain_errors():
        async with anyio.create_task_group() as group:
            group.start_soon(show)
            answer = await work()
            group.cancel_scope.cancel()
        return answer


async def load_offline(library: Library | Known) -> None:
    """Check that there is something to show without the network.

    Raises:
        CatalogError: When nothing was ever read.
    """
    status = await library.status()
    if status.total == 0 and status.synced_at is None:
        if status.catalog_problem and not status.is_kept:
            raise CatalogError(
                status.catalog_problem, hint="without --offline the platform is read"
            )
        raise CatalogError(
            "nothing is known of this platform yet", hint="run it once without --offline"
        )
    await _tell_part(library)
