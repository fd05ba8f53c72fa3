"""Saves that wait for their turn: their texts are in the journal meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from coexplorer.errors import CoexplorerError, Unreachable
from coexplorer.fs.core.buffers import Buffer, MetadataFile
from coexplorer.fs.core.file_format import read_anyhow
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.sync.attempts import Attempts
from coexplorer.fs.sync.failed_writes import FailedWrites

_QUEUED_S = 1.0
"""How long a save waits behind another one of its asset before it is written down."""

_ENDED = Unreachable(
    "the mount was ended before the file was closed", hint="coexplorer retry sends it"
)


@dataclass(eq=False)
class QueuedSave:
    """A save that was begun; it may have to wait for another change of its asset.

    Attributes:
        content: What its buffer had when it was begun.
        version: The version that the buffer had then.
        kept: The text that was written down meanwhile; None while there is none.
        kept_as: The number of that in the journal.
    """

    node: Node
    file: MetadataFile
    buffer: Buffer
    tgid: int
    base: bytes
    content: bytes
    version: int
    kept: bytes | None = None
    kept_as: int | None = None


class SaveQueue:
    """Gives each save its turn, and writes down what waits for too long."""

    def __init__(
        self, volume: Volume, attempts: Attempts, unsent: FailedWrites, nursery: trio.Nursery
    ) -> None:
        self._volume = volume
        self._attempts = attempts
        self._unsent = unsent
        self._nursery = nursery
        self._begun: dict[QueuedSave, None] = {}
        self._queued: set[QueuedSave] = set()
        self._keeping = trio.Lock()

    def begin(
        self, node: Node, file: MetadataFile, buffer: Buffer, tgid: int, base: bytes
    ) -> QueuedSave:
        """Note what is to be saved: whoever empties the file from now on empties another buffer."""
        content = bytes(buffer.content)
        queued = QueuedSave(node, file, buffer, tgid, base, content, buffer.version)
        self._begun[queued] = None
        buffer.saving += 1
        file.saves += 1
        return queued

    def end(self, queued: QueuedSave) -> None:
        """Note that a save has ended, however it did."""
        del self._begun[queued]
        queued.buffer.saving -= 1

    def has_others(self, queued: QueuedSave) -> bool:
        """Tell whether other saves of the same file were begun, and have not ended."""
        return any(each is not queued and each.file.key == queued.file.key for each in self._begun)

    def has_later(self, queued: QueuedSave) -> bool:
        """Tell whether another text of the same file is to be saved after this one."""
        *_, last = (each for each in self._begun if each.file is queued.file)
        return last.buffer is not queued.buffer

    def is_written_on(self, queued: QueuedSave) -> bool:
        """Tell whether somebody writes the same text since: what is there now may be half of it."""
        file, buffer = queued.file, queued.buffer
        return buffer.version != queued.version and any(
            not each.closing for each in self._volume.open_files.list_writers(file, buffer)
        )

    @asynccontextmanager
    async def turn(self, queued: QueuedSave) -> AsyncIterator[None]:
        """Wait for a save's turn; what waits for longer is in the journal meanwhile."""
        node = queued.node
        if not self._attempts.is_held(node.slot):
            async with self._attempts.hold(node.slot):
                yield
            return
        self._queued.add(queued)
        self._nursery.start_soon(self._keep_if_late, queued)
        try:
            async with self._attempts.hold(node.slot):
                self._queued.discard(queued)
                self._keep_others_again(queued)
                yield
        finally:
            self._queued.discard(queued)

    def _keep_others_again(self, queued: QueuedSave) -> None:
        """Write down again what waits behind a save: that one's own entry takes their place."""
        for other in self._queued:
            if other.file is queued.file and other.kept is not None:
                other.kept = None
                self._nursery.start_soon(self._keep_if_late, other)

    async def _keep_if_late(self, queued: QueuedSave) -> None:
        await trio.sleep(_QUEUED_S)
        if queued in self._queued:
            await self.keep_waiting()

    async def keep_waiting(self) -> None:
        """Write down what waits behind another save: it is nowhere else if the mount ends now."""
        async with self._keeping:
            for queued in list(self._queued):
                file, node, buffer = queued.file, queued.node, queued.buffer
                if not buffer.dirty or file.detached:
                    continue
                content, former = bytes(buffer.content), queued.kept_as
                if queued.kept == content or buffer.is_empty_wait:
                    continue
                shown = self._volume.shown.find(queued.tgid, (node.slot, file.part))
                base = queued.base if shown is None else shown
                before = read_anyhow(base, file.part, self._unsent.fields_of(node))
                mine = read_anyhow(content, file.part, before)
                queued.kept = content
                queued.kept_as = await self._unsent.keep_waiting(node, before, mine)
                await self._unsent.let_go(former)

    async def forget(self, queued: QueuedSave, *, failed: bool) -> None:
        """Let go of what was written down while a save waited: its own entry has the text now.

        Or that of another save of the same text, if that one still waits.

        Args:
            queued: The save.
            failed: Its program was told so.
        """
        if queued.kept_as is None:
            return
        async with self._keeping:
            for other in self._queued:
                if other.buffer is queued.buffer and other.buffer.dirty:
                    other.kept, other.kept_as = queued.kept, queued.kept_as
                    return
            await self._unsent.let_go(queued.kept_as, aside=failed)

    # --- What is written and not sent

    async def keep_content(
        self,
        node: Node,
        file: MetadataFile,
        buffer: Buffer,
        base: bytes,
        error: CoexplorerError | None = None,
    ) -> int | None:
        """Write down what a file has that is not sent; return its number in the journal.

        Without an error, it is what is sent next.
        """
        if not buffer.dirty or file.detached:
            return None
        before = read_anyhow(base, file.part, self._unsent.fields_of(node))
        mine = read_anyhow(bytes(buffer.content), file.part, before)
        if error is None:
            return await self._unsent.keep_waiting(node, before, mine)
        return await self._unsent.keep(node, file.part, before, mine, error)

    async def keep_open(self) -> None:
        """Write down what was written and not closed yet: the mount ends."""
        queued = {id(each.buffer) for each in self._queued}
        written: dict[int, tuple[MetadataFile, Buffer]] = {}
        for opened in self._volume.open_files:
            file, buffer = opened.target, opened.buffer
            if isinstance(file, MetadataFile) and buffer is not None and opened.writable:
                written[id(buffer)] = file, buffer
        for number, (file, buffer) in written.items():
            node = self._volume.tree.find_slot(file.slot)
            if node is not None and buffer.failure is None and number not in queued:
                await self.keep_content(node, file, buffer, buffer.base, _ENDED)
