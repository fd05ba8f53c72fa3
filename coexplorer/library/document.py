"""All matched assets as one text document for ``$EDITOR``, and back. Pure.

    === 0a1b2c3d-…            the asset: never change this line
    name: Raw reads
    tags: rna, "with, comma"
    mount: reads
    metadata.age: 61 days     a key of the custom metadata
    description:
    Everything down to the next === line, as it is.

A value that could not be read back as it is, is written as a JSON string, and metadata of another
type than the schema has it as ``=`` and JSON; a line of a description that looks like a ``===``
line, or starts with a backslash, gets a backslash in front. An empty line takes a key of the
metadata away; a line that goes missing is a mistake.

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
from coexplorer.metadata.rules import describe_field
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.metadata.written import read_written, write_value
from coexplorer.models import AssetId
from coexplorer.text import clean

_ANCHOR = "==="
_END = "=== end"
_HEADER = """\
# {count} below. Change {names}; save and quit the editor to see
# what would be done. Leave the === lines as they are. An asset that you remove here is left alone.
# A value in "double quotes" is a JSON string. Lines like this one are for reading only.
"""
_METADATA_HEADER = """\
# A line such as {example} sets a key; one with nothing behind the colon takes it away. Keys:
"""
_TEXT: Final = next(field for field in PLAIN if field.kind is FieldKind.TEXT)
"""Stands below the others, as it is. Were there another text, it would be a JSON string."""
_LINES: Final = tuple(field for field in PLAIN if field is not _TEXT)
_KEYS: Final = (*(field.name for field in _LINES), _TEXT.name)
_METADATA: Final = "metadata"
_BARE_KEY: Final = re.compile(r'[^\s:"#](?:[^:"]*[^\s:"])?')
_METADATA_LINE: Final = re.compile(
    rf'{_METADATA}\.(?P<key>"(?:[^"\\]|\\.)*"|[^:"]+)\s*:(?P<value>.*)', re.DOTALL
)

_LIKE_ANCHOR = re.compile(r"[^\w\\]*==")
"""A ``===`` line, or one with a mistake in it."""

_UNDERLINE = re.compile(r"={4,}\s*")
"""What makes the line above it a heading in Markdown; no mistake in one place leaves it."""

_LIKE_FIELD = re.compile(rf"\W*({'|'.join(map(re.escape, _KEYS))}|{_METADATA}\.[^:]+)\s*:")
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


def build_document(
    assets: Sequence[tuple[AssetId, Fields]], schema: MetadataSchema = UNKNOWN
) -> str:
    """Write assets as a document; `find_edits` gives the same fields back.

    Args:
        assets: The assets.
        schema: Says how custom metadata are written; `find_edits` takes the same.
    """
    count = "1 asset" if len(assets) == 1 else f"{len(assets)} assets"
    names = f"{', '.join(_KEYS[:-1])}, {_METADATA} and {_KEYS[-1]}"
    header = _HEADER.format(count=count, names=names)
    blocks = [f"{header}{_tell_schema(schema)}"]
    blocks += [_build_block(asset_id, fields, schema) for asset_id, fields in assets]
    return "\n".join([*blocks, _END, ""])


def _tell_schema(schema: MetadataSchema) -> str:
    if not schema.fields:
        return ""
    first = f"{_METADATA}.{_write_key(schema.fields[0].name)}: VALUE"
    lines = [_METADATA_HEADER.format(example=first)]
    for field in schema.fields:
        required = "; required" if field.required else ""
        told = clean(f"{_METADATA}.{_write_key(field.name)}: {describe_field(field)}{required}")
        lines.append(f"#   {told}\n")
    return "".join(lines)


def _write_key(key: str) -> str:
    return key if _BARE_KEY.fullmatch(key) and key.isprintable() else json.dumps(key)


def find_edits(before: str, after: str, schema: MetadataSchema = UNKNOWN) -> list[DocumentEdit]:
    """Compare a document with its edited text; assets in the order of `before`.

    Args:
        before: The document.
        after: Its edited text.
        schema: What custom metadata may be.

    Raises:
        DocumentError: The edited text can't be read, names an asset that was not in it, or holds
            what is left of one whose ``===`` line is gone.
        InvalidField: A value of custom metadata is not what the schema allows.
    """
    after = _as_written(before, after)
    shown = _read_blocks(before, schema)
    edited = _read_blocks(after, schema, only=shown)
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


def _build_block(asset_id: AssetId, fields: Fields, schema: MetadataSchema) -> str:
    lines = [
        f"{_ANCHOR} {asset_id}",
        *(f"{field.name}: {_write_field(field, fields)}".rstrip(" ") for field in _LINES),
        *(
            f"{_METADATA}.{_write_key(key)}: {write_value(schema.find(key), value)}"
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


def _read_blocks(
    text: str, schema: MetadataSchema, *, only: Mapping[AssetId, _Block] | None = None
) -> dict[AssetId, _Block]:
    """Read each asset's part; with `only` no other asset may be there."""
    found: dict[AssetId, _Block] = {}
    for anchor, lines in _split_blocks(text):
        asset_id = _read_anchor(anchor)
        if only is not None and asset_id not in only:
            raise DocumentError(f"asset {asset_id} was not in this text", line=anchor.number)
        if asset_id in found:
            raise DocumentError(f"asset {asset_id} is in this text twice", line=anchor.number)
        shown = None if only is None else only[asset_id].fields
        found[asset_id] = _parse_block(anchor, lines, schema, shown)
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


def _parse_block(
    anchor: _Line, lines: Sequence[_Line], schema: MetadataSchema, shown: Fields | None
) -> _Block:
    text: Sequence[_Line] = ()
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
        if key in values or not colon or key not in _KEYS:
            names = ", ".join((*_KEYS, f"{_METADATA}.KEY"))
            what = "twice" if key in values else f"not one of {names}"
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
    values[_METADATA] = _end_metadata(anchor, metadata, schema, shown)
    return _Block(replace_values(Fields(""), values), tuple(lines), tuple(text))


_GONE: Final = object()


def _end_metadata(
    anchor: _Line, metadata: Map, schema: MetadataSchema, shown: Fields | None
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
                f"this asset has no line {_METADATA}.{_write_key(key)}: (leave it empty to take"
                " the key away)",
                line=anchor.number,
            )
    if not metadata and (shown is None or shown.metadata is None):
        return None
    return {key: value for key, value in metadata.items() if value is not _GONE}


def _read_metadata(
    line: _Line,
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
        raise DocumentError(f"{_METADATA}.{key[:40]} is twice", line=line.number)
    field, before = schema.find(key), (shown.metadata or {}).get(key) if shown else None
    if not text:
        metadata[key] = _GONE
        return
    try:
        metadata[key] = read_written(field, text, before, strict=shown is not None)
    except MetadataMistake as error:
        raise InvalidField(f"{_METADATA}.{key}", f"it {error} (line {line.number})") from None


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
