"""``--timeout`` is one end for all that a command waits for, with an exit code of its own."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from tests.support.namespaces import UNSHARE
from tests.support.program import TIMEOUT_S, program_command
from tests.support.rawserver import Asked, RawServer, head, raw_server, reply

ID = "00000001-0000-4000-8000-000000000001"
TIMED_OUT = 11
SOON_S = 40
"""A machine may be busy; without the deadline each of these takes more than a minute."""


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Opens when the test is over, so that no server waits longer."""
    event = threading.Event()
    yield event
    event.set()


def silent(gate: threading.Event) -> Iterable[bytes]:
    gate.wait(TIMEOUT_S)
    yield b""


def slow_down(_: threading.Event) -> Iterable[bytes]:
    yield reply(429, {"message": "slow down"}, Retry_After="100")


def drip(gate: threading.Event) -> Iterable[bytes]:
    yield head(200, Content_Length="1000000")
    while not gate.wait(0.1):
        yield b" "


def stop_in_the_middle(gate: threading.Event) -> Iterable[bytes]:
    yield head(200, Content_Length="1000") + b'{"id": "'
    gate.wait(TIMEOUT_S)


def drip_of_the_head(gate: threading.Event) -> Iterable[bytes]:
    yield b"HTTP/1.1 200 OK\r\nX-A: "
    while not gate.wait(0.1):
        yield b"a"


def notices(gate: threading.Event) -> Iterable[bytes]:
    while not gate.wait(20):
        yield b"HTTP/1.1 102 Processing\r\n\r\n"


def fails(_: threading.Event) -> Iterable[bytes]:
    yield reply(503, {"message": "later"}, Retry_After="30")


TROUBLES: dict[str, Callable[[threading.Event], Iterable[bytes]]] = {
    each.__name__: each
    for each in (
        silent,
        slow_down,
        drip,
        stop_in_the_middle,
        drip_of_the_head,
        notices,
        fails,
    )
}
COMMANDS = {
    "an id": ["wait", ID],
    "a name": ["wait", "some name"],
    "a query": ["wait", "state:draft"],
    "create": ["create", "x", "--bucket", "b", "--public"],
    "create and wait": ["create", "x", "--bucket", "b", "--public", "--wait"],
}


