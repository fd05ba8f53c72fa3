"""Tables as text, read as RFC 4180 says: a quoted cell may hold delimiters and line ends. Pure.

Anything that can be read in two ways is refused: a line of a description, taken for a row, would
name an asset that nobody meant.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

import msgspec

from coexplorer.errors import DocumentError

DELIMITERS = "\t,;"
LINE_END = re.compile(r"\r\n|\r|\n")
HINT = "nothing was done; fix the list or the program that writes it, or give one id per line"

_QUOTED = re.compile(r' *+"[^"]*+(?:""[^"]*+)*+"')


class TableRow(msgspec.Struct, frozen=True):
    """One record of a table.

    Attributes:
        line: The line of the text where it begins, from 1.
        cells: Their texts without quotes and without the blanks around them.
    """

    line: int
    cells: tuple[str, ...]


def read_rows(text: str, delimiter: str) -> Iterator[TableRow]:
    """Yield the records of a table, without blank ones.

    Raises:
        DocumentError: A quote is not closed, or stands where it has no meaning.
    """
    pattern = _cell_pattern(delimiter)
    pos, line, start = 0, 1, 1
    cells: list[str] = []
    while True:
        cell = pattern.match(text, pos)
        if cell is None:
            raise DocumentError(_find_mistake(text, pos), line=line, hint=HINT)
        quoted, bare = cell.groups()
        if quoted is not None:
            line += len(LINE_END.findall(quoted))
        cells.append((bare if quoted is None else quoted.replace('""', '"')).strip())
        pos = cell.end()
        if text.startswith(delimiter, pos):
            pos += 1
            continue
        if any(cells):
            yield TableRow(start, tuple(cells))
        end = LINE_END.match(text, pos)
        if end is None:
            return
        pos, line, cells = end.end(), line + 1, []
        start = line


@cache
def _cell_pattern(delimiter: str) -> re.Pattern[str]:
    ends = re.escape(delimiter) + r"\r\n"
    # A quote inside a bare cell has no meaning in RFC 4180. Those who write tabs write it as it
    # is, for they need no quotes; in other tables it shows that something went wrong.
    bare = rf'(?! *")[^{ends}]*+' if delimiter == "\t" else rf'[^"{ends}]*+'
    return re.compile(rf' *+"([^"]*+(?:""[^"]*+)*+)" *+(?=[{ends}]|\Z)|({bare})(?=[{ends}]|\Z)')


def _find_mistake(text: str, pos: int) -> str:
    if _QUOTED.match(text, pos):
        return "there is text after a closing quote"
    if re.compile(' *+"').match(text, pos):
        return "a quote opens here and is never closed"
    return 'there is a quote inside a cell; write such a cell as "5"" disk"'
