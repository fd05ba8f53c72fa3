"""Carries calls to the platform and back: as often as it takes, and as it is safe.

It limits the requests that are under way at once, waits before a repetition, and looks at an asset
again before a write that had to wait. One request and its reply are `exchange`'s; how long to wait,
and when to give up, are decided in `retry`.
"""

from __future__ import annotations

import json
import logging
import math
import random
import time
from collections.abc import Awaitable, Callable
from typing import Final, Generic, Self, TypeVar

import anyio
import anyio.to_thread

from coexplorer.api.calls import Call, Repeat
from coexplorer.api.exchange import Carrier, Exchange, Reply
from coexplorer.api.failures import (
    Failed,
    Failure,
    FailureKind,
    build_bad_reply,
    build_silent,
    build_unclear,
    classify_reply,
    parse_retry_after,
    tell_whole_wait,
)
from coexplorer.api.limits import Bounds, Timeouts
from coexplorer.api.masking import mask_queries, mask_secrets
from coexplorer.api.retry import SILENT_COUNTS, Patience, Tried, find_wait_s
from coexplorer.api.waits import Waits
from coexplorer.errors import ApiError, NotFound, Unreachable
from coexplorer.models import Asset, Reach, Secret

T = TypeVar("T")
Seen = TypeVar("Seen")
OnWait = Callable[[float, str], None]
"""Told before each wait: its seconds, and why, as a sentence for a person."""

JudgeOf = Callable[[Seen, bool], Awaitable[None]]
"""Told what is there right before a write, and whether an earlier try may have been carried out.

It raises to stop the write. It must not ask the platform for anything: it holds a request's place.
"""

Judge = JudgeOf[Asset]
"""Likewise, of the asset itself."""

_log = logging.getLogger(__name__)
_CLEAR: Final = (200, 201, 203, 204)
"""What says that all was done, or that the answer is whole (RFC 9110, 15.3)."""
_SHORTEST_S: Final = 0.5
"""Nobody who is asked to slow down comes back sooner than this, whatever the platform says."""
_LONG_BYTES: Final = 4 * 1024 * 1024
"""A longer reply is read in a thread: a listing of 100,000 files takes half a second."""
_DEAD_S: Final = 30.0
"""So long a platform that could not be reached counts as dead, where people wait only once."""
_FRESH_S: Final = 1.0
"""What was read longer ago is read again before it is written over."""


class Look(Generic[Seen]):
    """How what a write goes over is read again, where something waited since it was read.

    The platform has no versions, so a write goes over whatever others did since the reading. Any
    failure before a repetition counts as waiting, and so does everything else that takes long: a
    place among the requests, a slow disk, a machine that slept.

    Args:
        call: Reads it.
        parse: Reads the reply.
        judge: See `Judge`.
        read_at: When it was last read, by `anyio.current_time`; None: just now.
    """

    def __init__(
        self,
        call: Call,
        parse: Callable[[bytes], Seen],
        judge: JudgeOf[Seen],
        *,
        read_at: float | None = None,
    ) -> None:
        self.call = call
        self.parse = parse
        self.judge = judge
        self._read_at: float | None = anyio.current_time() if read_at is None else read_at

    @property
    def is_due(self) -> bool:
        """Whether it has to be read again."""
        return self._read_at is None or anyio.current_time() - self._read_at > _FRESH_S

    def note_read(self) -> None:
        """Note that it was read just now."""
        self._read_at = anyio.current_time()

    def expire(self) -> None:
        """Have it read again, however long ago the last time was."""
        self._read_at = None


