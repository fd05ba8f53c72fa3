"""Four processes that edit the same assets on a platform full of faults, until a time is over.

    PYTHONPATH=. python benchmarks/soak.py --minutes 30 [--workers 4] [--seed 1]

Each worker runs commands of the program, one after the other: it adds a tag that nobody else adds
to one of 50 assets, and one time in twenty it is killed in the middle. Meanwhile about every second
request is refused, cut off, lost or answered with nonsense. In the end the faults stop, what waits
is sent again, and what the platform has is held against what was told the user:

    acknowledged  edits that ended with 0
    missing       of these, what the platform does not have
    twice         tags that an asset has more than once
    unsettled     what is still in the journal to be sent, or nobody knows of

All but the first are wrong: the exit code is then 1, and the folder with the journal is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer
from tests.support.server import make_id

ASSETS = 50
KILLED = 0.05
"""The share of edits whose process is killed."""

FAULTS = (429, 500, 503, "reset", "lost", "short", "cut", "html", 401, 403, 404)
METHODS = ("GET", "PUT", "PUT", "PUT", "POST", "PATCH")
LONGEST_S = 300.0
"""How long a command may take; one that takes longer hangs, and that is a finding."""

UNSETTLED = ("planned", "intended", "unsent", "conflict", "unknown")

Edit = tuple[str, str]
"""An asset's id, and the tag that was added."""


@dataclass
class Told:
    """What the workers saw."""

    acknowledged: set[Edit] = field(default_factory=set)
    refused: dict[Edit, str] = field(default_factory=dict)
    codes: Counter[int] = field(default_factory=Counter)
    kills: int = 0
    hung: int = 0
    guard: threading.Lock = field(default_factory=threading.Lock)


class Soak:
    def __init__(self, server: DemoServer, home: Path, *, seed: int) -> None:
        self.server = server
        self.told = Told()
        self.seed = seed
        prefixes = ("XDG_", "COEXPLORER_", "CODEOCEAN_")
        self.env = {key: text for key, text in os.environ.items() if not key.startswith(prefixes)}
        self.env |= {
            "HOME": str(home),
            "CODEOCEAN_DOMAIN": server.url,
            "CODEOCEAN_TOKEN": server.users[0].token,
        }

    def start(self, *args: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "coexplorer", *args],
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *args: str) -> tuple[int, str, str]:
        process = self.start(*args)
        out, err = process.communicate(timeout=LONGEST_S)
        return process.returncode, out, err

    def make_trouble(self, until: float) -> None:
        chance = random.Random(self.seed)
        while time.monotonic() < until:
            method = chance.choice(METHODS)
            path = "data_assets/search" if method == "POST" else "data_assets/**"
            self.server.faults.add(chance.choice(FAULTS), method, path, times=1)
            time.sleep(chance.uniform(0.1, 1.2))

    def work(self, worker: int, until: float) -> None:
        chance = random.Random(f"{self.seed}-{worker}")
        number = 0
        while time.monotonic() < until:
            number += 1
            edit = make_id(chance.randint(1, ASSETS)), f"w{worker}-{number}"
            self._edit(edit, chance)

    def _edit(self, edit: Edit, chance: random.Random) -> None:
        process = self.start("edit", edit[0], "--add-tag", edit[1], "--yes")
        killed = chance.random() < KILLED
        try:
            _, err = process.communicate(timeout=chance.uniform(0.3, 2) if killed else LONGEST_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            with self.told.guard:
                self.told.kills += killed
                self.told.hung += not killed
                self.told.refused[edit] = "killed" if killed else "hung"
            return
        code = process.returncode
        with self.told.guard:
            self.told.codes[code] += 1
            if code == 0:
                self.told.acknowledged.add(edit)
            else:
                first = (err.strip().splitlines() or ["it said nothing"])[0]
                self.told.refused[edit] = f"{code}: {first.rpartition('): ')[2][:70]}"

    def settle(self) -> None:
        """Send what waits, until nothing does."""
        self.server.faults.clear()
        for _ in range(5):
            code, _, _ = self.run("retry")
            if code == 5:  # nothing waits
                return

    def read_states(self) -> Counter[str]:
        _, out, _ = self.run("log", "--entries", "--json", "--limit", "1000000")
        return Counter(entry["state"] for entry in json.loads(out))


def report(told: Told, tags: Mapping[str, tuple[str, ...]], states: Counter[str]) -> int:
    """Print the table; return how many things are wrong."""
    missing = sorted(edit for edit in told.acknowledged if edit[1] not in tags[edit[0]])
    twice = [
        (each, tag) for each, all_ in tags.items() for tag, n in Counter(all_).items() if n > 1
    ]
    late = [edit for edit in told.refused if edit[1] in tags[edit[0]]]
    unsettled = sum(count for state, count in states.items() if state in UNSETTLED)
    crashed = told.codes[1]
    rows = {
        "acknowledged": len(told.acknowledged),
        "missing": len(missing),
        "twice": len(twice),
        "unsettled": unsettled,
        "killed": told.kills,
        "hung": told.hung,
        "crashed": crashed,
        "not acknowledged, there in the end": len(late),
        "not acknowledged, not there": len(told.refused) - len(late),
    }
    for what, count in rows.items():
        print(f"{count:>8,}  {what}")
    print("codes:  ", ", ".join(f"{code}: {n}" for code, n in sorted(told.codes.items())))
    print("journal:", ", ".join(f"{state}: {n}" for state, n in states.most_common()))
    why = Counter(reason for edit, reason in told.refused.items() if edit not in late)
    for reason, count in why.most_common(12):
        print(f"{count:>8,}  not there: {reason}")
    for each in (*missing, *twice)[:20]:
        print("wrong:", *each)
    return len(missing) + len(twice) + unsettled + told.hung + crashed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    base = Path(tempfile.mkdtemp(prefix="coexplorer-soak-"))
    (base / "home").mkdir()
    with DemoServer(base / "server") as server:
        owner = server.users[0].email
        made = [
            StoredAsset(id=make_id(n), name=f"soak {n}", owner=owner, created=1_690_000_000 + n)
            for n in range(1, ASSETS + 1)
        ]
        server.store.insert(made)
        soak = Soak(server, base / "home", seed=options.seed)
        soak.run("sync")
        until = time.monotonic() + options.minutes * 60
        threads = [
            threading.Thread(target=soak.work, args=(worker, until))
            for worker in range(options.workers)
        ]
        threads.append(threading.Thread(target=soak.make_trouble, args=(until,)))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        soak.settle()
        tags = {asset.id: server.store.get(asset.id).tags for asset in made}
        wrong = report(soak.told, tags, soak.read_states())
    if wrong:
        sys.exit(f"{wrong} wrong; what there was is kept in {base}")
    shutil.rmtree(base)


if __name__ == "__main__":
    main()
