"""The command line: parses, dispatches, prints.

Each command is a few lines over `coexplorer.library`. Answers go to standard output; what is going
on, questions and errors go to standard error, so that a pipe only ever gets answers.
"""

from __future__ import annotations

import os
import sys

import coexplorer


def main() -> None:
    """Run the console script."""
    import gc

    try:
        _main()
    except SystemExit as end:
        gc.freeze()
        if end.code is None or isinstance(end.code, int):
            _end(end.code or 0)
        raise
    finally:
        # To look for garbage in all that was imported takes longer than the rest of the end.
        gc.freeze()


def _end(code: int) -> None:
    """End now: to take all modules apart would be a fifth of a short run.

    Python would wait for threads, too. Whoever still computes there does so for nobody; what writes
    was waited for: see `coexplorer.library.context.Context.read`.
    """
    import atexit
    import contextlib

    atexit._run_exitfuncs()  # noqa: SLF001 - what Python would do next
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)


def _main() -> None:
    from coexplorer.cli import streams
    from coexplorer.cli.crash import report_crash

    if not _is_unix():
        sys.exit(_refuse_windows())
    sys.excepthook = report_crash
    # What is made is its owner's to use: a umask that takes even that would lock us out of our own
    # files, as it would any other program. What others may do with a file is said where it is made.
    os.umask(os.umask(0o077) & 0o077)
    missing = streams.open_missing()
    streams.guard()
    if streams.STDOUT in missing:
        sys.exit(_refuse_silence())
    if len(sys.argv) == 1 and (code := _open_painted()) is not None:
        sys.exit(code)
    from coexplorer.cli.commands import cli
    from coexplorer.cli.ending import Process

    Process.is_ours = True
    if "_COEXPLORER_COMPLETE" in os.environ:
        from coexplorer.cli.completion import register_shells

        register_shells()
    try:
        cli.main(prog_name="coexplorer")
    except SystemExit as end:
        from coexplorer.cli.ending import end_without_output

        code = end_without_output()
        if code is not None and not end.code:
            sys.exit(code)
        raise


def _is_unix() -> bool:
    """Tell whether there are file locks as everything that is kept needs them."""
    try:
        import fcntl  # noqa: F401
    except ImportError:
        return False
    return True


def _refuse_windows() -> int:
    """Say what to do on Windows."""
    from coexplorer.cli import exits

    sys.stderr.write(
        "coexplorer: this needs Linux or macOS; on Windows, install it in WSL: wsl --install\n"
    )
    return exits.LOCAL


def _refuse_silence() -> int:
    """Refuse to work where nobody can be told what was done."""
    from coexplorer.cli import exits

    sys.stderr.write(
        "coexplorer: standard output is closed, so nothing was done\n"
        "  if you don't want the answer, discard it: >/dev/null\n"
    )
    return exits.LOCAL


def _open_painted() -> int | None:
    """Paint the first frame and open the app behind it; None when there is no such frame."""
    from coexplorer.tui import opening

    if not opening.paint(coexplorer.__version__):
        return None
    try:
        from coexplorer.cli.start_app import open_painted

        return open_painted()
    finally:
        opening.give_up()
