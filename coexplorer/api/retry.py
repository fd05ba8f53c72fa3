"""How long to wait before a request is repeated, and when to give up: pure decisions."""

from __future__ import annotations

from typing import Final

import msgspec

from coexplorer.api.calls import Repeat
from coexplorer.api.failures import Failure, FailureKind

SILENT_COUNTS: Final = 2
"""What took long and brought nothing counts as so many failures: who waits has waited enough."""


class Patience(msgspec.Struct, frozen=True):
    """Limits of repeating.

    Attributes:
        attempts: Requests in all when the platform fails or replies are lost.
        connects: Requests in all when there is no way to the platform: people who are offline want
            to know soon.
        slow_downs: How often 429 and its like are waited for: a minute, if no time was named.
        first_wait_s: Seconds before the second attempt; doubled for each further one.
        longest_wait_s: Seconds that a wait of our own choosing never exceeds.
    """

    attempts: int = 5
    connects: int = 3
    slow_downs: int = 6
    first_wait_s: float = 0.5
    longest_wait_s: float = 30.0


class Tried(msgspec.Struct, frozen=True):
    """How often a call has failed so far, by the limit that it counts towards."""

    lost: int = 0
    unsent: int = 0
    slow_downs: int = 0

    def after(self, kind: FailureKind) -> Tried:
        """Return the counts with one more failure of `kind`."""
        return Tried(
            self.lost
            + (kind in (FailureKind.LOST, FailureKind.GARBLED))
            + SILENT_COUNTS * (kind is FailureKind.SILENT),
            self.unsent + (kind is FailureKind.UNSENT),
            self.slow_downs + (kind is FailureKind.SLOW_DOWN),
        )


def find_wait_s(
    failure: Failure, repeat: Repeat, tried: Tried, patience: Patience, *, chance: float
) -> float | None:
    """Decide about a repetition: seconds to wait before it, or None to give up.

    Args:
        failure: What happened last.
        repeat: What the call allows.
        tried: The failures so far, the last one included.
        patience: The limits.
        chance: A random number within 0 and 1, so that many clients do not come back at once.
    """
    if failure.kind is FailureKind.FINAL:
        return None
    if failure.kind is FailureKind.SLOW_DOWN:
        if tried.slow_downs > patience.slow_downs:
            return None
        nth = tried.slow_downs + 1  # slower from the start: it was asked for
    elif failure.kind is FailureKind.UNSENT:
        if tried.unsent >= patience.connects:
            return None
        nth = tried.unsent
    else:
        if repeat is Repeat.UNSENT or tried.lost >= patience.attempts:
            return None
        nth = tried.lost
    told_s = failure.error.retry_after_s
    if told_s is not None:
        # A moment more than was told: clients that come back all at once are refused again.
        return told_s + patience.first_wait_s * chance
    longest_s = min(patience.longest_wait_s, patience.first_wait_s * 2.0 ** (nth - 1))
    return longest_s * (0.5 + chance / 2)
