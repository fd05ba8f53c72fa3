"""The goals of the mount, for 100,000 assets, and how `bench_mount` prints them."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping
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
    """What a figure must be: of ours alone, or as a ratio to a peer's."""

    text: str
    row: str
    is_met: Callable[[float], bool]
    peer: str = ""
    inverse: bool = False

    def value(self, results: Mapping[str, Figures]) -> float | None:
        """Return the figure or the ratio; None when it was not measured this time."""
        ours = results["ours"]
        if not self.peer:
            return ours.get(self.row)
        if self.peer not in results:
            return None
        pair = (results[self.peer], ours) if self.inverse else (ours, results[self.peer])
        return ratio(self.row, *pair)


def at_most(limit: float) -> Callable[[float], bool]:
    return lambda value: value <= limit


def at_least(limit: float) -> Callable[[float], bool]:
    return lambda value: value >= limit


GOALS = [
    Goal("ls cold ≤ 1.0 s", "ls cold, s", at_most(1.0)),
    Goal("ls warm ≤ 0.6 s", "ls warm, s", at_most(0.6)),
    Goal("ls -l cold ≤ 1.5 s", "ls -l cold, s", at_most(1.5)),
    Goal("ls -l: ≥ 8 times rclone's", "ls -l cold, s", at_least(8), "rclone", inverse=True),
    Goal("cold stat ≥ 0.7 times minimal", "stat cold, /s", at_least(0.7), "minimal"),
    Goal("cold stat above rclone's", "stat cold, /s", at_least(1), "rclone"),
    Goal("open-read-close cold ≥ 2,000/s", READ_ROW, at_least(2000)),
    Goal("open-read-close warm ≥ 4,000/s", "open-read-close warm, /s", at_least(4000)),
    Goal("find ≤ 60 s", "find, s", at_most(60)),
    Goal("memory ≤ 200 MB", "memory after find, MB", at_most(200)),
    Goal("no request an asset while reading", "requests an asset meanwhile", at_most(0)),
    Goal("stat p99 during a sync ≤ 5 ms", "stat p99 during a sync, ms", at_most(5)),
    Goal("save ≤ 3 ms beyond the library", "save beyond that, ms", at_most(3)),
    Goal("parallel slow saves overlap", PARALLEL_ROW, at_most(4 * SLOW_S)),
    Goal("silence: every call ≤ 10 s", "longest call in silence, s", at_most(10)),
]


def judge(results: Mapping[str, Figures], count: int) -> bool:
    """Print all figures, and the goals (for 100,000 assets) with the ratio to the minimum."""
    print(f"\n{count:,} assets, medians")
    print(f"{'':40}" + "".join(f"{name:>12}" for name in results))
    for row in results["ours"].rounds:
        cells = (each.get(row) for each in results.values())
        print(f"{row:40}" + "".join(f"{'' if c is None else f'{c:,.3g}':>12}" for c in cells))
    print(f"\n{'':8}{'goal':38}{'ours':>10}{'ours : minimal':>18}")
    met = True
    for goal in GOALS:
        value = goal.value(results)
        if value is None:
            continue
        verdict = goal.is_met(value)
        met = met and verdict
        beside, note = compare(goal, results)
        print(f"{'met' if verdict else 'MISSED':8}{goal.text:38}{value:>10,.3g}{beside:>18}{note}")
    return met


def compare(goal: Goal, results: Mapping[str, Figures]) -> tuple[str, str]:
    """Return the ratio to the minimal file system, and whether that one meets the goal."""
    if goal.peer or "minimal" not in results:
        return "", ""
    least = results["minimal"].get(goal.row)
    beside = ratio(goal.row, results["ours"], results["minimal"])
    if least is None or beside is None:
        return "", ""
    note = (
        "" if goal.is_met(least) else f"  the minimal one misses it on this machine: {least:,.3g}"
    )
    return f"{beside:,.2f}", note
