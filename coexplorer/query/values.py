"""Sizes, counts and dates: text ↔ value, and value → the numbers it stands for."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import cast

import msgspec

from coexplorer.query.tree import Ago, AgoUnit, Compare, Day, DayBefore, Match, Never, Value

LARGEST = 2**63 - 1
"""The largest whole number that the catalog can compare with."""

_DECIMAL = ("B", "KB", "MB", "GB", "TB", "PB")
_UNITS = (
    {unit.lower(): 1000**power for power, unit in enumerate(_DECIMAL)}
    | {f"{letter}ib": 1024**power for power, letter in enumerate("kmgtp", start=1)}
    | {letter: 1000**power for power, letter in enumerate("kmgtp", start=1)}
)
_SIZE = r"(\d{1,20}(?:\.\d{1,20})?)([a-z]{0,3})"
_DAY = r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?"
_AGO = r"-(\d{1,6})([hdwmy])"
_SPAN = r"(\d{1,6})([hdwmy])"
_NUMBER = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
_DAYS = {"today": 0, "yesterday": 1}
_DAY_S = 86400
_AGO_S: dict[AgoUnit, int] = {
    "h": 3600,
    "d": 86400,
    "w": 7 * 86400,
    "m": 30 * 86400,
    "y": 365 * 86400,
}


def parse_size(text: str) -> int | None:
    """Return the bytes of ``10GB``, ``1.5MiB`` or ``0``; None when it is no size.

    A number without a unit is no size, so that a half-typed one never acts as bytes.
    """
    found = re.fullmatch(_SIZE, text, re.ASCII | re.IGNORECASE)
    if found is None:
        return None
    number, unit = Decimal(found[1]), found[2].lower()
    if not unit:
        return 0 if number == 0 else None
    if unit not in _UNITS:
        return None
    size_bytes = int(number * _UNITS[unit])
    return size_bytes if size_bytes <= LARGEST else None


def format_size(size_bytes: int) -> str:
    """Return the shortest exact spelling that `parse_size` reads back."""
    if size_bytes == 0:
        return "0"
    power = 0
    while power + 1 < len(_DECIMAL) and size_bytes % 1000 ** (power + 1) == 0:
        power += 1
    return f"{size_bytes // 1000**power}{_DECIMAL[power]}"


def parse_count(text: str) -> int | None:
    """Return a whole number; None if it is not one."""
    if not text.isascii() or not text.isdigit() or len(text) > len(str(LARGEST)):
        return None
    number = int(text)
    return number if number <= LARGEST else None


def parse_number(text: str) -> int | float | None:
    """Return a number as custom metadata may hold it; None if it is not one or too large."""
    if len(text) > 40 or re.fullmatch(_NUMBER, text, re.ASCII | re.IGNORECASE) is None:  # noqa: PLR2004 - longer is no number
        return None
    number = float(text)
    if not math.isfinite(number):
        return None
    whole = number.is_integer() and abs(number) < 2**53
    return int(number) if whole else number


def parse_moment(text: str) -> Day | Ago | None:
    """Return ``2024``, ``2024-01``, ``2024-01-31`` or ``-30d``; None when it is neither."""
    ago = re.fullmatch(_AGO, text, re.ASCII | re.IGNORECASE)
    if ago is not None:
        return Ago(int(ago[1]), cast("AgoUnit", ago[2].lower()))
    found = re.fullmatch(_DAY, text, re.ASCII)
    if found is None:
        return None
    year, month, day = (None if part is None else int(part) for part in found.groups())
    try:
        date(year or 0, month or 1, day or 1)
        return Day(year or 0, month, day) if (year or 0) < 9999 else None  # noqa: PLR2004 - its end must exist
    except ValueError:
        return None


def parse_date(text: str) -> Day | DayBefore | Ago | None:
    """Return what `parse_moment` does, or ``today``, ``yesterday``, or ``1w``, which is ``-1w``."""
    day = _DAYS.get(text.lower())
    if day is not None:
        return DayBefore(day)
    span = re.fullmatch(_SPAN, text, re.ASCII | re.IGNORECASE)
    return parse_moment(text if span is None else f"-{span[1]}{span[2]}")


def parse_custom(text: str) -> Value | None:
    """Return a value of custom metadata for a comparison: a number, or what `parse_date` reads."""
    number = parse_number(text)
    return parse_date(text) if number is None else number


def format_value(value: Value, *, as_size: bool) -> str:
    """Return the text that is read back as `value`; `as_size` for the field ``size``."""
    match value:
        case Never():
            return "never"
        case Ago():
            return f"-{value.amount}{value.unit}"
        case DayBefore():
            return next(name for name, days in _DAYS.items() if days == value.days)
        case Day():
            parts = [f"{value.year:04}"]
            parts += [f"{part:02}" for part in (value.month, value.day) if part is not None]
            return "-".join(parts)
        case _:
            return format_size(int(value)) if as_size else repr(value)


class Interval(msgspec.Struct, frozen=True):
    """Numbers between two ends; an end that is None is open.

    Attributes:
        includes_low: Whether `low` itself belongs to it.
        includes_high: Whether `high` itself belongs to it.
    """

    low: float | None = None
    high: float | None = None
    includes_low: bool = True
    includes_high: bool = True


def _span(value: Value, now: float) -> tuple[float, float, bool]:
    """Return first and last number of a value, and whether the last belongs to it."""
    match value:
        case Never():
            return 0.0, 0.0, True
        case Ago():
            moment = now - value.amount * _AGO_S[value.unit]
            return moment, moment, True
        case DayBefore():
            start_s = (now // _DAY_S - value.days) * _DAY_S
            return start_s, start_s + _DAY_S, False
        case Day():
            start = datetime(value.year, value.month or 1, value.day or 1, tzinfo=UTC)
            if value.day is not None:
                end = start.timestamp() + 86400
            elif value.month is not None:
                year, month = divmod(value.year * 12 + value.month, 12)
                end = datetime(year, month + 1, 1, tzinfo=UTC).timestamp()
            else:
                end = datetime(value.year + 1, 1, 1, tzinfo=UTC).timestamp()
            return start.timestamp(), end, False
        case _:
            return value, value, True


def number_span(term: Match, now: float) -> Interval | None:
    """Return the numbers that a text stands for in custom metadata; None: it is a text alone.

    Dates are numbers there, so ``"session date":2025-12-17`` is that day (UTC), too. A year alone
    is not: 2024 may be anything, unless the schema says (`query.typed`). After ``=`` a number is
    that number, however it is written; one with zeros before it is a text, as in ``=007``.

    Args:
        term: What is looked for.
        now: Epoch seconds that ``yesterday`` and ``-30d`` count back from.
    """
    if not term.custom or term.how in {"starts", "glob"}:
        return None
    if term.how and not re.match(r"-?0\d", term.text):
        number = parse_number(term.text)
        if number is not None:
            return Interval(number, number)
    value = parse_date(term.text)
    is_year = isinstance(value, Day) and value.month is None
    if value is None or is_year or (term.how and isinstance(value, Ago)):
        return None
    return _interval(Compare(term.field, "", value, custom=True), now)


def interval(term: Compare, now: float) -> Interval:
    """Return the numbers that a comparison lets through.

    Args:
        term: The comparison; its negation is left to the caller.
        now: Epoch seconds that ``-30d`` counts back from.
    """
    found = _interval(term, now)
    if term.field != "used" or term.custom or isinstance(term.value, Never):
        return found
    # 0 is not 1970 but never, which is before every date.
    if found.low is None and found.high is not None:
        return found if found.high > 0 else Interval(None, 0)
    if found.low is not None and found.low <= 0:
        return msgspec.structs.replace(found, low=0, includes_low=False)
    return found


def _interval(term: Compare, now: float) -> Interval:
    low, high, closed = _span(term.value, now)
    last = term.value if term.high is None else term.high
    match term.op:
        case "<":
            found = Interval(None, low, includes_high=False)
        case "<=":
            found = Interval(None, high, includes_high=closed)
        case ">":
            found = Interval(high, None, includes_low=not closed)
        case ">=":
            found = Interval(low, None)
        case ".." if last != term.value:
            _, high, closed = _span(last, now)
            found = Interval(low, high, includes_high=closed)
        case "" if isinstance(term.value, Ago):
            found = Interval(low, None)  # the last 30 days
        case _:
            found = Interval(low, high, includes_high=closed)
    return found
