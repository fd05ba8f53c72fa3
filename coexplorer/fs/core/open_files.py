"""The open file descriptions that processes hold, by the kernel's handles. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from coexplorer.fs.core.buffers import MetadataFile
from coexplorer.fs.core.logbook import Logbook
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.scratch import Scratch
from coexplorer.fs.kernel.inodes import Part


@dataclass(slots=True, eq=False)
class OpenFile:
    """One open description.

    Attributes:
        target: What it is open on; a rename may make a scratch file of a metadata file, and back.
        pid: The thread that opened it.
        tgid: Its process.
        touched: Something was written or cut through it.
        base: What the platform had when it was opened, or last saved.
        shown: What its process counts as having been shown by it.
        snapshot: The text of a file that can only be read.
        unread: Nothing was read through it, and who reads it sees what a save of his met: a program
            that only opens a file, as rsync does, has not looked at it.
        plain: The file, while it is open for reading only and there is nothing to know of it but
            its text: nearly every file. It gets a `target` with its first writer.
        follows: The log, which grows while it is open.
    """

    target: MetadataFile | Scratch | None
    pid: int
    tgid: int
    writable: bool = False
    appends: bool = False
    touched: bool = False
    base: bytes = b""
    shown: bytes | None = None
    snapshot: bytes = b""
    unread: bool = False
    plain: tuple[Node, Part] | None = None
    follows: Logbook | None = None


class OpenFiles:
    """All of them.

    Attributes:
        by_handle: Read and taken from directly: each read and write looks here.
    """

    def __init__(self) -> None:
        self.by_handle: dict[int, OpenFile] = {}
        self._next = 1

    def add(self, opened: OpenFile) -> int:
        """Return the handle of a new one."""
        handle = self._next
        self._next += 1
        self.by_handle[handle] = opened
        return handle

    def rebase(self, file: MetadataFile, base: bytes) -> None:
        """Let whoever has a file open for writing start from what was just saved of it."""
        for opened in self:
            if opened.target is file and opened.writable:
                opened.base = base

    def retarget(self, old: MetadataFile | Scratch, new: MetadataFile | Scratch) -> None:
        """Let those that are open on `old` be open on `new`: a rename."""
        for opened in self:
            if opened.target is old:
                opened.target = new
                old.handles -= 1
                new.handles += 1
                if isinstance(old, MetadataFile):
                    old.writers -= opened.writable
                if isinstance(new, MetadataFile):
                    new.writers += opened.writable

    def __iter__(self) -> Iterator[OpenFile]:
        return iter(self.by_handle.values())

    def __len__(self) -> int:
        return len(self.by_handle)
