"""The size of the terminal. Every start comes by here, so it imports nothing of `shutil`."""

from __future__ import annotations

import os
import sys

_USUAL = 80


def paper_width() -> int | None:
    """Return how wide standard output is; None: it is no terminal, and nothing has to fit."""
    return terminal_width() if sys.stdout.isatty() else None


def terminal_width() -> int:
    """Return the terminal's width in cells: what ``COLUMNS`` says, or the terminal itself."""
    try:
        given = int(os.environ.get("COLUMNS", ""))
    except ValueError:
        given = 0
    if given > 0:
        return given
    try:
        return (
            os.get_terminal_size(sys.__stdout__.fileno() if sys.__stdout__ else 1).columns or _USUAL
        )
    except (OSError, ValueError):
        return _USUAL
