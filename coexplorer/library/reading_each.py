"""Asks the platform about many assets, a few at a time; knows nothing of what is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeVar

import anyio

from coexplorer.errors import ApiError
from coexplorer.library.exception_groups import plain_errors
from coexplorer.library.refusals import concerns_all
from coexplorer.models import AssetId

T = TypeVar("T")

AT_ONCE: Final = 8
"""So many requests are under way at the same time."""


async def read_each(
    ids: Iterable[AssetId],
    ask: Callable[[AssetId], Awaitable[T]],
    heard: Callable[[int], None] | None = None,
) -> dict[AssetId, T | ApiError]:
    """Ask about each of several assets; return the answers, or why there is none.

    A failure that would meet all others, too, is their answer, and nobody is asked any more.

    Args:
        ids: The assets; who is named twice is asked about once.
        ask: Asks about one.
        heard: Told how many answers there are, after each.
    """
    unique = dict.fromkeys(ids)
    todo = iter(unique)
    found: dict[AssetId, T | ApiError] = {}
    hopeless: list[ApiError] = []

    async def work() -> None:
        for asset_id in todo:  # shared: each worker takes the next one
            if hopeless:
                found[asset_id] = hopeless[0]
                continue
            try:
                found[asset_id] = await ask(asset_id)
            except ApiError as error:
                found[asset_id] = error
                if concerns_all(error):
                    hopeless.append(error)
            if heard is not None:
                heard(len(found))

    with plain_errors():
        async with anyio.create_task_group() as workers:
            for _ in range(min(AT_ONCE, len(unique))):
                workers.start_soon(work)
    return found
