"""Creates an asset, and looks for it where the reply was lost: it is never asked for twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from coexplorer.api import calls, wire
from coexplorer.api.failures import Failure, FailureKind
from coexplorer.api.paging import PageStart
from coexplorer.api.search import Search
from coexplorer.api.transport import Transport
from coexplorer.errors import ApiError
from coexplorer.fields import same_value
from coexplorer.models import Asset, NewAsset, SearchRequest, SortField

_NEWEST: Final = SearchRequest(archived=None, sort_field=SortField.CREATED, descending=True)
_NEWEST_ROWS: Final = 100
"""Rows among which a create of unknown outcome is looked for."""

_LOOKS: Final = 3
"""How often it is looked for: what was just created may take a moment to be found."""

_CLOCK_SLACK_S: Final = 120.0
"""How far the platform's clock may be off what it told of it."""


async def create_asset(transport: Transport, search: Search, new: NewAsset) -> Asset:
    """Ask for a new asset, once; see `Client.create`.

    Args:
        transport: The way to the platform.
        search: Finds what a lost create has made.
        new: What to ask for.

    Raises:
        ApiError: With `outcome_unknown`: it may come to be anyway.
    """
    started = time.time()
    deadline = transport.start_clock()
    call = calls.build_create(new)

    def find_earliest() -> float:
        return started + transport.clock_offset_s - _CLOCK_SLACK_S

    def is_it(asset: Asset) -> bool:
        if asset.created is not None and asset.created < find_earliest():
            return False
        return all(same_value(asset, new, field.name) for field in wire.TOLD_APART)

    def read(body: bytes) -> Asset:
        return wire.read_created(new, find_earliest())(body)

    try:
        return await transport.send(call, read, deadline=deadline)
    except ApiError as error:
        if not error.outcome_unknown:
            raise
        lost = error
    found = await _find_created(transport, search, is_it, lost, deadline)
    if found is not None:
        return found
    lost.hint = "look for it in the list before you create it again; it may have been created"
    raise lost


async def _find_created(
    transport: Transport,
    search: Search,
    is_it: Callable[[Asset], bool],
    lost: ApiError,
    deadline: float,
) -> Asset | None:
    """Look for an asset that a lost create may have made; the platform may take a moment."""
    for nth in range(1, _LOOKS + 1):
        if not await transport.wait_after(Failure(FailureKind.LOST, lost), nth, deadline):
            return None
        try:
            envelope = await search.fetch(_NEWEST, PageStart(0, _NEWEST_ROWS), deadline)
        except ApiError:
            return None
        for asset in wire.parse_rows(envelope.rows):
            if is_it(asset):
                return asset
    return None
