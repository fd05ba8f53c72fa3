"""The mount beside its peers, on the same number of entries, in one run.

    PYTHONPATH=. python benchmarks/bench_mount.py [--assets 100000] [--parts look,crawl,save,…]
                                                  [--peers minimal,rclone]

Without options it does everything, which takes half an hour at 100,000 assets. Measured: our mount
over the embedded server, a minimal in-memory pyfuse3 file system, `rclone mount` of a local folder
(Debian package), and that folder itself (tmpfs). Cold means after the kernel forgot its entries
(`drop_caches`, needs root) and the daemon has heard of it; the daemons' own memories stay warm.
What is short is repeated, and the median printed.

Goals in seconds, or in calls a second, are for a machine that does a request of the minimal file
system in 70 µs. Where that one misses a goal, the machine is the reason, and the ratio tells.
"""

from __future__ import annotations

import argparse
import errno
import os
import random
import shutil
import stat
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pyfuse3
import trio
from pyfuse3 import (
    EntryAttributes,
    FileHandleT,
    FileInfo,
    FileNameT,
    FlagT,
    InodeT,
    ReaddirToken,
    RequestContext,
)

sys.path.insert(0, str(Path(__file__).parents[1]))

from coexplorer.demo.faults import Kind
from tests.support.mounted import Mounted, make_asset, mounting, wait_until
from tests.support.server import make_id

FILES = ("name", "description.md", "tags", "mount", "asset.json")
TEXT = b"a description of some twenty words, as people write them on a good day, and a newline\n"
PARTS = ("look", "crawl", "grep", "save", "silence", "sync")
PEERS = ("minimal", "rclone", "tmpfs")
SAMPLE = 4000
REPEATS = 3
SAVES = 100
PARALLEL = 64
SLOW_S = 0.5
PARALLEL_ROW = f"{PARALLEL} parallel {SLOW_S} s saves, s"


@dataclass
class Figures:
    """What was measured on one file system."""

    name: str
    rows: dict[str, float] = field(default_factory=dict)

    def note(self, row: str, value: float) -> None:
        self.rows[row] = value
        print(f"  {self.name}: {row}: {value:,.3g}", flush=True)


# --- The minimal file system: what pyfuse3 itself costs


