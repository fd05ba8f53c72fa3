"""The hand-over to the terminal app."""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # the quick start comes by here
if TYPE_CHECKING:
    from coexplorer.config import Settings


def is_usable() -> bool:
    """Tell whether there is a terminal that the app can have for itself."""
    return _can_draw() and sys.stdin.isatty() and sys.stdout.isatty()


def _can_draw() -> bool:
    """Tell whether the cursor can be moved, as far as TERM says."""
    return os.environ.get("TERM") not in ("dumb", "unknown")


def open_app(settings: Settings) -> int:
    """Open the app, stay in it until it is left, and return its exit code.

    Raises:
        click.UsageError: There is no terminal.
        CoexplorerError: See `coexplorer.tui.run`.
    """
    import click

    from coexplorer.spelling import spell
    from coexplorer.tui import run

    if not is_usable():
        if not _can_draw():
            raise click.UsageError(
                f"the app can't be drawn, as TERM is {os.environ['TERM']!r}: set it to what your"
                " terminal is, such as TERM=xterm-256color; coexplorer --help lists the commands"
            )
        raise click.UsageError(
            "the app needs an interactive terminal; coexplorer --help lists the commands"
        )
    return run(settings, spell)


def open_painted() -> int | None:
    """Open the app behind its first frame, without all that a command line needs.

    Returns:
        The exit code; None when it can't be opened so, and the command line has to say why.
    """
    from coexplorer.config import load_settings
    from coexplorer.errors import CoexplorerError
    from coexplorer.library.people import place_person

    try:
        settings = place_person(load_settings())
    except CoexplorerError:
        return None
    if settings.warnings:
        return None
    from coexplorer.tui import run

    try:
        return run(settings)
    except (Exception, KeyboardInterrupt) as error:
        from coexplorer.cli.ending import end_with
        from coexplorer.tui import opening

        opening.give_up()  # what is said on its screen would go with it
        code = end_with(error)
        if code is None:
            raise
        return code
