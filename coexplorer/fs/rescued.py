"""Folders with what a mount could not keep elsewhere when it ended. No pyfuse3 in here."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path

from coexplorer.config.paths import Paths
from coexplorer.text import clean, plural


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
