"""``--timeout``: one end for all that a command does, whatever it waits for at that moment.

Most waiting is cancelled in time, and the command says what it has so far. What can't be cancelled
(a list on standard input, a program that is asked for the token, a lock on a disk) is cut off: the
process ends a moment later.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from coexplorer.cli import exits
from coexplorer.cli.ending import Process
from coexplorer.cli.values import SECONDS
from coexplorer.errors import TimeIsUp

Command = TypeVar("Command", bound=Callable[..., Any])

_TIDY_S: Final = 0.25
"""What was cancelled has so long to tell what it has; then the library is given up, too."""

_CUT_S: Final = 0.75
"""So long after its deadline the process ends."""


class Deadline:
    """When a command has to have ended; it runs from when the option was read.

    Args:
        seconds: How long that is.

    Attributes:
        seconds: How long that is.
        doing: What the command does now, as the beginning of a sentence; or what returns that, from
            whichever thread asks.
        answer: What a program still has to read if the process is cut off.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.answer = b""
        self.doing: str | Callable[[], str] = "still reading what was asked for"
        self._ends_at = time.monotonic() + seconds
        self._timer: threading.Timer | None = None

    @property
    def left_s(self) -> float:
        """Seconds until then, never less than 0."""
        return max(0.0, self._ends_at - time.monotonic())

    @property
    def tidy_s(self) -> float:
        """Seconds until what could not tell of itself in time is given up."""
        return self.left_s + _TIDY_S

    @property
    def sentence(self) -> str:
        """What people are told when it has passed."""
        doing = self.doing if isinstance(self.doing, str) else self.doing()
        return f"{doing} after {self.seconds:g} s"

    def start(self) -> None:
        """End the process when it has not ended by then."""
        if not Process.is_ours:
            return
        self._timer = threading.Timer(min(self.left_s + _CUT_S, threading.TIMEOUT_MAX), self._cut)
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> None:
        """Let the process live on."""
        if self._timer is not None:
            self._timer.cancel()

    def build_error(self) -> TimeIsUp:
        """Return what to raise when it has passed."""
        return TimeIsUp(self.sentence)

    def _cut(self) -> None:
        from coexplorer.config.tokens import end_programs

        end_programs()
        line = f"coexplorer: {self.sentence}\n".encode()
        # Nobody may read there, and the end must not wait for them either.
        for stream, text in ((sys.stdout, self.answer), (sys.stderr, line)):
            with contextlib.suppress(OSError, ValueError):
                number = stream.fileno()
                if text and select.select([], [number], [], 0)[1]:
                    os.write(number, text)
        os._exit(exits.TIMED_OUT)


def timeout_option(command: Command) -> Command:
    """Add ``--timeout`` to a command, which gets it as `deadline`; None: it has all the time."""
    return click.option(
        "--timeout",
        "deadline",
        type=SECONDS,
        metavar="SECONDS",
        callback=_start,
        is_eager=True,
        help="Give up after this many seconds.",
    )(command)


def _start(ctx: click.Context, _: click.Parameter, seconds: float | None) -> Deadline | None:
    if seconds is None or ctx.resilient_parsing:
        return None
    deadline = Deadline(seconds)
    deadline.start()
    ctx.call_on_close(deadline.stop)
    return deadline
