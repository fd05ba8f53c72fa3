"""The assets that a person names: words on the command line, and lists on standard input. Pure.

A line of a list is one name or id, whole. Tables, JSON and JSON lines are recognized by how the
list begins; there only the id counts, or the whole name in one of our own tables without ids. A
line ``# …`` is a comment, unless an asset is called so. Anything that can be read in two ways is
refused, because the command may be a delete.
"""

from __future__ import annotations

import codecs
import json
import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from coexplorer.cells import read_text
from coexplorer.errors import DocumentError, NotThere
from coexplorer.library.text_tables import DELIMITERS, HINT, LINE_END, TableRow, read_rows
from coexplorer.query.ids import WHOLE, is_whole

_QUOTED = re.compile(r'"((?:[^"]|"")+)"[,;]*')
_ALONE = re.compile(rf"({WHOLE})[\s{DELIMITERS}]*", re.IGNORECASE)
_AMONG_OTHERS = re.compile(rf"(?<!\w){WHOLE}(?!\w)", re.IGNORECASE)
_ID_TITLES = ("id", "asset_id")
_NAME_TITLE = "name"
_OF_METADATA = "metadata."
_SEPARATOR = re.compile(r"\A(\s*)\"?sep=[,;\t|]?\"?(?=[\r\n]|\Z)", re.IGNORECASE)
"""What Excel writes above a table, to say what separates its cells."""
_REMARK = re.compile(r"#+(\s|$)")
_COMMENTS = re.compile(r"\A(?:[^\S\r\n]*(?:#+(?:[^\S\r\n][^\r\n]*)?)?(?:\r\n|\r|\n))+")
_TSV_ESCAPE = re.compile(r"\\([\\tnr\"]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")
_TSV_ESCAPES = {"\\": "\\", "t": "\t", "n": "\n", "r": "\r", '"': '"'}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Named(msgspec.Struct, frozen=True):
    """One asset as a person named it.

    Attributes:
        spellings: What it may be called: as written; in a list also without a CSV cell's quotes.
        line: The line of the list, from 1; 0: it was no list.
        is_id: It can only be an id.
        may_be_none: Where no asset is called so, it is a title or a comment, and names none.
        may_be_title: The same of the title of a column of names; where an asset is called so, it
            can be read in two ways.
    """

    spellings: tuple[str, ...]
    line: int = 0
    is_id: bool = False
    may_be_none: bool = False
    may_be_title: bool = False

    @property
    def text(self) -> str:
        """As it was written."""
        return self.spellings[0]


def is_whole_id(text: str) -> bool:
    """Tell whether a text has the form of a whole id."""
    return is_whole(text)


def holds_id(text: str) -> bool:
    """Tell whether a text that is not an id contains one, such as several ids on one line."""
    return not is_whole_id(text) and _AMONG_OTHERS.search(text) is not None


def is_sayable(text: str) -> bool:
    """Tell whether a text is valid Unicode; what a shell or JSON hands over need not be."""
    return not any("\ud800" <= char <= "\udfff" for char in text)


def parse_list(data: bytes, titles: Collection[str] = ()) -> list[Named]:
    """Read a list of assets, each once, in its order.

    Args:
        data: The list.
        titles: What our own tables write above their columns, in lower case: a first line of these
            alone names no asset.

    Raises:
        DocumentError: It is JSON or a table, and a record of it names no asset, or several, or
            can't be read; or its first line may be a title or a name.
        NotThere: It begins with such titles, and no asset is named by what is below them.
    """
    text = _decode(data)
    if "\0" in text:  # as find -print0 and xargs -0 have it
        items = enumerate(text.split("\0"), start=1)
        found = [_read_line(item, number) for number, item in items if item.strip()]
    else:
        found = _read_text(_SEPARATOR.sub(r"\1", text), titles)
    once: dict[tuple[tuple[str, ...], bool], Named] = {}
    for each in found:
        once.setdefault((each.spellings, each.is_id), each)
    return list(once.values())


def _decode(data: bytes) -> str:
    """Return the text; Windows' shells write UTF-16, and its editors begin with a mark."""
    coding = "utf-16" if data.startswith(_UTF_16) else "utf-8"
    return data.decode(coding, "replace").removeprefix("\ufeff")


def _read_text(text: str, titles: Collection[str]) -> list[Named]:
    lines = _split(text)
    # Above a table or JSON a comment is none of its lines; its line is left empty, to count on.
    head = _COMMENTS.match(text)
    below = text if head is None else "\n" * len(LINE_END.findall(head[0])) + text[head.end() :]
    if not (begun := _split(below)):
        return [_read_line(line, number) for number, line in lines]
    found: list[Named] | None = None
    if begun[0][1].strip()[0] in "[{":
        found = _read_json(begun, titles)
    if found is None:
        found = _read_table(below, begun[0][1])
    if found is None:
        found = _read_names(below, titles)
    if found is not None:
        return found
    _refuse_other_titles(*begun[0], titles)
    names = [_read_line(line, number) for number, line in lines]
    first = len(lines) - len(begun)
    if _is_title_of_names(names[first]):
        if len(begun) == 1:  # how a column of names without a row looks
            return names[:first]
        names[first] = msgspec.structs.replace(names[first], may_be_none=True, may_be_title=True)
    return names