def run(
    url: str, *args: str, limit_s: int = 2, before: tuple[str, ...] = (), **env: str
) -> tuple[int, str, float]:
    """Run a command that is to end by itself; return its exit code, what it said, and how long."""
    started = time.monotonic()
    done = subprocess.run(
        [*before, *program_command(*args, "--timeout", str(limit_s))],
        env={**os.environ, "CODEOCEAN_DOMAIN": url, "CODEOCEAN_TOKEN": "cop_x", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return done.returncode, done.stderr, time.monotonic() - started


def wait_longer_and_longer(server: RawServer) -> tuple[int, str, int]:
    """Wait for the asset until it has been seen; return exit code, what was said, and the limit.

    On a busy machine a program that may take two seconds can be over before it has asked anything.
    """
    limit_s = 2
    while True:
        server.asked.clear()
        code, said, _ = run(server.url, "wait", ID, limit_s=limit_s)
        if code != TIMED_OUT or "still in" in said or limit_s > TIMEOUT_S / 5:
            return code, said, limit_s
        limit_s *= 5


@pytest.mark.parametrize("command", list(COMMANDS))
@pytest.mark.parametrize("trouble", ["silent", "slow_down"])
def test_every_command_with_a_timeout_ends_by_then(
    gate: threading.Event, command: str, trouble: str
) -> None:
    with raw_server(lambda _: TROUBLES[trouble](gate)) as server:
        code, said, took_s = run(server.url, *COMMANDS[command])
        gate.set()
    assert (code, took_s < SOON_S) == (TIMED_OUT, True), said
    assert said.rstrip().endswith("after 2 s")


@pytest.mark.parametrize("trouble", list(TROUBLES))
def test_the_time_is_over_whatever_the_platform_does(gate: threading.Event, trouble: str) -> None:
    with raw_server(lambda _: TROUBLES[trouble](gate)) as server:
        code, said, took_s = run(server.url, "wait", ID)
        gate.set()
    assert (code, took_s < SOON_S) == (TIMED_OUT, True), said


@pytest.mark.parametrize("answered", [1, 2, 3])
@pytest.mark.parametrize("trouble", ["silent", "slow_down", "drip"])
def test_the_time_is_over_also_after_some_answers(
    gate: threading.Event, trouble: str, answered: int
) -> None:
    draft = {"id": ID, "name": "n", "state": "draft", "type": "dataset", "created": 1}

    def answer(_: Asked) -> Iterable[bytes]:
        if len(server.asked) <= answered:
            return [reply(200, draft)]
        return TROUBLES[trouble](gate)

    with raw_server(answer) as server:
        if answered < 3:  # before the state is known
            limit_s = 2
            code, said, took_s = run(server.url, "wait", ID)
            assert took_s < SOON_S
        else:
            code, said, limit_s = wait_longer_and_longer(server)
            assert "1 asset still in draft" in said, (code, said)
        gate.set()
    assert code == TIMED_OUT, said
    assert said.rstrip().endswith(f" after {limit_s} s")


def test_the_time_is_over_while_tls_is_silent(gate: threading.Event) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code, said, took_s = run(f"https://127.0.0.1:{listener.getsockname()[1]}", "wait", ID)
    assert (code, took_s < SOON_S) == (TIMED_OUT, True), said


_SILENT_NAMES = """
import socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
subprocess.run(["mount", "--bind", sys.argv[1], "/etc/resolv.conf"], check=True)
names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
names.bind(("127.0.0.1", 53))
sys.exit(subprocess.run(sys.argv[2:]).returncode)
"""


@pytest.mark.mount
@pytest.mark.parametrize("command", ["an id", "create"])
def test_the_time_is_over_while_nobody_knows_the_name(tmp_path: Path, command: str) -> None:
    resolv = tmp_path / "resolv.conf"
    resolv.write_text("nameserver 127.0.0.1\noptions timeout:30 attempts:5\n")
    before = (*UNSHARE, "--net", sys.executable, "-c", _SILENT_NAMES, str(resolv))
    code, said, took_s = run(
        "https://silent.example.org", *COMMANDS[command], before=before, NO_PROXY="*"
    )
    assert (code, took_s < SOON_S) == (TIMED_OUT, True), said


def test_the_time_is_over_while_a_program_is_asked_for_the_token(
    tmp_path: Path, gate: threading.Event
) -> None:
    config = Path(os.environ["XDG_CONFIG_HOME"]) / "coexplorer/config.toml"
    config.parent.mkdir(parents=True, exist_ok=True)
    asked = "exec sleep 100 2>&-"  # holds nothing open that the test reads to its end
    config.write_text(f'[profiles.x]\ndomain = "http://127.0.0.1:9"\ntoken_command = "{asked}"\n')
    config.chmod(0o600)
    env = {name: value for name, value in os.environ.items() if not name.startswith("CODEOCEAN_")}
    done = subprocess.run(
        program_command("wait", ID, "--timeout", "1"),
        env=env,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == TIMED_OUT, done.stderr


def test_a_program_is_answered_when_the_time_is_over_in_a_look_for_the_assets(
    gate: threading.Event,
) -> None:
    with raw_server(lambda _: silent(gate)) as server:
        done = subprocess.run(
            program_command("wait", ID, "--timeout", "1", "-o", "json"),
            env={**os.environ, "CODEOCEAN_DOMAIN": server.url, "CODEOCEAN_TOKEN": "x"},
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        gate.set()
    assert done.returncode == TIMED_OUT, done.stderr
    assert json.loads(done.stdout) == []


def test_the_time_is_over_while_a_list_does_not_end() -> None:
    """The one end that comes too late to be a list's is that of a pipe which nobody closes."""
    reader, writer = os.pipe()
    try:
        done = subprocess.run(
            program_command("wait", "-", "--timeout", "1", "-o", "json"),
            env={**os.environ, "CODEOCEAN_DOMAIN": "http://127.0.0.1:9", "CODEOCEAN_TOKEN": "x"},
            stdin=reader,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    finally:
        os.close(reader)
        os.close(writer)
    assert done.returncode == TIMED_OUT, done.stderr
    assert "still reading what was asked for after 1 s" in done.stderr
    assert done.stdout == "[]\n", "a program has an answer to read, too"


@pytest.mark.parametrize("state", ["archiving", "DATA_ASSET_STATE_PENDING", 7, True, {}, ["ready"]])
def test_an_unknown_state_is_said_and_waited_for(state: object) -> None:
    asset = {"id": ID, "name": "n", "state": state, "type": "dataset", "created": 1}
    with raw_server(lambda _: [reply(200, asset)]) as server:
        code, said, _ = wait_longer_and_longer(server)
    assert code == TIMED_OUT, said
    assert "in a state that is not known here" in said
    assert "1 asset still in " in said


@pytest.mark.parametrize("state", ["ready", "DATA_ASSET_STATE_READY", "Ready "])
def test_a_known_state_is_known_in_every_spelling(state: object) -> None:
    asset = {"id": ID, "name": "n", "state": state, "type": "dataset", "created": 1}
    with raw_server(lambda _: [reply(200, asset)]) as server:
        code, said, _ = run(server.url, "wait", ID, limit_s=TIMEOUT_S)
    assert code == 0, said
