"""What a sweep reads and what it believes: the decisions for `sync`, pure.

It relies on facts about the platform's search (design: api.md, Search parameters).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from enum import StrEnum
from typing import Literal

import msgspec

from coexplorer.models import (
    Asset,
    AssetId,
    AssetType,
    Membership,
    Ownership,
    SearchRequest,
    SortField,
)
from coexplorer.query import Flag, PlatformPart, Query, platform_part

REFRESH_EVERY_S = 60.0
SWEEP_EVERY_S = 15 * 60.0
SWEEP_TIMES = 10
"""After a full sweep, rest for this many times its length, if longer than `SWEEP_EVERY_S`."""

_FEW = 10
"""A handful of vanished rows is nothing to wonder at, unless it is all there was."""

_LARGE_PART = 0.25

MOST_ASKED = 1_000
"""Requests that a forced sweep spends on assets that vanished."""


class Leg(msgspec.Struct, frozen=True):
    """One search of a sweep.

    Attributes:
        stage: What is read, for progress: see `events.SyncProgressed`.
        request: The search.
        marks: What being found by it says of an asset.
        flag: The one that `marks` sets.
    """

    stage: str
    request: SearchRequest
    marks: Membership
    flag: Literal["archived", "favorite", "mine", "shared"]

    def narrowed(self, **changes: object) -> Leg:
        """Return this leg with a narrower request."""
        return msgspec.structs.replace(
            self, request=msgspec.structs.replace(self.request, **changes)
        )


ROWS = (
    Leg("assets", SearchRequest(archived=False), Membership(archived=False), "archived"),
    Leg("archived", SearchRequest(archived=True), Membership(archived=True), "archived"),
)
"""Every asset is found by one of these: what none of them finds may be gone."""

VIEWS = (
    Leg(
        "favorites",
        SearchRequest(archived=None, favorite=True),
        Membership(favorite=True),
        "favorite",
    ),
    Leg(
        "owned",
        SearchRequest(archived=None, ownership=Ownership.OWNED),
        Membership(mine=True),
        "mine",
    ),
    Leg(
        "shared",
        SearchRequest(archived=None, ownership=Ownership.SHARED),
        Membership(shared=True),
        "shared",
    ),
)
"""Only the search that finds an asset says that it is a favorite, mine or shared."""

NEWEST = SearchRequest(archived=False, sort_field=SortField.CREATED, descending=True)
"""What a refresh reads, page by page, until one holds nothing new."""


def split_leg(leg: Leg) -> tuple[Leg, ...]:
    """Return narrower legs that together find what `leg` finds; none when there are no narrower.

    Used where a search shows no more than 10,000: first by type, then by ownership.
    """
    if leg.request.type is None:
        return tuple(leg.narrowed(type=each.value) for each in AssetType)
    if leg.request.ownership is None:
        return tuple(leg.narrowed(ownership=each) for each in Ownership)
    return ()


def ends_of(leg: Leg, field: SortField) -> tuple[Leg, Leg]:
    """Return the leg from both ends of a sort: where they meet, everything was read."""
    return (
        leg.narrowed(sort_field=field, descending=False),
        leg.narrowed(sort_field=field, descending=True),
    )


def covers_all(leg: Leg, parts: Collection[Leg], types_seen: Collection[str]) -> bool:
    """Tell whether the `parts` of `leg` find all of it, as far as anybody can know.

    Types are covered when no other type was ever seen. Ownership is not: what is neither owned nor
    shared (public, say) is found by neither.
    """
    if any(part.request.ownership != leg.request.ownership for part in parts):
        return False
    return set(types_seen) <= {each.value for each in AssetType}


def is_suspicious(*, known: int, vanished: int) -> bool:
    """Tell whether a broken platform or token is more likely than that many deletions.

    Args:
        known: Rows in the catalog before the sweep.
        vanished: The ones that the sweep did not see.
    """
    if vanished == 0 or known == 0:
        return False
    return vanished >= known or (vanished > _FEW and vanished > _LARGE_PART * known)


def pick_asked(vanished: Sequence[AssetId], *, force: bool) -> Sequence[AssetId]:
    """Return the vanished assets that the platform is asked for, one by one.

    Someone who forces a sweep says that they are gone. Where they are many, as after a platform
    that invented them without end, a sample spread over all of them is enough to check that.

    Args:
        vanished: The ones that two sweeps did not see.
        force: Believe that they are gone.
    """
    if not force or len(vanished) <= MOST_ASKED:
        return vanished
    return vanished[:: -(-len(vanished) // MOST_ASKED)]


MOST_UNTOLD = 10_000
"""Rows of a sweep that may say nothing but an id: real ones say when they were made, and more."""


def tells_nothing(asset: Asset) -> bool:
    """Tell whether a row of a list says neither when its asset was made, nor its state or type."""
    return asset.created is None and not asset.state and not asset.type


def find_searchable(query: Query) -> PlatformPart | None:
    """Return what the platform itself can look for of a query; None when that narrows nothing.

    Its own idea of words decides, so this finds what a colleague just changed sooner than a sweep
    does, and may miss some of it.
    """
    part = platform_part(query)
    return part if part.request.query and not part.lists else None


def find_listed(query: Query) -> set[str]:
    """Return the flags in a query that only a list of the platform's tells."""
    told = {leg.flag for leg in VIEWS}
    return {term.name for term in query.terms if isinstance(term, Flag) and term.name in told}


class Need(StrEnum):
    """What the catalog's age asks for."""

    NOTHING = "nothing"
    REFRESH = "refresh"
    SWEEP = "sweep"


def find_need(
    *,
    now: float,
    swept_at: float | None,
    refreshed_at: float | None,
    duration_s: float,
    has_swept: bool,
    refresh_after_s: float = REFRESH_EVERY_S,
) -> Need:
    """Decide what to do about the catalog's age.

    A look at the newest pages before any sweep, as the start of an id takes, leaves a catalog that
    lacks nearly everything: that is never fresh.

    Where sweeps can't be complete (the platform's wall) refreshes keep it usable: another sweep,
    whenever somebody looks, would not get further.

    Args:
        now: Epoch seconds.
        swept_at: Epoch seconds of the last complete sweep's end; None: there was none.
        refreshed_at: Epoch seconds of the last refresh; None: there was none.
        duration_s: Length of the last sweep.
        has_swept: A sweep has ended, complete or not.
        refresh_after_s: Age from which the newest pages are read again.
    """
    if not has_swept:
        return Need.SWEEP
    if swept_at is not None and not 0 <= now - swept_at < sweep_rest_s(duration_s):
        return Need.SWEEP
    newest = max(swept_at or 0, refreshed_at or 0)
    return Need.REFRESH if now - newest >= refresh_after_s else Need.NOTHING


def sweep_rest_s(duration_s: float) -> float:
    """Return the seconds between a sweep's end and the next."""
    return max(SWEEP_EVERY_S, SWEEP_TIMES * duration_s)
