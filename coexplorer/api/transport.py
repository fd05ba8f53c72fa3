"""Carries calls to the platform and back: the one seam to HTTP.

Only this module and `network` (which finds the route and explains what is wrong with it) know
httpx.

Time-outs, the limit on concurrent requests, and retries of what is safe to retry live here. The
token goes to the platform's own origin and nowhere else: not to a redirect's target, not into
messages, logs or tracebacks (which is why httpx's exceptions are never chained: their frames hold
the request's headers).
"""

from __future__ import annotations

import base64
import json
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from http.cookiejar import CookieJar, DefaultCookiePolicy
from types import TracebackType
from typing import Final, Self, TypeVar

import anyio
import httpx
import msgspec

import coexplorer
from coexplorer.api.bodies import ACCEPTED, read_body
from coexplorer.api.calls import Call, Repeat
from coexplorer.api.failures import (
    Failed,
    Failure,
    Kind,
    build_bad_address,
    build_bad_redirect,
    build_bad_reply,
    build_circle,
    build_too_long,
    build_unclear,
    build_unreachable,
    classify_reply,
    parse_retry_after,
)
from coexplorer.api.limits import Bounds, Timeouts
from coexplorer.api.network import RAISED, Network, build_limits
from coexplorer.api.origin import Origin, find_origin, parse_base_url, parse_origin
from coexplorer.api.retry import SILENT_COUNTS, Patience, Tried, find_wait_s
from coexplorer.api.waits import Waits
from coexplorer.errors import ApiError, NotFound
from coexplorer.models import Asset, Secret

T = TypeVar("T")
Carrier = httpx.AsyncBaseTransport
"""What takes requests to the network, or in tests of waiting does not."""
OnWait = Callable[[float, str], None]
"""Told before each wait: its seconds, and why, as a sentence for a person."""

Judge = Callable[[Asset, bool], Awaitable[None]]
"""Told how an asset is right before a write, and whether an earlier try may have been carried out.

It raises to stop the write. It must not ask the platform for anything: it holds a request's place.
"""

_log = logging.getLogger(__name__)
# It logs every address at INFO, and the signed ones are as good as a key.
logging.getLogger("httpx").setLevel(logging.WARNING)

_MAX_HOPS: Final = 3
_CLEAR: Final = (200, 201, 203, 204)
"""What says that all was done, or that the answer is whole (RFC 9110, 15.3)."""
_FRESH_S: Final = 1.0
"""What was read longer ago is read again before it is written over."""
_USER_AGENT: Final = f"coexplorer/{coexplorer.__version__}"


class Look:
    """How the asset that a write is about is read again, where something waited since it was read.

    The platform has no versions, so a write goes over whatever others did since the reading. Any
    failure before a repetition counts as waiting, and so does everything else that takes long: a
    place among the requests, a slow disk, a machine that slept.

    Args:
        call: Reads the asset.
        parse: Reads the reply.
        judge: See `Judge`.
        read_at: When it was last read, by `anyio.current_time`; None: just now.
    """

    def __init__(
        self,
        call: Call,
        parse: Callable[[bytes], Asset],
        judge: Judge,
        *,
        read_at: float | None = None,
    ) -> None:
        self.call = call
        self.parse = parse
        self.judge = judge
        self._read_at: float | None = anyio.current_time() if read_at is None else read_at

    @property
    def is_due(self) -> bool:
        """Whether it has to be read again."""
        return self._read_at is None or anyio.current_time() - self._read_at > _FRESH_S

    def note_read(self) -> None:
        """Note that it was read just now."""
        self._read_at = anyio.current_time()

    def expire(self) -> None:
        """Have it read again, however long ago the last time was."""
        self._read_at = None


class Stream(msgspec.Struct, frozen=True):
    """A reply whose body is still on its way."""

    status: int
    headers: Mapping[str, str]
    chunks: AsyncIterator[bytes]


