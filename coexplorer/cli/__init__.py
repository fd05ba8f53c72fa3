"""The command line: parses, dispatches, prints.

Each command is a few lines over `coexplorer.library`. Answers go to standard output; what is going
on, questions and errors go to standard error, so that a pipe only ever gets answers.
"""

import sys


def main() -> None:
    """Run the console script."""
    from coexplorer.cli.crash import report_crash
    from coexplorer.cli.root import cli

    sys.excepthook = report_crash
    cli.main(prog_name="coexplorer")
