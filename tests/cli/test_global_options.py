"""Global options after a command."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from coexplorer.cli.commands import COMMANDS, cli
from tests.support.program import Program


def all_commands() -> Iterator[tuple[str, ...]]:
    """Yield the words of every command and of those below it."""
    root = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(root, name)
        yield (name,)
        if isinstance(command, click.Group):
            yield from ((name, each) for each in command.commands)


@pytest.mark.parametrize("words", list(all_commands()), ids=" ".join)
def test_every_command_takes_them_behind_it(program: Program, words: tuple[str, ...]) -> None:
    done = program(*words, "--profile", "lab", "--domain", "acme", "--token-file", "t", "--help")
    assert done.code == 0, done
    assert "\n  --profile" not in done.out  # the program's own help shows them
    done = program("--profile", "lab", *words, "--profile", "home")
    assert done.code == 2
    assert "--profile is given twice: lab and home" in done.err


def test_they_mean_the_same_behind_a_command(program: Program, tmp_path: Path) -> None:
    url, token = program.env.pop("CODEOCEAN_DOMAIN"), program.env.pop("CODEOCEAN_TOKEN")
    secret = tmp_path / "outside"
    secret.write_text(token)
    secret.chmod(0o600)
    program.ok("login", url, "--profile", "lab", "--token-file", str(secret))
    program.ok("login", url, "--profile", "home", "--token-file", str(secret))
    assert len(program.ok("ls", "tag:raw", "--profile", "lab", "-tag:nothing", "--ids").lines) == 1
    assert program.ok("tags", "--profile", "home").out
    assert program("ls", "--profile", "nobody").code == 3
    program.ok("logout", "--profile", "home")
    program.ok("ls", "--domain", url, "--token-file", str(secret))


@pytest.mark.parametrize("words", list(all_commands()), ids=" ".join)
def test_unknown_option_is_a_mistake_in_every_command(
    program: Program, words: tuple[str, ...]
) -> None:
    for option in ("-Z", "-Zx", "-Z3", "--zebra", "--zebra=1", "--domai"):
        for place in ([*words, option], [*words, option, "x"], [*words, "x", option]):
            done = program(*place)
            assert done.code == 2, place
            assert option[:2] in done.err or "No such command 'x'" in done.err
    assert program.server.requests() == []


@pytest.mark.parametrize("words", [(), *all_commands()], ids=" ".join)
def test_help_is_short_or_long_in_every_command(program: Program, words: tuple[str, ...]) -> None:
    assert program.ok(*words, "-h").out == program.ok(*words, "--help").out


def long_options() -> Iterator[tuple[str, str]]:
    root = click.Context(cli)
    for name in ("edit", "archive", "unarchive", "rm", "create", "discard", "retry", "ls", "get"):
        command = cli.get_command(root, name)
        assert command is not None
        for parameter in command.params:
            yield from ((name, option) for option in parameter.opts if option.startswith("--"))


@pytest.mark.parametrize(("command", "option"), list(long_options()))
def test_beginning_of_an_option_is_not_taken_for_it(
    program: Program, command: str, option: str
) -> None:
    whole = {known for name, known in long_options() if name == command}
    for short in {option[:-1], option[:4]} - whole:
        done = program(command, short, "x")
        assert done.code == 2
        assert re.search(rf"No such option:? '?{short}\b", done.err)
