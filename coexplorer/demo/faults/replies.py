"""What becomes of a reply on its way: cut off, slowed down, or told wrongly.

Each takes an application's ``send`` and returns another one. Nothing holds a whole reply: a file
may have any size.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from coexplorer.demo.faults.plan import FaultKind, Rule

if TYPE_CHECKING:
    from starlette.types import Message, Scope, Send

    from coexplorer.demo.faults.connection import FaultProtocol

RATE_BYTES, RATE_PIECE_BYTES = 1_000_000, 65_536
"""How much a second comes of a slow reply, unless its rule says so, and in what pieces."""

OTHER_ETAG = '"0123456789abcdef0123456789abcdef-9"'
"""The ETag of the other version of every file."""

_OK, _PARTIAL = 200, 206
_RANGE = re.compile(rb"bytes=(\d+)-(\d*)")


def find_part(rule: Rule, length: int) -> int:
    """Return how much of a reply's body is sent, in bytes: half, or what the rule says."""
    return length // 2 if rule.piece_bytes is None else min(rule.piece_bytes, length)


def find_length(start: Message) -> int:
    """Return the announced length of a reply, in bytes; 0 when it is not announced."""
    return next((int(value) for name, value in start["headers"] if name == b"content-length"), 0)


def with_header(start: Message, name: bytes, value: bytes) -> Message:
    """Return the beginning of a reply with a header of this value alone."""
    kept = [pair for pair in start["headers"] if pair[0] != name]
    return {**start, "headers": [*kept, (name, value)]}


def build_piece(body: bytes, *, more: bool = True) -> Message:
    """Return a piece of a reply's body."""
    return {"type": "http.response.body", "body": body, "more_body": more}


def stalled(send: Send, rule: Rule, hold: Callable[[], Awaitable[bool]]) -> Send:
    """Have a reply stop in the middle until `hold` ends, which tells whether somebody is there."""
    left: int | None = 0

    async def send_stalled(message: Message) -> None:
        nonlocal left
        if message["type"] == "http.response.start":
            left = find_part(rule, find_length(message))
            await send(message)
            return
        body = message.get("body", b"")
        if left is not None and len(body) >= left:
            await send(build_piece(body[:left]))
            body, left = body[left:], None
            if not await hold():
                return
        elif left is not None:
            left -= len(body)
        await send({**message, "body": body})

    return send_stalled


def slowed(send: Send, rule: Rule, connection: FaultProtocol) -> Send:
    """Have a reply come in small pieces with pauses between them."""
    piece_bytes, pause_s = rule.piece_bytes or 1, rule.seconds
    if rule.kind is FaultKind.RATE:
        piece_bytes = RATE_PIECE_BYTES
        pause_s = piece_bytes / (rule.piece_bytes or RATE_BYTES)

    async def send_slowly(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            return
        body = message.get("body", b"")
        for start in range(0, len(body), piece_bytes):
            piece = body[start : start + piece_bytes]
            await send(build_piece(piece))
            if not await connection.wait(None, pause_s * len(piece) / piece_bytes):
                return
        if not message.get("more_body"):
            await send(build_piece(b"", more=False))

    return send_slowly


def as_whole(send: Send) -> Send:
    """Have the reply with a part say that it is the whole."""

    async def send_as_whole(message: Message) -> None:
        if message.get("status") == _PARTIAL:
            message = {**message, "status": _OK}
        await send(message)

    return send_as_whole


def as_other_version(send: Send) -> Send:
    """Have a reply say that the file has another version."""

    async def send_other(message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] in {_OK, _PARTIAL}:
            message = with_header(message, b"etag", OTHER_ETAG.encode())
        await send(message)

    return send_other


def get_header(scope: Scope, name: bytes) -> bytes | None:
    """Return the first header of this name of a request."""
    return next((value for each, value in scope["headers"] if each == name), None)


def without_headers(scope: Scope, *names: bytes) -> Scope:
    """Return a request without some of its headers."""
    kept = [pair for pair in scope["headers"] if pair[0] not in names]
    return {**scope, "headers": kept}


def shift_range(scope: Scope) -> Scope:
    """Return a request for what begins and ends one byte further on."""
    match = _RANGE.fullmatch(get_header(scope, b"range") or b"")
    if match is None:
        return scope
    first, last = int(match[1]) + 1, str(int(match[2]) + 1) if match[2] else ""
    moved = without_headers(scope, b"range")
    moved["headers"].append((b"range", f"bytes={first}-{last}".encode()))
    return moved
