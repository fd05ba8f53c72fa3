"""All matched assets as one text document for ``$EDITOR``, and back. Pure.

    === 0a1b2c3d-…            the asset: never change this line
    name: Raw reads
    tags: rna, "with, comma"
    mount: reads
    description:
    Everything down to the next === line, as it is.

A value that could not be read back as it is, is written as a JSON string; a line of a
description that looks like a ``===`` line, or starts with a backslash, gets a backslash in front.

One mistake in one line changes at most that line's asset; otherwise the text is refused. A lost or
mistyped ``===`` line would turn one asset's fields into part of another's description. So a line
that was not in the description before, and looks like part of the document, is refused unless it
has that backslash.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

import msgspec

from coexplorer.errors import DocumentError
from coexplorer.fields import (
    FIELD_BY_NAME,
    PLAIN,
    EditableField,
    FieldKind,
    Fields,
    Value,
    replace_values,
)
from coexplorer.library.merge import unique
from coexplorer.models import AssetId

_ANCHOR = "==="
_END = "=== end"
_HEADER = """\
# {count} below. Change {names}; save and quit the editor to see
# what would be done. Leave the === lines as they are. An asset that you remove here is left alone.
# A value in "double quotes" is a JSON string. Lines like this one are for reading only.
"""
_TEXT: Final = next(field for field in PLAIN if field.kind is FieldKind.TEXT)
"""Stands below the others, as it is. Were there another text, it would be a JSON string."""
_LINES: Final = tuple(field for field in PLAIN if field is not _TEXT)
_KEYS: Final = (*(field.name for field in _LINES), _TEXT.name)

_LIKE_ANCHOR = re.compile(r"[^\w\\]*==")
"""A ``===`` line, or one with a mistake in it."""

_UNDERLINE = re.compile(r"={4,}\s*")
"""What makes the line above it a heading in Markdown; no mistake in one place leaves it."""

_LIKE_FIELD = re.compile(rf"\W*({'|'.join(map(re.escape, _KEYS))})\s*:")
_LIKE_ID = re.compile(r"[\w-]{8,}")


class DocumentEdit(msgspec.Struct, frozen=True):
    """One asset's fields in the document as written, and as edited."""

    asset_id: AssetId
    base: Fields
    mine: Fields


class _Line(msgspec.Struct, frozen=True):
    number: int
    text: str


class _Block(msgspec.Struct, frozen=True):
    """One asset's part of the document.

    Attributes:
        fields: What it says.
        lines: All lines below the ``===`` line.
        text: The description's lines, as they are there.
    """

    fields: Fields
    lines: tuple[_Line, ...]
    text: tuple[_Line, ...]


def build_document(assets: Sequence[tuple[AssetId, Fields]]) -> str:
    """Write assets as a document; `find_edits` gives the same fields back."""
    count = "1 asset" if len(assets) == 1 else f"{len(assets)} assets"
    names = f"{', '.join(_KEYS[:-1])} and {_KEYS[-1]}"
    blocks = [_HEADER.format(count=count, names=names)]
    blocks += [_build_block(asset_id, fields) for asset_id, fields in assets]
    return "\n".join([*blocks, _END, ""])


def find_edits(before: str, after: str) -> list[DocumentEdit]:
    """Compare a document with its edited text; assets in the order of `before`.

    Raises:
        DocumentError: The edited text can't be read, names an asset that was not in it, or holds
            what is left of one whose ``===`` line is gone.
    """
    after = _as_written(before, after)
    shown = _read_blocks(before)
    edited = _read_blocks(after, only=shown)
    _refuse_leftovers(shown, edited)
    return [
        DocumentEdit(
            asset_id,
            block.fields,
            _keep_absent(block.fields, edited[asset_id].fields),
        )
        for asset_id, block in shown.items()
        if asset_id in edited
    ]


def _as_written(before: str, after: str) -> str:
    """Take away what an editor of another system puts in: a byte order mark, and its line ends."""
    if not before.startswith("\ufeff"):
        after = after.removeprefix("\ufeff")
    if after.count("\r\n") == after.count("\n") and before.count("\r\n") < before.count("\n"):
        return after.replace("\r\n", "\n")
    return after if "\r" in before else after.replace("\r\n", "\n")


