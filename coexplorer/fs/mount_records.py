"""Mounts on this machine, as their processes wrote them down; dead ones too. No pyfuse3 in here."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import msgspec

from coexplorer.config.paths import Paths, ensure_private_dir, write_private
from coexplorer.errors import FileTrouble
from coexplorer.fs.mountpoints import iter_owned


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
        msgspec.structs.replace(records[path], alive=is_running(records[path].pid))
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


def is_running(pid: int) -> bool:
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
