"""What a start costs, and what the program says about itself."""

import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

from coexplorer.cli.commands import COMMANDS, cli
from coexplorer.cli.reference import build_reference
from tests.support.program import TIMEOUT_S, Program, program_command

NETWORK = ("httpx", "asyncio", "anyio", "trio", "ssl", "socket")
LATE = ("logging", "subprocess", "tempfile", "shutil", "platformdirs", "difflib", "hashlib", "json")
HEAVY = ("textual", "starlette", "uvicorn", *NETWORK, *LATE)
OWN_MODULES = {"--help": 16, "ls": 85}
"""How many of ours may be imported, a few more than are needed: what is added is to be noticed."""


def imported_by(*args: str, env: dict[str, str] | None = None) -> set[str]:
    """Return the modules that a run of the program imports."""
    code = (
        "import sys, atexit\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        f"sys.argv = ['coexplorer', *{args!r}]\n"
        "from coexplorer.cli import main\nmain()"
    )
    # Coverage's own imports are none of the program's.
    plain = {name: value for name, value in os.environ.items() if "COVERAGE" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=plain | (env or {}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return set(done.stderr.split())


def own(modules: set[str]) -> set[str]:
    return {name for name in modules if name.partition(".")[0] == "coexplorer"}


@pytest.mark.parametrize("args", [("--help",), ("--version",)])
def test_help_and_version_import_no_library(args: tuple[str, ...]) -> None:
    found = imported_by(*args)
    assert "click" in found
    assert found.isdisjoint((*HEAVY, "msgspec", "sqlite3", "pathlib", "tomllib"))
    assert len(own(found)) <= OWN_MODULES["--help"]


def test_completing_a_command_imports_no_library() -> None:
    env = {
        "_COEXPLORER_COMPLETE": "bash_complete",
        "COMP_LINE": "coexplorer un",
    }
    assert imported_by(env=env).isdisjoint({"httpx", "textual", "trio", "starlette"})


def test_listing_what_is_known_imports_neither_client_nor_app(program: Program) -> None:
    program.ok("sync")
    found = imported_by("ls", "tag:raw", "--offline", env=program.env)
    assert "sqlite3" in found
    assert found.isdisjoint(HEAVY)
    assert len(own(found)) <= OWN_MODULES["ls"]
    assert found.isdisjoint(
        f"coexplorer.{name}" for name in ("api", "demo", "fs", "tui", "library.session")
    )


def run(*args: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        program_command(*args),
        env=os.environ | (env or {}),
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )


def test_module_runs_like_the_script() -> None:
    done = run("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("coexplorer ")


def test_a_mistyped_command_is_a_usage_error_with_a_guess() -> None:
    done = run("archvie")
    assert done.returncode == 2
    assert "Did you mean archive?" in done.stderr


def test_nobody_signed_in_is_told_what_to_do() -> None:
    done = run("ls")
    assert (done.returncode, done.stdout) == (3, "")
    assert "coexplorer login" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("coexplorer unar", "unarchive"),
        ("coexplorer ls --favo", "--favorite"),
        ("coexplorer ls is:arch", "is:archived"),
        ("coexplorer ls type:res", "type:result"),
    ],
)
def test_the_shell_completes(words: str, expected: str) -> None:
    env = {
        "_COEXPLORER_COMPLETE": "bash_complete",
        "COMP_LINE": words,
    }
    lines = run(env=env).stdout.splitlines()
    # What bash replaces begins behind the last colon.
    assert expected.rpartition(":")[2] in [line.partition("\t")[2] for line in lines]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_can_be_had(shell: str) -> None:
    done = run("completion", shell)
    assert done.returncode == 0
    assert "_COEXPLORER_COMPLETE" in done.stdout


def test_every_command_is_documented_and_the_page_is_current() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    assert page == build_reference(), "run: make docs"
    for name in COMMANDS:
        assert f"\n## {name}\n" in page, "name it in GROUPS of coexplorer/cli/commands.py"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_agrees_with_the_list(name: str) -> None:
    ctx = click.Context(cli, info_name="coexplorer")
    command = cli.get_command(ctx, name)
    assert command is not None
    assert command.name == name
    assert command.help
    for parameter in command.params:
        assert not isinstance(parameter, click.Option) or parameter.help or parameter.hidden


@pytest.mark.parametrize("option", ["--version", "--help", "--unknown"])
def test_at_its_end_nobody_looks_for_garbage_in_what_was_imported(option: str) -> None:
    script = """
import atexit, gc, sys
atexit.register(lambda: print("looks at", len(gc.get_objects())))
gc.get_freeze_count() and sys.exit("frozen before")
from coexplorer.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script, option], capture_output=True, text=True, check=False
    )
    looks_at = int(done.stdout.rpartition("looks at ")[2])
    assert looks_at < 2000


@pytest.mark.parametrize(
    ("args", "code"), [(["--version"], 0), (["--unknown"], 2), (["ls", "--sort", "x"], 2)]
)
@pytest.mark.parametrize("wide", [1, 100_000])
def test_what_was_printed_and_the_exit_code_outlive_the_quick_end(
    args: list[str], code: int, wide: int
) -> None:
    script = f"""
import atexit, sys
atexit.register(lambda: print("x" * {wide}, file=sys.stdout))
sys.argv = ['coexplorer', *{args!r}]
from coexplorer.cli import main
main()
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == code
    assert done.stdout.endswith("x" * wide + "\n")
