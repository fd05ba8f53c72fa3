"""Help: grouped, with examples that can be typed, by page, and as manual pages."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import click
import pytest

from coexplorer.cli.commands import COMMANDS, GROUPS, cli
from coexplorer.cli.examples import EXAMPLES
from coexplorer.cli.help_pages import TOPICS, list_topics
from coexplorer.cli.manpages import build_pages
from coexplorer.cli.session import Invocation
from coexplorer.query import FIELDS, parse_query
from tests.support.program import Program

LINES = list(dict.fromkeys(line for examples in EXAMPLES.values() for line, _ in examples))


def list_all() -> set[str]:
    """Return the names of all commands, and of those below one."""
    ctx = click.Context(cli, info_name="coexplorer")
    found = set(COMMANDS)
    for name in COMMANDS:
        command = cli.get_command(ctx, name)
        if isinstance(command, click.Group):
            found |= {f"{name} {each}" for each in command.commands}
    return found


def test_every_command_has_examples_of_its_own() -> None:
    assert set(EXAMPLES) == list_all(), "coexplorer/cli/examples.py has them"
    for name, examples in EXAMPLES.items():
        assert 1 <= len(examples) <= 3
        assert all(f"coexplorer {name}" in line or name in line for line, _ in examples), name


@pytest.mark.parametrize("line", LINES)
def test_every_example_is_read_by_its_command(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("export.jsonl").write_text("{}\n", encoding="utf-8")
    words = shlex.split(line)
    while words:
        end = words.index("|") if "|" in words else len(words)
        program, *args = words[:end]
        assert program == "coexplorer"
        words = words[end + 1 :]
        read_with(cli, "coexplorer", args)


def read_with(
    command: click.Command, name: str, args: list[str], parent: click.Context | None = None
) -> None:
    """Let a command read its arguments, and the query among them be parsed; nothing is run."""
    ctx = command.make_context(name, [*args], parent, obj=Invocation())
    given = [ctx.params.get("query"), *(ctx.params.get("words") or ())]
    for each in given:
        text = " ".join(each) if isinstance(each, tuple) else each
        if isinstance(text, str) and name != "help":
            parse_query(text)
    rest = [*ctx._protected_args, *ctx.args]
    if isinstance(command, click.Group) and rest:
        below = command.get_command(ctx, rest[0])
        assert below is not None, rest
        read_with(below, rest[0], rest[1:], ctx)


def test_commands_are_grouped(program: Program) -> None:
    out = program.ok("--help").out
    for title, group in GROUPS.items():
        section = out.partition(f"\n{title}:\n")[2].partition("\n\n")[0]
        assert [line.split()[0] for line in section.splitlines()] == list(group)
    assert "Examples:" in out


@pytest.mark.parametrize("command", sorted(list_all()))
def test_help_of_a_command_is_its_own(program: Program, command: str) -> None:
    words = command.split()
    done = program.ok("help", *words)
    assert done.out == program.ok(*words, "--help").out
    assert "Examples:" in done.out


def test_help_alone_is_that_of_the_program(program: Program) -> None:
    assert program.ok("help").out == program.ok("--help").out


def test_help_search_tells_every_field(program: Program) -> None:
    out = program.ok("help", "search").out
    for field in FIELDS:
        assert f"{field.name}:" in out
    assert "is:untagged" in out
    assert "sort:size" in out


@pytest.mark.parametrize("topic", TOPICS)
def test_pages_need_no_platform(program: Program, topic: str) -> None:
    assert topic in dict(list_topics())
    assert len(program.ok("help", topic).lines) > 5
    assert program.server.requests() == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("serch",), "did you mean search?"),
        (("lss",), "did you mean ls?"),
        (("tags", "renam"), "did you mean rename?"),
        (("ls", "x"), "no help for 'x'"),
    ],
)
def test_help_for_what_there_is_not(program: Program, words: tuple[str, ...], says: str) -> None:
    done = program("help", *words)
    assert (done.code, done.out) == (2, "")
    assert says in done.err


def test_there_is_a_manual_page_for_each_command(tmp_path: Path) -> None:
    pages = build_pages()
    names = {f"coexplorer-{name.replace(' ', '-')}.1" for name in list_all()}
    assert set(pages) == {"coexplorer.1", *names}
    for name, text in pages.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    if shutil.which("mandoc") is None:
        pytest.fail("mandoc is missing: scripts/system-packages.sh")
    done = subprocess.run(
        ["mandoc", "-T", "lint", "-W", "warning", *sorted(tmp_path.glob("*.1"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""
    shown = subprocess.run(
        ["mandoc", "-T", "utf8", tmp_path / "coexplorer-ls.1"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "'size:>10GB' --sort -size" in re.sub(".\b", "", shown), "bold is typed twice"
