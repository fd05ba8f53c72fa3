"""What uses an asset: the capsules and pipelines that it is attached to.

The platform finds them by a search for the asset's id, one of capsules and one of pipelines, and
lists only what this user may see. A search that failed is told as unknown: it never counts as
"nothing uses it".
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import anyio

from coexplorer.computations import Capsule, CapsuleSearch, WorkplaceKind
from coexplorer.errors import ApiError, PlatformTooOld, Unreachable
from coexplorer.library.context import Context
from coexplorer.library.events import Event, RateLimitWaited
from coexplorer.library.exception_groups import plain_errors
from coexplorer.library.reading_each import read_each
from coexplorer.library.refusals import concerns_all
from coexplorer.library.used_by import SEARCHED, Uses
from coexplorer.models import AssetId

_ROWS: Final = 1000
_MOST_PAGES: Final = 3
"""Pages of one search that are read: who uses it that often is well known by then."""
_KEPT: Final = 10_000


async def find_uses(
    context: Context,
    ids: Sequence[AssetId],
    *,
    progress: Callable[[int], None] | None = None,
    heard: Callable[[AssetId, Uses], None] | None = None,
    trust_s: float | None = None,
    within_s: float | None = None,
    stalled: Callable[[str], None] | None = None,
) -> dict[AssetId, Uses]:
    """Return what uses each of several assets; asks about a few at a time.

    Whole answers are kept for the session, until something is attached or detached here.

    Args:
        context: What the session's modules share.
        ids: The assets.
        progress: Told how many were answered, after each.
        heard: Told each answer of the platform as it comes, before `progress`.
        trust_s: Ask again for what was answered longer ago; None: never.
        within_s: Wait no longer; what is not answered by then is not known. None: no limit.
        stalled: Told what went wrong, each time that something is to be asked again.
    """
    finder = _Finder(context, heard)
    known = recall_uses(context, ids, trust_s=trust_s)
    todo = [asset_id for asset_id in dict.fromkeys(ids) if asset_id not in known]

    def hear(count: int) -> None:
        if progress is not None:
            progress(len(known) + count)

    answers: dict[AssetId, Uses | ApiError] = {}
    async with _hearing_stalls(context, stalled) as stalls:
        with anyio.move_on_after(within_s):
            answers |= await read_each(todo, finder.find, hear)
    why = f": {stalls[-1]}" if stalls else ""
    late = Unreachable(f"the platform did not answer within {within_s or 0:.0f} s{why}")
    late_ones: dict[AssetId, Uses | ApiError] = dict.fromkeys(todo, late)
    answers = {**late_ones, **answers, **finder.answered}
    found = {
        asset_id: _unknown(answer) if isinstance(answer, ApiError) else answer
        for asset_id, answer in answers.items()
    }
    return {asset_id: known.get(asset_id) or found[asset_id] for asset_id in ids}


def recall_uses(
    context: Context, ids: Sequence[AssetId], *, trust_s: float | None = None
) -> dict[AssetId, Uses]:
    """Return what this session knows already of what uses assets; nobody is asked.

    Args:
        context: What the session's modules share.
        ids: The assets; those that nothing is known of are missing in the answer.
        trust_s: Leave out what was answered longer ago; None: leave out nothing.
    """
    now = time.time()
    kept = {each: context.uses[each] for each in ids if each in context.uses}
    if trust_s is None:
        return kept
    return {each: uses for each, uses in kept.items() if 0 <= now - uses.asked_at < trust_s}


@asynccontextmanager
async def _hearing_stalls(
    context: Context, stalled: Callable[[str], None] | None
) -> AsyncIterator[list[str]]:
    """Listen to what goes wrong and is tried again; the list that is given has the last of it."""
    stalls: list[str] = []

    async def listen(events: AsyncIterable[Event]) -> None:
        async for event in events:
            if isinstance(event, RateLimitWaited) and event.reason:
                stalls[:] = [event.reason]
                if stalled is not None:
                    stalled(event.reason)

    with plain_errors(), context.bus.subscribe() as events:
        async with anyio.create_task_group() as group:
            group.start_soon(listen, events)
            try:
                yield stalls
            finally:
                group.cancel_scope.cancel()


class _Finder:
    """Asks about assets, and about a kind no more that the platform is too old for."""

    def __init__(
        self, context: Context, heard: Callable[[AssetId, Uses], None] | None = None
    ) -> None:
        self._context = context
        self._heard = heard
        self._too_old: dict[WorkplaceKind, PlatformTooOld] = {}
        self.answered: dict[AssetId, Uses] = {}

    async def find(self, asset_id: AssetId) -> Uses:
        """Ask what uses an asset.

        Raises:
            ApiError: It would meet every other asset, too.
        """
        found: dict[str, Capsule] = {}
        unknown: dict[WorkplaceKind, ApiError] = dict(self._too_old)
        more = ""
        for kind in (each for each in SEARCHED if each not in unknown):
            try:
                more = await self._search(kind, asset_id, found) or more
            except ApiError as error:
                if concerns_all(error):
                    raise
                if isinstance(error, PlatformTooOld):
                    self._too_old[kind] = error
                unknown[kind] = error
        rows = sorted(found.values(), key=lambda each: each.last_accessed or 0, reverse=True)
        uses = Uses(found=tuple(rows), unknown=unknown, more=more, asked_at=time.time())
        self.answered[asset_id] = uses
        if self._heard is not None:
            self._heard(asset_id, uses)
        if uses.is_whole and len(self._context.uses) < _KEPT:
            self._context.uses[asset_id] = uses
        return uses

    async def _search(
        self, kind: WorkplaceKind, asset_id: AssetId, into: dict[str, Capsule]
    ) -> str:
        """Add what one search finds to a dict; return why there may be more."""
        client = await self._context.client()
        walk = client.workplaces.iter_pages(kind, CapsuleSearch(query=asset_id), limit=_ROWS)
        pages = 0
        async for page in walk:
            into |= {each.id: each for each in page}
            pages += 1
            if pages == _MOST_PAGES and not walk.finished:
                return f"only the first {_MOST_PAGES} pages of {kind} were read"
        if walk.incomplete is not None:
            return str(walk.incomplete)
        return "the platform listed some that can't be read" if walk.left_out else ""


def _unknown(error: ApiError) -> Uses:
    return Uses(unknown=dict.fromkeys(SEARCHED, error), asked_at=time.time())
