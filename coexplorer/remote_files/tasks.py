"""A place for work in the background that ends with a session."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
import anyio.abc


@asynccontextmanager
async def open_tasks() -> AsyncIterator[anyio.abc.TaskGroup]:
    """Have a place where tasks run that never raise; they are cancelled at its end.

    What is raised inside leaves it as it is: a task group would wrap it.
    """
    problem: BaseException | None = None
    async with anyio.create_task_group() as tasks:
        try:
            yield tasks
        except anyio.get_cancelled_exc_class():
            raise
        except BaseException as error:  # noqa: BLE001 # raised again below
            problem = error
        tasks.cancel_scope.cancel()
    try:
        if problem is not None:
            raise problem
    finally:
        del problem  # its traceback holds this frame
