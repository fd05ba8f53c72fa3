"""Which fault strikes which request: rules and their counters.

One thread (a test) fills a plan and another (the server's loop) asks it, so one lock guards all
counters.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from enum import StrEnum
from functools import lru_cache

API_ROOT = "/api/v1/"
"""What a pattern that does not start with ``/`` is relative to (manual, addresses)."""


class FaultKind(StrEnum):
    """The faults; the package's docstring says what each does."""

    LATENCY = "latency"
    STATUS = "status"
    RESET = "reset"
    LOST = "lost"
    SILENCE = "silence"
    HTML = "html"
    CUT = "cut"
    SHORT = "short"
    DRIP = "drip"
    IGNORE = "ignore"
    STALE = "stale"
    EXPIRE = "expire"
    SAME_TOKEN = "same-token"  # noqa: S105  # a page's token, not a user's
    NO_TOKEN = "no-token"  # noqa: S105  # likewise
    STALL = "stall"
    RATE = "rate"
    NO_RANGE = "no-range"
    RANGE_200 = "range-200"
    WRONG_RANGE = "wrong-range"
    ETAG = "etag"


@lru_cache(maxsize=256)
def _compile_pattern(pattern: str) -> re.Pattern[str]:
    """Turn a path pattern into an expression: ``*`` stays within a segment, ``**`` does not."""
    whole = pattern if pattern.startswith(("/", "**")) else API_ROOT + pattern
    parts = re.split(r"(\*\*|\*)", whole)
    wild = {"*": "[^/]*", "**": ".*"}
    return re.compile("".join(wild.get(part) or re.escape(part) for part in parts), re.DOTALL)


