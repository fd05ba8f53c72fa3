from datetime import UTC, datetime

import pytest

from coexplorer.query import Compare, Interval, fold, format_size, interval, parse_query, parse_size

NOW = datetime(2026, 5, 1, tzinfo=UTC).timestamp()
TODAY = NOW


def at(year: int, month: int = 1, day: int = 1) -> float:
    return datetime(year, month, day, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("text", "size_bytes"),
    [
        ("0", 0),
        ("10GB", 10**10),
        ("1.5kb", 1500),
        ("1KiB", 1024),
        ("2t", 2 * 10**12),
        ("7B", 7),
        ("7", None),
        ("GB", None),
        ("1 GB", None),
        ("1XB", None),
    ],
)
def test_a_size_is_a_number_with_a_unit(text: str, size_bytes: int | None) -> None:
    assert parse_size(text) == size_bytes


@pytest.mark.parametrize("size_bytes", [0, 1, 999, 1000, 1500, 10**15, 2**63 - 1])
def test_a_printed_size_is_exact(size_bytes: int) -> None:
    assert parse_size(format_size(size_bytes)) == size_bytes


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("created:2024", Interval(at(2024), at(2025), includes_high=False)),
        ("created:2024-12", Interval(at(2024, 12), at(2025), includes_high=False)),
        ("created:2024-02-29", Interval(at(2024, 2, 29), at(2024, 3), includes_high=False)),
        ("created:<2024-02", Interval(None, at(2024, 2), includes_high=False)),
        ("created:<=2024-02", Interval(None, at(2024, 3), includes_high=False)),
        ("created:>2024-02", Interval(at(2024, 3), None)),
        ("created:>=2024-02", Interval(at(2024, 2), None)),
        ("created:2024-02..2024-03", Interval(at(2024, 2), at(2024, 4), includes_high=False)),
        ("created:2024..2024", Interval(at(2024), at(2025), includes_high=False)),
        ("created:-30d", Interval(NOW - 30 * 86400, None)),
        ("created:30d", Interval(NOW - 30 * 86400, None)),
        ("created:>1w", Interval(NOW - 7 * 86400, None, includes_low=False)),
        ("created:<2w", Interval(None, NOW - 14 * 86400, includes_high=False)),
        ("created:today", Interval(TODAY, TODAY + 86400, includes_high=False)),
        ("created:Yesterday", Interval(TODAY - 86400, TODAY, includes_high=False)),
        ("created:<yesterday", Interval(None, TODAY - 86400, includes_high=False)),
        ("created:2w..yesterday", Interval(NOW - 14 * 86400, TODAY, includes_high=False)),
        ("created:-60d..-30d", Interval(NOW - 60 * 86400, NOW - 30 * 86400)),
        ("used:never", Interval(0, 0)),
        ("used:<-2w", Interval(None, NOW - 14 * 86400, includes_high=False)),
        ("used:<1960", Interval(None, 0)),
        ("used:1960..2024", Interval(0, at(2025), includes_low=False, includes_high=False)),
        ("used:>1960", Interval(0, None, includes_low=False)),
        ("size:>1KB", Interval(1000, None, includes_low=False)),
        ("files:3", Interval(3, 3)),
    ],
)
def test_a_comparison_stands_for_an_interval(text: str, wanted: Interval) -> None:
    (term,) = parse_query(text).terms
    assert isinstance(term, Compare)
    assert interval(term, NOW) == wanted


@pytest.mark.parametrize(
    ("one", "other"),
    [("ÉCLAIR", "e\u0301clair"), ("Straße", "STRASSE"), ("Ångström", "A\u030angstro\u0308m")],
)
def test_folding_ignores_case_and_composition(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_folding_lets_nothing_through_that_cannot_be_searched() -> None:
    assert fold("a\0b\x1fc\ud800") == "a\ufffdb\ufffdc\ufffd"
    assert (
        fold("a\ufffeb\uffffc\ufdd0d\U0010ffffe\U0003fffe") == "a\ufffdb\ufffdc\ufffdd\ufffde\ufffd"
    )
