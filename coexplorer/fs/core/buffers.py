"""When a save is sent: the buffer of a metadata file, and the rule. Pure.

The rule (design: mount.md, When a save is sent) turned 78 of 78 save patterns of real tools into
exactly one right PUT. This module decides; `coexplorer.fs.sync.writeback` waits and sends.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from enum import Enum

from coexplorer.fs.core.file_format import MAX_FILE_BYTES, check_written
from coexplorer.fs.kernel.inodes import Inode, Part

EMPTY_WAIT_S = 0.5
"""How long an empty value waits for a write before it is sent (``: > tags``)."""

HIDDEN_S = 5.0
"""How long a metadata file stays away after an unlink, when nobody creates it again."""


_TOO_LARGE = f"more than {MAX_FILE_BYTES >> 20} MiB, which is too large for a metadata file"
_MOST_REJECTED_BYTES = 2 * MAX_FILE_BYTES


class Verdict(Enum):
    """What to do at a flush, an fsync or a release."""

    NOTHING = "nothing"
    SEND = "send"
    WAIT = "wait"
    """Send after `EMPTY_WAIT_S`, unless the buffer changes first."""
    FAIL = "fail"
    """Answer the error of the last try again."""


@dataclass(slots=True, frozen=True)
class SaveFailure:
    """Why the last save failed: the errno, and what the ``error`` file says."""

    errno: int
    report: str


@dataclass(slots=True)
class Buffer:
    """The bytes of a metadata file, from its first open until it is clean and closed.

    Attributes:
        content: What readers see.
        sent: The text that the platform has, as far as it was seen here.
        base: The platform's text that `content` was made from. A file that somebody has open for
            writing does not follow the platform, and then this is older than `sent`: what was read
            of it must be merged with this.
        dirty: Whether `content` waits to be sent.
        written: Whether something was written since the file was last emptied.
        version: Counts changes, so that whoever waited knows whether there were any.
        failure: The last save failed, and nothing was changed since.
        refusal: A write was refused: what is here is only a part of what was meant, and must never
            be sent. Emptying the file, or closing it, ends that.
        rejected: What it would be with the writes that were refused, until that is in the journal.
        inserted: Where the first of them was, and the length of them all: the program's own offset
            did not move on, so what it writes next belongs behind them.
        mtime_ns: The time of what waits to be sent: it was written then, or a tool says so. The
            file has it once that is sent.
        saving: How many saves of it are on their way or wait for their turn.
        only_adds: Whatever was written since it was clean was added at the end of what was there.
    """

    content: bytearray
    sent: bytes
    base: bytes
    dirty: bool = False
    written: bool = False
    version: int = 0
    failure: SaveFailure | None = None
    refusal: SaveFailure | None = None
    rejected: bytearray | None = None
    inserted: tuple[int, int] = 0, 0
    mtime_ns: int | None = None
    saving: int = 0
    only_adds: bool = True

    @classmethod
    def of(cls, text: bytes) -> Buffer:
        """Return a clean buffer of what the platform has."""
        return cls(bytearray(text), text, text)

    def write(self, offset: int, data: bytes, part: Part) -> None:
        """Write as pwrite does, and check what can be checked.

        Raises:
            OSError: EFBIG, before anything is allocated.
            InvalidField: What was written can never be right.
        """
        end = offset + len(data)
        if end > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, f"{_TOO_LARGE}; what is kept of it may lack its end")
        grown = bytearray(self.content[:offset])
        grown.extend(bytes(offset - len(grown)))
        grown.extend(data)
        check_written(grown, offset, end, part)
        grown.extend(self.content[end:])
        self.only_adds = self.only_adds and offset >= len(self.content)
        self.content = grown
        if self.rejected is not None:
            self._reject(offset, data)
        self.written = True
        self._changed()

    def keep_refused(self, offset: int, data: bytes) -> None:
        """Keep the bytes of a refused write: its program may have them nowhere else."""
        self._reject(offset, data)

        start, length = self.inserted
        self.inserted = (start if length else offset), length + len(data)

    def _reject(self, offset: int, data: bytes) -> None:
        if self.rejected is None:
            self.rejected, self.inserted = bytearray(self.content), (0, 0)
        start, length = self.inserted
        # Without the hole of a far offset, and no more than a program writes before it looks.
        at = min(offset + (length if offset >= start else 0), len(self.rejected))
        self.rejected[at : at + len(data)] = data
        del self.rejected[_MOST_REJECTED_BYTES:]

    def take_rejected(self) -> bytes | None:
        """Return what was refused, once."""
        rejected, self.rejected = self.rejected, None
        return None if rejected is None else bytes(rejected)

    def resize(self, size: int) -> None:
        """Truncate, or grow with NULs, as ftruncate does.

        Raises:
            OSError: EFBIG, before anything is allocated.
        """
        if size > MAX_FILE_BYTES:
            raise OSError(errno.EFBIG, _TOO_LARGE)
        self.only_adds = False
        if size == 0:
            self.written = False
            self.refusal = self.rejected = None
        if size < len(self.content):
            del self.content[size:]
        elif size > len(self.content):
            self.content.extend(bytes(size - len(self.content)))
        else:
            return
        self._changed()

    def begin_anew(self) -> Buffer:
        """Return an empty one for a text of its own: others go on with what is here."""
        anew = Buffer(bytearray(), self.sent, self.base, dirty=self.dirty, only_adds=False)
        if self.content:
            anew.dirty, anew.version = True, 1
        return anew

    def replace(self, content: bytes) -> None:
        """Take entirely new content: a scratch file was renamed here."""
        self.content = bytearray(content)
        self.written, self.only_adds = True, False
        self._changed()

    def settle(self, content: bytes, version: int, now_there: bytes) -> None:
        """Note that `content`, as it was at `version`, was sent, and what the platform has now.

        What is shown stays: whoever has it open for writing goes on at an offset in it.
        """
        self.sent = now_there
        self.base = content
        self.failure = None
        if self.version == version or bytes(self.content) == content:
            self.dirty, self.only_adds = False, True

    def follow(self) -> bool:
        """Show what the platform has; False if that is shown already.

        Only for a file that nobody has open for writing, and that has nothing unsent.
        """
        self.dirty, self.only_adds = False, True
        self.refusal = None
        self.mtime_ns = None
        self.base = self.sent
        if bytes(self.content) == self.sent:
            return False
        self.content = bytearray(self.sent)
        return True

    def fail(self, failure: SaveFailure, version: int) -> None:
        """Note that what was there at `version` could not be sent."""
        if self.version == version:
            self.failure = failure

    @property
    def has_failed(self) -> bool:
        """Whether what is here could not be sent, or is only a part of what was meant."""
        return self.failure is not None or self.refusal is not None

    @property
    def is_empty_wait(self) -> bool:
        """Whether an empty value waits because a program may be about to write it."""
        return self.dirty and not self.written and not self.content

    def _changed(self) -> None:
        self.dirty = True
        self.version += 1
        self.failure = None


@dataclass(slots=True, eq=False)
class MetadataFile:
    """One editable file of an asset while it is open, unsent or under a second inode.

    Attributes:
        slot: The asset.
        inode: The inode that its name has at the moment.
        buffer: The newest; None while nobody has it open for writing and nothing is unsent.
        saves: How many saves of it were begun.
        emptied_at: How many of them were begun when it was last emptied. The kernel tells of the
            end of a close after the program has gone on, so others may have saved by then.
        writers: Open descriptions that can write; an unlinked file counts its own.
        closing: Those of them that are being closed, and wait for the platform.
        read_beside: It was read while it was written: a private mmap of that may have put another
            text into the kernel's pages, whichever way its descriptor reads.
        hidden_until: The name was unlinked: it comes back then, if nobody creates it first.
        detached: It was unlinked or replaced: it belongs to no file any more, and is never sent.
    """

    slot: int
    part: Part
    inode: Inode
    buffer: Buffer | None = None
    saves: int = 0
    emptied_at: int = 0
    hidden_until: float | None = None
    detached: bool = False
    writers: int = 0
    closing: int = 0
    read_beside: bool = False

    @property
    def key(self) -> tuple[int, Part]:
        """The asset's slot and the part: the same for whatever has the file's name."""
        return self.slot, self.part


def decide_flush(
    buffer: Buffer, *, touched: bool, other_writer: bool, wants_sync: bool = False
) -> Verdict:
    """Decide what a flush (a close of a descriptor) or an fsync does.

    Args:
        buffer: The file's buffer.
        touched: Something was written or truncated through this open description.
        other_writer: The opener still holds another writable descriptor of the file.
        wants_sync: It is an fsync: somebody asks for it, no matter who else is writing.
    """
    if not touched or not buffer.dirty:
        return Verdict.NOTHING
    if buffer.has_failed:
        return Verdict.FAIL
    if buffer.is_empty_wait or (other_writer and not wants_sync):
        return Verdict.NOTHING
    return Verdict.SEND


def decide_release(buffer: Buffer, *, other_handle_writes: bool) -> Verdict:
    """Decide what the last close of an open description does: its errors reach nobody."""
    if not buffer.dirty or buffer.has_failed or other_handle_writes:
        return Verdict.NOTHING
    return Verdict.WAIT if buffer.is_empty_wait else Verdict.SEND
