"""Opens the library around the app, in one task, and keeps the catalog fresh meanwhile."""

from __future__ import annotations

import asyncio
import gc
import signal

import anyio

from coexplorer.config import Settings
from coexplorer.library import open_library
from coexplorer.tui.app import CoexplorerApp

ENDING = (signal.SIGHUP, signal.SIGTERM)
"""Signals on which the terminal is given back in order; what was typed is a draft already."""


def run_session(settings: Settings) -> int:
    """Run the app; see `coexplorer.tui.run`."""
    return asyncio.run(_run(settings))


async def _run(settings: Settings) -> int:
    async with open_library(settings, origin="tui") as library:
        app = CoexplorerApp(library, settings)
        loop = asyncio.get_running_loop()
        for number in ENDING:
            loop.add_signal_handler(number, app.exit, 128 + number)
        async with anyio.create_task_group() as tasks:

            async def keep_fresh() -> None:
                await app.shown.wait()
                # What is loaded by now stays: the collector need not look at it again.
                gc.collect()
                gc.freeze()
                gc.enable()
                await library.run_background()

            tasks.start_soon(keep_fresh)
            code = await app.run_async()
            tasks.cancel_scope.cancel()
    if app.failure is not None:
        raise app.failure
    return code or 0
