"""When things happen at an institute: on working days mostly, and more of it each year."""

from __future__ import annotations

import random
import time
from functools import lru_cache

DAY_S = 86_400
YEARS_BACK = 6.0
UTC_OFFSET_S = -8 * 3600
"""Clocks on the rigs show Pacific time, all year round; session names carry it."""

SATURDAY = 5
_HOURS = (8, 9, 9, 10, 10, 10, 11, 11, 12, 13, 13, 14, 14, 14, 15, 15, 16, 16, 17, 18, 20, 22)


@lru_cache(maxsize=4096)
def _format_day(day: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(day * DAY_S))


def format_moment(moment: int) -> str:
    """Write a time (epoch seconds) as the rigs' clocks show it: ``2023-04-03_18-17-07``."""
    day, second = divmod(moment + UTC_OFFSET_S, DAY_S)
    return f"{_format_day(day)}_{second // 3600:02}-{second // 60 % 60:02}-{second % 60:02}"


def format_day(moment: int) -> str:
    """Write the day of a time (epoch seconds) as the rigs' calendars show it."""
    return _format_day((moment + UTC_OFFSET_S) // DAY_S)


def pick_moment(rng: random.Random, now: int) -> int:
    """Pick a time of work (epoch seconds) before now, rather lately than long ago."""
    back = YEARS_BACK * 365.25 * rng.random() ** 1.6
    return _bring_to_work(rng, now, (now + UTC_OFFSET_S) // DAY_S - int(back))


def pick_moment_after(rng: random.Random, now: int, moment: int) -> int:
    """Pick when somebody, or an automatic pipeline, takes up what was there at a moment.

    Returns:
        Epoch seconds; may lie after ``now``, which means that nobody did yet.
    """
    if rng.random() < 0.5:
        return moment + int(rng.uniform(0.5, 20) * 3600)
    later = int(rng.expovariate(1 / 12)) + 1
    at_work = _bring_to_work(rng, now + 60 * DAY_S, (moment + UTC_OFFSET_S) // DAY_S + later)
    return max(at_work, moment + 1800)


def _bring_to_work(rng: random.Random, now: int, day: int) -> int:
    weekday = (day + 3) % 7  # day 0 of the epoch was a Thursday
    if weekday >= SATURDAY and rng.random() < 0.9:
        day -= weekday - 4
    moment = day * DAY_S + rng.choice(_HOURS) * 3600 + rng.randrange(3600) - UTC_OFFSET_S
    return moment if moment < now else moment - 7 * DAY_S
