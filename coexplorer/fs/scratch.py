"""Editors' own files: swap files, backups, temporary files that are renamed over the real one.

They live in memory beside an asset's files, are listed and never sent. Refusing such names breaks
8 of 14 tools (design: fuse-notes.md §1.4). Pure; times are seconds of any clock that goes forward.
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass, field

from coexplorer.fs.handles import Buffer
from coexplorer.fs.inodes import Inode, Part

MAX_SCRATCH_BYTES = 1 << 20
MAX_SCRATCH_TOTAL_BYTES = 64 << 20
SCRATCH_LIFE_S = 600.0


@dataclass(slots=True, eq=False)
class Scratch:
    """A file or symbolic link that only exists here.

    Attributes:
        slot: The asset in whose directory it is.
        name: Its name there; empty when it is unlinked, and lives on in open descriptors.
        content: Its bytes; the target, if it is a link.
        mtime: Epoch seconds.
        used: When it was last opened, written or closed.
        handles: Open descriptions.
        unsent: It was that file of its asset, with a text that could not be sent.
    """

    inode: Inode
    slot: int
    name: bytes
    mtime: float
    used: float
    content: bytearray = field(default_factory=bytearray)
    is_link: bool = False
    mode: int = 0o600
    handles: int = 0
    unsent: tuple[Part, Buffer] | None = None


class ScratchStore:
    """All scratch files of a mount, by directory and by inode."""

    def __init__(self, max_total_bytes: int = MAX_SCRATCH_TOTAL_BYTES) -> None:
        self._max_total = max_total_bytes
        self._by_inode: dict[int, Scratch] = {}
        self._by_slot: dict[int, dict[bytes, Scratch]] = {}
        self.used_bytes = 0

    def find(self, slot: int, name: bytes) -> Scratch | None:
        """Return the scratch file of that name in an asset's directory."""
        return self._by_slot.get(slot, {}).get(name)

    def find_inode(self, inode: int) -> Scratch | None:
        """Return the scratch file with that inode, unlinked ones too."""
        return self._by_inode.get(inode)

    def iter_directory(self, slot: int) -> Iterator[Scratch]:
        """Iterate over what is listed in an asset's directory, oldest first."""
        yield from self._by_slot.get(slot, {}).values()

    def add(self, scratch: Scratch) -> None:
        """Put a new file into its directory; what had its name is unlinked.

        Raises:
            OSError: ENOSPC, when there is no room for its content.
        """
        self._reserve(0, len(scratch.content))
        self.unlink(scratch.slot, scratch.name)
        self._by_inode[scratch.inode] = scratch
        self._by_slot.setdefault(scratch.slot, {})[scratch.name] = scratch
        self.used_bytes += len(scratch.content)

    def unlink(self, slot: int, name: bytes) -> Scratch | None:
        """Take a name away; the content stays while it is open."""
        names = self._by_slot.get(slot, {})
        scratch = names.pop(name, None)
        if scratch is None:
            return None
        if not names:
            del self._by_slot[slot]
        scratch.name = b""
        if not scratch.handles:
            self.drop(scratch)
        return scratch

    def rename(self, scratch: Scratch, name: bytes) -> None:
        """Give a file another name in its directory; what had it before is unlinked."""
        if scratch.name == name:
            return
        self.unlink(scratch.slot, name)
        names = self._by_slot[scratch.slot]
        del names[scratch.name]
        scratch.name = name
        names[name] = scratch

    def release(self, scratch: Scratch, now: float) -> None:
        """Count one open description less."""
        scratch.handles -= 1
        scratch.used = now
        if not scratch.handles and not scratch.name:
            self.drop(scratch)

    def drop(self, scratch: Scratch) -> None:
        """Forget a file altogether: its inode is something else now, or nothing."""
        if self._by_inode.pop(scratch.inode, None) is None:
            return
        self.used_bytes -= len(scratch.content)
        names = self._by_slot.get(scratch.slot, {})
        if scratch.name and names.get(scratch.name) is scratch:
            del names[scratch.name]
            if not names:
                del self._by_slot[scratch.slot]

    def write(self, scratch: Scratch, offset: int, data: bytes) -> None:
        """Write into a file, as pwrite does.

        Raises:
            OSError: ENOSPC, when the file or all of them would grow too large.
        """
        end = offset + len(data)
        self.resize(scratch, max(end, len(scratch.content)))
        scratch.content[offset:end] = data

    def resize(self, scratch: Scratch, size: int) -> None:
        """Cut or grow a file, with NULs.

        Raises:
            OSError: ENOSPC, likewise.
        """
        old = len(scratch.content)
        self._reserve(old, size)
        if size < old:
            del scratch.content[size:]
        else:
            scratch.content.extend(bytes(size - old))
        self.used_bytes += size - old

    def expire(self, now: float) -> list[Scratch]:
        """Remove and return what nobody opened for ten minutes."""
        late = [
            scratch
            for scratch in self._by_inode.values()
            if not scratch.handles and now - scratch.used >= SCRATCH_LIFE_S
        ]
        for scratch in late:
            self.drop(scratch)
        return late

    def _reserve(self, old: int, new: int) -> None:
        if new > MAX_SCRATCH_BYTES or self.used_bytes + new - old > self._max_total:
            raise OSError(errno.ENOSPC, "no room for another scratch file")
