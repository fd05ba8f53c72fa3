"""Textual's driver, adapted to slow links: what it switches on, how it reads and ends."""

from __future__ import annotations

import os
import re
import select
import selectors
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from textual.drivers.linux_driver import LinuxDriver

from coexplorer.tui import opening
from coexplorer.tui.terminal import jobs
from coexplorer.tui.terminal.pacing import AnswerFilter, Pacer
from coexplorer.tui.terminal.reading import ASKS_FOR_BRACKETS, InputReader

if TYPE_CHECKING:
    from textual.app import App
    from textual.message import Message

_NEVER_SENT = re.compile(
    r"\x1b\]22;[a-z-]*\x07"  # the shape of the mouse pointer
    r"|\x1b\[(?:\?1003[hl]"  # any-motion mouse tracking: a report for every cell passed
    r"|\?1015[hl]"  # the urxvt form of mouse reports, which 1006 replaces
    r"|\?1004[hl]"  # focus reports: nothing here depends on the focus
    r"|\?2048(?:\$p|[hl])"  # sizes in the input stream: SIGWINCH tells them
    r"|>\d*u|<u"  # the kitty keyboard protocol, which outlives a dropped link
    r")"
)
_ASKED_OF_MODERN = re.compile(r"\x1b\[\?2026\$p")
_OLD_TERMINALS = ("linux", "vt", "dumb", "ansi", "cons")
_LOOK_AGAIN_S = 0.05
_LOOKS = 3
"""Looks after the last byte: by then a lone ESC is the key."""
ASSUMED_SIZE = (80, 24)
"""Columns and rows of a terminal that says none, as long as it says none."""


class _Tty:
    """The terminal as a file that may be gone: a dropped link must not end the writer's thread.

    What is written leaves whole, at `flush`, also where another program made the terminal return
    from a full queue instead of waiting.
    """

    def __init__(self, file: TextIO) -> None:
        self._fileno = file.fileno()
        self._encoding = file.encoding or "utf-8"
        self._errors = file.errors or "replace"
        self._waiting: list[str] = []

    def write(self, text: str) -> None:
        self._waiting.append(text)

    def flush(self) -> None:
        data = "".join(self._waiting).encode(self._encoding, self._errors)
        self._waiting.clear()
        with suppress(OSError):
            while data:
                try:
                    data = data[os.write(self._fileno, data) :]
                except BlockingIOError:
                    select.select([], [self._fileno], [])

    def fileno(self) -> int:
        return self._fileno


def _knows_modes() -> bool:
    """Tell whether it can be asked for a mode: Apple's terminal writes a letter instead."""
    return os.environ.get("TERM_PROGRAM") != "Apple_Terminal"


