"""Scripted trouble on the wire: what each kind does to a request and its reply.

`Fault` says what; a plan (`faults`) says when; `Trouble` is the ASGI middleware that does it.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

import msgspec


class FaultKind(StrEnum):
    """What goes wrong."""

    LATENCY = "latency"  # the request is carried out after `seconds`
    STATUS = "status"  # not carried out; `status` with a message, perhaps Retry-After
    RESET = "reset"  # carried out; the connection breaks in the middle of the reply
    HTML = "html"  # not carried out; a proxy's HTML page with `status`
    HALF_JSON = "half-json"  # carried out; the reply's body ends half way, its length says so
    DRIP = "drip"  # carried out; the body comes in small pieces over `seconds`
    EXPIRE = "expire"  # the token of this request is refused from now on
    LOST = "lost"  # carried out; the connection breaks before a byte of the reply


class Fault(msgspec.Struct, frozen=True):
    """One piece of trouble for one request.

    Attributes:
        status: Of the reply (STATUS, HTML).
        seconds: How long it takes (LATENCY, DRIP).
        retry_after: Value of the ``Retry-After`` header as sent: seconds or an HTTP date; empty:
            no such header.
        message: Of the error body; empty: a common one for the status.
    """

    kind: FaultKind
    status: int = 503
    seconds: float = 0.0
    retry_after: str = ""
    message: str = ""


class Faults(Protocol):
    """What decides, request by request, whether something goes wrong."""

    def next_for(self, method: str, path: str) -> Fault | None:
        """Return the fault for this request and count it as used, or None.

        Called once for each request, in the server's thread, with the path below the host
        (``/api/v1/data_assets/…``).
        """
        ...
