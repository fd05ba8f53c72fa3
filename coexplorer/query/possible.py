"""What a value must be so that some asset could ever match; judged from the words alone. Pure."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from coexplorer.query.ids import SHAPED, begins_id, is_whole
from coexplorer.query.tree import Ago, Compare, Day, DayBefore, How, Value
from coexplorer.query.values import Interval, interval

IDS: Final = frozenset({"id", "contained_data_id", "capsule", "computation"})
"""Fields of ids; the platform makes all of them in one form."""

COMMIT: Final = "commit_id"

_COMMIT = re.compile(r"[0-9a-f]{1,64}", re.IGNORECASE)
_IN_PATTERN: Final = "?*"

_DAY_S: Final = 86400.0
_MOMENTS: Final = tuple(10_000 * _DAY_S + second for second in (0, _DAY_S / 2, _DAY_S - 1))
"""Times of some day: between -1d and today, say, it depends on them which comes first."""


def is_backward(term: Compare) -> bool:
    """Tell whether a range ends before it begins at any time: 2024..2023, 1w..2w.

    Of a date and a time ago only a clock knows which comes first: see `is_empty`.
    """
    if term.op != ".." or term.high is None or _kind(term.value) is not _kind(term.high):
        return False
    return all(is_empty(interval(term, now)) for now in _MOMENTS)


def is_below_all(term: Compare) -> bool:
    """Tell whether a comparison asks for less than nothing: of bytes, or of files."""
    counts = not term.custom and term.field in {"size", "files"}
    return counts and term.op == "<" and term.value == 0


def turn(term: Compare) -> Compare:
    """Return a range with its ends the other way round."""
    if term.high is None:
        return term
    return msgspec.structs.replace(term, value=term.high, high=term.value)


def is_empty(ends: Interval) -> bool:
    """Tell whether no number is within an interval: 2024..2023 ends where 2024 begins."""
    if ends.low is None or ends.high is None:
        return False
    touches = ends.low == ends.high and not (ends.includes_low and ends.includes_high)
    return ends.low > ends.high or touches


def can_be(field: str, how: How, text: str) -> bool:
    """Tell whether an id, or a commit, can be what is asked for; true for every other field.

    Args:
        field: A field of the query language, no key of custom metadata.
        how: How the text is compared.
        text: What is asked for.
    """
    if field == COMMIT:
        return _COMMIT.fullmatch(_drop(text) if how == "glob" else text) is not None or (
            how == "glob" and not _drop(text)
        )
    if field not in IDS:
        return True
    if how == "glob":
        return SHAPED.issuperset(_drop(text).lower())
    return is_whole(text) if how == "whole" else begins_id(text)


def _drop(pattern: str) -> str:
    return pattern.translate(dict.fromkeys(map(ord, _IN_PATTERN)))


def _kind(value: Value) -> type:
    """Return what can be compared without a clock: numbers, dates, times that move with it."""
    if isinstance(value, Ago | DayBefore):
        return Ago
    return Day if isinstance(value, Day) else float
