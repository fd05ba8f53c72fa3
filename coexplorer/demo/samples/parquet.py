"""A small writer of Parquet: one group of rows, each column in one page, nothing compressed.

A writer of its own, as the samples need no library for it. Headers are in Thrift's compact protocol
(parquet-format 2.9, ``parquet.thrift``: the numbers of the fields are those there).
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from typing import Final

Values = Sequence[int] | Sequence[float] | Sequence[str]

_MAGIC: Final = b"PAR1"
_INT64, _DOUBLE, _BYTES = 2, 5, 6
_PLAIN, _RLE = 0, 3
_I32, _I64, _TEXT, _LIST, _STRUCT = 5, 6, 8, 9, 12
"""Types of Thrift's."""

_LONG_LIST: Final = 15


def write_table(columns: Mapping[str, Values]) -> bytes:
    """Return a file with columns of whole numbers, other numbers, or texts, equally long."""
    count = len(next(iter(columns.values())))
    out = bytearray(_MAGIC)
    schema = [_struct({4: _text("schema"), 5: _i32(len(columns))})]
    chunks = []
    for name, values in columns.items():
        kind, content = _encode(values)
        page = _struct(
            {1: _i32(count), 2: _i32(_PLAIN), 3: _i32(_RLE), 4: _i32(_RLE)},
        )
        header = _struct(
            {1: _i32(0), 2: _i32(len(content)), 3: _i32(len(content)), 5: (_STRUCT, page)}
        )
        place, size = len(out), len(header) + len(content)
        out += header + content
        told = {
            1: _i32(kind),
            2: _list(_I32, [_zigzag(_PLAIN), _zigzag(_RLE)]),
            3: _list(_TEXT, [_text(name)[1]]),
            4: _i32(0),
            5: _i64(count),
            6: _i64(size),
            7: _i64(size),
            9: _i64(place),
        }
        chunks.append(_struct({2: _i64(place), 3: (_STRUCT, _struct(told))}))
        is_text = {6: _i32(0)} if kind == _BYTES else {}
        schema.append(_struct({1: _i32(kind), 3: _i32(0), 4: _text(name), **is_text}))
    rows = _struct({1: _list(_STRUCT, chunks), 2: _i64(len(out)), 3: _i64(count)})
    footer = _struct(
        {
            1: _i32(1),
            2: _list(_STRUCT, schema),
            3: _i64(count),
            4: _list(_STRUCT, [rows]),
            6: _text("coexplorer samples"),
        }
    )
    return bytes(out) + footer + struct.pack("<I", len(footer)) + _MAGIC


def _encode(values: Values) -> tuple[int, bytes]:
    """Return the type of a column and its values one after the other."""
    texts = [value.encode() for value in values if isinstance(value, str)]
    if texts:
        return _BYTES, b"".join(struct.pack("<I", len(text)) + text for text in texts)
    if any(isinstance(value, float) for value in values):
        return _DOUBLE, struct.pack(f"<{len(values)}d", *values)
    return _INT64, struct.pack(f"<{len(values)}q", *values)


def _struct(fields: Mapping[int, tuple[int, bytes]]) -> bytes:
    """Write fields by their numbers, in order, none further than 15 from the one before."""
    out, last = b"", 0
    for number, (kind, content) in fields.items():
        out += bytes(((number - last) << 4 | kind,)) + content
        last = number
    return out + b"\0"


def _list(kind: int, items: Sequence[bytes]) -> tuple[int, bytes]:
    size = len(items)
    short = size < _LONG_LIST
    head = bytes((size << 4 | kind,)) if short else bytes((0xF0 | kind,)) + _varint(size)
    return _LIST, head + b"".join(items)


def _text(text: str) -> tuple[int, bytes]:
    return _TEXT, _varint(len(text.encode())) + text.encode()


def _i32(number: int) -> tuple[int, bytes]:
    return _I32, _zigzag(number)


def _i64(number: int) -> tuple[int, bytes]:
    return _I64, _zigzag(number)


def _zigzag(number: int) -> bytes:
    return _varint(number << 1 ^ number >> 63)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes((*out, number))
