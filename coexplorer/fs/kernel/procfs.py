"""What /proc says about the processes that hold our files.

Nothing here may look *through* a descriptor (a stat of /proc/PID/fd/N would come back to us as a
request, and we would wait for ourselves): we only read the text in ``fdinfo``.
"""

from __future__ import annotations

import os
import platform
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

_REMEMBERED = 256
_IS_EXITING = 0x4  # PF_EXITING
_SIGNAL_BITS = 0x7F
_FDINFO_BYTES = 4096  # what is wanted stands in the first lines
_STAT_BYTES = 4096  # one line of some fifty numbers
_PATH_BYTES = 4096  # PATH_MAX
_DELETED = " (deleted)"

# rename, renameat and renameat2 by their numbers → which argument is the new path
_RENAMES: Mapping[str, Mapping[int, int]] = {
    "x86_64": {82: 1, 264: 3, 316: 3},
    "aarch64": {38: 3, 276: 3},
}


def has_writable(pid: int, inode: int, name: bytes, mount_id: int | None) -> bool:
    """Tell whether a process has a descriptor open that can write to a file (40 to 150 µs).

    The one that is being closed is out of its table already. A process that cannot be looked at
    (another user's, another container's, or dead) counts as having none.

    Args:
        pid: The process, or any of its threads.
        inode: The file.
        name: Its name in its folder.
        mount_id: Our mount's id in ``mountinfo``; None when it is not known. Who sees it elsewhere
            (a bind mount, a container's own list of mounts) sees it under another.
    """
    if pid <= 0:
        return False
    folder = f"/proc/{pid}"
    try:
        numbers = os.listdir(f"{folder}/fd")  # noqa: PTH208 - a hot path, like all of this
    except OSError:
        return False
    return any(
        _bears(f"{folder}/fd/{number}", name) and _writes_to(folder, number, inode, mount_id)
        for number in numbers
    )


def _bears(link: str, name: bytes) -> bool:
    """Tell whether a descriptor may be of a file with this name: half the price of its ``fdinfo``.

    The link's text is the kernel's own: reading it asks no file system. A name that the kernel was
    told to forget is a deleted one to it.
    """
    try:
        text = os.readlink(link)  # noqa: PTH115
    except OSError:
        return True
    return text.endswith(("/" + os.fsdecode(name), _DELETED))


def _writes_to(folder: str, number: str, inode: int, mount_id: int | None) -> bool:
    try:
        descriptor = os.open(f"{folder}/fdinfo/{number}", os.O_RDONLY)
    except OSError:
        return False
    try:
        info = os.read(descriptor, _FDINFO_BYTES)
    except OSError:
        return False
    finally:
        os.close(descriptor)
    if b"\nino:\t%d\n" % inode not in info:
        return False  # nearly all of them: no need to take the text apart
    values = dict(line.split(b":\t", 1) for line in info.splitlines() if b":\t" in line)
    shown = values.get(b"mnt_id", b"").decode()
    if mount_id is not None and not _is_ours(folder, shown, str(mount_id)):
        return False
    return int(values.get(b"flags", b"0"), 8) & os.O_ACCMODE != os.O_RDONLY


def _is_ours(folder: str, shown: str, mount_id: str) -> bool:
    """Tell whether a mount in a process's own list of them is of our file system."""
    if shown == mount_id:
        return True
    ours = _find_device("/proc/self", mount_id)
    return ours is not None and _find_device(folder, shown) == ours


def _find_device(folder: str, mount_id: str) -> str | None:
    """Return the device number of a mount, as a process sees it."""
    try:
        with open(f"{folder}/mountinfo", errors="surrogateescape") as lines:  # noqa: PTH123
            for line in lines:
                fields = line.split(" ", 3)
                if fields[0] == mount_id:
                    return fields[2]
    except OSError:
        pass
    return None


