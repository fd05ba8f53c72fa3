"""Applying a plan's faults to the requests of an ASGI application."""

from __future__ import annotations

import asyncio
import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING

from coexplorer.demo.faults.connection import EXTENSION, FaultProtocol
from coexplorer.demo.faults.plan import Decision, FaultKind, FaultPlan, Rule
from coexplorer.demo.faults.replies import (
    OTHER_ETAG,
    as_other_version,
    as_whole,
    build_piece,
    find_length,
    find_part,
    get_header,
    shift_range,
    slowed,
    stalled,
    with_header,
    without_headers,
)
from coexplorer.demo.storage_errors import EXPIRED, MEDIA_TYPE, build_error, is_storage

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

_KEY_ID = re.compile(r"Credential=([^/,]+)/")

MESSAGES = {
    400: "the request is not valid",
    401: "invalid access token",
    403: "you don't have permission to perform this action",
    404: "data asset not found",
    409: "the data asset was changed by somebody else",
    429: "too many requests",
    500: "internal server error",
    502: "bad gateway",
    503: "service unavailable",
    504: "gateway timeout",
}
"""What a refusal says when its rule does not."""

HTML = """<html>
<head><title>{title}</title></head>
<body>
<center><h1>{title}</h1></center>
<hr><center>nginx/1.24.0</center>
<p>Please <a href="/login?next=%2Fapi%2Fv1%2Fdata_assets">sign in</a> to continue.</p>
</body>
</html>
"""