class Minimal(pyfuse3.Operations):
    """Directories of five files, computed from the inode: no names, no state, no rules."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.names = [b"asset %06d" % number for number in range(count)]
        self.numbers = {name: number for number, name in enumerate(self.names)}
        self.files = [name.encode() for name in FILES]

    def attributes(self, inode: int) -> EntryAttributes:
        entry = EntryAttributes()
        entry.st_ino = InodeT(inode)
        is_file = inode > 1 and inode & 7
        entry.st_mode = pyfuse3.ModeT(stat.S_IFREG | 0o600 if is_file else stat.S_IFDIR | 0o700)
        entry.st_nlink = 1 if is_file else 2
        entry.st_size = len(TEXT) if is_file else 0
        entry.entry_timeout = entry.attr_timeout = 300
        return entry

    async def lookup(
        self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        if parent_inode == 1 and name in self.numbers:
            return self.attributes(8 + 8 * self.numbers[name])
        if parent_inode != 1 and name in self.files:
            return self.attributes(parent_inode + 1 + self.files.index(name))
        raise pyfuse3.FUSEError(errno.ENOENT)

    async def getattr(self, inode: InodeT, ctx: RequestContext) -> EntryAttributes:
        return self.attributes(inode)

    async def opendir(self, inode: InodeT, ctx: RequestContext) -> FileHandleT:
        return FileHandleT(inode)

    async def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> None:
        names = self.names if fh == 1 else self.files
        for index in range(start_id, len(names)):
            inode = 8 + 8 * index if fh == 1 else fh + 1 + index
            if not pyfuse3.readdir_reply(
                token, FileNameT(names[index]), self.attributes(inode), index + 1
            ):
                return

    async def open(self, inode: InodeT, flags: FlagT, ctx: RequestContext) -> FileInfo:
        return FileInfo(fh=FileHandleT(inode), keep_cache=True)

    async def read(self, fh: FileHandleT, off: int, size: int) -> bytes:
        return TEXT[off : off + size]


def serve_minimal(folder: str, count: int) -> None:
    pyfuse3.init(Minimal(count), folder, {"default_permissions", "fsname=minimal"})
    try:
        trio.run(pyfuse3.main)
    finally:
        pyfuse3.close()


# --- What is measured


def drop_caches(level: int = 2) -> None:
    subprocess.run(["sync"], check=True)
    Path("/proc/sys/vm/drop_caches").write_text(str(level))


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def read_file(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.read(descriptor, 65536)
    os.close(descriptor)


def each(work: Callable[[str], object], paths: Sequence[str]) -> Callable[[], None]:
    def run() -> None:
        for path in paths:
            work(path)

    return run


def run_ls(folder: Path) -> None:
    subprocess.run(["ls", "-l", str(folder)], stdout=subprocess.DEVNULL, check=True)


def forget(level: int, pid: int | None) -> None:
    """Let the kernel forget, and the daemon hear of it: 100,000 times, after an `ls`."""
    drop_caches(level)
    if pid is not None:
        wait_idle(pid)


def median_of(work: Callable[[], float]) -> float:
    return statistics.median(work() for _ in range(REPEATS))


def measure(figures: Figures, folder: Path, pid: int | None) -> None:
    names = [path.name for path in folder.iterdir()]
    chooser = random.Random(1)

    def list_names() -> None:
        with os.scandir(folder) as entries:
            for _ in entries:
                pass

    def cold(work: Callable[[], object], level: int = 2) -> float:
        forget(level, pid)
        return timed(work)

    def rates(work: Callable[[str], object], level: int) -> tuple[float, float]:
        """How often a second, cold and warm, on other files each time."""
        both = []
        for _ in range(REPEATS):
            picked = chooser.sample(names, min(SAMPLE, len(names)))
            paths = [f"{folder}/{name}/description.md" for name in picked]
            first = cold(each(work, paths), level)
            both.append((len(paths) / first, len(paths) / timed(each(work, paths))))
        slow, fast = zip(*both, strict=True)
        return statistics.median(slow), statistics.median(fast)

    figures.note("ls cold, s", median_of(lambda: cold(list_names)))
    figures.note("ls warm, s", median_of(lambda: timed(list_names)))
    figures.note("ls -l cold, s", median_of(lambda: cold(lambda: run_ls(folder))))
    figures.note("ls -l warm, s", median_of(lambda: timed(lambda: run_ls(folder))))
    slow, fast = rates(os.stat, 2)
    figures.note("stat cold, /s", slow)
    figures.note("stat warm, /s", fast)
    slow, fast = rates(read_file, 3)
    figures.note("open-read-close cold, /s", slow)
    figures.note("open-read-close warm, /s", fast)


CRAWLERS = {
    "find": ["find", "."],
    "ls -lR": ["ls", "-lR", "all"],
    "du": ["du", "-s", "."],
    "grep -r": ["grep", "-r", "-c", "no such text", "all"],
}


def measure_crawl(figures: Figures, folder: Path, pid: int | None, names: Sequence[str]) -> None:
    """Let the tools that read everything do so, each from a kernel that knows nothing."""
    for name in names:
        forget(3, pid)

        def run(name: str = name) -> None:
            command = CRAWLERS[name]
            done = subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, check=False)
            if name == "find":
                figures.note("find, entries", done.stdout.count(b"\n"))

        figures.note(f"{name}, s", timed(run))


def memory_mb(pid: int) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


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
    """Ask the mount while it reads everything anew, in its own process, into an empty catalog.

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
            record = await library.record(asset_id)
            mine = msgspec.structs.replace(record.asset.fields, description=f"edit {number}")
            started = time.perf_counter()
            await library.edit(asset_id, record.asset.fields, mine)
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
    mounted.server.faults.add(Kind.LATENCY, "PUT", "data_assets/*", seconds=SLOW_S)
    paths = [mounted.asset(f"asset {count - n:06}") / "tags" for n in range(PARALLEL)]
    with ThreadPoolExecutor(PARALLEL) as pool:
        writing = timed(lambda: list(pool.map(lambda path: path.write_text("slow\n"), paths)))
    figures.note(PARALLEL_ROW, writing)


