"""Extra files in an asset's folder: editors' swap files, backups, and what a user puts there.

They live in memory, are listed and never sent. Refusing such names breaks 8 of 14 tools (design:
fuse-notes.md, Scratch files). Files that may be a user's own are on the disk as well: see
`coexplorer.fs.core.kept_files`. Pure; times are seconds of any clock that goes forward.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from coexplorer.fields import FIELDS
from coexplorer.fs.core.buffers import Buffer
from coexplorer.fs.kernel.inodes import Inode, Part
from coexplorer.models import AssetId

MAX_SCRATCH_BYTES = 1 << 20
MAX_SCRATCH_TOTAL_BYTES = 64 << 20
MAX_SCRATCH_FILES = 10_000
SCRATCH_LIFE_S = 600.0


_FIELD = b"(?:%s)" % b"|".join(re.escape(field.file).encode() for field in FIELDS)
_EDITORS_OWN = re.compile(
    rb"|".join(
        (
            rb"\.#.*",  # locks: Emacs, joe, mcedit
            rb"\..*\.sw[k-px]x?",  # Vim, nano
            rb"\.~lock\..*#|~\$.*",  # LibreOffice, Word
            rb"\.goutputstream-[A-Za-z0-9]{6}",  # GNOME
            rb"\..*\.kate-swp",
            rb".*___jb_(?:tmp|old|bak)___",  # JetBrains
            rb"\.nfs[0-9a-f]{8,}|\.fuse_hidden[0-9a-f]{8,}",
        )
    ),
    re.DOTALL,
)
_TEMPORARY = re.compile(
    rb"|".join(
        (
            rb".*~|#.*#",  # backups, and what Emacs saves by itself
            rb"lu[0-9a-z]+\.tmp",  # LibreOffice
            rb"sed[A-Za-z0-9]{6}|XX[A-Za-z0-9_]{6}|(?:gawk|sponge)\.[A-Za-z0-9]{6}",
            rb"\.?tmp[A-Za-z0-9_]{4,8}",  # Python and others
            # Made from one of our file names: rsync, Qt, VS Code, git, Kakoune, patch.
            rb"\.?" + _FIELD + rb"\.(?:kak\.)?[A-Za-z0-9]{6}",
            _FIELD + rb"\.(?:lock|tmp|vsctmp|o[A-Za-z0-9]{6})",
            rb"[0-9]{4,6}",  # Vim, to see whether it can make one
        )
    ),
    re.DOTALL,
)

_MADE_BY_TOOLS = re.compile(
    rb"|".join(
        (
            _FIELD + rb"~|#" + _FIELD + rb"#",
            # Chance has made these: words have no digits, and no capitals within.
            rb"(?:sed|XX|gawk\.|sponge\.)(?=[A-Za-z0-9_]*[A-Z0-9])[A-Za-z0-9_]{6}",
            rb"\.?tmp(?=[A-Za-z0-9_]*[A-Z0-9])[A-Za-z0-9_]{4,8}",
            rb"\.?" + _FIELD + rb"\.(?:kak\.)?[A-Za-z0-9]{6}",
            _FIELD + rb"\.(?:lock|tmp|vsctmp|o[A-Za-z0-9]{6})",
        )
    ),
    re.DOTALL,
)
_PROBE = re.compile(rb"[0-9]{4,6}")


def is_editors_own(name: bytes) -> bool:
    """Tell whether only editors give such names, to files that nobody misses.

    No word or name of a person's file may fit: it would be gone after ten minutes.
    """
    return _EDITORS_OWN.fullmatch(name) is not None


def is_perhaps_temporary(name: bytes) -> bool:
    """Tell whether tools, but people too, give such names: the file is kept, and nobody is told."""
    return _TEMPORARY.fullmatch(name) is not None


def is_tools_copy(name: bytes, content: bytes | bytearray) -> bool:
    """Tell whether a tool has made a file on the way to a save; a person hardly calls one so."""
    is_probe = not content and _PROBE.fullmatch(name) is not None
    return is_probe or _MADE_BY_TOOLS.fullmatch(name) is not None


Stamp: TypeAlias = tuple[int, int, int]
"""Inode, time and size of a file on the disk."""


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file as it is kept; `mtime_ns` is in nanoseconds since the epoch."""

    asset_id: AssetId
    name: bytes
    content: bytes
    mtime_ns: int
    stamp: Stamp | None = field(default=None, compare=False)


