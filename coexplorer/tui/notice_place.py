"""Where notices stand: beside what is being edited, never on it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

ENOUGH = 5
"""Lines in which most notices are whole: the lowest place that has them is taken."""
LEAST = 3
"""Lines without which a notice can't be read."""


class NoticePlace(msgspec.Struct, frozen=True):
    """Where notices stand.

    Attributes:
        below: Lines between them and the end of the screen.
        lines: How many they may take.
    """

    below: int
    lines: int


def find_place(height: int, edited: Iterable[tuple[int, int]], cursor: int) -> NoticePlace:
    """Return where notices stand.

    Args:
        height: Lines of the screen; its last one has the keys.
        edited: The first line of each thing that must stay in sight, and the line after it.
        cursor: The line that must stay in sight where there is no room beside all of it.
    """
    end = max(1, height - 1)
    gaps = _find_gaps(end, edited)
    if all(stop - start < LEAST for start, stop in gaps):
        gaps = _find_gaps(end, [(cursor, cursor + 1)])
    enough = [gap for gap in gaps if gap[1] - gap[0] >= ENOUGH]
    start, stop = enough[-1] if enough else max(gaps, key=lambda gap: gap[1] - gap[0])
    return NoticePlace(height - stop, max(1, stop - start))


def _find_gaps(end: int, taken: Iterable[tuple[int, int]]) -> Sequence[tuple[int, int]]:
    """Return what is left of the lines before `end`, from the top down; there is always one."""
    stops = [0]
    starts = []
    for start, stop in sorted(taken):
        starts.append(min(max(start, stops[-1]), end))
        stops.append(min(max(stop, stops[-1]), end))
    return list(zip(stops, [*starts, end], strict=True))
