"""The first line: where we are, and how fresh the list is.

It shows clock times, not ages, so that an idle screen stays still.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from coexplorer.library.status import Status
from coexplorer.text import clean, fit, width
from coexplorer.tui.columns import Line, Role
from coexplorer.tui.keys import key_of
from coexplorer.tui.widgets.lines import Lines

_PLACE_CELLS = 24
"""What the platform and the profile get before anything else is shown."""


class Header(Lines):
    """``coexplorer  domain · profile … synced 14:02 · 40,213 assets · 2 unsent``."""

    DEFAULT_CSS = "Header { height: 1; background: $panel; }"


def build_header(
    *, place: str, status: Status | None, note: str, cells: int, now_local: datetime
) -> Line:
    """Return the header.

    Args:
        place: Domain and profile.
        status: The library's figures; None while it is being opened.
        note: What is going on, e.g. a sweep's progress; replaces the freshness.
        cells: Width.
        now_local: To tell today's times from older ones.
    """
    rights = _freshness(status, note, now_local)
    place = clean(place)
    # Which platform this is matters more than the program's name, and than a count that
    # the view below shows, too.
    brand = "coexplorer  " if cells >= 60 else ""  # noqa: PLR2004  the narrow screen's limit
    tries = [(brand, rights[0]), *(("", right) for right in rights)]
    wanted = min(width(place), _PLACE_CELLS)
    left, right = next(
        (each for each in tries if cells - width("".join(each)) - 1 >= wanted), tries[-1]
    )
    room = cells - width(right) - 1 - width(left)
    if room < 0:
        return ((fit(right, cells), Role.TEXT),)
    place = fit(place, room)
    troubled = status is not None and (
        status.offline or status.kept_text or status.problem or status.gaps
    )
    return (
        (left, Role.ACCENT),
        (place + " ", Role.TEXT),
        (right, Role.WARN if troubled else Role.DIM),
    )


def _freshness(status: Status | None, note: str, now_local: datetime) -> Sequence[str]:
    """Return how new the list is, and what waits; then shorter ones of the same."""
    if status is None:
        return (note or "opening…",)
    known = show_clock(status.synced_at, now_local)
    if status.problem:
        parts = [clean(status.problem)]
    elif note:
        parts = [note]
    elif status.offline:
        parts = [f"offline, showing what was known at {known}" if known else "offline"]
    else:
        parts = [f"synced {known}" if known else "not synced yet"]
    count = f"{status.count_text} assets"
    rest = []
    if status.gaps:
        rest.append(f"incomplete ({key_of('log.open')})")
    if status.kept_text:
        rest.append(f"{status.kept_text} ({key_of('log.open')})")
    return tuple(
        " · ".join(each) for each in ([*parts, count, *rest], [*parts, *rest], rest) if each
    )


def show_clock(epoch_s: float | None, now_local: datetime) -> str:
    """Return ``14:02`` for a moment of today, else with its day; nothing for None."""
    if epoch_s is None:
        return ""
    then = datetime.fromtimestamp(epoch_s, tz=now_local.tzinfo)
    today = then.date() == now_local.date()
    return then.strftime("%H:%M" if today else "%Y-%m-%d %H:%M")
