"""Open files: reading, writing, and what each close means.

`coexplorer.fs.core.buffers` decides; `coexplorer.fs.core.open_files` keeps the open descriptions;
this module carries the decisions out.
"""

from __future__ import annotations

import errno
import os
import time

import pyfuse3

from coexplorer.errors import InvalidField, NotFound
from coexplorer.fs.core.buffers import (
    Buffer,
    MetadataFile,
    Verdict,
    decide_flush,
    decide_release,
)
from coexplorer.fs.core.conflicts import AGAIN_S
from coexplorer.fs.core.file_format import (
    EDITABLE_PARTS,
    FIELDS_OF_PARTS,
    FILE_NAMES,
    NAMES_OF_PARTS,
    build_json,
)
from coexplorer.fs.core.open_files import OpenFile
from coexplorer.fs.core.scratch import Scratch
from coexplorer.fs.core.tree import Flag, Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.handlers.control_files import ControlFiles
from coexplorer.fs.handlers.guards import refusing_space
from coexplorer.fs.kernel.inodes import Part, Place, split_asset
from coexplorer.fs.kernel.procfs import has_writable, is_killed, read_command
from coexplorer.fs.sync.upstream import Upstream

_WRITES = os.O_WRONLY | os.O_RDWR
_NOT_PLAIN = _WRITES | os.O_TRUNC | os.O_APPEND

_FILES = [NAMES_OF_PARTS[part].decode() for part in EDITABLE_PARTS]
_FIELD_FILES = f"{', '.join(_FILES[:-1])} and {_FILES[-1]}"


