"""All matched assets as one text document for ``$EDITOR``, and back. Pure.

    === 0a1b2c3d-…            the asset: never change this line
    name: Raw reads
    tags: rna, "with, comma"
    mount: reads
    description:
    Everything down to the next === line, as it is.

A value that could not be read back as it stands is written as a JSON string; a line of a
description that looks like a ``===`` line, or starts with a backslash, gets a backslash in front.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence

import msgspec

from coexplorer.errors import DocumentError
from coexplorer.library.merge import unique
from coexplorer.models import AssetId, Fields

_ANCHOR = "==="
_END = "=== end"
_HEADER = """\
# {count} below. Change names, tags, mounts and descriptions; save and leave the editor to see
# what would be done. Leave the === lines as they are. An asset whose part you remove is left alone.
# A value in "double quotes" is a JSON string. Lines like this one are for reading only.
"""
_KEYS = ("name", "tags", "mount")


class DocumentEdit(msgspec.Struct, frozen=True):
    """One asset's fields in the document as written, and as edited."""

    asset_id: AssetId
    base: Fields
    mine: Fields


class _Line(msgspec.Struct, frozen=True):
    number: int
    text: str


def build_document(assets: Sequence[tuple[AssetId, Fields]]) -> str:
    """Write assets as a document; `parse_document` gives the same fields back."""
    count = "1 asset" if len(assets) == 1 else f"{len(assets)} assets"
    blocks = [_HEADER.format(count=count)]
    blocks += [_build_block(asset_id, fields) for asset_id, fields in assets]
    return "\n".join([*blocks, _END, ""])


def parse_document(text: str) -> dict[AssetId, Fields]:
    """Read a document back.

    Raises:
        DocumentError: A line is no field, a value can't be read, or an asset is there twice.
    """
    found: dict[AssetId, Fields] = {}
    for anchor, lines in _split_blocks(text):
        asset_id = AssetId(anchor.text.removeprefix(_ANCHOR).strip())
        if not asset_id or " " in asset_id:
            raise DocumentError("expected === and the id of one asset", line=anchor.number)
        if asset_id in found:
            raise DocumentError(f"asset {asset_id} is here twice", line=anchor.number)
        found[asset_id] = _parse_block(anchor, lines)
    return found


def find_edits(before: str, after: str) -> list[DocumentEdit]:
    """Compare a document with its edited text; assets in the order of `before`.

    Raises:
        DocumentError: The edited text can't be read, or names an asset that was not in it.
    """
    if "\r" not in before:
        after = after.replace("\r\n", "\n")  # some editors write the lines of their own system
    shown, edited = parse_document(before), parse_document(after)
    for number, line in enumerate(after.split("\n"), 1):
        if _is_anchor(line) and line.strip() != _END:
            asset_id = line.removeprefix(_ANCHOR).strip()
            if asset_id not in shown:
                raise DocumentError(f"asset {asset_id} was not in this text", line=number)
    return [
        DocumentEdit(asset_id, base, _keep_missing_mount(base, edited[asset_id]))
        for asset_id, base in shown.items()
        if asset_id in edited
    ]


def _keep_missing_mount(base: Fields, mine: Fields) -> Fields:
    """An empty mount says nothing about an asset that had none."""
    return msgspec.structs.replace(mine, mount=mine.mount or (base.mount and ""))


def _build_block(asset_id: AssetId, fields: Fields) -> str:
    tags = ", ".join(_write_tag(tag) for tag in fields.tags)
    lines = [
        f"{_ANCHOR} {asset_id}",
        f"name: {_write_value(fields.name)}".rstrip(" "),
        f"tags: {tags}".rstrip(" "),
        f"mount: {_write_value(fields.mount or '')}".rstrip(" "),
        "description:",
        *(_escape_line(line) for line in fields.description.split("\n")),
        "",
    ]
    return "\n".join(lines)


def _split_blocks(text: str) -> Iterator[tuple[_Line, list[_Line]]]:
    anchor: _Line | None = None
    block: list[_Line] = []
    for number, content in enumerate(text.split("\n"), 1):
        if not _is_anchor(content):
            if anchor is None and content.strip() and not content.startswith("#"):
                raise DocumentError("expected a === line before this", line=number)
            block.append(_Line(number, content))
            continue
        if anchor is not None:
            yield anchor, block
        if content.strip() == _END:
            return
        anchor, block = _Line(number, content), []
    if anchor is not None:
        yield anchor, block


def _parse_block(anchor: _Line, lines: Sequence[_Line]) -> Fields:
    values: dict[str, str] = {}
    tags: tuple[str, ...] = ()
    for index, line in enumerate(lines):
        key, colon, value = line.text.partition(":")
        key, value = key.strip(), value.strip()
        if not line.text.strip() or line.text.startswith("#"):
            continue
        if key in values or not colon or key not in (*_KEYS, "description"):
            what = "twice" if key in values else "not one of name, tags, mount, description"
            raise DocumentError(f"{key[:40]!r} is {what}", line=line.number)
        values[key] = value
        if key == "description":
            if value:
                raise DocumentError("the description starts on the next line", line=line.number)
            values[key] = _read_description(lines[index + 1 :])
            break
        if key == "tags":
            tags = _read_tags(line, value)
        else:
            values[key] = _read_value(line, value)
    for key in (*_KEYS, "description"):
        if key not in values:
            raise DocumentError(f"this asset has no line {key}:", line=anchor.number)
    return Fields(values["name"], values["description"], tags, values["mount"] or None)


def _read_description(lines: Sequence[_Line]) -> str:
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


_TAG = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[^,"]*)\s*(,|$)')


def _read_tags(line: _Line, text: str) -> tuple[str, ...]:
    tags: list[str] = []
    place = 0
    while place < len(text):
        match = _TAG.match(text, place)
        if match is None:
            raise DocumentError(
                "tags are separated by commas; one with a comma or quote in it is a JSON string",
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
        raise DocumentError(f"{text[:40]} is no JSON string", line=line.number) from error
    if not isinstance(value, str):
        raise DocumentError(f"{text[:40]} is no text", line=line.number)
    return value
