"""One writer for each asset on this machine, across tasks and processes.

The platform has no versions: between the GET and the PUT of an edit another PUT goes unseen. For
the front ends of one user on one machine these locks close that window; for others it stays.
"""

from __future__ import annotations

import fcntl
import os
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from coexplorer.models import AssetId

SLOTS = 256
_FIRST_WAIT_S = 0.005
_LONGEST_WAIT_S = 0.1


@asynccontextmanager
async def hold_asset(folder: Path, asset_id: AssetId) -> AsyncIterator[None]:
    """Wait until nobody else here writes to the asset, and keep others out until the context ends.

    Args:
        folder: Where the lock files are. Assets share `SLOTS` of them, so that they do not pile up.
        asset_id: The asset.
    """
    slot = zlib.crc32(asset_id.encode()) % SLOTS
    path = folder / f"asset-{slot:03}.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        wait_s = _FIRST_WAIT_S
        while not _try_lock(descriptor):
            await anyio.sleep(wait_s)
            wait_s = min(2 * wait_s, _LONGEST_WAIT_S)
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