def measure_silence(figures: Figures, mounted: Mounted, count: int) -> None:
    """Save, rename and archive at the same time while the platform answers nothing."""
    for path in ("data_assets", "data_assets/**"):
        mounted.server.faults.add(Kind.SILENCE, "*", path)
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


# --- The file systems


def run_ours(base: Path, count: int, parts: Sequence[str]) -> Figures:
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
    with mounting(base, assets, start=False) as mounted:
        figures.note("first sync, s", timed(lambda: _sync(mounted)))
        started = time.perf_counter()
        mounted.start()
        figures.note("start, s", time.perf_counter() - started)
        process = mounted.process
        if process is None:
            raise RuntimeError("the mount is gone")
        figures.note("memory at start, MB", memory_mb(process.pid))
        wait_idle(process.pid)
        mounted.server.log.clear()
        if "look" in parts:
            measure(figures, mounted.folder / "all", process.pid)
        if "crawl" in parts:
            measure_crawl(figures, mounted.folder, process.pid, ("find",))
            figures.note("memory after find, MB", memory_mb(process.pid))
            measure_crawl(figures, mounted.folder, process.pid, ("ls -lR", "du"))
        if "grep" in parts:
            measure_crawl(figures, mounted.folder, process.pid, ("grep -r",))
            figures.note("memory after grep, MB", memory_mb(process.pid))
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
    return figures


def wait_idle(pid: int) -> None:
    """Wait until the daemon does nothing any more: it has learnt all sizes, or forgotten."""

    def used() -> int:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])

    before = -10
    while used() - before > 1:
        before = used()
        time.sleep(0.5)


def _sync(mounted: Mounted) -> None:
    command = [sys.executable, "-m", "coexplorer", "sync"]
    subprocess.run(command, env=mounted.env, capture_output=True, check=True)


@contextmanager
def serving(folder: Path, command: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: os.path.ismount(folder), f"a mount at {folder}")
        yield process
    finally:
        subprocess.run(["fusermount3", "-uz", str(folder)], check=False)
        process.terminate()
        process.wait(30)


def run_minimal(base: Path, count: int, parts: Sequence[str]) -> Figures:
    figures = Figures("minimal")
    folder = base / "minimal"
    command = [sys.executable, __file__, "--serve-minimal", str(folder), "--assets", str(count)]
    with serving(folder, command) as process:
        measure_peer(figures, folder, process.pid, parts)
        figures.note("memory after find, MB", memory_mb(process.pid))
    return figures


def measure_peer(figures: Figures, folder: Path, pid: int | None, parts: Sequence[str]) -> None:
    if "look" in parts:
        measure(figures, folder, pid)
    if "crawl" in parts:
        measure_crawl(figures, folder, pid, ("find",))


def make_folder(base: Path, count: int) -> Path:
    """Make a local folder of the same shape, for the peers."""
    source = base / "source"
    for number in range(count):
        folder = source / f"asset {number:06}"
        folder.mkdir(parents=True)
        for name in FILES:
            (folder / name).write_bytes(TEXT)
    return source


def run_rclone(base: Path, source: Path, parts: Sequence[str]) -> Figures:
    figures = Figures("rclone")
    folder = base / "rclone"
    with serving(folder, ["rclone", "mount", str(source), str(folder)]) as process:
        measure_peer(figures, folder, process.pid, parts)
        figures.note("memory after find, MB", memory_mb(process.pid))
    return figures


@dataclass(frozen=True)
class Goal:
    """What a figure must be: of ours alone, or as a ratio to a peer's."""

    text: str
    row: str
    is_met: Callable[[float], bool]
    peer: str = ""
    inverse: bool = False

    def value(self, results: Mapping[str, Figures]) -> float | None:
        """Return the figure or the ratio; None when it was not measured this time."""
        ours = results["ours"].rows.get(self.row)
        if not self.peer or ours is None:
            return ours
        other = results[self.peer].rows.get(self.row) if self.peer in results else None
        if other is None:
            return None
        return other / ours if self.inverse else ours / other


