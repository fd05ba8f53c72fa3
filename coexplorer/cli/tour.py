"""A tour of the commands on the demo's platform: each is really run, as one would type it."""

from __future__ import annotations

import shlex
import subprocess
import sys

import click
import msgspec

from coexplorer.cli.narration import talks
from coexplorer.cli.program_path import find_call
from coexplorer.errors import Refused

_STOPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "The largest raw recordings. The local catalog answers; it works offline, too.",
        ("ls", "tag:raw", "size:>1GB", "--sort", "-size", "--limit", "8"),
    ),
    ("Everything about one of them.", ("show", "ASSET")),
    (
        "Tag it and all that was derived from it: first what would be done …",
        ("edit", "--query", "name:NAME is:mine", "--add-tag", "keep", "--dry-run"),
    ),
    (
        "… then do it. What others changed meanwhile is merged, never overwritten.",
        ("edit", "--query", "name:NAME is:mine", "--add-tag", "keep", "--yes"),
    ),
    ("Everything that was done here is in the log …", ("log",)),
    ("… and can be taken back.", ("undo",)),
    ("What is there, and who takes the space?", ("stats",)),
)


def give_tour() -> None:
    """Run each stop of the tour, and wait at the end for as long as somebody is there."""
    asset, name = _pick_asset()
    for told, command in _STOPS:
        arguments = [word.replace("ASSET", asset).replace("NAME", name) for word in command]
        click.secho(f"\n# {told}", fg="cyan")
        click.secho(f"$ coexplorer --profile demo {shlex.join(arguments)}", bold=True)
        sys.stdout.flush()
        subprocess.run([*_PROGRAM, *arguments], check=False)  # noqa: S603 - this very program
    call = find_call()
    if talks() and sys.stdin.isatty():
        click.secho(f"\n# Try it in another terminal: {call} --profile demo --help", fg="cyan")
        click.echo("The embedded platform is there for other terminals until you press Enter.")
        sys.stdin.readline()


_PROGRAM = (sys.executable, "-m", "coexplorer", "--profile", "demo")


def _pick_asset() -> tuple[str, str]:
    """Return id and name of the largest raw recording that is the user's own.

    Raises:
        Refused: There is none.
    """
    # Older ephys recordings are those from which most was derived.
    for query in ("tag:raw is:mine name:ecephys created:<-60d", "tag:raw is:mine"):
        done = subprocess.run(  # noqa: S603 - this very program
            [*_PROGRAM, "ls", query, "--sort", "-size", "--limit", "1", "--json"],
            stdout=subprocess.PIPE,
            check=True,
        )
        found = msgspec.json.decode(done.stdout, type=list[_Picked])
        if found:
            return found[0].id, found[0].name
    raise Refused("the tour needs a raw recording", hint="coexplorer demo --fresh makes some")


class _Picked(msgspec.Struct):
    id: str
    name: str
