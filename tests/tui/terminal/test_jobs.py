"""The app as a shell's job, in a real terminal: sizes, stopping and resuming, signals."""

from __future__ import annotations

import os
import re
import signal
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.processes import find_tree
from benchmarks.pty_session import Session
from coexplorer.demo.server import DemoServer
from coexplorer.tui.quickstart.first_frame import find_files

PROGRAM = [sys.executable, "-m", "coexplorer"]


@pytest.fixture
def signed_in(server: DemoServer, monkeypatch: pytest.MonkeyPatch) -> DemoServer:
    monkeypatch.setenv("CODEOCEAN_DOMAIN", server.url)
    monkeypatch.setenv("CODEOCEAN_TOKEN", server.users[0].token)
    return server


def open_once(columns: int = 100, rows: int = 34) -> None:
    """Leave a first frame for the next start."""
    with Session(PROGRAM, columns=columns, rows=rows) as session:
        session.wait_for("synced")
        session.wait_for("open data")
        session.wait_idle()
        session.write("q")
        session.wait_exit()


# Sizes


def start_without_size() -> Session:
    session = Session(PROGRAM, columns=0, rows=0)
    session.wait_output(b"reports no size yet")
    return session


@pytest.mark.usefixtures("signed_in")
def test_a_terminal_without_a_size_is_waited_for_in_peace() -> None:
    with start_without_size() as session:
        session.wait_idle()
        written, memory = len(session.output), session.memory_kib()
        before = session.cpu_s()
        session.wait_idle(quiet_s=1.5)
        assert len(session.output) == written
        assert session.memory_kib() < memory + 2048
        assert session.cpu_s() < before + 0.5
        session.write("q")
        session.wait_exit()
        assert session.status == 0
        assert session.modes_left_on() == []


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_terminal_without_a_size_is_given_back_on_a_signal(number: signal.Signals) -> None:
    with start_without_size() as session:
        session.kill(number)
        session.wait_exit()
        assert session.status == 128 + number
        assert session.modes_left_on() == []


@pytest.mark.usefixtures("signed_in")
def test_the_list_is_drawn_as_soon_as_there_is_a_size_and_again_after_it_was_lost() -> None:
    with start_without_size() as session:
        for _ in range(2):
            written = len(session.output)
            session.resize(80, 24)
            session.wait_for("open data")
            session.wait_output(b"open data", since=written)
            session.wait_idle()
            session.resize(0, 0)
            session.wait_idle()
        session.resize(120, 36)
        session.wait_for("open data")
        session.write("/atlas")
        session.wait_for("1 of 9")


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("kept", [(80, 24), (100, 34)])
def test_a_kept_frame_is_not_painted_without_a_size(kept: tuple[int, int]) -> None:
    open_once(*kept)
    with start_without_size() as session:
        assert b"open data" not in session.output
        session.resize(*kept)
        session.wait_for("open data")
        session.write("q")
        session.wait_exit()
        assert session.modes_left_on() == []


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("size", [(80, 0), (0, 24)])
def test_half_a_size_is_none(size: tuple[int, int]) -> None:
    with Session(PROGRAM, columns=size[0], rows=size[1]) as session:
        session.wait_output(b"reports no size yet")
        session.write("q")
        session.wait_exit()
        assert session.status == 0


def test_the_first_start_waits_for_a_size_too() -> None:
    with start_without_size() as session:
        session.resize(80, 24)
        session.wait_for("You are not signed in yet")
        session.write("q")
        session.wait_exit()
        assert session.status == 0
        assert session.modes_left_on() == []


# Stopping and going on, under a real shell


class Shell(Session):
    """An interactive bash with job control that has started the app."""

    def __init__(self, columns: int = 100, rows: int = 34) -> None:
        super().__init__(["bash", "--norc", "--noprofile", "-i"], columns=columns, rows=rows)
        self.write("PS1='ready$ '; bind 'set enable-bracketed-paste off'; stty -a\r")
        self.wait_output(b"ready$ ")
        self.wait_output(b"icanon")
        self.wait_idle()
        self.write(" ".join([*PROGRAM, "\r"]))

    @property
    def app(self) -> int:
        """The program's process."""
        return find_tree(self.pid)[1]

    def stop_by(self, how: str) -> None:
        """Stop the program and wait for the prompt; the terminal is the shell's, as it was."""
        written = len(self.output)
        if how == "key":
            self.write("ctrl+z")
        else:
            os.kill(self.app, signal.SIGTSTP)
        self.wait_output(b"Stopped", since=written)
        self.wait_output(b"ready$ ", since=written)
        self.write("stty -a; echo be''gun\r")
        self.wait_output(b"begun", since=written)
        assert self.modes_left_on() == []
        told = self.output[written:].decode()
        assert re.search(r"(?<!-)\bicanon\b", told)
        assert re.search(r"(?<!-)\becho\b", told)

    def go_on(self) -> int:
        """Bring the program back; return what was written before."""
        written = len(self.output)
        self.write("fg\r")
        self.wait_output(b"\x1b[?1049h", since=written)
        return written

    def leave(self) -> None:
        """Leave the program and the shell."""
        written = len(self.output)
        self.write("q")
        self.wait_output(b"ready$ ", since=written)
        self.write("exit\r")
        self.wait_exit()
        assert self.modes_left_on() == []


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("how", ["key", "TSTP"])
def test_the_app_stops_and_comes_back_with_all_of_its_screen(how: str) -> None:
    with Shell() as shell:
        shell.wait_for("synced")
        shell.wait_for("open data")
        shell.wait_idle()
        shown = shell.lines()[2:]
        for _ in range(2):
            shell.stop_by(how)
            shell.go_on()
            shell.wait_for(lambda lines: lines[2:] == shown)
        shell.leave()


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ("r", "ctrl+s save"),
        ("d", "ctrl+s save"),
        ("/atlas", "1 of 9"),
        ("+", "add tag"),
        ("?", "Edit in place"),
        ("L", "Log"),
        ("N", "bucket"),
        ("y", "attach snippet"),
    ],
)
def test_it_stops_wherever_it_is_and_is_there_again(keys: str, shown: str) -> None:
    with Shell() as shell:
        shell.wait_for("open data")
        shell.wait_for("synced")
        shell.write(keys)
        shell.wait_for(shown)
        shell.wait_idle()
        seen = shell.lines()[2:]
        shell.stop_by("key")
        shell.go_on()
        shell.wait_for(lambda lines: lines[2:] == seen)


