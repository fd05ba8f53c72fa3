"""Which single characters an asset's texts contain, as bits of one number.

A word of one letter has no trigram, is typed before every other word, and is found in most assets:
without this, a search would read all their texts.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_KNOWN: Final = "abcdefghijklmnopqrstuvwxyz0123456789-_.:,;/()#+=*@'\"!?&%"
_BITS: Final = {character: 1 << place for place, character in enumerate(_KNOWN)}


def letters_of(texts: Iterable[str]) -> int:
    """Return the bits of the characters in folded texts (`query.fold`)."""
    bits = _BITS
    return sum(bits[one] for one in set().union(*texts) if one in bits)


def find_bit(word: str) -> int:
    """Return the bit of a folded word of one character; 0 when none stands for it."""
    return _BITS.get(word, 0)
