"""The composition root: opens and closes everything that a `Library` stands on, in one task."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal

from coexplorer.config import Settings
from coexplorer.library.library import Library

Origin = Literal["cli", "tui", "mount"]


@asynccontextmanager
async def open_library(
    settings: Settings, *, origin: Origin, offline: bool = False
) -> AsyncIterator[Library]:
    """Open the library of a profile; everything ends with the context.

    Nothing is asked of the network here, and httpx is not even imported until it is needed.

    Args:
        settings: Where the platform, the catalog and the journal are.
        origin: The front end, for the log: ``cli``, ``tui`` or ``mount``.
        offline: Never use the network: whatever needs it raises `Unreachable` at once.

    Raises:
        JournalError: The journal can't be used.
    """
    yield Library(settings, origin=origin, offline=offline)
