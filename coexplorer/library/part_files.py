"""Downloaded files on the disk: where each goes, and the parts of unfinished ones.

Nothing here waits for the network; all of it runs in a thread.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from pathlib import Path, PurePosixPath
from typing import Final

from coexplorer.errors import FileTrouble, Refused, explain_os
from coexplorer.models import AssetId, FileEntry

_CONTENT: Final = "user.coexplorer.content"
"""Extended attribute of a downloaded file: which one it is, and its size and time when it came."""

_SPARE_BYTES: Final = 1024**3
"""A file of unknown size leaves so much of the disk to others: it may have no end."""

_HEAD_BYTES: Final = 4096

_OF_THE_NAME: Final = (
    errno.ENAMETOOLONG,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.EISDIR,
    errno.EINVAL,
    errno.EILSEQ,
    errno.ELOOP,
)
"""What is wrong with one name, and with no other file."""


def name_part(asset_id: AssetId, path: str) -> str:
    """Return the name of a file's unfinished part, in the folder where the file will be.

    It tells assets apart: the rest of one file is never put behind the beginning of another's, nor
    taken for a file that an asset calls ``name.part``.
    """
    return f".coexplorer-{_mark(asset_id, path)}.part"


def _mark(asset_id: AssetId, path: str) -> str:
    return hashlib.sha256(f"{asset_id}/{path}".encode("utf-8", "replace")).hexdigest()[:16]


class There(Enum):
    """What is where a file is to go."""

    NOTHING = auto()
    WHOLE = auto()
    """The file itself, as it was downloaded."""
    ALIKE = auto()
    """A file of the same size; nothing tells where it comes from."""


def look(target: Path, entry: FileEntry, asset_id: AssetId) -> There:
    """Look whether a file was downloaded before, and has not changed since.

    The files of an internal asset never do; the one on the disk may.

    Raises:
        Refused: Another file of this name is there.
    """
    with _naming(target):
        try:
            there = target.stat()
        except FileNotFoundError:
            return There.NOTHING
    owner, _, state = _read_note(target).partition(" ")
    is_ours = owner == _mark(asset_id, entry.path)
    is_same = entry.size_bytes in (None, there.st_size) and there.st_mtime >= (entry.modified or 0)
    why = "is a different file"
    if not target.is_file():
        why = "is a folder" if target.is_dir() else "is no ordinary file"
    elif is_ours and state != _describe(there):
        why = "has been changed since it was downloaded"
    elif is_ours and is_same:
        return There.WHOLE
    elif is_same and not owner and entry.size_bytes is not None:
        return There.ALIKE
    raise Refused(
        f"{target} already exists and {why}",
        hint="move it away, or choose another folder: --to",
    )


def _describe(there: os.stat_result) -> str:
    """Return what differs after any change of a file's content: its size and time."""
    return f"{there.st_size} {there.st_mtime_ns}"


def make_room(target: Path) -> None:
    """Make the folder of a file.

    Raises:
        Refused: No folder can be there, or none of this name.
    """
    with _naming(target):
        target.parent.mkdir(parents=True, exist_ok=True)


@contextmanager
def _naming(target: Path) -> Iterator[None]:
    """Say that this disk can't have a file of such a name, whatever else it can have."""
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_THE_NAME:
            raise
        raise Refused(
            f"{str(target)[:200]} can't be here: {explain_os(error)[0]}",
            hint="its name is too long, or another file has the name of its folder: get it alone,"
            " into another folder (--to)",
        ) from error


@contextmanager
def telling(target: Path, part: Path) -> Iterator[None]:
    """Say what a disk does while a file comes.

    Args:
        target: Where it goes.
        part: What has come of it, if that was of any use.

    Raises:
        FileTrouble: It can't be written; a part that is there stays.
    """
    try:
        yield
    except OSError as error:
        kept = "what has come is kept" if part.exists() else "it starts anew"
        hint = f"then run the same again: {kept}"
        raise FileTrouble.of(target, "written", error, hint=hint) from error


