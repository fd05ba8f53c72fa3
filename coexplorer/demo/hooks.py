"""Gates, with which a test holds a request, and the request log that it reads afterwards.

A gate stops one request before it is carried out, or before its reply, until the test lets it go.
So a test can drive every interleaving of two clients without a sleep.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from fnmatch import fnmatchcase
from threading import Condition, Lock
from typing import Self

import anyio.to_thread
import msgspec
from starlette.types import ASGIApp, Message, Receive, Scope, Send

WAIT_S = 30.0
"""How long a test waits for what it expects, unless it says otherwise."""

CREATION = "CREATION"
"""Method of the gate that a creation from a bucket passes in the background; its path is the id."""

TRANSFER = "TRANSFER"
"""The same of a transfer."""

COMPUTATION = "COMPUTATION"
"""The same of a run that a request has started."""

_KEPT_REQUESTS = 50_000
_KEPT_BODY_BYTES = 65_536


class Gate:
    """Stops one request. As a context manager it lets go at the end.

    Args:
        method: HTTP method, `CREATION`, `COMPUTATION` or `TRANSFER`.
        pattern: Shell pattern of the path; ``*`` stands for slashes too.
    """

    def __init__(self, method: str, pattern: str) -> None:
        self.method = method
        self.pattern = pattern
        self._arrived: Future[None] = Future()
        self._released: Future[None] = Future()

    def wait(self, timeout_s: float = WAIT_S) -> None:
        """Block this thread until a request is held here.

        Raises:
            TimeoutError: None came in time.
        """
        self._arrived.result(timeout_s)

    async def arrived(self, timeout_s: float = WAIT_S) -> None:
        """Wait, on any event loop, until a request is held here.

        Raises:
            TimeoutError: None came in time.
        """
        await anyio.to_thread.run_sync(self.wait, timeout_s, abandon_on_cancel=True)

    @property
    def was_reached(self) -> bool:
        """Whether a request is held here, or was."""
        return self._arrived.done()

    def release(self) -> None:
        """Let the request go; one that comes later is not held."""
        if not self._released.done():
            self._released.set_result(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    async def hold(self) -> None:
        """Wait in the server's loop until released."""
        if not self._arrived.done():
            self._arrived.set_result(None)
        # Shielded: a request that is cancelled must not release the gate.
        await asyncio.shield(asyncio.wrap_future(self._released))

    def fits(self, method: str, path: str) -> bool:
        """Tell whether a request is one for this gate."""
        return method == self.method and fnmatchcase(path, self.pattern)


class Hooks:
    """The gates of one server."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._before: list[Gate] = []
        self._after: list[Gate] = []
        self._held: list[Gate] = []

    def before(self, method: str, pattern: str = "*") -> Gate:
        """Hold the next such request before it is carried out."""
        return self._add(self._before, Gate(method, pattern))

    def after(self, method: str, pattern: str = "*") -> Gate:
        """Hold the next such request after it was carried out, before its reply is sent."""
        return self._add(self._after, Gate(method, pattern))

    def release_all(self) -> None:
        """Open all gates and forget them."""
        with self._lock:
            gates = [*self._before, *self._after, *self._held]
            for each in (self._before, self._after, self._held):
                each.clear()
        for gate in gates:
            gate.release()

    async def hold_before(self, method: str, path: str) -> None:
        """Stand at the gate for a request that is about to be carried out, if there is one."""
        await self._hold(self._before, method, path)

    async def hold_after(self, method: str, path: str) -> None:
        """Stand at the gate for a request that was carried out, if there is one."""
        await self._hold(self._after, method, path)

    def _add(self, gates: list[Gate], gate: Gate) -> Gate:
        with self._lock:
            gates.append(gate)
        return gate

    async def _hold(self, gates: list[Gate], method: str, path: str) -> None:
        with self._lock:
            gate = next((each for each in gates if each.fits(method, path)), None)
            if gate is None:
                return
            gates.remove(gate)
            self._held.append(gate)
        await gate.hold()


class GatedApp:
    """ASGI middleware that stops requests at the gates.

    Args:
        app: What carries requests out.
        hooks: The gates.
    """

    def __init__(self, app: ASGIApp, hooks: Hooks) -> None:
        self._app = app
        self._hooks = hooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_after(message: Message) -> None:
            if message["type"] == "http.response.start":
                await self._hooks.hold_after(scope["method"], scope["path"])
            await send(message)

        await self._hooks.hold_before(scope["method"], scope["path"])
        await self._app(scope, receive, send_after)


class LoggedRequest(msgspec.Struct):
    """A request that came, without its token.

    Attributes:
        query: The query string as it was sent.
        headers: Names in lower case, without ``authorization``.
        authorized: Whether an ``Authorization`` header was sent, good or bad.
        body: Its first 64 KiB.
        body_sha256: Of the whole body, hexadecimal.
        status: Of the reply; None when not a byte of one was sent (yet).
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    authorized: bool
    body: bytes
    body_size: int
    body_sha256: str
    status: int | None = None


