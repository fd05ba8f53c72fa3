"""Prints what `bench_tui` measured, with the goals of the design."""

from __future__ import annotations

from dataclasses import dataclass

Figures = dict[str, dict[str, float]]
"""Program and number of assets → row → figure."""


@dataclass(frozen=True)
class Goal:
    """One row: what is measured, in words; how it is named among the figures; what is wanted."""

    title: str
    row: str
    most_small: float | None
    most_large: float | None


def same(title: str, row: str, most: float | None) -> Goal:
    return Goal(title, row, most, most)


GOALS = (
    same("first rows, ms", "first rows ms", 40),
    same("first rows of the first start, ms", "first rows, never left before ms", None),
    same("first rows, cold, ms", "first rows cold ms", 100),
    same("a search at spawn is shown, ms", "key at spawn shown ms", None),
    same("a search at spawn has found, ms", "key at spawn ms", 400),
    same("bytes to the first settled screen", "first screen bytes", 6 * 1024),
    same("cursor down p50, ms", "cursor down p50 ms", 4),
    same("cursor down p95, ms", "cursor down p95 ms", 8),
    same("bytes a cursor down, inside", "cursor down bytes inside", 350),
    same("bytes a cursor down, edge", "cursor down bytes edge", 500),
    same("page down p95, ms", "page down p95 ms", 12),
    same("bytes a page down", "page down bytes", 4.2 * 1024),
    same("a filter key, list shown, p95, ms", "filter key list p95 ms", None),
    same("a filter key, counted too, p50, ms", "filter key p50 ms", None),
    same("a filter key, counted too, p95, ms", "filter key p95 ms", 30),
    same("lag after a held key, slow link, ms", "lag after held key ms", 300),
    same("first rows, slow link, ms", "first rows slow link ms", None),
    Goal("memory, MB", "memory MB", 45, 85),
    same("idle, bytes", "idle bytes", 0),
    same("idle, CPU s", "idle cpu s", 0.1),
    same("exit, ms", "exit ms", 100),
    same("exit, a terminal that gives no answers, ms", "exit mute ms", 150),
    same("modes left on at exit", "modes left on", 0),
    same("exit on SIGHUP, ms", "exit SIGHUP ms", 100),
    same("modes left on at SIGHUP", "modes left on SIGHUP", 0),
    same("exit on SIGTERM, ms", "exit SIGTERM ms", 100),
    same("modes left on at SIGTERM", "modes left on SIGTERM", 0),
)


def print_table(figures: Figures, *, small: int, large: int) -> None:
    """Print a row for each goal: the goal, ours at both sizes, and the peers at both sizes."""
    names = ("coexplorer", "DataTable", "mc", "vim")
    columns = [(name, count) for name in names for count in (small, large)]
    columns = [(name, count) for name, count in columns if f"{name} {count:,}" in figures]
    head = [f"{name} {count // 1000}k" for name, count in columns]
    print(f"\n{'':38}{'goal':>12}" + "".join(f"{title:>17}" for title in head))
    for goal in GOALS:
        cells = [
            _show(
                figures[f"{name} {count:,}"].get(goal.row),
                _most(goal, name, is_small=count == small),
            )
            for name, count in columns
        ]
        print(f"{goal.title:38}{_show_goal(goal):>12}" + "".join(f"{cell:>17}" for cell in cells))
    hostile = figures.get("coexplorer hostile")
    if hostile:
        shown = _show(hostile["control bytes"], 0)
        print(f"{'control bytes of 10,000 hostile names':38}{'0':>12}{shown:>17}")
    _print_ratios(figures, columns)


def _print_ratios(figures: Figures, columns: list[tuple[str, int]]) -> None:
    """Print how many times a peer's figure is ours; more than 1: it is slower or larger."""
    peers = [column for column in columns if column[0] != "coexplorer"]
    if not peers:
        return
    head = [f"{name} {count // 1000}k" for name, count in peers]
    print(f"\n{'the peer, divided by ours':50}" + "".join(f"{title:>17}" for title in head))
    for goal in GOALS:
        cells = []
        for name, count in peers:
            ours = figures[f"coexplorer {count:,}"].get(goal.row)
            theirs = figures[f"{name} {count:,}"].get(goal.row)
            cells.append(f"{theirs / ours:.2g}" if ours and theirs is not None else "")
        if any(cells):
            print(f"{goal.title:50}" + "".join(f"{cell:>17}" for cell in cells))


def _most(goal: Goal, name: str, *, is_small: bool) -> float | None:
    if name != "coexplorer":
        return None
    return goal.most_small if is_small else goal.most_large


def _show(value: float | None, most: float | None) -> str:
    if value is None:
        return ""
    text = f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"
    return f"{text} MISSED" if most is not None and value > most else text


def _show_goal(goal: Goal) -> str:
    if goal.most_small is None:
        return ""
    if goal.most_small == goal.most_large:
        return f"≤ {goal.most_small:,g}" if goal.most_small else "0"
    return f"≤ {goal.most_small:g}/{goal.most_large:g}"
