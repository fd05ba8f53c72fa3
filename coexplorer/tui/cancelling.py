"""Cancelling what is written down without losing it.

Textual cancels a worker's task itself. That goes through a scope that shields what must not be cut
off: what was written would be there, and nobody would hear its number. So such work runs in a task
of its own, and cancelling the worker cancels a scope around it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import anyio


async def run_in_scope(work: Callable[[], Awaitable[None]]) -> None:
    """Run work so that cancelling this respects what the work shields, and waits for it."""
    scope = anyio.CancelScope()

    async def run() -> None:
        with scope:
            await work()

    task = asyncio.create_task(run())
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
            scope.cancel()
    if cancelled is not None and task.exception() is None:
        raise cancelled
    task.result()
