"""What a person names: words of a command line, and lists on standard input. Pure.

A line of a list is one name or id, whole. The program's own TSV, JSON, JSON lines and ids are told
by how the list begins; there the id counts, whatever else is in the line.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from coexplorer.errors import DocumentError

_WHOLE_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_QUOTED = re.compile(r'"((?:[^"]|"")+)"[,;]*')
_LINE_END = re.compile(r"\r\n|\r|\n")
_ID_TITLES = ("id", "asset_id")
_DELIMITERS = "\t,;"
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Named(msgspec.Struct, frozen=True):
    """One asset as a person named it.

    Attributes:
        spellings: What it may be called: as written; in a list also without a CSV cell's quotes.
        line: The line of the list, from 1; 0: it was no list.
        is_id: It can only be an id.
    """

    spellings: tuple[str, ...]
    line: int = 0
    is_id: bool = False

    @property
    def text(self) -> str:
        """As it was written."""
        return self.spellings[0]


def is_whole_id(text: str) -> bool:
    """Tell whether a text has the form of a whole id."""
    return _WHOLE_ID.fullmatch(text) is not None


def parse_list(data: bytes) -> list[Named]:
    """Read a list of assets, each once, in its order.

    Raises:
        DocumentError: It is JSON or has titles, and a line of it names no asset.
    """
    text = _decode(data)
    if "\0" in text:  # as find -print0 and xargs -0 have it
        items = enumerate(text.split("\0"), start=1)
        found = [_read_line(item, number) for number, item in items if item.strip()]
    else:
        lines = [
            (number, line)
            for number, line in enumerate(_LINE_END.split(text), start=1)
            if line.strip()
        ]
        found = _read_lines(lines) if lines else []
    once: dict[tuple[tuple[str, ...], bool], Named] = {}
    for each in found:
        once.setdefault((each.spellings, each.is_id), each)
    return list(once.values())


def _decode(data: bytes) -> str:
    """Return the text; Windows' shells write UTF-16, and its editors begin with a mark."""
    coding = "utf-16" if data.startswith(_UTF_16) else "utf-8"
    return data.decode(coding, "replace").removeprefix("\ufeff")


def _read_lines(lines: Sequence[tuple[int, str]]) -> list[Named]:
    first = lines[0][1].strip()
    if first[0] in "[{" and (found := _read_json(lines)) is not None:
        return found
    for delimiter in _DELIMITERS:
        titles = [cell.lower() for cell in _split_cells(first, delimiter)]
        column = next((titles.index(title) for title in _ID_TITLES if title in titles), None)
        # One cell alone may be a name: it is a title if what follows it is an id.
        if column is not None and (len(titles) > 1 or _starts_with_id(lines[1:])):
            return [_read_cell(number, line, delimiter, column) for number, line in lines[1:]]
    return [_read_line(line, number) for number, line in lines]


def _starts_with_id(lines: Sequence[tuple[int, str]]) -> bool:
    return bool(lines) and is_whole_id(lines[0][1].strip().strip('"'))


def _split_cells(line: str, delimiter: str) -> list[str]:
    if delimiter == "\t":  # our own has no quotes
        return [cell.strip().strip('"') for cell in line.split("\t")]
    return [cell.strip() for cell in next(csv.reader([line], delimiter=delimiter), [])]


def _read_cell(number: int, line: str, delimiter: str, column: int) -> Named:
    cells = _split_cells(line, delimiter)
    text = cells[column] if column < len(cells) else ""
    if not text:
        raise DocumentError("there is no id in this line", line=number)
    return Named((text.lower(),), number, is_id=True)


def _read_line(line: str, number: int) -> Named:
    """Read one line: a whole id, or the text as it stands with its other spellings."""
    plain = line.strip()
    if is_whole_id(plain):
        return Named((plain.lower(),), number, is_id=True)
    spellings = {line: None}
    if quoted := _QUOTED.fullmatch(plain):
        spellings[quoted[1].replace('""', '"')] = None
    for delimiter in _DELIMITERS:
        first, found, _ = plain.partition(delimiter)
        if found and is_whole_id(bare := first.strip().strip('"')):
            spellings[bare.lower()] = None
    return Named(tuple(each for each in spellings if each), number)


def _read_json(lines: Sequence[tuple[int, str]]) -> list[Named] | None:
    """Read an array, or objects one a line; None when it is neither, but a name with a bracket."""
    whole = "\n".join(line for _, line in lines)
    first_number, first = lines[0]
    try:
        value = msgspec.json.decode(whole)
    except (msgspec.DecodeError, RecursionError):
        try:
            msgspec.json.decode(first)
        except (msgspec.DecodeError, RecursionError):
            # What begins as our own arrays do is one that was cut off: it must not be taken for
            # a list of names.
            if first.strip() in {"[", "{", "[{"} or first.strip().startswith(('[{"', '{"')):
                raise DocumentError(
                    "this begins as JSON and can't be read as such", line=first_number
                ) from None
            return None
        return [_read_value(*each) for each in _iter_values(lines)]
    values = value if isinstance(value, list) else [value]
    return [_read_value(first_number, each) for each in values]


def _iter_values(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, Any]]:
    for number, line in lines:
        try:
            yield number, msgspec.json.decode(line)
        except (msgspec.DecodeError, RecursionError):
            raise DocumentError("this is no JSON, as the lines before are", line=number) from None


def _read_value(number: int, value: object) -> Named:
    if isinstance(value, str) and value:
        return Named((value,), number, is_id=is_whole_id(value))
    if isinstance(value, dict):
        for title in _ID_TITLES:
            found = value.get(title)
            if isinstance(found, str) and found:
                return Named((found.lower(),), number, is_id=True)
    raise DocumentError("there is no id in this JSON", line=number)
