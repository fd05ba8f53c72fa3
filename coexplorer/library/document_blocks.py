"""One asset's part of a document: how it is written, and read again. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from coexplorer.errors import DocumentError, InvalidField
from coexplorer.fields import (
    FIELD_BY_NAME,
    PLAIN,
    EditableField,
    FieldKind,
    Fields,
    Map,
    Value,
    replace_values,
)
from coexplorer.library.merge import unique
from coexplorer.metadata.reading import MetadataMistake
from coexplorer.metadata.schema import MetadataSchema
from coexplorer.metadata.written import read_written, write_value
from coexplorer.models import AssetId

_ANCHOR = "==="
END = "=== end"
_TEXT: Final = next(field for field in PLAIN if field.kind is FieldKind.TEXT)
"""Stands below the others, as it is. Were there another text, it would be a JSON string."""
_LINES: Final = tuple(field for field in PLAIN if field is not _TEXT)
KEYS: Final = (*(field.name for field in _LINES), _TEXT.name)
METADATA: Final = "metadata"
_BARE_KEY: Final = re.compile(r'[^\s:"#](?:[^:"]*[^\s:"])?')
_METADATA_LINE: Final = re.compile(
    rf'{METADATA}\.(?P<key>"(?:[^"\\]|\\.)*"|[^:"]+)\s*:(?P<value>.*)', re.DOTALL
)
_GONE: Final = object()
# Possessive: blanks are read once, however many there are before something that does not fit.
_TAG = re.compile(r'\s*+("(?:[^"\\]|\\.)*+"|[^,"]*+)\s*+(,|$)')


class Line(msgspec.Struct, frozen=True):
    """A line of the document, with its number from 1."""

    number: int
    text: str


class Block(msgspec.Struct, frozen=True):
    """One asset's part of the document.

    Attributes:
        fields: What it says.
        lines: All lines below the ``===`` line.
        text: The description's lines, as they are there.
    """

    fields: Fields
    lines: tuple[Line, ...]
    text: tuple[Line, ...]


def write_key(key: str) -> str:
    """Write a key of custom metadata, in quotes where it has a colon, or blanks around it."""
    return key if _BARE_KEY.fullmatch(key) and key.isprintable() else json.dumps(key)


def build_block(asset_id: AssetId, fields: Fields, schema: MetadataSchema) -> str:
    """Write an asset as `read_blocks` reads it."""
    lines = [
        f"{_ANCHOR} {asset_id}",
        *(f"{field.name}: {_write_field(field, fields)}".rstrip(" ") for field in _LINES),
        *(
            f"{METADATA}.{write_key(key)}: {write_value(schema.find(key), value)}"
            for key, value in (fields.metadata or {}).items()
        ),
        f"{_TEXT.name}:",
        *(_escape_line(line) for line in _TEXT.text_of(fields).split("\n")),
        "",
    ]
    return "\n".join(lines)


def _write_field(field: EditableField, fields: Fields) -> str:
    if field.kind is FieldKind.SET:
        return ", ".join(_write_tag(each) for each in field.set_of(fields))
    return _write_value(field.text_of(fields))


def read_blocks(
    text: str, schema: MetadataSchema, *, only: Mapping[AssetId, Block] | None = None
) -> dict[AssetId, Block]:
    """Read each asset's part; with `only` no other asset may be there."""
    found: dict[AssetId, Block] = {}
    for anchor, lines in _split_blocks(text):
        asset_id = _read_anchor(anchor)
        if only is not None and asset_id not in only:
            raise DocumentError(f"asset {asset_id} was not in this text", line=anchor.number)
        if asset_id in found:
            raise DocumentError(f"asset {asset_id} is in this text twice", line=anchor.number)
        shown = None if only is None else only[asset_id].fields
        found[asset_id] = _parse_block(anchor, lines, schema, shown)
    return found


def _split_blocks(text: str) -> Iterator[tuple[Line, list[Line]]]:
    anchor: Line | None = None
    block: list[Line] = []
    lines = enumerate(text.split("\n"), 1)
    number = 1
    for number, content in lines:
        if not _is_anchor(content):
            if anchor is None and content.strip() and not content.startswith("#"):
                raise DocumentError("expected a === line before this", line=number)
            block.append(Line(number, content))
            continue
        if anchor is not None:
            yield anchor, block
        if content.strip() == END:
            break
        anchor, block = Line(number, content), []
    else:
        if anchor is not None:
            yield anchor, block
        raise DocumentError(f"the last line, {END}, is missing: was it cut off?", line=number)
    for after_end, content in lines:
        if content.strip():
            raise DocumentError(f"there is more below the line {END}", line=after_end)


