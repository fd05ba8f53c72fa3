"""The one case folding for the whole search, so every path finds the same things.

Texts are folded before they are stored, and words before they are searched; the comparison itself
is then plain. So a word of two letters, which has no trigram, follows the same rule as a longer
one, and ``É`` is found by ``é`` in both.
"""

from __future__ import annotations

import unicodedata

SEPARATOR = "\x1f"
"""Stands between tags, and between values of custom metadata; `fold` never lets one through, so
that no word is found across two tags."""

_NONCHARACTERS = [
    *range(0xFDD0, 0xFDF0),
    *(plane << 16 | last for plane in range(17) for last in (0xFFFE, 0xFFFF)),
]
_UNSEARCHABLE = str.maketrans(
    {"\0": "\ufffd", SEPARATOR: "\ufffd"} | {chr(code): "\ufffd" for code in _NONCHARACTERS}
)


def fold(text: str) -> str:
    """Return `text` as it is searched: composed (NFC), case-folded, valid Unicode.

    NUL, U+001F, lone surrogates and noncharacters become U+FFFD: SQLite's tokenizer stops at the
    first, the second is the separator, the third can't be stored, and of the fourth (U+FFFE, say)
    the tokenizer makes what it likes; U+10FFFF also ends the catalog's ranges.
    """
    if text.isascii():
        folded = text.lower()
        has_any = "\0" in folded or SEPARATOR in folded
        return folded.translate(_UNSEARCHABLE) if has_any else folded
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    composed = unicodedata.normalize("NFC", whole)
    return unicodedata.normalize("NFC", composed.casefold()).translate(_UNSEARCHABLE)
