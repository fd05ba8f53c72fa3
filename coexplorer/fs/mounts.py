"""Makes a folder ready to be mounted on, and ends a mount, even one that hangs. No pyfuse3 here."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import tempfile
import time
from pathlib import Path

from coexplorer.config.fuse import find_mount_fault
from coexplorer.config.paths import Paths
from coexplorer.errors import FileTrouble, NotThere, Refused
from coexplorer.fs.mount_records import Mount, is_running, list_mounts
from coexplorer.fs.mount_status import describe_unkept, list_unkept
from coexplorer.fs.mountpoints import (
    ANSWER_S,
    DEAD,
    abort,
    answers,
    detach,
    find_real_path,
    is_mountpoint,
    iter_mountpoints,
    list_holders,
    run_fusermount,
)

_LOOK_S = 0.1
_SAVES_S = 12.0
"""A save answers within ten seconds: so long an unmount waits for those on their way."""
_END_S = 5.0

_RESCUE_S = 4.0
"""How long a mount that hangs may take to write down what it holds, woken up and told to end."""
_HOLDERS_SHOWN = 5


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
    while is_running(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
