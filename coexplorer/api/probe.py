"""Tries the way to a platform once and says where it ends: for a diagnosis, not for work."""

from __future__ import annotations

import time
from typing import Final

import httpx
import msgspec

from coexplorer.api.client import Client
from coexplorer.api.failures import parse_retry_after
from coexplorer.api.limits import Timeouts
from coexplorer.api.network import RAISED, Network, Stop, build_limits
from coexplorer.api.origin import parse_base_url
from coexplorer.api.retry import Patience
from coexplorer.errors import ApiError, BadReply
from coexplorer.models import Asset, Dialect, Ownership, SearchRequest, Secret

_ONCE: Final = Patience(attempts=1, connects=1, slow_downs=0)
_ROWS_TRIED: Final = (1, 20)
"""How many rows are asked for, and how many more where none of them can be read."""


class Way(msgspec.Struct, frozen=True):
    """How far one request without a token came.

    Attributes:
        clock_offset_s: Seconds that the other clock is ahead of ours; None: nobody told.
        error: Why there was no answer; None: there was one.
        stopped_by: What it is the fault of, as far as that can be told.
    """

    clock_offset_s: float | None = None
    error: ApiError | None = None
    stopped_by: Stop | None = None


class ProbeResult(msgspec.Struct, frozen=True):
    """What a platform says to a token.

    Attributes:
        dialect: How its search is spoken to.
        user: The owner of what is the token's own; empty: it has nothing, or no owner is told.
        owns: An asset of the token's own; empty: it has none.
    """

    dialect: Dialect
    user: str
    owns: str = ""


async def try_way(base_url: str, *, limit_s: float) -> Way:
    """Send one request without a token, by the same way as all others; any answer will do.

    Args:
        base_url: The platform's address.
        limit_s: How long to wait for a connection, and for the answer.

    Raises:
        ConfigError: It is no address.
    """
    url = parse_base_url(base_url)
    network = Network(build_limits(1))
    async with httpx.AsyncClient(
        timeout=httpx.Timeout(limit_s), trust_env=False, transport=network
    ) as http:
        try:
            async with http.stream("GET", url) as response:
                told_s = parse_retry_after(response.headers.get("Date"), now=0.0)
                return Way(clock_offset_s=told_s - time.time() if told_s else None)
        except RAISED as error:
            failure = network.describe(error, url, writes=False)
            return Way(error=failure.error, stopped_by=network.find_stop(error, url))


async def ask_platform(base_url: str, token: Secret, *, limit_s: float) -> ProbeResult:
    """Ask once which search the platform speaks, and whose the token is.

    Raises:
        ApiError: It does not answer, or not to this token.
        ConfigError: `base_url` is no address.
    """
    timeouts = Timeouts(connect_s=limit_s, read_s=limit_s, asset_s=limit_s, call_s=limit_s)
    async with Client(base_url, token, patience=_ONCE, timeouts=timeouts) as client:
        dialect = await client.fetch_dialect()
        first = await find_first(client, SearchRequest(ownership=Ownership.OWNED))
        if first is None:
            return ProbeResult(dialect, "")
        return ProbeResult(dialect, first.owner, first.id)


async def find_first(client: Client, request: SearchRequest) -> Asset | None:
    """Return the first asset that a search finds; None: it says that there is none.

    A row that can't be read is stepped over; it does not show that the platform answers as it
    should, so another one has to.

    Raises:
        BadReply: The platform lists something, but nothing of it is an asset.
        ApiError: It can't be asked.
    """
    for rows in _ROWS_TRIED:
        walk = client.iter_pages(request, limit=rows)
        for asset in await anext(walk, ()):
            return asset
        if not walk.left_out:
            return None
    raise BadReply(
        "the platform's reply makes no sense: nothing of what it lists is an asset",
        hint="check the domain, and whether a proxy or a sign-in page is in the way",
    )
