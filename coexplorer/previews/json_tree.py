"""JSON as a tree, also where it breaks off or is damaged. Pure.

No parser of whole documents is used: of a file of ten gigabytes only the beginning is there.
Nothing here calls itself, so that no nesting is too deep.
"""

from __future__ import annotations

import json
import re
from typing import Final, NamedTuple

from coexplorer.previews.shapes import TreeLine

MOST_NODES: Final = 20_000
LONGEST_VALUE: Final = 300
"""Characters that are kept of a text."""

_TOKEN: Final = re.compile(
    r"""[\s,:\x1e]*(?:
        (?P<open>[{\[]) | (?P<close>[}\]])
        | (?P<text>"[^"\\]*(?:\\.[^"\\]*)*")
        | (?P<word>[-+.\w]{1,400})
    )""",
    re.VERBOSE | re.DOTALL,
)
_WORD: Final = re.compile(r"-?\d[\d.eE+-]*|true|false|null|NaN|-?Infinity")
_SPACE: Final = re.compile(r"[\s,:\x1e]*")


class Parsed(NamedTuple):
    """What could be read.

    Attributes:
        nodes: See `coexplorer.previews.shapes.TreePreview`.
        at: Where reading ended, in characters.
        is_whole: All of the text was read, and everything in it was closed.
        is_full: It ended because there were too many nodes.
    """

    nodes: list[TreeLine]
    at: int
    is_whole: bool
    is_full: bool


class _Open(NamedTuple):
    """An object or array whose end has not come."""

    place: int
    is_object: bool


class _Reader:
    def __init__(self) -> None:
        self.nodes: list[TreeLine] = []
        self.open: list[_Open] = []
        self.counts: list[int] = [0]
        self.key: str | None = None

    def add(self, value: str) -> None:
        """Add a value, or an object or array that begins."""
        if self.key is not None:
            label, self.key = self.key, None
        else:
            label = f"{self.counts[-1]:,}" if self.open else ""
        self.counts[-1] += 1
        depth = len(self.open)
        self.nodes.append(TreeLine(depth, label, value, len(self.nodes) + 1))

    def begin(self, *, is_object: bool) -> None:
        self.add("{}" if is_object else "[]")
        self.open.append(_Open(len(self.nodes) - 1, is_object))
        self.counts.append(0)

    def end(self, *, broken: bool = False) -> None:
        place, is_object = self.open.pop()
        count = self.counts.pop()
        more = "+" if broken else ""
        self.nodes[place].stop = len(self.nodes)
        self.nodes[place].value = f"{{{count:,}{more}}}" if is_object else f"[{count:,}{more}]"


def read_json(text: str) -> Parsed:
    """Read JSON, or values one behind the other (JSON lines), as far as it goes."""
    reader = _Reader()
    at = 0
    while len(reader.nodes) < MOST_NODES:
        found = _TOKEN.match(text, at)
        if found is None or not _take(reader, found):
            break
        at = found.end()
    at = _skip(text, at)
    is_whole = at == len(text) and not reader.open and reader.key is None
    is_full = len(reader.nodes) >= MOST_NODES
    while reader.open:
        reader.end(broken=True)
    return Parsed(reader.nodes, at, is_whole, is_full)


def _skip(text: str, at: int) -> int:
    found = _SPACE.match(text, at)
    return found.end() if found is not None else at


def _take(reader: _Reader, found: re.Match[str]) -> bool:
    """Take a token; tell whether it can stand there."""
    wants_key = bool(reader.open) and reader.open[-1].is_object and reader.key is None
    token = found.group()
    if sign := found["close"]:
        if not reader.open or reader.open[-1].is_object is not (sign == "}"):
            return False
        reader.end()
    elif sign := found["open"]:
        if wants_key:
            return False
        reader.begin(is_object=sign == "{")
    elif token := found["text"]:
        if wants_key:
            reader.key = _shorten(_unquote(token))
        else:
            reader.add(json.dumps(_shorten(_unquote(token)), ensure_ascii=False))
    else:
        if wants_key or not _WORD.fullmatch(found["word"]):
            return False
        reader.add(_shorten(found["word"]))
    return True


def _unquote(token: str) -> str:
    if "\\" not in token:
        return token[1:-1]
    try:
        return str(json.loads(token, strict=False))
    except ValueError:
        return token[1:-1]


def _shorten(text: str) -> str:
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"
