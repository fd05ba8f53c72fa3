"""How the mount's benchmark judges its measurements."""

from __future__ import annotations

import pytest

from benchmarks.mount_goals import Figures, Goal, judge_one, ratio

LIST = Goal("a list ≤ 1.5 s", "list, s", most=1.5)
READ = Goal("a read ≥ 2,000/s", "read, /s", least=2000)


@pytest.mark.parametrize(
    ("goal", "value", "least", "verdict"),
    [
        (LIST, -0.5, None, "met"),
        (LIST, 1.5, 2.0, "met"),
        (LIST, 1.6, 1.4, "MISSED"),
        (LIST, 1.7, 1.6, "machine"),
        (LIST, 2.0, 1.6, "MISSED"),
        (LIST, 1.6, None, "MISSED"),
        (READ, 2000, 1000, "met"),
        (READ, 1800, 1900, "machine"),
        (READ, 1500, 1900, "MISSED"),
        (READ, 1900, 2100, "MISSED"),
    ],
)
def test_a_miss_is_the_machines_only_where_nothing_does_better(
    goal: Goal, value: float, least: float | None, verdict: str
) -> None:
    beside = None if least is None else value / least
    assert judge_one(goal, value, least, beside) == verdict


def test_rounds_are_compared_one_by_one() -> None:
    ours, other = Figures("ours"), Figures("other")
    for one, two in ((1.0, 1.0), (8.0, 4.0), (3.0, 1.0)):
        ours.note("row", one)
        other.note("row", two)
    assert ratio("row", ours, other) == 2
    assert ratio("no such row", ours, other) is None
