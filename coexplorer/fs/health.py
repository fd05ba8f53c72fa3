"""What is known against the platform already, so that an open fails in place of a close."""

from __future__ import annotations

import errno
import time

from coexplorer.errors import CoexplorerError, Forbidden, NotSignedIn, Unreachable
from coexplorer.fs.errnos import errno_of

_KNOWN_TROUBLE_S = 10.0
_FORBIDDEN_S = 60.0


class Health:
    """Which trouble is known already, so that an open can be refused instead of a close.

    Attributes:
        answered_at: When the platform last answered as it should, in epoch seconds; 0: not yet.
        is_out_of_reach: Whether it could not be reached when it was asked last.
    """

    def __init__(self) -> None:
        self.answered_at = 0.0
        self.is_out_of_reach = False
        self._errno = 0
        self._until = 0.0
        self._stalled_until = 0.0
        self._forbidden: dict[int, float] = {}

    def note(self, error: CoexplorerError, slot: int | None = None) -> None:
        """Remember a failure for a while, if it will meet the next write too."""
        now = time.monotonic()
        self.is_out_of_reach = self.is_out_of_reach or isinstance(error, Unreachable)
        if isinstance(error, Unreachable | NotSignedIn):
            self._errno, self._until = errno_of(error), now + _KNOWN_TROUBLE_S
        elif isinstance(error, Forbidden) and slot is not None:
            self._forbidden[slot] = now + _FORBIDDEN_S

    def note_success(self) -> None:
        """Forget that the platform was out of reach: it answered."""
        self._until = self._stalled_until = 0.0
        self.answered_at = time.time()
        self.is_out_of_reach = False

    def note_silence(self) -> None:
        """Remember that the platform did not answer in time."""
        self._stalled_until = time.monotonic() + _KNOWN_TROUBLE_S

    @property
    def is_silent(self) -> bool:
        """Whether it lately did not answer in time, and has not answered since."""
        return time.monotonic() < self._stalled_until

    def find_errno(self, slot: int) -> int:
        """Return what an open for writing has to answer; 0 when nothing is known against it."""
        now = time.monotonic()
        if now < self._until:
            return self._errno
        if self.is_silent:
            return errno.ETIMEDOUT
        return errno.EACCES if now < self._forbidden.get(slot, 0.0) else 0