@dataclass(slots=True)
class Reply:
    """A whole reply, held back."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def with_body(self, body: bytes) -> Reply:
        """Return the same reply with another body, rightly announced."""
        kept = [(name, value) for name, value in self.headers if name != b"content-length"]
        return Reply(self.status, [*kept, (b"content-length", b"%d" % len(body))], body)


class FaultMiddleware:
    """Stands before an application and strikes the requests that a plan says.

    Args:
        app: The application; it must be served through `FaultProtocol`.
        plan: Asked again with each request.
    """

    def __init__(self, app: ASGIApp, plan: FaultPlan) -> None:
        self.app = app
        self.plan = plan

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, well or badly."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        verdict = self.plan.judge(scope["method"], scope["path"], _find_identity(scope))
        if verdict.latency_s:
            # Also where the client has gone meanwhile: a platform carries out what has reached it.
            receive = await _read_ahead(receive)
            await asyncio.sleep(verdict.latency_s)
        if verdict.rule is None:
            await self.app(scope, receive, send)
        else:
            await self._strike(verdict, verdict.rule, scope, receive, send)

    async def _strike(
        self, verdict: Decision, rule: Rule, scope: Scope, receive: Receive, send: Send
    ) -> None:
        match rule.kind:
            case FaultKind.STATUS | FaultKind.HTML | FaultKind.EXPIRE:
                await _drain(receive)
                await _send_reply(send, _build_refusal(rule, scope, self.plan.clock()))
            case FaultKind.SILENCE:
                if await self._hold(_get_connection(scope), verdict.releases):
                    await self.app(scope, receive, send)
            case FaultKind.IGNORE | FaultKind.STALE:
                await _send_reply(send, await self._answer_without(rule, scope, receive))
            case FaultKind.LOST | FaultKind.RESET | FaultKind.SHORT | FaultKind.CUT:
                await self._break_off(rule, scope, receive, send)
            case FaultKind.SAME_TOKEN | FaultKind.NO_TOKEN:
                await _send_reply(send, _break_paging(rule, await self._carry_out(scope, receive)))
            case _:
                await self._send_changed(verdict, rule, scope, receive, send)

    async def _send_changed(
        self, verdict: Decision, rule: Rule, scope: Scope, receive: Receive, send: Send
    ) -> None:
        """Send the whole reply: late, or to another question, or with another label."""
        connection = _get_connection(scope)
        match rule.kind:
            case FaultKind.STALL:
                send = stalled(send, rule, lambda: self._hold(connection, verdict.releases))
            case FaultKind.DRIP | FaultKind.RATE:
                send = slowed(send, rule, connection)
            case FaultKind.NO_RANGE:
                scope = without_headers(scope, b"range")
            case FaultKind.WRONG_RANGE:
                scope = shift_range(scope)
            case FaultKind.RANGE_200:
                send = as_whole(send)
            case FaultKind.ETAG:
                if (get_header(scope, b"if-match") or OTHER_ETAG.encode()) != OTHER_ETAG.encode():
                    await _send_reply(send, _build_storage_refusal(HTTPStatus.PRECONDITION_FAILED))
                    return
                if (get_header(scope, b"if-range") or OTHER_ETAG.encode()) != OTHER_ETAG.encode():
                    scope = without_headers(scope, b"range")
                scope = without_headers(scope, b"if-match", b"if-range")
                send = as_other_version(send)
            case _:
                raise NotImplementedError(rule.kind)
        await self.app(scope, receive, send)

    async def _break_off(self, rule: Rule, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the application do its work, send a part of its reply, and end the connection."""
        connection, enough = _get_connection(scope), asyncio.Event()
        left = 0

        async def send_part(message: Message) -> None:
            nonlocal left
            if message["type"] == "http.response.start":
                if rule.kind is FaultKind.LOST:
                    return
                left = find_part(rule, find_length(message))
                if rule.kind is FaultKind.CUT:
                    message = with_header(message, b"content-length", b"%d" % left)
                await send(message)
                return
            piece = message.get("body", b"")[:left]
            left -= len(piece)
            if piece:
                await send(build_piece(piece))
            if left == 0 and message.get("more_body"):
                # Not a failure of the application's, who would log it; and there may be much more.
                enough.set()
                await asyncio.Event().wait()

        answering = asyncio.ensure_future(self.app(scope, receive, send_part))
        waiting = asyncio.ensure_future(enough.wait())
        try:
            await asyncio.wait({answering, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()
            match rule.kind:
                case FaultKind.CUT:
                    await send(build_piece(b"", more=False))
                case FaultKind.SHORT:
                    await connection.hang_up()
                case _:
                    await connection.reset()
        finally:
            answering.cancel()
            waiting.cancel()
            await asyncio.gather(answering, waiting, return_exceptions=True)

    async def _hold(self, connection: FaultProtocol, since: int) -> bool:
        """Wait for the plan's release; tell whether anybody is still there to answer."""
        loop, released = asyncio.get_running_loop(), asyncio.Event()
        end = self.plan.subscribe_release(
            lambda: loop.call_soon_threadsafe(released.set), since=since
        )
        try:
            return await connection.wait(released, None)
        finally:
            end()

    async def _answer_without(self, rule: Rule, scope: Scope, receive: Receive) -> Reply:
        """Return the answer to a write that shows nothing of it, whether it is carried out."""

        async def receive_nothing() -> Message:
            return {"type": "http.request", "body": b"", "more_body": False}

        before = Reply(204, [], b"")
        if scope["method"] == "PUT":
            before = await self._carry_out({**scope, "method": "GET"}, receive_nothing)
        if rule.kind is FaultKind.STALE:
            await self._carry_out(scope, receive)
        else:
            await _drain(receive)
        return before

    async def _carry_out(self, scope: Scope, receive: Receive) -> Reply:
        """Let the application do its work, and keep its reply."""
        reply = Reply(500, [], b"")
        pieces: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                reply.status = message["status"]
                reply.headers = list(message.get("headers", []))
            else:
                pieces.append(message.get("body", b""))

        await self.app(scope, receive, keep)
        reply.body = b"".join(pieces)
        return reply


def _get_connection(scope: Scope) -> FaultProtocol:
    connection = scope.get("extensions", {}).get(EXTENSION)
    if not isinstance(connection, FaultProtocol):
        raise TypeError("faults need a server that runs with http=FaultProtocol")
    return connection


def _find_identity(scope: Scope) -> str:
    """Return what lets a request in: its token, the id of its key pair, or its signed address."""
    authorization = (get_header(scope, b"authorization") or b"").decode("latin-1")
    if match := _KEY_ID.search(authorization):
        return match[1]
    query: bytes = scope["query_string"] if is_storage(scope["path"]) else b""
    return authorization or f"{scope['path']}?{query.decode('latin-1')}"


async def _read_ahead(receive: Receive) -> Receive:
    """Read a request's body, and return what hands it out: a client that has gone sends no more."""
    messages = [await receive()]
    while messages[-1].get("more_body"):
        messages.append(await receive())
    messages.reverse()

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay


async def _drain(receive: Receive) -> None:
    """Read the request to its end: a client that still sends would not see an early reply."""
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return


def _build_refusal(rule: Rule, scope: Scope, now: float) -> Reply:
    status = rule.status
    if rule.kind is FaultKind.HTML:
        refusal = MESSAGES.get(status, "").title()
        title = f"{status} {refusal}" if refusal else "Sign in"
        kind, body = b"text/html; charset=utf-8", HTML.format(title=title).encode()
        reply = Reply(status, [(b"content-type", kind)], b"").with_body(body)
    elif rule.body:
        reply = Reply(status, [(b"content-type", _find_kind(rule.body))], b"")
        reply = reply.with_body(rule.body.encode())
    elif is_storage(scope["path"]):
        message = rule.message
        if rule.kind is FaultKind.EXPIRE:
            message = message or EXPIRED
            status = HTTPStatus.FORBIDDEN if status == HTTPStatus.OK else status
        reply = _build_storage_refusal(status, rule.code, message)
    else:
        status = 401 if rule.kind is FaultKind.EXPIRE else status
        message = rule.message or MESSAGES.get(status, "the platform said no")
        body = json.dumps({"message": message}).encode()
        reply = Reply(status, [(b"content-type", b"application/json")], b"").with_body(body)
    if retry_after := rule.build_retry_after(now):
        reply.headers.append((b"retry-after", retry_after.encode("latin-1")))
    return reply


def _build_storage_refusal(status: int, code: str = "", message: str = "") -> Reply:
    body = build_error(status, code, message)
    return Reply(status, [(b"content-type", MEDIA_TYPE.encode())], b"").with_body(body)


def _find_kind(body: str) -> bytes:
    try:
        json.loads(body)
    except ValueError:
        return b"text/plain; charset=utf-8"
    return b"application/json"


def _break_paging(rule: Rule, reply: Reply) -> Reply:
    """Have a search reply say that there is more, with the previous token or with none."""
    try:
        page = json.loads(reply.body)
    except ValueError:
        return reply
    if not isinstance(page, dict) or "has_more" not in page:
        return reply
    page["has_more"] = True
    token = page.pop("next_token", None)
    if rule.kind is FaultKind.SAME_TOKEN:
        rule.page_token = rule.page_token or token or "the-same-again"
        page["next_token"] = rule.page_token
    return reply.with_body(json.dumps(page).encode())


async def _send_reply(send: Send, reply: Reply) -> None:
    await send(_build_start(reply))
    await send({"type": "http.response.body", "body": reply.body, "more_body": False})


def _build_start(reply: Reply) -> Message:
    return {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
