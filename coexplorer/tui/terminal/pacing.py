"""Pure: when the next frame may leave, so that a slow link never lags behind the keys.

Every frame ends with a question that any terminal answers (DSR, ``CSI 5 n`` → ``CSI 0 n``). The
answer has come back through everything between here and the user's eyes, so two unanswered frames
mean that the link is full: until an answer comes, newer screens replace the waiting one instead of
queueing.
"""

from __future__ import annotations

QUESTION = "\x1b[5n"
ANSWER = b"\x1b[0n"

_MAX_UNANSWERED = 2
_TIMEOUT_S = 2.0
_MAX_TIMEOUTS = 2


class Pacer:
    """Counts questions and answers; times are seconds of a monotonic clock.

    A terminal that leaves questions unanswered for two seconds, twice, is not asked again.

    Attributes:
        asks: Whether frames end with a question.
        heard: Whether an answer has ever come.
    """

    def __init__(self, *, asks: bool = True) -> None:
        self.asks = asks
        self._sent_at: list[float] = []
        self._timeouts = 0
        self.heard = False

    @property
    def unanswered(self) -> int:
        """How many answers are still on their way."""
        return len(self._sent_at)

    def may_send(self, now: float) -> bool:
        """Tell whether a frame may leave now."""
        if self._sent_at and now - self._sent_at[0] >= _TIMEOUT_S:
            self._timeouts += 1
            self._sent_at.clear()
            self.asks = self.asks and self._timeouts < _MAX_TIMEOUTS
        return len(self._sent_at) < _MAX_UNANSWERED

    def wait_s(self, now: float) -> float:
        """Return after how many seconds a frame may leave even if no answer comes."""
        if len(self._sent_at) < _MAX_UNANSWERED:
            return 0.0
        return max(0.0, self._sent_at[0] + _TIMEOUT_S - now)

    def end_frame(self, now: float) -> str:
        """Return what to write after a frame that leaves now."""
        if not self.asks:
            return ""
        self._sent_at.append(now)
        return QUESTION

    def note_answers(self, count: int) -> None:
        """Count answers that arrived."""
        if count:
            self.heard = True
            self._timeouts = 0
            del self._sent_at[:count]


class AnswerFilter:
    """Takes the answers out of what the terminal sends, also when a read cuts one in two."""

    def __init__(self) -> None:
        self._kept = b""

    def feed(self, data: bytes) -> tuple[bytes, int]:
        """Return the input without answers, and how many there were.

        The beginning of what may be an answer is kept back for the next call, but a lone ESC is
        not: it is a key.
        """
        data = self._kept + data
        self._kept = b""
        count = data.count(ANSWER)
        data = data.replace(ANSWER, b"")
        for length in range(len(ANSWER) - 1, 1, -1):
            if data.endswith(ANSWER[:length]):
                self._kept, data = data[-length:], data[:-length]
                break
        return data, count

    def flush(self) -> bytes:
        """Return what was kept back, when nothing more came: it was no answer."""
        kept, self._kept = self._kept, b""
        return kept