def _read_note(target: Path) -> str:
    """Return what was noted of a file when it was downloaded; empty if nobody knows.

    Two assets often have files of one name and size: ``metadata.json``.
    """
    with suppress(OSError, AttributeError):  # not on every file system, and on Linux alone
        return os.getxattr(target, _CONTENT).decode("utf-8", "replace")
    return ""


def resume_at(part: Path, size_bytes: int | None) -> tuple[int, str]:
    """Return how much of a file is there, and the mark of its content.

    A part that is too long is none of it, and deleted. So is one without a mark: nobody could tell
    whether the rest belongs to it.
    """
    done, etag = 0, ""
    with suppress(FileNotFoundError, UnicodeDecodeError):
        done = part.stat().st_size
        etag = _etag_file(part).read_text(encoding="utf-8")
    if not done or not etag or (size_bytes is not None and done > size_bytes):
        drop_part(part)
        return 0, ""
    return done, etag


def _etag_file(part: Path) -> Path:
    """Return where the storage's mark of a part's content is kept."""
    return part.with_suffix(".etag")


def mark_part(part: Path, etag: str) -> None:
    """Keep the storage's mark of a part's content."""
    _etag_file(part).write_text(etag, encoding="utf-8")


def drop_part(part: Path) -> None:
    """Delete a part and its mark."""
    part.unlink(missing_ok=True)
    _etag_file(part).unlink(missing_ok=True)


def drop_useless(part: Path) -> None:
    """Delete a part with which nobody could go on: it is empty, or its content has no mark."""
    with suppress(OSError):
        resume_at(part, None)


def has_room(part: Path) -> bool:
    """Tell whether the disk may take more of a file whose size nobody knows."""
    return find_free(part) > _SPARE_BYTES


def find_free(part: Path) -> int:
    """Return how many bytes are free on the disk of a part."""
    return shutil.disk_usage(part.parent).free


def read_head(part: Path) -> bytes:
    """Return the beginning of a part, to see what it is."""
    with part.open("rb") as file:
        return file.read(_HEAD_BYTES)


def finish_part(part: Path, target: Path, asset_id: AssetId, path: str) -> None:
    """Give a part that is whole its name, and note whose it is and how it is now."""
    with suppress(OSError, AttributeError):  # as above
        content = f"{_mark(asset_id, path)} {_describe(part.stat())}"
        os.setxattr(part, _CONTENT, content.encode())
    part.replace(target)
    _etag_file(part).unlink(missing_ok=True)


def find_target(folder: Path, path: str, *, below: str) -> Path:
    """Return where a file of an asset goes, inside `folder`.

    Args:
        folder: The user's folder.
        path: The file's path in the asset, as the platform says it.
        below: The folder of the asset that `folder` stands for; ``.`` for the asset's root.

    Raises:
        Refused: It would leave `folder`, by its words or by a symbolic link on the way; or no file
            can be called so.
    """
    whole = PurePosixPath(path.lstrip("/"))
    outside = below != "." and not whole.is_relative_to(below)
    parts = () if outside else whole.parts if below == "." else whole.relative_to(below).parts
    odd = not parts or any(part in ("..", ".") for part in parts)
    if "\0" in path:
        raise Refused(
            f"no disk can have a file of this name, which holds a NUL: {path[:80]!r}",
            hint="tell the asset's owner",
        )
    target = folder.joinpath(*parts)
    if odd:
        raise Refused(
            f"the platform names a file outside the target folder: {path[:80]!r}",
            hint="download its folder's files one by one, and tell the asset's owner",
        )
    if not _real(target.parent).is_relative_to(_real(folder)):
        above = reversed(target.parents)
        link = next(each for each in above if _leaves(each, folder))
        raise Refused(
            f"{str(link)[:200]} is a link that leads out of the target folder",
            hint="remove the link, or choose another folder: --to",
        )
    return target


def _leaves(here: Path, folder: Path) -> bool:
    """Tell whether links lead from below a folder to somewhere else."""
    return here.is_relative_to(folder) and not _real(here).is_relative_to(_real(folder))


def _real(folder: Path) -> Path:
    """Follow the links of a path; those that lead in a circle are told by whoever opens it."""
    return Path(os.path.realpath(folder))
