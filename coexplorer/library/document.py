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

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

import msgspec

from coexplorer.errors import DocumentError
from coexplorer.fields import PLAIN, Fields, replace_values
from coexplorer.library.document_blocks import (
    END,
    KEYS,
    METADATA,
    Block,
    Line,
    build_block,
    read_blocks,
    write_key,
)
from coexplorer.metadata.rules import describe_field
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.models import AssetId
from coexplorer.text import clean

_HEADER = """\
# {count} below. Change {names}; save and quit the editor to see
# what would be done. Leave the === lines as they are. An asset that you remove here is left alone.
# A value in "double quotes" is a JSON string. Lines like this one are for reading only.
"""
_METADATA_HEADER = """\
# A line such as {example} sets a key; one with nothing behind the colon takes it away. Keys:
"""

_LIKE_ANCHOR = re.compile(r"[^\w\\]*==")
"""A ``===`` line, or one with a mistake in it."""

_UNDERLINE = re.compile(r"={4,}\s*")
"""What makes the line above it a heading in Markdown; no mistake in one place leaves it."""

_LIKE_FIELD = re.compile(rf"\W*({'|'.join(map(re.escape, KEYS))}|{METADATA}\.[^:]+)\s*:")
_LIKE_ID = re.compile(r"[\w-]{8,}")


class DocumentEdit(msgspec.Struct, frozen=True):
    """One asset's fields in the document as written, and as edited."""

    asset_id: AssetId
    base: Fields
    mine: Fields


def build_document(
    assets: Sequence[tuple[AssetId, Fields]], schema: MetadataSchema = UNKNOWN
) -> str:
    """Write assets as a document; `find_edits` gives the same fields back.

    Args:
        assets: The assets.
        schema: Says how custom metadata are written; `find_edits` takes the same.
    """
    count = "1 asset" if len(assets) == 1 else f"{len(assets)} assets"
    names = f"{', '.join(KEYS[:-1])}, {METADATA} and {KEYS[-1]}"
    header = _HEADER.format(count=count, names=names)
    blocks = [f"{header}{_tell_schema(schema)}"]
    blocks += [build_block(asset_id, fields, schema) for asset_id, fields in assets]
    return "\n".join([*blocks, END, ""])


def _tell_schema(schema: MetadataSchema) -> str:
    if not schema.fields:
        return ""
    first = f"{METADATA}.{write_key(schema.fields[0].name)}: VALUE"
    lines = [_METADATA_HEADER.format(example=first)]
    for field in schema.fields:
        required = "; required" if field.required else ""
        told = clean(f"{METADATA}.{write_key(field.name)}: {describe_field(field)}{required}")
        lines.append(f"#   {told}\n")
    return "".join(lines)


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
    shown = read_blocks(before, schema)
    edited = read_blocks(after, schema, only=shown)
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


def _refuse_leftovers(shown: Mapping[AssetId, Block], edited: Mapping[AssetId, Block]) -> None:
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


def _find_added(before: Sequence[Line], after: Sequence[Line]) -> list[Line]:
    """Return the lines, not empty, that a description did not have, or not so often."""
    known = Counter(line.text for line in before)
    added = []
    for line in after:
        if known[line.text] > 0:
            known[line.text] -= 1
        elif line.text.strip():
            added.append(line)
    return added


def _last_line(block: Block) -> str:
    return next((text for line in reversed(block.lines) if (text := line.text.rstrip())), "")


def _keep_absent(base: Fields, mine: Fields) -> Fields:
    """An empty mount says nothing about an asset that had none."""
    absent = (field for field in PLAIN if field.can_be_absent and not field.value_of(mine))
    return replace_values(mine, {field.name: field.value_of(base) and "" for field in absent})
