"""Searches of this version and of an earlier one in turn, as ratios of their CPU time.

    PYTHONPATH=. python benchmarks/bench_before.py [REVISION] [ASSETS] [ROUNDS]

Without a revision, this version is compared with the commit before it. Each has a catalog of its
own, of the same assets, and a process of its own. Each query is asked of one and of the other, and
so on, right after an asset was edited, so that no set is kept: load on the machine meets both
alike. Printed are the medians of the first **window** and of the **count** (CPU, ms), and the ratio
of this version to the earlier one: 1.00 is the same, more is slower. Last comes what reading an
object costs, as the mount does for each file.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
WORKER = """
import json, sys, time
from pathlib import Path
import msgspec
from benchmarks.bench_catalog import ME, NOW, PAGE, WINDOW, build_record
from coexplorer.catalog import Catalog
from coexplorer.demo.samples import generate
from coexplorer.models import Record
from coexplorer.query import parse_query

path, count = Path(sys.argv[1]), int(sys.argv[2])
stored = generate(count, seed=1, now=NOW, owner=ME, colleague="sam@acme.org")
with Catalog.open(path) as catalog:
    generation = catalog.begin_sweep()
    records = [build_record(each) for each in stored]
    ids, first = [record.asset.id for record in records], records[0]
    started = time.process_time()
    for start in range(0, count, PAGE):
        catalog.upsert(records[start : start + PAGE], generation=generation)
    wrote = time.process_time() - started
    del records, stored
with Catalog.open(path) as catalog:
    print(json.dumps([wrote, path.stat().st_size / count]), flush=True)
    touched = 0
    def timed(ask):
        global touched
        touched += 1
        asset = msgspec.structs.replace(first.asset, raw=first.asset.raw + b" " * touched)
        catalog.upsert([Record(asset, first.membership, NOW + touched)])
        started = time.process_time()
        ask()
        return 1e3 * (time.process_time() - started)
    for line in sys.stdin:
        text = json.loads(line)
        if text is None:
            some = ids[:: max(1, count // 2000)]
            costs = [timed(lambda: [catalog.excerpt(each) for each in some]) / len(some)] * 2
        else:
            query = parse_query(text)
            costs = [
                timed(lambda: catalog.window(query, offset=0, limit=WINDOW, now=NOW)),
                timed(lambda: catalog.count(query, now=NOW)),
            ]
        print(json.dumps(costs), flush=True)
"""


class Version:
    """One version's process.

    Args:
        tree: Its source.
        path: Its catalog, which is made.
        count: How many assets.
    """

    def __init__(self, tree: Path, path: Path, count: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", WORKER, str(path), str(count)],
            cwd=tree,
            env={"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def read(self) -> list[float]:
        """Return the next line of figures."""
        if self._process.stdout is None:
            raise RuntimeError("it has no output")
        figures: list[float] = json.loads(self._process.stdout.readline())
        return figures

    def ask(self, text: str | None) -> list[float]:
        """Return what a query costs: its window, and its count, in ms."""
        if self._process.stdin is None:
            raise RuntimeError("it has no input")
        print(json.dumps(text), file=self._process.stdin, flush=True)
        return self.read()

    def end(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.wait()


def main(revision: str, count: int, rounds: int) -> None:
    # What is asked is this version's list; what answers are both.
    from benchmarks.bench_catalog import QUERIES  # noqa: PLC0415

    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        archive = subprocess.run(
            ["git", "archive", revision], cwd=ROOT, check=True, stdout=subprocess.PIPE
        )
        subprocess.run(["tar", "-x", "-C", tree], input=archive.stdout, check=True)
        versions = []
        try:
            for number, source in enumerate((tree, ROOT)):
                version = Version(source, Path(folder) / f"{number}.sqlite3", count)
                versions.append(version)
                wrote, size = version.read()
                name = "this version" if number else revision
                print(f"{name}: written in {wrote:.1f} s of CPU, {size:,.0f} bytes an asset")
            compare(versions, (*QUERIES, None), rounds)
        finally:
            for version in versions:
                version.end()


def compare(versions: list[Version], texts: tuple[str | None, ...], rounds: int) -> None:
    costs: dict[str | None, list[list[list[float]]]] = {text: [] for text in texts}
    for _ in range(rounds):
        for text in texts:
            costs[text].append([version.ask(text) for version in versions])
    print(f"\n{'query':<34}" + f"{'window: before':>16}{'now':>8}{'ratio':>8}", end="")
    print(f"{'count: before':>16}{'now':>8}{'ratio':>8}")
    ratios: list[list[float]] = [[], []]
    for text, found in costs.items():
        print(f"{'(an object for the mount)' if text is None else text:<34}", end="")
        for kind in range(2):
            before, now = (
                statistics.median(each[number][kind] for each in found) for number in range(2)
            )
            ratio = now / max(before, 1e-6)
            ratios[kind].append(ratio)
            print(f"{before:>16.3f}{now:>8.3f}{ratio:>8.2f}", end="")
        print()
    for name, each in zip(("window", "count"), ratios, strict=True):
        print(f"{name}: median of the ratios {statistics.median(each):.2f}, most {max(each):.2f}")


if __name__ == "__main__":
    defaults = ["HEAD~1", "100000", "15"]
    revision, *numbers = [*sys.argv[1:], *defaults[len(sys.argv) - 1 :]]
    main(revision, *map(int, numbers))