class _Reply(msgspec.Struct, frozen=True):
    """A reply, read as far as the bounds allow."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # noqa: PLR2004 # RFC 9110, 15.3


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
        bounds: See `Bounds`.
        concurrency: Requests that may be under way at once.
        on_wait: See `OnWait`; may be replaced at any time.
        carrier: Replaces the network; for tests of waiting.

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
        bounds: Bounds = Bounds(),  # noqa: B008 # frozen
        concurrency: int = 8,
        on_wait: OnWait | None = None,
        carrier: Carrier | None = None,
    ) -> None:
        self.base_url = parse_base_url(base_url)
        self.origin = parse_origin(self.base_url)
        self.on_wait = on_wait
        self.waits = Waits()
        self.clock_offset_s = 0.0
        """Seconds that the platform's clock is ahead of ours, as far as its replies tell."""
        self._token = token
        self.timeouts = timeouts
        self.bounds = bounds
        self._patience = patience
        self._concurrency = concurrency
        # Apart, so that long downloads never keep calls from a connection.
        self._network = Network(build_limits(concurrency))
        self._files_network = Network(build_limits(concurrency))
        self._carrier = carrier
        self._slots: anyio.Semaphore
        self._http: httpx.AsyncClient
        self._files_http: httpx.AsyncClient
        self._stack: AsyncExitStack

    def __repr__(self) -> str:
        return f"Transport({self.base_url!r})"

    async def __aenter__(self) -> Self:
        self._slots = anyio.Semaphore(self._concurrency)
        token = _TokenAuth(self._token, self.base_url)
        self._http = self._build_http(token, self._network)
        self._files_http = self._build_http(None, self._files_network)
        self._stack = AsyncExitStack()
        await self._stack.enter_async_context(self._http)
        await self._stack.enter_async_context(self._files_http)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self._stack.__aexit__(kind, error, traceback)

    def _build_http(self, auth: httpx.Auth | None, network: Network) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            auth=auth,
            headers={"User-Agent": _USER_AGENT, "Accept-Encoding": ACCEPTED},
            timeout=httpx.Timeout(self.timeouts.read_s, connect=self.timeouts.connect_s),
            # Nobody needs a cookie here, so none is kept.
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=())),
            # `Network` reads the environment, and no .netrc is to add a password.
            trust_env=False,
            transport=self._carrier or network,
        )

    def start_clock(self) -> float:
        """Return the deadline of a call that starts now, for `send` and `wait_after`."""
        return anyio.current_time() + self.timeouts.call_s

    async def send(
        self,
        call: Call,
        parse: Callable[[bytes], T],
        *,
        deadline: float | None = None,
        look: Look | None = None,
    ) -> T:
        """Send a call and read its reply, as often as it takes and is allowed.

        Args:
            call: What to send.
            parse: Reads the body of a success; raises ValueError when it makes no sense.
            deadline: Of what this is a part of, by `start_clock`; None: it is the whole.
            look: Reads again what is written over, before each try that had to wait.

        Raises:
            ApiError: `outcome_unknown` tells whether a write may have been carried out.
            CoexplorerError: What the look's judge raises.
        """
        deadline = self.start_clock() if deadline is None else deadline
        tried = Tried()
        maybe_done = False
        while True:
            repeat = call.repeat
            try:
                async with self._slots:
                    if look is not None and look.is_due:
                        repeat = Repeat.ALWAYS  # as nothing is written by a look
                        await self._look_again(look, deadline, maybe_done=maybe_done)
                        repeat = call.repeat
                    return await self._attempt(call, parse, deadline)
            except Failed as failed:
                failure = failed.failure
            if look is not None:
                look.expire()
            error = failure.error
            if maybe_done and isinstance(error, NotFound) and call.repeat is Repeat.UNTIL_GONE:
                return parse(b"")
            maybe_done = maybe_done or error.outcome_unknown
            error.outcome_unknown = maybe_done
            tried = tried.after(failure.kind)
            chance = random.random()  # noqa: S311 # spreads clients out in time
            wait_s = find_wait_s(failure, repeat, tried, self._patience, chance=chance)
            if wait_s is None or anyio.current_time() + wait_s >= deadline:
                raise error from None
            await self._wait(wait_s, error)

    async def wait_after(self, failure: Failure, nth: int, deadline: float) -> bool:
        """Wait before a repetition that the caller does itself; say whether there is to be one.

        Args:
            failure: What happened.
            nth: How often it happened in a row.
            deadline: By `start_clock`; a platform that asks for a longer wait gets none.
        """
        lost = nth * (SILENT_COUNTS if failure.kind is Kind.SILENT else 1)
        tried = Tried(lost=lost, unsent=nth, slow_downs=nth)
        chance = random.random()  # noqa: S311 # spreads clients out in time
        wait_s = find_wait_s(failure, Repeat.ALWAYS, tried, self._patience, chance=chance)
        if wait_s is None or anyio.current_time() + wait_s >= deadline:
            return False
        await self._wait(wait_s, failure.error)
        return True

    async def _wait(self, wait_s: float, error: ApiError) -> None:
        _log.info("%s; again in %.1f s", error.message, wait_s)
        if self.on_wait is not None:
            self.on_wait(wait_s, error.message)
        asked = error.retry_after_s is not None
        with self.waits.for_repetition(wait_s, error.message, asked=asked):
            await anyio.sleep(wait_s)

    async def _look_again(self, look: Look, deadline: float, *, maybe_done: bool) -> None:
        """Read what is written over next, and have it judged, in the place of the write itself."""
        now = await self._attempt(look.call, look.parse, deadline)
        look.note_read()
        await look.judge(now, maybe_done)

    async def _attempt(self, call: Call, parse: Callable[[bytes], T], deadline: float) -> T:
        """Send a call once; whoever calls this holds a place among the requests."""
        started = anyio.current_time()
        until = min(deadline, started + self.timeouts.find_attempt_s(call))
        reply = None
        with self.waits.for_answer(), anyio.CancelScope(deadline=until):
            reply = await self._exchange(call)
        if reply is None:
            reason = f"there was no complete answer within {until - started:.0f} s"
            raise Failed(build_unreachable(reason, kind=Kind.SILENT, writes=call.writes))
        if not reply.is_success:
            raise Failed(self._classify(call, reply))
        if reply.status not in _CLEAR:
            self._log_body(call, reply)
            raise Failed(build_unclear(reply.status, writes=call.writes))
        try:
            return parse(reply.content)
        except ValueError as error:
            reason = _explain_parsing(error, reply.content)
        body = self._log_body(call, reply)
        raise Failed(build_bad_reply(reason, body, reply.status, writes=call.writes))

    async def _exchange(self, call: Call) -> _Reply:
        address = self.base_url + call.path
        hops = 0
        try:
            url = httpx.URL(address)
            if call.params:
                url = url.copy_merge_params(call.params)
            first = url
            headers = {"Content-Type": "application/json"} if call.body is not None else {}
            while True:
                request = self._http.build_request(
                    call.method, url, content=call.body, headers=headers
                )
                request.stream = _Body(call.body or b"")
                response = await self._http.send(request, stream=True, follow_redirects=False)
                self._learn_clock(response)
                async with _Chunks(response, self._network, writes=call.writes) as chunks:
                    target = response.next_request
                    if target is None:
                        return await self._read(call, response, chunks)
                hops += 1
                self._check_hop(call, response.status_code, first, target.url, hops)
                url = target.url
        except RAISED as error:
            raise Failed(self._network.describe(error, address, writes=call.writes)) from None

    async def _read(
        self, call: Call, response: httpx.Response, chunks: AsyncIterator[bytes]
    ) -> _Reply:
        """Read a body as far as the bounds allow; a refusal's body need not be whole."""
        status, headers = response.status_code, response.headers
        encoding = headers.get("Content-Encoding", "")
        bounds = self.bounds
        if not response.is_success:
            content = b""
            with suppress(ValueError):
                content = (await read_body(chunks, encoding, bounds.error_bytes)).content
            return _Reply(status, headers, content)
        try:
            most = bounds.find_most_bytes(call)
            hurried = _Hurried(chunks, self.timeouts, writes=call.writes)
            body = await read_body(hurried, encoding, most)
        except ValueError as error:
            raise Failed(build_bad_reply(str(error), b"", status, writes=call.writes)) from None
        if body.cut:
            raise Failed(build_too_long(most, status, writes=call.writes))
        return _Reply(status, headers, body.content)

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
            reason = "it redirects a request that is not a read"
        elif not (same or (reads and _is_below(target, call))):
            reason = f"it redirects to another page, {target.path[:80]!r}"
        elif target.params != first.params:
            reason = "it redirects to the same page with other parameters"
        elif hops > _MAX_HOPS:
            raise Failed(build_circle(status, hops, writes=call.writes))
        if reason:
            raise Failed(build_bad_redirect(reason, status, writes=call.writes))

    def _classify(self, call: Call, reply: _Reply) -> Failure:
        retry_after_s = parse_retry_after(
            reply.headers.get("Retry-After"), now=time.time() + self.clock_offset_s
        )
        return classify_reply(
            reply.status,
            self._log_body(call, reply),
            act=call.act,
            subject=call.subject,
            writes=call.writes,
            retry_after_s=retry_after_s,
        )

    def _learn_clock(self, response: httpx.Response) -> None:
        told_s = parse_retry_after(response.headers.get("Date"), now=0.0)
        if told_s:
            self.clock_offset_s = told_s - time.time()

    def _log_body(self, call: Call, reply: _Reply) -> bytes:
        """Log what the platform said, and return it, without secrets that it may have repeated."""
        body = reply.content
        for secret in (self._token, *call.secrets):
            if secret:
                plain = secret.reveal().encode()
                body = body.replace(base64.b64encode(plain + b":"), b"...").replace(plain, b"...")
        text = body[:10_000].decode("utf-8", "replace")
        _log.info("%r: %d: %r", call, reply.status, text)
        return body

    @asynccontextmanager
    async def open_stream(self, url: str, headers: Mapping[str, str]) -> AsyncIterator[Stream]:
        """Read an address that is not the API's, such as a signed one: the token stays here.

        Raises:
            Failed: There was no reply, or the address is not private enough; so do the chunks.
        """
        request: httpx.Request | None = None
        with suppress(httpx.InvalidURL, ValueError):
            request = self._files_http.build_request("GET", url, headers=headers)
        status = 0
        for _hop in range(_MAX_HOPS + 1):
            origin = find_origin(str(request.url)) if request is not None else None
            if request is None or origin is None:
                raise Failed(build_bad_address("it is not one of the web"))
            self._check_address(origin)
            request.stream = _Body(b"")
            response = await self._start_stream(request)
            async with _Chunks(response, self._files_network, writes=False) as chunks:
                if response.next_request is None:
                    yield Stream(response.status_code, response.headers, chunks)
                    return
                status, request = response.status_code, response.next_request
        raise Failed(build_bad_address(f"it redirects again and again (status {status})"))

    def _check_address(self, origin: Origin) -> None:
        """Refuse to be sent to this machine by a remote platform, or where others can read along.

        Raises:
            Failed: It says which.
        """
        if origin.may_be_loopback and not self.origin.is_loopback:
            raise Failed(build_bad_address("it leads to this machine, to a server of your own"))
        if not origin.is_private_enough:
            reason = f"{origin.host} is not reached by HTTPS, and anybody could read along"
            raise Failed(build_bad_address(reason))

    async def _start_stream(self, request: httpx.Request) -> httpx.Response:
        response = None
        try:
            with self.waits.for_answer(), anyio.move_on_after(self.timeouts.file_s):
                response = await self._files_http.send(request, stream=True)
        except RAISED as error:
            failure = self._files_network.describe(error, str(request.url), writes=False)
            raise Failed(failure) from None
        if response is None:
            reason = f"the file's storage gave no answer within {self.timeouts.file_s:.0f} s"
            raise Failed(build_unreachable(reason, kind=Kind.SILENT, writes=False))
        return response


