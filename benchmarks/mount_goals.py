"""The mount's goals for 100,000 assets, and how `bench_mount` prints them."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

PARALLEL = 64
SLOW_S = 0.5
PARALLEL_ROW = f"{PARALLEL} parallel {SLOW_S} s saves, s"
READ_ROW = "open-read-close cold, /s"


@dataclass
class Figures:
    """What was measured on one file system: a figure a round in each row."""

    name: str
    rounds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def note(self, row: str, value: float) -> None:
        self.rounds[row].append(value)
        print(f"  {self.name}: {row}: {value:,.3g}", flush=True)

    def get(self, row: str) -> float | None:
        """Return the median of the rounds; None when the row was not measured."""
        return statistics.median(self.rounds[row]) if row in self.rounds else None


def ratio(row: str, above: Figures, below: Figures) -> float | None:
    """Return the median of the ratios of each round: what slows both then says nothing."""
    if row not in above.rounds or row not in below.rounds:
        return None
    pairs = zip(above.rounds[row], below.rounds[row], strict=True)
    return statistics.median(one / other for one, other in pairs)


@dataclass(frozen=True)
class Goal:
    """What a figure must be: absolute, or relative to a peer's."""

    text: str
    row: str
    most: float = math.inf
    least: float = -math.inf
    peer: str = ""
    inverse: bool = False

    def is_met(self, value: float) -> bool:
        return self.least <= value <= self.most

    def is_near(self, beside: float) -> bool:
        """Tell whether ours is no worse than the minimal one, but for a tenth that is noise."""
        return beside >= 0.9 if self.least > -math.inf else beside <= 1.1

    def value(self, results: Mapping[str, Figures]) -> float | None:
        """Return the figure or the ratio; None when it was not measured this time."""
        ours = results["ours"]
        if not self.peer:
            return ours.get(self.row)
        if self.peer not in results:
            return None
        pair = (results[self.peer], ours) if self.inverse else (ours, results[self.peer])
        return ratio(self.row, *pair)


GOALS = [
    Goal("ls cold ≤ 1.0 s", "ls cold, s", most=1.0),
    Goal("ls warm ≤ 0.6 s", "ls warm, s", most=0.6),
    Goal("ls -l cold ≤ 1.5 s", "ls -l cold, s", most=1.5),
    Goal("ls -l: ≥ 8 times rclone's", "ls -l cold, s", least=8, peer="rclone", inverse=True),
    Goal("cold stat ≥ 0.7 times minimal", "stat cold, /s", least=0.7, peer="minimal"),
    Goal("cold stat above rclone's", "stat cold, /s", least=1, peer="rclone"),
    Goal("open-read-close cold ≥ 2,000/s", READ_ROW, least=2000),
    Goal("open-read-close warm ≥ 4,000/s", "open-read-close warm, /s", least=4000),
    Goal("find ≤ 60 s", "find, s", most=60),
    Goal("memory ≤ 200 MB", "memory after find, MB", most=200),
    Goal("no request an asset while reading", "requests an asset meanwhile", most=0),
    Goal("stat p99 during a sync ≤ 5 ms", "stat p99 during a sync, ms", most=5),
    Goal("save ≤ 3 ms beyond the library", "save beyond that, ms", most=3),
    Goal("parallel slow saves overlap", PARALLEL_ROW, most=4 * SLOW_S),
    Goal("silence: every call ≤ 10 s", "longest call in silence, s", most=10),
]


def judge(results: Mapping[str, Figures], count: int) -> bool:
    """Print all figures, and the goals (for 100,000 assets) with the ratio to the minimum."""
    print(f"\n{count:,} assets, medians")
    print(f"{'':40}" + "".join(f"{name:>12}" for name in results))
    for row in results["ours"].rounds:
        print(f"{row:40}" + "".join(show(each.get(row), 12) for each in results.values()))
    print(f"\n{'':8}{'goal':38}{'ours':>10}{'minimal':>10}{'ours : minimal':>18}")
    met = True
    for goal in GOALS:
        value = goal.value(results)
        if value is None:
            continue
        least, beside = compare(goal, results)
        verdict = judge_one(goal, value, least, beside)
        met = met and verdict != "MISSED"
        print(f"{verdict:8}{goal.text:38}{show(value, 10)}{show(least, 10)}{show(beside, 18)}")
    return met


def judge_one(goal: Goal, value: float, least: float | None, beside: float | None) -> str:
    """Tell our own miss from the machine's, on which nothing like this could meet the goal."""
    if goal.is_met(value):
        return "met"
    if least is None or beside is None or goal.is_met(least):
        return "MISSED"
    return "machine" if goal.is_near(beside) else "MISSED"


def show(value: float | None, width: int) -> str:
    return f"{'' if value is None else f'{value:,.3g}':>{width}}"


def compare(goal: Goal, results: Mapping[str, Figures]) -> tuple[float | None, float | None]:
    """Return the figure of the minimal file system, and our ratio to it."""
    if goal.peer or "minimal" not in results:
        return None, None
    minimal = results["minimal"]
    return minimal.get(goal.row), ratio(goal.row, results["ours"], minimal)
