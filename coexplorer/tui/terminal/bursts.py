"""Telling text that was pasted without brackets from keys that were typed ahead.

GNU screen, and a terminal without bracketed paste, send what is pasted as if it were typed, in one
piece. On the list that would be commands. Keys that a slow link brings in one packet look much the
same, so this goes by content: words are not a sequence of commands.
"""

from __future__ import annotations

import re
from time import monotonic

from textual import events

PAUSE_S = 0.3
"""What somebody types without looking, and what was pasted as if it were typed, comes faster."""
LEAST = 8
"""Characters; a shorter piece is keys, none of which are taken for pasted words."""
LEAST_BRACKETED = 30
"""Likewise, where the terminal brackets what is pasted: few people type as much ahead unseen."""
_OPENERS = "/:+-"
"""What is typed behind these is text for the field that they open."""
_EDITING = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
"""Keys that edit, as ctrl+u does: nobody pastes them."""
_LINE_ENDS = "\r\n\t"
_LINE = re.compile(f"[{_LINE_ENDS}]")
_LONG_WORD, _WORD = 6, 3
_RUN = re.compile(r"\w+")
_DIFFERENT = {_LONG_WORD: 5, _WORD: 3}


class Burst:
    """What one read brought.

    Attributes:
        text: All of it.
        dropped: Whether it was taken for a paste that nothing wants.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.dropped = False


class Unpaused:
    """Keys that come without a pause behind one that was not wanted: nor are they."""

    def __init__(self) -> None:
        self._at = float("-inf")

    def begin(self, at: float | None = None) -> None:
        """Take what follows for part of what came `at` a key's time, or now."""
        self._at = monotonic() if at is None else at

    def end(self) -> None:
        """Take what follows for itself."""
        self._at = float("-inf")

    def has(self, key: events.Key) -> bool:
        """Tell whether a key is part of it."""
        return key.time - self._at < PAUSE_S


def mark_keys(keys: list[events.Key], text: str) -> None:
    """Note for each key what came with it and after it, if each character is a key."""
    if len(text) > 1 and len(keys) == len(text):
        burst = Burst(text)
        for at, key in enumerate(keys):
            vars(key)["burst"] = burst, at


def find_burst(key: events.Key) -> Burst | None:
    """Return the read that a key came with, when there was more in it."""
    found: tuple[Burst, int] | None = vars(key).get("burst")
    return None if found is None else found[0]


def find_rest(key: events.Key) -> str:
    """Return a key's character and what came after it in the same read."""
    found: tuple[Burst, int] | None = vars(key).get("burst")
    return "" if found is None else found[0].text[found[1] :]


def find_word(key: events.Key) -> str:
    """Return a line that begins with this key, if all of it came in the same read."""
    found: tuple[Burst, int] | None = vars(key).get("burst")
    if found is None or (found[1] and found[0].text[found[1] - 1] not in _LINE_ENDS):
        return ""
    return _LINE.split(find_rest(key), maxsplit=1)[0]


def looks_pasted(text: str, *, least: int = LEAST) -> bool:
    """Tell whether characters that came in one piece, `least` or more, are words, not keys."""
    if len(text) < least or text[0] in _OPENERS or _EDITING.search(text):
        return False
    runs = [run.casefold() for run in _RUN.findall(text)]
    words = [run for run in runs if len(run) >= _WORD and len(set(run)) >= _DIFFERENT[_WORD]]
    return len(words) > 1 or any(
        len(run) >= _LONG_WORD and len(set(run)) >= _DIFFERENT[_LONG_WORD] for run in words
    )