@pytest.mark.usefixtures("signed_in")
def test_a_window_that_was_resized_meanwhile_is_filled() -> None:
    with Shell() as shell:
        shell.wait_for("open data")
        shell.wait_for("synced")
        shell.stop_by("key")
        shell.resize(80, 20)
        shell.go_on()
        shell.wait_for(lambda lines: len(lines) == 20 and "? help" in lines[19])
        shell.wait_for("open data")
        assert all(len(line) <= 80 for line in shell.lines())


def test_what_is_typed_after_the_key_that_stops_is_never_a_command(signed_in: DemoServer) -> None:
    with Shell() as shell:
        shell.wait_for("open data")
        shell.wait_idle()
        written = len(shell.output)
        # One packet: all of it is read before the first key is handled.
        shell.write("\x1aaaaa")
        shell.wait_output(b"Stopped", since=written)
        shell.wait_output(b"ready$ ", since=written)
        shell.write("ctrl+u")
        shell.go_on()
        shell.wait_for("open data")
        shell.wait_idle()
        shell.write("?")
        shell.wait_for("Edit in place")
    assert not signed_in.log.find_all("PATCH")


@pytest.mark.usefixtures("signed_in")
def test_after_a_stop_that_can_not_be_caught_the_screen_is_whole_again() -> None:
    with Shell() as shell:
        shell.wait_for("open data")
        shell.wait_for("synced")
        shell.wait_idle()
        seen = shell.lines()[2:]
        written = len(shell.output)
        os.kill(shell.app, signal.SIGSTOP)
        shell.wait_output(b"Stopped", since=written)
        shell.wait_output(b"ready$ ", since=written)
        shell.write("printf '\\033[?1049l'; clear; echo be''gun\r")
        shell.wait_output(b"begun", since=written)
        shell.go_on()
        shell.wait_for(lambda lines: lines[2:] == seen)
        shell.leave()


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_stopped_app_ends_without_the_terminal(number: signal.Signals) -> None:
    with Shell() as shell:
        shell.wait_for("open data")
        shell.stop_by("key")
        app, written = shell.app, len(shell.output)
        shell.write(f"kill -{number.name} %1; kill -CONT %1; wait %1; echo code $?\r")
        shell.wait_output(f"code {128 + number}".encode(), since=written)
        assert b"\x1b[?1049h" not in shell.output[written:]
        assert not Path(f"/proc/{app}/cwd").exists()
        assert shell.modes_left_on() == []


@pytest.mark.usefixtures("signed_in")
def test_in_the_background_it_waits_for_the_terminal() -> None:
    with Shell() as shell:
        shell.wait_for("open data")
        shell.wait_idle()
        seen = shell.lines()[2:]
        shell.stop_by("key")
        written = len(shell.output)
        shell.write("set -b; bg\r")  # -b: told at once, not at the next prompt
        shell.wait_output(b"Stopped", since=written)
        assert b"\x1b[?1049h" not in shell.output[written:]
        shell.go_on()
        shell.wait_for(lambda lines: lines[3:] == seen[1:])


@pytest.mark.usefixtures("signed_in")
def test_who_started_it_stops_with_it(tmp_path: Path) -> None:
    (tmp_path / "Makefile").write_text(f"run:\n\t@{' '.join(PROGRAM)}\n")
    with Session(["bash", "--norc", "--noprofile", "-i"], columns=100, rows=34) as shell:
        shell.write(f"PS1='ready$ '; make -C {tmp_path} run\r")
        shell.wait_for("open data")
        shell.wait_idle()
        written = len(shell.output)
        shell.write("ctrl+z")
        shell.wait_output(b"Stopped", since=written)
        shell.write("fg\r")
        shell.wait_output(b"\x1b[?1049h", since=written)
        shell.write("?")
        shell.wait_for("Edit in place")


