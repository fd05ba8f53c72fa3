"""What a save that went well changes in the mount."""

from __future__ import annotations

import time

from coexplorer.fs.core.file_format import build_text
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.sync.connectivity import Connectivity
from coexplorer.fs.sync.failed_writes import FailedWrites
from coexplorer.fs.sync.saves import Save, Tries
from coexplorer.models import Asset


class SavedTexts:
    """Takes over what was saved."""

    def __init__(self, volume: Volume, reach: Connectivity, unsent: FailedWrites) -> None:
        self._volume = volume
        self._reach = reach
        self._unsent = unsent

    def note(self, save: Save, reply: Asset | None, tries: Tries) -> None:
        """Take over that a file was saved; `reply` is None when there was nothing to send."""
        node, file = save.node, save.file
        if reply is not None:
            self._reach.note_success()
            # vim puts the old text back after a failed save: nobody has written that.
            self._volume.shown.note_saved(save.tgid, (node.slot, file.part), save.content)
        sent = reply is not None
        there = tries.mine if reply is None else reply.fields
        staying = tries.list_lacking(there)
        if not sent and staying:
            pass  # the text that failed waits as before
        elif (
            self._unsent.note_success(node, file.part, save.tgid, was_sent=sent) or sent
        ) and tries.kept:
            self._unsent.report_aside(node, file.part, staying)
            self._unsent.end_tries(node, tries, there, was_sent=sent)
        self._take_over(save, reply)
        self._volume.files.tidy(file)

    def _take_over(self, save: Save, reply: Asset | None) -> None:
        """Make the platform's answer what is shown from now on."""
        volume, node, part = self._volume, save.node, save.file.part
        buffer, content, newest = save.buffer, save.content, save.file.buffer
        if buffer.failure is not None:  # it was late: its time is told after all
            volume.files.forget_time(node, save.file)
        written_ns = None if buffer is newest else buffer.mtime_ns
        if reply is None:
            buffer.settle(content, save.version, buffer.sent)
            volume.files.take_time(node, save.file, written_ns)
            return
        if build_text(reply.fields, part) != content:
            volume.spellings.keep(node.slot, part, content)
        now_there = volume.spellings.text_of(node.slot, part, reply.fields)
        if (
            now_there == content
            and volume.files.find(node, part) is save.file
            and (buffer is newest or newest is None)
        ):
            volume.sizes.note(node.slot, {part: content})
            if buffer.version == save.version and buffer is newest:
                volume.sizes.take_kept(node.slot, part)  # the kernel has what was written
        buffer.settle(content, save.version, now_there)
        if newest is not None:
            newest.sent = now_there  # also where another text is being written meanwhile
        volume.files.take_time(node, save.file, written_ns)
        volume.apply_reply(node, reply.excerpt, time.monotonic())
        volume.tell_stale()
