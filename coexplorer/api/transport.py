"""Carries calls to the platform and back: the one seam to HTTP, and the only room that knows httpx.

Time-outs, the limit on concurrent requests, and repetition of what is safe to repeat live here. The
token goes to the platform's own origin and nowhere else: not along with a redirect, not into
messages, logs or tracebacks (which is why httpx's exceptions are never chained: their frames hold
the request's headers).
"""

from __future__ import annotations

import base64
import logging
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from types import TracebackType
from typing import Final, Self, TypeVar

import anyio
import httpx
import msgspec

import coexplorer
from coexplorer.api.calls import Call, Repeat
from coexplorer.api.failures import (
    LONGEST_LINE,
    Failed,
    Failure,
    Kind,
    build_bad_redirect,
    build_bad_reply,
    build_unreachable,
    classify_reply,
    parse_retry_after,
)
from coexplorer.api.origin import find_origin, parse_base_url, parse_origin
from coexplorer.api.patience import Patience, Tried, find_wait_s
from coexplorer.errors import NotFound
from coexplorer.models import Secret

T = TypeVar("T")
Carrier = httpx.AsyncBaseTransport
"""What takes requests to the network, or in tests of waiting does not."""
OnWait = Callable[[float, str], None]
"""Told before each wait: its seconds, and why, as a sentence for a person."""

_log = logging.getLogger(__name__)
# It logs every address at INFO, and the signed ones are as good as a key.
logging.getLogger("httpx").setLevel(logging.WARNING)

_MAX_HOPS: Final = 3
_USER_AGENT: Final = f"coexplorer/{coexplorer.__version__}"


class Timeouts(msgspec.Struct, frozen=True):
    """How long to wait for what, in seconds.

    Attributes:
        connect_s: For a connection.
        read_s: For the next bytes of a reply; a page of 1000 takes the platform about 2 s.
        attempt_s: For a whole request and reply, so that a slow drip ends too.
        call_s: For everything: all attempts and the waits between them.
    """

    connect_s: float = 10.0
    read_s: float = 60.0
    attempt_s: float = 180.0
    call_s: float = 600.0


