"""What a file's storage does instead of sending the file → the error that says so. Pure.

The storage is not the platform: it knows no token, and what it says is about the signed address.
"""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from coexplorer.api.failures import Failure, FailureKind, show_span
from coexplorer.api.refusal_text import find_message, find_page_title
from coexplorer.errors import (
    FAILING_STATUSES,
    SLOW_STATUSES,
    ApiError,
    BadReply,
    Forbidden,
    NotFound,
    PlatformFault,
    RateLimited,
    Rejected,
    Unreachable,
)

OF_THE_ADDRESS: Final = (400, 401, 403)
"""How storages refuse an address that has expired, or was signed wrongly."""

LONGEST_ADDRESS: Final = 65_536
"""Characters of an address; httpx takes no more."""

_TRY_LATER: Final = "try again in a while; the trouble is on the storage's side"
_TELL_OWNER: Final = "try again, and tell the asset's owner if this goes on"
TELL_SIGNER: Final = (
    "try again; if this goes on, tell who runs the platform, which signs such addresses"
)
"""Of an address that the platform gave; a bucket is asked without it."""

_IN_BETWEEN: Final = "check whether a proxy or a firewall is in the way, and ask who runs it"
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def classify_stored(status: int, body: bytes, *, retry_after_s: float | None = None) -> Failure:
    """Turn a reply of a file's storage that does not bring the file into a failure.

    A refusal of the address is `FailureKind.LOST`: another address may do.

    Args:
        status: Neither 200 nor 206.
        body: The reply's, of any form.
        retry_after_s: Seconds that the storage asked to wait for.
    """
    said = find_message(body)
    because = f": {said}" if said else ""
    by_page = bool(find_page_title(body))
    kind = FailureKind.FINAL
    error: ApiError
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        after = "a while" if retry_after_s is None else show_span(retry_after_s)
        error = RateLimited("the file's storage asks us to slow down", hint=f"try again in {after}")
        kind = FailureKind.SLOW_DOWN
    elif status in SLOW_STATUSES:
        error = PlatformFault(
            f"the file's storage does not send it now (status {status}){because}", hint=_TRY_LATER
        )
        kind = FailureKind.SLOW_DOWN
    elif by_page and status < HTTPStatus.INTERNAL_SERVER_ERROR:
        error = BadReply(
            f"the file's storage answered with a web page (status {status}){because}",
            hint=_IN_BETWEEN,
        )
        kind = FailureKind.LOST if status in OF_THE_ADDRESS else kind
    elif status == HTTPStatus.FORBIDDEN and "storage class" in said.lower():
        error = Forbidden(
            f"this file is in cold storage{because}", hint="ask its owner to restore it"
        )
    elif status in OF_THE_ADDRESS:
        error = PlatformFault(
            f"the file's storage refuses the address that the platform gave (status {status})"
            f"{because}",
            hint=TELL_SIGNER,
        )
        kind = FailureKind.LOST
    elif status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE):
        error = NotFound(f"the file's storage has no such file{because}", hint=_TELL_OWNER)
    elif status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        error = BadReply(
            f"the file's storage has no such part of the file (status 416){because}",
            hint=_TELL_OWNER,
        )
    elif status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        error = PlatformFault(
            f"the file's storage failed with status {status}{because}", hint=_TRY_LATER
        )
        kind = FailureKind.LOST if status in FAILING_STATUSES else kind
    elif status < HTTPStatus.BAD_REQUEST:
        error = BadReply(
            f"the file's storage answered with status {status} instead of the file{because}",
            hint=_IN_BETWEEN,
        )
    else:
        error = Rejected(
            f"the file's storage refused this (status {status}){because}", hint=TELL_SIGNER
        )
    error.status, error.said, error.by_page = status, said, by_page
    error.of_storage = True
    error.retry_after_s = retry_after_s
    return Failure(kind, error)


def build_stopped(reason: str, *, kind: FailureKind) -> Failure:
    """Describe a storage that says nothing, or no more."""
    error = Unreachable(f"the file's storage {reason}", hint="try again in a while")
    error.of_storage = True
    return Failure(kind, error)


def blame_storage(failure: Failure, host: str) -> Failure:
    """Say of a file's storage what was said of the platform: the way there failed alike.

    Args:
        failure: As it is told of the platform; it is changed.
        host: Where the storage is.
    """
    error = failure.error
    error.message = error.message.replace(
        "the platform can't be reached", f"the file's storage, {host}, can't be reached"
    )
    error.hint = error.hint.replace("check the network and the domain", "check the network")
    error.of_storage = True
    return failure


def tell_bad_address(url: str) -> str:
    """Say why an address can't be asked for anything."""
    if len(url) > LONGEST_ADDRESS:
        return f"it has {len(url):,} characters"
    if not url.isprintable() or " " in url.strip():
        return "it holds a line break or another sign that no address has"
    if not _SCHEME.match(url):
        return "it is not a whole one, with https:// and a host"
    if not url.lower().startswith(("http://", "https://")):
        return "it is not one of the web"
    try:
        host = urlsplit(url).hostname
    except ValueError:
        host = None
    return "it names no host" if not host else "it can't be read"
