"""What a process was shown of a file, and whether somebody has looked at a conflict by reading it.

Its next save is merged with that: see `coexplorer.fs.core.merge_bases`.
"""

from __future__ import annotations

import time

from coexplorer.fs.core.buffers import Buffer, MetadataFile
from coexplorer.fs.core.conflicts import AGAIN_S
from coexplorer.fs.core.file_format import EDITABLE_PARTS
from coexplorer.fs.core.open_files import OpenFile
from coexplorer.fs.core.scratch import Scratch
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.inodes import Part
from coexplorer.fs.kernel.procfs import read_command


class Showing:
    """Notes what each process is shown, at opens and reads."""

    def __init__(self, volume: Volume) -> None:
        self._volume = volume

    def show(self, opened: OpenFile, file: MetadataFile, buffer: Buffer) -> None:
        """Note what a process reads: that is what its next save is merged with."""
        opened.shown = buffer.base
        key = (file.slot, file.part)
        self._volume.shown.show(opened.tgid, key, buffer.base, bytes(buffer.content))

    def note_look(self, opened: OpenFile) -> None:
        """Note that what somebody has opened only to read is read now."""
        if opened.shows is None:
            return
        node, part = opened.shows
        if not self.reads_again(opened, node.slot, part):
            self.note_read(opened, node.slot, part)
            opened.shown = opened.snapshot
            self._volume.shown.show(opened.tgid, (node.slot, part), opened.snapshot)

    def reads_again(self, opened: OpenFile, slot: int, part: Part) -> bool:
        """Tell whether a refused program reads, started again at once: nobody has looked."""
        conflict = self._volume.conflicts.find(slot, part)
        if conflict is None or not conflict.program or opened.tgid == conflict.tgid:
            return False
        if time.monotonic() - conflict.at > AGAIN_S or read_command(opened.pid) != conflict.program:
            return False
        self._volume.shown.show(opened.tgid, (slot, part), conflict.base)
        self._volume.conflicts.rereaders.append(opened.tgid)
        return True

    def note_read(self, opened: OpenFile, slot: int, part: Part) -> None:
        """Note that a process reads what the platform has: whoever runs it has seen that."""
        opened.unread = False
        self._volume.conflicts.note_read(slot, part)

    def note_backup(self, scratch: Scratch, tgid: int) -> None:
        """See `MergeBases.note_backup`: who copies a file to a backup was not shown it."""
        content = bytes(scratch.content)
        for part in EDITABLE_PARTS:
            self._volume.shown.note_backup(tgid, (scratch.slot, part), content)
