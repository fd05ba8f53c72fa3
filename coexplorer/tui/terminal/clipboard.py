"""The sequence that puts a text on the clipboard at the user's end (OSC 52). Pure."""

from __future__ import annotations

import base64
from collections.abc import Mapping

_WITHOUT = ("linux", "vt", "ansi", "cons", "dumb")
"""Terminals that have no clipboard."""

_SCREEN_TAKES = 240
"""GNU screen throws a longer device control string away."""


def build_copies(text: str, env: Mapping[str, str]) -> list[str]:
    """Return what to write so that the text is copied; nothing where no terminal would take it.

    GNU screen keeps OSC 52 to itself. What it is sent as device control strings it hands on as it
    is, to the terminal around it: so one sequence travels in several of them.

    Args:
        text: What is to be copied.
        env: The process's environment. In tmux inside screen, or the other way round, nobody
            can tell which is which, so that both forms are sent: each ignores the other's.
    """
    if env.get("TERM", "").startswith(_WITHOUT):
        return []
    sequence = f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"
    copies = [sequence] if env.get("TMUX") or not env.get("STY") else []
    if env.get("STY"):
        parts = (sequence[at : at + _SCREEN_TAKES] for at in range(0, len(sequence), _SCREEN_TAKES))
        copies.append("".join(f"\x1bP{part}\x1b\\" for part in parts))
    return copies
