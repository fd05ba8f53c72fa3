"""What the requests that are under way wait for, so that people can be told."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import anyio

from coexplorer.models import Wait

_FORGOTTEN_S: Final = 5.0
"""What is asked for so long after a failure is something else."""


class Waits:
    """Notes each wait as long as it lasts; asked from time to time by whoever shows it.

    Attributes:
        on_end: Called when a wait ends, before its request goes on.
    """

    def __init__(self) -> None:
        self.on_end: Callable[[], None] | None = None
        self._answers: dict[object, float] = {}
        self._stored: set[object] = set()
        self._since: float | None = None
        self._idle_since = -math.inf
        self._pauses: dict[object, tuple[float, str, bool]] = {}

    @contextmanager
    def for_answer(self, *, of_storage: bool = False) -> Iterator[None]:
        """Note that the platform was asked for something; leaving by an exception, in vain.

        What was asked for in vain and is asked for again has been waited for since the first time.

        Args:
            of_storage: A storage of files was asked, not the platform.
        """
        key = object()
        now = anyio.current_time()
        if self._since is None or (not self._is_busy and now - self._idle_since > _FORGOTTEN_S):
            self._since = now
        self._answers[key] = now
        if of_storage:
            self._stored.add(key)
        is_answered = False
        try:
            yield
            is_answered = True
        finally:
            del self._answers[key]
            self._stored.discard(key)
            if is_answered:
                self._since = min(self._answers.values(), default=None)
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
            waited_s = now - (now if self._since is None else self._since)
            return Wait(waited_s, of_storage=self._answers.keys() == self._stored)
        if self._pauses:
            until, reason, asked = max(self._pauses.values())
            return Wait(max(0.0, until - now), reason, asked=asked)
        return None

    @property
    def _is_busy(self) -> bool:
        return bool(self._answers or self._pauses)

    def _end(self) -> None:
        self._idle_since = anyio.current_time()
        if self.on_end is not None:
            self.on_end()
