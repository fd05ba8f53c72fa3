"""Saves whose program was told that they are not finished: they may arrive later. Pure.

What arrives so is this mount's own text. Whoever saves again, from what that was made from,
means to replace it: that is no conflict with anybody else.
"""

from __future__ import annotations

from collections import OrderedDict

from coexplorer.fs.core.conflicts import Key, digest_of

_MOST_FILES = 1000
_MOST_TEXTS = 16
_MOST_PENDING = 64
"""Texts that are kept as they are, of 1 MiB at most."""

_Digest = tuple[int, int]


class LateSaves:
    """Digests of such texts and of what they were made from, by file; the oldest go first."""

    def __init__(self) -> None:
        self._saves: OrderedDict[Key, list[tuple[_Digest, _Digest]]] = OrderedDict()
        self._pending: OrderedDict[Key, tuple[bytes, int]] = OrderedDict()

    def note(self, key: Key, base: bytes, text: bytes, tgid: int = 0) -> None:
        """Note that nobody knows whether `text`, made from `base`, will arrive.

        Args:
            key: The file.
            base: What it was made from.
            text: What may arrive.
            tgid: The process that saved it.
        """
        self._pending[key] = text, tgid
        self._pending.move_to_end(key)
        if len(self._pending) > _MOST_PENDING:
            self._pending.popitem(last=False)
        saves = self._saves.setdefault(key, [])
        self._saves.move_to_end(key)
        saves.append((digest_of(base), digest_of(text)))
        del saves[:-_MOST_TEXTS]
        if len(self._saves) > _MOST_FILES:
            self._saves.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Note that a later save of a file has arrived."""
        self._saves.pop(key, None)
        self._pending.pop(key, None)

    def settle(self, key: Key) -> None:
        """Note that it is known what became of the last one."""
        self._pending.pop(key, None)

    def find_pending(self, key: Key) -> tuple[bytes, int] | None:
        """Return the last text that may still arrive, and the process that saved it."""
        return self._pending.get(key)

    def is_own(self, key: Key, base: bytes, theirs: bytes) -> bool:
        """Tell whether the platform has one of our late texts, made from the same base."""
        saves = self._saves.get(key)
        if not saves:
            return False
        starts = {each for save in saves for each in save}
        return digest_of(base) in starts and digest_of(theirs) in {text for _, text in saves}
