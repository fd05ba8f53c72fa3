"""The mount compared with its peers, on the same number of entries, in one run.

    PYTHONPATH=. python benchmarks/bench_mount.py [--assets 100000] [--parts look,crawl,save,…]
                                                  [--peers minimal,rclone] [--rounds 5]

Without options it does everything, which takes half an hour at 100,000 assets. It measures our
mount over the embedded server, a minimal in-memory pyfuse3 file system, `rclone mount` of a local
folder (Debian package), and that folder itself (tmpfs). Each row is measured on all of them, one
after the other, as many times as there are rounds; printed are the medians, and the median of the
ratios.

Cold means after the kernel forgot its entries (`drop_caches`, needs root) and the daemons have
heard of it; what they read from stays in memory: rclone's folder is in tmpfs, and our catalog is
read once more before, as some machines (with DAMON) give the pages of idle files up after seconds.
A row for our mount only shows the cost when the catalog also has to come from the disk.

Goals in seconds, or in calls a second, are for a machine that does a request of the minimal file
system in 70 µs: a row tells what this one needs. Where the minimal one misses a goal too, and ours
is no slower than it, the verdict is "machine".
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks.mount_goals import PARALLEL, PARALLEL_ROW, READ_ROW, SLOW_S, Figures, judge
from benchmarks.mount_peers import PEERS, TEXT, FileSystem, peers
from benchmarks.processes import need
from coexplorer.demo.faults import FaultKind
from tests.support.mounted import Mounted, make_asset, mounting
from tests.support.server import make_id

PARTS = ("look", "crawl", "grep", "save", "silence", "sync")
SAMPLE = 4000
ROUNDS = 5
SAVES = 100


# --- What the kernel and the daemons know


def forget(level: int, systems: Sequence[FileSystem]) -> None:
    """Let the kernel forget, and the daemons hear of it: 100,000 times, after an `ls`."""
    subprocess.run(["sync"], check=True)
    Path("/proc/sys/vm/drop_caches").write_text(str(level))
    wait_idle([system.pid for system in systems if system.pid is not None])


def wait_idle(pids: Sequence[int]) -> None:
    """Wait until the daemons do nothing any more: they have learnt all sizes, or forgotten."""

    def used() -> int:
        total = 0
        for pid in pids:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            total += int(fields[11]) + int(fields[12])
        return total

    before = -10
    while used() - before > 1:
        before = used()
        time.sleep(0.5)


def memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


# --- Looking


class Looks:
    """Looks at all file systems in turn: what slows the machine for a while slows each of them.

    Args:
        measured: The file systems, ours first, and their figures.
        store: What ours reads from.
    """

    def __init__(self, measured: Sequence[tuple[FileSystem, Figures]], store: Path) -> None:
        self.measured = measured
        self.systems = [system for system, _ in measured]
        self.store = store
        self.names = {
            each.name: [path.name for path in each.folder.iterdir()] for each in self.systems
        }
        self.chooser = random.Random(1)

    def run(self) -> None:
        """Measure each row once on each file system."""
        for row, list_all in (("ls", list_names), ("ls -l", run_ls)):
            for system, figures in self.measured:
                self.time(system, figures, row, list_all)
        for row, look in (("stat", os.stat), ("open-read-close", read_file)):
            for system, figures in self.measured:
                self.rate(system, figures, row, look)
        for system, figures in self.measured:
            missing = [f"{system.folder}/{self.chooser.random()}" for _ in range(SAMPLE)]
            figures.note("a request, µs", 1e6 * timed(each(miss, missing)) / SAMPLE)
        ours, figures = self.measured[0]
        paths = self.paths(ours)
        forget(3, self.systems)
        row = f"{READ_ROW} with the disk cold"
        figures.note(row, len(paths) / timed(each(read_file, paths)))

    def time(
        self, system: FileSystem, figures: Figures, row: str, work: Callable[[Path], object]
    ) -> None:
        forget(2, self.systems)
        figures.note(f"{row} cold, s", timed(lambda: work(system.folder)))
        figures.note(f"{row} warm, s", timed(lambda: work(system.folder)))

    def rate(
        self, system: FileSystem, figures: Figures, row: str, work: Callable[[str], object]
    ) -> None:
        """Note how often a second, on other files each time."""
        paths = self.paths(system)
        forget(2, self.systems)
        for path in self.store.rglob("*"):
            if path.is_file():
                path.read_bytes()
        figures.note(f"{row} cold, /s", len(paths) / timed(each(work, paths)))
        figures.note(f"{row} warm, /s", len(paths) / timed(each(work, paths)))

    def paths(self, system: FileSystem) -> list[str]:
        names = self.names[system.name]
        picked = self.chooser.sample(names, min(SAMPLE, len(names)))
        return [f"{system.folder}/{name}/description.md" for name in picked]


def list_names(folder: Path) -> None:
    with os.scandir(folder) as entries:
        for _ in entries:
            pass


def run_ls(folder: Path) -> None:
    subprocess.run(["ls", "-l", str(folder)], stdout=subprocess.DEVNULL, check=True)


def read_file(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.read(descriptor, 65536)
    os.close(descriptor)


def miss(path: str) -> None:
    """Ask for a name that is not there, that the kernel has never heard of."""
    os.access(path, os.F_OK)


def each(work: Callable[[str], object], paths: Sequence[str]) -> Callable[[], None]:
    def run() -> None:
        for path in paths:
            work(path)

    return run


# --- Reading all of it

CRAWLERS = {
    "find": ["find", "."],
    "ls -lR": ["ls", "-lR", "all"],
    "du": ["du", "-s", "."],
    "grep -r": ["grep", "-r", "-c", "no such text", "all"],
}


def crawl(name: str, system: FileSystem, figures: Figures, systems: Sequence[FileSystem]) -> None:
    """Let a tool that reads everything do so, from a kernel that knows nothing."""
    forget(3, systems)
    found = 0

    def run() -> None:
        nonlocal found
        command = CRAWLERS[name]
        done = subprocess.run(command, cwd=system.folder, stdout=subprocess.PIPE, check=False)
        found = done.stdout.count(b"\n")

    figures.note(f"{name}, s", timed(run))
    if name == "find":
        figures.note("find, entries", found)
    if system.pid is not None:
        figures.note(f"memory after {name}, MB", memory_mb(system.pid))


# --- Writing, silence, and a sync

EDITS = """
import sys, time, statistics, trio
from pathlib import Path
from coexplorer.config import load_settings
from coexplorer.library import open_library
import msgspec
async def main():
    async with open_library(load_settings(), origin="cli") as library:
        edits, saves = [], []
        pairs = zip(sys.argv[1::2], sys.argv[2::2])
        for number, (asset_id, path) in enumerate(pairs):
            record = await library.assets.record(asset_id)
            mine = msgspec.structs.replace(record.asset.fields, description=f"edit {number}")
            started = time.perf_counter()
            await library.changes.edit(asset_id, record.asset.fields, mine)
            edits.append(time.perf_counter() - started)
            started = time.perf_counter()
            Path(path).write_text(f"save {number}\\n")
            saves.append(time.perf_counter() - started)
        print(statistics.median(edits), statistics.median(saves))
