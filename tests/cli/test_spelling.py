"""Commands in messages are as they are to be typed: with the profile that was chosen by hand."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from coexplorer.cli.commands import COMMANDS
from coexplorer.errors import QueryError, Refused
from coexplorer.library.entries import Action, Batch, Entry, Purpose, Reason, State
from coexplorer.library.results import EditResult
from coexplorer.models import AssetId
from coexplorer.spelling import NEVER_CHOSEN, add_options, choose, know
from coexplorer.tui.changes import build_change_details, build_entry_page
from coexplorer.tui.columns import Line
from coexplorer.tui.diffs import build_entry_details, build_outcome
from coexplorer.tui.widgets.search_line import build_mistake
from tests.support.pages import ROOT
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


def test_the_app_names_commands_with_the_profile_too() -> None:
    know(COMMANDS)
    choose({"profile": "lab"})
    hint, asset, now = "go on with: coexplorer retry --batch 3", AssetId("a"), datetime.now(UTC)
    entry = Entry(4, 3, 0.0, "cli", asset, "one", Action.SHARE, State.UNSENT, hint=hint)
    batch = Batch(3, 0.0, "cli", "share", Purpose.DO)
    error = Refused("no", hint=hint)
    result = EditResult(4, 3, asset, "one", Action.SHARE, State.UNSENT, error=error)
    shown: list[list[Line]] = [
        build_outcome(result, 200),
        build_entry_details(entry, 200),
        build_entry_page(batch, entry, 200, now),
        build_change_details(batch, [Reason(State.UNSENT, "why", hint, 1)], 200, now),
        build_mistake(QueryError("no", start=0, end=1, hint=hint), "x", 200),
    ]
    for lines in shown:
        text = "\n".join("".join(piece for piece, _ in line) for line in lines)
        assert f"coexplorer {WITH} retry --batch 3" in text


def find_bare(source: str) -> Iterator[str]:
    """Yield texts that name a command, and are neither the hint of an error nor spelled."""
    tree = ast.parse(source)
    fine: set[ast.AST] = set()
    for node in ast.walk(tree):
        is_fine = isinstance(node, ast.Raise | ast.keyword | ast.Assign) or (
            isinstance(node, ast.Call)
            and re.search(r"spell|Error$|^say$|report$", ast.unparse(node.func).rpartition(".")[2])
        )
        is_text = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if is_fine or is_text or (isinstance(node, ast.FunctionDef) and "choice" in node.name):
            fine |= set(ast.walk(node))
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and node not in fine and BARE.search(str(node.value)):
            yield str(node.value)


@pytest.mark.parametrize("folder", ["fs", "tui"])
def test_no_text_of_a_mount_or_the_app_names_a_command_without_its_profile(folder: str) -> None:
    """What is added to a report, not raised with a hint, is spelled where it is written."""
    assert list(find_bare('report += f"or: coexplorer discard {number}"'))
    for path in (ROOT / "coexplorer" / folder).rglob("*.py"):
        assert list(find_bare(path.read_text("utf-8"))) == [], path


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