def at_most(limit: float) -> Callable[[float], bool]:
    return lambda value: value <= limit


def at_least(limit: float) -> Callable[[float], bool]:
    return lambda value: value >= limit


GOALS = [
    Goal("ls cold ≤ 1.0 s", "ls cold, s", at_most(1.0)),
    Goal("ls warm ≤ 0.6 s", "ls warm, s", at_most(0.6)),
    Goal("ls -l cold ≤ 1.5 s", "ls -l cold, s", at_most(1.5)),
    Goal("ls -l: ≥ 8 times rclone's", "ls -l cold, s", at_least(8), "rclone", inverse=True),
    Goal("cold stat ≥ 0.7 times minimal", "stat cold, /s", at_least(0.7), "minimal"),
    Goal("cold stat above rclone's", "stat cold, /s", at_least(1), "rclone"),
    Goal("open-read-close cold ≥ 2,000/s", "open-read-close cold, /s", at_least(2000)),
    Goal("open-read-close warm ≥ 4,000/s", "open-read-close warm, /s", at_least(4000)),
    Goal("find ≤ 60 s", "find, s", at_most(60)),
    Goal("memory ≤ 200 MB", "memory after find, MB", at_most(200)),
    Goal("no request an asset while reading", "requests an asset meanwhile", at_most(0)),
    Goal("stat p99 during a sync ≤ 5 ms", "stat p99 during a sync, ms", at_most(5)),
    Goal("save ≤ 3 ms beyond the library", "save beyond that, ms", at_most(3)),
    Goal("parallel slow saves overlap", PARALLEL_ROW, at_most(4 * SLOW_S)),
    Goal("silence: every call ≤ 10 s", "longest call in silence, s", at_most(10)),
]


def judge(results: Mapping[str, Figures], count: int) -> bool:
    """Print all figures, and the goals (for 100,000 assets) with the ratio to the minimum."""
    print(f"\n{count:,} assets")
    print(f"{'':32}" + "".join(f"{name:>12}" for name in results))
    for row in results["ours"].rows:
        cells = (each.rows.get(row) for each in results.values())
        print(f"{row:32}" + "".join(f"{'' if c is None else f'{c:,.3g}':>12}" for c in cells))
    print(f"\n{'':8}{'goal':38}{'ours':>10}{'ours : minimal':>18}")
    met = True
    for goal in GOALS:
        value = goal.value(results)
        if value is None:
            continue
        verdict = goal.is_met(value)
        met = met and verdict
        ratio, note = compare(goal, results)
        print(f"{'met' if verdict else 'MISSED':8}{goal.text:38}{value:>10,.3g}{ratio:>18}{note}")
    return met


def compare(goal: Goal, results: Mapping[str, Figures]) -> tuple[str, str]:
    """Return the ratio to the minimal file system, and whether that one meets the goal."""
    if goal.peer or "minimal" not in results:
        return "", ""
    ours, least = (results[name].rows.get(goal.row) for name in ("ours", "minimal"))
    if ours is None or least is None:
        return "", ""
    note = (
        "" if goal.is_met(least) else f"  the minimal one misses it on this machine: {least:,.3g}"
    )
    return f"{ours / least:,.2f}", note


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
    parser.add_argument("--serve-minimal", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve_minimal:
        serve_minimal(arguments.serve_minimal, arguments.assets)
        return 0
    count, parts, peers = arguments.assets, arguments.parts, arguments.peers
    base = Path(tempfile.mkdtemp(prefix="bench-", dir="/dev/shm"))
    try:
        found = [run_ours(base, count, parts)]
        if "minimal" in peers:
            found.append(run_minimal(base, count, parts))
        source = make_folder(base, count) if {"rclone", "tmpfs"} & set(peers) else base
        if "rclone" in peers:
            found.append(run_rclone(base, source, parts))
        if "tmpfs" in peers:
            found.append(Figures("tmpfs"))
            measure_peer(found[-1], source, None, parts)
        return 0 if judge({each.name: each for each in found}, count) else 1
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
