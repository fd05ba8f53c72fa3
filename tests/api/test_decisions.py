"""The pure decisions: where tokens may go, how long to wait, where the next page is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.api.calls import Repeat
from coexplorer.api.failures import Failure, FailureKind
from coexplorer.api.origin import parse_base_url, parse_origin
from coexplorer.api.paging import (
    MOST_PAGES,
    WALL,
    Incomplete,
    Pager,
    PageStart,
    Step,
    build_windows,
)
from coexplorer.api.retry import Patience, Tried, find_wait_s
from coexplorer.errors import ApiError, ConfigError
from coexplorer.models import AssetId


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://co.example.org", "https://co.example.org/api/v1/"),
        ("https://co.example.org/", "https://co.example.org/api/v1/"),
        ("https://co.example.org/api/v1", "https://co.example.org/api/v1/"),
        ("https://co.example.org/api/v1/?x=y#z", "https://co.example.org/api/v1/"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000/api/v1/"),
        ("http://[::1]:8000", "http://[::1]:8000/api/v1/"),
        ("http://localhost", "http://localhost/api/v1/"),
    ],
)
def test_the_api_is_found_under_any_form_of_the_address(url: str, base: str) -> None:
    assert parse_base_url(url) == base


@pytest.mark.parametrize(
    "url",
    [
        "",
        "co.example.org",
        "ftp://co.example.org",
        "http://co.example.org",
        "http://127.0.0.1.example.org",
        "http://localhost.example.org",
        "https://user@co.example.org",
        "https://:cop_secret@co.example.org",
    ],
)
def test_an_address_that_would_give_the_token_away_is_refused(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_base_url(url)
    assert caught.value.hint
    assert "cop_secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("https://a/x", "https://A:443/y", True),
        ("https://a", "https://a:444", False),
        ("https://a", "http://a", False),
        ("https://a", "https://a.b", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(one: str, other: str, *, same: bool) -> None:
    assert (parse_origin(one) == parse_origin(other)) is same


PATIENCE = Patience(attempts=4, connects=2, slow_downs=3, first_wait_s=1.0, longest_wait_s=3.0)


def failure(kind: FailureKind, told_s: float | None = None) -> Failure:
    return Failure(kind, ApiError("no", retry_after_s=told_s))


@pytest.mark.parametrize(
    ("kind", "repeat", "tried", "wait_s"),
    [
        (FailureKind.FINAL, Repeat.ALWAYS, Tried(), None),
        (FailureKind.LOST, Repeat.ALWAYS, Tried(lost=1), 1.0),
        (FailureKind.LOST, Repeat.ALWAYS, Tried(lost=2), 2.0),
        (FailureKind.LOST, Repeat.ALWAYS, Tried(lost=3), 3.0),
        (FailureKind.LOST, Repeat.ALWAYS, Tried(lost=4), None),
        (FailureKind.GARBLED, Repeat.UNTIL_GONE, Tried(lost=1), 1.0),
        (FailureKind.LOST, Repeat.UNSENT, Tried(lost=1), None),
        (FailureKind.GARBLED, Repeat.UNSENT, Tried(lost=1), None),
        (FailureKind.UNSENT, Repeat.UNSENT, Tried(unsent=1), 1.0),
        (FailureKind.UNSENT, Repeat.ALWAYS, Tried(unsent=2), None),
        (FailureKind.SLOW_DOWN, Repeat.UNSENT, Tried(slow_downs=1), 2.0),
        (FailureKind.SLOW_DOWN, Repeat.ALWAYS, Tried(slow_downs=4), None),
    ],
)
def test_what_may_be_repeated_is_and_in_good_time(
    kind: FailureKind, repeat: Repeat, tried: Tried, wait_s: float | None
) -> None:
    assert find_wait_s(failure(kind), repeat, tried, PATIENCE, chance=1.0) == wait_s


@given(chance=st.floats(0, 1), told_s=st.floats(0, 1000))
def test_the_platform_is_never_asked_sooner_than_told(chance: float, told_s: float) -> None:
    wait_s = find_wait_s(
        failure(FailureKind.SLOW_DOWN, told_s), Repeat.ALWAYS, Tried(), PATIENCE, chance=chance
    )
    assert wait_s is not None
    assert told_s <= wait_s <= told_s + PATIENCE.first_wait_s


def test_a_token_leads_to_the_next_page() -> None:
    pager = Pager(10)
    step = pager.step(PageStart(0, 10), rows=10, has_more=True, next_token="t")
    assert step == Step(PageStart(10, 10, "t"))
    assert pager.step(PageStart(10, 10, "t"), rows=3, has_more=False, next_token=None) == Step()


def test_a_repeated_token_ends_the_walk_as_incomplete() -> None:
    pager = Pager(10)
    pager.step(PageStart(0, 10), rows=10, has_more=True, next_token="t")
    step = pager.step(PageStart(10, 10, "t"), rows=10, has_more=True, next_token="t")
    assert step == Step(incomplete=Incomplete.CIRCLE)


def test_a_token_that_fails_to_come_ends_the_walk_as_incomplete() -> None:
    pager = Pager(10)
    pager.step(PageStart(0, 10), rows=10, has_more=True, next_token="t")
    step = pager.step(PageStart(10, 10, "t"), rows=10, has_more=True, next_token=None)
    assert step == Step(incomplete=Incomplete.NO_WAY_ON)


def test_ever_new_tokens_to_the_same_rows_end_the_walk_as_incomplete() -> None:
    pager = Pager(10)
    steps = []
    for n in range(20):
        pager.keep_new([AssetId("same")])
        steps.append(pager.step(PageStart(n, 10), rows=1, has_more=True, next_token=str(n)))
    assert steps[0].to is not None
    assert steps[-1] == Step(incomplete=Incomplete.CIRCLE)


def test_offsets_go_on_from_what_came_and_end_at_the_wall() -> None:
    pager = Pager(1000)
    short = pager.step(PageStart(0, 1000), rows=300, has_more=True, next_token=None)
    assert short == Step(PageStart(300, 1000))
    last = pager.step(PageStart(8300, 1000), rows=1000, has_more=True, next_token=None)
    assert last == Step(PageStart(9300, 700))
    end = pager.step(PageStart(9300, 700), rows=700, has_more=True, next_token=None)
    assert end == Step(incomplete=Incomplete.WALL)


@pytest.mark.parametrize(("rows", "why"), [(1000, Incomplete.WALL), (999, None)])
def test_a_platform_that_is_done_at_the_wall_is_not_believed(
    rows: int, why: Incomplete | None
) -> None:
    pager = Pager(1000)
    step = pager.step(PageStart(WALL - 1000, 1000), rows=rows, has_more=False, next_token=None)
    assert step == Step(incomplete=why)


def test_an_empty_page_that_says_there_is_more_ends_the_walk() -> None:
    step = Pager(10).step(PageStart(20, 10), rows=0, has_more=True, next_token=None)
    assert step == Step(incomplete=Incomplete.NO_WAY_ON)


def test_repeated_rows_are_kept_once() -> None:
    pager = Pager(10)
    a, b, c = AssetId("a"), AssetId("b"), AssetId("c")
    assert pager.keep_new([a, b, a]) == {a, b}
    assert pager.keep_new([b, c]) == {c}


def test_windows_end_at_the_wall() -> None:
    assert build_windows(PageStart(8500, 1000), 9) == (PageStart(8500, 1000), PageStart(9500, 500))
    assert build_windows(PageStart(0, 10), 2) == (PageStart(0, 10), PageStart(10, 10))


def test_a_platform_that_invents_pages_is_not_followed_for_ever() -> None:
    pager = Pager(10)
    step, pages = Step(PageStart(0, 10)), 0
    while step.to is not None:
        pages += 1
        pager.keep_new([AssetId(f"{pages}")])
        step = pager.step(step.to, rows=1, has_more=True, next_token=f"token {pages}")
    assert pages == MOST_PAGES
    assert step.incomplete is Incomplete.ENDLESS
