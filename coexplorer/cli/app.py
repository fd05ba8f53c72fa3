"""The hand-over to the terminal app."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from coexplorer.config import Settings


def is_usable() -> bool:
    """Tell whether there is a terminal that the app can have for itself."""
    # A dumb terminal can't move its cursor, and says no true size: Textual would never end.
    moves = os.environ.get("TERM") not in ("dumb", "unknown")
    return moves and sys.stdin.isatty() and sys.stdout.isatty()


def open_app(settings: Settings) -> int:
    """Open the app, stay in it until it is left, and return its exit code.

    Raises:
        click.UsageError: There is no terminal.
        CoexplorerError: See `coexplorer.tui.run`.
    """
    from coexplorer.tui import run

    if not is_usable():
        raise click.UsageError(
            "the app needs a terminal that moves its cursor; coexplorer --help lists the commands"
        )
    return run(settings)
