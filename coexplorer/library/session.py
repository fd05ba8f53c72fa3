"""The composition root: opens and closes everything that a `Library` needs, in one task."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Literal

import anyio.to_thread

from coexplorer.catalog import Catalog
from coexplorer.catalog.disk import is_full
from coexplorer.config import Settings
from coexplorer.errors import CatalogError, JournalError
from coexplorer.library.context import Context
from coexplorer.library.events import RateLimitWaited
from coexplorer.library.journal import Journal
from coexplorer.library.library import Library
from coexplorer.models import Secret

if TYPE_CHECKING:
    from coexplorer.api import Client

Origin = Literal["cli", "tui", "mount"]

_log = logging.getLogger(__name__)
# Without this, Python prints our warnings on a terminal where nobody asked for a log.
logging.getLogger("coexplorer").addHandler(logging.NullHandler())

_ROOM_BYTES = 8 * 1024 * 1024
"""A new catalog wants this much for a thousand assets."""

_LEAST_BYTES = 1024 * 1024
"""One that is filled takes the news of a minute with this much."""

_MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - the folder made in it is private

_CONCURRENCY: dict[Origin, int] = {"cli": 8, "tui": 8, "mount": 64}
"""Requests under way at once. In a mount each is a program that waits for its save, within 10 s:
one slow save must not make saves of other assets wait in a queue."""


@asynccontextmanager
async def open_library(
    settings: Settings, *, origin: Origin, offline: bool = False, must_write: bool = False
) -> AsyncIterator[Library]:
    """Open the library of a profile; everything ends with the context.

    Nothing is asked of the network here, and httpx is not even imported until it is needed. A
    catalog that can't be used is bypassed: `Library.status` says so in one line. So it does of a
    journal that can't be written: everything can be read then, and a change raises `JournalError`.
    What an earlier session left half done is settled as far as this machine knows: see
    `Library.unsent`.

    Args:
        settings: Where the platform, the catalog and the journal are.
        origin: The front end, for the log: ``cli``, ``tui`` or ``mount``.
        offline: Never use the network: whatever needs it raises `Unreachable` at once.
        must_write: A journal that can't be written is an error at once: a mount's programs would
            only learn of it when they save.

    Raises:
        JournalError: The journal can't be written, and must be.
        CatalogError: The catalog can't be used, and there is no room for another either.
    """
    async with AsyncExitStack() as stack:
        catalog, problem = _open_catalog(settings.catalog_path, stack, offline=offline)
        journal = Journal(settings.journal_path, origin=origin, must_write=must_write)
        stack.callback(journal.close)
        try:
            journal.recover()
        except JournalError as error:
            if must_write:
                raise
            _log.warning("what earlier sessions left is not settled: %s", error)

        async def connect(token: Secret | None) -> Client:
            client = await _build_client(settings, context, token, _CONCURRENCY[origin])
            return await stack.enter_async_context(client)

        context = Context(
            settings,
            catalog,
            journal,
            connect=connect,
            offline=offline,
            catalog_problem=problem,
        )
        yield Library(context)


def _open_catalog(path: Path, stack: AsyncExitStack, *, offline: bool) -> tuple[Catalog, str]:
    """Open the catalog, or one for this session only, with the reason."""
    try:
        catalog = _open_whole(path)
    except CatalogError as error:
        catalog = _open_elsewhere(error, stack)
        stack.callback(catalog.close)
        return catalog, error.message
    stack.callback(catalog.close)
    why = catalog.why_frozen
    room = _LEAST_BYTES if catalog.sync_state().generation else _ROOM_BYTES
    if not why and is_full(path.parent, room):
        why = f"the catalog {path} has no space left on its disk"
    if not why or offline:  # offline there is nothing new to write
        return catalog, catalog.problem
    # What is read again must be found: in a copy, for as long as this session lasts.
    try:
        copy = _open_elsewhere(CatalogError(why), stack, source=catalog)
    except CatalogError:
        return catalog, catalog.problem
    stack.callback(copy.close)
    return copy, f"{why}, so what is read will not be kept"


def _open_whole(path: Path) -> Catalog:
    """Open a catalog; one that turns out to be damaged is rebuilt at once."""
    try:
        return _open_readable(path)
    except CatalogError as error:
        if not error.is_damaged:
            raise
    return _open_readable(path)


def _open_readable(path: Path) -> Catalog:
    catalog = Catalog.open(path)
    try:
        catalog.sync_state()
    except CatalogError:
        catalog.close()
        raise
    return catalog


def _open_elsewhere(
    error: CatalogError, stack: AsyncExitStack, *, source: Catalog | None = None
) -> Catalog:
    """Open a catalog in the first folder for temporary files that has room for one.

    Args:
        error: Raised when there is none.
        stack: Removes it in the end.
        source: What it begins with; None: it is empty.
    """
    for parent in (None, _MEMORY_DISK):
        try:
            folder = stack.enter_context(TemporaryDirectory(prefix="coexplorer-", dir=parent))
            path = Path(folder) / "catalog.sqlite3"
            if source is not None:
                source.copy_to(path)
            return Catalog.open(path)
        except (OSError, CatalogError) as reason:
            _log.warning("no catalog in %s: %s", parent, reason)
    raise error


async def _build_client(
    settings: Settings, context: Context, token: Secret | None, concurrency: int
) -> Client:
    from coexplorer.api import Client  # noqa: PLC0415 - httpx takes longer than all the rest

    def tell_wait(seconds: float, reason: str) -> None:
        context.bus.publish(RateLimitWaited(time.time() + seconds, reason))

    if token is None:
        token = await anyio.to_thread.run_sync(settings.load_token)
    return Client(
        settings.base_url,
        token,
        dialect=await context.remembered_dialect() or settings.dialect,
        concurrency=concurrency,
        on_wait=tell_wait,
    )
