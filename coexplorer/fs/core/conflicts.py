"""Saves that met somebody else's change, until a person has looked at it. Pure.

Somebody who saves the same again has not seen the other text, whoever has read the file meanwhile:
scripts compare before they copy. Such a save is merged with the same base as the refused one, so it
meets the same conflict, until somebody opens the asset's ``error``. Another text goes through once
somebody has read the file, or ``asset.json``, with the other text in it.
"""

from __future__ import annotations

import zlib
from collections import OrderedDict, deque
from dataclasses import dataclass, replace

from coexplorer.fs.core.buffers import SaveFailure
from coexplorer.fs.kernel.inodes import Part

BUDGET_BYTES = 16 << 20
AGAIN_S = 5.0
"""How soon a loop starts a refused program again: its reading is no person's look."""
_MOST_TEXTS = 16
"""Refused texts of a file that are known again."""
_ENTRY_BYTES = 300

Key = tuple[int, Part]
"""An asset's slot and the part."""


@dataclass(frozen=True, slots=True)
class SaveConflict:
    """A save that was refused, because somebody else had changed the same text.

    Attributes:
        base: What the refused text was made from.
        theirs: What the platform had instead; None where only the journal remembers the conflict.
        refused: A digest of the text that was refused.
        texts: Digests of all texts that were refused before anybody had seen theirs.
        failure: What its program was told.
        is_seen: The file was read since with theirs in it. Whoever has it in an editor has perhaps
            not seen that.
        tgid: The process that was refused.
        program: Its name; empty where that is not known.
        at: When it was refused last, in `time.monotonic` seconds.
    """

    base: bytes
    theirs: bytes | None
    refused: tuple[int, int]
    failure: SaveFailure
    texts: tuple[tuple[int, int], ...] = ()
    is_seen: bool = False
    tgid: int = 0
    program: bytes = b""
    at: float = 0.0

    def is_repeated_by(self, content: bytes, theirs: bytes) -> bool:
        """Tell whether a save would end the same way again, as far as is known without asking.

        Args:
            content: What is saved.
            theirs: What the platform has, as far as that is known now.
        """
        return self.theirs == theirs and self.refused == digest_of(content)


class Conflicts:
    """The conflicts of all files, within a budget: the oldest are forgotten first.

    Attributes:
        rereaders: The last processes that a loop started again, and that have read theirs.
    """

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self._budget = budget_bytes
        self._conflicts: OrderedDict[Key, SaveConflict] = OrderedDict()
        self.used_bytes = 0
        self.rereaders: deque[int] = deque(maxlen=_MOST_TEXTS)

    def note(
        self, slot: int, part: Part, conflict: SaveConflict, *, from_theirs: bool = False
    ) -> None:
        """Remember a conflict: the last one of a file counts, and the texts of all.

        Args:
            slot: The asset.
            part: The file.
            conflict: The last one.
            from_theirs: What was refused was made from theirs, by a loop.
        """
        former = self.drop(slot, part)
        texts = () if former is None else former.texts
        if not from_theirs:
            texts = (*(each for each in texts if each != conflict.refused), conflict.refused)
        is_seen = former is not None and former.is_seen and former.theirs == conflict.theirs
        conflict = replace(conflict, texts=texts[-_MOST_TEXTS:], is_seen=is_seen)
        self._conflicts[slot, part] = conflict
        self.used_bytes += _cost(conflict)
        while self.used_bytes > self._budget:
            self.drop(*next(iter(self._conflicts)))

    def find(self, slot: int, part: Part) -> SaveConflict | None:
        """Return the conflict of a file that nobody has looked at."""
        found = self._conflicts.get((slot, part)) if self._conflicts else None
        return None if found is None or found.is_seen else found

    def find_base(self, slot: int, part: Part, content: bytes) -> bytes | None:
        """Return what a text that was refused was made from; None for any other text.

        It is refused again, whoever has read the file since, until somebody opens ``error``.
        """
        found = self._conflicts.get((slot, part)) if self._conflicts else None
        return found.base if found is not None and digest_of(content) in found.texts else None

    def note_repeat(self, slot: int, part: Part, now: float) -> None:
        """Note that a save was refused once more."""
        found = self._conflicts.get((slot, part))
        if found is not None:
            self._conflicts[slot, part] = replace(found, at=now)

    def note_read(self, slot: int, part: Part) -> None:
        """Note that somebody reads a file, with the other text in it."""
        found = self._conflicts.get((slot, part))
        if found is not None:
            self._conflicts[slot, part] = replace(found, is_seen=True)

    def list_parts(self, slot: int) -> list[Part]:
        """List the files of an asset whose conflict is not over."""
        return [part for conflicting, part in self._conflicts if conflicting == slot]

    def drop(self, slot: int, part: Part) -> SaveConflict | None:
        """Forget a file's conflict: it was looked at, or is over."""
        conflict = self._conflicts.pop((slot, part), None)
        if conflict is not None:
            self.used_bytes -= _cost(conflict)
        return conflict

    def __len__(self) -> int:
        return len(self._conflicts)


def digest_of(content: bytes) -> tuple[int, int]:
    """Return a digest that tells one text from another."""
    return len(content), zlib.crc32(content)


def _cost(conflict: SaveConflict) -> int:
    theirs = conflict.theirs or b""
    return _ENTRY_BYTES + len(conflict.base) + len(theirs) + len(conflict.failure.report)