def _is_title_of_names(first: Named) -> bool:
    return any(each.strip().lower() == _NAME_TITLE for each in first.spellings)


def _refuse_other_titles(number: int, line: str, titles: Collection[str]) -> None:
    """Refuse a first line that is all titles, none of ids: what it names is no asset.

    Raises:
        NotThere: It is.
    """
    for delimiter in DELIMITERS:
        cells = [cell.strip().strip('"').strip() for cell in line.split(delimiter)]
        others = [cell for cell in cells if cell.lower() != _NAME_TITLE]
        if (len(cells) > 1 or others) and all(_is_title(cell, titles) for cell in others):
            what = f"the title{'s' if len(cells) > 1 else ''} {', '.join(cells)!r}"
            raise NotThere(
                f"line {number}: this list has no ids or names to go by: it begins with {what}",
                hint="nothing was done; write ids (-o ids, or --columns id); an asset that is"
                " really called so can be given as an argument",
            )


def _is_title(cell: str, titles: Collection[str]) -> bool:
    """Tell whether a text is a title of our own tables; those of keys have any ending."""
    return cell.lower() in titles or (bool(titles) and cell.startswith(_OF_METADATA))


def _split(text: str) -> list[tuple[int, str]]:
    """Return the lines of a text that are not blank, with their numbers."""
    lines = enumerate(LINE_END.split(text), start=1)
    return [(number, line) for number, line in lines if line.strip()]


def _mistake(message: str, line: int) -> DocumentError:
    return DocumentError(message, line=line, hint=HINT)


def _read_table(text: str, first_line: str) -> list[Named] | None:
    """Read a table that has a title for its ids; None if it is not one."""
    readings = [
        each
        for delimiter in DELIMITERS
        if (each := _read_separated(text, first_line, delimiter)) is not None
    ]
    if len(readings) > 1:
        raise _mistake("these titles can be split at different separators", 1)
    return readings[0] if readings else _read_column(text)


def _read_separated(text: str, first_line: str, delimiter: str) -> list[Named] | None:
    rows = read_rows(text, delimiter)
    try:
        head = next(rows, None)
    except DocumentError:
        if _find_columns(first_line.replace('"', "").split(delimiter)):
            raise
        return None
    if head is None:
        return None
    columns = _find_columns(head.cells)
    # One cell alone may be a name.
    return _read_ids(rows, columns, len(head.cells)) if columns and len(head.cells) > 1 else None


def _read_names(text: str, titles: Collection[str]) -> list[Named] | None:
    """Read the names of one of our own tables that has no ids; None if it is none.

    Its first line must be titles of ours alone: else it may be a name with a comma in it.
    """
    for delimiter in DELIMITERS:
        try:
            head, *rows = read_rows(text, delimiter)
        except (DocumentError, ValueError):
            continue
        known = [cell.strip().lower() for cell in head.cells]
        if len(known) < 2 or _NAME_TITLE not in known:  # noqa: PLR2004 - one alone may be a name
            continue
        if not all(_is_title(cell, titles) for cell in known):
            continue
        at = known.index(_NAME_TITLE)
        return [_read_name(row, at, len(known), delimiter) for row in rows]
    return None


def _read_name(row: TableRow, at: int, width: int, delimiter: str) -> Named:
    if len(row.cells) != width:
        raise _mistake(f"this line has not {width} cells, as the titles above it do", row.line)
    cell = row.cells[at]
    if not cell.strip():
        raise _mistake("there is no name in this line", row.line)
    names = (read_text(cell), *((_read_tsv(cell),) if delimiter == "\t" else ()))
    return Named(tuple(dict.fromkeys(names)), row.line)


def _find_columns(titles: Sequence[str]) -> list[int]:
    return [at for at, title in enumerate(titles) if title.strip().lower() in _ID_TITLES]


def _read_column(text: str) -> list[Named] | None:
    """Read a table of ids alone: its one title is known by the id below it."""
    rows = read_rows(text, ",")
    try:
        head = next(rows, None)
    except DocumentError:
        return None
    if head is None or not _find_columns(head.cells):
        return None
    first = next(rows, None)
    if first is None:  # how one of our lists without a row looks
        return []
    if not is_whole_id(first.cells[0]):
        raise _mistake(
            f"{head.cells[0]!r} could be a title or an asset's name; a title comes before a "
            f"column of ids",
            head.line,
        )
    return _read_ids([first, *rows], [0], 1)


