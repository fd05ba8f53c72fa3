"""The header's figures and notes, and what each view counts."""

from __future__ import annotations

import asyncio

from coexplorer.library.status import Status
from coexplorer.models import AssetId
from coexplorer.query import parse_partial
from coexplorer.tui import external
from coexplorer.tui.feeds.screen_protocol import ScreenProtocol
from coexplorer.tui.views import build_views
from coexplorer.tui.widgets.header import build_header

COUNTS_PAUSE_S = 0.4


class HeaderFeed:
    """Feeds the header and the strip of views.

    Attributes:
        status: As it was read last.
        note: What stands in the place of the freshness.
    """

    def __init__(self, screen: ScreenProtocol) -> None:
        self._screen = screen
        self._library = screen.library
        self.status: Status | None = None
        self.note = ""
        self._counts: dict[str, int] = {}
        self._told: tuple[str, ...] = ()
        self._counting = self._again = False

    async def load(self) -> None:
        """Read the figures."""
        self.status = await self._library.status()
        waiting = self.status.unsent > 0
        unsent = await self._library.log.waiting_assets() if waiting else frozenset[AssetId]()
        self._screen.rows.show_unsent(unsent)
        self.show()
        # Once: the log keeps what was said, and the header says that there is something.
        for sentence in self.status.gaps:
            if sentence not in self._told:
                self._screen.coexplorer.say(sentence, severity="warning")
        self._told = self.status.gaps

    def show(self, note: str | None = None) -> None:
        """Show the header; a note replaces the freshness until it is taken away with ``""``."""
        if note is not None:
            self.note = note
        screen = self._screen
        settings = screen.settings
        line = build_header(
            place=f"{settings.domain} · {settings.profile}",
            status=self.status,
            note=self.note,
            cells=screen.header.size.width,
            now_local=external.local_time(),
        )
        screen.header.show([line])

    def follow_counts(self) -> None:
        """Count again, after a pause; a stream of changes must not keep counts from being shown."""
        self._again = True
        if not self._counting:
            self._counting = True
            self._screen.start("counts", self._count_until_calm)

    async def _count_until_calm(self) -> None:
        try:
            while self._again:
                self._again = False
                await self.load_counts()
        finally:
            self._counting = False

    async def load_counts(self, *, pause: bool = True) -> None:
        """Count what each view finds."""
        if pause:
            await asyncio.sleep(COUNTS_PAUSE_S)
        views = build_views(self._screen.state.saved_views)
        for view in views:
            query, fault = parse_partial(view.query)
            if fault is None:
                self._counts[view.query] = await self._library.assets.count(query)
        # What was not read yet may be more, and none of it is not none.
        part = self.status is not None and not self.status.complete
        self._screen.strip.show_views(views, self._counts, part=part)
