"""Programs that are asked for the token: told while they are waited for, and ended in time."""

import contextlib
import os
import shlex
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from coexplorer.cli.exits import TIMED_OUT
from coexplorer.config import find_paths, tokens
from coexplorer.doctor import diagnosis
from coexplorer.doctor.findings import Finding, pass_check
from coexplorer.doctor.running import Check
from coexplorer.doctor.settings import Asked
from tests.support.mounted import wait_until
from tests.support.program import Program


def write_profile(program: Program, command: str) -> None:
    program.env = {}
    path = find_paths().config_file
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    path.touch(0o600)
    path.write_text(
        f"[profiles.lab]\ndomain = \"{program.server.url}\"\ntoken_command = '''{command}'''\n"
    )


def is_alive(pid: int) -> bool:
    with contextlib.suppress(ProcessLookupError, FileNotFoundError):
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z"
    return False


@pytest.fixture
def hanging(program: Program, tmp_path: Path) -> Iterator[Path]:
    """A token program that hangs, below a shell; where it says its number."""
    place = tmp_path / "pid"
    inner = f"echo $$ > {shlex.quote(str(place))}; exec sleep 1000"
    write_profile(program, f"sh -c {shlex.quote(inner)} | cat")
    yield place
    with contextlib.suppress(OSError, ValueError):
        os.kill(int(place.read_text()), 9)


def test_a_program_does_not_outlive_the_timeout(program: Program, hanging: Path) -> None:
    assert program.spawn("wait", "state:draft", "--timeout", "2").code == TIMED_OUT
    wait_until(lambda: not is_alive(int(hanging.read_text())), "the program has ended")


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (("whoami",), "could not be tried"),
        (("doctor",), "gave no token within"),
        (("profiles", "--check"), "gave no token within"),
        (("ls", "--remote"), "gave no token within"),
    ],
)
def test_a_program_that_hangs_is_told_and_given_up(
    program: Program,
    hanging: Path,
    monkeypatch: pytest.MonkeyPatch,
    args: tuple[str, ...],
    says: str,
) -> None:
    monkeypatch.setattr(tokens, "_TELL_AFTER_S", 0.3)
    monkeypatch.setattr(tokens, "COMMAND_TIMEOUT_S", 0.6)
    done = program(*args)
    assert says in done.out + done.err
    assert "waiting for token_command" in done.err or args[0] == "profiles"
    # It is killed with its whole group, and may end a moment later.
    wait_until(lambda: not is_alive(int(hanging.read_text())), "its end")


@pytest.mark.parametrize("command", ["true", "exit 3", "echo a b"])
def test_a_token_that_was_not_tried_is_not_called_bad(program: Program, command: str) -> None:
    write_profile(program, command)
    done = program("whoami")
    assert "could not be tried" in done.out
    assert "does not work" not in done.out
    assert "by hand" in done.err or "one word" in done.err
    assert program("whoami", "-o", "json").json["works"] is None
    assert "put the token in" not in done.err


def test_what_is_known_is_told_before_the_slowest_check(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    go_on = threading.Event()

    def look_slowly() -> Iterator[Finding]:
        assert go_on.wait(60)
        yield pass_check("token", "late")

    def list_checks(_: object) -> Iterator[Check]:
        yield Check(("token",), look_slowly, 60)
        yield Check(("fuse",), lambda: iter([pass_check("fuse", "soon")]), 60)

    def tell(news: list[Finding]) -> None:
        told.extend(each.check for each in news)
        if "fuse" in told:
            go_on.set()

    monkeypatch.setattr(diagnosis, "_list_checks", list_checks)
    found = diagnosis.diagnose(Asked(), tell=tell)  # type: ignore[arg-type]  # a list it is
    assert told.index("fuse") < told.index("token")
    assert [each.check for each in found].index("token") < len(found) - 1
