"""Machines that are not Linux, or show no /proc: all works but the mount, which says so."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.namespaces import UNSHARE
from tests.support.program import TIMEOUT_S, Program, program_command

WITHOUT_PROC = 'mount -t tmpfs none /proc && exec "$@"'


def run_without_proc(*args: str) -> subprocess.CompletedProcess[str]:
    command = [*UNSHARE, "sh", "-c", WITHOUT_PROC, "sh", *program_command(*args)]
    return subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_without_proc_nothing_is_mounted() -> None:
    done = run_without_proc("status")
    assert done.returncode == 0
    assert "nothing is mounted: the mount needs Linux" in done.stdout


@pytest.mark.parametrize("command", ["mount", "umount"])
def test_without_proc_nothing_can_be_mounted_and_one_sentence_says_so(
    tmp_path: Path, command: str
) -> None:
    done = run_without_proc(command, str(tmp_path / "folder"))
    assert done.returncode == {"mount": 9, "umount": 4}[command]
    said = {"mount": "the mount needs Linux", "umount": "coexplorer has nothing mounted"}
    assert done.stderr.startswith(f"coexplorer: {said[command]}")
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "folder").exists()


def test_without_proc_the_demo_works_to_its_end() -> None:
    done = run_without_proc("demo", "--tour", "--assets", "60")
    assert done.returncode == 0
    assert done.stderr.strip() == ""
    assert "+keep" in done.stdout


ON_WINDOWS = "import sys; sys.modules['fcntl'] = None; from coexplorer.cli import main; main()"


@pytest.mark.parametrize("args", [(), ("ls",), ("--help",), ("demo",), ("serve",), ("mount", "x")])
def test_windows_gets_one_sentence(args: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ON_WINDOWS, *args],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 9
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert "WSL" in line


def test_plain_http_behind_an_address_of_https_is_told(program: Program) -> None:
    program.env["CODEOCEAN_DOMAIN"] = program.server.url.replace("http://", "https://")
    done = program("show", "any")
    assert done.code == 6
    assert "no TLS is spoken there" in done.err
    assert "its port" in done.err


def test_help_of_what_is_below_no_command(program: Program) -> None:
    done = program("help", "ls", "show")
    assert (done.code, "ls has no commands below it" in done.err) == (2, True)
