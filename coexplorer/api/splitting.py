"""Splits a page into rows when no decoder can read it as a whole (pure, linear in time).

One row that is nested too deeply makes decoders refuse the page, and a thousand good rows with it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

_MARKS: Final = re.compile(rb'["\\{}\[\]]')


_MOST_MARKS: Final = 1_000_000
"""Several times what a thousand rows have, and a second of work."""


_BEGINNING: Final = re.compile(rb'\s*\{[^\[]{0,4096}"results"\s*:\s*\[\s*[{\[]')
_LEAST_SHARE: Final = 16
"""What holds less than one character in so many, blanks left out, is no row that somebody wrote."""


def begins_as_page(body: bytes) -> bool:
    """Tell whether the beginning of a long reply is that of a page with at least one row.

    Only then may one row be what makes it so long; a sign-in page is as long as it likes.
    """
    if not _BEGINNING.match(body.removeprefix(b"\xef\xbb\xbf")):
        return False
    return len(body) - sum(map(body.count, (b" ", b"\t", b"\n", b"\r"))) > len(body) // _LEAST_SHARE


class _Bracket(NamedTuple):
    """A bracket outside any text.

    Attributes:
        depth: Brackets that are open around it and what belongs to it.
        text_before: The last text at this depth, with its quotes.
    """

    place: int
    opens: bool
    depth: int
    text_before: bytes


def split_page(body: bytes, *, most: int) -> tuple[bytes, tuple[bytes, ...]]:
    """Cut the objects and lists of ``results`` out of a page.

    Args:
        body: The page.
        most: Rows that it may have.

    Returns:
        The page with an empty list in their place, and each of them as it stands there.

    Raises:
        ValueError: It is no such page, it ends too early, or it has more rows.
    """
    rows: list[bytes] = []
    rows_from = row_from = -1
    for bracket in _find_brackets(body):
        place = bracket.place
        if rows_from < 0:
            is_it = bracket.depth == 1 and bracket.text_before == b'"results"'
            if is_it and bracket.opens and body[place : place + 1] == b"[":
                rows_from = place
        elif bracket.depth == 1:
            return body[: rows_from + 1] + body[place:], tuple(rows)
        elif bracket.depth == 2:  # noqa: PLR2004 # inside the page and of its list
            if bracket.opens:
                row_from = place
            else:
                if len(rows) >= most:
                    raise ValueError("a page of more rows than anybody asks for")
                rows.append(body[row_from : place + 1])
    raise ValueError("a page that ends too early, or without results")


def _find_brackets(body: bytes) -> Iterator[_Bracket]:
    depth = 0
    text_from: int | None = None
    escaped = -1  # the place of a character that means itself
    text = b""
    for nth, mark in enumerate(_MARKS.finditer(body)):
        if nth > _MOST_MARKS:
            raise ValueError("a page that nobody can take apart in time")
        place, char = mark.start(), mark[0]
        if text_from is not None:
            if place == escaped:
                continue
            if char == b"\\":
                escaped = place + 1
            elif char == b'"':
                text = body[text_from : place + 1] if depth == 1 else b""
                text_from = None
        elif char == b'"':
            text_from = place
        elif char in b"{[":
            yield _Bracket(place, opens=True, depth=depth, text_before=text)
            depth += 1
        elif char in b"}]":
            depth -= 1
            yield _Bracket(place, opens=False, depth=depth, text_before=text)