def is_killed(pid: int) -> bool:
    """Tell whether a process is just being ended by a signal: what it wrote may be only half of it.

    A process closes its files when its exit code is already known, and that tells.
    """
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return False
    try:
        fields = os.read(descriptor, _STAT_BYTES).rpartition(b")")[2].split()
    except OSError:
        return False
    finally:
        os.close(descriptor)
    flags, exit_code = int(fields[6]), int(fields[-1])
    return bool(flags & _IS_EXITING) and bool(exit_code & _SIGNAL_BITS)


def renames_to(pid: int, name: bytes) -> bool:
    """Tell whether a process is about to give something the name that it asks for.

    The kernel does not say what a lookup is for. Where the process may not be looked into (Ubuntu
    keeps that to its parents), ``mv`` counts as doing so.
    """
    try:
        with open(f"/proc/{pid}/syscall", "rb") as text:  # noqa: PTH123 - without a Path's detours
            call = text.read().split()
        place = _RENAMES.get(platform.machine(), {}).get(int(call[0]))
        if place is None:
            return False
        return _read_string(pid, int(call[1 + place], 16)).rstrip(b"/").endswith(b"/" + name)
    except (OSError, ValueError):
        return read_command(pid) == b"mv"


def _read_string(pid: int, address: int) -> bytes:
    """Read a path from another process's memory, with a slash in front."""
    with open(f"/proc/{pid}/mem", "rb", buffering=0) as memory:  # noqa: PTH123 - as above
        memory.seek(address)
        return b"/" + memory.read(_PATH_BYTES).partition(b"\0")[0]


def read_command(pid: int) -> bytes:
    """Return the name of a process's program; empty where /proc does not say."""
    try:
        return Path(f"/proc/{pid}/comm").read_bytes().rstrip(b"\n")
    except OSError:
        return b""


class ThreadGroups:
    """Threads → the process that they belong to (the kernel names the thread that asks)."""

    def __init__(self) -> None:
        self._known: OrderedDict[int, int] = OrderedDict()

    def find(self, pid: int) -> int:
        """Return a thread's process id; the thread's own where /proc does not say."""
        known = self._known.get(pid)
        if known is not None:
            return known
        tgid = _read_tgid(pid)
        self._known[pid] = tgid
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return tgid

    def clear(self) -> None:
        """Forget everything: the kernel reuses these numbers."""
        self._known.clear()


def is_alive(pid: int) -> bool:
    """Tell whether a process exists."""
    return Path(f"/proc/{pid}").exists()


def find_mount_id(mountpoint: Path) -> int | None:
    """Return the id of the topmost mount at a path; None if there is none."""
    fields = _find_mount(mountpoint)
    return None if fields is None else int(fields[0])


def _find_mount(mountpoint: Path) -> list[str] | None:
    """Return what mountinfo says of the topmost mount at a path."""
    found = None
    for line in Path("/proc/self/mountinfo").read_text(errors="surrogateescape").splitlines():
        fields = line.split(" ")
        if unescape_mountinfo(fields[4]) == str(mountpoint):
            found = fields
    return found


def let_more_reads_wait(mountpoint: Path, most: int) -> bool:
    """Have the kernel send a mount more reads at once; False where it does not let us.

    It sends twelve that read ahead, or past its pages, and holds all others of the mount back until
    one of them is answered. libfuse has no way to say this before the mount is there.
    """
    fields = _find_mount(mountpoint)
    if fields is None:
        return False
    number = fields[2].partition(":")[2]
    try:
        Path("/sys/fs/fuse/connections", number, "max_background").write_text(str(most))
    except OSError:
        return False
    return True


def _read_tgid(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:  # noqa: PTH123 - a hot path
            for line in status:
                if line.startswith("Tgid:"):
                    return int(line.split()[1])
    except OSError:
        pass
    return pid


def unescape_mountinfo(path: str) -> str:
    """Undo mountinfo's octal escapes of blank, tab, newline and backslash."""
    for code, character in (("040", " "), ("011", "\t"), ("012", "\n"), ("134", "\\")):
        path = path.replace(f"\\{code}", character)
    return path
