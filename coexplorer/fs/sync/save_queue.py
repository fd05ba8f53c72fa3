"""Saves that wait for their turn: their texts are in the journal meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from coexplorer.errors import CoexplorerError, Unreachable
from coexplorer.fs.core.buffers import MetadataFile
from coexplorer.fs.core.file_format import read_anyhow
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.sync.attempts import Attempts
from coexplorer.fs.sync.failed_writes import FailedWrites

_QUEUED_S = 1.0
"""How long a save waits behind another one of its asset before it is written down."""

WAITS = Unreachable(
    "an earlier save of this asset was still on its way", hint="coexplorer retry sends it"
)
"""Why a save that waits for its turn was not sent, if its mount ends first."""

_ENDED = Unreachable(
    "the mount was ended before the file was closed", hint="coexplorer retry sends it"
)


@dataclass(eq=False)
class QueuedSave:
    """A save that waits for its turn, while another change of its asset is on its way.

    Attributes:
        version: The version of its file's buffer when it began to wait.
        kept: The text that was written down meanwhile; None while there is none.
        kept_as: The number of that in the journal.
    """

    node: Node
    file: MetadataFile
    tgid: int
    base: bytes
    version: int
    kept: bytes | None = None
    kept_as: int | None = None

    @property
    def is_written_on(self) -> bool:
        """Whether somebody writes the file since: what is there now may be half a text."""
        buffer = self.file.buffer
        return self.file.writers > 0 and buffer is not None and buffer.version != self.version


class SaveQueue:
    """Gives each save its turn, and writes down what waits for too long."""

    def __init__(
        self, volume: Volume, attempts: Attempts, unsent: FailedWrites, nursery: trio.Nursery
    ) -> None:
        self._volume = volume
        self._attempts = attempts
        self._unsent = unsent
        self._nursery = nursery
        self._queued: set[QueuedSave] = set()
        self._keeping = trio.Lock()

    @asynccontextmanager
    async def turn(
        self, node: Node, file: MetadataFile, tgid: int, base: bytes
    ) -> AsyncIterator[QueuedSave]:
        """Wait for a save's turn; what waits for longer is in the journal meanwhile."""
        version = -1 if file.buffer is None else file.buffer.version
        queued = QueuedSave(node, file, tgid, base, version)
        if not self._attempts.is_held(node.slot):
            async with self._attempts.hold(node.slot):
                yield queued
            return
        self._queued.add(queued)
        self._nursery.start_soon(self._keep_if_late, queued)
        try:
            async with self._attempts.hold(node.slot):
                self._queued.discard(queued)
                yield queued
        finally:
            self._queued.discard(queued)

    async def _keep_if_late(self, queued: QueuedSave) -> None:
        await trio.sleep(_QUEUED_S)
        if queued in self._queued:
            await self.keep_waiting()

    async def keep_waiting(self) -> None:
        """Write down what waits behind another save: it is nowhere else if the mount ends now."""
        async with self._keeping:
            for queued in list(self._queued):
                file, node = queued.file, queued.node
                buffer = file.buffer
                if buffer is None or not buffer.dirty or file.detached:
                    continue
                content, former = bytes(buffer.content), queued.kept_as
                if queued.kept == content or buffer.is_empty_wait:
                    continue
                shown = self._volume.shown.find(queued.tgid, (node.slot, file.part))
                base = queued.base if shown is None else shown
                before = read_anyhow(base, file.part, self._unsent.fields_of(node))
                mine = read_anyhow(content, file.part, before)
                queued.kept = content
                queued.kept_as = await self._unsent.keep(node, file.part, before, mine, WAITS)
                await self._unsent.discard(former)

    async def forget(self, queued: QueuedSave) -> None:
        """Let go of what was written down while a save waited: its own entry has the text now."""
        if queued.kept is not None:
            async with self._keeping:
                await self._unsent.discard(queued.kept_as)

    # --- What is written and not sent

    async def keep_content(
        self, node: Node, file: MetadataFile, base: bytes, error: CoexplorerError
    ) -> int | None:
        """Write down what a file has that is not sent; return its number in the journal."""
        if file.buffer is None or not file.buffer.dirty or file.detached:
            return None
        before = read_anyhow(base, file.part, self._unsent.fields_of(node))
        mine = read_anyhow(bytes(file.buffer.content), file.part, before)
        return await self._unsent.keep(node, file.part, before, mine, error)

    async def keep_open(self) -> None:
        """Write down what was written and not closed yet: the mount ends."""
        queued = {each.file for each in self._queued}
        for file in self._volume.files.list_open():
            node, buffer = self._volume.tree.find_slot(file.slot), file.buffer
            open_still = file.writers and buffer is not None and buffer.failure is None
            if node is not None and buffer is not None and open_still and file not in queued:
                await self.keep_content(node, file, buffer.base, _ENDED)
