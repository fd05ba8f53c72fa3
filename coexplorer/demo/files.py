"""An asset's files: real ones of a created asset, made-up ones (`samples.files`) of all others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.creation import resolve_inside
from coexplorer.demo.samples import file_bytes, file_tree

CHUNK_BYTES = 65_536


class Entry(msgspec.Struct, frozen=True, omit_defaults=True):
    """A file or folder of a listing, as it goes over the wire. `path` is from the asset's root."""

    name: str
    path: str
    type: str
    size: int | None = None


class Content(msgspec.Struct, frozen=True):
    """The bytes of one file.

    Attributes:
        size: In bytes.
        read: Yields ``length`` bytes from an offset on, in chunks: ``read(offset, length)``.
    """

    size: int
    read: Callable[[int, int], Iterator[bytes]]


def list_folder(asset: StoredAsset, data: Path, path: str) -> list[Entry] | None:
    """Return one level of an asset's files, folders first, or None when it is not a folder.

    Args:
        asset: The asset.
        data: The server's data folder.
        path: From the asset's root, with ``/``; empty is the root.
    """
    path = path.strip("/")
    if asset.folder is None:
        return _list_made_up(asset, path)
    place = resolve_inside(data / asset.folder, path)
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


def find_content(asset: StoredAsset, data: Path, path: str) -> Content | None:
    """Return the content of a file, or None when there is no such file."""
    path = path.lstrip("/")
    if asset.folder is None:
        return _find_made_up(asset, path)
    place = resolve_inside(data / asset.folder, path)
    if place is None or not place.is_file():
        return None
    return Content(place.stat().st_size, lambda offset, length: _read_file(place, offset, length))


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


def _list_made_up(asset: StoredAsset, path: str) -> list[Entry] | None:
    prefix = f"{path}/" if path else ""
    entries: dict[str, Entry] = {}
    for each, size in _made_up_sizes(asset).items():
        if not each.startswith(prefix):
            continue
        name, slash, _ = each[len(prefix) :].partition("/")
        if slash:
            entries[name] = Entry(name, prefix + name, "folder")
        else:
            entries[name] = Entry(name, prefix + name, "file", size)
    if path and not entries:
        return None
    return sorted(entries.values(), key=_folders_first)


def _find_made_up(asset: StoredAsset, path: str) -> Content | None:
    size = _made_up_sizes(asset).get(path)
    if size is None:
        return None

    def read(offset: int, length: int) -> Iterator[bytes]:
        end = offset + length
        for start in range(offset, end, CHUNK_BYTES):
            yield file_bytes(asset.id, path, start, min(start + CHUNK_BYTES, end))

    return Content(size, read)


def _made_up_sizes(asset: StoredAsset) -> dict[str, int]:
    return dict(file_tree(asset.id)) if asset.state == "ready" and asset.files != 0 else {}
