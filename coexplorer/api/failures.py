"""HTTP's ways of saying no → one readable sentence and the right error (design: api.md, Errors).

Pure: takes what was received, returns an error that says what to do about it.
"""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from enum import Enum, auto
from typing import Final

import msgspec

from coexplorer.api.forbidden import OWNED, Act, classify_forbidden
from coexplorer.api.refusal_text import drop_phrase, find_message, find_page_title
from coexplorer.errors import (
    FAILING_STATUSES,
    SLOW_STATUSES,
    ApiError,
    BadReply,
    Conflict,
    NotFound,
    NotSignedIn,
    PlatformFault,
    RateLimited,
    Rejected,
    Unreachable,
)

_LONGEST_DATE: Final = 64
_NO_ANSWER: Final = "there was no complete answer within "
_DAY_S: Final = 86_400.0
_FOREVER_S: Final = 1e12
_LONGEST_NUMBER: Final = 12
"""Digits of a wait in seconds; one with more is forever."""
_IN_BETWEEN: Final = "check the domain, and whether a proxy or a sign-in page is in the way"
_ITS_SIDE: Final = "the trouble is on the platform's side"
_TRY_LATER: Final = f"try again in a while; {_ITS_SIDE}"


class FailureKind(Enum):
    """What a failure says about the request, which decides whether it is repeated."""

    FINAL = auto()
    """The platform has understood and said no."""
    UNSENT = auto()
    """It never arrived."""
    LOST = auto()
    """It may have been carried out or not."""
    SILENT = auto()
    """Likewise, after a long wait."""
    SLOW_DOWN = auto()
    """Refused for now; not carried out."""
    GARBLED = auto()
    """Carried out, but the reply makes no sense."""


class Failure(msgspec.Struct, frozen=True):
    """An error, and what it says about the request."""

    kind: FailureKind
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
    act: Act = Act.READ,
    retry_after_s: float | None = None,
) -> Failure:
    """Turn a reply that is no success into a failure.

    Args:
        status: Outside 200…299.
        body: The reply's, of any form.
        subject: What was asked for: `Call.subject`.
        writes: Whether the platform would have been changed.
        act: What was to be done: `Call.act`.
        retry_after_s: Seconds that the platform asked to wait for.
    """
    said = find_message(body)
    by_page = bool(find_page_title(body))
    told = said if by_page else drop_phrase(said, status)
    because = f": {told}" if told else ""
    match status:
        case 401:
            error: ApiError = NotSignedIn(
                f"not signed in{because}",
                hint="sign in with `coexplorer login`; the token needs the datasets scope",
                status=status,
            )
        case 403:
            error = classify_forbidden(said, subject=subject, act=act, by_page=by_page)
        case 404 | 410:
            error = _build_not_found(status, body, subject, act, by_page=by_page)
        case 409:
            error = _build_conflict(because, writes=writes)
        case _ if status in SLOW_STATUSES:
            error = PlatformFault(
                f"the platform did not take this now (status {status}){because}",
                hint=_tell_later(retry_after_s),
                status=status,
            )
            error.retry_after_s = retry_after_s
            error.by_page = by_page
            return Failure(FailureKind.SLOW_DOWN, error)
        case 429:
            error = RateLimited("the platform asks us to slow down", status=status)
            error.hint = f"try again in {_tell_after(retry_after_s)}"
            error.retry_after_s = retry_after_s
            return Failure(FailureKind.SLOW_DOWN, error)
        case _ if status < 400:  # noqa: PLR2004 # a redirect to nowhere, or what nobody asked for
            return build_unclear(status, writes=writes)
        case _ if status >= 500:  # noqa: PLR2004 # the start of HTTP's server errors
            error = PlatformFault(
                f"the platform failed with status {status}{because}",
                hint=_tell_later(retry_after_s),
                status=status,
            )
            error.retry_after_s = retry_after_s
            error.outcome_unknown = writes
            # 501 and its like are answers, not trouble.
            return Failure(
                FailureKind.LOST if status in FAILING_STATUSES else FailureKind.FINAL, error
            )
        case _:
            error = Rejected(f"the platform refused this (status {status}){because}", status=status)
            error.hint = "fix what its message names, then try again"
            if by_page or status in (405, 407):
                error.hint = (
                    "check whether a proxy or a firewall is in the way, and ask who runs it"
                )
    error.by_page = by_page
    error.said = said
    return Failure(FailureKind.FINAL, error)


def build_bad_reply(reason: str, body: bytes, status: int, *, writes: bool) -> Failure:
    """Describe a success whose body makes no sense."""
    page = find_page_title(body)
    message = (
        f"the platform answered with a web page ({page}) instead of data"
        if page
        else f"the platform's reply makes no sense: {reason}"
    )
    error = BadReply(
        message,
        hint=_IN_BETWEEN,
        status=status,
        outcome_unknown=writes,
    )
    return Failure(FailureKind.GARBLED, error)


def build_unclear(status: int, *, writes: bool) -> Failure:
    """Describe a success that does not say that what was asked for was done, or is whole.

    202 is a promise, 206 a part, 205 and others are not the platform's (manual).
    """
    said = "that this was done" if writes else "that this is all of it"
    error = BadReply(
        f"the platform answered with status {status}, which does not say {said}",
        hint="look at it again in a while" if writes else _IN_BETWEEN,
        status=status,
        outcome_unknown=writes,
    )
    return Failure(FailureKind.GARBLED, error)


