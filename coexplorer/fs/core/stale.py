"""Names whose meaning has changed, until the kernel is told. Pure."""

from __future__ import annotations

from typing import NamedTuple

from coexplorer.fs.core.nodes import Node
from coexplorer.fs.kernel.inodes import Inode, link_inode


class Stale(NamedTuple):
    """A name in a directory that means something else now, or nothing; `inode` is what it meant."""

    parent: Inode
    name: bytes
    inode: Inode | None = None


class StaleNames:
    """Collects them.

    Attributes:
        is_watched: Whether anybody may have seen a name.
    """

    def __init__(self) -> None:
        self.is_watched = True
        self._names: list[Stale] = []

    def take(self) -> list[Stale]:
        """Return the names that changed their meaning since the last call."""
        names, self._names = self._names, []
        return names

    def note(self, parent: int, name: bytes, inode: Inode | None) -> None:
        """Note that a name in a directory meant `inode`, and means something else now."""
        if self.is_watched:
            self._names.append(Stale(Inode(parent), name, inode))

    def note_link(self, parent: int, node: Node, view: int | None) -> None:
        """Do the same for a link to an asset that was in `view`, or is about to be."""
        self.note(parent, node.file_name, None if view is None else link_inode(view, node.slot))