def _read_ids(rows: Iterable[TableRow], columns: Sequence[int], width: int) -> list[Named]:
    """Read the ids of all rows below titles."""
    found: list[Named] = []
    for row in rows:
        if _REMARK.match(row.cells[0]) and not any(is_whole_id(each) for each in row.cells):
            continue
        if any(row.cells[width:]):
            raise _mistake("this line has more cells than there are titles", row.line)
        texts = [read_text(row.cells[at]) for at in columns if at < len(row.cells)]
        found.append(_choose_id(texts, row.line, "line"))
    return found


def _choose_id(texts: Sequence[str], line: int, place: str) -> Named:
    """Return the one id of a record; another number of it may stand in a second column."""
    given = dict.fromkeys(text.lower() for text in texts if text)
    ids = [text for text in given if is_whole_id(text)] or list(given)
    if len(ids) > 1:
        raise _mistake(f"this {place} holds several ids: {', '.join(ids[:3])[:120]}", line)
    if not ids:
        raise _mistake(f"there is no id in this {place}", line)
    return Named((ids[0],), line, is_id=True)


def _read_line(line: str, number: int) -> Named:
    """Read one line: a whole id, or the text as it stands with its other spellings."""
    plain = line.strip()
    if is_whole_id(plain):
        return Named((plain.lower(),), number, is_id=True)
    spellings = {line: None, read_text(line): None, _read_tsv(line): None}
    if quoted := _QUOTED.fullmatch(plain):
        spellings[read_text(quoted[1].replace('""', '"'))] = None
    elif alone := _ALONE.fullmatch(plain):
        spellings[alone[1].lower()] = None
    is_remark = _REMARK.match(plain) is not None
    return Named(tuple(each for each in spellings if each), number, may_be_none=is_remark)


def _read_tsv(line: str) -> str:
    """Return the name that our own TSV writes as this line."""
    return _TSV_ESCAPE.sub(_read_escape, line)


def _read_escape(found: re.Match[str]) -> str:
    text = found[1]
    if text in _TSV_ESCAPES:
        return _TSV_ESCAPES[text]
    code = int(text[1:], 16)
    return chr(code) if code <= sys.maxunicode else found[0]


class _Object(NamedTuple):
    """An object of JSON as it is written: a key may be there twice."""

    pairs: list[tuple[str, object]]


_NO_JSON = (ValueError, RecursionError)


def _decode_json(text: str) -> object:
    value: object = json.loads(text, object_pairs_hook=_Object)
    return value


def _read_json(lines: Sequence[tuple[int, str]], titles: Collection[str]) -> list[Named] | None:
    """Read an array, or objects one per line; None when it is a name with a bracket."""
    whole = "\n".join(line for _, line in lines)
    first_number, first = lines[0]
    try:
        value = _decode_json(whole)
    except _NO_JSON:
        try:
            _decode_json(first)
        except _NO_JSON:
            # What begins as our own arrays do is one that was cut off: it must not be taken for
            # a list of names.
            if first.strip() in {"[", "{", "[{"} or first.strip().startswith(('[{"', '{"')):
                raise _mistake(
                    "this starts like JSON but is not valid JSON", first_number
                ) from None
            return None
        values = list(_iter_values(lines))
    else:
        several = value if isinstance(value, list) else [value]
        values = [(first_number, each) for each in several]
    by_name = all(_has_name_alone(each, titles) for _, each in values)
    return [_read_value(*each, by_name=by_name) for each in values]


def _has_name_alone(value: object, titles: Collection[str]) -> bool:
    """Tell whether a value is one of our rows, as with ``--columns name``, that has no id."""
    if not isinstance(value, _Object):
        return False
    keys = [key for key, _ in value.pairs]
    none = not any(key in _ID_TITLES for key in keys)
    return none and _NAME_TITLE in keys and all(_is_title(key, titles) for key in keys)


def _iter_values(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, object]]:
    for number, line in lines:
        try:
            yield number, _decode_json(line)
        except _NO_JSON:
            raise _mistake("this is not JSON, but the lines before it are", number) from None


def _read_value(number: int, value: object, *, by_name: bool) -> Named:
    if isinstance(value, str) and value and is_sayable(value):
        return Named((value,), number, is_id=is_whole_id(value))
    if not isinstance(value, _Object):
        raise _mistake("there is no id in this JSON", number)
    held: dict[str, object] = {}
    for key, each in value.pairs:
        if key in _ID_TITLES and held.setdefault(key, each) != each:
            raise _mistake(f"this JSON has the key {key!r} twice", number)
    texts = [each for each in held.values() if isinstance(each, str)]
    if by_name:
        names = [each for key, each in value.pairs if key == _NAME_TITLE]
        if len(names) == 1 and isinstance(names[0], str) and is_sayable(names[0]) and names[0]:
            return Named((names[0],), number)
    return _choose_id(texts, number, "JSON")