class _Body(httpx.AsyncByteStream):
    """The body of a request, given at once.

    httpx's own is a generator; where the connection breaks before it is exhausted it is left to
    the garbage collector, which trio complains about.
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
    """The body of a reply on its way, with our errors instead of httpx's."""

    def __init__(self, response: httpx.Response, network: Network, *, writes: bool) -> None:
        self._response = response
        self._network = network
        self._writes = writes
        self._raw = response.aiter_raw()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._raw)
        except RAISED as error:
            url = str(self._response.url)
            failure = self._network.describe(error, url, writes=self._writes)
            raise Failed(failure) from None

    async def aclose(self) -> None:
        """Close the connection, then run the generators inside httpx to their end.

        It leaves an unfinished body to the garbage collector, which trio complains about.
        """
        with anyio.CancelScope(shield=True):
            await self._response.aclose()
            with suppress(httpx.HTTPError, httpx.StreamError):
                async for _chunk in self._raw:
                    pass


class _Hurried:
    """The body of a reply, as long as it comes fast enough to be waited for."""

    def __init__(self, chunks: AsyncIterator[bytes], timeouts: Timeouts, *, writes: bool) -> None:
        self._chunks = chunks
        self._timeouts = timeouts
        self._writes = writes
        self._started = anyio.current_time()
        self._received = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunk = await anext(self._chunks)
        self._received += len(chunk)
        if self._timeouts.is_drip(self._received, anyio.current_time() - self._started):
            reason = f"its answer comes too slowly ({self._received:,} bytes so far)"
            raise Failed(build_unreachable(reason, kind=Kind.SILENT, writes=self._writes))
        return chunk


def _explain_parsing(error: ValueError, content: bytes) -> str:
    if not content.strip():
        return "it is empty"
    return "it is not JSON" if isinstance(error, json.JSONDecodeError) else str(error)


def _show_place(url: httpx.URL) -> str:
    """Name an address without what may be secret in it: its user, its path, its parameters."""
    port = f":{url.port}" if url.port is not None else ""
    return f"{url.scheme}://{url.host}{port}"


def _is_below(target: httpx.URL, call: Call) -> bool:
    """Tell whether a path ends in what was asked for, in whichever prefix."""
    return target.raw_path.partition(b"?")[0].rstrip(b"/").endswith(b"/" + call.path.encode())
