"""A full first sync compared with the official SDK's iterator, on the same server process.

    PYTHONPATH=. python benchmarks/bench_sync.py --assets 100000 [--sdk-pages 1000]

Each reader is a separate process, so that their times and peaks of memory are comparable. The SDK
reads every page and keeps nothing; the library also writes all of it to a searchable catalog ("all
rows"), and then reads which assets are favourites, owned and shared ("whole").
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

PEERS = Path(__file__).parent / "peers"
SDK_PAGES = (100, 500, 1000)
Figures = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=100_000)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--sdk-pages", type=int, nargs="+", default=SDK_PAGES, metavar="LIMIT")
    options = parser.parse_args()
    print(f"making {options.assets:,} assets …", file=sys.stderr)
    server = subprocess.Popen(
        [sys.executable, PEERS / "sample_server.py", str(options.assets)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        if server.stdout is None:
            raise RuntimeError("the server has no output")
        url, token = server.stdout.readline().split()
        report(compare(url, token, options.runs, options.sdk_pages))
    finally:
        server.terminate()
        server.wait()


def compare(url: str, token: str, runs: int, sdk_pages: Sequence[int]) -> dict[str, list[Figures]]:
    results: dict[str, list[Figures]] = {}
    for _ in range(runs):
        for page in sdk_pages:
            figures = run("sdk_reader.py", url, token, str(page))
            results.setdefault(f"SDK, pages of {page}", []).append(figures)
        results.setdefault("library", []).append(run("library_reader.py", url, token))
    return results


def run(reader: str, *arguments: str) -> Figures:
    print(f"reading by {reader} …", file=sys.stderr)
    done = subprocess.run(
        [sys.executable, PEERS / reader, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: Figures = json.loads(done.stdout)
    return figures


def report(results: dict[str, list[Figures]]) -> None:
    medians = {
        name: {key: statistics.median(one[key] for one in runs) for key in runs[0]}
        for name, runs in results.items()
    }
    ours = medians["library"]
    best = min(one["total_s"] for name, one in medians.items() if name != "library")
    titles = ("assets", "first rows", "all rows", "whole", "cpu", "peak", "speed")
    print(f"{'':20}" + "".join(f"{title:>12}" for title in titles))
    for name, one in medians.items():
        print(
            f"{name:20}{one['assets']:>12,.0f}{one['first_s']:>10.2f} s{one['rows_s']:>10.1f} s"
            f"{one['total_s']:>10.1f} s{one['cpu_s']:>10.1f} s{one['peak_mb']:>9.0f} MB"
            f"{best / one['total_s']:>10.2f} x"
        )
    print(f"all rows: {best / ours['rows_s']:.2f} times as fast as the SDK's best;", end=" ")
    print(f"the whole first sync: {best / ours['total_s']:.2f} times")


if __name__ == "__main__":
    main()
