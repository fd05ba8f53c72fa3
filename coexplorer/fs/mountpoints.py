"""What the kernel knows of our mounts: where they are, who uses them, and taking one away.

A mount that hangs would hang whoever asks it: most of this asks the kernel alone.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

from coexplorer.config.fuse import MOUNTS, can_list_mounts
from coexplorer.errors import Refused
from coexplorer.fs.kernel.procfs import unescape_mountinfo

_USER = re.compile(r"\buser_id=(\d+)")
FSTYPE = "fuse.coexplorer"
ANSWER_S = 1.0
"""How long a mount may take to say how it is: it has that in memory."""
_MOST_LINKS = 40
DEAD = (errno.ENOTCONN, errno.ECONNABORTED)


def find_real_path(folder: Path) -> Path:
    """Return the real path of what may be a mount, without asking the mount itself.

    Links are followed as far as they lead to a mount; only what is above it is looked at.
    """
    path = folder
    for _ in range(_MOST_LINKS):
        path = Path(os.path.realpath(path.parent)) / path.name
        if is_mountpoint(path) or not path.is_symlink():
            break
        path = path.parent / path.readlink()
    return path


def answers(folder: Path, patience_s: float = ANSWER_S) -> bool:
    """Tell whether somebody answers at a mount, within some seconds.

    The kernel remembers the root of a mount whose process is dead or hangs, but how much room it
    has is always asked for. The question is put in a thread that is left alone if it never ends.
    """
    answered: list[bool] = []

    def ask() -> None:
        try:
            os.statvfs(folder)
        except OSError as error:
            answered.append(error.errno not in DEAD)
        else:
            answered.append(True)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(patience_s)
    return answered == [True]


def is_mountpoint(folder: Path) -> bool:
    """Tell whether one of our mounts is at a real path; the mount itself is not asked."""
    return any(mounted == folder for mounted, _ in iter_mountpoints())


def iter_mountpoints() -> Iterator[tuple[Path, str]]:
    """Iterate over our mounts in this namespace: the folder, and the device number's minor.

    Where only Linux's mounts could be, and this is none, there are none.
    """
    for path, minor, _ in iter_owned():
        yield path, minor


def iter_owned() -> Iterator[tuple[Path, str, int | None]]:
    """Iterate over our mounts as `iter_mountpoints` does, with the user who mounted each."""
    if not can_list_mounts():
        return
    for line in MOUNTS.read_text(errors="surrogateescape").splitlines():
        left, _, right = line.partition(" - ")
        fields = left.split(" ")
        if right.split(" ")[0] == FSTYPE:
            owner = _USER.search(right)
            uid = None if owner is None else int(owner[1])
            yield Path(unescape_mountinfo(fields[4])), fields[2].partition(":")[2], uid


def list_holders(folder: Path) -> list[tuple[int, str]]:
    """List the processes that have a file or their working directory in a mount: pid and name."""
    holders = []
    for process in Path("/proc").iterdir():
        if not process.name.isdigit() or int(process.name) == os.getpid():
            continue
        try:
            links = [process / "cwd", process / "root", *(process / "fd").iterdir()]
            # readlink reads the kernel's own text; a stat would ask the mount itself.
            inside = any(_is_inside(str(link.readlink()), folder) for link in links)
            if inside:
                holders.append((int(process.name), (process / "comm").read_text().strip()))
        except OSError:
            continue
    return sorted(holders)


def _is_inside(path: str, folder: Path) -> bool:
    return path == str(folder) or path.startswith(f"{folder}/")


def detach(folder: Path) -> None:
    """Take a mount out of the tree, whatever uses it.

    Raises:
        Refused: Even that failed.
    """
    done = run_fusermount("-uz", folder)
    if done.returncode != 0 and is_mountpoint(folder):  # auto_unmount may have been faster
        raise Refused(
            f"the mount at {folder} can't be detached: {done.stderr.strip()}",
            hint=f"if it is somebody else's, ask them; or as root: umount -l {folder}",
        )


def run_fusermount(option: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run fusermount3 with an option on a folder, and return how it went."""
    program = shutil.which("fusermount3") or "/usr/bin/fusermount3"
    return subprocess.run(  # noqa: S603 - a fixed program, and a path after --
        [program, option, "--", str(folder)], capture_output=True, text=True, check=False
    )


def abort(minor: str) -> None:
    """Let every call fail that waits for an answer of a mount."""
    with contextlib.suppress(OSError):  # no fusectl, or not allowed
        (Path("/sys/fs/fuse/connections") / minor / "abort").write_text("1")
