"""The global options behind a command."""

from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from coexplorer.cli.root import COMMANDS, cli
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
