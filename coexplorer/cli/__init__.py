"""The command line: parses, dispatches, prints.

Each command is a few lines over `coexplorer.library`. Answers go to standard output; what is going
on, questions and errors go to standard error, so that a pipe only ever gets answers.
"""

from __future__ import annotations

import os
import sys

import coexplorer

TYPE_CHECKING = False  # the quick start comes by here
if TYPE_CHECKING:
    from coexplorer.tui.terminal.firstframe import ListBehind


def main() -> None:
    """Run the console script."""
    from coexplorer.cli.crash import report_crash

    sys.excepthook = report_crash
    if len(sys.argv) == 1 and (code := _open_painted()) is not None:
        sys.exit(code)
    from coexplorer.cli.root import cli

    # A name that the terminal's encoding can't say is shown by its escapes; it breaks no list.
    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="backslashreplace")
    cli.main(prog_name="coexplorer")


def _open_painted() -> int | None:
    """Paint the first frame and open the app behind it; None when there is no such frame."""
    from coexplorer.tui.terminal import firstframe

    if not firstframe.paint(os.environ, coexplorer.__version__, _open_list):
        return None
    try:
        from coexplorer.cli.app import open_painted

        return open_painted()
    finally:
        firstframe.give_up()


def _open_list(rows: bytes, look: bytes, catalog: str, size: tuple[int, int]) -> ListBehind | None:
    """Open the list behind the first frame."""
    from coexplorer.tui.firstlist import open_list

    return open_list(rows, look, catalog, size)
