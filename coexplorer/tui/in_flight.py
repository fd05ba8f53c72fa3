"""Changes that are on their way to the platform, so that an undo takes the right one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from coexplorer.library.results import EditResult
from coexplorer.tui.recent_changes import RecentChanges


class Sending:
    """A change that is on its way; `result` is None until it has gone well."""

    def __init__(self) -> None:
        self.result: EditResult | None = None


class InFlight:
    """Counts the single changes that one screen has sent and that are not answered yet.

    Attributes:
        recent: What became of them.
        reversing: What is being taken back or done again now, in words; empty: nothing.
    """

    def __init__(self) -> None:
        self.recent = RecentChanges()
        self.reversing = ""
        self._count = 0
        self._turn = asyncio.Lock()
        self._answered = asyncio.Event()
        self._answered.set()

    @property
    def any(self) -> bool:
        """Whether something is on its way."""
        return self._count > 0

    @contextmanager
    def one(self) -> Iterator[Sending]:
        """Wrap a change that is sent in this, and put its result into what it yields."""
        self._count += 1
        self._answered.clear()
        sending = Sending()
        try:
            yield sending
        finally:
            self.recent.note(sending.result)
            self._count -= 1
            if not self._count:
                self._answered.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Wrap an undo in this: it waits for what is on its way, and for other undos."""
        async with self._turn:
            await self._answered.wait()
            yield
