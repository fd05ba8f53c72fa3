"""Rows that stay where they are after an edit, though the list's order now has them elsewhere.

Whoever mends one name after another, down a list that is sorted by name, comes to every row. Pure
but for the positions, which it is told.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from coexplorer.models import AssetId, Row
from coexplorer.query import Query

MOST = 20
"""Rows that are kept; of more, the ones edited first go where the order has them."""


class Places(msgspec.Struct, frozen=True):
    """How a list is shown in which some rows are kept from where the order has them.

    Attributes:
        kept: Those rows, from the top.
        shown: The index at which each is shown, ascending.
        homes: The indices that the order has for them, ascending.
    """

    kept: tuple[AssetId, ...] = ()
    shown: tuple[int, ...] = ()
    homes: tuple[int, ...] = ()

    def find(self, asset_id: AssetId) -> int | None:
        """Return where a row is shown if it is kept."""
        return self.shown[self.kept.index(asset_id)] if asset_id in self.kept else None

    def place_of(self, position: int) -> int:
        """Return where the row is shown that the order has at `position`; no row that is kept."""
        place = position - bisect_left(self.homes, position)
        for shown in self.shown:
            place += shown <= place
        return place

    def find_span(self, offset: int, limit: int) -> tuple[int, int]:
        """Return offset and limit, in the order, of the other rows that are shown there."""
        first = offset - bisect_left(self.shown, offset)
        after = offset + limit - bisect_left(self.shown, offset + limit)
        if first == after:
            return 0, 0
        start = self._position_of(first)
        return start, self._position_of(after - 1) - start + 1

    def merge(
        self, offset: int, limit: int, rows: Sequence[Row], kept: Mapping[AssetId, Row]
    ) -> list[Row]:
        """Return the rows as they are shown.

        Args:
            offset: The index of the first one.
            limit: How many there are at most.
            rows: Those of `find_span`, as the order has them.
            kept: The rows that are kept.
        """
        others = (row for row in rows if row.id not in self.kept)
        merged = []
        for index in range(offset, offset + limit):
            at = bisect_left(self.shown, index)
            is_kept = at < len(self.shown) and self.shown[at] == index
            row = kept.get(self.kept[at]) if is_kept else next(others, None)
            if row is not None:
                merged.append(row)
            elif not is_kept:
                break
        return merged

    def _position_of(self, other: int) -> int:
        """Return the index in the order of the row that is number `other` of those not kept."""
        for home in self.homes:
            other += home <= other
        return other


class KeptPlaces:
    """The rows that keep their place, each above the row that was below it when it was edited."""

    def __init__(self) -> None:
        self._below: dict[AssetId, AssetId | None] = {}
        self._query: Query | None = None

    def __bool__(self) -> bool:
        return bool(self._below)

    def keep(self, asset_id: AssetId, below: AssetId | None, query: Query) -> None:
        """Keep a row where it is.

        Args:
            asset_id: The row.
            below: The row below it; None: it is the last one.
            query: What the list shows; in another list nothing is kept.
        """
        if query != self._query:
            self.forget()
            self._query = query
        self._below.setdefault(asset_id, below)
        if len(self._below) > MOST:
            first = next(iter(self._below))
            next_one = self._below.pop(first)
            self._below = {
                each: next_one if below == first else below for each, below in self._below.items()
            }

    def forget(self) -> None:
        """Let all rows go where the order has them."""
        self._below.clear()

    async def locate(
        self,
        query: Query,
        position: Callable[[AssetId], Awaitable[int | None]],
        count: Callable[[], Awaitable[int]],
    ) -> Places:
        """Find out where the rows are shown by now.

        Args:
            query: What the list shows.
            position: Returns where the order has a row; None when it is not in the list.
            count: Returns how many rows the list has.
        """
        if query != self._query:
            self.forget()
        homes: dict[AssetId, int] = {}
        anchors: dict[AssetId, tuple[int, int]] = {}
        below = dict(self._below)  # another row may be edited while the catalog is asked
        for each in below:
            home = await position(each)
            anchor, depth = _find_anchor(each, below)
            above = await count() if anchor is None else await position(anchor)
            if home is not None and above is not None:
                homes[each], anchors[each] = home, (above, -depth)
        kept = tuple(sorted(homes, key=anchors.__getitem__))
        taken = sorted(homes.values())
        shown = tuple(
            anchors[each][0] - bisect_left(taken, anchors[each][0]) + at
            for at, each in enumerate(kept)
        )
        return Places(kept, shown, tuple(taken))


def _find_anchor(
    asset_id: AssetId, kept: Mapping[AssetId, AssetId | None]
) -> tuple[AssetId | None, int]:
    """Return the next row below that is not kept itself, and how many are in between."""
    between = {asset_id}
    below = kept[asset_id]
    while below is not None and below in kept and below not in between:
        between.add(below)
        below = kept[below]
    return below, len(between) - 1
