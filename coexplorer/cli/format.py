"""Values as people read them. Pure."""

from __future__ import annotations

from datetime import UTC, datetime

from coexplorer.text import plural, size_text, width

__all__ = [
    "clock_text",
    "count_text",
    "day_text",
    "draw_bar",
    "moment_text",
    "plural",
    "size_text",
    "used_text",
    "wrap",
]


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


_EIGHTHS = " ▏▎▍▌▋▊▉"


def wrap(text: str, cells: int) -> list[str]:
    """Return a text in lines of so many cells, broken between words; a longer word stays whole."""
    words = text.lstrip(" ")
    lines = [" " * (len(text) - len(words))]
    for word in words.split(" "):
        begun = bool(lines[-1].strip())
        longer = f"{lines[-1]} {word}" if begun else lines[-1] + word
        if begun and width(longer) > cells:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def draw_bar(part: float, whole: float, cells: int) -> str:
    """Return a bar of at most `cells` cells; what is there at all has the thinnest one."""
    if whole <= 0 or part <= 0:
        return ""
    eighths = max(1, round(8 * cells * min(part, whole) / whole))
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _moment(epoch_s: float) -> datetime:
    try:
        return datetime.fromtimestamp(epoch_s, UTC)
    except (OverflowError, ValueError, OSError):
        # A platform's nonsense time must not break a list.
        return datetime.fromtimestamp(0, UTC)
