"""The platform's objects as the catalog keeps them: compressed with a sample of their own kind.

They are small, and alike: zlib alone halves one, with a sample it makes a quarter of it. The sample
is taken from the first page that is written, so it knows the keys and values of this platform; it
never changes afterwards. Pure, apart from the catalog's own table.
"""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from typing import Final

SAMPLE_NUMBER: Final = 0
"""Where the sample is in `content`: no asset has this number."""

_SAMPLE_BYTES: Final = 32 * 1024  # zlib looks no farther back
_LEAST: Final = 50
"""Fewer objects make no sample."""

_LEVEL: Final = 6
_WINDOW: Final = -15
"""Without zlib's own header and sums: a sum of the sample takes longer than all the rest."""

_PACKED: Final = b"\1"
"""JSON never begins so."""

_MARK_BYTES: Final = 3


class Packer:
    """Compresses the objects of one transaction.

    Args:
        connection: Inside a transaction.
        objects: What is about to be written: the sample is taken from it, if there is none yet.
    """

    def __init__(self, connection: sqlite3.Connection, objects: Sequence[bytes]) -> None:
        sample = load_sample(connection)
        if not sample and len(objects) >= _LEAST:
            sample = build_sample(objects)
            connection.execute("INSERT INTO content VALUES (?, ?, x'')", (SAMPLE_NUMBER, sample))
        # It is read once; each object begins from a copy of that.
        self._ready = None
        if sample:
            self._ready = zlib.compressobj(_LEVEL, wbits=_WINDOW, zdict=sample)
        self._fingerprint = fingerprint_of(sample)

    def pack(self, raw: bytes) -> bytes:
        """Return an object as it is kept; as it came where there is no sample yet."""
        if self._ready is None:
            return raw
        packer = self._ready.copy()
        return self._fingerprint + packer.compress(raw) + packer.flush()


def build_sample(objects: Sequence[bytes]) -> bytes:
    """Return objects from everywhere in a list, as much as makes a sample (pure)."""
    step = max(1, len(objects) * 1000 // _SAMPLE_BYTES)
    return b"".join(objects[::step])[:_SAMPLE_BYTES]


def load_sample(connection: sqlite3.Connection) -> bytes:
    """Return the catalog's sample; empty where there is none yet."""
    row = connection.execute("SELECT raw FROM content WHERE n = ?", (SAMPLE_NUMBER,)).fetchone()
    return bytes(row[0]) if row else b""


def fingerprint_of(sample: bytes) -> bytes:
    """Return what objects begin with that were packed with a sample (pure)."""
    return _PACKED + zlib.crc32(sample).to_bytes(4, "big")[: _MARK_BYTES - 1]


def unpack(kept: bytes, sample: bytes, fingerprint: bytes) -> bytes:
    """Return an object as it came (pure).

    Args:
        kept: From `Packer.pack`.
        sample: What it was packed with, if it is.
        fingerprint: The sample's, from `fingerprint_of`.

    Raises:
        ValueError: It was packed with another sample, or is damaged.
    """
    if not kept.startswith(_PACKED):
        return kept
    if not kept.startswith(fingerprint):
        raise ValueError("it was packed with another sample")
    unpacker = zlib.decompressobj(_WINDOW, sample)
    try:
        raw = unpacker.decompress(kept[_MARK_BYTES:])
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not unpacker.eof:
        raise ValueError("it is cut off")
    return raw
