"""Which inode a file has, and to which file an inode leads.

A file's first inode follows from its asset, its part and how many texts it has had; after an unlink
or a rename its name leads to another. An inode that somebody still has open, or that went with an
editor's backup, is never a file's next one.
"""

from __future__ import annotations

from coexplorer.fs.core.buffers import MetadataFile
from coexplorer.fs.core.lives import Lives
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.open_files import OpenFiles
from coexplorer.fs.kernel.inodes import LIVES, Inode, InodeCounter, LookupCounts, Part, asset_inode


class FileInodes:
    """The owner of inodes of metadata files.

    Args:
        open_files: Who has what open.
        counts: What the kernel holds.
        counter: Where further inodes come from.
    """

    def __init__(
        self, *, open_files: OpenFiles, counts: LookupCounts, counter: InodeCounter
    ) -> None:
        self._open_files = open_files
        self._counts = counts
        self._counter = counter
        self._lives = Lives()
        self._given_away: set[int] = set()
        self._second_lives: dict[int, MetadataFile] = {}
        self._unlinked: dict[int, MetadataFile] = {}

    def find_first(self, node: Node, part: Part) -> Inode:
        """Return the inode of a file in its first life, for its present text."""
        return asset_inode(node.number, part, self._lives.find(node.slot, part))

    def begin_life(self, node: Node, part: Part) -> Inode | None:
        """Return a file's next inode that nobody has; None if there is none left."""
        for _ in range(LIVES):
            inode = asset_inode(node.number, part, self._lives.begin(node.slot, part))
            taken = inode in self._given_away or inode in self._unlinked
            if not taken and not self._open_files.has_readers(inode):
                return inode
        return None

    def take(self) -> Inode:
        """Return an inode that no file has had."""
        return self._counter.take()

    def begin_second_life(self, inode: int, file: MetadataFile) -> None:
        """Let an inode that does not follow from its name lead to a file."""
        self._second_lives[inode] = file

    def find_second_life(self, inode: int) -> MetadataFile | None:
        """Return the file that such an inode leads to."""
        return self._second_lives.get(inode)

    def end_second_life(self, inode: int) -> None:
        """Let such an inode lead nowhere."""
        self._second_lives.pop(inode, None)

    def give_away(self, inode: Inode) -> None:
        """Note that an inode belongs to a scratch file from now on."""
        self.end_second_life(inode)
        self._given_away.add(inode)

    def note_unlinked(self, file: MetadataFile) -> None:
        """Note that the name of an open file was taken away from its inode."""
        self._unlinked[file.inode] = file

    def find_unlinked(self, inode: int) -> MetadataFile | None:
        """Return the file that is still open by an inode whose name was taken away."""
        return self._unlinked.get(inode)

    def end(self, file: MetadataFile) -> None:
        """Forget a file whose name was taken away, now that nobody has it open."""
        if self._unlinked.get(file.inode) is file:
            del self._unlinked[file.inode]
        if not self._counts.holds(file.inode):
            self.end_second_life(file.inode)
