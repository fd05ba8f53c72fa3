"""The files of assets and computations: real ones, and made-up ones (`samples.files`)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

import msgspec

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.buckets import resolve_inside
from coexplorer.demo.capsule import StoredComputation
from coexplorer.demo.samples import file_bytes, find_size, list_level

CHUNK_BYTES = 262_144
_PART_BYTES = 8 * 1024 * 1024


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file or folder of a listing, as it goes over the wire. `path` is from the asset's root."""

    name: str
    path: str
    type: str
    size: int | None = None


class Tree(msgspec.Struct, frozen=True):
    """Where the files of an asset or of a computation are.

    Attributes:
        made_up: Id of the made-up files; empty: there are none.
        folder: Folder of real files instead, relative to the server's data folder.
        made: Epoch seconds at which the made-up files were written.
    """

    made_up: str = ""
    folder: str | None = None
    made: int = 0

    @classmethod
    def of(cls, owner: StoredAsset | StoredComputation) -> Self:
        """Find the files of an asset or a computation."""
        if isinstance(owner, StoredComputation):
            return cls(owner.tree, owner.folder, owner.created)
        has_made_up = owner.state == "ready" and owner.files != 0
        return cls(owner.id if has_made_up else "", owner.folder, owner.created)


class Content(msgspec.Struct, frozen=True):
    """The bytes of one file.

    Attributes:
        size: In bytes.
        read: Yields ``length`` bytes from an offset on, in chunks: ``read(offset, length)``.
        etag: Of this version of it, without quotes.
        modified: Epoch seconds.
    """

    size: int
    read: Callable[[int, int], Iterator[bytes]]
    etag: str
    modified: int


def list_folder(tree: Tree, data: Path, path: str) -> list[Entry] | None:
    """Return one level of files, folders first, or None when it is not a folder.

    Args:
        tree: Where they are.
        data: The server's data folder.
        path: From the root, with ``/``; empty is the root.
    """
    path = path.strip("/")
    if tree.folder is None:
        return _list_made_up(tree, path)
    place = resolve_inside(data / tree.folder, path)
    if place is None or not place.is_dir():
        return None
    entries = []
    for child in sorted(place.iterdir()):
        if child.is_symlink():
            continue
        name = child.name
        where = f"{path}/{name}" if path else name
        if child.is_dir():
            entries.append(Entry(name, where, "folder"))
        elif child.is_file():
            entries.append(Entry(name, where, "file", child.stat().st_size))
    return sorted(entries, key=_folders_first)


def find_content(tree: Tree, data: Path, path: str) -> Content | None:
    """Return the content of a file, or None when there is no such file."""
    path = path.lstrip("/")
    if tree.folder is None:
        return _find_made_up(tree, path)
    place = resolve_inside(data / tree.folder, path)
    if place is None or not place.is_file():
        return None
    return open_real(place)


def open_real(place: Path) -> Content:
    """Return the content of a real file."""
    known = place.stat()
    etag = _build_etag(known.st_size, str(place), str(known.st_mtime_ns))

    def read(offset: int, length: int) -> Iterator[bytes]:
        return _read_file(place, offset, length)

    return Content(known.st_size, read, etag, int(known.st_mtime))


def _folders_first(entry: Entry) -> tuple[bool, str]:
    return entry.type == "file", entry.name


def _read_file(place: Path, offset: int, length: int) -> Iterator[bytes]:
    with place.open("rb") as file:
        file.seek(offset)
        while length > 0:
            chunk = file.read(min(CHUNK_BYTES, length))
            if not chunk:
                return
            length -= len(chunk)
            yield chunk


def _list_made_up(tree: Tree, path: str) -> list[Entry] | None:
    found = list_level(tree.made_up, path) if tree.made_up else None
    if found is None:
        return [] if not path else None
    prefix = f"{path}/" if path else ""
    entries = [
        Entry(name, prefix + name, "folder" if size is None else "file", size)
        for name, size in found
    ]
    return sorted(entries, key=_folders_first)


def _find_made_up(tree: Tree, path: str) -> Content | None:
    size = find_size(tree.made_up, path) if tree.made_up else None
    if size is None:
        return None

    def read(offset: int, length: int) -> Iterator[bytes]:
        end = offset + length
        for start in range(offset, end, CHUNK_BYTES):
            yield file_bytes(tree.made_up, path, start, min(start + CHUNK_BYTES, end))

    return Content(size, read, _build_etag(size, tree.made_up, path), tree.made)


def _build_etag(size: int, *parts: str) -> str:
    """Return an ETag as of an upload in parts, which S3 makes of no hash of the content.

    So nobody takes it for the MD5, which takes longer to make than a listing may.
    """
    digest = hashlib.sha256("\0".join((str(size), *parts)).encode("utf-8", "surrogateescape"))
    return f"{digest.hexdigest()[:32]}-{size // _PART_BYTES + 1}"


def copy_files(tree: Tree, data: Path, path: str, target: Path) -> list[Path] | None:
    """Copy the files below a path into a folder; return them there, None if the path is none.

    Args:
        tree: Where they are.
        data: The server's data folder.
        path: A folder or a file, from the root; empty is the root.
        target: Where to; made when it is not there.

    Raises:
        OSError: They can't be read or written.
    """
    path = path.strip("/")
    found = list(iter_paths(tree, data, path))
    base = f"{path}/" if path else ""
    if path and (content := find_content(tree, data, path)) is not None:
        found, base = [(path, content)], f"{path.rpartition('/')[0]}/".removeprefix("/")
    if not found:
        return None
    copies = []
    for each, content in found:
        copy = target / each.removeprefix(base)
        copy.parent.mkdir(parents=True, exist_ok=True)
        with copy.open("wb") as file:
            file.writelines(content.read(0, content.size))
        copies.append(copy)
    return copies


def iter_paths(tree: Tree, data: Path, path: str) -> Iterator[tuple[str, Content]]:
    """Yield the files below a folder with their paths from the root."""
    for entry in list_folder(tree, data, path) or ():
        if entry.type == "folder":
            yield from iter_paths(tree, data, entry.path)
        elif (content := find_content(tree, data, entry.path)) is not None:
            yield entry.path, content
