"""Known trouble with the platform, so that an open fails instead of a close."""

from __future__ import annotations

import errno
import time

from coexplorer.errors import ApiError, CoexplorerError, Forbidden, NotSignedIn, Unreachable
from coexplorer.fs.kernel.errnos import errno_of

_FORBIDDEN_S = 60.0
_LATELY_S = 2.0
_TRY_AGAIN = "try again when the platform answers; coexplorer retry sends what is kept"


class Health:
    """Which trouble is known already, so that an open can be refused instead of a close.

    Trouble of the whole platform is known until it answers: who is about to write asks it first
    (`Connectivity.find_refusal`), so that no save is refused once it is back.

    Attributes:
        answered_at: When the platform last answered as it should, in epoch seconds; 0: not yet.
        is_out_of_reach: Whether it could not be reached when it was asked last.
        trouble: The errno of what is known against the whole platform; 0 when nothing is.
    """

    def __init__(self) -> None:
        self.answered_at = 0.0
        self.is_out_of_reach = False
        self.trouble = 0
        self._error: ApiError = Unreachable("the platform does not answer")
        self._silent_until = 0.0
        self._forbidden: dict[int, tuple[float, ApiError]] = {}

    def note(self, error: CoexplorerError, slot: int | None = None) -> None:
        """Remember a failure, if it will meet the next write too."""
        self.is_out_of_reach = self.is_out_of_reach or isinstance(error, Unreachable)
        if isinstance(error, Unreachable | NotSignedIn):
            self.trouble, self._error = errno_of(error), error
        elif isinstance(error, Forbidden) and slot is not None:
            self._forbidden[slot] = (time.monotonic() + _FORBIDDEN_S, error)

    def note_success(self) -> None:
        """Forget what was known against the platform: it answered."""
        self.trouble = 0
        self._silent_until = 0.0
        self.answered_at = time.time()
        self.is_out_of_reach = False

    def note_silence(self) -> None:
        """Remember that the platform did not answer in time."""
        if not self.trouble:
            self.trouble = errno.ETIMEDOUT
            self._error = Unreachable("the platform does not answer", hint=_TRY_AGAIN)
        self._silent_until = time.monotonic() + _LATELY_S

    def forget_permissions(self) -> None:
        """Forget which assets may not be written: somebody looks for news."""
        self._forbidden.clear()

    def forget_permission(self, slot: int) -> None:
        """Forget whether an asset may be written: somebody has read why it could not."""
        self._forbidden.pop(slot, None)

    @property
    def was_silent_lately(self) -> bool:
        """Whether it did not answer in time a moment ago, and has not answered since."""
        return time.monotonic() < self._silent_until

    def may_not_write(self, slot: int) -> bool:
        """Whether the platform lately said that an asset may not be edited."""
        return slot in self._forbidden and time.monotonic() < self._forbidden[slot][0]

    def explain(self, slot: int) -> ApiError:
        """Return why an asset may not be written: what was met last, of a write of its own."""
        met = self._forbidden[slot][1] if self.may_not_write(slot) else self._error
        error = type(met)(met.message, hint=met.hint, status=met.status)
        error.by_page = met.by_page
        return error