@dataclass(eq=False, slots=True)
class Rule:
    """One rule, with its counts.

    Attributes:
        status: For `FaultKind.STATUS` and `FaultKind.HTML`.
        seconds: For `FaultKind.LATENCY`, and between the pieces of a `FaultKind.DRIP`.
        piece_bytes: Size of a piece of a `FaultKind.DRIP`; how much of a broken reply is sent; how
            much a second of a `FaultKind.RATE`. None: what the package says.
        code: Code of an error of the storage; empty: the usual one of its status.
        body: Body of a refusal instead of JSON with its message; empty for none.
        retry_after: The header's text, or ``date+N`` for an HTTP date N seconds from the reply.
        renew: After how many refusals an expired token is good again; None: when told.
        matched: How many requests fitted method and path so far.
        struck: How many of them were struck.
    """

    kind: FaultKind
    method: str = "*"
    path: str = "**"
    nth: int | None = None
    every: int | None = None
    times: int | None = None
    after: int = 0
    status: int = 200
    message: str = ""
    body: str = ""
    retry_after: str = ""
    seconds: float = 1.0
    piece_bytes: int | None = None
    code: str = ""
    renew: int | None = None
    matched: int = 0
    struck: int = 0
    page_token: str = ""
    _used: dict[str, int] = field(default_factory=dict, repr=False)

    def matches(self, method: str, path: str) -> bool:
        """Tell whether a request is one that this rule counts."""
        return (
            self.method in {"*", method} and _compile_pattern(self.path).fullmatch(path) is not None
        )

    def strikes(self, identity: str) -> bool:
        """Count one matching request and tell whether it is struck.

        Args:
            identity: What lets the request in: its token, its keys or its signed address.
        """
        self.matched += 1
        if self.times is not None and self.struck >= self.times:
            return False
        if self.kind is FaultKind.EXPIRE:
            struck = self._expired(identity)
        else:
            place = self.matched - self.after
            struck = (
                place > 0
                and (self.nth is None or place == self.nth)
                and (self.every is None or place % self.every == 0)
            )
        self.struck += struck
        return struck

    def _expired(self, identity: str) -> bool:
        used = self._used.get(identity, 0) + 1
        if self.renew is not None and used > self.after + self.renew:
            used = 1
        self._used[identity] = used
        return used > self.after

    def renew_tokens(self) -> None:
        """Give every token and address its requests back."""
        self._used.clear()

    def build_retry_after(self, now: float) -> str:
        """Return the header's value at a time (epoch seconds); empty for none."""
        if self.retry_after.startswith("date+"):
            return formatdate(now + float(self.retry_after[5:]), usegmt=True)
        return self.retry_after


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do with one request.

    Attributes:
        releases: How many releases there had been: a later one sets this request free.
    """

    latency_s: float
    rule: Rule | None
    releases: int


class FaultPlan:
    """The rules in force. Any thread may call any method.

    Args:
        rules: To begin with, e.g. from `parse_script`.
        clock: Epoch seconds, for Retry-After as a date.
    """

    def __init__(
        self, rules: list[Rule] | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.clock = clock
        self._rules = list(rules or [])
        self._changed = threading.Condition()
        self._releases = 0
        self._wakers: set[Callable[[], object]] = set()

    def add(
        self,
        kind: FaultKind | str | int,
        method: str = "*",
        path: str = "**",
        *,
        nth: int | None = None,
        every: int | None = None,
        times: int | None = None,
        after: int = 0,
        status: int = 200,
        message: str = "",
        body: str = "",
        retry_after: str | float = "",
        seconds: float | None = None,
        piece_bytes: int | None = None,
        code: str = "",
        renew: int | None = None,
    ) -> Rule:
        """Add a rule after those there are.

        Args:
            kind: A fault, or an HTTP status as a number.
            method: An HTTP method or ``*``.
            path: A pattern (see the package).
            nth: Strike only this one of the matching requests, from 1, after those spared.
            every: Strike every Nth request.
            times: Stop after N strikes.
            after: Spare the first N; for `FaultKind.EXPIRE`, the first N of each token or signed
                address.
            status: Of `FaultKind.HTML`, or of `FaultKind.STATUS`; of `FaultKind.EXPIRE` at the
                storage.
            message: What the refusal says.
            body: What it says instead: as JSON where it is that, else as plain text.
            retry_after: Seconds, or a ready header value, or ``date+N``.
            seconds: Of latency (1), or between the pieces of a drip (0.05).
            piece_bytes: See `Rule`.
            code: Of an error of the storage.
            renew: See `FaultKind.EXPIRE`.

        Returns:
            The rule, whose counts go on and which `remove` takes.
        """
        fault = FaultKind.STATUS if isinstance(kind, int) else FaultKind(kind)
        if seconds is None:
            seconds = 0.05 if fault is FaultKind.DRIP else 1.0
        rule = Rule(
            fault,
            method.upper(),
            path,
            nth=nth,
            every=every,
            times=times,
            after=after,
            status=kind if isinstance(kind, int) else status,
            message=message,
            body=body,
            retry_after=str(retry_after),
            seconds=seconds,
            piece_bytes=piece_bytes,
            code=code,
            renew=renew,
        )
        with self._changed:
            self._rules.append(rule)
        return rule

    def remove(self, rule: Rule) -> None:
        """Take a rule out; fine when it is out already."""
        with self._changed:
            self._rules = [kept for kept in self._rules if kept is not rule]

    def clear(self) -> None:
        """Take all rules out and release what is held."""
        with self._changed:
            self._rules.clear()
        self.release()

    def release(self) -> None:
        """Let the requests go that `FaultKind.SILENCE` and `FaultKind.STALL` hold now."""
        with self._changed:
            self._releases += 1
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    def renew(self) -> None:
        """Make all that has expired good for another ``after`` requests."""
        with self._changed:
            for rule in self._rules:
                rule.renew_tokens()

    def judge(self, method: str, path: str, identity: str = "") -> Decision:
        """Count a request in all rules that match it and say what to do with it."""
        latency_s, striking = 0.0, None
        with self._changed:
            for rule in self._rules:
                if not (rule.matches(method, path) and rule.strikes(identity)):
                    continue
                if rule.kind is FaultKind.LATENCY:
                    latency_s += rule.seconds
                elif striking is None:
                    striking = rule
            self._changed.notify_all()
            return Decision(latency_s, striking, self._releases)

    def wait_struck(self, rule: Rule, times: int = 1, *, timeout_s: float = 30.0) -> None:
        """Block until a rule has struck this many times; a request in silence is held from then on.

        Raises:
            TimeoutError: It did not within ``timeout_s``.
        """
        with self._changed:
            enough = self._changed.wait_for(lambda: rule.struck >= times, timeout_s)
        if not enough:
            raise TimeoutError(f"the {rule.kind} struck {rule.struck} times, not {times}")

    def subscribe_release(self, wake: Callable[[], object], *, since: int) -> Callable[[], None]:
        """Have ``wake`` called at the next release, or at once if one came meanwhile.

        Args:
            wake: Called from whatever thread releases.
            since: `Decision.releases` of the request.

        Returns:
            What ends the subscription.
        """
        with self._changed:
            self._wakers.add(wake)
            late = self._releases != since
        if late:
            wake()

        def end() -> None:
            with self._changed:
                self._wakers.discard(wake)

        return end
