"""The log of ``--debug``."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import sys
from pathlib import Path

from coexplorer import __version__
from coexplorer.cli.narration import note, warn
from coexplorer.config.paths import ensure_private_dir
from coexplorer.errors import FileTrouble, explain_os


class _LogFile(logging.FileHandler):
    """A log whose disk may be full: that is told once, in a sentence."""

    told = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's name
        """Say what went wrong with the log itself."""
        if not self.told:
            self.told = True
            error = sys.exc_info()[1]
            reason = explain_os(error)[0] if isinstance(error, OSError) else "it does not fit in it"
            with contextlib.suppress(OSError):  # where it is told may be full, too
                warn(f"the log {self.baseFilename} can't be written: {reason}")


def start_log(path: Path) -> None:
    """Write what happens to a file that only the user can read; addresses with signatures do not.

    Raises:
        FileTrouble: When it can't be written.
    """
    try:
        ensure_private_dir(path.parent)
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
        handler = _LogFile(path, encoding="utf-8")
    except OSError as error:
        hint = "or leave --debug out, or set XDG_STATE_HOME to a writable folder"
        raise FileTrouble.of(f"the log {path}", "written", error, hint=hint) from None
    handler.setFormatter(logging.Formatter("%(asctime)s %(process)d %(name)s: %(message)s"))
    logger = logging.getLogger("coexplorer")
    for earlier in [each for each in logger.handlers if isinstance(each, _LogFile)]:
        logger.removeHandler(earlier)
        earlier.close()
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    logger.info("%s, Python %s", __version__, platform.python_version())
    note(f"details go to {path}")
