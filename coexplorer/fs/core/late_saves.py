"""Saves whose program was told that they are not finished: they may arrive later. Pure.

What arrives so is this mount's own text. Whoever saves again, from what that was made from,
means to replace it: that is no conflict with anybody else.
"""

from __future__ import annotations

from collections import OrderedDict

from coexplorer.fs.core.conflicts import Key, digest_of

_MOST_FILES = 1000
_MOST_TEXTS = 16
_Digest = tuple[int, int]


class LateSaves:
    """Digests of such texts and of what they were made from, by file; the oldest go first."""

    def __init__(self) -> None:
        self._saves: OrderedDict[Key, list[tuple[_Digest, _Digest]]] = OrderedDict()

    def note(self, key: Key, base: bytes, text: bytes) -> None:
        """Note that nobody knows whether `text`, made from `base`, will arrive."""
        saves = self._saves.setdefault(key, [])
        self._saves.move_to_end(key)
        saves.append((digest_of(base), digest_of(text)))
        del saves[:-_MOST_TEXTS]
        if len(self._saves) > _MOST_FILES:
            self._saves.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Note that a later save of a file has arrived."""
        self._saves.pop(key, None)

    def is_own(self, key: Key, base: bytes, theirs: bytes) -> bool:
        """Tell whether the platform has one of our late texts, made from the same base."""
        saves = self._saves.get(key)
        if not saves:
            return False
        starts = {each for save in saves for each in save}
        return digest_of(base) in starts and digest_of(theirs) in {text for _, text in saves}
