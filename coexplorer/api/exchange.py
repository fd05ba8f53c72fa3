"""One request to the platform and its reply, bounded in size, time and redirects.

The token goes to the platform's own origin and nowhere else: not to a redirect's target, not into
messages, logs or tracebacks (which is why httpx's exceptions are never chained: their frames hold
the request's headers).
"""

from __future__ import annotations

import base64
import logging
import time
from collections.abc import AsyncIterator, Generator, Mapping
from contextlib import suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Final, Self
from urllib.parse import urlencode

import anyio
import httpx
import msgspec

import coexplorer
from coexplorer.api.bodies import Chunks, GivenBody, HurriedChunks, read_body
from coexplorer.api.calls import Call
from coexplorer.api.failures import (
    Failed,
    build_bad_redirect,
    build_bad_reply,
    build_circle,
    build_silent,
    build_too_long,
    parse_retry_after,
)
from coexplorer.api.limits import Bounds, Timeouts
from coexplorer.api.network import RAISED, Network, build_limits
from coexplorer.api.origin import Origin, find_origin, parse_base_url, parse_origin
from coexplorer.api.splitting import begins_as_page
from coexplorer.lenient_json import encode_text
from coexplorer.models import Secret

Carrier = httpx.AsyncBaseTransport
"""What takes requests to the network, or in tests of waiting does not."""

MAX_HOPS: Final = 3
"""Redirects that are followed one after another."""

_ACCEPTED: Final = "gzip"
_USER_AGENT: Final = f"coexplorer/{coexplorer.__version__}"

# It logs every address at INFO, and the signed ones are as good as a key.
logging.getLogger("httpx").setLevel(logging.WARNING)


class Reply(msgspec.Struct, frozen=True):
    """A reply, read as far as the bounds allow."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        """Whether it is one of those of success; not all of them say that all is done."""
        return 200 <= self.status < 300  # noqa: PLR2004 # RFC 9110, 15.3


class _TokenAuth(httpx.Auth):
    """HTTP Basic with the token as user name and no password, for one origin only."""

    def __init__(self, token: Secret, origin: Origin) -> None:
        self._token = token
        self._origin = origin

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if parse_origin(str(request.url)) == self._origin:
            pair = base64.b64encode(f"{self._token.reveal()}:".encode()).decode()
            request.headers["Authorization"] = f"Basic {pair}"
        yield request


def build_http(auth: httpx.Auth | None, timeouts: Timeouts, carrier: Carrier) -> httpx.AsyncClient:
    """Make what builds requests and sends them, with nothing of the environment's in them."""
    return httpx.AsyncClient(
        auth=auth,
        headers={"User-Agent": _USER_AGENT, "Accept-Encoding": _ACCEPTED},
        timeout=httpx.Timeout(timeouts.read_s, connect=timeouts.connect_s),
        # Nobody needs a cookie here, so none is kept.
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
        # `Network` reads the environment, and no .netrc is to add a password.
        trust_env=False,
        transport=carrier,
    )


