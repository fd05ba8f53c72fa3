"""Reads files at signed addresses, in a storage that is not the platform: the token stays out.

This room has never seen the token, and its connections are its own, so that long downloads never
keep calls from one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Self

import anyio
import httpx
import msgspec

from coexplorer.api.bodies import Chunks, GivenBody
from coexplorer.api.exchange import MAX_HOPS, Carrier, build_http
from coexplorer.api.failures import Failed, FailureKind, build_bad_address
from coexplorer.api.limits import Timeouts
from coexplorer.api.masking import mask_addresses, mask_secrets
from coexplorer.api.network import RAISED, Network, build_limits
from coexplorer.api.origin import Origin, find_origin
from coexplorer.api.storage_failures import blame_storage, build_stopped, tell_bad_address
from coexplorer.api.waits import Waits


class SignedRequest(msgspec.Struct, frozen=True):
    """An address whose signature goes along in headers; they go nowhere else."""

    url: str
    headers: Mapping[str, str]

    def __repr__(self) -> str:
        return f"SignedRequest({self.url!r})"


class Stream(msgspec.Struct, frozen=True):
    """A reply whose body is still on its way.

    Attributes:
        addresses: Where it was asked for: the signed address, and what that led to.
        secrets: What signed it, where that is in headers.
    """

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]
    addresses: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    def mask(self, body: bytes) -> bytes:
        """Return a refusal without what signed the request: whoever answers may repeat it."""
        return mask_secrets(mask_addresses(body, self.addresses), self.secrets)


class _StoredChunks(Chunks):
    """The bytes of a file on their way; what breaks them off is told of its storage."""

    async def __anext__(self) -> bytes:
        try:
            return await super().__anext__()
        except Failed as failed:
            host = self._response.url.host
            raise Failed(blame_storage(failed.failure, host)) from None


class Storage:
    """The ways to wherever the platform keeps its files, or to a storage that the user named.

    Args:
        platform: Whose signed addresses these are; who it is, is spoken to as the user has said.
        waits: Notes what is waited for.
        timeouts: See `Timeouts`.
        concurrency: Connections that are kept.
        carrier: Replaces the network; for tests of waiting.
    """

    def __init__(
        self,
        platform: Origin,
        waits: Waits,
        *,
        timeouts: Timeouts,
        concurrency: int,
        carrier: Carrier | None,
    ) -> None:
        self._platform = platform
        self._waits = waits
        self._timeouts = timeouts
        self._network = Network(build_limits(concurrency))
        self._carrier = carrier
        self._http: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        self._http = build_http(None, self._timeouts, self._carrier or self._network)
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    @asynccontextmanager
    async def open_stream(
        self,
        address: str | SignedRequest,
        headers: Mapping[str, str],
        *,
        method: str = "GET",
        limit_s: float | None = None,
    ) -> AsyncIterator[Stream]:
        """Ask for what is at an address, and follow redirects.

        Args:
            address: Where that is.
            headers: Of the request.
            method: ``GET`` or ``HEAD``.
            limit_s: So long it may take to answer, in seconds; None: `Timeouts.file_s`.

        Raises:
            Failed: There was no reply, or the address is not private enough; so do the chunks.
        """
        signed: Mapping[str, str] = {}
        url = address if isinstance(address, str) else address.url
        if isinstance(address, SignedRequest):
            signed = address.headers
        request: httpx.Request | None = None
        with suppress(httpx.InvalidURL, ValueError):
            request = self._http.build_request(method, url, headers={**headers, **signed})
        status = 0
        asked = [url]
        for _hop in range(MAX_HOPS + 1):
            origin = find_origin(str(request.url)) if request is not None else None
            if request is None or origin is None:
                bad = url if request is None or len(asked) == 1 else str(request.url)
                raise Failed(build_bad_address(tell_bad_address(bad)))
            self._check_address(origin)
            if status:
                for name in signed:  # elsewhere they would be wrong, and nobody's business
                    request.headers.pop(name, None)
            asked.append(str(request.url))
            request.stream = GivenBody(b"")
            response = await self._start_stream(request, limit_s or self._timeouts.file_s)
            async with _StoredChunks(response, self._network, writes=False) as chunks:
                if response.next_request is None:
                    yield Stream(
                        response.status_code,
                        response.headers,
                        chunks,
                        tuple(asked),
                        tuple(signed.values()),
                    )
                    return
                status, request = response.status_code, response.next_request
        raise Failed(build_bad_address(f"it redirects again and again (status {status})"))

    def _check_address(self, origin: Origin) -> None:
        """Refuse to be sent to this machine by a remote platform, or where others can read along.

        Raises:
            Failed: It says which.
        """
        if origin == self._platform or origin.is_below(self._platform):
            return
        if origin.may_be_loopback and not self._platform.is_loopback:
            raise Failed(build_bad_address("it leads to this machine, to a server of your own"))
        if not origin.is_private_enough:
            reason = f"{origin.host} is not reached by HTTPS, and anybody could read along"
            raise Failed(build_bad_address(reason))

    async def _start_stream(self, request: httpx.Request, limit_s: float) -> httpx.Response:
        response = None
        try:
            with anyio.move_on_after(limit_s), self._waits.for_answer(of_storage=True):
                response = await self._http.send(request, stream=True)
        except RAISED as error:
            failure = self._network.describe(error, str(request.url), writes=False)
            raise Failed(blame_storage(failure, request.url.host)) from None
        if response is None:
            reason = f"gave no answer within {limit_s:.0f} s"
            raise Failed(build_stopped(reason, kind=FailureKind.SILENT))
        return response