trio.run(main)
"""


def measure_saves(figures: Figures, mounted: Mounted) -> None:
    """Edit with the library, then save in the mount, and so on: the same load is on both."""
    arguments = []
    for number in range(1, SAVES + 1):
        path = mounted.asset(f"asset {number:06}") / "description.md"
        arguments += [make_id(SAVES + number), str(path)]
    done = subprocess.run(
        [sys.executable, "-c", EDITS, *arguments],
        env={**mounted.env, "PYTHONPATH": str(Path(__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    edit, save = map(float, done.stdout.split())
    figures.note("save, ms", 1000 * save)
    figures.note("the library's own edit, ms", 1000 * edit)
    figures.note("save beyond that, ms", 1000 * (save - edit))


def measure_parallel_saves(figures: Figures, mounted: Mounted, count: int) -> None:
    mounted.server.faults.add(FaultKind.LATENCY, "PUT", "data_assets/*", seconds=SLOW_S)
    paths = [mounted.asset(f"asset {count - n:06}") / "tags" for n in range(PARALLEL)]
    with ThreadPoolExecutor(PARALLEL) as pool:
        writing = timed(lambda: list(pool.map(lambda path: path.write_text("slow\n"), paths)))
    figures.note(PARALLEL_ROW, writing)


def measure_silence(figures: Figures, mounted: Mounted, count: int) -> None:
    """Save, rename and archive at the same time while the platform answers nothing."""
    for path in ("data_assets", "data_assets/**"):
        mounted.server.faults.add(FaultKind.SILENCE, "*", path)
    names = [f"asset {count - PARALLEL - number:06}" for number in range(12)]
    archived = mounted.folder / "archived"

    def call(item: tuple[int, str]) -> float:
        number, name = item
        folder = mounted.asset(name)
        actions: tuple[Callable[[], object], ...] = (
            lambda: (folder / "tags").write_text("silent\n"),
            lambda: folder.rename(mounted.asset(f"{name} renamed")),
            lambda: folder.rename(archived / name),
        )
        started = time.perf_counter()
        with suppress(OSError):
            actions[number % len(actions)]()
        return time.perf_counter() - started

    with ThreadPoolExecutor(len(names)) as pool:
        longest = max(pool.map(call, enumerate(names)))
    figures.note("longest call in silence, s", longest)
    mounted.server.faults.clear()
    mounted.server.faults.release()


PROBE = """
import os, sys, time
folder, delays, looked = sys.argv[1], [], time.monotonic()
while True:
    started = time.perf_counter()
    try:
        os.stat(f"{folder}/all/no asset {len(delays)}")
    except FileNotFoundError:
        pass  # a name that the kernel was never told: it asks for each of them
    delays.append(time.perf_counter() - started)
    time.sleep(0.001)  # without a pause only this would be served
    if time.monotonic() - looked > 1:
        looked = time.monotonic()
        if "synced: never" not in open(f"{folder}/.coexplorer/status").read():
            break
