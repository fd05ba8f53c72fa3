"""Drive a terminal program in a pty as a person would, and time what its user sees.

A reader takes what the program writes, with a time for each read; the (slow) emulation of a
terminal runs afterwards on what was read, so that it does not disturb what is measured. Questions
that a real terminal answers are answered. A slow link is a reader that takes no more than the link
carries, and that passes keys and answers on after half a round trip.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import pyte

from benchmarks.processes import find_tree, is_busy, read_pss_kib
from coexplorer.text import width

KEYS = {
    "up": "\x1b[A",
    "down": "\x1b[B",
    "right": "\x1b[C",
    "left": "\x1b[D",
    "home": "\x1b[H",
    "end": "\x1b[F",
    "pageup": "\x1b[5~",
    "pagedown": "\x1b[6~",
    "enter": "\r",
    "tab": "\t",
    "esc": "\x1b",
    "space": " ",
    "backspace": "\x7f",
    "f10": "\x1b[21~",
}

_QUESTIONS: list[tuple[re.Pattern[bytes], bytes]] = [
    (re.compile(rb"\x1b\[5n"), b"\x1b[0n"),
    (re.compile(rb"\x1b\[6n"), b"\x1b[1;1R"),
    (re.compile(rb"\x1b\[0?c"), b"\x1b[?62;22c"),
    (re.compile(rb"\x1b\[\?2026\$p"), b"\x1b[?2026;2$y"),
    (re.compile(rb"\x1b\[\?2048\$p"), b"\x1b[?2048;0$y"),
]
_MODE = re.compile(rb"\x1b\[(\?|>|<)([0-9;]*)(h|l|u)")


class Screen(pyte.Screen):
    """An emulator that passes over what it does not know, as terminals do."""

    def report_device_status(self, mode: int, **_: object) -> None:
        """Answered by the session, from what is on the wire."""

    def report_device_attributes(self, mode: int = 0, **_: object) -> None:
        """Likewise."""

    def select_graphic_rendition(self, *attrs: int, private: bool = False) -> None:
        """Private SGR (``CSI > … m``) is a keyboard setting, not a colour."""
        if not private:
            super().select_graphic_rendition(*attrs)


@dataclass(frozen=True)
class Link:
    """How slow the way to the terminal is."""

    bytes_per_s: float
    round_trip_s: float


@dataclass(frozen=True)
class Measured:
    """What one key did. Milliseconds; `settled_ms` is the time of its last byte."""

    first_ms: float
    settled_ms: float
    count_bytes: int


class Session:
    """A program in a pty. Use as a context manager: it ends whatever still runs.

    Without `answers` the terminal is one that leaves all questions unanswered.
    """

    def __init__(
        self,
        argv: Sequence[str],
        *,
        columns: int = 120,
        rows: int = 36,
        env: Mapping[str, str] | None = None,
        term: str = "xterm-256color",
        link: Link | None = None,
        cwd: Path | None = None,
        typed_ahead: str = "",
        answers: bool = True,
    ) -> None:
        self.columns, self.rows = columns, rows
        self.link = link
        self._answers = answers
        self._chunks: list[tuple[float, bytes]] = []
        self._fed = 0
        self._changed = threading.Condition()
        self._outbox: list[tuple[float, bytes]] = []
        self.screen = Screen(columns, rows)
        self._stream = pyte.ByteStream(self.screen)
        self.status: int | None = None
        self.exited_at: float | None = None
        environment = {**os.environ, **(env or {}), "TERM": term}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        environment.pop("COLUMNS", None)
        environment.pop("LINES", None)
        self.spawned_at = time.monotonic()
        self.pid, self._master = pty.fork()
        if self.pid == 0:  # pragma: no cover - the child
            _become(argv, environment, cwd, columns, rows)
        self.set_size(columns, rows)
        if typed_ahead:
            os.write(self._master, typed_ahead.encode())
        self._stop = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    # --- input

    def set_size(self, columns: int, rows: int) -> None:
        """Tell the program the window's size (SIGWINCH follows by itself)."""
        packed = struct.pack("HHHH", rows, columns, 0, 0)
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, packed)

    def resize(self, columns: int, rows: int) -> None:
        """Change the window."""
        self._feed()
        self.columns, self.rows = columns, rows
        self.screen.resize(rows, columns)
        self.set_size(columns, rows)

    def write(self, text: str) -> None:
        """Send keys, by name (`KEYS`, ``ctrl+x``) or as they are; a link takes its time."""
        data = encode_key(text, application_cursor=self._is_on(b"1"))
        delay = self.link.round_trip_s / 2 if self.link else 0.0
        self._send_at(time.monotonic() + delay, data)

    def press(self, key: str, *, quiet_s: float = 0.06, timeout_s: float = 20.0) -> Measured:
        """Press a key and wait until the screen has settled."""
        with self._changed:
            before = len(self._chunks)
        start = time.monotonic()
        self.write(key)
        self.wait_quiet(quiet_s=quiet_s, timeout_s=timeout_s, since=start)
        with self._changed:
            chunks = self._chunks[before:]
        if not chunks:
            return Measured(0.0, 0.0, 0)
        return Measured(
            (chunks[0][0] - start) * 1000,
            (chunks[-1][0] - start) * 1000,
            sum(len(data) for _, data in chunks),
        )

    # --- output

    def wait_quiet(
        self, *, quiet_s: float = 0.1, timeout_s: float = 20.0, since: float | None = None
    ) -> None:
        """Wait until nothing was written for `quiet_s` (counted from `since` at the earliest)."""
        since = time.monotonic() if since is None else since
        deadline = since + timeout_s
        with self._changed:
            while (now := time.monotonic()) < deadline:
                last = max(since, self._chunks[-1][0] if self._chunks else 0.0)
                if now - last >= quiet_s or self.status is not None:
                    return
                self._changed.wait(quiet_s - (now - last) + 0.001)

    def wait_idle(self, *, quiet_s: float = 0.4, timeout_s: float = 60.0) -> None:
        """Wait until nothing was written, and nothing was computed, for `quiet_s`.

        For tests: on a machine that is busy elsewhere a program can be quiet for seconds because
        it does not come to run, which `wait_quiet` takes for its end.

        Raises:
            TimeoutError: With the screen as it is.
        """
        since, deadline = time.monotonic(), time.monotonic() + timeout_s
        with self._changed:
            while self.status is None:
                now = time.monotonic()
                if now > deadline:
                    raise TimeoutError(f"never idle; the screen shows:\n{self.text()}")
                if any(is_busy(pid) for pid in find_tree(self.pid)):
                    since = now
                if now - max(since, self._chunks[-1][0] if self._chunks else 0.0) >= quiet_s:
                    return
                self._changed.wait(0.02)

    def wait_for(
        self,
        wanted: str | re.Pattern[str] | Callable[[list[str]], bool],
        *,
        timeout_s: float = 30.0,
    ) -> float:
        """Wait until the screen shows something; return the time of the bytes that showed it.

        Raises:
            TimeoutError: With the screen as it is.
        """
        deadline = time.monotonic() + timeout_s
        found = _build_test(wanted)
        if found(self.lines()):
            return self._chunks[self._fed - 1][0]
        while True:
            while self._feed_one():
                if found(self._display()):
                    return self._chunks[self._fed - 1][0]
            with self._changed:
                if len(self._chunks) == self._fed:
                    if time.monotonic() >= deadline or self.status is not None:
                        shown = "\n".join(self._display())
                        raise TimeoutError(f"not seen: {wanted!r}; the screen shows:\n{shown}")
                    self._changed.wait(0.05)

    def wait_output(self, wanted: bytes, *, since: int = 0, timeout_s: float = 30.0) -> None:
        """Wait until the program has written something after its first `since` bytes.

        Raises:
            TimeoutError: With what it wrote instead.
        """
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while wanted not in self.output[since:]:
                if time.monotonic() >= deadline or self.status is not None:
                    raise TimeoutError(f"not written: {wanted!r}, but {self.output[since:]!r}")
                self._changed.wait(0.05)

    def wait_unchanged(
        self, rows: slice, *, quiet_s: float = 1.0, timeout_s: float = 60.0
    ) -> float:
        """Wait until nothing more is written; return when the text of `rows` changed last."""
        start = time.monotonic()
        (changed,) = self.wait_unchanged_parts(rows, quiet_s=quiet_s, timeout_s=timeout_s)
        return start if changed is None else changed

    def wait_unchanged_parts(
        self, *parts: slice, quiet_s: float = 1.0, timeout_s: float = 60.0
    ) -> list[float | None]:
        """Likewise for several parts of the screen; None for one that did not change."""
        lines = self.lines()
        shown = [lines[part] for part in parts]
        changed: list[float | None] = [None] * len(parts)
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            self.wait_quiet(quiet_s=quiet_s, timeout_s=deadline - time.monotonic())
            if not self._feed_one():
                break
            more = True
            while more:
                now = self._display()
                for at, part in enumerate(parts):
                    if now[part] != shown[at]:
                        shown[at], changed[at] = now[part], self._chunks[self._fed - 1][0]
                more = self._feed_one()
        return changed

    def lines(self) -> list[str]:
        """Return what the screen shows now, without trailing blanks."""
        self._feed()
        return self._display()

    def text(self) -> str:
        """Return what the screen shows now as one text."""
        return "\n".join(self.lines())

    @property
    def output(self) -> bytes:
        """Everything that was written so far."""
        with self._changed:
            return b"".join(data for _, data in self._chunks)

    def count_bytes(self, *, until: float | None = None) -> int:
        """Count the bytes written up to a time."""
        with self._changed:
            return sum(len(data) for at, data in self._chunks if until is None or at <= until)

    # --- the process

    def memory_kib(self) -> int:
        """Return the proportional set size of the process and its children."""
        return sum(read_pss_kib(pid) for pid in find_tree(self.pid))

    def cpu_s(self) -> float:
        """Return the CPU time of the process so far."""
        parts = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")

    def is_cooked(self) -> bool:
        """Tell whether the terminal edits lines, echoes, and sends signals for keys."""
        lines, _, _, local, *_ = termios.tcgetattr(self._master)
        wanted = termios.ICANON | termios.ECHO | termios.ISIG | termios.IEXTEN
        return bool(lines & termios.ICRNL) and local & wanted == wanted

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait_exit(self, *, timeout_s: float = 20.0) -> float:
        """Wait for the end of the program; return its time."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while self.exited_at is None:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"still running; the screen shows:\n{self.text()}")
                self._changed.wait(0.05)
            return self.exited_at

    def end(self) -> None:
        """Kill the program if it still runs, and let go of the pty."""
        if self.status is None:
            self.kill()
            with contextlib.suppress(TimeoutError):
                self.wait_exit(timeout_s=5.0)
        self._stop.set()
        self._reader.join()
        os.close(self._master)

    def _is_on(self, mode: bytes) -> bool:
        return mode.decode() in self.modes_left_on()

    def modes_left_on(self) -> list[str]:
        """Name the private modes that were switched on and not off again."""
        on: dict[bytes, bool] = {}
        for kind, numbers, action in _MODE.findall(self.output):
            if action == b"u":
                on[b"kitty keys"] = kind == b">"
                continue
            for number in numbers.split(b";"):
                # 25 (cursor) and 7 (wrap) are on by nature: they are left on when they were set.
                natural = number in (b"25", b"7")
                on[number] = (action == b"h") != natural
        return sorted(mode.decode() for mode, left in on.items() if left)

    # --- inside

    def _send_at(self, at: float, data: bytes) -> None:
        if self.link is None:
            os.write(self._master, data)
            return
        with self._changed:
            self._outbox.append((at, data))

    def _read(self) -> None:
        budget, refilled = 0.0, time.monotonic()
        while not self._stop.is_set():
            self._deliver()
            room = 65536
            if self.link is not None:
                now = time.monotonic()
                budget = min(2048.0, budget + (now - refilled) * self.link.bytes_per_s)
                refilled = now
                room = int(budget)
                if room < 64:
                    time.sleep(0.004)
                    continue
            ready, _, _ = select.select([self._master], [], [], 0.004 if self.link else 0.02)
            data = b""
            if ready:
                with contextlib.suppress(OSError):
                    data = os.read(self._master, room)
            if data:
                budget -= len(data)
                self._note(data)
            elif self._has_ended(closed=bool(ready)):
                return

    def _note(self, data: bytes) -> None:
        now = time.monotonic()
        delay = self.link.round_trip_s if self.link else 0.0
        for question, answer in _QUESTIONS if self._answers else ():
            for _ in question.findall(data):
                self._send_at(now + delay, answer)
        with self._changed:
            # Over a link the user sees it half a round trip later.
            self._chunks.append((now + delay / 2, data))
            self._changed.notify_all()

    def _deliver(self) -> None:
        if self.link is None:
            return
        now = time.monotonic()
        with self._changed:
            due = [data for at, data in self._outbox if at <= now]
            self._outbox = [(at, data) for at, data in self._outbox if at > now]
        for data in due:
            with contextlib.suppress(OSError):
                os.write(self._master, data)

    def _has_ended(self, *, closed: bool) -> bool:
        pid, status = os.waitpid(self.pid, 0 if closed else os.WNOHANG)
        if pid == 0:
            return False
        with self._changed:
            self.status = os.waitstatus_to_exitcode(status)
            self.exited_at = time.monotonic()
            self._changed.notify_all()
        return True

    def _feed(self) -> None:
        while self._feed_one():
            pass

    def _feed_one(self) -> bool:
        with self._changed:
            if self._fed == len(self._chunks):
                return False
            data = self._chunks[self._fed][1]
            self._fed += 1
        self._stream.feed(data)
        return True

    def _display(self) -> list[str]:
        # pyte's own `display` fails where half of a wide character was written over.
        return [self._line(self.screen.buffer[y]) for y in range(self.screen.lines)]

    def _line(self, cells: Mapping[int, pyte.screens.Char]) -> str:
        texts = [cells[x].data for x in range(self.screen.columns)]
        halves = [x > 0 and not text and width(texts[x - 1]) > 1 for x, text in enumerate(texts)]
        shown = (text or " " for text, half in zip(texts, halves, strict=True) if not half)
        return "".join(shown).rstrip()


def encode_key(key: str, *, application_cursor: bool = False) -> bytes:
    """Return what a terminal sends for a key, by name, or the text itself.

    Args:
        key: A name of `KEYS`, ``ctrl+x``, or text.
        application_cursor: DECCKM is on: arrows are sent as SS3.
    """
    if key.startswith("ctrl+") and len(key) == 6:
        return bytes([ord(key[-1]) & 0x1F])
    text = KEYS.get(key, key)
    if application_cursor and re.fullmatch(r"\x1b\[[A-DHF]", text):
        text = "\x1bO" + text[-1]
    return text.encode()


def _become(
    argv: Sequence[str], env: Mapping[str, str], cwd: Path | None, columns: int, rows: int
) -> None:  # pragma: no cover - the child
    packed = struct.pack("HHHH", rows, columns, 0, 0)
    fcntl.ioctl(0, termios.TIOCSWINSZ, packed)
    if cwd is not None:
        os.chdir(cwd)
    try:
        os.execvpe(argv[0], list(argv), dict(env))  # noqa: S606 - no shell is wanted
    finally:
        os._exit(127)


def _build_test(
    wanted: str | re.Pattern[str] | Callable[[list[str]], bool],
) -> Callable[[list[str]], bool]:
    if isinstance(wanted, str):
        return lambda lines: any(wanted in line for line in lines)
    if isinstance(wanted, re.Pattern):
        return lambda lines: wanted.search("\n".join(lines)) is not None
    return wanted
