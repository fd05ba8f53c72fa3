"""How fast the catalog answers over many assets, next to a naive scan of the same in Python.

    PYTHONPATH=. python benchmarks/bench_catalog.py [ASSETS]

Each query is asked as a front end does on a key: its count and its first window. **First** is the
first time after a change of the catalog, when nothing is kept; **again** with what the catalog
keeps between changes. The naive scan walks over the parsed assets in memory, as a script would.
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
from coexplorer.query import Query, parse_query
from tests.support.judge import find_naively

NOW = 1_780_000_000.0
ME = "jane@acme.org"
PAGE = 1000
ROUNDS = 7
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
    print(f"{'query':<34}{'found':>9}{'first ms':>10}{'again ms':>10}{'naive ms':>10}{'ratio':>8}")
    firsts, agains, naives = [], [], []
    touched = 0
    for text in QUERIES:
        query = parse_query(text)
        asked = partial(ask, catalog, query)
        first = []
        for _ in range(ROUNDS):
            touched = 1 - touched
            catalog.set_membership([records[0].asset.id], Membership(favorite=touched == 1))
            first.append(timed(asked))
        again = [timed(asked) for _ in range(ROUNDS)]
        naive = timed(partial(find_naively, records, query, NOW))
        firsts += first
        agains += again
        naives.append(naive)
        typical = statistics.median(first)
        print(
            f"{text:<34}{asked():>9,}{typical:>10.1f}{statistics.median(again):>10.2f}"
            f"{naive:>10.0f}{naive / typical:>7.0f}x"
        )
    for percent in (50, 95):
        figures = [quantile(values, percent) for values in (firsts, agains, naives)]
        print(f"p{percent} of all{'':<34}" + "".join(f"{figure:>10.2f}" for figure in figures))


def ask(catalog: Catalog, query: Query) -> int:
    """Ask as a front end does."""
    found = catalog.count(query, now=NOW)
    catalog.window(query, offset=0, limit=100, now=NOW)
    return found


def timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return (time.perf_counter() - start) * 1e3


def quantile(values: list[float], percent: int) -> float:
    return statistics.quantiles(values, n=100)[percent - 1]


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
