"""What the embedded platform begins with: sample assets or an export, and scripted trouble."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from coexplorer.cli.format import plural
from coexplorer.cli.narration import warn
from coexplorer.cli.values import find_last_moment

if TYPE_CHECKING:
    from coexplorer.demo.server import DemoServer

DEFAULT_ASSETS = 1200
_DEFAULT_SEED = 1
_LINES_NAMED = 20
"""So many bad lines of an export are named."""


class Samples(msgspec.Struct, frozen=True):
    """What sample assets are wanted; None: nothing was said.

    Attributes:
        count: How many.
        seed: Decides what they are.
        date: Their last day.
    """

    count: int | None = None
    seed: int | None = None
    date: str | None = None

    @property
    def options(self) -> list[str]:
        """The options that say this."""
        given = {"--assets": self.count, "--seed": self.seed, "--date": self.date}
        pairs = [(name, str(value)) for name, value in given.items() if value is not None]
        return [word for pair in pairs for word in pair]


def load_faults(script: Path | None) -> Any:
    """Read a script of faults; None: there is none.

    Raises:
        click.UsageError: It has a mistake.
    """
    from coexplorer.demo.faults import FaultPlan, FaultScriptError, parse_script

    if script is None:
        return None
    try:
        return FaultPlan(parse_script(script.read_text(encoding="utf-8")))
    except (FaultScriptError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{script}: {error}") from None


def load_schema(file: Path | None) -> Any:
    """Read a schema of custom metadata; None: there is none.

    Raises:
        click.UsageError: It is none.
    """
    from coexplorer.demo.metadata import parse_schema

    if file is None:
        return None
    try:
        return parse_schema(file.read_bytes())
    except ValueError as error:
        raise click.UsageError(f"{file}: not a schema: {error}") from None


def fill(server: DemoServer, samples: Samples, *, export: Path | None, as_admin: bool) -> int:
    """Put assets into a new server; one that has some keeps them.

    Returns:
        How many lines of the export were left out; each is named, but no more than a screenful.

    Raises:
        click.UsageError: Data are there already and others are asked for, or the export has no
            asset at all.
    """
    from coexplorer.demo.buckets import ensure_sample_buckets
    from coexplorer.demo.samples import CLOCK, generate, make_computing

    if as_admin and export is None:
        raise click.UsageError("--as-admin is about what --import brings")
    if export is not None and samples.options:
        raise click.UsageError("--import brings the assets: leave --assets, --seed and --date out")
    if server.store.count():
        if export is not None or samples.options:
            given = "--import" if export is not None else ", ".join(samples.options[::2])
            raise click.UsageError(
                f"there is data from last time: leave {given} out to go on with it; --fresh"
                " deletes it"
            )
        return 0
    me, colleague = (user.email for user in server.users[:2])
    if export is not None:
        return _import(server, export, as_admin=as_admin)
    wanted = DEFAULT_ASSETS if samples.count is None else samples.count
    seed = _DEFAULT_SEED if samples.seed is None else samples.seed
    now = CLOCK if samples.date is None else find_last_moment(samples.date)
    # The assets come last: where they are, nothing is filled in again.
    ensure_sample_buckets(server.data)
    assets = generate(wanted, seed=seed, now=now, owner=me, colleague=colleague)
    server.store.workshop.insert(*make_computing(assets, seed=seed, now=now))
    server.store.insert(assets)
    return 0


def _import(server: DemoServer, export: Path, *, as_admin: bool) -> int:
    """Put the assets of an export into a server; return how many of its lines were left out.

    Raises:
        click.UsageError: None of its lines is an asset.
    """
    from coexplorer.demo.importing import BadLineError, import_assets

    me, colleague = (user.email for user in server.users[:2])
    bad: list[BadLineError] = []
    assets = import_assets(
        export, owner=me, colleague=colleague, on_bad_line=bad.append, as_admin=as_admin
    )
    added = server.store.insert(assets)
    if bad and not added:
        raise click.UsageError(f"no asset in it: {bad[0]}")
    for error in bad[:_LINES_NAMED]:
        warn(f"left out: {error}")
    if len(bad) > _LINES_NAMED:
        warn(f"left out: {plural(len(bad) - _LINES_NAMED, 'more line')}")
    return len(bad)