class FileIO:
    """Opens, reads, writes and closes files."""

    def __init__(self, volume: Volume, upstream: Upstream, control: ControlFiles) -> None:
        self.volume = volume
        self.saver = upstream.saver
        self.reach = upstream.reach
        self.unsent = upstream.unsent
        self.control = control
        self.keeper = upstream.keeper
        self.open_files = volume.open_files

    # --- Opening

    async def open(self, inode: int, flags: int, pid: int) -> pyfuse3.FileInfo:
        """Open what is there.

        Raises:
            pyfuse3.FUSEError: It is gone, read-only, or known to be unwritable now.
        """
        writes = bool(flags & _WRITES)
        scratch = self.volume.scratch.find_inode(inode)
        if scratch is not None:
            return self._open_scratch(scratch, flags, pid)
        if writes:
            await self._check_inode(inode)
        file = self.volume.files.find_second_life(inode)
        asset = split_asset(inode)
        if file is not None:
            node = self.volume.tree.find_slot(file.slot)
            part = file.part
        elif asset is not None:
            node, part = self.volume.tree.find_number(asset[0]), asset[1]
        else:
            return await self._open_text(inode, pid, writes=writes)
        if node is None or node.gone:
            raise pyfuse3.FUSEError(errno.ENOENT)
        if part not in EDITABLE_PARTS or node.flags & Flag.DELETED:
            return self._open_derived(node, part, writes=writes)
        if file is None:
            file = self.volume.files.ensure(node, part)
            if file.inode != inode:  # opened by a name that was taken away meanwhile
                raise pyfuse3.FUSEError(errno.ENOENT)
        return self._open_metadata(node, file, flags, pid)

    def open_plain(self, inode: int, flags: int, pid: int) -> pyfuse3.FileInfo | None:
        """Open a file for reading that nobody writes; None when it has to be looked at closer.

        That is nearly every open, and a third of the price of the others.
        """
        if flags & _NOT_PLAIN:
            return None
        asset = split_asset(inode)
        if asset is None:
            return None
        node = self.volume.tree.find_number(asset[0])
        text = None if node is None else self.volume.files.find_plain(node, asset[1])
        if node is None or text is None:
            return None
        self.reach.refresh_soon()
        tgid = self.volume.groups.find(pid)
        opened = OpenFile(None, pid, tgid, shown=text, snapshot=text, plain=(node, asset[1]))
        if self.volume.conflicts.find(node.slot, asset[1]) is not None:
            opened.unread = True
            return self._info(opened)  # without the kernel's pages: every read must be seen
        self.volume.shown.show(tgid, (node.slot, asset[1]), text)
        return self._info(opened, keep_cache=self.volume.sizes.take_kept(node.slot, asset[1]))

    def _open_metadata(
        self, node: Node, file: MetadataFile, flags: int, pid: int
    ) -> pyfuse3.FileInfo:
        self.load(node, file)
        buffer = file.buffer
        if buffer is None:
            raise pyfuse3.FUSEError(errno.EIO)
        opened = self._describe(file, flags, pid)
        opened.base = buffer.base
        details = self.volume.sizes
        keep_cache = details.take_kept(node.slot, file.part, buffer.content)
        if flags & os.O_TRUNC:
            opened.base = buffer.sent
            self._cut(node, file, buffer, 0)
            opened.touched = True
        elif flags & os.O_ACCMODE != os.O_WRONLY:
            if not buffer.dirty and self.volume.conflicts.find(node.slot, file.part) is not None:
                opened.unread, keep_cache = True, False
            else:
                self._show(opened, file, buffer)
        file.handles += 1
        file.writers += opened.writable
        return self._info(opened, keep_cache=keep_cache)

    async def _check_inode(self, inode: int) -> None:
        """Refuse an open for writing of a metadata file where `check_writable` does."""
        file = self.volume.files.find_second_life(inode)
        asset = split_asset(inode)
        node = None
        if file is not None:
            node = self.volume.tree.find_slot(file.slot)
        elif asset is not None and asset[1] in EDITABLE_PARTS:
            node = self.volume.tree.find_number(asset[0])
        if node is not None and not node.gone and not node.is_deleted:
            await self.check_writable(node)

    async def check_writable(self, node: Node, *, queues: bool = False) -> None:
        """Refuse a write before it is made, where it is known to be in vain.

        The mount's log says why. What is known of the asset's files may have changed meanwhile, if
        there was trouble.

        Args:
            node: The asset.
            queues: See `Connectivity.find_refusal`.

        Raises:
            pyfuse3.FUSEError: EROFS, ENETDOWN, ETIMEDOUT or EACCES.
        """
        if self.volume.options.read_only:
            raise pyfuse3.FUSEError(errno.EROFS)
        number = await self.reach.find_refusal(node, queues=queues)
        if number:
            raise pyfuse3.FUSEError(number)

    def load(self, node: Node, file: MetadataFile) -> None:
        """Make sure that a file has its buffer."""
        if file.buffer is not None and (file.buffer.dirty or file.handles):
            return  # others have it open: all see the same
        self.reach.refresh_soon()
        text = self.volume.texts.text_of(node, file.part)
        if text is None:
            raise NotFound("the asset is gone from the platform")
        file.buffer = Buffer.of(text)
        # Another process may have changed the catalog a moment ago.
        self.volume.files.note_texts(node, {file.part: text})

    def _show(self, opened: OpenFile, file: MetadataFile, buffer: Buffer) -> None:
        """Note what a process reads: that is what its next save is merged with."""
        opened.shown = buffer.base
        key = (file.slot, file.part)
        self.volume.shown.show(opened.tgid, key, buffer.base, bytes(buffer.content))

    def _open_derived(self, node: Node, part: Part, *, writes: bool) -> pyfuse3.FileInfo:
        """Open ``asset.json`` or ``error``."""
        if writes:
            self._refuse_derived(node)
            raise pyfuse3.FUSEError(errno.EPERM)
        if self.volume.conflicts:
            self.unsent.note_look(node, part)
        if part == Part.ERROR:
            self.reach.health.forget_permission(node.slot)
            text = self.volume.failures.text_of(node)
        else:
            excerpt = self.volume.texts.excerpt(node)
            if excerpt is None:
                raise pyfuse3.FUSEError(errno.ENOENT)
            text = build_json(excerpt.raw)
        opened = OpenFile(None, 0, 0, snapshot=text)
        if part == Part.ERROR:
            return self._info(opened, direct_io=True)
        self.volume.files.note_texts(node, {part: text})
        return self._info(opened, keep_cache=self.volume.sizes.take_kept(node.slot, part))

    def _refuse_derived(self, node: Node) -> None:
        """Write the reason into the log."""
        name = node.file_name.decode(errors="replace")
        self.volume.report(f"refused: in {name} only {_FIELD_FILES} change")

    async def _open_text(self, inode: int, pid: int, *, writes: bool) -> pyfuse3.FileInfo:
        """Open a file of the root or of ``.coexplorer``."""
        if inode == Place.REFRESH:
            if writes:
                self.reach.catch_up()
            return self._info(OpenFile(None, 0, 0, writable=writes), direct_io=True)
        if writes:
            self.volume.report("refused: writing a read-only file")
            raise pyfuse3.FUSEError(errno.EPERM)
        unsent = self.control.find_unsent_inode(inode)
        if unsent is not None:
            return self._info(OpenFile(None, 0, 0, snapshot=unsent.content), direct_io=True)
        if inode > max(Place):
            raise pyfuse3.FUSEError(errno.ENOENT)
        if inode == Place.LOG:
            return self._info(OpenFile(None, 0, 0, follows=self.volume.logbook), direct_io=True)
        text = await self.control.read(Place(inode), self.volume.groups.find(pid))
        return self._info(OpenFile(None, 0, 0, snapshot=text), direct_io=True)

    def _open_scratch(self, scratch: Scratch, flags: int, pid: int) -> pyfuse3.FileInfo:
        if flags & os.O_TRUNC:
            self.volume.scratch.resize(scratch, 0)
        scratch.handles += 1
        scratch.used = time.monotonic()
        return self._info(self._describe(scratch, flags, pid), keep_cache=True)

    async def create(self, node: Node, name: bytes, mode: int, flags: int, pid: int) -> OpenFile:
        """Create a file in an asset's directory: a removed metadata file, or an editor's own.

        Raises:
            pyfuse3.FUSEError: EPERM for names that are not to be written; EFBIG, ENOSPC.
        """
        part = FILE_NAMES.get(name)
        if part is None:
            scratch = Scratch(
                self.volume.inodes.take(),
                node.slot,
                name,
                mtime_ns=time.time_ns(),
                used=time.monotonic(),
                mode=mode & 0o755,  # others may look at most
                handles=1,
            )
            with refusing_space(self.volume, node, name):
                self.volume.scratch.add(scratch)
            return self._describe(scratch, flags, pid)
        if part not in EDITABLE_PARTS:
            self._refuse_derived(node)
            raise pyfuse3.FUSEError(errno.EPERM)
        await self.check_writable(node)
        file = self.volume.files.ensure(node, part)
        file.hidden_until = None
        self.load(node, file)
        if file.buffer is None:
            raise pyfuse3.FUSEError(errno.EIO)
        opened = self._describe(file, flags, pid)
        opened.base = file.buffer.sent
        self._cut(node, file, file.buffer, 0)
        opened.touched = True
        file.handles += 1
        file.writers += opened.writable
        return opened

    def info_of(self, opened: OpenFile) -> pyfuse3.FileInfo:
        """Return the kernel's handle of a file that `create` opened."""
        return self._info(opened)

    def _describe(self, target: MetadataFile | Scratch, flags: int, pid: int) -> OpenFile:
        return OpenFile(
            target,
            pid,
            self.volume.groups.find(pid),
            writable=bool(flags & _WRITES),
            appends=bool(flags & os.O_APPEND),
        )

    def _info(
        self, opened: OpenFile, *, keep_cache: bool = False, direct_io: bool = False
    ) -> pyfuse3.FileInfo:
        handle = self.open_files.add(opened)
        return pyfuse3.FileInfo(
            fh=pyfuse3.FileHandleT(handle), keep_cache=keep_cache, direct_io=direct_io
        )

    # --- Content

    def read(self, handle: int, offset: int, size: int) -> bytes:
        """Return what a read answers."""
        opened = self.open_files.by_handle[handle]
        target = opened.target
        if target is None:
            if opened.plain is not None and offset == 0:
                self._look_again(opened, *opened.plain)
            if opened.follows is not None:
                return bytes(opened.follows.text[offset : offset + size])
            return opened.snapshot[offset : offset + size]
        if isinstance(target, Scratch):
            return bytes(target.content[offset : offset + size])
        buffer = target.buffer
        if buffer is None:
            return b""
        if opened.unread:
            if not self._reads_again(opened, target.slot, target.part):
                self._note_read(opened, target.slot, target.part)
                self._show(opened, target, buffer)
        elif offset == 0 and opened.shown is not None and opened.shown is not buffer.base:
            self._show(opened, target, buffer)  # it changed since the open, and is read only now
        return bytes(buffer.content[offset : offset + size])

    def _look_again(self, opened: OpenFile, node: Node, part: Part) -> None:
        """Read what is there now: it may have changed since the open."""
        text = self.volume.files.find_plain(node, part)
        if text is not None and (opened.unread or text != opened.snapshot):
            opened.snapshot = text
            if opened.unread:
                if self._reads_again(opened, node.slot, part):
                    return
                self._note_read(opened, node.slot, part)
            opened.shown = text
            self.volume.shown.show(opened.tgid, (node.slot, part), text)

    def _reads_again(self, opened: OpenFile, slot: int, part: Part) -> bool:
        """Tell whether a refused program reads, started again at once: nobody has looked."""
        conflict = self.volume.conflicts.find(slot, part)
        if conflict is None or not conflict.program or opened.tgid == conflict.tgid:
            return False
        if time.monotonic() - conflict.at > AGAIN_S or read_command(opened.pid) != conflict.program:
            return False
        self.volume.shown.show(opened.tgid, (slot, part), conflict.base)
        return True

    def _note_read(self, opened: OpenFile, slot: int, part: Part) -> None:
        """Note that a process reads what the platform has: whoever runs it has seen that."""
        opened.unread = False
        self.volume.conflicts.note_read(slot, part)

    def write(self, handle: int, offset: int, data: bytes) -> int:
        """Take over what was written.

        Raises:
            InvalidField: It can never be right.
            OSError: EFBIG, ENOSPC.
        """
        opened = self.open_files.by_handle[handle]
        target = opened.target
        if target is None:
            return len(data)  # .coexplorer/refresh: the open did it
        if isinstance(target, Scratch):
            at = len(target.content) if opened.appends else offset
            with refusing_space(self.volume, self.volume.tree.find_slot(target.slot), target.name):
                self.volume.scratch.write(target, at, data)
            target.mtime_ns, target.used = time.time_ns(), time.monotonic()
            opened.touched = True
            return len(data)
        buffer = target.buffer
        if buffer is None:
            raise OSError(errno.EIO, "the file lost its buffer")
        at = len(buffer.content) if opened.appends else offset
        self.volume.sizes.forget_kept(target.slot, target.part)
        try:
            buffer.write(at, data, target.part)
        except (InvalidField, OSError) as error:
            self._refuse(opened, target, error)
            buffer.keep_refused(at, data)
            raise
        opened.touched = True
        buffer.mtime_ns = time.time_ns()
        return len(data)

    def _refuse(self, opened: OpenFile, file: MetadataFile, error: InvalidField | OSError) -> None:
        """Say in the asset's ``error`` why a write was refused: shells only show the errno."""
        node = self.volume.tree.find_slot(file.slot)
        if node is None or file.buffer is None or file.detached:
            return
        number = errno.EINVAL
        if isinstance(error, OSError):
            number = error.errno or errno.EIO
            error = InvalidField(FIELDS_OF_PARTS[file.part], str(error.strerror))
        opened.touched = file.buffer.dirty = True
        file.buffer.refusal = self.unsent.note_refusal(node, file, opened.tgid, error, number)

    def resize(self, node: Node, file: MetadataFile, size: int, handle: int | None) -> None:
        """Cut or grow a metadata file; without a handle, after `check_writable`.

        Raises:
            OSError: EFBIG.
        """
        opened = None if handle is None else self.open_files.by_handle.get(handle)
        if opened is None:
            self.load(node, file)
        if file.buffer is None:
            raise pyfuse3.FUSEError(errno.EIO)
        self._cut(node, file, file.buffer, size)
        if opened is not None:
            opened.touched = True
        elif file.buffer.dirty:
            self.saver.save_later(node, file, file.buffer.base if size else file.buffer.sent)

    def resize_scratch(self, scratch: Scratch, size: int) -> None:
        """Cut or grow an editor's own file.

        Raises:
            OSError: ENOSPC.
        """
        with refusing_space(self.volume, self.volume.tree.find_slot(scratch.slot), scratch.name):
            self.volume.scratch.resize(scratch, size)
        scratch.mtime_ns = time.time_ns()

    def _cut(self, node: Node, file: MetadataFile, buffer: Buffer, size: int) -> None:
        version = buffer.version
        self.volume.sizes.forget_kept(node.slot, file.part)
        buffer.resize(size)
        if buffer.version != version:
            buffer.mtime_ns = time.time_ns()

    # --- Closing

    async def flush(self, handle: int, *, wants_sync: bool = False) -> None:
        """Answer a close of a descriptor, or an fsync.

        Raises:
            pyfuse3.FUSEError: What was written could not be sent.
        """
        opened = self.open_files.by_handle[handle]
        target = opened.target
        if isinstance(target, Scratch) and opened.writable:
            if opened.touched:
                self._note_backup(target, opened.tgid)
            await self.keeper.keep(target)
        if not isinstance(target, MetadataFile) or target.detached or target.buffer is None:
            return
        buffer = target.buffer
        node = self.volume.tree.find_slot(target.slot)
        if opened.touched and buffer.refusal is not None and node is not None:
            await self.unsent.keep_rejected(node, target, opened.base)
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
        if unheard and not wants_sync and is_killed(opened.pid):
            buffer.refusal = self.unsent.note_interruption(node, target, buffer)
            await self.unsent.keep_rejected(node, target, opened.base)
            raise pyfuse3.FUSEError(buffer.refusal.errno)
        if verdict is Verdict.SEND:
            await self.saver.save(node, target, opened.tgid, opened.base)
            self.open_files.rebase(target, buffer.base)

    def _writes_on(self, opened: OpenFile, target: MetadataFile) -> bool:
        """Tell whether the opener holds another descriptor that it may still write through."""
        name = NAMES_OF_PARTS[target.part]
        return has_writable(opened.pid, target.inode, name, self.volume.mount_id)

    def release(self, handle: int) -> None:
        """Let an open description go; what is still unsent is sent now, or after a moment."""
        opened = self.open_files.by_handle.pop(handle)
        target = opened.target
        if isinstance(target, Scratch):
            self.volume.scratch.release(target, time.monotonic())
            return
        if target is None:
            return
        target.handles -= 1
        target.writers -= opened.writable
        node = self.volume.tree.find_slot(target.slot)
        if target.buffer is not None and not target.detached and node is not None:
            verdict = decide_release(target.buffer, other_handle_writes=target.writers > 0)
            if verdict is Verdict.SEND:
                self.saver.save_now(node, target, opened.tgid, opened.base)
            elif verdict is Verdict.WAIT:
                self.saver.save_later(node, target, opened.base)
        self.volume.files.tidy(target)

    def _note_backup(self, scratch: Scratch, tgid: int) -> None:
        """See `MergeBases.note_backup`: who copies a file to a backup was not shown it."""
        content = bytes(scratch.content)
        for part in EDITABLE_PARTS:
            self.volume.shown.note_backup(tgid, (scratch.slot, part), content)
