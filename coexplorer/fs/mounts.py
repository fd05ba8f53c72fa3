"""Mounts on this machine: listing them, dead ones too, and ending one. No pyfuse3 in here."""

from __future__ import annotations

import contextlib
import hashlib
import os
import signal
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from coexplorer.config.fuse import find_mount_fault
from coexplorer.config.paths import Paths, ensure_private_dir, write_private
from coexplorer.errors import FileTrouble, NotSignedIn, NotThere, Refused, Unreachable
from coexplorer.fs.mountpoints import (
    ANSWER_S,
    DEAD,
    abort,
    answers,
    detach,
    find_real_path,
    is_mountpoint,
    iter_mountpoints,
    iter_owned,
    list_holders,
    run_fusermount,
)
from coexplorer.text import clean, plural

ONLY_IN_MEMORY = "only in memory"
NOT_KEPT = "not kept"
"""Lines of a mount's ``.coexplorer/status``: how many, and each of them."""

_LOOK_S = 0.1
_MOST_IDLE = 100
"""How often a mount that reads nothing is looked at, until something is wrong."""
_STATUS_S = 12.0
"""Longer than a mount gives itself to answer."""
_SAVES_S = 12.0
"""A save answers within ten seconds: so long an unmount waits for those on their way."""
_END_S = 5.0

_RESCUE_S = 4.0
"""How long a mount that hangs may take to write down what it holds, woken up and told to end."""
_HOLDERS_SHOWN = 5
_UNKEPT_SHOWN = 5


class Mount(msgspec.Struct, frozen=True):
    """A mount, as the process that serves it wrote it down.

    Attributes:
        folder: Where it is.
        pid: The serving process.
        url: The platform.
        started: Epoch seconds.
        alive: Whether it answers; only `list_mounts` knows.
    """

    folder: str
    pid: int
    profile: str
    url: str
    started: float
    read_only: bool = False
    journal: str = ""
    alive: bool = True


def check_fuse() -> None:
    """Make sure that this machine can mount.

    Raises:
        Refused: Something is missing; the hint says how to get it.
    """
    fault = find_mount_fault(load=True)
    if fault is not None:
        raise fault


def ensure_mountable(paths: Paths, folder: Path) -> Path:
    """Make a folder ready to be mounted on: heal a dead mount, make what is not there.

    Returns:
        Its real path.

    Raises:
        Refused: It is mounted already, no folder, not empty, or can't be made.
    """
    # A mount is looked for in the kernel's list first: one that hangs would not answer a stat.
    folder = find_real_path(folder)
    if is_mountpoint(folder) and not answers(folder) and _is_served(paths, folder):
        raise Refused(
            f"{folder} is mounted already, and does not answer",
            hint=f"end that one first: coexplorer umount --force {folder}",
        )
    _prepare(paths, folder)
    return Path(os.path.realpath(folder))


def ensure_answering(folder: Path, log: Path) -> None:
    """Wait until a new mount answers.

    Raises:
        Refused: It does not.
    """
    if not (is_mountpoint(folder) and answers(folder, _END_S)):
        raise Refused(f"the mount at {folder} ended as soon as it began", hint=f"look at {log}")


def _prepare(paths: Paths, folder: Path) -> None:
    try:
        found = folder.stat()
    except FileNotFoundError:
        try:
            folder.mkdir(parents=True, mode=0o700)
        except OSError as error:
            raise FileTrouble.of(folder, "made", error) from error
        return
    except OSError as error:
        if error.errno not in DEAD:
            raise FileTrouble.of(folder, "used", error) from error
        detach(folder)
        _prepare(paths, folder)
        return
    if not stat.S_ISDIR(found.st_mode):
        raise Refused(f"{folder} is not a folder")
    if is_mountpoint(folder):
        if not _is_served(paths, folder):
            detach(folder)
            _prepare(paths, folder)
            return
        hint = f"leave it as it is, or first: coexplorer umount {folder}"
        raise Refused(f"{folder} is mounted already", hint=hint)
    if next(folder.iterdir(), None) is not None:
        raise Refused(f"{folder} is not empty", hint="mount on an empty folder, or on a new one")


