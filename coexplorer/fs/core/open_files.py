"""The open file descriptions that processes hold, by the kernel's handles. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from coexplorer.fs.core.buffers import Buffer, MetadataFile
from coexplorer.fs.core.logbook import Logbook
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.scratch import Scratch
from coexplorer.fs.kernel.inodes import Part
from coexplorer.sharing.roles import Sharing


@dataclass(slots=True, eq=False)
class OpenFile:
    """One open description.

    Attributes:
        target: What it is open on; a rename may make a scratch file of a metadata file, and back.
        pid: The thread that opened it.
        tgid: Its process.
        own: The text that is written through it, if somebody has emptied the file since, to write
            another one.
        touched: Something was written or cut through it.
        closing: It was closed, as far as its process can tell, and nothing was written since.
        base: What the platform had when it was opened, or last saved.
        shown: What its process counts as having been shown by it.
        snapshot: The text that is read: all its life, whatever becomes of the file.
        shows: The file of an asset whose text that is.
        inode: That file's inode.
        mtime_ns: When that text came, in nanoseconds since the epoch.
        in_pages: Whether it is read by way of the kernel's pages.
        unread: Nothing was read through it, and who reads it sees what a save of his met: a program
            that only opens a file, as rsync does, has not looked at it.
        follows: The log, which grows while it is open.
        about: The asset of whose ``about`` folder it is a file.
        sharing: Who can see that, as it was when this was opened for writing, or last saved.
        draft: The text that is written there, by this one alone.
    """

    target: MetadataFile | Scratch | None
    pid: int
    tgid: int
    writable: bool = False
    appends: bool = False
    own: Buffer | None = None
    touched: bool = False
    closing: bool = False
    base: bytes = b""
    shown: bytes | None = None
    snapshot: bytes = b""
    unread: bool = False
    shows: tuple[Node, Part] | None = None
    inode: int = 0
    mtime_ns: int = 0
    in_pages: bool = False
    follows: Logbook | None = None
    about: Node | None = None
    sharing: Sharing | None = None
    draft: bytearray | None = None

    @property
    def buffer(self) -> Buffer | None:
        """The text that is written through it; None if it is not open on a metadata file."""
        if self.own is not None or not isinstance(self.target, MetadataFile):
            return self.own
        return self.target.buffer


class OpenFiles:
    """All of them.

    Attributes:
        by_handle: Read directly: each read and write looks here.
    """

    def __init__(self) -> None:
        self.by_handle: dict[int, OpenFile] = {}
        self._readers: dict[int, list[OpenFile]] = {}
        self._next = 1

    def add(self, opened: OpenFile) -> int:
        """Return the handle of a new one."""
        handle = self._next
        self._next += 1
        self.by_handle[handle] = opened
        if opened.shows is not None:
            self._readers.setdefault(opened.inode, []).append(opened)
        return handle

    def take(self, handle: int) -> OpenFile:
        """Remove one, and return it."""
        opened = self.by_handle.pop(handle)
        if opened.shows is not None:
            readers = self._readers[opened.inode]
            readers.remove(opened)
            if not readers:
                del self._readers[opened.inode]
        return opened

    def has(self, inode: int) -> bool:
        """Tell whether anybody has that inode of an asset's own file open."""
        return inode in self._readers or any(opened.inode == inode for opened in self)

    # --- Readers: those that are open for reading only, on an asset's own file

    def has_readers(self, inode: int) -> bool:
        """Tell whether anybody reads a text by that inode."""
        return inode in self._readers

    def find_reader(self, inode: int) -> OpenFile | None:
        """Return whoever opened that inode for reading last."""
        readers = self._readers.get(inode)
        return None if readers is None else readers[-1]

    def reads_pages(self, inode: int) -> bool:
        """Tell whether anybody reads a text by way of the kernel's pages of that inode."""
        return any(opened.in_pages for opened in self._readers.get(inode, ()))

    def rebase(self, file: MetadataFile, base: bytes) -> None:
        """Let whoever has a file open for writing start from what was just saved of it."""
        for opened in self:
            if opened.target is file and opened.writable:
                opened.base = base

    def list_writers(self, file: MetadataFile, buffer: Buffer) -> list[OpenFile]:
        """List those that write a text of a file."""
        return [
            opened
            for opened in self
            if opened.target is file and opened.writable and opened.buffer is buffer
        ]

    def retarget(self, old: MetadataFile | Scratch, new: MetadataFile | Scratch) -> None:
        """Let those that are open on `old` be open on `new`: a rename."""
        for opened in self:
            if opened.target is old:
                opened.target = new
                _count(old, -1)
                _count(new, 1)

    def freeze(self, scratch: Scratch, node: Node, part: Part) -> None:
        """Let those that read a scratch file read what it is: it becomes an asset's own."""
        for opened in self:
            if opened.target is scratch and not opened.writable:
                scratch.handles -= 1
                opened.target, opened.snapshot = None, bytes(scratch.content)
                opened.shows, opened.inode = (node, part), scratch.inode
                opened.mtime_ns, opened.in_pages = scratch.mtime_ns, True
                self._readers.setdefault(opened.inode, []).append(opened)

    def find_fetched(self, inode: int, tgid: int) -> bytes | bytearray | None:
        """Return what a process reads, or else writes, by an inode whose text was fetched."""
        found = None
        for opened in self:
            if opened.inode == inode and opened.tgid == tgid:
                found = opened.snapshot if opened.draft is None else opened.draft
        return found

    def __iter__(self) -> Iterator[OpenFile]:
        return iter(self.by_handle.values())

    def __len__(self) -> int:
        return len(self.by_handle)


def _count(target: MetadataFile | Scratch, number: int) -> None:
    if isinstance(target, MetadataFile):
        target.writers += number
    else:
        target.handles += number
