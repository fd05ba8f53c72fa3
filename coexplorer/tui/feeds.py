"""What keeps the main screen's widgets up to date: reads the library, hands rows and lines on.

The one place, beside `actions`, that asks the library on the main screen's behalf. Reads are from
the catalog; a search that a newer one supersedes is cancelled.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

import msgspec

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
from coexplorer.library.results import Status
from coexplorer.models import AssetId, Record
from coexplorer.query import parse_partial
from coexplorer.text import clean
from coexplorer.tui import external
from coexplorer.tui.facts import LABEL, build_facts
from coexplorer.tui.present import Line, show_count
from coexplorer.tui.screens.base import START
from coexplorer.tui.views import build_views
from coexplorer.tui.widgets.header import build_header, show_clock
from coexplorer.tui.windows import BLOCK

if TYPE_CHECKING:
    from coexplorer.tui.screens.main import MainScreen

DETAILS_PAUSE_S = 0.12
"""Details follow when the cursor has rested for so long: while a key is held they stay."""
COUNTS_PAUSE_S = 0.4
WAIT_OVER_S = 1.5
CHANGES_PAUSE_S = 0.15
"""Changes that come in a burst are shown together."""


class Feeds:
    """Feeds one main screen."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self._library = screen.library
        self.status: Status | None = None
        self.record: Record | None = None
        self.total: int | None = None
        self._note = ""
        self._counts: dict[str, int] = {}
        self._descriptions: tuple[str, int, list[Line]] = ("", 0, [])

    # The list

    def load_list(self, *, keep: AssetId | None = None, to_top: bool = False) -> None:
        """Read the list anew, in the background.

        Args:
            keep: The asset that the cursor stays on, wherever it went.
            to_top: Put the cursor on the first row when `keep` is not in the list.
        """
        self._screen.restart("list", partial(self._load_and_release, keep, to_top=to_top))

    async def _load_and_release(self, keep: AssetId | None, *, to_top: bool) -> None:
        try:
            await self._load_list(keep, to_top=to_top)
        finally:
            await self._screen.release_keys(START)

    async def _load_list(self, keep: AssetId | None, *, to_top: bool) -> None:
        screen, library = self._screen, self._library
        query = screen.browsing.query
        rows_list = screen.rows
        started = rows_list.cursor
        place = await library.position(keep, query) if keep is not None else None
        cursor = place if place is not None else 0 if to_top else started
        offset = max(0, cursor // BLOCK * BLOCK)
        # One after the other: both stand on the same found set, which is then looked for once.
        rows = await library.window(query, offset=offset, limit=BLOCK)
        count = await library.count(query)
        if not rows and count:
            offset = cursor = 0
            rows = await library.window(query, offset=0, limit=BLOCK)
        # Keys that were pressed meanwhile have moved the cursor: they count in the new list, too.
        cursor += rows_list.cursor - started
        rows_list.show_list(count, rows, offset=offset, cursor=cursor, note=self._empty_note())
        order = screen.browsing.order
        rows_list.show_sort(order.field, descending=order.descending)
        self.show_found(count)
        screen.show_footer()

    async def load_start(self) -> None:
        """Read all that the screen shows when it opens, at once."""
        await self._load_list(None, to_top=True)
        await self.load_status()
        await self.load_counts(pause=False)
        await self.load_details(pause=False)

    async def load_rows(self, offset: int, limit: int) -> None:
        """Read rows that the list misses."""
        query = self._screen.browsing.query
        rows = await self._library.window(query, offset=offset, limit=limit)
        if query == self._screen.browsing.query:
            self._screen.rows.supply(offset, rows)

    def _empty_note(self) -> str:
        if self._screen.browsing.text.strip():
            return "Nothing fits the search. Esc clears it."
        if self.status is None or self.status.synced_at is None:
            return "Reading the assets from the platform…"
        return "There are no assets yet. N makes one."

    def show_found(self, count: int) -> None:
        """Show how many assets the search finds, or what is wrong with it."""
        screen = self._screen
        fault = screen.browsing.fault
        total = self.status.total if self.status else None
        plus = self.status is not None and not self.status.complete
        text = show_count(count, total if screen.browsing.text.strip() else None, plus=plus)
        screen.search.show_found(text, fault)

    # The details

    async def load_details(self, *, pause: bool = True) -> None:
        """Read the asset under the cursor, when the cursor has rested a little."""
        if pause:
            await asyncio.sleep(DETAILS_PAUSE_S)
        row = self._screen.rows.current
        record = None if row is None else await self._library.record(row.id)
        self.record = record
        await self.show_details()

    async def show_details(self) -> None:
        """Show what was read last, in the pane's width."""
        screen = self._screen
        cells = screen.details.size.width
        if not screen.details_shown or not cells:
            return
        record = self.record
        if record is None:
            screen.rule.show_title("")
            screen.details.show_facts((), same_asset=True)
            return
        lines = self._render_description(record.asset.description, cells - LABEL)
        facts = build_facts(record, cells, lines, short=screen.details_small)
        same = screen.details_of == record.asset.id
        screen.details_of = record.asset.id
        screen.rule.show_title(record.asset.name)
        screen.details.show_facts(facts, same_asset=same)

    def _render_description(self, text: str, cells: int) -> list[Line]:
        if not text:
            return []
        if self._descriptions[:2] != (text, cells):
            # Markdown is imported when the first description is shown, not before the first frame.
            from coexplorer.tui.markdown import render_markdown  # noqa: PLC0415

            self._descriptions = (text, cells, render_markdown(text, max(10, cells)))
        return self._descriptions[2]

    # Header and views

    async def load_status(self) -> None:
        """Read the figures of the header."""
        self.status = await self._library.status()
        self.show_header()

    def show_header(self, note: str | None = None) -> None:
        """Show the header; a note replaces the freshness until it is taken away with ``""``."""
        if note is not None:
            self._note = note
        screen = self._screen
        settings = screen.settings
        line = build_header(
            place=f"{settings.domain} · {settings.profile}",
            status=self.status,
            note=self._note,
            cells=screen.header.size.width,
            now_local=datetime.fromtimestamp(external.now()).astimezone(),
        )
        screen.header.show([line])

    async def load_counts(self, *, pause: bool = True) -> None:
        """Count what each view finds."""
        if pause:
            await asyncio.sleep(COUNTS_PAUSE_S)
        views = build_views(self._screen.saved_views)
        for view in views:
            query, fault = parse_partial(view.query)
            if fault is None:
                self._counts[view.query] = await self._library.count(query)
        self._screen.strip.show_views(views, self._counts)

    # What happens meanwhile

    async def listen(self) -> None:
        """Follow the library's events until cancelled."""
        with self._library.subscribe() as events:
            async for event in events:
                self._take(event)

    def _take(self, event: Event) -> None:
        screen = self._screen
        match event:
            case RowsChanged() | EventsDropped():
                screen.restart("changes", self._take_changes)
            case SyncProgressed(stage="refresh"):
                pass  # it comes every minute: an idle screen stays still
            case SyncProgressed(stage=stage, rows=rows, known=known):
                of = f" of {known:,}" if known else ""
                self.show_header(f"reading {stage}: {rows:,}{of}")
            case SyncFinished():
                screen.restart("status", self._take_sync)
            case SyncFailed(error=error):
                self.show_header("")
                screen.restart("status", self.load_status)
                screen.report_once(error)
            case RateLimitWaited(until=until, reason=reason):
                clock = show_clock(until, datetime.fromtimestamp(external.now()).astimezone())
                self.show_header(f"{clean(reason)}, again at {clock}")
                screen.restart("wait", partial(self._forget_wait, until))
            case EditApplied() | EditFailed():
                screen.restart("status", self.load_status)
            case AssetSettled(asset_id=asset_id, state=state):
                screen.asset_settled(asset_id, state)
            case _:
                pass

    async def _forget_wait(self, until: float) -> None:
        """Take the note of a wait away when it is over and no other one followed."""
        await asyncio.sleep(max(0.0, until - external.now()) + WAIT_OVER_S)
        self.show_header("")
        await self.load_status()

    async def _take_sync(self) -> None:
        """Show the new time only where more than the time is new: an idle screen stays still."""
        before = self.status
        status = await self._library.status()
        calm = before is not None and before.synced_at is not None and not self._note
        if (
            calm
            and before is not None
            and before == msgspec.structs.replace(status, synced_at=before.synced_at)
        ):
            return
        self._note = ""
        await self._take_changes()

    async def _take_changes(self) -> None:
        await asyncio.sleep(CHANGES_PAUSE_S)
        await self.load_status()
        row = self._screen.rows.current
        self.load_list(keep=row.id if row else None)
        self._screen.restart("details", partial(self.load_details, pause=False))
        self._screen.restart("counts", self.load_counts)