def list_mounts(paths: Paths, *, uid: int | None = None) -> list[Mount]:
    """List our mounts, dead ones too, and forget records of those that are gone.

    Args:
        paths: The program's folders.
        uid: Leave out what another user mounted; None: of everybody.
    """
    records, present = _read_records(paths), _find_present()
    for gone in set(records) - set(present):
        _record_file(paths, Path(gone)).unlink(missing_ok=True)
    return _pair(records, present, uid)


def look_at_mounts(paths: Paths, *, uid: int | None = None) -> list[Mount]:
    """List mounts as `list_mounts` does, and change nothing."""
    return _pair(_read_records(paths), _find_present(), uid)


def _read_records(paths: Paths) -> dict[str, Mount]:
    folder = _records_dir(paths)
    records: dict[str, Mount] = {}
    for file in folder.glob("*.json") if folder.is_dir() else ():
        try:
            record = msgspec.json.decode(file.read_bytes(), type=Mount)
        except (OSError, msgspec.MsgspecError):
            continue
        records[record.folder] = record
    return records


def _find_present() -> dict[str, int | None]:
    """Return the folders of our mounts in this namespace, each with who mounted it."""
    return {str(path): owner for path, _, owner in iter_owned()}


def _pair(
    records: dict[str, Mount], present: dict[str, int | None], uid: int | None
) -> list[Mount]:
    return [
        msgspec.structs.replace(records[path], alive=_is_running(records[path].pid))
        if path in records
        else Mount(path, 0, "", "", 0.0)
        for path, owner in sorted(present.items())
        if path in records or uid is None or owner in {None, uid}
    ]


