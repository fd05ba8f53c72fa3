"""A program on its own terminal, for what it only does there."""

from __future__ import annotations

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from tests.support.patience import stretched

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")

_SIZES = ("COLUMNS", "LINES")
"""They would win over the terminal's own size."""


class Terminal:
    """A running program and its screen's bytes.

    Attributes:
        shown: All that was written to the terminal so far.
    """

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self._master = master
        self.process = process
        self.shown = ""

    def wait_for(self, text: str, timeout_s: float = 60, *, times: int = 1) -> None:
        """Read until `text` was written so many times (escape sequences left out)."""
        deadline = time.monotonic() + stretched(timeout_s)
        while self.plain.count(text) < times:
            assert time.monotonic() < deadline, f"no {text!r} in {self.plain!r}"
            assert self._read(), f"it ended without {text!r}: {self.plain!r}"

    def send(self, text: str) -> None:
        """Type."""
        os.write(self._master, text.encode())

    def send_until(self, keys: str, text: str, timeout_s: float = 60) -> None:
        """Type the same again and again until `text` was written.

        For keys that a program may throw away: vim forgets what was typed around a Ctrl-C.
        """
        deadline = time.monotonic() + stretched(timeout_s)
        while text not in self.plain:
            assert time.monotonic() < deadline, f"no {text!r} in {self.plain!r}"
            self.send(keys)
            assert self._read(), f"it ended without {text!r}: {self.plain!r}"

    def send_until_so(
        self, keys: str, condition: Callable[[], bool], timeout_s: float = 60
    ) -> None:
        """Type the same again and again until something has happened."""
        deadline = time.monotonic() + stretched(timeout_s)
        while not condition():
            assert time.monotonic() < deadline, f"it did not happen: {self.plain!r}"
            self.send(keys)
            assert self._read(), f"it ended: {self.plain!r}"

    def send_until_it_ends(self, keys: str, timeout_s: float = 60) -> None:
        """Type the same again and again until the program has left the terminal."""
        deadline = time.monotonic() + stretched(timeout_s)
        self.send(keys)
        while self._read():
            assert time.monotonic() < deadline, f"it did not end: {self.plain!r}"
            self.send(keys)

    def wait(self, timeout_s: float = 60) -> int:
        """Read to the end and return the exit code."""
        deadline = time.monotonic() + stretched(timeout_s)
        while self._read():
            assert time.monotonic() < deadline, f"it did not end: {self.plain!r}"
        return self.process.wait(stretched(timeout_s))

    def hang_up(self) -> None:
        """Take the terminal away, as a closed window or a killed tmux does."""
        os.close(self._master)
        self._master = -1

    def modes(self) -> list[Any]:
        """Return the terminal's settings."""
        return termios.tcgetattr(self._master)

    def close(self) -> None:
        """Let go of the terminal, if it is there."""
        if self._master >= 0:
            self.hang_up()

    @property
    def plain(self) -> str:
        """What was written, without escape sequences."""
        return _ESCAPES.sub("", self.shown)

    def _read(self) -> bool:
        """Read what is there; False when the terminal was closed."""
        ready, _, _ = select.select([self._master], [], [], 0.2)
        if not ready:
            return True
        try:
            data = os.read(self._master, 65536)
        except OSError:  # Linux says so when the last program has left the terminal
            return False
        self.shown += data.decode("utf-8", "replace")
        return bool(data)


@contextmanager
def in_terminal(
    command: Sequence[str], env: Mapping[str, str], *, columns: int = 80, lines: int = 24
) -> Iterator[Terminal]:
    """Run a program with a controlling terminal of its own, in the home of its environment.

    Editors that are ended leave files where they are (joe: ``DEADJOE``): never among ours.
    """
    master, slave = os.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    # setsid makes the new terminal the controlling one, without code between fork and exec.
    inherited = {name: value for name, value in os.environ.items() if name not in _SIZES}
    process = subprocess.Popen(
        ["setsid", "--ctty", "--wait", *command],
        env={**inherited, "TERM": "xterm-256color", **env},
        cwd=env.get("HOME", os.environ["HOME"]),
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    terminal = Terminal(master, process)
    try:
        yield terminal
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        terminal.close()
