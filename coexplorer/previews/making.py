"""Decides what to read of a file, and makes a preview of it."""

from __future__ import annotations

import zlib
from typing import Final

from coexplorer.previews.helper import look_inside
from coexplorer.previews.json_tree import MOST_NODES, read_json
from coexplorer.previews.kinds import FileKind, decode, describe_array, find_kind
from coexplorer.previews.shapes import (
    HexPreview,
    MarkdownPreview,
    Preview,
    TablePreview,
    TextPreview,
    TreePreview,
)
from coexplorer.previews.tables import read_rows
from coexplorer.previews.texts import PART_BYTES, Read, TextPart, read_start, split_lines
from coexplorer.previews.zips import TAIL_BYTES, find_directory, iter_members
from coexplorer.text import size_text

WHOLE_BYTES: Final = 256 * 1024
"""JSON and Markdown up to this size are read as a whole; of others the beginning is."""

_HEX_BYTES: Final = 4096
_DIRECTORY_BYTES: Final = 1024 * 1024
_MOST_UNPACKED: Final = 1024 * 1024
"""What is unpacked of a gzip at most: a few kilobytes may hold gigabytes."""

_FOREIGN: Final = (FileKind.HDF5, FileKind.PARQUET, FileKind.PICTURE)
"""What libraries of others read."""


async def make_preview(name: str, size: int, read: Read) -> Preview:
    """Look into a file.

    Args:
        name: Its name, or its path.
        size: In bytes.
        read: Reads bytes of it; what it raises comes out here.
    """
    if not size:
        return HexPreview(title="empty", note="this file has no bytes", data=b"")
    head = await read(0, min(PART_BYTES, size))
    kind = find_kind(name, head)
    if kind is FileKind.ZIP:
        return await _list_zip(size, read, head)
    if kind in _FOREIGN:
        found = await look_inside(kind, size, read)
        return _build_hex(head, size, note=found) if isinstance(found, str) else found
    if kind is FileKind.GZIP:
        return _unpack(name, size, head)
    if kind in (FileKind.JSON, FileKind.MARKDOWN) and len(head) < size <= WHOLE_BYTES:
        head += await read(len(head), size - len(head))
    return await _show(kind, head, size, read)


async def _show(kind: FileKind, head: bytes, size: int, read: Read) -> Preview:
    whole = len(head) >= size
    if kind is FileKind.BYTES:
        return _build_hex(head, size)
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return _build_wide_text(head, size)
    preview = _build(kind, head, note="" if whole else _tell_part(len(head), size))
    if preview is not None:
        return preview
    note = f"this is not {kind}" if kind in (FileKind.JSON, FileKind.TABLE) else ""
    return TextPreview(title="text", note=note, part=await read_start(read, size))


def _tell_part(shown: int, size: int) -> str:
    return f"the first {size_text(shown)} of {size_text(size)}"


def _build(kind: FileKind, data: bytes, *, note: str) -> Preview | None:
    """Make a preview of text that is at hand; None: as lines, if it can be that at all."""
    if kind is FileKind.JSON:
        return _build_json(decode(data), note)
    if kind is FileKind.TABLE:
        return _build_table(decode(data), note)
    if kind is FileKind.MARKDOWN:
        return MarkdownPreview(title="Markdown", note=note, text=decode(data))
    return None


def _build_json(text: str, note: str) -> TreePreview | None:
    parsed = read_json(text)
    if not parsed.nodes:
        return None
    if parsed.is_full:
        note = f"the first {MOST_NODES:,} values"
    elif not parsed.is_whole and not note:
        line = text.count("\n", 0, parsed.at) + 1
        note = f"damaged: what follows in line {line:,} is not JSON, or an end is missing"
    return TreePreview(title="JSON", note=note, nodes=parsed.nodes)


def _build_table(text: str, note: str) -> TablePreview | None:
    rows, fault, is_cut = read_rows(text, whole=not note)
    if len(rows) < 2 and fault:  # noqa: PLR2004 - a head alone
        return None
    if is_cut and not note:
        note = f"the first {len(rows) - 1:,} rows"
    head = rows[0] if rows else []
    return TablePreview(title="table", note=fault or note, head=head, rows=rows[1:])


def _build_wide_text(head: bytes, size: int) -> TextPreview:
    """Make lines of UTF-16: of its beginning alone, as nobody reads such files from the end."""
    lines = tuple((line, len(head)) for line in decode(head).splitlines())
    note = "" if len(head) >= size else _tell_part(len(head), size)
    part = TextPart(0, lines, len(head))
    return TextPreview(title="text (UTF-16)", note=note, part=part, can_page=False)


def _build_hex(head: bytes, size: int, *, note: str = "") -> HexPreview:
    data = head[:_HEX_BYTES]
    if not note and len(data) < size:
        note = _tell_part(len(data), size)
    array = describe_array(head)
    return HexPreview(title=f"NumPy {array}" if array else "bytes", note=note, data=data)


def _unpack(name: str, size: int, head: bytes) -> Preview:
    """Look into the beginning of a file that gzip has packed."""
    unpacker = zlib.decompressobj(wbits=31)
    try:
        data = unpacker.decompress(head, _MOST_UNPACKED)
    except zlib.error as error:
        return _build_hex(head, size, note=f"a damaged gzip: {error}")
    inner = name.lower().removesuffix(".gz").removesuffix(".tgz")
    kind = find_kind(inner, data)
    whole = unpacker.eof and len(head) >= size
    note = "" if whole else f"the beginning of a gzip of {size_text(size)}"
    preview = _build(kind, data, note=note)
    if preview is not None:
        return preview
    if kind is FileKind.TEXT or (kind is not FileKind.BYTES and kind not in _FOREIGN):
        lines = tuple(split_lines(data, 0, at_end=True))
        part = TextPart(0, lines, len(data))
        return TextPreview(title="text (gzip)", note=note, part=part, can_page=False)
    return HexPreview(title=f"{kind} (gzip)", note=note or "unpacked", data=data[:_HEX_BYTES])


async def _list_zip(size: int, read: Read, head: bytes) -> Preview:
    start = max(0, size - TAIL_BYTES)
    directory = find_directory(await read(start, size - start), size)
    if directory is None:
        return _build_hex(head, size, note="a damaged zip: it has no directory at its end")
    data = await read(directory.offset, min(directory.length, _DIRECTORY_BYTES))
    members = list(iter_members(data))
    if not members and directory.files:
        return _build_hex(head, size, note="a damaged zip: its directory can't be read")
    note = (
        ""
        if len(members) == directory.files
        else (f"{len(members):,} of {directory.files:,} files")
    )
    rows = [
        [size_text(each.size), size_text(each.packed), each.name + " (encrypted)" * each.is_secret]
        for each in members
    ]
    return TablePreview(title="zip", note=note, head=["size", "packed", "name"], rows=rows)
