"""How long a mount takes to answer, from `coexplorer mount` to the first `ls`, beside bare Python.

    PYTHONPATH=. python benchmarks/bench_mount_start.py [ASSETS] [ROUNDS]

The catalog is there, and the platform can't be reached. A mount of a few assets, a mount of all of
them, and ``python -c pass`` are started in turn, so that load meets all alike. **CPU** is what the
mount had taken of a processor when the first name was listed (user and system), **wall** what a
person waited; both are medians.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.bench_start import Cost, make_home, run

GOAL_S = 3.0
SMALL = 100
_LIMIT_S = 120.0
_TICKS = os.sysconf("SC_CLK_TCK")


def main(assets: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        env = {name: value for name, value in os.environ.items() if not name.startswith("XDG_")}
        env.pop("PYTHONDONTWRITEBYTECODE", None)
        env |= {"HOME": folder}
        make_home(home, {"small": SMALL, "large": assets}, domain="localhost")
        costs: dict[str, list[Cost]] = {}
        for number in range(rounds + 1):
            found = {
                "python -c pass": run([sys.executable, "-c", "pass"], env),
                f"a mount of {SMALL:,}": mount(home, env, "small"),
                f"a mount of {assets:,}": mount(home, env, "large"),
            }
            for title, cost in found.items():
                if number:  # the first one writes the bytecode
                    costs.setdefault(title, []).append(cost)
    print(f"\n{'':<28}{'CPU':>9}{'wall':>9}  goal for 100,000: ≤ {GOAL_S:g} s")
    for title, each in costs.items():
        cpu_s, wall_s = map(statistics.median, zip(*each, strict=True))
        print(f"{title:<28}{cpu_s:7.2f} s{wall_s:7.2f} s")


def mount(home: Path, env: dict[str, str], profile: str) -> Cost:
    """Mount, list one name, and unmount."""
    folder = home / f"mount of {profile}"
    folder.mkdir(exist_ok=True)
    coexplorer = str(Path(sys.executable).with_name("coexplorer"))
    argv = [coexplorer, "--profile", profile, "mount", "--foreground", str(folder)]
    start = time.perf_counter()
    with (
        (home / "log").open("w") as log,
        subprocess.Popen(argv, env=env, stdout=log, stderr=log) as process,
    ):
        try:
            while not lists(folder / "all"):
                if process.poll() is not None or time.perf_counter() - start > _LIMIT_S:
                    raise RuntimeError((home / "log").read_text())
                time.sleep(0.005)
            return Cost(read_cpu_s(process.pid), time.perf_counter() - start)
        finally:
            process.terminate()
            process.wait()


def lists(folder: Path) -> bool:
    """Tell whether a folder is there and names anything."""
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is not None
    except OSError:
        return False


def read_cpu_s(pid: int) -> float:
    """Return what a process has taken of a processor."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


if __name__ == "__main__":
    given = [int(argument) for argument in sys.argv[1:]]
    main(*(given + [100_000, 7][len(given) :]))
