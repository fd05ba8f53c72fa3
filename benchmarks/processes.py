"""Measured programs: whether they exist, and what Linux says about them (proc(5))."""

import contextlib
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path


def need(packages: Mapping[str, str], otherwise: str) -> None:
    """End with one sentence, before anything is measured, where programs are missing.

    Args:
        packages: Program → Debian's package of it.
        otherwise: How to do without them.
    """
    missing = [program for program in packages if shutil.which(program) is None]
    if missing:
        names = " ".join(packages[program] for program in missing)
        sys.exit(
            f"{', '.join(missing)} not found; install it: apt-get install {names}"
            f" - or leave it out: {otherwise}"
        )


def find_tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    children: list[str] = []
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in find_tree(int(child)))]


def read_pss_kib(pid: int) -> int:
    """Return the proportional set size of a process; 0 when it is gone."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0


def is_busy(pid: int) -> bool:
    """Tell whether a thread of the process runs, would like to run, or waits for a disk."""
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                if (task / "stat").read_text().rpartition(") ")[2][0] in "RD":
                    return True
    return False
