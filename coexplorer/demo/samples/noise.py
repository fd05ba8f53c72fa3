"""Bytes without meaning, of any length, at the speed of a copy: any range of them at once.

Each block of a file is a piece of its pool of random bytes, begun at another place, with the
block's number in front. So no two blocks of a file are alike within 64 GB, nor any two files, and
who mixes blocks up, or is off by a byte, is found out.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

BLOCK_BYTES = 65_536
_POOL_BYTES = 1 << 20
_STEP = 40_503
"""Odd: so a block begins where another did only after as many blocks as the pool has bytes."""
_NUMBER_BYTES = 8


def make_noise(key: str, start: int, stop: int) -> bytes:
    """Return the bytes ``start`` to ``stop`` (exclusive) of what a key stands for."""
    first, last = start // BLOCK_BYTES, -(-stop // BLOCK_BYTES)
    pool = _make_pool(key)
    blocks = b"".join(_make_block(pool, block) for block in range(first, last))
    offset = first * BLOCK_BYTES
    return blocks[start - offset : stop - offset]


def _make_block(pool: bytes, block: int) -> bytes:
    begin = block * _STEP % _POOL_BYTES
    return block.to_bytes(_NUMBER_BYTES) + pool[begin : begin + BLOCK_BYTES - _NUMBER_BYTES]


@lru_cache(maxsize=16)
def _make_pool(key: str) -> bytes:
    pool = hashlib.shake_256(key.encode("utf-8", "surrogatepass")).digest(_POOL_BYTES)
    return pool + pool[:BLOCK_BYTES]
