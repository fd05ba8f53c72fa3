"""A tour of the commands on the demo's platform: each is really run, as one would type it."""

from __future__ import annotations

import shlex
import subprocess
import sys

import click

from coexplorer.cli.narration import talks

_STOPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "The largest raw recordings. The local catalog answers; it works offline, too.",
        ("ls", "tag:raw", "size:>1GB", "--sort", "-size", "--limit", "8"),
    ),
    ("Everything about one of them.", ("show", "ASSET")),
    (
        "Tag many at once: first what would be done …",
        ("edit", "--query", "tag:raw size:>1GB created:-90d", "--add-tag", "keep", "--dry-run"),
    ),
    (
        "… then do it. What others changed meanwhile is merged, never overwritten.",
        ("edit", "ASSET", "--add-tag", "keep", "--description", "Seen on the tour."),
    ),
    ("Everything that was done here is in the log …", ("log",)),
    ("… and can be taken back.", ("undo",)),
    ("What is there, and who takes the space?", ("stats",)),
)


def give_tour() -> None:
    """Run each stop of the tour, and wait at the end for as long as somebody is there."""
    asset = _pick_asset()
    for told, command in _STOPS:
        arguments = [asset if word == "ASSET" else word for word in command]
        click.secho(f"\n# {told}", fg="cyan")
        click.secho(f"$ coexplorer --profile demo {shlex.join(arguments)}", bold=True)
        sys.stdout.flush()
        subprocess.run([*_PROGRAM, *arguments], check=False)  # noqa: S603 - this very program
    click.secho("\n# Try it: coexplorer --profile demo --help", fg="cyan")
    if talks() and sys.stdin.isatty():
        click.echo("The embedded platform is there for other terminals until you press Enter.")
        sys.stdin.readline()


_PROGRAM = (sys.executable, "-m", "coexplorer", "--profile", "demo")


def _pick_asset() -> str:
    """Return the id of the largest asset that was tagged raw."""
    arguments = ("ls", "tag:raw", "is:mine", "--sort", "-size", "--limit", "1", "--ids")
    done = subprocess.run(  # noqa: S603 - this very program
        [*_PROGRAM, *arguments], stdout=subprocess.PIPE, text=True, check=True
    )
    return done.stdout.strip()
