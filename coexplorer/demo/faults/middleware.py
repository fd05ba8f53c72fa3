"""Applying a plan's faults to the requests of an ASGI application."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from coexplorer.demo.faults.connection import EXTENSION, FaultProtocol
from coexplorer.demo.faults.plan import Decision, FaultKind, FaultPlan, Rule

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

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
        verdict = self.plan.judge(scope["method"], scope["path"], _get_authorization(scope))
        if verdict.latency_s and not await _get_connection(scope).wait(None, verdict.latency_s):
            return
        if verdict.rule is None:
            await self.app(scope, receive, send)
        else:
            await self._strike(verdict, verdict.rule, scope, receive, send)

    async def _strike(
        self, verdict: Decision, rule: Rule, scope: Scope, receive: Receive, send: Send
    ) -> None:
        connection = _get_connection(scope)
        match rule.kind:
            case FaultKind.STATUS | FaultKind.HTML | FaultKind.EXPIRE:
                await _drain(receive)
                await _send_reply(send, _build_refusal(rule, self.plan.clock()))
                return
            case FaultKind.SILENCE:
                if await self._hold(connection, verdict.releases):
                    await self.app(scope, receive, send)
                return
            case FaultKind.IGNORE | FaultKind.STALE:
                await _send_reply(send, await self._answer_without(rule, scope, receive))
                return
            case _:
                reply = await self._carry_out(scope, receive)
        half = len(reply.body) // 2
        match rule.kind:
            case FaultKind.LOST:
                await connection.reset()
            case FaultKind.RESET:
                await _send_beginning(send, reply, half)
                await connection.reset()
            case FaultKind.SHORT:
                await _send_beginning(send, reply, half)
                await connection.hang_up()
            case FaultKind.CUT:
                await _send_reply(send, reply.with_body(reply.body[:half]))
            case FaultKind.DRIP:
                await _send_slowly(send, reply, rule, connection)
            case _:
                await _send_reply(send, _break_paging(rule, reply))

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


def _get_authorization(scope: Scope) -> str:
    found = [value for name, value in scope["headers"] if name == b"authorization"]
    return found[0].decode("latin-1") if found else ""


async def _drain(receive: Receive) -> None:
    """Read the request to its end: a client that still sends would not see an early reply."""
    while True:
        message = await receive()
        if message["type"] != "http.request" or not message.get("more_body"):
            return


def _build_refusal(rule: Rule, now: float) -> Reply:
    status = 401 if rule.kind is FaultKind.EXPIRE else rule.status
    if rule.kind is FaultKind.HTML:
        refusal = MESSAGES.get(status, "").title()
        title = f"{status} {refusal}" if refusal else "Sign in"
        kind, body = b"text/html; charset=utf-8", HTML.format(title=title).encode()
    elif rule.body:
        kind, body = _find_kind(rule.body), rule.body.encode()
    else:
        message = rule.message or MESSAGES.get(status, "the platform said no")
        kind, body = b"application/json", json.dumps({"message": message}).encode()
    headers = [(b"content-type", kind)]
    if retry_after := rule.build_retry_after(now):
        headers.append((b"retry-after", retry_after.encode("latin-1")))
    return Reply(status, headers, b"").with_body(body)


def _find_kind(body: str) -> bytes:
    try:
        json.loads(body)
    except ValueError:
        return b"text/plain; charset=utf-8"
    return b"application/json"


def _break_paging(rule: Rule, reply: Reply) -> Reply:
    """Have a search reply say that there is more, with the previous token or with none."""
    if rule.kind not in {FaultKind.SAME_TOKEN, FaultKind.NO_TOKEN}:
        raise NotImplementedError(rule.kind)
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


async def _send_beginning(send: Send, reply: Reply, size_bytes: int) -> None:
    """Announce a whole reply and send a part of it."""
    await send(_build_start(reply.with_body(reply.body)))
    await send({"type": "http.response.body", "body": reply.body[:size_bytes], "more_body": True})


async def _send_slowly(send: Send, reply: Reply, rule: Rule, connection: FaultProtocol) -> None:
    await send(_build_start(reply.with_body(reply.body)))
    for start in range(0, len(reply.body), rule.piece_bytes):
        piece = reply.body[start : start + rule.piece_bytes]
        await send({"type": "http.response.body", "body": piece, "more_body": True})
        if not await connection.wait(None, rule.seconds):
            return
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def _build_start(reply: Reply) -> Message:
    return {"type": "http.response.start", "status": reply.status, "headers": reply.headers}
