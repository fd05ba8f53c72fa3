"""Creates an asset, and looks for it where no yes came: it is never asked for twice."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Collection
from typing import Final

from coexplorer.api import calls, wire
from coexplorer.api.failures import Failure, FailureKind
from coexplorer.api.paging import PageStart
from coexplorer.api.search import Search
from coexplorer.api.transport import Transport
from coexplorer.errors import ApiError, BadReply, RateLimited
from coexplorer.fields import same_value
from coexplorer.models import (
    Asset,
    AssetId,
    AssetSource,
    AwsSource,
    CombinedSource,
    ComputationSource,
    GcpSource,
    NewAsset,
    SearchRequest,
    SortField,
    WorkstationSource,
)

FindOthers = Callable[[], Awaitable[Collection[AssetId]]]
"""Finds the assets that are there already, asked where one is looked for."""

_NEWEST: Final = SearchRequest(archived=None, sort_field=SortField.CREATED, descending=True)
_NEWEST_ROWS: Final = 100
"""Rows among which a create of unknown outcome is looked for."""

_LOOKS: Final = 3
"""How often it is looked for: what was just created may take a moment to be found."""

_CLOCK_SLACK_S: Final = 120.0
"""How far the platform's clock may be off what it told of it."""


async def create_asset(
    transport: Transport, search: Search, new: NewAsset, others: FindOthers | None = None
) -> Asset:
    """Ask for a new asset, once; see `Client.create`.

    A no is no proof either: a proxy that sends a request twice hands on the answer to the second,
    and may answer itself although the platform has taken it.

    Args:
        transport: The way to the platform.
        search: Finds what a create without a yes has made.
        new: What to ask for.
        others: See `Client.create`.

    Raises:
        ApiError: With `outcome_unknown`: it may come to be anyway.
    """
    started = time.time()
    deadline = transport.start_clock()
    call = calls.build_create(new)

    def find_earliest() -> float:
        return started + transport.clock_offset_s - _CLOCK_SLACK_S

    def read(body: bytes) -> Asset:
        return wire.read_created(new, find_earliest())(body)

    try:
        return await transport.send(call, read, deadline=deadline)
    except ApiError as error:
        if not error.outcome_unknown and (error.status is None or isinstance(error, RateLimited)):
            raise
        lost = error
    known = frozenset[AssetId]() if others is None else frozenset(await others())

    def is_it(asset: Asset) -> bool:
        if asset.created is not None and asset.created < find_earliest():
            return False
        is_same = all(same_value(asset, new, field.name) for field in wire.TOLD_APART)
        return is_same and asset.id not in known and may_be_of(new.source, asset)

    # Whatever stands in between may have passed the request on before it answered.
    by_others = lost.by_page or (isinstance(lost, BadReply) and lost.status is not None)
    is_open = lost.outcome_unknown or by_others
    looks = _LOOKS if is_open else 1
    found = await _find_created(transport, search, is_it, lost, deadline=deadline, looks=looks)
    if found is not None:
        return found
    if is_open:
        lost.outcome_unknown = True
        lost.hint = "look for it in the list before you create it again; it may have been created"
    raise lost


def may_be_of(source: AssetSource, asset: Asset) -> bool:
    """Tell whether an asset may be made of what a create names; what is not said counts as so."""
    match source:
        case ComputationSource(id=run) | WorkstationSource(id=run):
            said = asset.provenance.computation if asset.provenance else ""
            return said in ("", run)
        case CombinedSource(ids=ids):
            return not asset.contained or set(asset.contained) == set(ids)
        case AwsSource(bucket=bucket) | GcpSource(bucket=bucket):
            said = asset.source.bucket if asset.source else ""
            return not bucket or said in ("", bucket)


async def _find_created(
    transport: Transport,
    search: Search,
    is_it: Callable[[Asset], bool],
    lost: ApiError,
    *,
    deadline: float,
    looks: int,
) -> Asset | None:
    """Look for an asset that a create may have made; the platform may take a moment."""
    for nth in range(1, looks + 1):
        failure = Failure(FailureKind.LOST, lost)
        if looks > 1 and not await transport.wait_after(failure, nth, deadline):
            return None
        try:
            envelope = await search.fetch(_NEWEST, PageStart(0, _NEWEST_ROWS), deadline)
        except ApiError:
            return None
        for asset in wire.parse_rows(envelope.rows):
            if is_it(asset):
                return asset
    return None
