"""What all readers of a process share: memory, and requests at once."""

from __future__ import annotations

from typing import Final

import anyio

from coexplorer.remote_files.memory import MemoryBlocks

MEMORY_BYTES: Final = 32 * 1024 * 1024
MOST_REQUESTS: Final = 16
_FOR_READS: Final = 4
"""So many requests are kept for what somebody waits for."""

_WRITERS: Final = 4
"""Threads that write to the disk; who waits for one has no other."""


class Limits:
    """Bounds of all readers together.

    Args:
        memory_bytes: Blocks that are kept in memory.
        requests: Requests at once.
    """

    def __init__(self, *, memory_bytes: int = MEMORY_BYTES, requests: int = MOST_REQUESTS) -> None:
        self.memory = MemoryBlocks(memory_bytes)
        self.slots = anyio.CapacityLimiter(requests)
        self.writers = anyio.CapacityLimiter(_WRITERS)
        self._most_ahead = max(1, requests - _FOR_READS)

    @property
    def has_room_ahead(self) -> bool:
        """Whether a request may begin that nobody waits for yet."""
        return self.slots.borrowed_tokens < self._most_ahead
