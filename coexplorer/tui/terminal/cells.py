"""What a terminal's cell holds, and the shortest way from one style to the next. Pure.

A row of the screen is a list of cells. A character that is two columns wide is in the first of its
two cells; the second holds an empty string. Combining characters stay with the character that they
combine with. This module imports nothing: it is used before the first frame.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

_FIRST_WIDE = "\u1100"
"""The first character that Unicode calls wide; below it, terminals agree."""


class Pen(NamedTuple):
    """How text looks, as SGR parameters (ECMA-48).

    Attributes:
        attributes: Sorted parameters such as ``1`` (bold), ``4`` (underline), ``7`` (reverse).
        foreground: Parameters such as ``38;5;250``; empty: the terminal's own.
        background: Parameters such as ``48;2;0;0;95``; empty: the terminal's own.
    """

    attributes: tuple[str, ...] = ()
    foreground: str = ""
    background: str = ""


PLAIN = Pen()
"""The terminal's own look."""

_DRAWN_ON_BLANKS = frozenset({"4", "5", "7", "9", "21", "51", "52", "53"})
"""Attributes that show on a blank: underline, blink, reverse, strike-out, frames, overline."""


class Cell(NamedTuple):
    """One column of one row: text of one character with what combines with it, and its look."""

    text: str
    pen: Pen


BLANK = Cell(" ", PLAIN)


class _Cells(dict[str, Cell]):
    """The cells of one look, made once: rows that share them compare by identity, quickly."""

    def __init__(self, pen: Pen) -> None:
        super().__init__()
        self._pen = pen

    def __missing__(self, char: str) -> Cell:
        cell = self[char] = Cell(char, self._pen)
        return cell


_find_cells = lru_cache(maxsize=256)(_Cells)


def build_narrow_cells(text: str, pen: Pen) -> list[Cell]:
    """Return the cells of text whose characters are one column each: see `is_narrow`."""
    cells = _find_cells(pen)
    return [cells[char] for char in text]


_NARROW = re.compile(
    r"[\x20-\x7e\xa1-\xac\xae-\u02ff"
    r"\u2013\u2014\u2018-\u201f\u2022\u2026\u2190-\u2193\u2500-\u259f\u25cf\u2605]*"
)


def is_narrow(text: str) -> bool:
    """Tell whether every character is one column for us: Latin letters, and what we draw with."""
    return _NARROW.fullmatch(text) is not None


def draw_text(text: str, pen: Pen) -> list[Cell]:
    """Return the cells of a text, without anything a terminal would obey."""
    if is_narrow(text):
        return build_narrow_cells(text, pen)
    from rich.cells import split_graphemes  # noqa: PLC0415 - most lists need no tables of widths

    text = strip_controls(text)
    spans, _ = split_graphemes(text)
    return build_cells(((text[start:end], columns) for start, end, columns in spans), pen)


def build_cells(graphemes: Iterable[tuple[str, int]], pen: Pen) -> list[Cell]:
    """Return the cells of text that is split into characters with what combines with them.

    Args:
        graphemes: Text and width in columns; what is 0 columns wide joins the one before it.
        pen: How it looks.
    """
    cells: list[Cell] = []
    for text, columns in graphemes:
        if columns > 0:
            cells.append(Cell(text, pen))
            cells.extend([Cell("", pen)] * (columns - 1))
        elif cells:
            lead = next(at for at in reversed(range(len(cells))) if cells[at].text)
            cells[lead] = Cell(cells[lead].text + text, cells[lead].pen)
    return cells


Row = tuple[Cell, ...]

_FORBIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # C0, DEL and C1: what starts or ends an escape sequence
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # bidi marks, embeddings, overrides, isolates
    "\u2028\u2029\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)


def strip_controls(text: str) -> str:
    """Remove every character that a terminal would obey: the last line of defence.

    They are zero columns wide in the layout, so removing them keeps the columns. Whoever shows
    foreign text has made them visible long before this.
    """
    return _FORBIDDEN.sub("", text)


_CUBE = (0, 95, 135, 175, 215, 255)
"""Levels of red, green and blue in colors 16 to 231 of the palette of 256 (xterm's)."""


def _build_palette() -> dict[str, str]:
    grays = {level: 232 + step for step, level in enumerate(range(8, 239, 10))}
    named = {f"{level};{level};{level}": str(number) for level, number in grays.items()}
    for number in range(216):
        levels = (_CUBE[number // 36], _CUBE[number // 6 % 6], _CUBE[number % 6])
        named[";".join(map(str, levels))] = str(16 + number)
    return named


_PALETTE = _build_palette()


def shorten_color(color: str) -> str:
    """Return the same color by its number in the palette of 256, where it has one there.

    Args:
        color: SGR parameters, such as ``38;2;18;18;18``. Only the part of the palette that
            programs leave alone is used: 16 to 255.
    """
    kind, mode, rest = color[:2], color[2:5], color[5:]
    number = _PALETTE.get(rest) if mode == ";2;" else None
    return f"{kind};5;{number}" if number else color


@lru_cache(maxsize=1024)
def parse_sgr(codes: str) -> Pen:
    """Read SGR parameters, e.g. ``1;38;5;250;48;5;16``, into a `Pen`."""
    attributes: set[str] = set()
    foreground = background = ""
    parts = codes.split(";") if codes else []
    at = 0
    while at < len(parts):
        part = parts[at]
        length = 1
        if part in ("38", "48"):
            length = 3 if parts[at + 1 : at + 2] == ["5"] else 5
        value = ";".join(parts[at : at + length])
        number = int(part or "0")
        if number in range(30, 39) or number in range(90, 98):
            foreground = value
        elif number in range(40, 49) or number in range(100, 108):
            background = value
        elif number == 0:
            attributes.clear()
            foreground = background = ""
        elif number not in (39, 49):
            attributes.add(part)
        at += length
    looks = tuple(sorted(attributes, key=int))
    return Pen(looks, shorten_color(foreground), shorten_color(background))


@lru_cache(maxsize=4096)
def sgr_between(old: Pen | None, new: Pen) -> str:
    """Return the shortest sequence that takes a terminal from one look to another.

    Args:
        old: None when the terminal's state is not known.
        new: What comes next.
    """
    if old == new:
        return ""
    whole = [*new.attributes, new.foreground, new.background]
    reset = ";".join(["", *filter(None, whole)])
    if old is None or not set(old.attributes) <= set(new.attributes):
        return f"\x1b[{reset}m" if reset else "\x1b[m"
    change = [code for code in new.attributes if code not in old.attributes]
    if new.foreground != old.foreground:
        change.append(new.foreground or "39")
    if new.background != old.background:
        change.append(new.background or "49")
    delta = ";".join(change)
    return f"\x1b[{delta}m" if len(delta) <= len(reset) else f"\x1b[{reset}m"


def is_plain_blank(cell: Cell) -> bool:
    """Tell whether erasing would leave this cell, wherever the pen has the cell's background."""
    return cell.text == " " and _DRAWN_ON_BLANKS.isdisjoint(cell.pen.attributes)


def is_risky(text: str) -> bool:
    """Tell whether terminals disagree about how many columns this text takes.

    After such a cell the cursor is addressed again, so that a wrong guess moves nothing else.
    """
    return text >= _FIRST_WIDE or (len(text) > 1 and not text.isascii())