class Exchange:
    """Sends a call once, with the token, and reads what comes back.

    Args:
        base_url: The deployment's address, with or without ``/api/v1``.
        token: Goes along as the user name of HTTP Basic (manual).
        timeouts: See `Timeouts`.
        bounds: See `Bounds`.
        concurrency: Connections that are kept.
        carrier: Replaces the network; for tests of waiting.

    Attributes:
        base_url: The API's own address.
        origin: Whose it is.
        clock_offset_s: Seconds that the platform's clock is ahead of ours, as its replies tell.

    Raises:
        ConfigError: The address would send the token in clear text, or is none.
    """

    def __init__(
        self,
        base_url: str,
        token: Secret,
        *,
        timeouts: Timeouts,
        bounds: Bounds,
        concurrency: int,
        carrier: Carrier | None,
    ) -> None:
        self.base_url = parse_base_url(base_url)
        self.origin = parse_origin(self.base_url)
        self.clock_offset_s = 0.0
        self._token = token
        self._timeouts = timeouts
        self._bounds = bounds
        self._network = Network(build_limits(concurrency))
        self._carrier = carrier
        self._http: httpx.AsyncClient

    async def __aenter__(self) -> Self:
        auth = _TokenAuth(self._token, self.origin)
        self._http = build_http(auth, self._timeouts, self._carrier or self._network)
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._http.aclose()

    async def run(self, call: Call) -> Reply:
        """Send a call, follow it to where it is answered, and read the reply.

        Raises:
            Failed: There was no reply, or none that may be read.
        """
        address = self.base_url + call.path
        hops = 0
        try:
            url = httpx.URL(address)
            if call.params:
                url = _with_params(url, call.params)
            first = url
            headers = {"Content-Type": "application/json"} if call.body is not None else {}
            if call.wants:
                headers["Min-Server-Version"] = call.wants
            while True:
                request = self._http.build_request(
                    call.method,
                    url,
                    content=call.body,
                    headers=headers,
                    timeout=httpx.Timeout(
                        self._timeouts.write_s if call.writes else self._timeouts.read_s,
                        connect=self._timeouts.connect_s,
                    ),
                )
                request.stream = GivenBody(call.body or b"")
                response = await self._send(request, call)
                self._learn_clock(response)
                async with Chunks(response, self._network, writes=call.writes) as chunks:
                    target = response.next_request
                    if target is None:
                        return await self._read(call, response, chunks)
                hops += 1
                self._check_hop(call, response.status_code, first, target.url, hops)
                url = target.url
        except RAISED as error:
            raise Failed(self._network.describe(error, address, writes=call.writes)) from None

    async def _send(self, request: httpx.Request, call: Call) -> httpx.Response:
        """Send a request, and wait for the head of its reply.

        Raises:
            Failed: Nothing came, though it would have changed nothing.
        """
        limit_s = self._timeouts.write_s if call.writes else self._timeouts.read_s
        with anyio.move_on_after(limit_s):
            return await self._http.send(request, stream=True, follow_redirects=False)
        raise Failed(build_silent(limit_s, writes=call.writes))

    async def _read(
        self, call: Call, response: httpx.Response, chunks: AsyncIterator[bytes]
    ) -> Reply:
        """Read a body as far as the bounds allow; a refusal's body need not be whole."""
        status, headers = response.status_code, response.headers
        encoding = headers.get("Content-Encoding", "")
        bounds = self._bounds
        if not response.is_success:
            content = b""
            with suppress(ValueError):
                content = (await read_body(chunks, encoding, bounds.error_bytes)).content
            return Reply(status, headers, content)
        try:
            most = bounds.find_most_bytes(call)
            hurried = HurriedChunks(chunks, self._timeouts, bounds, writes=call.writes)
            body = await read_body(hurried, encoding, most)
        except ValueError as error:
            raise Failed(build_bad_reply(str(error), b"", status, writes=call.writes)) from None
        if body.cut:
            of_rows = begins_as_page(body.content)
            raise Failed(
                build_too_long(
                    most,
                    body.content,
                    status,
                    what=call.path,
                    writes=call.writes,
                    of_rows=of_rows,
                )
            )
        return Reply(status, headers, body.content)

    def _check_hop(
        self, call: Call, status: int, first: httpx.URL, target: httpx.URL, hops: int
    ) -> None:
        """Refuse redirects that would carry the token away, or change what is asked or done.

        What is followed leads to the same path and parameters below the same or another prefix, and
        for what is no reading to the very same, but for a slash at the end.
        """
        reason = ""
        same = target.path.rstrip("/") == first.path.rstrip("/")
        reads = call.method == "GET"
        if find_origin(str(target)) != self.origin:
            reason = f"it redirects to another address, {_show_place(target)}"
        elif not reads and status not in (307, 308):
            reason = "it redirects a request that is not a read" + " to itself" * same
        elif not (same or (reads and _is_below(target, call))):
            reason = f"it redirects to another page, {target.path[:80]!r}"
        elif target.params != first.params:
            reason = "it redirects to the same page with other parameters"
        elif hops > MAX_HOPS:
            raise Failed(build_circle(status, hops, writes=call.writes))
        if reason:
            same_page = same and find_origin(str(target)) == self.origin
            raise Failed(
                build_bad_redirect(reason, status, writes=call.writes, same_page=same_page)
            )

    def _learn_clock(self, response: httpx.Response) -> None:
        told_s = parse_retry_after(response.headers.get("Date"), now=0.0)
        if told_s:
            self.clock_offset_s = told_s - time.time()


def _with_params(url: httpx.URL, params: tuple[tuple[str, str], ...]) -> httpx.URL:
    """Add parameters to an address; a file's path may hold what no text can (`encode_text`)."""
    try:
        return url.copy_merge_params(params)
    except UnicodeEncodeError:
        query = urlencode([(name, encode_text(value)) for name, value in params])
        return url.copy_with(query=query.encode())


def _show_place(url: httpx.URL) -> str:
    """Name an address without what may be secret in it: its user, its path, its parameters."""
    port = f":{url.port}" if url.port is not None else ""
    return f"{url.scheme}://{url.host}{port}"


def _is_below(target: httpx.URL, call: Call) -> bool:
    """Tell whether a path ends in what was asked for, in whichever prefix."""
    return target.raw_path.partition(b"?")[0].rstrip(b"/").endswith(b"/" + call.path.encode())
