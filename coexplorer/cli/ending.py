"""How a run ends that something went wrong in: one sentence, and the exit code that says it."""

from __future__ import annotations

import os
import sys

from coexplorer.cli import exits


def end_with(error: BaseException) -> int | None:
    """Tell the user of an error.

    Returns:
        The exit code; None for what is a mistake of our own, and to be raised on.
    """
    from coexplorer.errors import CoexplorerError

    if isinstance(error, CoexplorerError):
        from coexplorer.cli.narration import report_error

        report_error(error)
        return exits.code_of(error)
    if isinstance(error, KeyboardInterrupt):
        sys.stderr.write("\ncoexplorer: interrupted\n")
        return exits.INTERRUPTED
    if isinstance(error, BrokenPipeError):
        # The reader has seen enough; nothing more may be flushed to it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.BROKEN_PIPE
    if isinstance(error, OSError):
        where = f": {error.filename}" if error.filename else ""
        sys.stderr.write(f"coexplorer: {error.strerror or error}{where}\n")
        return exits.LOCAL
    return None
