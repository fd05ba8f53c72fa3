"""The server's data folder: used only if it is empty or already the server's own.

The server deletes only what it put there itself. Somebody who names a folder with other things in
it has made a mistake, and nothing in it may be lost.
"""

from __future__ import annotations

import errno
import fcntl
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TextIO

from coexplorer.demo.buckets import SAMPLE_PRIVATE, SAMPLE_PUBLIC
from coexplorer.errors import FileTrouble, Refused

STORE: Final = "store.sqlite"
SECRETS: Final = "secrets.json"
UNFINISHED_SECRETS: Final = f"{SECRETS}.new"
SECRETS_BEGIN: Final = b'{"users":[{"'
"""So begins every file of secrets that the server has written."""
_LOCK: Final = "lock"
_FOLDERS: Final = ("buckets", "buckets/.keys", "contents")
_SIDE_FILES: Final = (f"{STORE}-wal", f"{STORE}-shm", f"{STORE}-journal", UNFINISHED_SECRETS)
_FILES: Final = (*_SIDE_FILES, STORE, SECRETS)
_LEAST_BYTES: Final = 256 * 1024
_FULL: Final = (errno.ENOSPC, errno.EDQUOT)


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
    with _hold(data):
        for name in (SAMPLE_PUBLIC, SAMPLE_PRIVATE):
            _remove_tree(data / "buckets" / name)
            (data / "buckets" / ".keys" / name).unlink(missing_ok=True)
        _remove_tree(data / "contents")
        # What says that the folder is the server's own goes last, so that this can be cut off.
        for name in _FILES:
            (data / name).unlink(missing_ok=True)


@contextmanager
def tell_trouble(data: Path) -> Iterator[None]:
    """Turn a disk's or a database's trouble into one of our errors.

    Raises:
        FileTrouble: The disk is full, or the database can't be used.
    """
    try:
        yield
    except sqlite3.IntegrityError:
        raise
    except sqlite3.Error as error:
        full = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_FULL or _is_full(data)
        raise _describe(data, "the disk is full" if full else str(error), full=full) from error
    except OSError as error:
        if error.errno not in _FULL:
            raise
        raise _describe(data, "the disk is full", full=True) from error


def _describe(data: Path, why: str, *, full: bool) -> FileTrouble:
    hint = "free some disk space, then try again"
    if not full:
        hint = "check the folder and the disk; --fresh deletes the data there and starts over"
    return FileTrouble(f"the embedded platform can't keep its data in {data}: {why}", hint=hint)


def _is_full(data: Path) -> bool:
    """Tell whether not even the side files of a database fit: SQLite says "disk I/O error"."""
    try:
        return shutil.disk_usage(data).free < _LEAST_BYTES
    except OSError:
        return False


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
    elif _is_half_made(data, others):
        return
    if others:
        raise Refused(
            f"{data} is not a data folder of the embedded platform: it holds {min(others)}",
            hint="choose an empty folder, or a new one",
        )


def _is_half_made(data: Path, names: set[str]) -> bool:
    """Tell whether a start or an end that was cut off, by a full disk or so, has left a folder.

    Args:
        data: The folder.
        names: What is in it, beside the buckets and the lock.
    """
    if not names <= {"contents", *_FILES}:
        return False
    contents = data / "contents"
    if "contents" in names and (not contents.is_dir() or any(contents.iterdir())):
        return False
    begins = dict.fromkeys((STORE, *_SIDE_FILES), b"")
    begins |= {SECRETS: SECRETS_BEGIN, UNFINISHED_SECRETS: SECRETS_BEGIN}
    return all(_is_begun(data / name, begins[name]) for name in names - {"contents"})


def _is_begun(path: Path, begin: bytes) -> bool:
    """Tell whether a file begins like this, or ends before it could."""
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        head = file.read(len(begin) or 1)
    return begin.startswith(head)


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
