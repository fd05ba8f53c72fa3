"""Blocks that were needed a moment ago, in memory: bounded for all readers together."""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress

Buffer = bytes | memoryview


class MemoryBlocks:
    """The blocks that were used last.

    Only `get` may be called from other threads.

    Args:
        most_bytes: How much is kept.
    """

    def __init__(self, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self._blocks: OrderedDict[tuple[int, int], bytes] = OrderedDict()

    def get(self, owner: int, number: int) -> bytes | None:
        """Return a block of a file, if it is here."""
        block = self._blocks.get((owner, number))
        if block is not None:
            with suppress(KeyError):  # it may just have gone
                self._blocks.move_to_end((owner, number))
        return block

    def put(self, owner: int, number: int, block: bytes) -> None:
        """Keep a block of a file; the ones that nobody needed for longest go."""
        former = self._blocks.pop((owner, number), b"")
        self._blocks[owner, number] = block
        self.held_bytes += len(block) - len(former)
        while self.held_bytes > self.most_bytes:
            _, oldest = self._blocks.popitem(last=False)
            self.held_bytes -= len(oldest)

    def drop(self, owner: int) -> None:
        """Forget all blocks of a file."""
        for key in [key for key in list(self._blocks) if key[0] == owner]:
            self.held_bytes -= len(self._blocks.pop(key))