def ensure_records(paths: Paths, folder: Path) -> None:
    """Check, while there is a terminal, that a mount can write its record and its log.

    Raises:
        FileTrouble: It can't.
    """
    log = log_file(paths, folder)
    try:
        ensure_private_dir(log.parent)
        os.close(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError as error:
        hint = "or set XDG_STATE_HOME to a folder that can be written"
        raise FileTrouble.of(
            f"the record of mounts in {log.parent}", "written", error, hint=hint
        ) from error


def write_record(paths: Paths, mount: Mount) -> None:
    """Write a mount down, for `list_mounts`.

    Raises:
        OSError: It can't be written.
    """
    ensure_private_dir(_records_dir(paths))
    write_private(_record_file(paths, Path(mount.folder)), msgspec.json.encode(mount).decode())


def remove_record(paths: Paths, folder: Path, pid: int) -> None:
    """Forget a mount, unless another process has taken its place."""
    file = _record_file(paths, folder)
    try:
        record = msgspec.json.decode(file.read_bytes(), type=Mount)
    except (OSError, msgspec.MsgspecError):
        return
    if record.pid == pid:
        file.unlink(missing_ok=True)


def log_file(paths: Paths, folder: Path) -> Path:
    """Return where the mount at a folder writes its log."""
    return _record_file(paths, folder).with_suffix(".log")


def wait_until_read(folder: Path, tell: Callable[[str], None]) -> None:
    """Wait until a mount has read the list of its assets once: until then it shows some, or none.

    Args:
        folder: Where it is.
        tell: Called again and again with how many there are so far, e.g. ``at least 2,000``.

    Raises:
        ApiError: The platform does not let it; the mount goes on trying.
    """
    idle = 0
    while True:
        status = dict(line.partition(": ")[::2] for line in _ask_status(folder))
        if status.get("synced", "") != "never":
            return
        is_out = status["signed in"] != "yes"
        idle = idle + 1 if status["reading news"] == "no" else 0
        if idle and (is_out or status["network"] != "online" or idle > _MOST_IDLE):
            hint = f"the assets appear as soon as it can: {folder}/.coexplorer/status"
            told = f"{folder} is mounted, but has no assets yet: "
            if is_out:
                raise NotSignedIn(f"{told}you are not signed in", hint=f"coexplorer login; {hint}")
            raise Unreachable(f"{told}the platform can't be read", hint=hint)
        tell(status["assets"])
        time.sleep(_LOOK_S)


def list_unkept(folder: Path) -> list[str]:
    """Ask a mount what is only in its memory, because a disk is full; it tries once more first.

    Returns:
        Each text and file, as people are told it; none also if it does not say.
    """
    found = (line.partition(": ") for line in _ask_status(folder))
    return [path for key, _, path in found if key == NOT_KEPT]


def _ask_status(folder: Path) -> list[str]:
    """Return the lines of a mount's status; none if it does not say."""
    said: list[str] = []

    def ask() -> None:
        with contextlib.suppress(OSError):
            said.append((folder / ".coexplorer" / "status").read_text(errors="replace"))

    # A thread that is left alone if the mount never answers.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_STATUS_S)
    return [line.rstrip() for line in said[0].splitlines()] if said else []


def find_rescued(paths: Paths, pid: int) -> Path:
    """Return the folder where a mount puts what it can't keep elsewhere when it ends."""
    return Path(tempfile.gettempdir()) / f"{_rescued_prefix(paths)}{pid}"


def _rescued_prefix(paths: Paths) -> str:
    """Begin the name of such folders: another user's, or another home's, are not these."""
    home = hashlib.blake2b(str(paths.state_dir).encode(errors="surrogateescape"), digest_size=4)
    return f"coexplorer-{os.getuid()}-{home.hexdigest()}-"


def list_rescued(paths: Paths) -> list[Path]:
    """List such folders of this user's mounts, with this home, that are still there."""
    found = []
    with contextlib.suppress(OSError):
        for folder in sorted(Path(tempfile.gettempdir()).glob(f"{_rescued_prefix(paths)}*")):
            with contextlib.suppress(OSError):
                mode = folder.lstat()
                is_ours = stat.S_ISDIR(mode.st_mode) and mode.st_uid == os.getuid()
                if is_ours and folder.name.rpartition("-")[2].isdigit() and any(folder.iterdir()):
                    found.append(folder)
    return found


def describe_rescued(folder: Path) -> str:
    """Say what such a folder has, and what to do with it."""
    many = plural(len(list(folder.glob("*"))), "file")
    return (
        f"what you wrote in a mount while a disk was full is in {clean(str(folder))} ({many}):"
        " save it again from there, then remove the folder"
    )


def describe_unkept(unkept: Sequence[str], folder: Path | str) -> str:
    """Say what is only in a mount's memory."""
    once = list(dict.fromkeys(unkept))
    shown = ", ".join(once[:_UNKEPT_SHOWN])
    more = f" and {len(once) - _UNKEPT_SHOWN:,} more" if once[_UNKEPT_SHOWN:] else ""
    verb = "is" if len(once) == 1 else "are"
    return f"{shown}{more} {verb} only in the memory of the mount at {folder}"


def _refuse_to_lose(folder: Path, mount: Mount | None) -> None:
    unkept = list_unkept(folder)
    if unkept:
        where = f" (for {Path(mount.journal).parent})" if mount and mount.journal else ""
        raise Refused(
            f"{describe_unkept(unkept, folder)}: it can't be written to the disk",
            hint=f"free some disk space{where}, then unmount again; or: coexplorer umount --force"
            f" {folder}, which tries to save it in {tempfile.gettempdir()}",
        )


def unmount(paths: Paths, folder: Path, *, force: bool) -> bool:
    """End a mount, and wait until what was on its way is sent or in the journal.

    Args:
        paths: Where records of mounts are.
        folder: Where it is mounted.
        force: Detach it even if it is in use, and end a serving process that hangs.

    Returns:
        Whether it ended by itself; False: it was killed, and what it held in memory is gone.

    Raises:
        NotThere: We have nothing mounted there.
        Refused: It is in use (the message says by whom), or the only one that has some texts.
    """
    folder = find_real_path(folder)
    minors = [minor for path, minor in iter_mountpoints() if path == folder]
    if not minors:
        raise NotThere(f"coexplorer has nothing mounted at {folder}")
    mount = next((m for m in list_mounts(paths) if m.folder == str(folder)), None)
    if not answers(folder):
        return _unmount_hanging(folder, minors[-1], mount, force=force)
    if not force:
        _refuse_to_lose(folder, mount)
    done = run_fusermount("-u", folder)
    deadline = time.monotonic() + _SAVES_S
    while done.returncode != 0 and not force:
        holders = list_holders(folder)
        if not holders and time.monotonic() < deadline and is_mountpoint(folder):
            time.sleep(_LOOK_S)  # whoever waits for the end of a save has closed its file
            done = run_fusermount("-u", folder)
            continue
        if not holders:
            raise Refused(
                f"{folder} can't be unmounted, as a save or another request has not ended:"
                f" {done.stderr.strip()}",
                hint=f"try again in a while ({folder}/.coexplorer/log tells how it ends),"
                f" or: coexplorer umount --force {folder}",
            )
        shown = ", ".join(f"{name} ({pid})" for pid, name in holders[:_HOLDERS_SHOWN])
        more = f" and {len(holders) - _HOLDERS_SHOWN} more" if holders[_HOLDERS_SHOWN:] else ""
        raise Refused(
            f"{folder} is in use by {shown}{more}",
            hint=f"leave it there, or: coexplorer umount --force {folder}",
        )
    if done.returncode != 0:
        detach(folder)
    return mount is None or not mount.pid or _end(mount.pid, minors[-1], force=force)


def _unmount_hanging(folder: Path, minor: str, mount: Mount | None, *, force: bool) -> bool:
    """End a mount that does not answer: its process hangs, was stopped, or is dead.

    Returns:
        Whether it ended by itself, or had ended already.

    Raises:
        Refused: It is not asked to be forced, or can't be detached.
    """
    running = mount is not None and bool(mount.pid) and mount.alive
    if running and not force:
        raise Refused(
            f"the mount at {folder} does not answer, so it can't finish what is on its way",
            hint=f"end it: coexplorer umount --force {folder}; the journal has all texts that were"
            " saved, and the mount is woken up to write down the others",
        )
    ended = mount is None or not running or _wake_to_end(mount.pid)
    abort(minor)
    if mount is not None and not ended:
        # It waits for something that never comes: nothing gentler is heard.
        with contextlib.suppress(ProcessLookupError):
            os.kill(mount.pid, signal.SIGKILL)
        _wait_for_end(mount.pid, ANSWER_S)
    detach(folder)
    return ended


def _wake_to_end(pid: int) -> bool:
    """Let a mount that may be stopped go on, to write down what it holds and end; False: it didn't.

    What was written and not closed is nowhere but in its memory.
    """
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        os.kill(pid, signal.SIGCONT)  # the other one is heard first thing then
    return _wait_for_end(pid, _RESCUE_S)


def _is_served(paths: Paths, folder: Path) -> bool:
    """Tell whether somebody answers at a mount; the kernel remembers the root of a dead one."""
    mount = next((m for m in list_mounts(paths) if m.folder == str(folder)), None)
    if mount is not None and mount.pid:
        return mount.alive
    return answers(folder)


def _end(pid: int, minor: str, *, force: bool) -> bool:
    """Wait for the end of a serving process; with `force`, make sure of it; False: killed."""
    if _wait_for_end(pid, _END_S) or not force:
        return True
    os.kill(pid, signal.SIGTERM)
    if _wait_for_end(pid, _END_S):
        return True
    abort(minor)
    if _wait_for_end(pid, 1.0):
        return True
    os.kill(pid, signal.SIGKILL)
    return False


def _wait_for_end(pid: int, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while _is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def _is_running(pid: int) -> bool:
    """Tell whether a process runs; one that only waits to be buried does not."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] != "Z"


def _records_dir(paths: Paths) -> Path:
    return paths.state_dir / "mounts"


def _record_file(paths: Paths, folder: Path) -> Path:
    digest = hashlib.blake2b(str(folder).encode(errors="surrogateescape"), digest_size=8)
    return _records_dir(paths) / f"{digest.hexdigest()}.json"
