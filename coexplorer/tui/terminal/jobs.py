"""Being a shell's job: signals that end the program, stopping it, and resuming.

This module imports nothing from the project: the first frame uses it, before there is an app.
"""

from __future__ import annotations

import _thread
import os
import signal
import termios
import time

TYPE_CHECKING = False  # typing itself costs more than the first frame
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any

_NAMES = ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "VTALRM", "PROF", "XCPU")
_RARE = ("IO", "PWR", "STKFLT")
"""Not every system has these."""

ENDING = tuple(
    getattr(signal, f"SIG{name}") for name in _NAMES + _RARE if hasattr(signal, f"SIG{name}")
)
"""Signals that end a program which does not catch them: it gives the terminal back first."""


_SETTLES_S = 0.05


class Stopped:
    """What came while the process was stopped.

    Attributes:
        ended_by: A signal that is to end it; None when there was none.
        went_on: Whether it was stopped at all, and told to go on. The kernel stops nobody whom no
            shell could wake: the first program of a window or a container.
    """

    def __init__(self) -> None:
        self.ended_by: int | None = None
        self.went_on = False

    def note(self, number: int, _frame: FrameType | None) -> None:
        """Take a signal."""
        if number == signal.SIGCONT:
            self.went_on = True
        else:
            self.ended_by = number


def stop(terminal: int, *, group: bool) -> Stopped:
    """Stop this process until it is in the foreground again.

    The terminal is given back before, and taken again afterwards, unless a signal is to end it:
    then it may be in the background still, where it can't have the terminal.

    Args:
        terminal: Its descriptor.
        group: As the terminal's own Ctrl-Z: all processes of the job, such as a ``make`` that
            started this one, or the shell would go on waiting for them.
    """
    stopped = Stopped()
    with _Noting(stopped):
        handled = signal.signal(signal.SIGTSTP, signal.SIG_IGN)
        try:
            if group:
                os.kill(0, signal.SIGTSTP)
            signal.signal(signal.SIGTSTP, signal.SIG_DFL)
            _stop_by(signal.SIGTSTP)
        finally:
            signal.signal(signal.SIGTSTP, handled)
        _await_foreground(terminal, stopped)
    return stopped


def await_foreground(terminal: int) -> Stopped:
    """Stop until this process is in the foreground, if it is not; see `stop`."""
    stopped = Stopped()
    with _Noting(stopped):
        _await_foreground(terminal, stopped)
    return stopped


def _await_foreground(terminal: int, stopped: Stopped) -> None:
    while True:
        # A signal that came during the stop may be another thread's to take. It is noted here, in
        # the main thread, with the next call.
        time.sleep(_SETTLES_S)
        if is_in_foreground(terminal) or stopped.ended_by is not None:
            return
        stopped.went_on = False
        _stop_by(signal.SIGTTOU)
        if not stopped.went_on:
            return


class _Noting:
    """While it lasts, signals are noted."""

    def __init__(self, stopped: Stopped) -> None:
        self._stopped = stopped
        self._before: dict[int, Any] = {}

    def __enter__(self) -> None:
        for number in (signal.SIGCONT, *ENDING):
            self._before[number] = signal.signal(number, self._stopped.note)

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)


def _stop_by(number: int) -> None:
    """Stop at once: a signal to a thread is handled before the call returns."""
    signal.pthread_kill(_thread.get_ident(), number)


def is_in_foreground(terminal: int) -> bool:
    """Tell whether the terminal is this job's now; a terminal that is gone is nobody else's."""
    try:
        return os.tcgetpgrp(terminal) == os.getpgrp()
    except OSError:
        return True


def read_settings(terminal: int) -> list[Any] | None:
    """Return the terminal's settings; None if it is not one, or gone."""
    try:
        return termios.tcgetattr(terminal)
    except termios.error:
        return None


def silence(terminal: int) -> None:
    """Hold keys without showing them."""
    quiet = read_settings(terminal)
    if quiet is not None:
        quiet[0] &= ~(termios.ICRNL | termios.INLCR | termios.IGNCR | termios.IXON | termios.IXOFF)
        quiet[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN | termios.ISIG)
        restore(terminal, quiet)


def restore(terminal: int, settings: list[Any]) -> None:
    """Give the terminal its settings back; one that is another job's by now has that job's."""
    if not is_in_foreground(terminal):
        return
    try:
        termios.tcsetattr(terminal, termios.TCSANOW, settings)
    except termios.error:
        return  # the terminal is gone