class RequestLog:
    """The requests that came, oldest first; the oldest are forgotten in the end."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._requests: deque[LoggedRequest] = deque(maxlen=_KEPT_REQUESTS)

    def find_all(
        self, method: str | None = None, pattern: str = "*", *, answered: bool = False
    ) -> list[LoggedRequest]:
        """Return requests, oldest first.

        Args:
            method: Of this method; None: of any.
            pattern: Shell pattern of the path; ``*`` stands for slashes too.
            answered: Leave out those without a reply.
        """
        with self._changed:
            return [
                each
                for each in self._requests
                if method in (None, each.method)
                and fnmatchcase(each.path, pattern)
                and (not answered or each.status is not None)
            ]

    def wait_for(
        self,
        count: int,
        method: str | None = None,
        pattern: str = "*",
        *,
        answered: bool = False,
        timeout_s: float = WAIT_S,
    ) -> list[LoggedRequest]:
        """Block until at least `count` such requests came, and return them (see `find_all`).

        Raises:
            TimeoutError: They did not come in time.
        """

        def enough() -> list[LoggedRequest] | None:
            found = self.find_all(method, pattern, answered=answered)
            return found if len(found) >= count else None

        with self._changed:
            found = self._changed.wait_for(enough, timeout_s)
        if not found:
            raise TimeoutError(f"fewer than {count} requests came: {method or 'any'} {pattern}")
        return found

    def clear(self) -> None:
        """Forget what came."""
        with self._changed:
            self._requests.clear()

    def change(self, change: Callable[[], None]) -> None:
        """Make a change to a logged request and wake those who wait."""
        with self._changed:
            change()
            self._changed.notify_all()

    def append(self, request: LoggedRequest) -> None:
        """Add a request that came."""
        self.change(lambda: self._requests.append(request))


class RecordingApp:
    """ASGI middleware that writes the request log.

    Args:
        app: What is recorded.
        log: Where to.
    """

    def __init__(self, app: ASGIApp, log: RequestLog) -> None:
        self._app = app
        self._log = log

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _read_body(receive)
        request = _describe(scope, body)
        self._log.append(request)
        unread = deque([{"type": "http.request", "body": body, "more_body": False}])

        async def receive_again() -> Message:
            return unread.popleft() if unread else await receive()

        async def send_noted(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._log.change(lambda: setattr(request, "status", message["status"]))
            await send(message)

        await self._app(scope, receive_again, send_noted)


async def _read_body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


def _describe(scope: Scope, body: bytes) -> LoggedRequest:
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    authorized = headers.pop("authorization", None) is not None
    return LoggedRequest(
        method=scope["method"],
        path=scope["path"],
        query=scope["query_string"].decode("latin-1"),
        headers=headers,
        authorized=authorized,
        body=body[:_KEPT_BODY_BYTES],
        body_size=len(body),
        body_sha256=hashlib.sha256(body).hexdigest(),
    )
