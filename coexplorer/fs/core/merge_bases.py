"""What each process was last shown of each file: the base of the merge. Pure.

Editors read a file, close it, and open it again to save; some rename a new file over it. So what
the user saw is not what the saving descriptor saw, and is kept a process (its tgid) instead.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

from coexplorer.fs.core.last_served import LastServed

BUDGET_BYTES = 16 << 20
_ENTRY_BYTES = 200
"""About what an entry costs beyond its text."""

Key = tuple[int, int]
"""An asset's slot and the part: the file, whatever inode it has at the moment."""


class _Entry(NamedTuple):
    """A showing: the different text shown before it, the text, and a digest of what was read."""

    before: bytes | None
    text: bytes
    displayed: int


class MergeBases:
    """Texts by process and file, within a budget; the process that read the most pays first."""

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self._budget = budget_bytes
        self._used = 0
        self._by_process: dict[int, OrderedDict[Key, _Entry]] = {}
        self._last = LastServed()

    def show(self, tgid: int, key: Key, text: bytes, displayed: bytes | None = None) -> None:
        """Note that a process was shown a file at an open.

        Args:
            tgid: The process.
            key: The file.
            text: What the platform has: the base of the merge.
            displayed: What the process reads, if that is an unsent text instead.
        """
        self._last.note(key, text, tgid)
        if tgid <= 0:
            return  # a process of another container: all of them look the same from here
        files = self._by_process.setdefault(tgid, OrderedDict())
        old = files.pop(key, None)
        before = None
        if old is not None:
            self._used -= _cost(old)
            before = old.before if old.text == text else old.text
        files[key] = _Entry(before, text, zlib.crc32(text if displayed is None else displayed))
        self._used += _cost(files[key])
        while self._used > self._budget:
            self._evict()

    def note_saved(self, tgid: int, key: Key, text: bytes) -> None:
        """Note that a process wrote a text itself: that is what its next save starts from.

        One that never read the file, such as a shell, does not start from anything: whatever
        changed since, it is not what a person was shown there.
        """
        self._last.note_told(key, text)
        files = self._by_process.get(tgid)
        if files is not None and key in files:
            self._used -= _cost(files.pop(key))
            self.show(tgid, key, text)

    def rebase(self, key: Key, old: bytes, new: bytes) -> None:
        """Note that whoever was shown `old` of a file has been told of `new` in another way."""
        self._last.note_told(key, new)
        for files in self._by_process.values():
            entry = files.get(key)
            if entry is not None and entry.text == old:
                self._used -= _cost(entry)
                files[key] = _Entry(None, new, entry.displayed)
                self._used += _cost(files[key])

    def find(self, tgid: int, key: Key) -> bytes | None:
        """Return what a process was last shown of a file; None if it never was, as far as known."""
        files = self._by_process.get(tgid)
        entry = None if files is None else files.get(key)
        return None if entry is None else entry.text

    def is_news(self, key: Key, text: bytes) -> bool:
        """Tell whether a file was read here before, with another text in it."""
        return self._last.is_news(key, text)

    def note_own(self, key: Key, text: bytes) -> None:
        """See `LastServed.note_own`."""
        self._last.note_own(key, text)

    def find_last(self, key: Key, content: bytes, there: bytes) -> bytes | None:
        """See `LastServed.find`."""
        return self._last.find(key, content, there)

    def note_backup(self, tgid: int, key: Key, content: bytes) -> None:
        """Take a showing back: the process only read the file to write a backup of it.

        vim (``backupcopy=yes``) and nano (``-B``) read the file right before they save over it.
        That shows the user nothing, and must not make a colleague's change part of the base.
        """
        files = self._by_process.get(tgid, OrderedDict())
        entry = files.get(key)
        if (
            entry is not None
            and entry.before is not None
            and entry.displayed == zlib.crc32(content)
        ):
            files[key] = _Entry(None, entry.before, entry.displayed)
            self._used += _cost(files[key]) - _cost(entry)

    def purge(self, is_alive: Callable[[int], bool]) -> None:
        """Forget processes that have ended."""
        for tgid in [tgid for tgid in self._by_process if not is_alive(tgid)]:
            files = self._by_process.pop(tgid)
            self._used -= sum(_cost(entry) for entry in files.values())

    @property
    def used_bytes(self) -> int:
        """About how much memory the texts take."""
        return self._used

    def _evict(self) -> None:
        tgid, files = max(self._by_process.items(), key=lambda item: len(item[1]))
        _, entry = files.popitem(last=False)
        self._used -= _cost(entry)
        if not files:
            del self._by_process[tgid]


def _cost(entry: _Entry) -> int:
    return _ENTRY_BYTES + len(entry.before or b"") + len(entry.text)
