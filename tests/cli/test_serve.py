"""``serve`` and ``demo`` as programs of their own."""

import base64
import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.support.program import TIMEOUT_S, program_command


@contextmanager
def serving(*args: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, object]]]:
    """Run ``serve --json`` and give the process and its first line."""
    with subprocess.Popen(
        program_command("serve", "--json", *args), stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            yield process, json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def count_assets(told: dict[str, object]) -> int:
    users = told["users"]
    assert isinstance(users, list)
    credentials = base64.b64encode(f"{users[0]['token']}:".encode()).decode()
    request = Request(  # noqa: S310 - loopback
        f"{told['url']}/api/v1/data_assets?limit=1000",
        headers={"Authorization": f"Basic {credentials}"},
    )
    with urlopen(request, timeout=TIMEOUT_S) as reply:  # noqa: S310 - loopback
        return len(json.load(reply)["results"])


def test_serve_says_where_it_is_and_who_can_sign_in(tmp_path: Path) -> None:
    with serving("--data", str(tmp_path / "d"), "--assets", "30", "--dialect", "legacy") as (
        _,
        told,
    ):
        assert str(told["url"]).startswith("http://127.0.0.1:")
        users = told["users"]
        assert isinstance(users, list)
        assert [set(user) for user in users] == [{"email", "token"}] * 2
        assert count_assets(told) == 30


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_ends_quietly_when_told(tmp_path: Path, number: signal.Signals) -> None:
    with serving("--data", str(tmp_path / "d"), "--assets", "0") as (process, _):
        process.send_signal(number)
        assert process.wait(TIMEOUT_S) == 0


def test_serve_keeps_its_data_until_it_shall_not(tmp_path: Path) -> None:
    data = ("--data", str(tmp_path / "d"), "--dialect", "legacy")
    with serving(*data, "--assets", "7") as (_, told):
        before = told["users"]
    with serving(*data) as (_, told):
        assert (count_assets(told), told["users"]) == (7, before)
    done = run("serve", *data, "--assets", "9")
    assert done.returncode == 2
    assert "--fresh" in done.stderr
    with serving(*data, "--assets", "9", "--fresh") as (_, told):
        assert count_assets(told) == 9


def test_serve_imports_an_export(tmp_path: Path) -> None:
    export = tmp_path / "export.jsonl"
    lines = [
        {"id": "a", "name": "one", "created": 1},
        {"id": "b", "name": "two", "created": 2, "_coexplorer": {"archived": True}},
    ]
    export.write_text("".join(json.dumps(line) + "\n" for line in lines))
    data = ("--data", str(tmp_path / "d"), "--dialect", "legacy")
    with serving(*data, "--import", str(export)) as (_, told):
        assert count_assets(told) == 2


def test_serve_names_the_line_of_an_export_that_is_wrong(tmp_path: Path) -> None:
    export = tmp_path / "export.jsonl"
    export.write_text('{"id": "a", "name": "one"}\nnonsense\n')
    done = run("serve", "--data", str(tmp_path / "d"), "--import", str(export))
    assert done.returncode == 2
    assert "2" in done.stderr
    assert "Traceback" not in done.stderr


def test_serve_names_a_mistake_in_a_script_of_faults(tmp_path: Path) -> None:
    script = tmp_path / "faults"
    script.write_text("GET data_assets exploded\n")
    done = run("serve", "--data", str(tmp_path / "d"), "--faults", str(script))
    assert done.returncode == 2
    assert "exploded" in done.stderr


@pytest.mark.parametrize("options", [(), ("--fresh",)])
def test_serve_takes_no_folder_that_is_not_its_own(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    thesis = tmp_path / "work" / "thesis.tex"
    thesis.parent.mkdir()
    thesis.write_text("years of work")
    done = run("serve", "--data", str(thesis.parent), *options)
    assert done.returncode == 5
    assert "it holds thesis.tex" in done.stderr
    assert list(thesis.parent.iterdir()) == [thesis]


@pytest.mark.parametrize("end", ["parent", "signal"])
def test_a_server_ends_with_the_program_that_started_it(tmp_path: Path, end: str) -> None:
    args = ("--until-stdin-ends", "--data", str(tmp_path / "d"), "--assets", "0")
    with subprocess.Popen(
        program_command("serve", "--json", *args),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline()
        if end == "parent":
            process.stdin.close()
        else:
            process.terminate()
        assert process.wait(TIMEOUT_S) == 0
        assert process.stderr.read() == ""


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program_command(*args),
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