def build_too_long(
    most_bytes: int, body: bytes, status: int, *, what: str, writes: bool, of_rows: bool
) -> Failure:
    """Describe a success whose body is longer than anybody needs.

    Args:
        most_bytes: How long it might have been.
        body: Its beginning.
        status: The reply's.
        what: Path of what was asked for.
        writes: Whether the platform would have been changed.
        of_rows: It began as a page of rows does, one of which may be what is too long.
    """
    error = build_bad_reply("", body, status, writes=writes).error
    if not find_page_title(body):
        error.message = (
            f"the platform's answer is longer than the {most_bytes:,} bytes that are read of it:"
            f" {what}"
        )
        error.hint = "see on its web page what is so long; if that can't be, ask who runs it"
    error.too_long = of_rows
    return Failure(FailureKind.FINAL, error)


def build_unreachable(reason: str, *, kind: FailureKind, writes: bool, hint: str = "") -> Failure:
    """Describe a call without a reply."""
    error = Unreachable(
        f"the platform can't be reached: {reason}",
        hint=hint or "check the network and the domain, then try again",
        outcome_unknown=writes and kind in (FailureKind.LOST, FailureKind.SILENT),
    )
    return Failure(kind, error)


def build_silent(waited_s: float, *, writes: bool) -> Failure:
    """Describe a call that was not answered, or not in time."""
    reason = f"{_NO_ANSWER}{waited_s:.0f} s"
    return build_unreachable(reason, kind=FailureKind.SILENT, writes=writes)


def tell_whole_wait(message: str, waited_s: float) -> str:
    """Return the message of `build_silent` with how long all tries together have taken."""
    before, told, _ = message.partition(_NO_ANSWER)
    return f"{before}{told}{waited_s:.0f} s" if told else message


def build_bad_redirect(
    reason: str, status: int, *, writes: bool = False, same_page: bool = False
) -> Failure:
    """Describe a redirect that is not followed.

    301 to 303 are also what a server answers that has done as it was told, and shows the result
    elsewhere. 307 and 308 say that nothing was done.

    Args:
        reason: Why it is not followed.
        status: The reply's.
        writes: Whether the platform would have been changed.
        same_page: It leads to what was asked for itself, so that nobody else is in the way.
    """
    may_be_done = writes and status in (301, 302, 303)
    hint = (
        "nothing was sent there, neither the token nor the request: check the domain, and whether a"
        " sign-in page is in the way"
    )
    if same_page:
        hint = "try again in a while; if this goes on, tell who runs the platform"
        if may_be_done:
            hint = "it may have been done: look at the asset first, then try again"
    what = (
        "the platform answered oddly" if same_page else "something else answered for the platform"
    )
    error = BadReply(f"{what}: {reason}", hint=hint, status=status, outcome_unknown=may_be_done)
    return Failure(FailureKind.FINAL, error)


def build_circle(status: int, hops: int, *, writes: bool = False) -> Failure:
    """Describe redirects that never end; each was to the platform itself, and none did anything."""
    error = BadReply(
        f"the platform redirects in circles: {hops} times, and still to itself",
        hint="try again in a while, and tell who runs the platform",
        status=status,
        outcome_unknown=writes and status in (301, 302, 303),
    )
    return Failure(FailureKind.FINAL, error)


def build_bad_address(reason: str) -> Failure:
    """Describe an address of a file that is not asked for anything."""
    error = BadReply(
        f"the platform gives no usable address for this file: {reason}",
        hint="tell who runs the platform",
    )
    return Failure(FailureKind.FINAL, error)


def parse_retry_after(text: str | None, *, now: float) -> float | None:
    """Read ``Retry-After``: seconds, or an HTTP date. None when absent or unreadable.

    Args:
        text: The header.
        now: Epoch seconds, by the platform's clock if known.
    """
    if text is None:
        return None
    text = text.strip()
    if text.isascii() and text.isdigit() and len(text) > _LONGEST_NUMBER:
        return _FOREVER_S
    if len(text) > _LONGEST_DATE or not text.isascii():
        return None
    if text.replace(".", "", 1).isdigit() and text[0] != ".":
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _tell_after(retry_after_s: float | None) -> str:
    return "a while" if retry_after_s is None else show_span(retry_after_s)


def _tell_later(retry_after_s: float | None) -> str:
    """Say when to try again, as far as the platform told."""
    return f"try again in {_tell_after(retry_after_s)}; {_ITS_SIDE}"


def show_span(seconds: float) -> str:
    """Say how long a wait is, in the unit that people would use."""
    if seconds > _DAY_S:
        return "more than a day"
    for unit, length_s in (("hours", 3600.0), ("minutes", 60.0)):
        if seconds >= 3 * length_s:
            return f"{seconds / length_s:,.0f} {unit}"
    return f"{seconds:.0f} s"


def _build_conflict(because: str, *, writes: bool) -> ApiError:
    if not writes:  # nobody has changed anything: it is about the moment
        message = f"the platform answered a question with status 409{because}"
        return PlatformFault(message, hint=_TRY_LATER, status=409)
    message = f"the platform reports a conflict{because}"
    return Conflict(message, hint="look at its current state, then try again", status=409)


def _build_not_found(
    status: int, body: bytes, subject: str, act: Act, *, by_page: bool
) -> ApiError:
    if by_page:  # whoever stands in between knows nothing of what there is
        return build_bad_reply("", body, status, writes=False).error
    if act is Act.CREATE:  # nothing that there is was asked for
        said = drop_phrase(find_message(body), status)
        return Rejected(
            f"the platform did not find what to make this of{f': {said}' if said else ''}",
            hint="check what it is made from, and the domain",
            status=status,
        )
    if subject in OWNED:
        return NotFound(
            f"no such {subject}, or not shared with you",
            hint="it may have been deleted; check its name, and look at the list again",
            status=status,
        )
    return BadReply(
        f"the platform has no {subject} at this address",
        hint="check the domain; older platforms do not have everything",
        status=status,
    )
