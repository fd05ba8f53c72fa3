"""What the terminal can do, from its terminfo entry."""

from __future__ import annotations

import curses

from coexplorer.tui.terminal.diff import Capabilities


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
