"""What this machine refuses is told by what it is: a port, a folder that is gone, no terminal."""

import errno
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from coexplorer.errors import describe_os
from tests.support.program import TIMEOUT_S, Program, program_command
from tests.support.server import RAW
from tests.support.terminal import in_terminal


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that another program has."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("command", [("serve",), ("serve", "--data", "d"), ("demo", "--no-app")])
def test_a_port_in_use_is_told_and_nothing_is_made(
    tmp_path: Path, taken: int, command: tuple[str, ...]
) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = _run(*command, "--port", str(taken), cwd=tmp_path)
    assert done.returncode == 9
    assert done.stderr == (f"coexplorer: port {taken} is in use\n  choose another --port\n")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_port_in_use_forgets_no_data(tmp_path: Path, taken: int) -> None:
    data = tmp_path / "d"
    data.mkdir()
    (data / "store.sqlite").write_bytes(b"")
    assert _run("serve", "--data", str(data), "--fresh", "--port", str(taken)).returncode == 9
    assert [path.name for path in data.iterdir()] == ["store.sqlite"]


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.EADDRINUSE, "the port is in use"),
        (errno.EADDRNOTAVAIL, "the address is not one of this machine"),
        (errno.EAGAIN, "no more processes can be started"),
        (errno.ENOMEM, "there is not enough memory"),
        (errno.ENODEV, "No such device"),
    ],
)
def test_what_is_not_about_a_file_names_none(number: int, says: str) -> None:
    told = describe_os(OSError(number, os.strerror(number)))
    assert told.message == f"this machine refused it: {says}"
    assert "file" not in told.hint
    assert "disk" not in told.hint


def test_what_is_about_a_file_names_it() -> None:
    told = describe_os(OSError(errno.ENOSPC, "", "/place"))
    assert told.message == "/place can't be used: the disk is full"
    assert (
        describe_os(OSError(errno.ENOSPC, "")).message == "a file can't be used: the disk is full"
    )


@pytest.mark.parametrize(
    "args",
    [("get", RAW), ("get", RAW, "--to", "x"), ("serve", "--data", "x"), ("mount", "x")],
    ids=" ".join,
)
def test_a_current_folder_that_is_gone_is_told(
    program: Program, tmp_path: Path, args: tuple[str, ...]
) -> None:
    done = _run_in_a_gone_folder(program, tmp_path, args)
    assert done.returncode == 9
    assert "the current folder no longer exists" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_current_folder_that_is_gone_keeps_nobody_from_reading(
    program: Program, tmp_path: Path
) -> None:
    done = _run_in_a_gone_folder(program, tmp_path, ("show", RAW, "-oids"))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{RAW}\n", "")
    done = _run_in_a_gone_folder(program, tmp_path, ("doctor", "-o", "jsonl"))
    assert "the current folder no longer exists" in done.stdout


@pytest.mark.parametrize(
    ("args", "says"),
    [(("login",), "give DOMAIN"), (("login", "acme.example"), "Access token")],
    ids=["domain", "token"],
)
@pytest.mark.parametrize("typed", ["", "\n"])
def test_an_end_of_input_is_no_interrupt(
    program: Program, args: tuple[str, ...], says: str, typed: str
) -> None:
    done = program.spawn(*args, stdin=typed)
    assert (done.code, done.out) == (2, "")
    assert "nothing came on standard input" in done.err
    assert says in done.err
    assert "interrupted" not in done.err


@pytest.mark.parametrize(
    ("key", "code", "says"), [("\x04", 2, "nothing came on standard input"), ("\x03", 130, "")]
)
@pytest.mark.parametrize(
    ("args", "question"),
    [(("login",), "Platform"), (("login", "acme.example"), "Access token")],
    ids=["domain", "token"],
)
def test_the_end_of_what_is_typed_is_no_interrupt(
    program: Program, args: tuple[str, ...], question: str, key: str, code: int, says: str
) -> None:
    env = dict.fromkeys(program.env, "")  # a token there would be offered
    with in_terminal(program_command(*args), env) as terminal:
        terminal.wait_for(question)
        terminal.send(key)
        assert terminal.wait() == code
    assert says in terminal.plain
    assert ("interrupted" in terminal.plain) is (code == 130)


def _run(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program_command(*args),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def _run_in_a_gone_folder(
    program: Program, tmp_path: Path, args: tuple[str, ...]
) -> subprocess.CompletedProcess[str]:
    gone = tmp_path / "gone"
    gone.mkdir(exist_ok=True)
    return subprocess.run(
        ["sh", "-c", 'rmdir "$PWD" && exec "$@"', "sh", *program_command(*args)],
        cwd=gone,
        env={**os.environ, **program.env},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


@pytest.mark.parametrize(
    ("editor", "code", "says"),
    [
        ('sed -i "s/^tags: .*$/&, from a job/"', 0, "changed"),
        ("true", 0, "nothing was changed"),
        ("false", 2, "false ended with code 1; nothing was sent"),
        ("nosuch --wait", 2, "$EDITOR names 'nosuch --wait', and there is no such program"),
        ("/etc/passwd", 2, "there is no such program"),
        ("", 2, "no terminal to edit on"),
    ],
)
def test_an_editor_that_needs_no_terminal_gets_none(
    program: Program, editor: str, code: int, says: str
) -> None:
    done = _run_in_a_job(program, "edit", RAW, env={"EDITOR": editor, "VISUAL": ""})
    assert done.returncode == code, done
    assert says in done.stdout + done.stderr
    asset = program.server.store.find(RAW)
    assert asset is not None
    assert ("from a job" in asset.tags) is editor.startswith("sed")
    left = [path.name for path in Path(os.environ["HOME"]).rglob("edit-*")]
    assert left == []  # nothing was typed that could be lost


def _run_in_a_job(
    program: Program, *args: str, env: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["setsid", "-w", *program_command(*args)],
        stdin=subprocess.DEVNULL,
        env={**os.environ, **program.env, **env},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
