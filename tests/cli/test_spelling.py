"""Commands in messages are as they are to be typed: with the profile that was chosen by hand."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from coexplorer.cli.commands import COMMANDS
from coexplorer.cli.spelling import NEVER_CHOSEN, add_options
from tests.support.program import Program

WITH = "--profile lab"


@pytest.mark.parametrize(
    ("said", "spelled"),
    [
        (
            "go on with: coexplorer retry --batch 3",
            f"go on with: coexplorer {WITH} retry --batch 3",
        ),
        ("coexplorer log 3 shows why; coexplorer undo 3", None),
        ("a mistake in coexplorer itself", "a mistake in coexplorer itself"),
        ("coexplorer wrote this log", "coexplorer wrote this log"),
        ("coexplorer logout --profile old", "coexplorer logout --profile old"),
        ("coexplorer demo starts one", "coexplorer demo starts one"),
        ("/opt/coexplorer log", "/opt/coexplorer log"),
    ],
)
def test_each_command_of_a_message_gets_the_options(said: str, spelled: str | None) -> None:
    if spelled is None:
        spelled = f"coexplorer {WITH} log 3 shows why; coexplorer {WITH} undo 3"
    if said.startswith(
        "/opt"
    ):  # a path is somebody's own word: the options go with it all the same
        spelled = f"/opt/coexplorer {WITH} log"
    assert add_options(said, WITH, COMMANDS) == spelled


BARE = re.compile(rf"\bcoexplorer (?:{'|'.join(set(COMMANDS) - NEVER_CHOSEN)})\b(?!.*--profile)")


def test_no_message_names_a_command_without_the_profile_that_was_chosen(program: Program) -> None:
    url, token = program.env["CODEOCEAN_DOMAIN"], program.env["CODEOCEAN_TOKEN"]
    program.env = {}
    program.ok("--profile", "lab", "login", url, stdin=f"{token}\n")
    program.server.stop()
    for args in (
        ("doctor",),
        ("doctor", "-o", "json"),
        ("edit", "none", "--add-tag", "x"),
        ("config", "unset", "profiles.lab"),
        ("config", "get", "columns"),
        ("config", "set", "profiles.lab.token", "x"),
        ("log",),
        ("retry",),
        ("sync",),
        ("whoami",),
        ("login", "a b"),
    ):
        done = program("--profile", "lab", *args)
        assert BARE.findall(done.out + done.err) == [], done


def test_the_demo_is_not_to_be_signed_in_to(program: Program) -> None:
    program.env = {}
    done = program("--profile", "demo", "profiles")
    assert "sign in: coexplorer login DOMAIN" in done.out


def test_what_is_printed_works_as_printed(program: Program, tmp_path: Path) -> None:
    url, token = program.env.pop("CODEOCEAN_DOMAIN"), program.env.pop("CODEOCEAN_TOKEN")
    secret = tmp_path / "outside"
    secret.write_text(token)
    secret.chmod(0o600)
    program.ok("login", url, "--profile", "lab", "--token-file", str(secret))
    program.ok("login", url, "--profile", "home", "--token-file", str(secret))
    program.ok("sync", "--profile", "lab")
    name = program.ok("--profile", "lab", "ls", "is:mine", "-o", "ids").lines[0]
    done = program.ok("--profile", "lab", "edit", name, "--description", "new words")
    for again in ("undo 1", "redo"):
        printed = re.search(rf"coexplorer .*?{again}(?=\))", done.out)
        assert printed is not None, done
        words = shlex.split(printed[0])
        assert words[1:3] == ["--profile", "lab"]
        done = program.ok(*words[1:])
