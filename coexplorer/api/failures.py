"""HTTP's ways of saying no → one readable sentence and the right error (design: api.md, Errors).

Pure: what was received goes in, an error with what may be done about it comes out.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from enum import Enum, auto
from html import unescape
from typing import Final

import msgspec

from coexplorer.assets import decode_json
from coexplorer.errors import (
    ApiError,
    BadReply,
    Conflict,
    Forbidden,
    NotFound,
    NotSignedIn,
    PlatformFault,
    RateLimited,
    Rejected,
    Unreachable,
)

LONGEST_LINE: Final = 200
"""Characters of a platform's message that a sentence can carry; the log has the rest."""

_MESSAGE_KEYS: Final = ("message", "error", "detail", "details", "reason", "title", "errors")
_TRY_LATER: Final = "try again in a while; the platform has trouble of its own"


class Kind(Enum):
    """What a failure says about the request, which decides whether it is repeated."""

    FINAL = auto()
    """The platform has understood and said no."""
    UNSENT = auto()
    """It never arrived."""
    LOST = auto()
    """It may have been carried out or not."""
    SLOW_DOWN = auto()
    """Refused for now; not carried out."""
    GARBLED = auto()
    """Carried out, but the reply makes no sense."""


class Failure(msgspec.Struct, frozen=True):
    """An error, and what it says about the request."""

    kind: Kind
    error: ApiError


class Failed(Exception):
    """Carries a failure to where it is decided what to do about it; it never leaves ``api``."""

    def __init__(self, failure: Failure) -> None:
        super().__init__()
        self.failure = failure


def classify_reply(
    status: int,
    body: bytes,
    *,
    subject: str,
    writes: bool,
    retry_after_s: float | None = None,
) -> Failure:
    """Turn a reply that is no success into a failure.

    Args:
        status: Outside of 200…299.
        body: The reply's, of any form.
        subject: What was asked for: `Call.subject`.
        writes: Whether the platform would have been changed.
        retry_after_s: Seconds that the platform asked to wait for.
    """
    said = find_message(body)
    because = f": {said}" if said else ""
    match status:
        case 401:
            error: ApiError = NotSignedIn(
                f"not signed in{because}",
                hint="sign in with `coexplorer login`; the token needs the datasets scope",
                status=status,
            )
        case 403:
            error = Forbidden(_forbidden(subject, because, writes=writes), status=status)
            error.hint = "ask its owner for access"
        case 404:
            error = NotFound(_not_found(subject), status=status)
            error.hint = "refresh the list; it may have been deleted"
        case 409:
            error = Conflict(f"the platform reports a conflict{because}", status=status)
            error.hint = "look at its present state, then try again"
        case 429:
            error = RateLimited("the platform asks to slow down", status=status)
            after = "a while" if retry_after_s is None else f"{retry_after_s:.0f} s"
            error.hint = f"try again in {after}"
            error.retry_after_s = retry_after_s
            return Failure(Kind.SLOW_DOWN, error)
        case _ if status >= 500:  # noqa: PLR2004 # the start of HTTP's server errors
            error = PlatformFault(
                f"the platform failed with status {status}{because}", hint=_TRY_LATER, status=status
            )
            error.retry_after_s = retry_after_s
            error.outcome_unknown = writes
            # 501 and its like are answers, not trouble.
            return Failure(Kind.LOST if status in (500, 502, 503, 504) else Kind.FINAL, error)
        case _:
            error = Rejected(f"the platform refused this (status {status}){because}", status=status)
            error.hint = "change what its message names, then try again"
    return Failure(Kind.FINAL, error)


def build_bad_reply(reason: str, body: bytes, status: int, *, writes: bool) -> Failure:
    """Describe a success whose body makes no sense."""
    page = find_page_title(body)
    message = (
        f"the platform answered with a web page ({page}) in place of data"
        if page
        else f"the platform's reply makes no sense: {reason}"
    )
    error = BadReply(
        message,
        hint="check the domain, and whether a proxy or a sign-in page is in between",
        status=status,
        outcome_unknown=writes,
    )
    return Failure(Kind.GARBLED, error)


def build_unreachable(reason: str, *, kind: Kind, writes: bool) -> Failure:
    """Describe a call without a reply."""
    error = Unreachable(
        f"the platform can't be reached: {reason}",
        hint="check the network and the domain, then try again",
        outcome_unknown=writes and kind is Kind.LOST,
    )
    return Failure(kind, error)


def build_bad_redirect(reason: str, status: int) -> Failure:
    """Describe a redirect that is not followed."""
    error = BadReply(
        f"the platform did not answer itself: {reason}",
        hint="check the domain; the token was not sent there",
        status=status,
    )
    return Failure(Kind.FINAL, error)


def find_message(body: bytes) -> str:
    """Return one readable line out of an error's body, whatever its form; empty if there is none.

    JSON objects, lists and texts, a proxy's HTML page and plain text are understood (design:
    api.md, Errors), and S3's XML.
    """
    if not body.strip():
        return ""
    if page := find_page_title(body):
        return page
    # What stands behind signed addresses is S3, whose errors are XML.
    if found := re.search(rb"(?s)<Error>.*?<Message>(.*?)</Message>", body):
        return _one_line(unescape(found[1].decode("utf-8", "replace")))
    try:
        text = _said(decode_json(body))
    except ValueError:
        text = body.decode("utf-8", "replace")
    return _one_line(text)


def find_page_title(body: bytes) -> str:
    """Return the title of an HTML page; empty when `body` is none."""
    text = body[:20_000].decode("utf-8", "replace")
    if not re.match(r"(?is)\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype|html|head|body)", text):
        return ""
    for tag in ("title", "h1", "body"):
        if found := re.search(rf"(?is)<{tag}[^>]*>(.*?)(</{tag}>|$)", text):
            line = _one_line(unescape(re.sub(r"(?s)<[^>]*>", " ", found[1])))
            if line:
                return line
    return "a page without a title"


def parse_retry_after(text: str | None, *, now: float) -> float | None:
    """Read ``Retry-After``: seconds, or an HTTP date. None when absent or unreadable.

    Args:
        text: The header.
        now: Epoch seconds, by the platform's clock if known.
    """
    if text is None:
        return None
    text = text.strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", text, re.ASCII):
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError):
        return None


def _forbidden(subject: str, because: str, *, writes: bool) -> str:
    if writes:
        return f"you can read but not change this {subject}{because}"
    return f"you may not see this {subject}{because}"


def _not_found(subject: str) -> str:
    if subject in ("asset", "folder", "file"):
        return f"no such {subject}, or not shared with you"
    return f"the platform has no {subject} at this address"


def _said(value: object) -> str:
    match value:
        case str():
            return value
        case dict():
            found = [_said(value[key]) for key in _MESSAGE_KEYS if value.get(key)]
            return next(filter(None, found), "")
        case list():
            return "; ".join(filter(None, (_said(item) for item in value)))
        case _:
            return ""


def _one_line(text: str) -> str:
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > LONGEST_LINE:
        line = line[: LONGEST_LINE - 1] + "…"
    return line.rstrip(". ")
