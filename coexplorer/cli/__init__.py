"""The command line: parses, dispatches, prints.

Each command is a few lines over `coexplorer.library`. Answers go to standard output; what is going
on, questions and errors go to standard error, so that a pipe only ever gets answers.
"""

import io
import os
import sys

import coexplorer


def main() -> None:
    """Run the console script."""
    if len(sys.argv) == 1:
        from coexplorer.tui.terminal import firstframe

        if firstframe.paint(os.environ, coexplorer.__version__):
            try:
                _run()
            finally:
                firstframe.give_up()
            return
    _run()


def _run() -> None:
    from coexplorer.cli.crash import report_crash
    from coexplorer.cli.root import cli

    sys.excepthook = report_crash
    # A name that the terminal's encoding can't say is shown by its escapes; it breaks no list.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    cli.main(prog_name="coexplorer")