def _read_anchor(anchor: Line) -> AssetId:
    asset_id = AssetId(anchor.text.removeprefix(_ANCHOR).strip())
    if not asset_id or " " in asset_id:
        raise DocumentError("expected === and the id of one asset", line=anchor.number)
    return asset_id


def _parse_block(
    anchor: Line, lines: Sequence[Line], schema: MetadataSchema, shown: Fields | None
) -> Block:
    text: Sequence[Line] = ()
    values: dict[str, Value] = {}
    metadata: dict[str, object] = {}
    for index, line in enumerate(lines):
        of_metadata = _METADATA_LINE.fullmatch(line.text.strip())
        if of_metadata is not None:
            _read_metadata(line, of_metadata, metadata, schema, shown)
            continue
        key, colon, value = line.text.partition(":")
        key, value = key.strip(), value.strip()
        if not line.text.strip() or line.text.startswith("#"):
            continue
        if key in values or not colon or key not in KEYS:
            names = ", ".join((*KEYS, f"{METADATA}.KEY"))
            what = "twice" if key in values else f"not one of {names}"
            raise DocumentError(f"{key[:40]!r} is {what}", line=line.number)
        if key == _TEXT.name:
            if value:
                raise DocumentError(f"the {key} starts on the next line", line=line.number)
            text = lines[index + 1 :]
            values[key] = _read_text(text)
            break
        values[key] = _read_field(FIELD_BY_NAME[key], line, value)
    for key in KEYS:
        if key not in values:
            raise DocumentError(f"this asset has no line {key}:", line=anchor.number)
    values[METADATA] = _end_metadata(anchor, metadata, schema, shown)
    return Block(replace_values(Fields(""), values), tuple(lines), tuple(text))


def _end_metadata(
    anchor: Line, metadata: Map, schema: MetadataSchema, shown: Fields | None
) -> Map | None:
    """Return the metadata of an asset whose lines were read.

    Raises:
        DocumentError: A line is gone.
        InvalidField: Likewise, and another one has a key that there is not.
    """
    had = (shown.metadata or {}) if shown else {}
    for key in had:
        if key not in metadata:
            added = (each for each in metadata if each not in had and schema.find(each) is None)
            if schema.known and (unknown := next(added, None)) is not None:
                raise schema.build_no_such(unknown)
            raise DocumentError(
                f"this asset has no line {METADATA}.{write_key(key)}: (leave it empty to take"
                " the key away)",
                line=anchor.number,
            )
    if not metadata and (shown is None or shown.metadata is None):
        return None
    return {key: value for key, value in metadata.items() if value is not _GONE}


def _read_metadata(
    line: Line,
    found: re.Match[str],
    metadata: dict[str, object],
    schema: MetadataSchema,
    shown: Fields | None,
) -> None:
    """Read a line ``metadata.KEY: VALUE`` into `metadata`; `shown` is None in the document itself.

    Raises:
        DocumentError: The key is there twice, or the value can't be read.
        InvalidField: The value is not what the schema allows.
    """
    key, text = found["key"].strip(), found["value"].strip()
    if key.startswith('"'):
        key = _read_quoted(line, key)
    if key in metadata:
        raise DocumentError(f"{METADATA}.{key[:40]} is twice", line=line.number)
    field, before = schema.find(key), (shown.metadata or {}).get(key) if shown else None
    if not text:
        metadata[key] = _GONE
        return
    try:
        metadata[key] = read_written(field, text, before, strict=shown is not None)
    except MetadataMistake as error:
        raise InvalidField(f"{METADATA}.{key}", f"it {error} (line {line.number})") from None


def _read_field(field: EditableField, line: Line, text: str) -> Value:
    if field.kind is FieldKind.SET:
        return _read_tags(line, text)
    value = _read_value(line, text)
    return None if field.can_be_absent and not value else value


def _read_text(lines: Sequence[Line]) -> str:
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


def _read_value(line: Line, text: str) -> str:
    return _read_quoted(line, text) if text.startswith('"') else text


def _read_tags(line: Line, text: str) -> tuple[str, ...]:
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


def _read_quoted(line: Line, text: str) -> str:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise DocumentError(f"{text[:40]} is not a JSON string", line=line.number) from error
    if not isinstance(value, str):
        raise DocumentError(f"{text[:40]} is not text", line=line.number)
    return value
