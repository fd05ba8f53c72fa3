"""Files of assets' data: what the inodes that the kernel knows stand for, and names. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from coexplorer.fs.core.nodes import Node
from coexplorer.fs.kernel.inodes import Inode, Place, data_inode, next_data_inode
from coexplorer.library.local_names import name_entries
from coexplorer.models import FileEntry
from coexplorer.names import escape_name

FILES_NAME = b"files"
"""Of the link to an asset's data, in its folder, and of the folder in the root that it leads to."""

_NOT_A_NAME = (".", "..")


@dataclass(slots=True, eq=False)
class DataFile:
    """A file or folder of an asset's data.

    Attributes:
        inode: What the kernel knows it by.
        node: The asset.
        entry: As it was listed; None: the folder with all of the asset's files.
        parent: The folder that it is in.
        is_fixed: Neither it nor its folder ever changes.
        size: In bytes; None while nobody knows it.
        handles: How often it is open.
        is_held: Whether the kernel knows it.
        is_stale: Another file is in its place now. Who has it open is told so, and its path leads
            to another inode: the kernel keeps pages by inode, and would mix them.
    """

    inode: Inode
    node: Node
    entry: FileEntry | None
    parent: Inode
    is_fixed: bool = False
    size: int | None = None
    handles: int = 0
    is_held: bool = True
    is_stale: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.entry is None or self.entry.is_folder

    @property
    def path(self) -> str:
        """Where it is in the asset, as the platform has it; empty: the folder with all files."""
        return "" if self.entry is None else self.entry.wire_path

    @property
    def title(self) -> str:
        """What it is called in reports."""
        shown = "" if self.entry is None else f"/{self.entry.path}"
        return f"{self.node.title}/files{shown}"


class AssetFiles:
    """Those that the kernel knows, or that are open."""

    def __init__(self) -> None:
        self._by_inode: dict[int, DataFile] = {}

    def find(self, inode: int) -> DataFile | None:
        """Return what an inode stands for; None: nothing, or of an asset that is gone."""
        found = self._by_inode.get(inode)
        return None if found is None or not found.node.is_there else found

    def ensure(
        self, node: Node, entry: FileEntry | None, parent: Inode, *, is_fixed: bool = False
    ) -> DataFile:
        """Return what stands for a file or folder of an asset, as it is listed now.

        Args:
            node: The asset.
            entry: The file or folder; None: the folder with all files.
            parent: The folder that it is in.
            is_fixed: Neither it nor its folder ever changes.
        """
        path = "" if entry is None else f"{entry.wire_path}{'/' if entry.is_folder else ''}"
        inode = data_inode(node.id, path)
        while (found := self._by_inode.get(inode)) is not None:
            if found.node is node and not found.is_stale and _is_same(found.entry, entry):
                # The kernel would give whoever has it open pages of what is there now.
                found.is_stale = bool(found.handles) and _is_replaced(found.entry, entry)
                if not found.is_stale:
                    break
            inode = next_data_inode(inode)
        if found is None:
            found = self._by_inode[inode] = DataFile(inode, node, entry, parent)
        if entry is not None and entry != found.entry:
            found.size = None
        found.entry, found.parent, found.is_fixed = entry, parent, is_fixed
        if entry is not None and entry.size_bytes is not None:
            found.size = entry.size_bytes
        found.is_held = True
        return found

    def let_go(self, inode: int) -> None:
        """Note that the kernel has forgotten one."""
        found = self._by_inode.get(inode)
        if found is not None:
            found.is_held = False
            self.tidy(found)

    def tidy(self, file: DataFile) -> None:
        """Drop one that nobody needs any more."""
        if not file.handles and not file.is_held:
            self._by_inode.pop(file.inode, None)

    def parent_of(self, inode: int) -> Inode:
        """Return the folder that one is in."""
        found = self._by_inode.get(inode)
        return Inode(Place.FILES) if found is None else found.parent

    def __len__(self) -> int:
        return len(self._by_inode)


def _is_same(known: FileEntry | None, entry: FileEntry | None) -> bool:
    if known is None or entry is None:
        return known is entry
    return (known.wire_path, known.is_folder) == (entry.wire_path, entry.is_folder)


def _is_replaced(known: FileEntry | None, entry: FileEntry | None) -> bool:
    if known is None or entry is None:
        return False
    return (known.size_bytes, known.etag) != (entry.size_bytes, entry.etag)


def name_files(entries: Iterable[FileEntry]) -> dict[bytes, FileEntry]:
    """Return what is in a folder, by names that a file system can have.

    Names are escaped as those of assets are, but a dot in front stays: ``.zattrs`` is no editor's
    file. See `coexplorer.library.local_names` for two that have the same name.
    """
    names = name_entries(entries, _escape)
    return {name.encode(): names[name] for name in sorted(names)}


def _escape(name: str) -> str:
    if name in _NOT_A_NAME:
        return escape_name(name).replace(".", "%2E")
    stem = name.lstrip(".")
    dots = name[: len(name) - len(stem)]
    return dots + escape_name(stem) if stem else dots or escape_name("")
