"""The list: its rows, its count, and where its cursor goes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from functools import partial

import msgspec

from coexplorer.models import AssetId, Row
from coexplorer.query import Query
from coexplorer.tui.columns import NOTHING_FITS, NOTHING_READ, NOTHING_YET, show_count
from coexplorer.tui.feeds.header import HeaderFeed
from coexplorer.tui.feeds.kept_places import KeptPlaces, Places
from coexplorer.tui.feeds.screen_protocol import ScreenProtocol
from coexplorer.tui.keys import key_of, show_key
from coexplorer.tui.screens.key_queue import LIST, START
from coexplorer.tui.windows import BLOCK

COUNTED_SOON_S = 0.008
"""A count that is known so soon is shown with the rows: two frames take longer than this."""


class _Goal(msgspec.Struct, frozen=True):
    """Where the cursor goes in a list that is not shown yet; see `ListFeed.load`."""

    asset_id: AssetId | None
    to_top: bool


class ListFeed:
    """Feeds the list, and the line that says how many assets a search finds.

    Attributes:
        failure: Why nothing was read from the platform; empty while nothing failed.
    """

    def __init__(self, screen: ScreenProtocol, header: HeaderFeed) -> None:
        self._screen = screen
        self._library = screen.library
        self._header = header
        self.failure = ""
        self._goal: _Goal | None = None
        self._turn = 0
        self._reading = self._again = False
        self._found: int | None = None
        self._keeping = KeptPlaces()
        self._places = Places()

    def load(self, *, go_to: AssetId | None = None, to_top: bool = False) -> None:
        """Read the list again, in the background; the cursor stays on its asset.

        With either argument it is another list, and keys wait for it: what is typed ahead is meant
        for the rows that come, not for the ones still shown. All rows are then in their order.

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
                await self.load_now()
                self._screen.call_later(self.release_keys)
        finally:
            # What was superseded leaves goal and keys to its successor.
            if turn == self._turn:
                self._reading, self._goal = False, None
                self._screen.call_later(self.release_keys)

    @property
    def is_reading(self) -> bool:
        """Whether the list is being read again."""
        return self._reading

    async def release_keys(self) -> None:
        """Let keys go on that waited for the list that is shown now."""
        await self._screen.release_keys(START)
        if self._goal is None:
            await self._screen.release_keys(LIST)

    async def load_now(self) -> None:
        """Read it, and show it."""
        screen, library = self._screen, self._library
        query, goal, rows_list = screen.state.browsing.query, self._goal, screen.rows
        current, moved = rows_list.current, rows_list.moved
        wanted = goal.asset_id if goal is not None else current.id if current is not None else None
        if goal is not None:
            self._keeping.forget()
        places = await self._locate(query)
        place = await self._find_place(wanted, query, places) if wanted is not None else None
        if place is None:
            place = 0 if goal is not None and goal.to_top else rows_list.cursor
            moved = rows_list.moved
        # Keys that are pressed meanwhile move the cursor: they count in the new list, too.
        offset = max(0, place + rows_list.moved - moved) // BLOCK * BLOCK
        rows = await self._read(query, places, offset, BLOCK)
        count = len(rows) if not offset and len(rows) < BLOCK else None
        if count is None and (goal is None or not rows):
            count = await library.assets.count(query)
        if not rows and count:
            offset = (count - 1) // BLOCK * BLOCK
            rows = await self._read(query, places, offset, BLOCK)
        order = screen.state.browsing.order

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
            self._places = places
            rows_list.show_list(known, rows, offset=offset, cursor=cursor, note=self._empty_note())
            rows_list.show_sort(order.field, descending=order.descending)

        if count is not None:
            show(count)
        else:
            # Who searches looks at the rows: counting may take longer than finding the first ones.
            counting = asyncio.ensure_future(library.assets.count(query))
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
        self._header.show()
        screen.show_footer()
        if screen.state.marked:
            screen.restart("marks", self.load_outside)

    async def load_outside(self) -> None:
        """Find the marked assets that are not in the list: actions are about them, too."""
        screen = self._screen
        found = frozenset(await self._library.assets.ids(screen.state.browsing.query))
        screen.state.marked.note_outside(
            [each for each in screen.state.marked if each not in found]
        )
        screen.show_footer()

    async def load_rows(self, offset: int, limit: int) -> None:
        """Read rows that the list misses; if it is another list by then, it asks again."""
        generation = self._screen.rows.windows.generation
        rows = await self.read_rows(offset, limit)
        if generation == self._screen.rows.windows.generation:
            self._screen.rows.supply(offset, rows)

    async def read_rows(self, offset: int, limit: int) -> Sequence[Row]:
        """Return rows by the index at which the list shows them."""
        return await self._read(self._screen.state.browsing.query, self._places, offset, limit)

    def keep_place(self, asset_id: AssetId, values: Mapping[str, object]) -> None:
        """Let an asset that gets these values stay where it is, until it is another list.

        Else its row would go where the order has it then, with the cursor, and whoever edits one
        asset after another would miss those in between.
        """
        browsing, windows = self._screen.state.browsing, self._screen.rows.windows
        found = next(((at, row) for at, row in windows.iter_known() if row.id == asset_id), None)
        if found is None:
            return
        at, row = found
        now = getattr(row, browsing.order.field, None)
        is_last = at + 1 >= windows.count
        below = None if is_last else windows.find(at + 1)
        if values.get(browsing.order.field, now) != now and (is_last or below is not None):
            self._keeping.keep(asset_id, None if below is None else below.id, browsing.query)

    def restore_order(self) -> None:
        """Let the next list have all rows where the order has them."""
        self._keeping.forget()

    async def _locate(self, query: Query) -> Places:
        if not self._keeping:
            return Places()
        assets = self._library.assets
        return await self._keeping.locate(
            query, lambda each: assets.position(each, query), lambda: assets.count(query)
        )

    async def _find_place(self, asset_id: AssetId, query: Query, places: Places) -> int | None:
        place = places.find(asset_id)
        if place is not None:
            return place
        position = await self._library.assets.position(asset_id, query)
        return None if position is None else places.place_of(position)

    async def _read(self, query: Query, places: Places, offset: int, limit: int) -> Sequence[Row]:
        assets = self._library.assets
        start, span = places.find_span(offset, limit)
        rows = await assets.window(query, offset=start, limit=span)
        if not places.kept:
            return rows
        kept = {row.id: row for row in await assets.rows(places.kept)}
        return places.merge(offset, limit, rows, kept)

    def _empty_note(self) -> str:
        if self._screen.state.browsing.text.strip():
            if self._header.status is None or self._header.status.complete:
                typing = self._screen.search.typing
                return NOTHING_FITS.format(
                    key=show_key("escape") if typing else key_of("find.clear")
                )
            return NOTHING_YET if self._header.status.syncing else NOTHING_READ
        if self._header.status is None or self._header.status.synced_at is None:
            return self.failure or "Reading the assets from the platform…"
        return f"There are no assets yet. {key_of('asset.create')} makes one."

    def go_to_top(self) -> None:
        """Let the next list open on its first row."""
        self._goal = _Goal(None, to_top=True)

    def show_found_again(self) -> None:
        """Show the count in the light of a status that was not known before."""
        if self._found is not None:
            self.show_found(self._found)

    def show_found(self, count: int) -> None:
        """Show how many assets the search finds, or what is wrong with it."""
        screen = self._screen
        self._found = count
        total = self._header.status.total if self._header.status else None
        plus = self._header.status is not None and not self._header.status.complete
        text = show_count(count, total if screen.state.browsing.text.strip() else None, plus=plus)
        screen.search.show_mistake(screen.state.browsing.fault, screen.state.browsing.text)
        screen.search.show_found(text)
        screen.fit_size()
