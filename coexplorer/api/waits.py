"""What the requests that are under way wait for, so that people can be told."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import anyio

from coexplorer.models import Wait


class Waits:
    """Notes each wait as long as it lasts; asked from time to time by whoever shows it.

    Attributes:
        on_end: Called when a wait ends, before its request goes on.
    """

    def __init__(self) -> None:
        self.on_end: Callable[[], None] | None = None
        self._answers: dict[object, float] = {}
        self._pauses: dict[object, tuple[float, str, bool]] = {}

    @contextmanager
    def for_answer(self) -> Iterator[None]:
        """Note that the platform was asked for something."""
        key = object()
        self._answers[key] = anyio.current_time()
        try:
            yield
        finally:
            del self._answers[key]
            self._end()

    @contextmanager
    def for_repetition(self, wait_s: float, reason: str, *, asked: bool) -> Iterator[None]:
        """Note a pause before something is asked for again.

        Args:
            wait_s: How long it is.
            reason: What happened, as a sentence.
            asked: The platform said how long it should be.
        """
        key = object()
        self._pauses[key] = (anyio.current_time() + wait_s, reason, asked)
        try:
            yield
        finally:
            del self._pauses[key]
            self._end()

    def find(self) -> Wait | None:
        """Return the wait that people should hear of: the oldest question, or the longest pause."""
        now = anyio.current_time()
        if self._answers:
            return Wait(now - min(self._answers.values()))
        if self._pauses:
            until, reason, asked = max(self._pauses.values())
            return Wait(max(0.0, until - now), reason, asked=asked)
        return None

    def _end(self) -> None:
        if self.on_end is not None:
            self.on_end()
