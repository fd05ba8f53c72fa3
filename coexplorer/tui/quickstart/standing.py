"""The first frame and its terminal, looked after until the app takes over."""

from __future__ import annotations

import _thread
import os
import signal

from coexplorer.tui.terminal import jobs

TYPE_CHECKING = False  # typing itself costs more than the frame
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from coexplorer.tui.terminal.cells import Row

ENTER = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[m\x1b[H\x1b[2J"
LEAVE = b"\x1b[m\x1b[?7h\x1b[?1049l\x1b[?25h"
_STDIN, _STDERR = 0, 2


class Painted:
    """A first frame that is on the screen.

    Attributes:
        size: Columns and rows.
        rows: The rows as `first_frame.keep` was given them.
        drawn: The rows that are on the screen, when they are others by now.
        terminal: The terminal's settings before the frame, for `termios.tcsetattr`.
        typed: What was typed on it, as the terminal sent it.
        search: The text of the search that it is, without its sign; empty when it is anything else.
        unknown: Numbers of rows that show something else by now.
    """

    def __init__(self, size: tuple[int, int], rows: bytes, terminal: list[Any]) -> None:
        self.size = size
        self.rows = rows
        self.drawn: Sequence[Row] | None = None
        self.terminal = terminal
        self.typed = b""
        self.search = ""
        self.unknown: tuple[int, ...] = ()


class Standing:
    """A frame that stands, on a terminal that is to be given back as it was.

    Signals are handled in the main thread, between two steps of whatever it is importing. The lock
    keeps the thread that shows what is typed from writing on what is then the shell's screen.

    Args:
        terminal: Its settings before.
        frame: What the app will be handed.
    """

    def __init__(self, terminal: list[Any], frame: Painted) -> None:
        self.frame = frame
        # One signal may come while another one is handled.
        self.writing = _thread.RLock()
        self._terminal = terminal
        self._painting = b""
        self._handlers: dict[int, Any] = {}

    def begin(self) -> None:
        """Hold keys without showing them, and let no signal leave the terminal like that."""
        self._handlers = {number: signal.signal(number, self._end_by) for number in jobs.ENDING}
        self._handlers[signal.SIGTSTP] = signal.signal(signal.SIGTSTP, self._stop_by)
        self._handlers[signal.SIGCONT] = signal.signal(signal.SIGCONT, self._go_on_by)
        jobs.silence(_STDIN)

    def paint(self, painting: bytes) -> None:
        """Paint, on a screen of its own."""
        self._painting = painting
        _write(ENTER + painting)

    def _paint_again(self) -> None:
        jobs.silence(_STDIN)
        if self._painting:
            self.paint(self._painting)
            self.frame.unknown = tuple(range(self.frame.size[1]))

    def leave(self) -> None:
        """Give the terminal back."""
        if self._painting:
            _write(LEAVE)
        jobs.restore(_STDIN, self._terminal)

    def ignore_signals(self) -> None:
        """Restore the signal handlers of before."""
        for number, handler in self._handlers.items():
            # Whoever took a signal over in between keeps it.
            if getattr(signal.getsignal(number), "__self__", None) is self:
                signal.signal(number, handler)

    def stop(self, *, group: bool) -> None:
        """Give the terminal to the shell until it is ours again; then repaint."""
        with self.writing:
            self.leave()
            self._go_on(jobs.stop(_STDIN, group=group))

    def _go_on(self, stopped: jobs.Stopped) -> None:
        if stopped.ended_by is not None:
            self.leave()
            os._exit(128 + stopped.ended_by)
        self._paint_again()

    def _end_by(self, number: int, _frame: object) -> None:
        with self.writing:
            self.leave()
            # Not by an exception, which whatever is being imported could swallow.
            os._exit(128 + number)

    def _stop_by(self, _number: int, _frame: object) -> None:
        self.stop(group=False)

    def go_on(self) -> None:
        """Repaint after a stop that can't be caught: the shell had the screen."""
        with self.writing:
            self._go_on(jobs.await_foreground(_STDIN))

    def _go_on_by(self, _number: int, _frame: object) -> None:
        self.go_on()


def _write(data: bytes) -> None:
    """Write everything, to a terminal that may be gone."""
    try:
        while data:
            data = data[os.write(_STDERR, data) :]
    except OSError:
        return