def _refuse_leftovers(shown: Mapping[AssetId, _Block], edited: Mapping[AssetId, _Block]) -> None:
    """Refuse a description that took in what is no description.

    Raises:
        DocumentError: Names the first such line.
    """
    gone = {asset_id: block for asset_id, block in shown.items() if asset_id not in edited}
    names = {block.lines[0].text.strip() for block in shown.values()}
    last_lines = {_last_line(block) for block in gone.values()}
    for asset_id, block in edited.items():
        added = _find_added(shown[asset_id].text, block.text)
        for line in added:
            if reason := _find_leftover(line.text, gone, names):
                raise DocumentError(reason, line=line.number)
        last = _last_line(block)
        if added and last in last_lines and last == added[-1].text.rstrip():
            raise DocumentError(
                "this ended an asset whose === line is gone; remove the whole asset or none of it",
                line=added[-1].number,
            )


def _find_leftover(text: str, gone: Collection[AssetId], names: Collection[str]) -> str:
    """Say what a line that came into a description looks like; empty: like a description."""
    if text.startswith("\\"):
        return ""
    way_out = "; if it belongs to the description, put a backslash in front of it"
    if _LIKE_ANCHOR.match(text) and not _UNDERLINE.fullmatch(text):
        return f"this looks like a === line that was changed{way_out}"
    if any(word in gone for word in _LIKE_ID.findall(text)):
        return f"the === line of this asset is gone{way_out}"
    if text.strip() in names or (gone and _LIKE_FIELD.match(text)):
        return f"this line belongs to an asset whose === line is gone or moved{way_out}"
    return ""


def _find_added(before: Sequence[_Line], after: Sequence[_Line]) -> list[_Line]:
    """Return the lines, not empty, that a description did not have, or not so often."""
    known = Counter(line.text for line in before)
    added = []
    for line in after:
        if known[line.text] > 0:
            known[line.text] -= 1
        elif line.text.strip():
            added.append(line)
    return added


def _last_line(block: _Block) -> str:
    return next((text for line in reversed(block.lines) if (text := line.text.rstrip())), "")


def _keep_absent(base: Fields, mine: Fields) -> Fields:
    """An empty mount says nothing about an asset that had none."""
    absent = (field for field in PLAIN if field.can_be_absent and not field.value_of(mine))
    return replace_values(mine, {field.name: field.value_of(base) and "" for field in absent})


def _build_block(asset_id: AssetId, fields: Fields) -> str:
    lines = [
        f"{_ANCHOR} {asset_id}",
        *(f"{field.name}: {_write_field(field, fields)}".rstrip(" ") for field in _LINES),
        f"{_TEXT.name}:",
        *(_escape_line(line) for line in _TEXT.text_of(fields).split("\n")),
        "",
    ]
    return "\n".join(lines)


def _write_field(field: EditableField, fields: Fields) -> str:
    if field.kind is FieldKind.SET:
        return ", ".join(_write_tag(each) for each in field.set_of(fields))
    return _write_value(field.text_of(fields))


def _read_blocks(text: str, *, only: Collection[AssetId] | None = None) -> dict[AssetId, _Block]:
    """Read each asset's part; with `only` no other asset may be there."""
    found: dict[AssetId, _Block] = {}
    for anchor, lines in _split_blocks(text):
        asset_id = _read_anchor(anchor)
        if only is not None and asset_id not in only:
            raise DocumentError(f"asset {asset_id} was not in this text", line=anchor.number)
        if asset_id in found:
            raise DocumentError(f"asset {asset_id} is in this text twice", line=anchor.number)
        found[asset_id] = _parse_block(anchor, lines)
    return found


