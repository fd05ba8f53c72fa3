"""Files that were emptied: the journal knows of them before their program hears of the close."""

from __future__ import annotations

from dataclasses import dataclass

import trio

from coexplorer.fs.core.buffers import Buffer, MetadataFile
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.sync.failed_writes import FailedWrites
from coexplorer.fs.sync.save_queue import SaveQueue


@dataclass(slots=True, eq=False)
class _Emptied:
    """An empty text that the journal has before its program hears of the close.

    Attributes:
        version: The buffer's, when it was written down.
        number: Of its entry; None where there is none.
    """

    buffer: Buffer
    version: int
    number: int | None = None


class EmptiedFiles:
    """Writes down that a file was emptied, until it is sent or written again."""

    def __init__(self, queue: SaveQueue, unsent: FailedWrites, nursery: trio.Nursery) -> None:
        self._queue = queue
        self._unsent = unsent
        self._nursery = nursery
        self._emptied: dict[int, _Emptied] = {}

    async def keep(self, node: Node, file: MetadataFile, buffer: Buffer, base: bytes) -> None:
        """Have the journal know that a file was emptied, if the mount ends before that is sent.

        Until `take` or `let_go` is called.
        """
        former = self._emptied.get(id(buffer))
        if former is not None and former.version == buffer.version:
            return
        begun = self._emptied[id(buffer)] = _Emptied(buffer, buffer.version)
        begun.number = await self._queue.keep_content(node, file, buffer, base)
        if former is not None:
            await self._unsent.let_go(former.number)
        if self._emptied.get(id(buffer)) is not begun:  # it has been written meanwhile
            await self._unsent.let_go(begun.number)

    def let_go(self, buffer: Buffer) -> None:
        """Note that a file that was emptied is something else by now."""
        number = self.take(buffer)
        if number is not None:
            self._nursery.start_soon(self._unsent.let_go, number)

    def take(self, buffer: Buffer) -> int | None:
        """Forget that a file was emptied; return its entry, which whoever sends it lets go of."""
        emptied = self._emptied.pop(id(buffer), None)
        return None if emptied is None else emptied.number