class QuietDriver(LinuxDriver):
    """A terminal at the far end of a slow link.

    Clicks and the wheel are reported, motion is not. Input is read when it comes and the thread
    that reads is woken to end, so nothing is polled. The answers that pace the frames are taken out
    of the input before it is parsed, and waited for before the terminal is given back.

    Attributes:
        pacer: Says when a frame may leave.
        has_size: Whether the terminal says how large it is. One that a container or a serial line
            has opened may say so later, or never.
        lacked_size: Whether it said none before; whoever draws then makes this False.
        is_active: Whether the terminal is taken.
        on_answer: Called in the loop's thread when the terminal has answered.
    """

    def __init__(
        self,
        app: App[object],
        *,
        debug: bool = False,
        mouse: bool = True,
        size: tuple[int, int] | None = None,
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        self.has_size = True
        self.lacked_size = False
        self.is_active = False
        # One size for all who ask: two that differ are a resize without end.
        self._size = size or self._get_terminal_size()
        # The errors' stream is Textual's terminal; the user may have sent it elsewhere.
        streams = [each for each in (sys.__stderr__, sys.__stdout__) if each is not None]
        if streams:
            terminal = next((each for each in streams if each.isatty()), streams[0])
            self._file = _Tty(terminal)  # type: ignore[assignment]  # what the writer uses of it
        self._answers = AnswerFilter()
        self._wake: tuple[int, int] | None = None
        self._is_old = os.environ.get("TERM", "").startswith(_OLD_TERMINALS)
        self._answered = threading.Event()
        self.pacer = Pacer()
        self.on_answer: Callable[[], None] | None = None
        self._terminal_before: list[Any] | None = None
        self._typed = b""
        self._has_asked = False

    def take_over(self, terminal: list[Any], typed: bytes) -> None:
        """Start on a screen that is painted already, on a terminal that was quiet before.

        Args:
            terminal: Its settings as they are to be given back, from `termios.tcgetattr`.
            typed: What was read from it already.
        """
        self._terminal_before = terminal
        self._typed = typed

    def write(self, data: str) -> None:
        """Write only what suits every terminal and every link."""
        data = _NEVER_SENT.sub("", data)
        if self._terminal_before is not None:
            # Entering the other screen a second time would clear it.
            data = data.replace("\x1b[?1049h", "")
        if self._is_old:
            data = _ASKED_OF_MODERN.sub("", data)
        if data and self._writer_thread is not None:
            super().write(data)

    def _get_terminal_size(self) -> tuple[int, int]:
        columns, rows = shutil.get_terminal_size((0, 0))
        self.has_size = columns > 0 and rows > 0
        self.lacked_size = self.lacked_size or not self.has_size
        return (columns, rows) if self.has_size else ASSUMED_SIZE

    def _sigtstp_application(self, *_: object) -> None:
        """Leave stopping to the app, which does it between two messages."""

    def _sigcont_application(self, *_: object) -> None:
        """Leave going on to the app."""

    def start_application_mode(self) -> None:
        """Take the terminal, for the first time or after another program had it."""
        if self._wake is None:
            self._wake = os.pipe()
        self.pacer.forget()
        self.is_active = True
        super().start_application_mode()  # type: ignore[no-untyped-call]  # Textual's
        if self._terminal_before is not None:
            # The first frame is on the screen; its way into the terminal is ours to go back.
            self.attrs_before, self._terminal_before = self._terminal_before, None
            opening.hand_over()
        if self._key_thread is None:
            # Gone before it was taken: nothing reads from it, so nothing else would tell.
            self.is_active = False
            os.kill(os.getpid(), signal.SIGHUP)
        elif not self._has_asked and not self._is_old:
            self._has_asked = True
            self.write(ASKS_FOR_BRACKETS if _knows_modes() else ASKS_FOR_BRACKETS.partition("p")[2])

    def stop_application_mode(self) -> None:
        """Give the terminal back, if it is taken."""
        if self.is_active:
            super().stop_application_mode()
            self.is_active = False

    def take_again(self) -> None:
        """Set the terminal's modes again: another program had it while this one was stopped."""
        jobs.silence(self.fileno)
        modes = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h"
        self.write(f"{modes}\x1b[?1000h\x1b[?1006h" if self._mouse else modes)
        self.pacer.forget()

    def run_input_thread(self) -> None:
        """Read keys and answers until woken to end."""
        if self._wake is None:
            raise RuntimeError("input is read in application mode only")
        reader = InputReader(alt_keys=getattr(self._app, "alt_keys", ()), debug=self._debug)
        with selectors.DefaultSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            selector.register(self._wake[0], selectors.EVENT_READ)
            # What was typed on the first frame came before what is in the terminal now.
            typed, self._typed = self._typed, b""
            self._hand_on(reader.feed(self._take_answers(typed)))
            # A lone ESC is a key only if nothing follows it, so look again soon.
            looks = _LOOKS if typed else 0
            while not self.exit_event.is_set():
                ready = selector.select(_LOOK_AGAIN_S if looks else None)
                data = b""
                if any(key.fd == self.fileno for key, _ in ready):
                    with suppress(OSError):
                        data = os.read(self.fileno, 4096)
                    if not data:
                        selector.unregister(self.fileno)
                        # The terminal is gone. The kernel tells the leader of the session alone,
                        # and not every one passes it on, as a shell does: make waits for us.
                        os.kill(os.getpid(), signal.SIGHUP)
                if ready:
                    self._hand_on(reader.feed(self._take_answers(data)))
                else:
                    self._hand_on(reader.look_again(self._answers.flush()))
                looks = _LOOKS if ready else looks - 1

    def _hand_on(self, messages: Iterable[Message]) -> None:
        for message in messages:
            self.process_message(message)

    def _take_answers(self, data: bytes) -> bytes:
        data, count = self._answers.feed(data)
        if count:
            self.pacer.note_answers(count, time.monotonic())
            self._answered.set()
            if self.on_answer is not None and not self.exit_event.is_set():
                self._loop.call_soon_threadsafe(self.on_answer)
        return data

    def _wait_for_answers(self) -> None:
        """Read what is still on its way, so that the shell does not get it."""
        now = time.monotonic()
        deadline = now + self.pacer.patience_s(now)
        while self.pacer.unanswered and (left_s := deadline - time.monotonic()) > 0:
            self._answered.wait(left_s)
            self._answered.clear()

    def disable_input(self) -> None:
        """Stop reading as soon as nothing more is on its way."""
        if not self.is_active:
            return  # it may be another job's by now, and to touch it would stop this one
        if self._key_thread is not None and self._wake is not None:
            self._wait_for_answers()
            self.exit_event.set()
            os.write(self._wake[1], b"x")
            self._key_thread.join()
            self._key_thread = None
            os.read(self._wake[0], 1)
            self.exit_event.clear()
        super().disable_input()

    def close(self) -> None:
        """End the writer and let go of what was opened."""
        super().close()
        if self._wake is not None:
            for end in self._wake:
                os.close(end)
            self._wake = None
