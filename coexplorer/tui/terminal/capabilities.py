"""What the terminal can do, from its terminfo entry."""

from __future__ import annotations

import curses
from collections.abc import Mapping

from coexplorer.tui.terminal.diff import Capabilities

_LEAST_COLORS = 8


def read_capabilities(term: str) -> Capabilities:
    """Read the entry of `term`; a terminal that nobody knows is trusted with nothing."""
    try:
        curses.setupterm(term, 1)
    except curses.error:
        return Capabilities(erases_with_background=False, scrolls=False, erases_within=False)
    scrolls = all(curses.tigetstr(name) for name in ("csr", "ind", "ri"))
    return Capabilities(
        erases_with_background=curses.tigetflag("bce") > 0,
        scrolls=scrolls,
        erases_within=bool(curses.tigetstr("ech")),
    )


def lacks_colors(env: Mapping[str, str]) -> bool:
    """Tell whether the user wants no colors, or the terminal is known to have none."""
    if env.get("NO_COLOR"):
        return True
    if env.get("COLORTERM"):
        return False
    try:
        curses.setupterm(env.get("TERM", ""), 1)
    except curses.error:
        return False  # one that nobody knows; most have them
    return curses.tigetnum("colors") < _LEAST_COLORS
