"""What is known of the files whose text is fetched when they are opened: ``about/*``. Pure.

A stat of such a file fetches its text, too, since most tools copy as many bytes as a stat says. A
listing of thousands must not: after `_MOST_UNREAD` stats within a minute that no open followed, a
stat answers what is known without asking. Tools that copy look once more when the file is open.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from dataclasses import dataclass

GUESS_BYTES = 256
"""What a stat says of a text that nobody has fetched: zero would mean that there is none."""

_MOST = 10_000
_FRESH_S = 5.0
_MOST_UNREAD = 20
_FORGET_S = 60.0


@dataclass(slots=True)
class FetchedText:
    """What a stat answers of one.

    Attributes:
        size: In bytes.
        digest: Tells another text of the same size.
        mtime_ns: When it was first seen to be this text, in nanoseconds since the epoch.
        until: So long it counts as the present one (monotonic, seconds).
    """

    size: int
    digest: int
    mtime_ns: int
    until: float


class FetchedTexts:
    """Those that were fetched last, by inode.

    Args:
        first_ns: The time of a text that is seen for the first time.
    """

    def __init__(self, first_ns: int) -> None:
        self._first_ns = first_ns
        self._texts: OrderedDict[int, FetchedText] = OrderedDict()
        self._unread: OrderedDict[int, float] = OrderedDict()
        self._pause_until = 0.0

    def find(self, inode: int) -> FetchedText | None:
        """Return what is known of a file; None if it was never fetched."""
        return self._texts.get(inode)

    def note(self, inode: int, text: bytes, now: float, now_ns: int) -> None:
        """Take over a text that the platform has just given."""
        former, digest = self._texts.get(inode), zlib.crc32(text)
        if former is None:
            mtime_ns = self._first_ns
        elif (former.size, former.digest) == (len(text), digest):
            mtime_ns = former.mtime_ns
        else:
            mtime_ns = now_ns
        self._texts[inode] = FetchedText(len(text), digest, mtime_ns, now + _FRESH_S)
        self._texts.move_to_end(inode)
        if len(self._texts) > _MOST:
            self._texts.popitem(last=False)

    def expire(self, inode: int) -> None:
        """Let the next stat ask: the text was changed."""
        known = self._texts.get(inode)
        if known is not None:
            known.until = 0.0
        self._unread.pop(inode, None)

    def note_open(self, inode: int) -> None:
        """Note that a file was opened: who asked for its size has gone on to read it."""
        self._unread.pop(inode, None)

    def note_silence(self, now: float) -> None:
        """Note that the platform did not tell: for a moment no stat waits for it again."""
        self._pause_until = now + _FRESH_S

    def takes_turn(self, inode: int, now: float) -> bool:
        """Tell whether a stat is to ask for a file's text; if so, it is counted."""
        known = self._texts.get(inode)
        if now < self._pause_until or (known is not None and now < known.until):
            return False
        if now < self._unread.get(inode, -_FORGET_S) + _FRESH_S:
            return False  # it was asked for just now, and the platform did not tell
        while self._unread and next(iter(self._unread.values())) < now - _FORGET_S:
            self._unread.popitem(last=False)
        if inode not in self._unread and len(self._unread) >= _MOST_UNREAD:
            return False
        self._unread[inode] = now
        self._unread.move_to_end(inode)
        return True
