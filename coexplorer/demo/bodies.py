"""Request bodies: JSON as clients really send it."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from coexplorer.demo.replies import Refusal

_Body = TypeVar("_Body")


def decode_body(body: bytes, kind: type[_Body]) -> _Body:
    """Read a body; an empty one is an empty object.

    Booleans and numbers may come as text, since the manual's own examples have ``"true"``. A key
    that is null counts as left out, wherever the type says so: the official SDK sends null for
    every key that is not set.

    Args:
        body: As it was sent.
        kind: A struct.

    Raises:
        Refusal: 400: it is not JSON, or has values of another kind.
    """
    try:
        return msgspec.json.decode(body or b"{}", type=kind, strict=False)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise Refusal(400, f"bad request: {error}") from error
    except RecursionError as error:
        raise Refusal(400, "bad request: nested too deeply") from error
