"""What any process was last shown of each file: what a copy that comes back was made from.

Pure, but for the clock. Who copies a file out of the mount, edits the copy and copies it back has
it written by a program that never read the file. If somebody else changed it meanwhile, and nobody
has read that here, the copy is merged with what was read last.
"""

from __future__ import annotations

import hashlib
import re
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

BUDGET_BYTES = 16 << 20
CHECK_S = 5.0
"""A script reads a file so shortly before it writes it: to compare, or to go on from it."""
_ENTRY_BYTES = 200
_MOST_OWN = 10_000
_WORD = re.compile(r"\w+")

Key = tuple[int, int]
"""An asset's slot and the part."""


class _Served(NamedTuple):
    """The text, the other one that was served before it, who asked for it first, and when."""

    text: bytes
    before: bytes | None
    tgid: int
    at: float


class LastServed:
    """Texts by file, within a budget: what was read longest ago is forgotten first.

    Args:
        budget_bytes: About how much memory they may take.
        clock: Seconds, as of `time.monotonic`.
    """

    def __init__(
        self, budget_bytes: int = BUDGET_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._budget = budget_bytes
        self._clock = clock
        self._used = 0
        self._files: OrderedDict[Key, _Served] = OrderedDict()
        self._own: OrderedDict[Key, bytes] = OrderedDict()

    def note(self, key: Key, text: bytes, tgid: int) -> None:
        """Note that a process is shown a file."""
        old = self._files.get(key)
        if old is not None and old.text == text:
            self._files.move_to_end(key)
            return
        before = None if old is None else self._settled(old)
        self._put(key, _Served(text, before, tgid, self._clock()))

    def note_told(self, key: Key, text: bytes) -> None:
        """Note that whoever uses a file knows its text: it was written here, or looked at."""
        if key in self._files:
            self._put(key, _Served(text, None, 0, self._clock()))

    def is_news(self, key: Key, text: bytes) -> bool:
        """Tell whether a file was served before, with another text in it."""
        old = self._files.get(key) if self._files else None
        return old is not None and old.text != text

    def note_own(self, key: Key, text: bytes) -> None:
        """Note a text that was written here, failed, and may have been sent elsewhere since.

        Who reads it again knows it, however shortly before: it is no news that a script meets.
        """
        self._own.pop(key, None)
        self._own[key] = hashlib.sha256(text).digest()
        if len(self._own) > _MOST_OWN:
            self._own.popitem(last=False)

    def find(self, key: Key, content: bytes, there: bytes) -> bytes | None:
        """Return what a text was made from that is written by who never read the file.

        That is what was served last; but where it was served only now, as a script compares before
        it copies, and nothing of it is in what is written, what was served before it.

        Args:
            key: The file.
            content: What is written.
            there: What the platform has.

        Returns:
            None where the file was never read here, as far as is known.
        """
        served = self._files.get(key)
        if served is None:
            return None
        if served.text != there or self._own.get(key) == hashlib.sha256(there).digest():
            return served.text
        before = self._settled(served)
        return served.text if goes_on_from(content, before, there) else before

    def _settled(self, served: _Served) -> bytes:
        """Return what was surely looked at: not what was served to a script only now."""
        is_new = self._clock() - served.at <= CHECK_S
        return served.before if is_new and served.before is not None else served.text

    def _put(self, key: Key, served: _Served) -> None:
        old = self._files.pop(key, None)
        self._used += _cost(served) - (0 if old is None else _cost(old))
        self._files[key] = served
        while self._used > self._budget:
            self._used -= _cost(self._files.popitem(last=False)[1])

    @property
    def used_bytes(self) -> int:
        """About how much memory the texts take."""
        return self._used


def goes_on_from(content: bytes, old: bytes, new: bytes) -> bool:
    """Tell whether a text has more of what is only in `new` than of what is only in `old`.

    Without any of either it was made without looking, unless words were only taken away.
    """
    words, had, has = (
        set(_WORD.findall(text.decode(errors="replace"))) for text in (content, old, new)
    )
    ours, theirs = (had - has) & words, (has - had) & words
    return len(theirs) > len(ours) or (not has - had and not ours)


def _cost(served: _Served) -> int:
    return _ENTRY_BYTES + len(served.text) + len(served.before or b"")