class Transport:
    """An open way to one platform.

    Args:
        base_url: The deployment's address, with or without ``/api/v1``.
        token: Goes along as the user name of HTTP Basic (manual).
        timeouts: See `Timeouts`.
        patience: See `Patience`.
        bounds: See `Bounds`.
        concurrency: Requests that may be under way at once.
        on_wait: See `OnWait`; may be replaced at any time.
        carrier: Replaces the network; for tests of waiting.
        reach: Where it is noted that a call waited in vain for a platform that says nothing at all:
            those that begin soon afterwards do not wait again. None: each call waits.

    Raises:
        ConfigError: The address would send the token in clear text, or is none.
    """

    def __init__(
        self,
        base_url: str,
        token: Secret,
        *,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 # frozen
        patience: Patience = Patience(),  # noqa: B008 # frozen
        bounds: Bounds = Bounds(),  # noqa: B008 # frozen
        concurrency: int = 8,
        on_wait: OnWait | None = None,
        carrier: Carrier | None = None,
        reach: Reach | None = None,
    ) -> None:
        self._exchange = Exchange(
            base_url,
            token,
            timeouts=timeouts,
            bounds=bounds,
            concurrency=concurrency,
            carrier=carrier,
        )
        self.base_url = self._exchange.base_url
        self.origin = self._exchange.origin
        self.on_wait = on_wait
        self.waits = Waits()
        self._token = token
        self.timeouts = timeouts
        self.bounds = bounds
        self._patience = patience
        self._concurrency = concurrency
        self._reach = reach
        self._answered_at = -math.inf
        self._slots: anyio.Semaphore

    def __repr__(self) -> str:
        return f"Transport({self.base_url!r})"

    async def __aenter__(self) -> Self:
        self._slots = anyio.Semaphore(self._concurrency)
        await self._exchange.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._exchange.__aexit__()

    @property
    def clock_offset_s(self) -> float:
        """Seconds that the platform's clock is ahead of ours, as far as its replies tell."""
        return self._exchange.clock_offset_s

    def start_clock(self) -> float:
        """Return the deadline of a call that starts now, for `send` and `wait_after`."""
        return anyio.current_time() + self.timeouts.call_s

    async def send(
        self,
        call: Call,
        parse: Callable[[bytes], T],
        *,
        deadline: float | None = None,
        look: Look[Seen] | None = None,
    ) -> T:
        """Send a call and read its reply, as often as it takes and is allowed.

        Args:
            call: What to send.
            parse: Reads the body of a success; raises ValueError when it makes no sense.
            deadline: Of what this is a part of, by `start_clock`; None: it is the whole.
            look: Reads again what is written over, before each try that had to wait.

        Raises:
            ApiError: `outcome_unknown` tells whether a write may have been carried out.
            CoexplorerError: What the look's judge raises.
        """
        started, began = time.monotonic(), anyio.current_time()
        deadline = self.start_clock() if deadline is None else deadline
        reach = self._reach
        if reach and reach.lost_at is not None and started - reach.lost_at < _DEAD_S:
            raise Unreachable(reach.message, hint=reach.hint)
        tried = Tried()
        maybe_done = False
        while True:
            repeat = call.repeat
            try:
                async with self._slots:
                    if look is not None and look.is_due:
                        repeat = Repeat.ALWAYS  # as nothing is written by a look
                        await self._look_again(look, deadline, maybe_done=maybe_done)
                        repeat = call.repeat
                    return await self._attempt(call, parse, deadline)
            except Failed as failed:
                failure = failed.failure
            if look is not None:
                look.expire()
            error = failure.error
            if maybe_done and isinstance(error, NotFound) and call.repeat is Repeat.UNTIL_GONE:
                return parse(b"")
            maybe_done = maybe_done or error.outcome_unknown
            error.outcome_unknown = maybe_done
            tried = tried.after(failure.kind)
            chance = random.random()  # noqa: S311 # spreads clients out in time
            wait_s = find_wait_s(failure, repeat, tried, self._patience, chance=chance)
            if failure.kind is FailureKind.SILENT and not call.writes:
                waited_s = anyio.current_time() - began
                error.message = tell_whole_wait(error.message, waited_s)
                wait_s = None if self._is_dead(started, waited_s) else wait_s
            if wait_s is None or anyio.current_time() + wait_s >= deadline:
                if not call.writes:  # after a write comes a look, which must go out
                    self._note_lost(error, started)
                raise error from None
            await self._wait(wait_s, error)

    def _is_dead(self, started: float, waited_s: float) -> bool:
        """Tell whether nobody is there, or nobody who gets round to us: all were asked in vain."""
        return self._answered_at < started and waited_s >= self.timeouts.silent_s

    def _note_lost(self, error: ApiError, started: float) -> None:
        """Note that a call was given up, if no other one was answered since it began."""
        reach = self._reach
        if reach is not None and isinstance(error, Unreachable) and self._answered_at < started:
            reach.lost_at = time.monotonic()
            reach.message, reach.hint = error.message, error.hint

    async def wait_after(self, failure: Failure, nth: int, deadline: float) -> bool:
        """Wait before a repetition that the caller does itself; say whether there is to be one.

        Args:
            failure: What happened.
            nth: How often it happened in a row.
            deadline: By `start_clock`; a platform that asks for a longer wait gets none.
        """
        lost = nth * (SILENT_COUNTS if failure.kind is FailureKind.SILENT else 1)
        tried = Tried(lost=lost, unsent=nth, slow_downs=nth)
        chance = random.random()  # noqa: S311 # spreads clients out in time
        wait_s = find_wait_s(failure, Repeat.ALWAYS, tried, self._patience, chance=chance)
        if wait_s is None or anyio.current_time() + wait_s >= deadline:
            return False
        await self._wait(wait_s, failure.error)
        return True

    async def _wait(self, wait_s: float, error: ApiError) -> None:
        _log.info("%s; again in %.1f s", error.message, wait_s)
        if self.on_wait is not None:
            self.on_wait(wait_s, error.message)
        asked = error.retry_after_s is not None
        with self.waits.for_repetition(wait_s, error.message, asked=asked):
            await anyio.sleep(wait_s)

    async def _look_again(self, look: Look[Seen], deadline: float, *, maybe_done: bool) -> None:
        """Read what is written over next, and have it judged, in the place of the write itself."""
        now = await self._attempt(look.call, look.parse, deadline)
        look.note_read()
        await look.judge(now, maybe_done)

    async def _attempt(self, call: Call, parse: Callable[[bytes], T], deadline: float) -> T:
        """Send a call once; whoever calls this holds a place among the requests."""
        started = anyio.current_time()
        until = min(deadline, started + self.timeouts.find_attempt_s(call))
        reply = None
        with anyio.CancelScope(deadline=until), self.waits.for_answer():
            reply = await self._exchange.run(call)
        if reply is not None:
            self._answered_at = time.monotonic()
            if self._reach is not None:
                self._reach.lost_at = None
        if reply is None:
            raise Failed(build_silent(until - started, writes=call.writes))
        if not reply.is_success:
            raise Failed(self._classify(call, reply))
        if reply.status not in _CLEAR:
            self._log_body(call, reply)
            raise Failed(build_unclear(reply.status, writes=call.writes))
        try:
            if len(reply.content) > _LONG_BYTES and not call.writes:
                return await anyio.to_thread.run_sync(parse, reply.content)
            return parse(reply.content)
        except ValueError as error:
            reason = _explain_parsing(error, reply.content)
        body = self._log_body(call, reply)
        raise Failed(build_bad_reply(reason, body, reply.status, writes=call.writes))

    def _classify(self, call: Call, reply: Reply) -> Failure:
        retry_after_s = parse_retry_after(
            reply.headers.get("Retry-After"), now=time.time() + self.clock_offset_s
        )
        if retry_after_s is not None and retry_after_s < _SHORTEST_S:
            retry_after_s = None  # that is no time: ours is better, as it grows
        return classify_reply(
            reply.status,
            self._log_body(call, reply),
            act=call.act,
            subject=call.subject,
            writes=call.writes,
            retry_after_s=retry_after_s,
        )

    def _log_body(self, call: Call, reply: Reply) -> bytes:
        """Log what the platform said, and return it, without secrets that it may have repeated."""
        secrets = (secret.reveal() for secret in (self._token, *call.secrets) if secret)
        body = mask_secrets(reply.content, secrets)
        text = mask_queries(body[:10_000].decode("utf-8", "replace"))
        _log.info("%r: %d: %r", call, reply.status, text)
        return body


def _explain_parsing(error: ValueError, content: bytes) -> str:
    if not content.strip():
        return "it is empty"
    return "it is not JSON" if isinstance(error, json.JSONDecodeError) else str(error)
