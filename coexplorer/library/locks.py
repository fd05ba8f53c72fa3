"""One writer for each asset on this machine, across tasks and processes.

The platform has no versions: between an edit's GET and PUT, another PUT goes unseen. For one user's
front ends on one machine, these locks close that window; for others it stays open.
"""

from __future__ import annotations

import contextlib
import os
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from coexplorer.config.locking import open_lock, try_lock
from coexplorer.errors import AssetHeld, JournalError, explain_os
from coexplorer.models import AssetId

SLOTS = 256
_FIRST_WAIT_S = 0.005
_LONGEST_WAIT_S = 0.1
TELL_AFTER_S = 5.0
"""A save takes a second or two; who waits longer wants to know for whom."""
GIVE_UP_AFTER_S = 60.0
"""A process that holds an asset for so long was stopped, or hangs."""


@asynccontextmanager
async def hold_asset(
    folder: Path, asset_id: AssetId, tell: Callable[[str], None] = lambda _: None
) -> AsyncIterator[None]:
    """Wait until nobody else here writes to the asset, and keep others out until the context ends.

    Args:
        folder: Where the lock files are. Assets share `SLOTS` of them, so that they do not pile up.
        asset_id: The asset.
        tell: Told once, in a sentence, when another process lets us wait.

    Raises:
        JournalError: There can be no lock.
        AssetHeld: Another process did not let go of it. Other tasks of this one are waited for:
            they end, and the platform may have asked them to be slow.
    """
    slot = zlib.crc32(asset_id.encode()) % SLOTS
    path = folder / f"asset-{slot:03}.lock"
    descriptor = _open(path)
    try:
        wait_s = _FIRST_WAIT_S
        since, told, holder = anyio.current_time(), False, None
        while not try_lock(descriptor):
            found = _read_holder(descriptor)
            if found == os.getpid() or found != holder:
                since, holder = anyio.current_time(), found
            waited_s = anyio.current_time() - since
            if waited_s > GIVE_UP_AFTER_S:
                who = _describe(holder)
                raise AssetHeld(
                    f"{who} is still changing this asset",
                    hint=f"check whether {who} hangs or was stopped, then try again",
                )
            if waited_s > TELL_AFTER_S and not told:
                told = True
                tell(f"waiting for {_describe(holder)}, which is changing the same asset")
            await anyio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        _write_holder(descriptor)
        yield
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    try:
        return open_lock(path)
    except OSError as error:
        reason, remedy = explain_os(error)
        raise JournalError(
            f"the lock {path} can't be taken ({reason}), so nothing was sent",
            hint=f"{remedy}, then try again",
        ) from None


def _write_holder(descriptor: int) -> None:
    """Let others know who holds the lock; on a full disk they just do not learn it."""
    with contextlib.suppress(OSError):
        os.pwrite(descriptor, f"{os.getpid():<20}".encode(), 0)


def _read_holder(descriptor: int) -> int | None:
    """Return the process that holds the lock, as far as it could say so."""
    with contextlib.suppress(OSError, ValueError):
        return int(os.pread(descriptor, 20, 0))
    return None


def _describe(holder: int | None) -> str:
    return "another process" if holder is None else f"process {holder}"
