"""When to send the next frame, so that a slow link never lags behind the keys. Pure.

Every frame ends with a question that any terminal answers (DSR, ``CSI 5 n`` → ``CSI 0 n``). The
answer has come back through everything between here and the user's eyes, so it tells whether frames
queue anywhere on the way. If they do, at most two may be unanswered, and until an answer comes,
newer screens replace the waiting one. If answers come as fast as ever, the link is long, not full,
and holds a few more: the last frame of a held key need not wait for an answer.
"""

from __future__ import annotations

QUESTION = "\x1b[5n"
ANSWER = b"\x1b[0n"

_FEWEST_UNANSWERED, _MOST_UNANSWERED = 2, 4
_LATE, _LATE_S = 2.0, 0.03
"""An answer that takes this many times as long as the fastest one, and this much longer, has waited
behind other frames."""
_TIMEOUT_S = 2.0
_LAST_ANSWER_S, _FIRST_ANSWER_S = 1.0, 0.1
"""Before the terminal is given back: from one that answers, and from one that never did."""
_ANSWERS_WITHIN_S = 0.5
"""A first answer that did not come in this time does not come: the terminal gives none."""
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
        self._most = _FEWEST_UNANSWERED
        self._fastest_s = float("inf")
        self.heard = False

    @property
    def unanswered(self) -> int:
        """How many answers are still on their way."""
        return len(self._sent_at)

    def forget(self) -> None:
        """Wait for no answer any more: another program had the terminal, and got it."""
        self._sent_at.clear()

    def may_send(self, now: float) -> bool:
        """Tell whether a frame may leave now."""
        if self._sent_at and now - self._sent_at[0] >= _TIMEOUT_S:
            self._timeouts += 1
            self._sent_at.clear()
            self.asks = self.asks and self._timeouts < _MAX_TIMEOUTS
        return len(self._sent_at) < self._most

    def wait_s(self, now: float) -> float:
        """Return after how many seconds a frame may leave even if no answer comes."""
        if len(self._sent_at) < self._most:
            return 0.0
        return max(0.0, self._sent_at[0] + _TIMEOUT_S - now)

    def patience_s(self, now: float) -> float:
        """Return how long to wait for answers before the terminal is given back.

        What comes later, the shell finds on its command line; what never comes keeps the user.
        """
        if not self._sent_at:
            return 0.0
        if self.heard:
            return _LAST_ANSWER_S
        return min(_FIRST_ANSWER_S, max(0.0, self._sent_at[0] + _ANSWERS_WITHIN_S - now))

    def end_frame(self, now: float) -> str:
        """Return what to write after a frame that leaves now."""
        if not self.asks:
            return ""
        self._sent_at.append(now)
        return QUESTION

    def note_answers(self, count: int, now: float) -> None:
        """Count answers that arrived, and judge the link by how long they took."""
        answered, self._sent_at = self._sent_at[:count], self._sent_at[count:]
        for sent_at in answered:
            took_s = now - sent_at
            self._fastest_s = min(self._fastest_s, took_s)
            is_late = took_s > self._fastest_s * _LATE + _LATE_S
            self._most = _FEWEST_UNANSWERED if is_late else min(_MOST_UNANSWERED, self._most + 1)
        if count:
            self.heard = True
            self._timeouts = 0


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
