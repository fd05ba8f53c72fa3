"""The server's data folder: taken only when it is empty or the server's own.

It is emptied of nothing but what the server has put there. Whoever names a folder with other things
in it has made a mistake, and nothing in it may be lost.
"""

from __future__ import annotations

import fcntl
import shutil
from pathlib import Path
from typing import Final, TextIO

from coexplorer.demo.buckets import SAMPLE_PRIVATE, SAMPLE_PUBLIC
from coexplorer.errors import Refused

STORE: Final = "store.sqlite"
SECRETS: Final = "secrets.json"
_LOCK: Final = "lock"
_FOLDERS: Final = ("buckets", "buckets/.keys", "contents")
_FILES: Final = (STORE, f"{STORE}-wal", f"{STORE}-shm", f"{STORE}-journal", SECRETS)


def open_folder(data: Path) -> TextIO:
    """Make the folder where it is not there, and hold it until the returned file is closed.

    Raises:
        Refused: It holds other things, or another server runs on it.
    """
    _check_own(data)
    for folder in (data, *(data / name for name in _FOLDERS)):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _hold(data)


def empty_folder(data: Path) -> None:
    """Forget the assets, the people and their tokens; buckets that somebody else made stay.

    Raises:
        Refused: It holds other things, or a server runs on it.
    """
    if not data.exists():
        return
    _check_own(data, alone=True)
    with open_folder(data):
        for name in _FILES:
            (data / name).unlink(missing_ok=True)
        for name in (SAMPLE_PUBLIC, SAMPLE_PRIVATE):
            _remove_tree(data / "buckets" / name)
            (data / "buckets" / ".keys" / name).unlink(missing_ok=True)
        _remove_tree(data / "contents")


def _check_own(data: Path, *, alone: bool = False) -> None:
    """Let a folder pass that the server may write to: its own, or one without anything to lose.

    Buckets may be there before the server is: they are made by hand, and never deleted.

    Args:
        data: The folder.
        alone: Let it pass only if nothing else is in it either.

    Raises:
        Refused: It holds other things.
    """
    names = {path.name for path in data.iterdir()} if data.exists() else set[str]()
    others = names - {"buckets", _LOCK}
    if {STORE, SECRETS} <= names:
        others = names - {*_FILES, *_FOLDERS, _LOCK} if alone else set()
    elif others == {"contents"} and not any((data / "contents").iterdir()):
        return  # a start that was cut off
    if others:
        raise Refused(
            f"{data} is not a data folder of the embedded platform: it holds {min(others)}",
            hint="choose an empty folder, or one that is not there yet",
        )


def _hold(data: Path) -> TextIO:
    """Hold a data folder for this process alone, until the file is closed.

    Raises:
        Refused: Another server runs on it.
    """
    path = data / _LOCK
    path.touch(mode=0o600)
    lock = path.open("a", encoding="ascii")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise Refused(
            f"another embedded server runs on {data}",
            hint="stop that one, or choose another data folder",
        ) from error
    return lock


def _remove_tree(folder: Path) -> None:
    """Delete a folder that the server made; a link to elsewhere is only unlinked."""
    if folder.is_symlink():
        folder.unlink()
    elif folder.exists():
        shutil.rmtree(folder)
