"""Opening the catalog of a profile, or what has to do in its place. Blocks."""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from typing import TypeAlias

from coexplorer.catalog import Catalog
from coexplorer.catalog.disk import is_full
from coexplorer.catalog.preparing import telling_updates
from coexplorer.errors import CatalogError

__all__ = ["open_catalog", "telling_updates"]

Stack: TypeAlias = ExitStack | AsyncExitStack
"""What closes the catalog in the end."""

_ROOM_BYTES = 8 * 1024 * 1024
"""A new catalog wants this much for a thousand assets."""

_LEAST_BYTES = 1024 * 1024
"""One that is filled takes the news of a minute with this much."""

_MEMORY_DISK = Path("/dev/shm")  # noqa: S108 - the folder made in it is private


def open_catalog(path: Path, stack: Stack, *, offline: bool) -> tuple[Catalog, str]:
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


def _open_elsewhere(error: CatalogError, stack: Stack, *, source: Catalog | None = None) -> Catalog:
    """Open a catalog in the first folder for temporary files that has room for one.

    Args:
        error: Raised when there is none.
        stack: Removes it in the end.
        source: What it begins with; None: it is empty.
    """
    import logging  # noqa: PLC0415 - seldom needed, and `ls --offline` is to be quick
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - likewise

    for parent in (None, _MEMORY_DISK):
        try:
            folder = stack.enter_context(TemporaryDirectory(prefix="coexplorer-", dir=parent))
            path = Path(folder) / "catalog.sqlite3"
            if source is not None:
                source.copy_to(path)
            return Catalog.open(path)
        except (OSError, CatalogError) as reason:
            # Without a handler, Python prints on a terminal where nobody asked for a log.
            logging.getLogger("coexplorer").addHandler(logging.NullHandler())
            logging.getLogger(__name__).warning("no catalog in %s: %s", parent, reason)
    raise error
