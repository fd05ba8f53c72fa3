"""``demo``: the tour, the profile that other terminals use, and what is kept."""

import os
import signal
import socket
import subprocess
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from benchmarks.pty_session import Session
from coexplorer.config import find_paths
from coexplorer.config.embedded import get_embedded_server
from tests.support.patience import stretched
from tests.support.program import TIMEOUT_S, program_command
from tests.support.terminal import Terminal, in_terminal


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program_command(*args),
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@contextmanager
def demo(*args: str) -> Iterator[None]:
    """Let the demo be there for other terminals, and end it as a user does."""
    command = program_command("demo", "--no-app", *args)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            assert "--profile demo" in process.stdout.readline()
            yield
            process.send_signal(signal.SIGINT)
            assert process.wait(TIMEOUT_S) == 0
        finally:
            process.kill()


def test_the_tour_shows_real_commands_and_none_fails() -> None:
    with in_terminal(program_command("demo", "--tour", "--assets", "60"), {}) as terminal:
        terminal.wait_for("until you press Enter")
        terminal.send("\n")
        assert terminal.wait() == 0
    text = terminal.plain
    assert text.count("$ coexplorer --profile demo") == 7
    assert "coexplorer:" not in text
    assert "+keep" in text


def test_the_profile_demo_lives_as_long_as_the_demo_and_its_data_longer() -> None:
    find_kept = ("--profile", "demo", "ls", "tag:mine-now", "--all", "--ids")
    assert run(*find_kept).returncode == 3
    with demo("--assets", "60"):
        first = run("--profile", "demo", "ls", "--ids").stdout.split()[0]
        assert run("--profile", "demo", "edit", first, "--add-tag", "mine-now").returncode == 0
        again = run("demo", "--no-app")
        assert again.returncode == 3
        assert "already running" in again.stderr
        assert find_open_files(find_paths().demo_dir) == []
    assert run(*find_kept).returncode == 3
    with demo():
        assert run(*find_kept).stdout.split() == [first]
    with demo("--fresh", "--assets", "60"):
        assert run(*find_kept).stdout == ""


def test_the_demo_plays_an_export_and_trouble(tmp_path: Path) -> None:
    (tmp_path / "export.jsonl").write_text('{"id": "one", "name": "from my deployment"}\n')
    (tmp_path / "faults").write_text("GET data_assets/* 403\n")
    files = ("--import", str(tmp_path / "export.jsonl"), "--faults", str(tmp_path / "faults"))
    with demo(*files):
        assert "from my deployment" in run("--profile", "demo", "ls").stdout
        assert run("--profile", "demo", "show", "from my deployment").returncode == 5


@contextmanager
def demo_with_app() -> Iterator[tuple[Terminal, str]]:
    """Open the demo's app, and give its terminal and its server's address."""
    with in_terminal(program_command("demo", "--assets", "60"), {}) as terminal:
        terminal.wait_for("ecephys")
        yield terminal, get_embedded_server(find_paths().demo_dir).url


def test_the_app_says_how_other_terminals_get_there_and_the_end_that_it_is_the_end() -> None:
    # A notice is painted around what stands there already, and goes: look at each frame's screen.
    with Session(program_command("demo", "--assets", "60"), columns=200) as session:
        session.wait_for("--profile demo ls", timeout_s=stretched(60))
        session.write("q")
        session.wait_exit(timeout_s=stretched(60))
        assert session.status == 0
    left = session.output.decode().rpartition("\x1b[?1049l")[2]
    assert "the demo has ended" in left
    assert "runs at" not in left


def assert_gone(url: str) -> None:
    address = urlsplit(url)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((str(address.hostname), int(address.port or 0))).close()


def test_the_demo_ends_with_its_terminal() -> None:
    with demo_with_app() as (terminal, url):
        terminal.hang_up()
        # Some Pythons end with 120 when what is left to say has nowhere to go.
        assert terminal.process.wait(TIMEOUT_S) in {128 + signal.SIGHUP, 120}
        assert_gone(url)


def test_the_demo_gives_the_terminal_back_when_a_signal_ends_it() -> None:
    with demo_with_app() as (terminal, url):
        raw = termios.ECHO | termios.ICANON | termios.ISIG
        assert not terminal.modes()[3] & raw
        # What a hang-up sends, in this order; to be woken twice is to be woken while awake.
        terminal.process.send_signal(signal.SIGCONT)
        terminal.process.send_signal(signal.SIGHUP)
        terminal.process.send_signal(signal.SIGCONT)
        assert terminal.wait() == 128 + signal.SIGHUP
        assert terminal.modes()[3] & raw == raw
        # A process that wakes takes the terminal again, in any mode; the last word counts.
        assert terminal.shown.rindex("\x1b[?1049l") > terminal.shown.rindex("\x1b[?1049h")
        assert_gone(url)


def find_open_files(demo_dir: Path) -> list[Path]:
    """Return what others could read of the demo's own files, if the folder let them in."""
    assert demo_dir.stat().st_mode & 0o077 == 0
    kept = [path for folder in (demo_dir, demo_dir / "server") for path in folder.iterdir()]
    return [path for path in kept if path.is_file() and path.stat().st_mode & 0o077]


@pytest.mark.parametrize(
    "args", [("--profile", "lab"), ("--domain", "acme"), ("--token-file", "nowhere")]
)
def test_no_token_and_no_other_profile_goes_to_the_demo(args: tuple[str, str]) -> None:
    done = run(*args, "demo", "--tour")
    assert done.returncode == 3
    assert not find_paths().demo_dir.exists()


def test_a_terminal_is_needed_for_the_app(tmp_path: Path) -> None:
    env = {
        **os.environ,
        "CODEOCEAN_DOMAIN": "http://127.0.0.1:1",
        "CODEOCEAN_TOKEN": "cop_x",
    }
    done = subprocess.run(
        program_command(), env=env, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 2
    assert "terminal" in done.stderr


def test_a_mount_of_the_demo_ends_with_it(tmp_path: Path) -> None:
    folder = tmp_path / "mount"
    with demo("--assets", "60"):
        assert run("--profile", "demo", "mount", str(folder)).returncode == 0
        assert folder.is_mount()
    assert not folder.is_mount()
    assert not folder.exists() or not list(folder.iterdir())