delays.sort()
print(len(delays), delays[int(0.99 * len(delays))], delays[-1])
"""


def measure_sync(figures: Figures, mounted: Mounted) -> None:
    """Ask the mount while it reads everything again, in its own process, into an empty catalog.

    The asking is a process of its own too: in this one it would wait for the server's thread.
    """
    mounted.stop()
    shutil.rmtree(mounted.home / "cache")
    mounted.start(wait=False)
    command = [sys.executable, "-c", PROBE, str(mounted.folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    count, percentile, longest = map(float, done.stdout.split())
    figures.note("stats during a sync", count)
    figures.note("stat p99 during a sync, ms", 1000 * percentile)
    figures.note("stat max during a sync, ms", 1000 * longest)


# --- All of it


def sync(mounted: Mounted) -> None:
    command = [sys.executable, "-m", "coexplorer", "sync"]
    subprocess.run(command, env=mounted.env, capture_output=True, check=True)


@contextmanager
def ours(count: int) -> Iterator[tuple[Mounted, FileSystem, Figures]]:
    """Mount ours, whose catalog is on the disk, with everything in it."""
    figures = Figures("ours")
    assets = [
        make_asset(
            number,
            f"asset {number:06}",
            description=TEXT.decode().strip(),
            tags=(f"tag {number % 50}", f"project {number % 7}"),
            custom_metadata={"subject id": str(600_000 + number), "modality": ["ecephys"]},
        )
        for number in range(1, count + 1)
    ]
    base = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with mounting(base, assets, start=False) as mounted:
            figures.note("first sync, s", timed(lambda: sync(mounted)))
            figures.note("start, s", timed(mounted.start))
            process = mounted.process
            if process is None:
                raise RuntimeError("the mount is gone")
            figures.note("memory at start, MB", memory_mb(process.pid))
            wait_idle([process.pid])
            mounted.server.log.clear()
            yield mounted, FileSystem("ours", mounted.folder, process.pid), figures
    finally:
        shutil.rmtree(base, ignore_errors=True)


def run_all(count: int, parts: Sequence[str], names: Sequence[str], rounds: int) -> list[Figures]:
    with ours(count) as (mounted, whole, figures):
        with peers(names, count) as others:
            rest = [(other, Figures(other.name)) for other in others]
            if "look" in parts:
                assets = FileSystem("ours", whole.folder / "all", whole.pid)
                looks = Looks([(assets, figures), *rest], mounted.home)
                for _ in range(rounds):
                    looks.run()
            if "crawl" in parts:
                for system, its in ((whole, figures), *rest):
                    crawl("find", system, its, [whole, *others])
        if "crawl" in parts:
            crawl("ls -lR", whole, figures, [whole])
            crawl("du", whole, figures, [whole])
        if "grep" in parts:
            crawl("grep -r", whole, figures, [whole])
        asked = mounted.server.requests(path="*/data_assets/?*-*")
        figures.note("requests an asset meanwhile", len(asked))
        figures.note("requests meanwhile", len(mounted.server.requests()))
        if "save" in parts:
            measure_saves(figures, mounted)
            measure_parallel_saves(figures, mounted, count)
        if "silence" in parts:
            measure_silence(figures, mounted, count)
        if "sync" in parts:
            measure_sync(figures, mounted)
    return [figures, *(its for _, its in rest)]


def choice(allowed: Sequence[str]) -> Callable[[str], list[str]]:
    """Return what reads a list of names, separated by commas."""

    def read(text: str) -> list[str]:
        names = [name for name in text.split(",") if name]
        if wrong := set(names) - set(allowed):
            raise argparse.ArgumentTypeError(f"{', '.join(wrong)}: choose of {', '.join(allowed)}")
        return names

    return read


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--assets", type=int, default=100_000)
    parser.add_argument("--parts", type=choice(PARTS), default=list(PARTS))
    parser.add_argument("--peers", type=choice(PEERS), default=list(PEERS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    if "rclone" in given.peers:
        rest = ",".join(peer for peer in given.peers if peer != "rclone")
        need({"rclone": "rclone"}, otherwise=f"--peers {rest}" if rest else "--peers minimal")
    found = run_all(given.assets, given.parts, given.peers, given.rounds)
    return 0 if judge({each.name: each for each in found}, given.assets) else 1


if __name__ == "__main__":
    sys.exit(main())
