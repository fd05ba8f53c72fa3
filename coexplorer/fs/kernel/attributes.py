"""What stat answers, as pyfuse3 wants it."""

from __future__ import annotations

import os
import stat

import pyfuse3

from coexplorer.fs.kernel.inodes import Inode

ENTRY_LIFE_S = 300.0
"""How long the kernel may keep an answer; it is told about changes (`invalidation`)."""

ABSENT_LIFE_S = 5.0
"""How long the kernel may believe that a name is not there."""

BRIEF_LIFE_S = 1.0
"""For links and texts that change without anybody telling the kernel."""

_UID, _GID = os.getuid(), os.getgid()
_LINK = pyfuse3.ModeT(stat.S_IFLNK | 0o777)


class Modes:
    """File modes: for the owner alone, until others may look too.

    What the owner alone has written, and what the log says of it, stays theirs.
    """

    def __init__(self) -> None:
        self.directory = pyfuse3.ModeT(stat.S_IFDIR | 0o700)
        self.file = pyfuse3.ModeT(stat.S_IFREG | 0o600)
        self.text = pyfuse3.ModeT(stat.S_IFREG | 0o400)
        self.private = self.text

    def let_others_look(self) -> None:
        """Let other users of this machine look; before the mount is there."""
        self.directory = pyfuse3.ModeT(self.directory | 0o055)
        self.file = pyfuse3.ModeT(self.file | 0o044)
        self.text = pyfuse3.ModeT(self.text | 0o044)


MODES = Modes()
"""Of this process's mount."""


def build_directory(
    inode: Inode, mtime_ns: int, *, links: int = 2, life_s: float = ENTRY_LIFE_S
) -> pyfuse3.EntryAttributes:
    """Return the attributes of a directory; `links` is 2 and one more for each directory in it."""
    entry = _build(inode, MODES.directory, 0, mtime_ns, life_s)
    entry.st_nlink = links
    return entry


def build_file(
    inode: Inode, size: int, mtime_ns: int, *, life_s: float = ENTRY_LIFE_S
) -> pyfuse3.EntryAttributes:
    """Return the attributes of a file that can be written."""
    return _build(inode, MODES.file, size, mtime_ns, life_s)


def build_text_file(
    inode: Inode, size: int, mtime_ns: int, *, life_s: float = ENTRY_LIFE_S
) -> pyfuse3.EntryAttributes:
    """Return the attributes of a file that can only be read."""
    return _build(inode, MODES.text, size, mtime_ns, life_s)


def build_private_file(
    inode: Inode, size: int, mtime_ns: int, *, life_s: float = ENTRY_LIFE_S
) -> pyfuse3.EntryAttributes:
    """Return the attributes of a file that only its owner may read, whoever else may look."""
    return _build(inode, MODES.private, size, mtime_ns, life_s)


def build_link(
    inode: Inode, size: int, mtime_ns: int, *, life_s: float = ENTRY_LIFE_S
) -> pyfuse3.EntryAttributes:
    """Return the attributes of a symbolic link; `size` is its target's length."""
    return _build(inode, _LINK, size, mtime_ns, life_s)


def build_absent() -> pyfuse3.EntryAttributes:
    """Return what says that a name is not there, so that the kernel remembers it for a while."""
    entry = pyfuse3.EntryAttributes()
    entry.st_ino = pyfuse3.InodeT(0)
    entry.entry_timeout = ABSENT_LIFE_S
    return entry


def refill(entry: pyfuse3.EntryAttributes, inode: Inode, size: int, mtime_ns: int) -> None:
    """Give a file the attributes of another file of the same kind."""
    entry.st_ino = inode
    entry.st_size = size
    entry.st_blocks = (size + 511) // 512
    entry.st_atime_ns = entry.st_mtime_ns = entry.st_ctime_ns = mtime_ns


def _build(
    inode: Inode, mode: pyfuse3.ModeT, size: int, mtime_ns: int, life_s: float
) -> pyfuse3.EntryAttributes:
    entry = pyfuse3.EntryAttributes()
    # One link, blocks of 4096 bytes and a life of 300 s are what an entry begins with.
    refill(entry, inode, size, mtime_ns)
    entry.st_mode = mode
    entry.st_uid = _UID
    entry.st_gid = _GID
    if life_s != ENTRY_LIFE_S:
        entry.entry_timeout = entry.attr_timeout = life_s
    return entry
