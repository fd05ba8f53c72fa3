"""Work that no cancellation cuts off, whoever cancels: anyio, trio, or asyncio itself.

A shield keeps out anyio's cancellations alone. Textual's workers are cancelled by asyncio's own
``Task.cancel``, which goes through it.
"""

from __future__ import annotations

import contextvars
import sys
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import anyio
import anyio.to_thread

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")


async def finish_in_thread(work: Callable[[], T]) -> T:
    """Do work in a thread and return what came of it, also if this is cancelled meanwhile.

    A cancellation is not lost: it comes at whatever is awaited next, so that who called this can
    note what was done.
    """
    with anyio.CancelScope(shield=True):
        task = _find_task()
        if task is None:
            return await anyio.to_thread.run_sync(work)
        return await _finish(task, work)
    raise AssertionError("nobody cancels this scope")


def _find_task() -> asyncio.Task[object] | None:
    """Return the task of asyncio that this runs in; None on another event loop."""
    loops = sys.modules.get("asyncio")  # who runs on trio alone need not import it
    if loops is None:
        return None
    try:
        task: asyncio.Task[object] | None = loops.current_task()
    except RuntimeError:
        return None
    return task


async def _finish(task: asyncio.Task[object], work: Callable[[], T]) -> T:
    import asyncio  # noqa: PLC0415 - see `_find_task`

    context = contextvars.copy_context()
    # A future, not a task: the end of the loop cancels all tasks, this one's helpers, too.
    done = asyncio.get_running_loop().run_in_executor(None, partial(context.run, work))
    cancelled = 0
    while not done.done():
        try:
            await asyncio.wait([done])
        except asyncio.CancelledError:
            cancelled += 1
            task.uncancel()
    for _ in range(cancelled):
        task.cancel()
    return done.result()