@dataclass(slots=True, eq=False)
class Scratch:
    """A file or symbolic link that only exists here.

    Attributes:
        slot: The asset in whose directory it is.
        name: Its name there; empty when it is unlinked, and lives on in open descriptors.
        content: Its bytes; the target, if it is a link.
        mtime_ns: Nanoseconds since the epoch.
        used: When it was last opened, written or closed.
        handles: Open descriptions.
        unsent: It was that file of its asset, with a text that could not be sent.
        kept_as: The name under which it is on the disk; None while it is only here.
        kept_for: The name that it had here then: on the disk another mount may have taken that.
        kept_stamp: How the file on the disk was left; one that differs is another mount's.
        is_written: What is on the disk is what is here.
        trouble: Why it could not be written there; empty when it could, or was not tried yet.
    """

    inode: Inode
    slot: int
    name: bytes
    mtime_ns: int
    used: float
    content: bytearray = field(default_factory=bytearray)
    is_link: bool = False
    mode: int = 0o600
    handles: int = 0
    unsent: tuple[Part, Buffer] | None = None
    kept_as: bytes | None = None
    kept_for: bytes = b""
    kept_stamp: Stamp | None = None
    is_written: bool = False
    trouble: str = ""


class ScratchStore:
    """All scratch files of a mount, by directory and by inode.

    Attributes:
        waiting: What earlier mounts have kept of assets that are not known so far.
    """

    def __init__(
        self,
        max_total_bytes: int = MAX_SCRATCH_TOTAL_BYTES,
        max_files: int = MAX_SCRATCH_FILES,
    ) -> None:
        self.waiting: list[KeptFile] = []
        self._max_total = max_total_bytes
        self._max_files = max_files
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
            OSError: ENOSPC, when there is no room for its content, or for another file.
        """
        if len(self._by_inode) >= self._max_files:
            raise OSError(errno.ENOSPC, f"there are {self._max_files:,} such files already")
        self._reserve(0, len(scratch.content))
        former = self.unlink(scratch.slot, scratch.name)
        if former is not None and former.kept_as is not None:
            scratch.kept_as, former.kept_as = former.kept_as, None
            scratch.kept_for, scratch.kept_stamp = former.kept_for, former.kept_stamp
        self._by_inode[scratch.inode] = scratch
        self._by_slot.setdefault(scratch.slot, {})[scratch.name] = scratch
        self.used_bytes += len(scratch.content)

    def unlink(self, slot: int, name: bytes) -> Scratch | None:
        """Remove a name; the content stays while it is open."""
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
        """Count one open description fewer."""
        scratch.handles -= 1
        scratch.used = now
        if not scratch.handles and not scratch.name:
            self.drop(scratch)

    def drop(self, scratch: Scratch) -> None:
        """Forget a file: its inode is something else now, or nothing."""
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
        scratch.is_written = False

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
        scratch.is_written = False

    def expire(self, now: float) -> list[Scratch]:
        """Remove and return what nobody opened for ten minutes, except what is kept."""
        late = [
            scratch
            for scratch in self._by_inode.values()
            if not scratch.handles
            and scratch.kept_as is None
            and not scratch.trouble
            and now - scratch.used >= SCRATCH_LIFE_S
        ]
        for scratch in late:
            self.drop(scratch)
        return late

    def iter_kept(self) -> Iterator[Scratch]:
        """Iterate over what is on the disk as well, as it is here."""
        named = (each for each in self._by_inode.values() if each.kept_as and each.name)
        return (each for each in named if not each.trouble)

    def list_unkept(self) -> list[Scratch]:
        """List what should be on the disk as it is here, and could not be written."""
        return [each for each in self._by_inode.values() if each.trouble and each.name]

    def _reserve(self, old: int, new: int) -> None:
        if new > MAX_SCRATCH_BYTES:
            raise OSError(errno.ENOSPC, f"it can't be larger than {MAX_SCRATCH_BYTES >> 20} MiB")
        if self.used_bytes + new - old > self._max_total:
            most = self._max_total >> 20
            raise OSError(errno.ENOSPC, f"such files can't be larger than {most} MiB together")
