"""What Linux says of a process that runs (proc(5))."""

import contextlib
from pathlib import Path


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
