"""The composition root: opens and closes everything that a `Library` needs, in one task."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Literal

import anyio.to_thread

from coexplorer.config import Settings
from coexplorer.errors import CoexplorerError, JournalError
from coexplorer.library.context import Context
from coexplorer.library.events import RateLimitWaited
from coexplorer.library.journal import Journal
from coexplorer.library.library import Library
from coexplorer.library.opening import open_catalog
from coexplorer.library.people import check_person, find_person, note_proven
from coexplorer.library.settle import settle_late
from coexplorer.models import Reach, Secret
from coexplorer.remote_files.tasks import open_tasks

if TYPE_CHECKING:
    from coexplorer.api import Client

Origin = Literal["cli", "tui", "mount"]

_log = logging.getLogger(__name__)
# Without this, Python prints our warnings on a terminal where nobody asked for a log.
logging.getLogger("coexplorer").addHandler(logging.NullHandler())

_CONCURRENCY: dict[Origin, int] = {"cli": 8, "tui": 8, "mount": 64}
"""Requests under way at once. In a mount each is a program that waits for its save, within 10 s:
one slow save must not make saves of other assets wait in a queue."""


@asynccontextmanager
async def open_library(
    settings: Settings,
    *,
    origin: Origin,
    offline: bool = False,
    must_write: bool = False,
    reach: Reach | None = None,
) -> AsyncIterator[Library]:
    """Open the library of a profile; everything ends with the context.

    Nothing is asked of the network here, unless nobody had this token before, and httpx is not even
    imported until it is needed. A catalog that can't be used is bypassed: `Library.status` says so
    in one line. So it does of a journal that can't be written: everything can be read then, and a
    change raises `JournalError`.
    What an earlier session left half done is settled as far as this machine knows: see
    `Log.unsent`.

    Args:
        settings: Where the platform, the catalog and the journal are.
        origin: The front end, for the log: ``cli``, ``tui`` or ``mount``.
        offline: Never use the network: whatever needs it raises `Unreachable` at once.
        must_write: A journal that can't be written is an error at once: a mount's programs would
            only learn of it when they save.
        reach: Shared by the sessions of one command, which waits once for a platform that says
            nothing; None: each request waits.

    Raises:
        JournalError: The journal can't be written, and must be.
        CatalogError: The catalog can't be used, and there is no room for another either.
    """
    settings = await find_person(settings, offline=offline)
    async with AsyncExitStack() as stack:
        catalog, problem = open_catalog(settings.catalog_path, stack, offline=offline)
        journal = Journal(settings.journal_path, origin=origin, must_write=must_write)
        stack.callback(journal.close)
        try:
            journal.recover()
        except JournalError as error:
            if must_write:
                raise
            _log.warning("what earlier sessions left is not settled: %s", error)

        first: list[Secret] = []

        async def prove() -> None:
            if first:
                await note_proven(settings, first[0])

        async def connect(token: Secret | None) -> Client:
            if token is None:
                token = await anyio.to_thread.run_sync(settings.load_token)
            await prove()
            await check_person(settings, token)
            if not first:
                first.append(token)
                stack.push_async_callback(prove)
            client = await _build_client(
                settings, context, token, concurrency=_CONCURRENCY[origin], reach=reach
            )
            return await stack.enter_async_context(client)

        context = Context(
            settings,
            catalog,
            journal,
            connect=connect,
            prove=prove,
            offline=offline,
            catalog_problem=problem,
        )
        try:
            await settle_late(context)
        except CoexplorerError as error:
            _log.warning("what arrived late is not settled: %s", error)
        async with open_tasks() as tasks:  # they end before the way to the platform does
            library = Library(context, tasks)
            try:
                yield library
            finally:
                library.files.end()


async def _build_client(
    settings: Settings,
    context: Context,
    token: Secret,
    *,
    concurrency: int,
    reach: Reach | None,
) -> Client:
    from coexplorer.api import Client  # noqa: PLC0415 - httpx takes longer than all the rest

    def tell_wait(seconds: float, reason: str) -> None:
        context.bus.publish(RateLimitWaited(time.time() + seconds, reason))

    return Client(
        settings.base_url,
        token,
        dialect=await context.remembered_dialect() or settings.dialect,
        concurrency=concurrency,
        on_wait=tell_wait,
        reach=reach,
    )
