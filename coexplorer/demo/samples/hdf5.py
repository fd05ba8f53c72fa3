"""A small writer of HDF5: groups, attributes, and arrays that lie in one piece.

What it writes is the format of HDF5 1.8 (superblock 2, object headers 2; HDF5 File Format
Specification 3.0). A writer of its own, as the samples need neither h5py nor large files of bytes,
and so that the last array can be as large as a file that nobody ever writes: its bytes are whatever
follows the head.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

_UNDEFINED = b"\xff" * 8
_NOWHERE = int.from_bytes(_UNDEFINED)
_SUPERBLOCK_BYTES = 48
_MASK = 0xFFFFFFFF

_INT16, _INT64, _FLOAT64 = "i2", "i8", "f8"
_CODES = {_INT16: "h", _INT64: "q", _FLOAT64: "d"}
_SIZES = {_INT16: 2, _INT64: 8, _FLOAT64: 8}


@dataclass(frozen=True, slots=True)
class Array:
    """Numbers of one kind.

    Attributes:
        kind: ``i2``, ``i8`` or ``f8``, all little-endian.
        shape: Its dimensions.
        values: All of them; None: the bytes that follow the head, for one array of a file.
        attributes: Texts.
    """

    kind: str
    shape: tuple[int, ...]
    values: tuple[float, ...] | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """In bytes."""
        size = _SIZES[self.kind]
        for length in self.shape:
            size *= length
        return size


@dataclass(frozen=True, slots=True)
class Group:
    """A folder of arrays and groups."""

    members: Mapping[str, Group | Array] = field(default_factory=dict)
    attributes: Mapping[str, str] = field(default_factory=dict)


def write_head(root: Group) -> bytes:
    """Return the file up to the bytes of the array that has no values; they follow at once."""
    # Where they begin is only known when all is written, and is written in a fixed size.
    size = len(_Writer(root, 0).content)
    return bytes(_Writer(root, size).content)


class _Writer:
    """Puts a file together, what is pointed at before what points at it."""

    def __init__(self, root: Group, tail: int) -> None:
        self.content = bytearray(_SUPERBLOCK_BYTES)
        self._tail = tail
        self._end = tail
        self._texts: dict[str, int] = {}
        self._heap = self._write_heap(sorted(set(_iter_texts(root))))
        address = self._write_group(root)
        self._align()
        superblock = (
            b"\x89HDF\r\n\x1a\n"
            + bytes((2, 8, 8, 0))
            + struct.pack("<Q", 0)
            + _UNDEFINED
            + struct.pack("<QQ", max(self._end, len(self.content)), address)
        )
        self.content[:_SUPERBLOCK_BYTES] = superblock + struct.pack("<I", _checksum(superblock))

    def _align(self) -> None:
        self.content += bytes(-len(self.content) % 8)

    def _add(self, block: bytes) -> int:
        self._align()
        address = len(self.content)
        self.content += block
        return address

    def _write_heap(self, texts: list[str]) -> int:
        """Write the texts, which attributes point to."""
        objects = b""
        for number, text in enumerate(texts, 1):
            content = text.encode()
            self._texts[text] = number
            objects += struct.pack("<HHIQ", number, 1, 0, len(content)) + content
            objects += bytes(-len(content) % 8)
        size = max(4096, -(-(16 + len(objects) + 16) // 8) * 8)
        free = size - 16 - len(objects)
        objects += struct.pack("<HHIQ", 0, 0, 0, free) + bytes(free - 16)
        return self._add(b"GCOL\x01\0\0\0" + struct.pack("<Q", size) + objects)

    def _write_group(self, group: Group) -> int:
        links = b""
        for name, member in group.members.items():
            address = (
                self._write_group(member)
                if isinstance(member, Group)
                else self._write_array(member)
            )
            encoded = name.encode()
            link = bytes((1, 0x10, 1, len(encoded))) + encoded + struct.pack("<Q", address)
            links += _message(0x06, link)
        messages = _message(0x02, b"\0\0" + _UNDEFINED * 2) + _message(0x0A, b"\0\0")
        return self._write_object(messages + self._write_attributes(group.attributes) + links)

    def _write_array(self, array: Array) -> int:
        if not array.size:
            address = _NOWHERE
        elif array.values is None:
            address = self._tail
            self._end = self._tail + array.size
        else:
            packed = struct.pack(f"<{len(array.values)}{_CODES[array.kind]}", *array.values)
            address = self._add(packed)
        dimensions = struct.pack(f"<{len(array.shape)}Q", *array.shape)
        messages = (
            _message(0x01, bytes((2, len(array.shape), 0, 1)) + dimensions)
            + _message(0x03, _describe_kind(array.kind))
            + _message(0x05, bytes((3, 0x0A)))
            + _message(0x08, bytes((3, 1)) + struct.pack("<QQ", address, array.size))
        )
        return self._write_object(messages + self._write_attributes(array.attributes))

    def _write_attributes(self, attributes: Mapping[str, str]) -> bytes:
        kind = bytes((0x19, 0x01, 0x01, 0x00)) + struct.pack("<I", 16)  # text of any length, UTF-8
        kind += bytes((0x13, 0x00, 0x00, 0x00)) + struct.pack("<I", 1)
        space = bytes((2, 0, 0, 0))
        messages = b""
        for name, text in attributes.items():
            encoded = name.encode() + b"\0"
            sizes = struct.pack("<HHHB", len(encoded), len(kind), len(space), 1)
            value = struct.pack("<IQI", len(text.encode()), self._heap, self._texts[text])
            messages += _message(0x0C, bytes((3, 0)) + sizes + encoded + kind + space + value)
        return messages

    def _write_object(self, messages: bytes) -> int:
        header = b"OHDR" + bytes((2, 0x02)) + struct.pack("<I", len(messages)) + messages
        return self._add(header + struct.pack("<I", _checksum(header)))


def _iter_texts(member: Group | Array) -> Iterator[str]:
    yield from member.attributes.values()
    if isinstance(member, Group):
        for each in member.members.values():
            yield from _iter_texts(each)


def _message(number: int, content: bytes) -> bytes:
    return struct.pack("<BHB", number, len(content), 0) + content


def _describe_kind(kind: str) -> bytes:
    size = _SIZES[kind]
    if kind == _FLOAT64:
        return bytes((0x11, 0x20, 0x3F, 0x00)) + struct.pack(
            "<IHHBBBBI", 8, 0, 64, 52, 11, 0, 52, 1023
        )
    return bytes((0x10, 0x08, 0x00, 0x00)) + struct.pack("<IHH", size, 0, 8 * size)


def _checksum(data: bytes) -> int:
    """Return lookup3's ``hashlittle`` (Bob Jenkins, public domain), which HDF5 uses."""
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    whole = max(0, -(-len(data) // 12) - 1) * 12
    for x, y, z in struct.iter_unpack("<III", data[:whole]):
        a, b, c = (a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK
        a = (a - c & _MASK) ^ (c << 4 & _MASK | c >> 28)
        c = c + b & _MASK
        b = (b - a & _MASK) ^ (a << 6 & _MASK | a >> 26)
        a = a + c & _MASK
        c = (c - b & _MASK) ^ (b << 8 & _MASK | b >> 24)
        b = b + a & _MASK
        a = (a - c & _MASK) ^ (c << 16 & _MASK | c >> 16)
        c = c + b & _MASK
        b = (b - a & _MASK) ^ (a << 19 & _MASK | a >> 13)
        a = a + c & _MASK
        c = (c - b & _MASK) ^ (b << 4 & _MASK | b >> 28)
        b = b + a & _MASK
    rest = data[whole:]
    if not rest:
        return c
    x, y, z = struct.unpack("<III", rest.ljust(12, b"\0"))
    a, b, c = (a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK
    for turn, place in zip((14, 11, 25, 16, 4, 14, 24), (2, 0, 1, 2, 0, 1, 2), strict=True):
        state: list[int] = [a, b, c]
        by = state[place - 1]
        state[place] = ((state[place] ^ by) - (by << turn & _MASK | by >> 32 - turn)) & _MASK
        a, b, c = state
    return c
