"""Open files: reading, writing, and what each close means.

`coexplorer.fs.core.buffers` decides; `coexplorer.fs.core.open_files` keeps the open descriptions;
this module carries the decisions out.
"""

from __future__ import annotations

import errno
import time

import pyfuse3

from coexplorer.errors import InvalidField
from coexplorer.fields import changed_fields
from coexplorer.fs.core.buffers import Buffer, MetadataFile, Verdict, decide_flush, decide_release
from coexplorer.fs.core.file_format import FIELDS_OF_PARTS, NAMES_OF_PARTS, parse_text, read_anyhow
from coexplorer.fs.core.metadata_file import schema_in_use
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.open_files import OpenFile
from coexplorer.fs.core.scratch import Scratch
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.handlers.guards import refusing_space
from coexplorer.fs.handlers.showing import Showing
from coexplorer.fs.kernel.procfs import has_writable, is_killed
from coexplorer.fs.sync.upstream import Upstream
from coexplorer.library.validate import check_fields


class FileIO:
    """Reads, writes and closes files."""

    def __init__(self, volume: Volume, upstream: Upstream, showing: Showing) -> None:
        self._volume = volume
        self._files = volume.files
        self._open_files = volume.open_files
        self._saver = upstream.saver
        self._reach = upstream.reach
        self._unsent = upstream.unsent
        self._sharing = upstream.sharing
        self._keeper = upstream.keeper
        self._showing = showing

    def read(self, handle: int, offset: int, size: int) -> bytes:
        """Return what a read answers."""
        opened = self._open_files.by_handle[handle]
        target = opened.target
        if opened.draft is not None:
            return bytes(opened.draft[offset : offset + size])
        if target is None:
            if opened.unread:
                self._showing.note_look(opened)
            if opened.follows is not None:
                return bytes(opened.follows.text[offset : offset + size])
            return opened.snapshot[offset : offset + size]
        if isinstance(target, Scratch):
            return bytes(target.content[offset : offset + size])
        buffer = opened.buffer
        if buffer is None:
            return b""
        if opened.unread:
            if not self._showing.reads_again(opened, target.slot, target.part):
                self._showing.note_read(opened, target.slot, target.part)
                self._showing.show(opened, target, buffer)
        elif offset == 0 and opened.shown is not None and opened.shown is not buffer.base:
            self._showing.show(
                opened, target, buffer
            )  # it changed since the open, and is read only now
        return bytes(buffer.content[offset : offset + size])

    def write(self, handle: int, offset: int, data: bytes) -> int:
        """Take what was written into the buffer.

        Raises:
            InvalidField: It can never be right.
            OSError: EFBIG, ENOSPC.
        """
        opened = self._open_files.by_handle[handle]
        target = opened.target
        if opened.draft is not None:
            return self._sharing.write(opened, opened.draft, offset, data)
        if target is None:
            return len(data)  # .coexplorer/refresh: the open did it
        if isinstance(target, Scratch):
            at = len(target.content) if opened.appends else offset
            with refusing_space(
                self._volume, self._volume.tree.find_slot(target.slot), target.name
            ):
                self._volume.scratch.write(target, at, data)
            target.mtime_ns, target.used = time.time_ns(), time.monotonic()
            opened.touched = True
            return len(data)
        buffer = opened.buffer
        if buffer is None:
            raise OSError(errno.EIO, "the file lost its buffer")
        at = len(buffer.content) if opened.appends else offset
        self._note_closing(opened, closing=False)
        self._volume.sizes.forget_kept(target.slot, target.part)
        try:
            buffer.write(at, data, target.part)
        except (InvalidField, OSError) as error:
            self._refuse(opened, target, buffer, error)
            buffer.keep_refused(at, data)
            raise
        opened.touched = True
        buffer.mtime_ns = time.time_ns()
        return len(data)

    def _refuse(
        self,
        opened: OpenFile,
        file: MetadataFile,
        buffer: Buffer,
        error: InvalidField | OSError,
    ) -> None:
        """Say in the asset's ``error`` why a write was refused: shells only show the errno."""
        node = self._volume.tree.find_slot(file.slot)
        if node is None or file.detached:
            return
        number = errno.EINVAL
        if isinstance(error, OSError):
            number = error.errno or errno.EIO
            error = InvalidField(FIELDS_OF_PARTS[file.part], str(error.strerror))
        opened.touched = buffer.dirty = True
        buffer.refusal = self._unsent.note_refusal(node, file, opened.tgid, error, number)

    async def resize(
        self, node: Node, file: MetadataFile, size: int, handle: int | None, pid: int
    ) -> None:
        """Cut or grow a metadata file; without a handle, after `check_writable`.

        Raises:
            OSError: EFBIG.
        """
        opened = None if handle is None else self._open_files.by_handle.get(handle)
        if opened is None:
            self._reach.refresh_soon()
            self._files.load(node, file)
        buffer = file.buffer if opened is None else opened.buffer
        if buffer is None:
            raise pyfuse3.FUSEError(errno.EIO)
        if size:
            self._files.cut(node, file, buffer, size)
        else:
            tgid = self._volume.groups.find(pid) if opened is None else 0
            self._files.begin_text(node, file, opened, tgid)
        if opened is not None:
            opened.touched = True
            self._note_closing(opened, closing=False)
        elif file.buffer is not None and file.buffer.dirty:
            if file.buffer.is_empty_wait:
                await self._saver.emptied.keep(node, file, file.buffer, file.buffer.sent)
            self._saver.save_later(node, file, file.buffer.base if size else file.buffer.sent)

    def resize_sharing(self, handle: int | None, size: int) -> bool:
        """Cut or grow ``about/sharing``, if that is what is open; False: it is not.

        Raises:
            OSError: EFBIG.
        """
        opened = None if handle is None else self._open_files.by_handle.get(handle)
        if opened is None or opened.draft is None:
            return False
        self._sharing.resize(opened, opened.draft, size)
        return True

    def resize_scratch(self, scratch: Scratch, size: int) -> None:
        """Truncate or grow an editor's own file.

        Raises:
            OSError: ENOSPC.
        """
        with refusing_space(self._volume, self._volume.tree.find_slot(scratch.slot), scratch.name):
            self._volume.scratch.resize(scratch, size)
        scratch.mtime_ns = time.time_ns()

    # --- Closing

    async def flush(self, handle: int, *, wants_sync: bool = False) -> None:
        """Answer a close of a descriptor, or an fsync.

        Raises:
            pyfuse3.FUSEError: What was written could not be sent.
        """
        opened = self._open_files.by_handle[handle]
        if opened.draft is not None:
            await self._sharing.save(opened, opened.draft, wants_sync=wants_sync)
        else:
            await self._flush(opened, wants_sync=wants_sync)

    async def _flush(self, opened: OpenFile, *, wants_sync: bool) -> None:
        target = opened.target
        if isinstance(target, Scratch) and opened.writable:
            if opened.touched:
                self._showing.note_backup(target, opened.tgid)
            await self._keeper.keep(target)
        buffer = opened.buffer
        if not isinstance(target, MetadataFile) or target.detached or buffer is None:
            return
        node = self._volume.tree.find_slot(target.slot)
        if opened.touched and buffer.refusal is not None and node is not None:
            await self._unsent.keep_rejected(node, target, buffer, opened.base)
        other = (
            opened.touched and buffer.dirty and not wants_sync and self._writes_on(opened, target)
        )
        verdict = decide_flush(
            buffer, touched=opened.touched, other_writer=other, wants_sync=wants_sync
        )
        failure = buffer.failure or buffer.refusal
        if verdict is Verdict.FAIL and failure is not None:
            raise pyfuse3.FUSEError(failure.errno)
        if node is None:
            return
        unheard = verdict is Verdict.SEND or (opened.touched and buffer.is_empty_wait)
        if unheard:
            await self._note_unheard(opened, node, target, ends=not other, wants_sync=wants_sync)
        if verdict is Verdict.SEND:
            if not wants_sync:
                self._note_closing(opened, closing=True)
                self._files.settle(node, target)
            await self._saver.save(node, target, buffer, opened.tgid, opened.base)
            self._open_files.rebase(target, buffer.base)

    async def _note_unheard(
        self, opened: OpenFile, node: Node, target: MetadataFile, *, ends: bool, wants_sync: bool
    ) -> None:
        """Look once more at what nobody has sent: half of a text, or none.

        Args:
            opened: The open description.
            node: The asset.
            target: The file.
            ends: The opener has no other writable descriptor: it is not about to write.
            wants_sync: It is an fsync, not a close.

        Raises:
            pyfuse3.FUSEError: The program was killed in the middle.
        """
        buffer = opened.buffer
        if buffer is None:
            return
        if not wants_sync and is_killed(opened.pid):
            buffer.refusal = self._unsent.note_interruption(node, target, buffer)
            await self._unsent.keep_rejected(node, target, buffer, opened.base)
            raise pyfuse3.FUSEError(buffer.refusal.errno)
        if ends and buffer.is_empty_wait:
            await self._saver.emptied.keep(node, target, buffer, opened.base)
            if not wants_sync:
                self._refuse_emptied(opened, node, target)

    def _refuse_emptied(self, opened: OpenFile, node: Node, target: MetadataFile) -> None:
        """Refuse an empty value that may not be, to a program that is not about to write another.

        It is sent, and refused, half a second later: by then its program has ended.

        Raises:
            pyfuse3.FUSEError: EINVAL.
        """
        before = read_anyhow(opened.base, target.part, self._unsent.fields_of(node))
        empty = parse_text(b"", target.part, before)
        changed = changed_fields(before, empty)
        try:
            check_fields(empty, only=changed, known=(before,), schema=schema_in_use())
        except InvalidField as error:
            failure = self._unsent.note_refusal(node, target, opened.tgid, error, errno.EINVAL)
            raise pyfuse3.FUSEError(failure.errno) from error

    def _writes_on(self, opened: OpenFile, target: MetadataFile) -> bool:
        """Tell whether the opener holds another descriptor that it may still write through."""
        name = NAMES_OF_PARTS[target.part]
        return has_writable(opened.pid, opened.inode or target.inode, name, self._volume.mount_id)

    def release(self, handle: int) -> None:
        """Close an open description; what is still unsent is sent now, or after a moment."""
        opened = self._open_files.take(handle)
        target = opened.target
        if isinstance(target, Scratch):
            self._volume.scratch.release(target, time.monotonic())
            return
        if target is None:
            return
        self._note_closing(opened, closing=False)
        target.writers -= 1
        node, buffer = self._volume.tree.find_slot(target.slot), opened.buffer
        if buffer is not None and not target.detached and node is not None:
            others = target.writers > 0 and self._open_files.list_writers(target, buffer)
            verdict = decide_release(buffer, other_handle_writes=bool(others))
            if verdict is Verdict.SEND:
                self._saver.emptied.let_go(buffer)
                self._saver.save_now(node, target, buffer, opened.tgid, opened.base)
            elif verdict is Verdict.WAIT and buffer is target.buffer:
                self._saver.save_later(node, target, opened.base)
            elif not others:
                self._saver.emptied.let_go(buffer)
        self._files.tidy(target)
        if node is not None:
            self._files.settle(node, target)

    def _note_closing(self, opened: OpenFile, *, closing: bool) -> None:
        target = opened.target
        if isinstance(target, MetadataFile) and opened.closing is not closing:
            opened.closing = closing
            target.closing += 1 if closing else -1
