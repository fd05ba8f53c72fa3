"""What happens meanwhile: the library's events, and how long the platform keeps us waiting."""

from __future__ import annotations

import asyncio
from functools import partial

import msgspec

from coexplorer.errors import CoexplorerError
from coexplorer.library.events import (
    AssetSettled,
    EditApplied,
    EditFailed,
    Event,
    EventsDropped,
    RateLimitWaited,
    RowsChanged,
    SyncFailed,
    SyncFinished,
    SyncProgressed,
)
from coexplorer.text import clean
from coexplorer.tui import external
from coexplorer.tui.feeds.feeds import Feeds
from coexplorer.tui.feeds.screen_protocol import ScreenProtocol
from coexplorer.tui.widgets.header import show_clock

WAIT_OVER_S = 1.5
WAITS_EVERY_S = 1.0
"""So often a platform that does not answer is noticed."""
CHANGES_PAUSE_S = 0.15
"""Changes that come in a burst are shown together."""


class News:
    """Takes the library's events over into the feeds of a screen."""

    def __init__(self, screen: ScreenProtocol, feeds: Feeds) -> None:
        self._screen = screen
        self._library = screen.library
        self._feeds = feeds
        self._header = feeds.header
        self._changing = False

    async def listen(self) -> None:
        """Follow the library's events until cancelled."""
        with self._library.subscribe() as events:
            async for event in events:
                self.take(event)

    async def watch_waits(self) -> None:
        """Say in the header that the platform takes long to answer, until cancelled."""
        shown = ""
        while True:
            await asyncio.sleep(WAITS_EVERY_S)
            wait = self._library.platform.waiting()
            sentence = wait.sentence if wait is not None and not wait.reason else ""
            if sentence:
                self._header.show(sentence)
            elif shown and self._header.note == shown:
                self._header.show("")
            shown = sentence

    def take(self, event: Event) -> None:
        """Show what an event changes."""
        screen = self._screen
        match event:
            case RowsChanged() | EventsDropped():
                if not self._changing:
                    self._changing = True
                    screen.start("changes", self._take_changes)
            case SyncProgressed(stage="refresh"):
                pass  # it comes every minute: an idle screen stays still
            case SyncProgressed(stage=stage, rows=rows, known=known):
                of = f" of {known:,}" if known else ""
                self._header.show(f"reading {stage}: {rows:,}{of}")
            case SyncFinished():
                self._feeds.list.failure = ""
                screen.restart("sync", self._take_sync)
            case SyncFailed(error=error):
                self._tell_failure(error)
            case RateLimitWaited(until=until, reason=reason):
                clock = show_clock(until, external.local_time())
                self._header.show(f"{clean(reason)}, again at {clock}")
                screen.restart("wait", partial(self._forget_wait, until))
            case EditApplied() | EditFailed():
                self._take_outcome(event)
            case AssetSettled(asset_id=asset_id, state=state):
                screen.start("settled", partial(screen.tell_settled, asset_id, state))
            case _:
                pass

    def _take_outcome(self, event: EditApplied | EditFailed) -> None:
        screen = self._screen
        if isinstance(event, EditApplied):
            screen.state.marked.note_own_change(event.asset_id)
            screen.coexplorer.settle(event.asset_id)
        screen.restart("status", self._feeds.load_status)

    def _tell_failure(self, error: CoexplorerError) -> None:
        self._header.show("")
        self._feeds.list.failure = clean(error.message)
        self._screen.restart("status", self._feeds.load_status)
        if self._header.status is None or self._header.status.synced_at is None:
            self._feeds.list.load()  # which then says why it is empty
        self._screen.report_once(error)

    async def _forget_wait(self, until: float) -> None:
        """Remove the note of a wait once it is over and no other has followed."""
        await asyncio.sleep(max(0.0, until - external.now()) + WAIT_OVER_S)
        self._header.show("")
        await self._feeds.load_status()

    async def _take_sync(self) -> None:
        """Show the new time only where more than the time is new: an idle screen stays still."""
        before = self._header.status
        status = await self._library.status()
        calm = before is not None and before.synced_at is not None and not self._header.note
        if (
            calm
            and before is not None
            and before == msgspec.structs.replace(status, synced_at=before.synced_at)
        ):
            return
        self._header.note = ""
        await self._take_changes()

    async def _take_changes(self) -> None:
        try:
            await asyncio.sleep(CHANGES_PAUSE_S)
        finally:
            self._changing = False
        self._screen.state.tags_stale = True
        # Shown with the list: the header has no asset that the list has not.
        self._header.status = await self._library.status()
        self._feeds.list.load()
        self._screen.restart("details", self._feeds.details.load)
        self._header.follow_counts()
