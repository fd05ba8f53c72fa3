"""How a failed run ends: one sentence, and the exit code that says it."""

from __future__ import annotations

import sys

from coexplorer.cli import exits, streams


class Process:
    """What this process is for."""

    is_ours = False
    """Whether it runs one command and nothing else, so that a command may end it."""


class Ended(KeyboardInterrupt):
    """A signal ended the run, as Ctrl-C would.

    Args:
        number: The signal.
    """

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


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
        return exits.SIGNALLED + error.number if isinstance(error, Ended) else exits.INTERRUPTED
    if isinstance(error, OSError):
        if (code := end_without_output()) is not None:
            return code
        if isinstance(error, BrokenPipeError):
            return exits.BROKEN_PIPE
        from coexplorer.cli.narration import report_error
        from coexplorer.config.paths import find_gone_folder
        from coexplorer.errors import describe_os

        gone = None if error.filename else find_gone_folder()
        report_error(gone or describe_os(error))
        return exits.LOCAL
    return None


def end_without_output() -> int | None:
    """Return the exit code where the answer can't be written; None where all of it is."""
    error = streams.abandon_output()
    if error is None:
        return None
    if isinstance(error, BrokenPipeError):
        return exits.BROKEN_PIPE  # the reader has seen enough: no trouble at all
    from coexplorer.errors import explain_os
    from coexplorer.spelling import spell

    sys.stderr.write(
        f"coexplorer: the answer can't be written to standard output: {explain_os(error)[0]}\n"
        f"  {spell('if anything was changed, coexplorer log says what')}\n"
    )
    return exits.LOCAL
