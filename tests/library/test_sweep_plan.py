"""What a sweep reads and what it believes."""

import pytest

from coexplorer.library.sweep_plan import (
    ROWS,
    SWEEP_EVERY_S,
    VIEWS,
    Need,
    covers_all,
    ends_of,
    find_need,
    is_suspicious,
    split_leg,
)
from coexplorer.models import Ownership, SortField

NOW = 1_700_000_000.0


def test_leg_is_split_by_type_and_then_by_ownership() -> None:
    types = split_leg(ROWS[0])
    assert [leg.request.type for leg in types] == ["dataset", "result", "combined", "model"]
    assert {leg.request.archived for leg in types} == {False}
    owners = split_leg(types[0])
    assert [leg.request.ownership for leg in owners] == [Ownership.OWNED, Ownership.SHARED]
    assert split_leg(owners[0]) == ()


def test_parts_by_type_cover_all_unless_another_type_was_seen() -> None:
    types = split_leg(ROWS[0])
    assert covers_all(ROWS[0], types, {"dataset", "result"})
    assert not covers_all(ROWS[0], types, {"dataset", "hologram"})


def test_parts_by_ownership_never_surely_cover_all() -> None:
    (dataset, *_) = split_leg(ROWS[0])
    assert not covers_all(dataset, split_leg(dataset), {"dataset"})
    owned = VIEWS[1]
    assert covers_all(owned, split_leg(owned), {"dataset"})


def test_ends_read_the_same_search_from_both_sides() -> None:
    first, last = ends_of(ROWS[1], SortField.SIZE)
    assert (first.request.descending, last.request.descending) == (False, True)
    assert first.request.archived is last.request.archived is True


@pytest.mark.parametrize(
    ("known", "vanished", "suspicious"),
    [
        (0, 0, False),
        (100, 0, False),
        (3, 2, False),
        (3, 3, True),
        (1, 1, True),
        (40, 10, False),
        (40, 11, True),
        (1000, 250, False),
        (1000, 251, True),
        (10, 30, True),
    ],
)
def test_large_part_that_vanished_is_suspicious(
    known: int, vanished: int, *, suspicious: bool
) -> None:
    assert is_suspicious(known=known, vanished=vanished) is suspicious


@pytest.mark.parametrize(
    ("swept_ago", "refreshed_ago", "duration_s", "need"),
    [
        (None, None, 0, Need.SWEEP),
        (30, None, 2, Need.NOTHING),
        (120, None, 2, Need.REFRESH),
        (120, 10, 2, Need.NOTHING),
        (SWEEP_EVERY_S + 1, 10, 2, Need.SWEEP),
        (SWEEP_EVERY_S + 1, 10, 300, Need.NOTHING),
        (3001, 10, 300, Need.SWEEP),
        (None, 10, 2, Need.NOTHING),
        (None, 100, 2, Need.REFRESH),
        (-50, None, 2, Need.SWEEP),
    ],
)
def test_age_asks_for_a_sweep_a_refresh_or_nothing(
    swept_ago: float | None, refreshed_ago: float | None, duration_s: float, need: Need
) -> None:
    assert (
        find_need(
            now=NOW,
            swept_at=None if swept_ago is None else NOW - swept_ago,
            refreshed_at=None if refreshed_ago is None else NOW - refreshed_ago,
            duration_s=duration_s,
            has_swept=swept_ago is not None or refreshed_ago is not None,
        )
        is need
    )


@pytest.mark.parametrize("refreshed_ago", [0, 10, 100, SWEEP_EVERY_S + 1])
def test_a_look_at_the_newest_is_no_sweep(refreshed_ago: float) -> None:
    need = find_need(
        now=NOW, swept_at=None, refreshed_at=NOW - refreshed_ago, duration_s=0, has_swept=False
    )
    assert need is Need.SWEEP
