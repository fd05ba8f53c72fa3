"""What a start costs, as a ratio to bare Python in the same run, and a catalog's bytes an asset.

    PYTHONPATH=. python benchmarks/bench_start.py [ASSETS] [ROUNDS]

Each program runs in turn, so that load meets all alike. **CPU** is what it and its children took of
a processor (user and system), **wall** what a person waits; both are medians, beside their ratio to
``python -c pass``. Bytecode is there beforehand, as after an installation.
"""

from __future__ import annotations

import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.bench_catalog import ME, NOW, PAGE, build_record
from coexplorer.catalog import Catalog
from coexplorer.demo.samples import HIGHEST_COUNT, generate
from coexplorer.models import Dialect

SMALL = 1200
HELP_GOAL, LS_GOAL = 5.0, 7.0


class Cost(NamedTuple):
    cpu_s: float
    wall_s: float


def main(assets: int, rounds: int) -> None:
    coexplorer = str(Path(sys.executable).with_name("coexplorer"))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        env |= {"HOME": folder, "COLUMNS": "100"}
        make_home(home, {"small": SMALL, "large": assets})
        page = ["ls", "--offline", "--limit", "40"]
        programs = {
            "python -c pass": ([sys.executable, "-c", "pass"], None),
            "python -c 'import click'": ([sys.executable, "-c", "import click"], None),
            "coexplorer --help": ([coexplorer, "--help"], HELP_GOAL),
            f"ls --offline, a page of {SMALL:,}": (
                [coexplorer, "--profile", "small", *page],
                LS_GOAL,
            ),
            f"ls --offline, a page of {assets:,}": (
                [coexplorer, "--profile", "large", *page],
                LS_GOAL,
            ),
            f"ls --offline, all of {SMALL:,}": (
                [coexplorer, "--profile", "small", "ls", "--offline"],
                None,
            ),
            f"stats --offline of {assets:,}": (
                [coexplorer, "--profile", "large", "stats", "--offline"],
                None,
            ),
        }
        costs: dict[str, list[Cost]] = {title: [] for title in programs}
        for number in range(rounds + 1):
            for title, (argv, _) in programs.items():
                cost = run(argv, env)
                if number:  # the first one writes the bytecode
                    costs[title].append(cost)
        tell(costs, {title: goal for title, (_, goal) in programs.items()})


def make_home(home: Path, catalogs: dict[str, int], domain: str = "") -> None:
    """Make a home with a profile and a catalog of so many assets for each name."""
    config = home / ".config/coexplorer/config.toml"
    config.parent.mkdir(parents=True)
    lines = ['default_profile = "small"']
    for name, count in catalogs.items():
        at = domain or f"{name}.example.org"
        lines += [f"[profiles.{name}]", f'domain = "{at}"', 'token = "cop_none"']
        path = home / f".cache/coexplorer/catalogs/{name}@{at}.sqlite3"
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fill(path, count)
    config.write_text("\n".join(lines), encoding="utf-8")
    config.chmod(0o600)


def fill(path: Path, count: int) -> None:
    stored = [  # ids of different seeds differ
        one
        for seed, start in enumerate(range(0, count, HIGHEST_COUNT), 1)
        for one in generate(
            min(HIGHEST_COUNT, count - start),
            seed=seed,
            now=NOW,
            owner=ME,
            colleague="sam@acme.org",
        )
    ]
    with Catalog.open(path) as catalog:
        generation = catalog.begin_sweep()
        for start in range(0, count, PAGE):
            records = [build_record(one) for one in stored[start : start + PAGE]]
            catalog.upsert(records, generation=generation)
        catalog.finish_sweep(
            complete=True, total=count, now=time.time(), duration_s=1.0, dialect=Dialect.CURRENT
        )
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    print(f"catalog of {count:,} assets: {path.stat().st_size / count:,.0f} bytes an asset")


def run(argv: list[str], env: dict[str, str]) -> Cost:
    start = time.perf_counter()
    devnull = os.devnull
    pid = os.posix_spawn(
        argv[0],
        argv,
        env,
        file_actions=[(os.POSIX_SPAWN_OPEN, fd, devnull, os.O_WRONLY, 0) for fd in (1, 2)],
    )
    _, status, used = os.wait4(pid, 0)
    if status:
        sys.exit(f"{' '.join(argv)} ended with {os.waitstatus_to_exitcode(status)}")
    return Cost(used.ru_utime + used.ru_stime, time.perf_counter() - start)


def tell(costs: dict[str, list[Cost]], goals: dict[str, float | None]) -> None:
    middle = {
        title: Cost(*map(statistics.median, zip(*found, strict=True)))
        for title, found in costs.items()
    }
    bare = next(iter(middle.values()))
    print(f"\n{'':<40}{'CPU':>9}{'ratio':>7}{'wall':>10}{'ratio':>7}  goal")
    for title, cost in middle.items():
        goal = "" if goals[title] is None else f"≤ {goals[title]:g}"
        print(
            f"{title:<40}{cost.cpu_s * 1e3:6.0f} ms{cost.cpu_s / bare.cpu_s:7.1f}"
            f"{cost.wall_s * 1e3:7.0f} ms{cost.wall_s / bare.wall_s:7.1f}  {goal}"
        )


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [100_000, 21][len(given) :]))
