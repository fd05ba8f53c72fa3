"""What the terminal can do, from its terminfo entry."""

from __future__ import annotations

import curses
from typing import NamedTuple


class Capabilities(NamedTuple):
    """What the output layer needs to know of a terminal.

    Attributes:
        erases_with_background: Terminfo's ``bce``: erased cells have the pen's background.
        scrolls: Terminfo's ``csr``, ``ind`` and ``ri``: scroll regions that can be moved both ways.
    """

    erases_with_background: bool
    scrolls: bool


def read_capabilities(term: str) -> Capabilities:
    """Read the entry of `term`; a terminal that nobody knows is trusted with nothing."""
    try:
        curses.setupterm(term, 1)
    except curses.error:
        return Capabilities(erases_with_background=False, scrolls=False)
    scrolls = all(curses.tigetstr(name) for name in ("csr", "ind", "ri"))
    return Capabilities(erases_with_background=curses.tigetflag("bce") > 0, scrolls=scrolls)
