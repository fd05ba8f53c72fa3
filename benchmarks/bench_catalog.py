"""How fast the catalog answers over many assets, next to a naive scan of the same in Python.

    PYTHONPATH=. python benchmarks/bench_catalog.py [ASSETS]

Each query is asked as a front end does on a key: its first **window**, and apart from that its
**count**, each right after a change of the catalog, when no set is kept; **again** is both, with
what the catalog keeps between changes. The **naive** scan walks over the parsed assets in memory,
as a script would.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from coexplorer.assets import parse_asset
from coexplorer.catalog import Catalog
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.dialects import Dialect, build_object
from coexplorer.demo.samples import generate
from coexplorer.models import Membership, Record
from coexplorer.query import parse_query
from tests.support.naive_search import find_naively

NOW = 1_780_000_000.0
ME = "jane@acme.org"
PAGE = 1000
ROUNDS = 7
WINDOW = 100
SLOWEST = 8
QUERIES = (
    "", "e", "q", "ec", "zq", "65", "raw", "ecephys", "ecephys 655", "brain region", "zzzz",
    "spike sorting", "2023-04", "name:behavior", "description:the", "tag:raw",
    "tag:raw tag:derived", "tag:all(raw,ecephys)", "-tag:raw", "raw -ecephys", "type:result",
    "type:result state:ready",
    "is:mine", "is:shared raw", "is:favorite", "is:archived", "is:any", "is:unused", "is:external",
    "size:>10GB", "size:>10GB tag:raw sort:-size", "sort:name", "sort:size raw", "files:>100",
    "created:2023", "created:-30d", "used:never", "used:<-180d ecephys", "owner:jane", "bucket:x",
    "prefix:ecephys", "mount:behavior", "run_script:code", "commit_id:1b", '"subject id":65',
    "state:failed", "sort:type sort:-created", "id:0a",
)  # fmt: skip


def build_record(stored: StoredAsset) -> Record:
    """Take an asset through the wire, as a sweep does."""
    asset = parse_asset(build_object(stored, Dialect.CURRENT, owner_id="owner"))
    membership = Membership(
        archived=stored.archived,
        favorite=ME in stored.favorite_of,
        mine=stored.owner == ME,
        shared=stored.owner != ME,
    )
    return Record(asset, membership, NOW)


def main(count: int) -> None:
    stored = generate(count, seed=1, now=NOW, owner=ME, colleague="sam@acme.org")
    records = [build_record(one) for one in stored]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.sqlite3"
        with Catalog.open(path) as catalog:
            print(f"{count:,} assets")
            load(catalog, "load, all new", records)
            load(catalog, "load, all unchanged", records)
            print(f"file: {path.stat().st_size / 1e6:.0f} MB\n")
            measure(catalog, records)


def load(catalog: Catalog, title: str, records: list[Record]) -> None:
    longest = 0.0
    start = time.perf_counter()
    generation = catalog.begin_sweep()
    for place in range(0, len(records), PAGE):
        begin = time.perf_counter()
        catalog.upsert(records[place : place + PAGE], generation=generation)
        longest = max(longest, time.perf_counter() - begin)
    whole = time.perf_counter() - start
    print(
        f"{title}: {whole:.2f} s, {len(records) / whole:,.0f}/s,"
        f" longest page {longest * 1e3:.0f} ms"
    )


def measure(catalog: Catalog, records: list[Record]) -> None:
    titles = ("window ms", "count ms", "again ms", "naive ms")
    print(f"{'query':<34}{'found':>9}" + "".join(f"{title:>11}" for title in titles))
    figures: dict[str, list[float]] = {title: [] for title in titles}
    slowest: dict[str, list[tuple[float, str]]] = {title: [] for title in titles[:2]}
    touched = 0
    for text in QUERIES:
        query = parse_query(text)
        asked: dict[str, Callable[[], object]] = {
            "window ms": partial(catalog.window, query, offset=0, limit=WINDOW, now=NOW),
            "count ms": partial(catalog.count, query, now=NOW),
        }
        times: dict[str, list[float]] = {title: [] for title in titles}
        for title, ask in asked.items():
            for _ in range(ROUNDS):
                touched = 1 - touched
                catalog.set_membership([records[0].asset.id], Membership(favorite=touched == 1))
                times[title].append(timed(ask))
            slowest[title].append((statistics.median(times[title]), text))
        times["again ms"] = [sum(timed(ask) for ask in asked.values()) for _ in range(ROUNDS)]
        times["naive ms"] = [timed(partial(find_naively, records, query, NOW))]
        for title in titles:
            figures[title] += times[title]
        found = catalog.count(query, now=NOW)
        typical = [statistics.median(times[title]) for title in titles]
        print(f"{text:<34}{found:>9,}" + "".join(f"{figure:>11.2f}" for figure in typical))
    for percent in (50, 95):
        row = [quantile(figures[title], percent) for title in titles]
        print(f"{f'p{percent}':<43}" + "".join(f"{figure:>11.2f}" for figure in row))
    for title, typical_of in slowest.items():
        worst = sorted(typical_of, reverse=True)[:SLOWEST]
        print(f"slowest {title}: " + ", ".join(f"{text} {figure:.0f}" for figure, text in worst))


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


def quantile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
