"""Replies of the API: JSON, or an error with a message."""

from __future__ import annotations

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from coexplorer.demo.guesses import Guesses

FORBIDDEN = 403

_encoder = msgspec.json.Encoder()


class Refusal(Exception):
    """The platform says no.

    Args:
        status: HTTP status.
        message: Goes to the client as ``{"message": …}``.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message


def build_reply(content: object, status: int = 200) -> Response:
    """Return a reply with a JSON body."""
    return build_raw_reply(_encoder.encode(content), status)


def build_raw_reply(body: bytes, status: int = 200) -> Response:
    """Return a reply whose JSON body is encoded already."""
    return Response(body, status, media_type="application/json")


def answer_refusal(request: Request, error: Exception) -> Response:
    """Turn a `Refusal`, or the router's own 404 or 405, into a reply."""
    if isinstance(error, Refusal):
        guesses: Guesses = request.app.state.deployment.guesses
        alike = error.status == FORBIDDEN and guesses.refusals == "alike"
        return build_reply({"message": "Forbidden" if alike else error.message}, error.status)
    if isinstance(error, HTTPException):
        reply = build_reply({"message": error.detail}, error.status_code)
        reply.headers.update(error.headers or {})
        return reply
    raise error
