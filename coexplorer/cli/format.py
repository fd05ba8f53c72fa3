"""Values as people read them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_STEP = 1000


def size_text(size_bytes: int | None) -> str:
    """Return ``412 GB``, in at most three digits; ``?`` when it is not known."""
    if size_bytes is None:
        return "?"
    value = float(size_bytes)
    for unit in _UNITS:
        digits = 1 if unit != "B" and value < 9.95 else 0  # noqa: PLR2004 - 9.95 is shown as 10
        if round(value, digits) < _STEP or unit == _UNITS[-1]:
            return f"{value:.{digits}f} {unit}"
        value /= _STEP
    raise AssertionError


def count_text(count: int | None) -> str:
    """Return ``40,213``; ``?`` when it is not known."""
    return "?" if count is None else f"{count:,}"


def day_text(epoch_s: float | None) -> str:
    """Return the day (UTC); ``?`` when the platform did not say."""
    return "?" if epoch_s is None else _moment(epoch_s).strftime("%Y-%m-%d")


def used_text(epoch_s: float | None) -> str:
    """Return the day of the last use; zero means never (design: api.md)."""
    return "never" if epoch_s == 0 else day_text(epoch_s)


def moment_text(epoch_s: float | None) -> str:
    """Return the local day and time to the minute."""
    if epoch_s is None:
        return "?"
    return _moment(epoch_s).astimezone().strftime("%Y-%m-%d %H:%M")


def clock_text(epoch_s: float, now: float) -> str:
    """Return the local time, with the day before it unless that is today."""
    then, today = _moment(epoch_s).astimezone(), _moment(now).astimezone()
    return then.strftime("%H:%M" if then.date() == today.date() else "%Y-%m-%d %H:%M")


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return ``1 asset`` or ``1,200 assets``."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def _moment(epoch_s: float) -> datetime:
    try:
        return datetime.fromtimestamp(epoch_s, UTC)
    except (OverflowError, ValueError, OSError):
        # A platform's nonsense time must not break a list.
        return datetime.fromtimestamp(0, UTC)
