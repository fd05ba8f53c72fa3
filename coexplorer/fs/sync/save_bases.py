"""What a save is merged with, and what a conflict means for the next one of its file."""

from __future__ import annotations

import time

from coexplorer.errors import EditConflict
from coexplorer.fields import FieldKind, Fields, field_named
from coexplorer.fs.core.buffers import MetadataFile, SaveFailure
from coexplorer.fs.core.conflicts import SaveConflict, digest_of
from coexplorer.fs.core.file_format import FIELDS_OF_PARTS, build_text
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.procfs import read_command
from coexplorer.fs.sync.attempts import SaveAttempt
from coexplorer.fs.sync.failed_writes import FailedWrites
from coexplorer.fs.sync.saves import Save


class SaveBases:
    """Finds the text that each save started from."""

    def __init__(self, volume: Volume, unsent: FailedWrites) -> None:
        self._volume = volume
        self._unsent = unsent

    def note_late(
        self, node: Node, file: MetadataFile, tgid: int, base: bytes, content: bytes
    ) -> None:
        """Note that a save may arrive whose program was told that it is not finished."""
        key = node.slot, file.part
        shown = self._volume.shown.find(tgid, key)
        self._volume.late.note(key, base if shown is None else shown, content, tgid)

    def note_own(self, save: Save, base: bytes, there: Fields) -> None:
        """Note that a text from here has arrived while others of its file are on their way.

        They were made from what it was made from, and replace it: the last close has the last word.
        """
        key = save.node.slot, save.file.part
        for text in dict.fromkeys((save.content, build_text(there, save.file.part))):
            self._volume.late.note(key, base, text)
        self._volume.late.settle(key)

    def find_late(self, save: Save, base: bytes) -> bytes:
        """Return the text that may still arrive, though the platform had `base` when last heard of.

        Then that has to be replaced, too. Not by the editor that was told that its save is not
        finished, and puts back what was there before: nobody has written that.
        """
        key = save.node.slot, save.file.part
        pending = self._volume.late.find_pending(key)
        if pending is None:
            return base
        text, tgid = pending
        restores = tgid == save.tgid and self._volume.shown.find(tgid, key) is not None
        return base if restores else text

    def find_base(self, save: Save, opened: bytes) -> bytes:
        """Return what a save is merged with.

        Args:
            save: What is saved.
            opened: What the file had when it was opened to be saved.
        """
        key = save.node.slot, save.file.part
        refused_from = self._volume.conflicts.find_base(*key, save.content)
        if refused_from is not None:
            return refused_from  # a script that compares first has not looked at it
        shown = self._volume.shown.find(save.tgid, key)
        conflict = self._volume.conflicts.find(*key)
        base = opened if shown is None else shown
        unseen = conflict is not None and not (
            opened and opened != conflict.base and save.extends(opened)
        )
        if shown is None and unseen and conflict is not None:
            return conflict.base  # nobody has seen the other text
        theirs = build_text(self._unsent.fields_of(save.node), save.file.part)
        if shown is None and not (opened and save.extends(opened)):
            base = self._volume.shown.find_last(key, save.content, opened) or opened
        return theirs if self._volume.late.is_own(key, base, theirs) else base

    def find_added(self, save: Save, base: bytes) -> bytes | None:
        """Return what a save adds at the end of a text of lines; None where it does anything else.

        Its program has not read the file (``>>``), so it is meant for whatever is there now.
        """
        key = save.node.slot, save.file.part
        is_lines = field_named(FIELDS_OF_PARTS[save.file.part]).kind is FieldKind.TEXT
        unread = save.tgid > 0 and self._volume.shown.find(save.tgid, key) is None
        if not (is_lines and unread and save.buffer.only_adds and base and save.extends(base)):
            return None
        return save.content[len(base) :]

    def is_refused_again(self, save: Save, base: bytes, attempt: SaveAttempt) -> bool:
        """Fail a save that was refused already, and is known to be so again, without asking."""
        node, part, buffer = save.node, save.file.part, save.buffer
        conflict = self._volume.conflicts.find(node.slot, part)
        if conflict is None or base != conflict.base:
            return False
        theirs = build_text(self._unsent.fields_of(node), part)
        if not conflict.is_repeated_by(save.content, theirs):
            return False
        attempt.failure = conflict.failure
        self._volume.conflicts.note_repeat(node.slot, part, time.monotonic())
        buffer.fail(conflict.failure, save.version)
        buffer.base = base
        self._volume.report(f"{node.title}: {save.what} failed again: look at its `error` first")
        return True

    def note_conflict(
        self, save: Save, base: bytes, error: EditConflict, failure: SaveFailure
    ) -> None:
        """Remember what was refused: until somebody looks, who reads it has not seen theirs."""
        node, part = save.node, save.file.part
        theirs = build_text(error.theirs, part)
        save.buffer.sent, save.buffer.base = theirs, base
        conflict = SaveConflict(
            base,
            theirs,
            digest_of(save.content),
            failure,
            tgid=save.tgid,
            program=read_command(save.tgid) if save.tgid > 0 else b"",
            at=time.monotonic(),
        )
        again = save.tgid in self._volume.conflicts.rereaders
        self._volume.conflicts.note(node.slot, part, conflict, from_theirs=again)