@pytest.mark.usefixtures("signed_in")
def test_without_a_shell_to_go_back_to_it_says_so_and_goes_on() -> None:
    with Session(PROGRAM, columns=100, rows=34) as session:
        session.wait_for("open data")
        session.write("ctrl+z")
        session.wait_for("there is no shell to go back to here")
        session.write("q")
        session.wait_exit()
        assert session.status == 0
        assert session.modes_left_on() == []


def test_the_first_start_stops_too() -> None:
    with Shell() as shell:
        shell.wait_for("You are not signed in yet")
        shell.stop_by("key")
        shell.go_on()
        shell.wait_for("You are not signed in yet")
        shell.leave()


@pytest.mark.usefixtures("signed_in")
def test_an_editor_that_stops_stops_the_app_with_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    script = tmp_path / "editor.sh"
    script.write_text("#!/bin/sh\necho EDITING\nread answer < /dev/tty\n")
    script.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(script))
    with Shell() as shell:
        shell.wait_for("open data")
        shell.write("E")
        shell.wait_for("EDITING")
        written = len(shell.output)
        shell.write("ctrl+z")
        shell.wait_output(b"Stopped", since=written)
        shell.wait_output(b"ready$ ", since=written)
        assert b"\x1b[?1049h" not in shell.output[written:]
        written = len(shell.output)
        shell.write("fg\r")
        # bash names the job when it has let go of the terminal. What is typed before, behind the
        # echo of fg, stays a bare CR: no end of a line to the editor, which waits for ever.
        shell.wait_output(b"-m coexplorer", since=written)
        shell.write("\r")
        shell.wait_for("nothing was changed")


# Signals at any moment

HOOK = """
import os, signal, sys
mode, number, when, struck = bytes.fromhex(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:5]
del sys.argv[1:]
real = os.write

def write_all(descriptor, data):
    while data:
        data = data[real(descriptor, data):]

def write(descriptor, data):
    if not os.isatty(descriptor):
        return real(descriptor, data)
    data, at = bytes(data), bytes(data).find(mode)
    if not mode or at < 0 or os.path.exists(struck):
        return real(descriptor, data)
    at += len(mode) if when == "after" else 0
    write_all(descriptor, data[:at])
    os.close(os.open(struck, os.O_CREAT | os.O_WRONLY))
    os.kill(os.getpid(), number)
    write_all(descriptor, data[at:])
    return len(data)

os.write = write
from coexplorer.cli import main
main()
"""
"""The program, which sends itself a signal as it writes a sequence for the first time."""

MODE = re.compile(rb"\x1b\[[?>=][0-9;]*[a-z]|\x1b[=>]")
"""What sets a mode of the terminal, or takes it back."""
FRAME = re.compile(rb"\x1b\[\?2026[hl$]")
"""What is around each frame, and is not left on."""

NUMBERS = [
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGINT,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGTSTP,
]


TRIES = 200
"""So often the program is asked to quit."""


def run_with_signal(script: Path, mode: bytes, number: int, when: str, struck: Path) -> Session:
    """Run the program from its start to its end, with a signal at a sequence that it writes."""
    argv = [sys.executable, str(script), mode.hex(), str(int(number)), when, str(struck)]
    with Session(argv, columns=100, rows=34) as session:
        with suppress(TimeoutError):
            session.wait_for("synced", timeout_s=60)
        with suppress(OSError):
            for _ in range(TRIES):
                if session.exited_at is not None:
                    break
                session.write("q")  # what is typed around a stop is thrown away
                session.wait_quiet(quiet_s=0.3)
            else:
                pytest.fail(f"no end by q after {number} at {mode!r}:\n{session.text()}")
        session.wait_exit()
        assert session.modes_left_on() == [], (mode, number, when)
        assert session.is_cooked(), (mode, number, when)
    return session


@pytest.mark.usefixtures("signed_in")
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("first_frame", [True, False])
def test_a_signal_at_any_mode_that_is_set_or_taken_back_leaves_none_on(
    tmp_path: Path, when: str, *, first_frame: bool
) -> None:
    """Each is struck in a run of its own, however many of them one write to the terminal has."""
    script = tmp_path / "hook.py"
    script.write_text(HOOK)
    open_once()

    def run(mode: bytes, number: int, struck: Path) -> Session:
        if not first_frame:
            files = find_files(os.environ)
            assert files is not None
            Path(files[1]).unlink(missing_ok=True)
        return run_with_signal(script, mode, number, when, struck)

    whole = run(b"", 0, tmp_path / "never")
    assert whole.status == 0
    modes = [each for each in dict.fromkeys(MODE.findall(whole.output)) if not FRAME.match(each)]
    assert {b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[?2004h"} <= set(modes)
    for nth, mode in enumerate(modes, (when == "after") * 2 + first_frame):
        number = NUMBERS[nth % len(NUMBERS)]
        struck = tmp_path / f"struck-{nth}"
        session = run(mode, number, struck)
        assert struck.exists(), mode
        # At the very end the exit code is decided already.
        assert session.status in (0, 128 + number, -number), (mode, number)
