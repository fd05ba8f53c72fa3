"""Keeps the main screen's widgets up to date: reads the library, passes rows and lines on.

Besides `actions`, the one place that calls the library for the main screen. It reads from the
catalog, and cancels a search when a newer one replaces it.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import msgspec
from textual.worker import Worker

from coexplorer.errors import CoexplorerError
from coexplorer.fields import FIELDS, EditableField, Kind
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
from coexplorer.library.status import Status
from coexplorer.models import Asset, AssetId, Record
from coexplorer.query import parse_partial
from coexplorer.text import clean
from coexplorer.tui import external
from coexplorer.tui.columns import FLIGHT, NOTHING_FITS, NOTHING_READ, NOTHING_YET, Line, show_count
from coexplorer.tui.facts import LABEL, build_facts, build_rest
from coexplorer.tui.keys import key_of
from coexplorer.tui.screens.base import LIST, START
from coexplorer.tui.views import build_views
from coexplorer.tui.widgets.header import build_header, show_clock
from coexplorer.tui.windows import BLOCK

if TYPE_CHECKING:
    from coexplorer.tui.screens.main import MainScreen

DETAILS_PAUSE_S = 0.12
"""Details follow when the cursor has rested for so long: while a key is held they stay."""
COUNTS_PAUSE_S = 0.4
COUNTED_SOON_S = 0.008
"""A count that is known so soon is shown with the rows: two frames take longer than this."""
WAIT_OVER_S = 1.5
WAITS_EVERY_S = 1.0
"""So often a platform that does not answer is noticed."""
CHANGES_PAUSE_S = 0.15
"""Changes that come in a burst are shown together."""


class _Goal(msgspec.Struct, frozen=True):
    """Where the cursor goes in a list that is not shown yet; see `Feeds.load_list`."""

    asset_id: AssetId | None
    to_top: bool


class Feeds:
    """Feeds one main screen."""

    def __init__(self, screen: MainScreen) -> None:
        self._screen = screen
        self._library = screen.library
        self.status: Status | None = None
        self.record: Record | None = None
        self.total: int | None = None
        self._goal: _Goal | None = None
        self._turn = 0
        self._reading = self._again = False
        self._changing = False
        self._found: int | None = None
        self._moved_at = 0.0
        self._resting: Worker[None] | None = None
        self._note = ""
        self._failure = ""
        self._counts: dict[str, int] = {}
        self._rendered: dict[str, tuple[str, int, list[Line]]] = {}

    # The list

    def load_list(self, *, go_to: AssetId | None = None, to_top: bool = False) -> None:
        """Read the list again, in the background; the cursor stays on its asset.

        With either argument it is another list, and keys wait for it: what is typed ahead is meant
        for the rows that come, not for the ones still shown.

        Args:
            go_to: The asset that the cursor goes to instead of its own.
            to_top: Put the cursor on the first row when `go_to` is not in the list.
        """
        if go_to is not None or to_top:
            self._goal = _Goal(go_to, to_top=to_top)
            self._screen.hold_keys(LIST)
        elif self._reading:
            self._again = True  # a stream of changes must not keep the list from being shown
            return
        self._reading = True
        self._turn += 1
        self._screen.restart("list", partial(self._load_and_release, self._turn))

    async def _load_and_release(self, turn: int) -> None:
        try:
            self._again = True
            while self._again:
                self._again = False
                await self._load_list()
                self._screen.call_later(self._release_keys)
        finally:
            # What was superseded leaves goal and keys to its successor.
            if turn == self._turn:
                self._reading, self._goal = False, None
                self._screen.call_later(self._release_keys)

    async def _release_keys(self) -> None:
        await self._screen.release_keys(START)
        if self._goal is None:
            await self._screen.release_keys(LIST)

    async def _load_list(self) -> None:
        screen, library = self._screen, self._library
        query, goal, rows_list = screen.desk.browsing.query, self._goal, screen.rows
        current, moved = rows_list.current, rows_list.moved
        wanted = goal.asset_id if goal is not None else current.id if current is not None else None
        place = await library.position(wanted, query) if wanted is not None else None
        if place is None:
            place = 0 if goal is not None and goal.to_top else rows_list.cursor
            moved = rows_list.moved
        # Keys that are pressed meanwhile move the cursor: they count in the new list, too.
        offset = max(0, place + rows_list.moved - moved) // BLOCK * BLOCK
        rows = await library.window(query, offset=offset, limit=BLOCK)
        count = len(rows) if not offset and len(rows) < BLOCK else None
        if count is None and (goal is None or not rows):
            count = await library.count(query)
        if not rows and count:
            offset = (count - 1) // BLOCK * BLOCK
            rows = await library.window(query, offset=offset, limit=BLOCK)
        order = screen.desk.browsing.order

        def show(known: int) -> None:
            cursor = place + rows_list.moved - moved
            followed = rows_list.current if goal is None else None
            if followed is not None or rows_list.moved == moved:
                # The catalog may have changed in between, or the keys gone over rows that are no
                # more. Keys that went on to rows which are not at hand lead to a place, not to an
                # asset.
                asset_id = wanted if followed is None else followed.id
                found = (offset + at for at, row in enumerate(rows) if row.id == asset_id)
                cursor = next(found, cursor)
            rows_list.show_list(known, rows, offset=offset, cursor=cursor, note=self._empty_note())
            rows_list.show_sort(order.field, descending=order.descending)

        if count is not None:
            show(count)
        else:
            # Who searches looks at the rows: counting may take longer than finding the first ones.
            counting = asyncio.ensure_future(library.count(query))
            try:
                await asyncio.wait([counting], timeout=COUNTED_SOON_S)
                show(counting.result() if counting.done() else offset + len(rows))
                count = await counting
            finally:
                counting.cancel()
            rows_list.show_count(count)
        if self._goal is goal:
            self._goal = None
        self.show_found(count)
        self.show_header()
        screen.show_footer()
        if screen.desk.marked:
            screen.restart("marks", self.load_outside)

    async def load_outside(self) -> None:
        """Find the marked assets that are not in the list: actions are about them, too."""
        screen = self._screen
        found = frozenset(await self._library.ids(screen.desk.browsing.query))
        screen.desk.marked.note_outside([each for each in screen.desk.marked if each not in found])
        screen.show_footer()

    async def load_start(self, *, to_top: bool = False) -> None:
        """Read all that the screen shows when it opens, at once."""
        if to_top:
            self._goal = _Goal(None, to_top=True)
        await self._load_list()
        await self._release_keys()
        await self.load_status()
        await self.load_counts(pause=False)
        await self.load_details()

    async def load_searched(self) -> None:
        """Read what a search finds that was typed before the app came; the rest follows."""
        self._goal = _Goal(None, to_top=True)
        await self._load_list()
        await self.load_status()
        self._screen.restart("counts", self.load_counts)

    async def load_rows(self, offset: int, limit: int) -> None:
        """Read rows that the list misses; if it is another list by then, it asks again."""
        generation = self._screen.rows.windows.generation
        rows = await self._library.window(
            self._screen.desk.browsing.query, offset=offset, limit=limit
        )
        if generation == self._screen.rows.windows.generation:
            self._screen.rows.supply(offset, rows)

    def _empty_note(self) -> str:
        if self._screen.desk.browsing.text.strip():
            if self.status is None or self.status.complete:
                return NOTHING_FITS
            return NOTHING_YET if self.status.syncing else NOTHING_READ
        if self.status is None or self.status.synced_at is None:
            return self._failure or "Reading the assets from the platform…"
        return f"There are no assets yet. {key_of('asset.create')} makes one."

    def show_found(self, count: int) -> None:
        """Show how many assets the search finds, or what is wrong with it."""
        screen = self._screen
        self._found = count
        total = self.status.total if self.status else None
        plus = self.status is not None and not self.status.complete
        text = show_count(count, total if screen.desk.browsing.text.strip() else None, plus=plus)
        screen.search.show_mistake(screen.desk.browsing.fault, screen.desk.browsing.text)
        screen.search.show_found(text)

    # The details

    def follow_cursor(self) -> None:
        """Read the asset under the cursor once the cursor has rested a little."""
        self._moved_at = asyncio.get_running_loop().time()
        # A worker for each move of a held key would take longer than the move.
        if self._resting is None or self._resting.is_cancelled:
            self._resting = self._screen.restart("details", self._load_rested)

    async def _load_rested(self) -> None:
        loop = asyncio.get_running_loop()
        while (left_s := self._moved_at + DETAILS_PAUSE_S - loop.time()) > 0:  # noqa: ASYNC110  the cursor may go on meanwhile
            await asyncio.sleep(left_s)
        self._resting = None
        await self.load_details()

    async def load_details(self) -> None:
        """Read the asset under the cursor."""
        editing, row = self._screen.desk.editing, self._screen.rows.current
        shown = editing.asset_id if editing is not None else row.id if row is not None else None
        self.record = None if shown is None else await self._library.record(shown)
        if self.record is not None:
            asset = self._screen.rows.windows.ahead.asset(self.record.asset)
            self.record = msgspec.structs.replace(self.record, asset=asset)
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
        same = screen.desk.details_of == record.asset.id
        screen.desk.details_of = record.asset.id
        if screen.desk.editing is not None:
            # The fields are above, as they are typed.
            screen.details.show_facts(build_rest(record, cells), same_asset=same)
            return
        texts = {
            field.name: self._render_text(field, record.asset, cells - LABEL)
            for field in FIELDS
            if field.kind is Kind.TEXT
        }
        facts = build_facts(record, cells, texts, short=screen.details_small)
        flight = f"{FLIGHT} " if record.asset.id in screen.rows.windows.ahead else ""
        screen.rule.show_title(f"{flight}{record.asset.name}")
        screen.details.show_facts(facts, same_asset=same)

    def _render_text(self, field: EditableField, asset: Asset, cells: int) -> list[Line]:
        text = field.text_of(asset)
        if not text:
            return []
        rendered = self._rendered.get(field.name)
        if rendered is None or rendered[:2] != (text, cells):
            # Markdown is imported when the first description is shown, not before the first frame.
            from coexplorer.tui.markdown import render_markdown  # noqa: PLC0415

            rendered = (text, cells, render_markdown(text, max(10, cells)))
            self._rendered[field.name] = rendered
        return rendered[2]

    # Header and views

    async def load_status(self) -> None:
        """Read the figures of the header."""
        self.status = await self._library.status()
        self.show_header()
        if self._found is not None:
            self.show_found(self._found)  # what was searched for before the status was known

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
            now_local=external.local_time(),
        )
        screen.header.show([line])

    async def load_counts(self, *, pause: bool = True) -> None:
        """Count what each view finds."""
        if pause:
            await asyncio.sleep(COUNTS_PAUSE_S)
        views = build_views(self._screen.desk.saved_views)
        for view in views:
            query, fault = parse_partial(view.query)
            if fault is None:
                self._counts[view.query] = await self._library.count(query)
        # What was not read yet may be more, and none of it is not none.
        part = self.status is not None and not self.status.complete
        self._screen.strip.show_views(views, self._counts, part=part)

    # What happens meanwhile

    async def listen(self) -> None:
        """Follow the library's events until cancelled."""
        with self._library.subscribe() as events:
            async for event in events:
                self._take(event)

    async def watch_waits(self) -> None:
        """Say in the header that the platform takes long to answer, until cancelled."""
        shown = ""
        while True:
            await asyncio.sleep(WAITS_EVERY_S)
            wait = self._library.waiting()
            sentence = wait.sentence if wait is not None and not wait.reason else ""
            if sentence:
                self.show_header(sentence)
            elif shown and self._note == shown:
                self.show_header("")
            shown = sentence

    def _take(self, event: Event) -> None:
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
                self.show_header(f"reading {stage}: {rows:,}{of}")
            case SyncFinished():
                self._failure = ""
                screen.restart("sync", self._take_sync)
            case SyncFailed(error=error):
                self._tell_failure(error)
            case RateLimitWaited(until=until, reason=reason):
                clock = show_clock(until, external.local_time())
                self.show_header(f"{clean(reason)}, again at {clock}")
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
            screen.desk.marked.note_own_change(event.asset_id)
            screen.coexplorer.settle(event.asset_id)
        screen.restart("status", self.load_status)

    def _tell_failure(self, error: CoexplorerError) -> None:
        self.show_header("")
        self._failure = clean(error.message)
        self._screen.restart("status", self.load_status)
        if self.status is None or self.status.synced_at is None:
            self.load_list()  # which then says why it is empty
        self._screen.report_once(error)

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
        try:
            await asyncio.sleep(CHANGES_PAUSE_S)
        finally:
            self._changing = False
        self._screen.desk.tags_stale = True
        # Shown with the list: the header has no asset that the list has not.
        self.status = await self._library.status()
        self.load_list()
        self._screen.restart("details", self.load_details)
        self._screen.restart("counts", self.load_counts)
