"""Where a walk through a search's pages goes next, and when it ends: pure decisions.

Platforms say ``has_more`` and give no token, repeat a token forever, repeat rows, and stop at
10,000 results where there are no tokens (design: api.md, Search parameters).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final

import msgspec

from coexplorer.models import MOST_ROWS, AssetId

WALL: Final = 10_000
"""Results that offsets can reach on platforms without tokens."""


LARGEST: Final = 1_000
"""Rows that one search may ask for (manual, search)."""


STALE_PAGES: Final = 3
"""Pages without anything new before a platform counts as going round in circles."""


MOST_PAGES: Final = 20_000
"""Pages of one search that each bring something new: enough for `MOST_ROWS` by a hundred rows."""


class Incomplete(StrEnum):
    """Why a walk ended before the search did, as the end of a sentence."""

    WALL = "the platform shows no more than 10,000 results of one search"
    NO_WAY_ON = "the platform says that there is more, but not where"
    CIRCLE = "the platform says that there is more, but repeats itself"
    ENDLESS = "the platform goes on listing without end"


class PageStart(msgspec.Struct, frozen=True):
    """Where a page starts: at a token, or else at an offset."""

    offset: int = 0
    limit: int = 1000
    token: str | None = None


class Step(msgspec.Struct, frozen=True):
    """What follows a page.

    Attributes:
        to: The next page; None at the end.
        incomplete: Why it ends here although the platform has more; None otherwise.
    """

    to: PageStart | None = None
    incomplete: Incomplete | None = None


class Pager:
    """Follows one walk: tell it each page in order, and it says where the next one starts.

    Args:
        limit: Rows of the first page.
        growth: How many times as many each page has as the one before it, up to `LARGEST`.
    """

    def __init__(self, limit: int, growth: int = 1) -> None:
        self._limit = limit
        self._growth = growth
        self._tokens: set[str] = set()
        self._seen: set[AssetId] = set()
        self._stale = 0
        self._pages = 0

    def keep_new(self, ids: Iterable[AssetId]) -> set[AssetId]:
        """Return a page's ids that no earlier page had, and remember them.

        It may be told of a page after the step that followed it: rows are read while the next page
        is on its way.
        """
        new = set(ids) - self._seen
        self._seen |= new
        self._stale = 0 if new else self._stale + 1
        return new

    def step(self, place: PageStart, *, rows: int, has_more: bool, next_token: str | None) -> Step:
        """Decide by what the page at `place` says of itself.

        Args:
            place: Where the page started.
            rows: How many rows it had.
            has_more: What the platform said.
            next_token: What the platform gave.
        """
        reached = place.offset + rows
        self._pages += 1
        if not has_more:
            at_wall = not self._tokens and reached >= WALL
            return Step(incomplete=Incomplete.WALL if at_wall else None)
        is_stale = self._stale >= STALE_PAGES
        if is_stale or self._pages >= MOST_PAGES or len(self._seen) >= MOST_ROWS:
            return Step(incomplete=Incomplete.CIRCLE if is_stale else Incomplete.ENDLESS)
        self._limit = max(self._limit, min(self._limit * self._growth, LARGEST))
        if next_token is not None:
            return self._follow(next_token, reached)
        if self._tokens or rows == 0:
            return Step(incomplete=Incomplete.NO_WAY_ON)
        if reached >= WALL:
            return Step(incomplete=Incomplete.WALL)
        return Step(PageStart(reached, min(self._limit, WALL - reached)))

    def _follow(self, token: str, reached: int) -> Step:
        if token in self._tokens:
            return Step(incomplete=Incomplete.CIRCLE)
        self._tokens.add(token)
        return Step(PageStart(reached, self._limit, token))


def build_windows(start: PageStart, count: int) -> tuple[PageStart, ...]:
    """Guess where the pages from `start` on will begin, on platforms that count in offsets."""
    guesses = (start.offset + start.limit * n for n in range(count))
    return tuple(
        PageStart(offset, min(start.limit, WALL - offset)) for offset in guesses if offset < WALL
    )