class Stream(msgspec.Struct, frozen=True):
    """A reply whose body is still on its way."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class _TokenAuth(httpx.Auth):
    """HTTP Basic with the token as user name and no password, for one origin only."""

    def __init__(self, token: Secret, base_url: str) -> None:
        self._token = token
        self._origin = parse_origin(base_url)

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        if parse_origin(str(request.url)) == self._origin:
            pair = base64.b64encode(f"{self._token.reveal()}:".encode()).decode()
            request.headers["Authorization"] = f"Basic {pair}"
        yield request


class Transport:
    """An open way to one platform.

    Args:
        base_url: The deployment's address, with or without ``/api/v1``.
        token: Goes along as the user name of HTTP Basic (manual).
        timeouts: See `Timeouts`.
        patience: See `Patience`.
        concurrency: Requests that may be under way at once.
        on_wait: See `OnWait`; may be replaced at any time.
        carrier: Takes the place of the network; for tests of waiting.

    Raises:
        ConfigError: The address would send the token in clear text, or is none.
    """

    def __init__(
        self,
        base_url: str,
        token: Secret,
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 # frozen
        patience: Patience = Patience(),  # noqa: B008 # frozen
        concurrency: int = 8,
        on_wait: OnWait | None = None,
        carrier: Carrier | None = None,
    ) -> None:
        self.base_url = parse_base_url(base_url)
        self.origin = parse_origin(self.base_url)
        self.on_wait = on_wait
        self.clock_offset_s = 0.0
        """Seconds that the platform's clock is ahead of ours, as far as it has told."""
        self._token = token
        self._timeouts = timeouts
        self._patience = patience
        self._concurrency = concurrency
        self._carrier = carrier
        self._slots: anyio.Semaphore
        self._http: httpx.AsyncClient
        self._stack: AsyncExitStack
        self._files_http: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"Transport({self.base_url!r})"

    async def __aenter__(self) -> Self:
        self._slots = anyio.Semaphore(self._concurrency)
        # This machine needs no list of certificates, which takes longer to read than a request
        # takes; a context without any trusts nobody.
        clear = self.origin.scheme == "http"
        verify = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if clear else True
        self._http = self._build_http(_TokenAuth(self._token, self.base_url), verify=verify)
        self._stack = AsyncExitStack()
        await self._stack.enter_async_context(self._http)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self._stack.__aexit__(kind, error, traceback)

    def _build_http(
        self, auth: httpx.Auth | None = None, *, verify: ssl.SSLContext | bool = True
    ) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            auth=auth,
            headers={"User-Agent": _USER_AGENT},
            timeout=httpx.Timeout(self._timeouts.read_s, connect=self._timeouts.connect_s),
            limits=httpx.Limits(
                max_connections=self._concurrency + 2,
                max_keepalive_connections=self._concurrency,
                keepalive_expiry=30.0,
            ),
            # This machine is not behind a proxy.
            trust_env=not self.origin.is_loopback and self._carrier is None,
            verify=verify,
            transport=self._carrier,
        )

    async def send(self, call: Call, parse: Callable[[bytes], T]) -> T:
        """Send a call and read its reply, as often as it takes and is allowed.

        Args:
            call: What to send.
            parse: Reads the body of a success; raises ValueError when it makes no sense.

        Raises:
            ApiError: `outcome_unknown` tells whether a write may have been carried out.
        """
        deadline = anyio.current_time() + self._timeouts.call_s
        tried = Tried()
        maybe_done = False
        while True:
            try:
                return await self._attempt(call, parse, deadline)
            except Failed as failed:
                failure = failed.failure
            error = failure.error
            if maybe_done and isinstance(error, NotFound) and call.repeat is Repeat.UNTIL_GONE:
                return parse(b"")
            maybe_done = maybe_done or error.outcome_unknown
            error.outcome_unknown = maybe_done
            tried = tried.after(failure.kind)
            chance = random.random()  # noqa: S311 # spreads clients out in time
            wait_s = find_wait_s(failure, call.repeat, tried, self._patience, chance=chance)
            if wait_s is None or anyio.current_time() + wait_s >= deadline:
                raise error from None
            await self._wait(wait_s, error.message)

    async def wait_after(self, failure: Failure, nth: int) -> bool:
        """Wait before a repetition that the caller does itself; say whether there is to be one.

        Args:
            failure: What happened.
            nth: How often it happened in a row.
        """
        tried = Tried(lost=nth, unsent=nth, slow_downs=nth)
        chance = random.random()  # noqa: S311 # spreads clients out in time
        wait_s = find_wait_s(failure, Repeat.ALWAYS, tried, self._patience, chance=chance)
        if wait_s is None:
            return False
        await self._wait(wait_s, failure.error.message)
        return True

    async def _wait(self, wait_s: float, reason: str) -> None:
        _log.info("%s; again in %.1f s", reason, wait_s)
        if self.on_wait is not None:
            self.on_wait(wait_s, reason)
        await anyio.sleep(wait_s)

    async def _attempt(self, call: Call, parse: Callable[[bytes], T], deadline: float) -> T:
        async with self._slots:
            started = anyio.current_time()
            until = min(deadline, started + self._timeouts.attempt_s)
            response = None
            with anyio.CancelScope(deadline=until):
                response = await self._exchange(call)
        if response is None:
            reason = f"there was no whole answer within {until - started:.0f} s"
            raise Failed(build_unreachable(reason, kind=Kind.LOST, writes=call.writes))
        if not response.is_success:
            raise Failed(self._classify(call, response))
        try:
            return parse(response.content)
        except ValueError as error:
            reason = str(error)
        body = self._log_body(call, response)
        raise Failed(build_bad_reply(reason, body, response.status_code, writes=call.writes))

    async def _exchange(self, call: Call) -> httpx.Response:
        url = httpx.URL(self.base_url + call.path)
        if call.params:
            url = url.copy_merge_params(call.params)
        headers = {"Content-Type": "application/json"} if call.body is not None else {}
        hops = 0
        while True:
            try:
                request = self._http.build_request(
                    call.method, url, content=call.body, headers=headers
                )
                request.stream = _Body(call.body or b"")
                response = await self._http.send(request, follow_redirects=False)
            except httpx.HTTPError as error:
                raise Failed(describe(error, writes=call.writes)) from None
            self._learn_clock(response)
            target = response.next_request
            if target is None:
                return response
            hops += 1
            self._check_hop(call, response, target.url, hops)
            url = target.url

    def _check_hop(
        self, call: Call, response: httpx.Response, target: httpx.URL, hops: int
    ) -> None:
        """Refuse redirects that would carry the token away, or change what is being done."""
        status = response.status_code
        if find_origin(str(target)) != self.origin:
            reason = f"it redirects to another address, {target.host}"
            raise Failed(build_bad_redirect(reason, status))
        if call.method != "GET" and status not in (307, 308):
            raise Failed(build_bad_redirect("it redirects what is no reading", status))
        if hops > _MAX_HOPS:
            raise Failed(build_bad_redirect("it redirects in a circle", status))

    def _classify(self, call: Call, response: httpx.Response) -> Failure:
        retry_after_s = parse_retry_after(
            response.headers.get("Retry-After"), now=time.time() + self.clock_offset_s
        )
        return classify_reply(
            response.status_code,
            self._log_body(call, response),
            subject=call.subject,
            writes=call.writes,
            retry_after_s=retry_after_s,
        )

    def _learn_clock(self, response: httpx.Response) -> None:
        told_s = parse_retry_after(response.headers.get("Date"), now=0.0)
        if told_s:
            self.clock_offset_s = told_s - time.time()

    def _log_body(self, call: Call, response: httpx.Response) -> bytes:
        """Log what the platform said, and return it, without secrets that it may have repeated."""
        body = response.content
        for secret in (self._token, *call.secrets):
            if secret:
                plain = secret.reveal().encode()
                body = body.replace(base64.b64encode(plain + b":"), b"...").replace(plain, b"...")
        text = body[:10_000].decode("utf-8", "replace")
        _log.info("%r: %d: %r", call, response.status_code, text)
        return body

    @asynccontextmanager
    async def open_stream(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
        """Read an address that is not the API's, such as a signed one: the token stays here.

        Raises:
            Failed: There was no reply, or the address is not private enough; so do the chunks.
        """
        if self._files_http is None:
            self._files_http = await self._stack.enter_async_context(self._build_http())
        request: httpx.Request | None = None
        with suppress(httpx.InvalidURL):
            request = self._files_http.build_request("GET", url, headers=headers)
        for _hop in range(_MAX_HOPS + 1):
            origin = find_origin(str(request.url)) if request is not None else None
            if request is None or origin is None or not origin.is_private_enough:
                break
            request.stream = _Body(b"")
            try:
                response = await self._files_http.send(request, stream=True)
            except httpx.HTTPError as error:
                raise Failed(describe(error, writes=False)) from None
            chunks = _Chunks(response)
            try:
                if response.next_request is None:
                    yield Stream(response.status_code, response.headers, chunks)
                    return
                request = response.next_request
            finally:
                await chunks.aclose()
        raise Failed(build_bad_redirect("the file's address is none, or not private", 0))


class _Body(httpx.AsyncByteStream):
    """The body of a request, given at once.

    httpx's own is a generator; where the connection breaks before it is exhausted it is left to
    the garbage collector, of which trio complains.
    """

    def __init__(self, content: bytes) -> None:
        self._content = content

    def __aiter__(self) -> AsyncIterator[bytes]:
        return _Once(self._content)


class _Once:
    def __init__(self, content: bytes) -> None:
        self._content: bytes | None = content

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        content, self._content = self._content, None
        if not content:
            raise StopAsyncIteration
        return content


class _Chunks:
    """The body of a reply on its way, with our errors in place of httpx's."""

    def __init__(self, response: httpx.Response) -> None:
        self._response = response
        self._raw = response.aiter_raw()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._raw)
        except httpx.HTTPError as error:
            raise Failed(describe(error, writes=False)) from None

    async def aclose(self) -> None:
        """Close the connection, then run the generators inside of httpx to their end.

        It leaves those of an unfinished body to the garbage collector, of which trio complains.
        """
        with anyio.CancelScope(shield=True):
            await self._response.aclose()
            with suppress(httpx.HTTPError, httpx.StreamError):
                async for _chunk in self._raw:
                    pass


def describe(error: httpx.HTTPError, *, writes: bool) -> Failure:
    """Turn what httpx raised into a failure.

    Its own text is used only where it is the operating system's: that of a protocol error quotes
    headers.
    """
    match error:
        case httpx.ConnectTimeout() | httpx.PoolTimeout():
            reason, kind = "the connection took too long", Kind.UNSENT
        case httpx.ConnectError() | httpx.ProxyError():
            reason, kind = f"no connection ({_first_line(error)})", Kind.UNSENT
            if "CERTIFICATE" in reason:
                kind = Kind.FINAL
        case httpx.TimeoutException():
            reason, kind = "it stopped answering", Kind.LOST
        case httpx.LocalProtocolError() | httpx.UnsupportedProtocol():
            reason, kind = "the request can't be sent in this form", Kind.FINAL
        case httpx.DecodingError():
            reason, kind = "its reply can't be unpacked", Kind.LOST
        case _:
            reason, kind = "the connection broke", Kind.LOST
    return build_unreachable(reason, kind=kind, writes=writes)


def _first_line(error: Exception) -> str:
    lines = str(error).splitlines()
    return lines[0][:LONGEST_LINE] if lines else type(error).__name__
