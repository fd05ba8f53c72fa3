r"""Strangers' text made safe to show, and its width in terminal cells. Pure.

Names, descriptions and tags come from other people. Whatever leaves for a terminal, a log line or a
table goes through `clean` first: control characters, escape sequences, bidi overrides and line ends
become visible escapes (``\x1b``, ``\u202e``, ``\n``), so that they mean nothing to the terminal.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from functools import lru_cache

ELLIPSIS = "…"
MAX_MARKS = 3
"""Combining marks that one character may carry; more is a prank that paints over its neighbors."""

UNTOLD = "?"
"""What stands for a word that the platform did not say."""

_SELECTORS = range(0xFE00, 0xFE10)
"""Variation selectors: terminals disagree about the width that they give, so they are left out."""
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB", "EB")
_STEP = 1000


_JOINER = "\u200d"
"""Joins emoji to one, in terminals that know it: widths differ, so each part is shown by itself."""


def clean(text: str) -> str:
    """Return `text` with everything that a terminal would obey made visible, on one line."""
    if text.isprintable() and text.isascii():
        return text
    return "".join(show_signs(text))


def show_signs(text: str) -> list[str]:
    """Return how each character of `text` is shown: as `clean` does; "" for those left out."""
    if text.isprintable() and text.isascii():
        return list(text)
    out: list[str] = []
    marks = 0
    begun = False
    for at, char in enumerate(text):
        if unicodedata.combining(char) or unicodedata.category(char) in ("Mn", "Me"):
            marks += 1
            if ord(char) in _SELECTORS or marks > MAX_MARKS:
                out.append("")
            else:
                # A mark with nothing to sit on would sit on our own column's border.
                out.append(char if begun else "\N{DOTTED CIRCLE}" + char)
                begun = True
            continue
        marks, begun = 0, True
        if char == _JOINER and _joins_emoji(text, at):
            out.append("")
        else:
            out.append(char if char.isprintable() else _escape(char))
    return out


def _joins_emoji(text: str, at: int) -> bool:
    """Tell whether a joiner stands between two emoji, which may have selectors and skins."""
    before = text[max(0, at - 2) : at].rstrip("\ufe0e\ufe0f")[-1:]
    after = text[at + 1 : at + 2]
    return all(each and unicodedata.category(each) in ("So", "Sk") for each in (before, after))


def clean_lines(text: str) -> list[str]:
    """Return the lines of `text`, each cleaned; tabs become blanks."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return [clean(line.replace("\t", "    ")) for line in lines]


def _escape(char: str) -> str:
    if unicodedata.category(char) == "Zs":
        return " "
    return char.encode("unicode_escape").decode("ascii")


def width(text: str) -> int:
    """Return how many terminal cells cleaned `text` takes."""
    return len(text) if text.isascii() else sum(map(char_width, text))


@lru_cache(maxsize=4096)
def char_width(char: str) -> int:
    """Return how many cells a character takes: 0 (combining), 1, or 2 (wide)."""
    if char.isascii():
        return 1
    if unicodedata.category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def cut(text: str, cells: int) -> str:
    """Return cleaned `text` in at most `cells` cells, ended by an ellipsis where it was cut."""
    if width(text) <= cells:
        return text
    if cells <= 0:
        return ""
    kept: list[str] = []
    used = 0
    for char in text:
        used += char_width(char)
        if used > cells - 1:
            break
        kept.append(char)
    return "".join(kept) + ELLIPSIS


def fit(text: str, cells: int, *, right: bool = False) -> str:
    """Return cleaned `text` in exactly `cells` cells, cut or padded; `right` aligns it there."""
    text = cut(text, cells)
    padding = " " * (cells - width(text))
    return padding + text if right else text + padding


LONGEST_WORD = 500
"""Characters that are shown of one name or tag; nobody reads more, and it may have a million."""


def cut_word(text: str) -> str:
    """Return a name or a tag, cut where nobody reads on, with how long it is."""
    if len(text) <= LONGEST_WORD:
        return text
    return f"{text[:LONGEST_WORD]}{ELLIPSIS} ({len(text):,} characters)"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return ``1 asset`` or ``1,200 assets``."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def took_text(seconds: float | None) -> str:
    """Return how long something took, as ``1:17`` or ``7:31:55``; empty when it is not known."""
    if seconds is None:
        return ""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def size_text(size_bytes: int | None) -> str:
    """Return ``412 GB``, in at most three digits; ``?`` when it is not known."""
    if size_bytes is None:
        return "?"
    value = float(size_bytes)
    for unit in _UNITS:
        digits = 1 if unit != "B" and value < 9.95 else 0  # noqa: PLR2004 - 9.95 is shown as 10
        if round(value, digits) < _STEP or unit == _UNITS[-1]:
            return f"{value:.{digits}f} {unit}"
        value /= _STEP
    raise AssertionError


_TELLING = 4
"""So many letters tell what word was meant, though some of them are wrong."""


def guess_word(word: str, known: Iterable[str]) -> str:
    """Return `` (did you mean …?)`` when a word is nearly a known one, else nothing (pure)."""
    near = list_like(word, known)
    return f" (did you mean {near[0]}?)" if near else ""


def list_like(word: str, known: Iterable[str], *, most: int = 1, least: float = 0.6) -> list[str]:
    """Return known words that one is nearly like, whatever the case; the likeliest first (pure).

    A word of up to three letters is like too many: only words that it begins are meant, or that are
    about as short.

    Args:
        word: What somebody wrote.
        known: What they may have meant.
        most: How many are returned.
        least: How much alike they must be: 1 is the same.
    """
    import difflib  # noqa: PLC0415 - few ask, and it is slow to import

    folded = {each.casefold(): each for each in known}
    if len(word) < _TELLING:
        begun = sorted((each for each in folded if each.startswith(word.casefold())), key=len)
        short = [each for each in folded if len(each) <= _TELLING]
        begun += difflib.get_close_matches(word.casefold(), short, most, least)
        return [folded[each] for each in dict.fromkeys(begun)][:most] if word else []
    near = difflib.get_close_matches(word.casefold(), folded, most, least)
    return [folded[each] for each in near]


def diff_lines(old: Sequence[str], new: Sequence[str], around: int = 2) -> list[tuple[str, str]]:
    """Return what differs between two texts, line by line, and a few lines around it.

    Args:
        old: The lines that were there.
        new: The lines that are there.
        around: How many equal lines are given before and after each difference.

    Returns:
        Pairs of a sign and a line: ``-`` for one that goes, ``+`` for one that comes, a blank for
        one that stays. The sign ``…`` stands for lines that are left out.
    """
    from difflib import SequenceMatcher  # noqa: PLC0415 - few ask, and it is slow to import

    pairs: list[tuple[str, str]] = []
    end = 0
    for group in SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(around):
        if group[0][1] > end:
            pairs.append(("…", ""))
        for kind, start, stop, first, last in group:
            if kind == "equal":
                pairs += [(" ", line) for line in old[start:stop]]
            else:
                pairs += [("-", line) for line in old[start:stop]]
                pairs += [("+", line) for line in new[first:last]]
        end = group[-1][2]
    if pairs and end < len(old):
        pairs.append(("…", ""))
    return pairs