def _split_blocks(text: str) -> Iterator[tuple[_Line, list[_Line]]]:
    anchor: _Line | None = None
    block: list[_Line] = []
    lines = enumerate(text.split("\n"), 1)
    number = 1
    for number, content in lines:
        if not _is_anchor(content):
            if anchor is None and content.strip() and not content.startswith("#"):
                raise DocumentError("expected a === line before this", line=number)
            block.append(_Line(number, content))
            continue
        if anchor is not None:
            yield anchor, block
        if content.strip() == _END:
            break
        anchor, block = _Line(number, content), []
    else:
        if anchor is not None:
            yield anchor, block
        raise DocumentError(f"the last line, {_END}, is missing: was it cut off?", line=number)
    for after_end, content in lines:
        if content.strip():
            raise DocumentError(f"there is more below the line {_END}", line=after_end)


def _read_anchor(anchor: _Line) -> AssetId:
    asset_id = AssetId(anchor.text.removeprefix(_ANCHOR).strip())
    if not asset_id or " " in asset_id:
        raise DocumentError("expected === and the id of one asset", line=anchor.number)
    return asset_id


def _parse_block(anchor: _Line, lines: Sequence[_Line]) -> _Block:
    text: Sequence[_Line] = ()
    values: dict[str, Value] = {}
    for index, line in enumerate(lines):
        key, colon, value = line.text.partition(":")
        key, value = key.strip(), value.strip()
        if not line.text.strip() or line.text.startswith("#"):
            continue
        if key in values or not colon or key not in _KEYS:
            what = "twice" if key in values else f"not one of {', '.join(_KEYS)}"
            raise DocumentError(f"{key[:40]!r} is {what}", line=line.number)
        if key == _TEXT.name:
            if value:
                raise DocumentError(f"the {key} starts on the next line", line=line.number)
            text = lines[index + 1 :]
            values[key] = _read_text(text)
            break
        values[key] = _read_field(FIELD_BY_NAME[key], line, value)
    for key in _KEYS:
        if key not in values:
            raise DocumentError(f"this asset has no line {key}:", line=anchor.number)
    return _Block(replace_values(Fields(""), values), tuple(lines), tuple(text))


def _read_field(field: EditableField, line: _Line, text: str) -> Value:
    if field.kind is FieldKind.SET:
        return _read_tags(line, text)
    value = _read_value(line, text)
    return None if field.can_be_absent and not value else value


def _read_text(lines: Sequence[_Line]) -> str:
    texts = [line.text.removeprefix("\\") for line in lines]
    if texts and not texts[-1]:
        texts.pop()  # the empty line before the next asset is not part of it
    return "\n".join(texts)


def _escape_line(line: str) -> str:
    return "\\" + line if line.startswith("\\") or _is_anchor(line) else line


def _is_anchor(line: str) -> bool:
    return line.startswith(_ANCHOR + " ") or line.strip() == _ANCHOR


def _write_value(text: str) -> str:
    plain = text == text.strip() and text.isprintable() and not text.startswith('"')
    return text if plain else json.dumps(text)


def _write_tag(tag: str) -> str:
    plain = tag and tag == tag.strip() and tag.isprintable() and '"' not in tag and "," not in tag
    return tag if plain else json.dumps(tag)


def _read_value(line: _Line, text: str) -> str:
    return _read_quoted(line, text) if text.startswith('"') else text


# Possessive: blanks are read once, however many there are before something that does not fit.
_TAG = re.compile(r'\s*+("(?:[^"\\]|\\.)*+"|[^,"]*+)\s*+(,|$)')


def _read_tags(line: _Line, text: str) -> tuple[str, ...]:
    tags: list[str] = []
    place = 0
    while place < len(text):
        match = _TAG.match(text, place)
        if match is None:
            raise DocumentError(
                "separate tags with commas; write a tag with a comma or quote in it as a JSON "
                "string",
                line=line.number,
            )
        tag = match[1].strip()
        if tag:  # an extra comma is no tag
            tags.append(_read_quoted(line, tag) if tag.startswith('"') else tag)
        place = match.end()
    return unique(tags)


def _read_quoted(line: _Line, text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DocumentError(f"{text[:40]} is not a JSON string", line=line.number) from error
    if not isinstance(value, str):
        raise DocumentError(f"{text[:40]} is not text", line=line.number)
    return value
