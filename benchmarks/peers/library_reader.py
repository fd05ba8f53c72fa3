"""A full first sync into an empty catalog: URL and TOKEN are the arguments."""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import anyio
from anyio.lowlevel import checkpoint

from coexplorer.config import Paths, Settings
from coexplorer.config.tokens import GivenToken
from coexplorer.library import Library, open_library
from coexplorer.library.events import RowsChanged, SyncProgressed
from coexplorer.models import Secret

VIEW_STAGES = ("favorites", "owned", "shared")


async def measure(library: Library) -> dict[str, float]:
    first_s = rows_s = 0.0
    started = time.perf_counter()

    async def listen() -> None:
        nonlocal first_s, rows_s
        with library.subscribe() as events:
            async for event in events:
                now_s = time.perf_counter() - started
                if isinstance(event, RowsChanged):
                    first_s = first_s or now_s
                if isinstance(event, SyncProgressed) and event.stage in VIEW_STAGES:
                    rows_s = rows_s or now_s

    async with anyio.create_task_group() as group:
        group.start_soon(listen)
        await checkpoint()
        done = await library.sync.sweep()
        group.cancel_scope.cancel()
    return {
        "assets": done.seen,
        "first_s": first_s,
        "rows_s": rows_s,
        "total_s": time.perf_counter() - started,
    }


async def main(url: str, token: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        settings = Settings(
            profile="benchmark",
            base_url=url,
            domain="benchmark",
            token_source=GivenToken("benchmark", Secret(token)),
            catalog_path=folder / "catalog.sqlite3",
            journal_path=folder / "journal.sqlite3",
            paths=Paths(folder, folder, folder),
            mount_folder=folder,
        )
        async with open_library(settings, origin="cli") as library:
            figures = await measure(library)
    usage = resource.getrusage(resource.RUSAGE_SELF)
    cpu_s = usage.ru_utime + usage.ru_stime
    print(json.dumps({**figures, "cpu_s": cpu_s, "peak_mb": usage.ru_maxrss / 1024}))


anyio.run(main, *sys.argv[1:])
