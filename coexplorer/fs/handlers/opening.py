"""Opening and creating files, and what each open notes of who opens."""

from __future__ import annotations

import errno
import os
import time

import pyfuse3

from coexplorer.fs.core.buffers import MetadataFile
from coexplorer.fs.core.file_format import EDITABLE_PARTS, FILE_NAMES, NAMES_OF_PARTS, build_json
from coexplorer.fs.core.nodes import Flag, Node
from coexplorer.fs.core.open_files import OpenFile
from coexplorer.fs.core.scratch import Scratch
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.handlers.control_files import ControlFiles
from coexplorer.fs.handlers.guards import WriteGuard, refusing_space
from coexplorer.fs.handlers.showing import Showing
from coexplorer.fs.kernel.inodes import Part, Place, split_asset
from coexplorer.fs.sync.upstream import Upstream

_WRITES = os.O_WRONLY | os.O_RDWR
_NOT_PLAIN = _WRITES | os.O_TRUNC | os.O_APPEND

_FILES = [NAMES_OF_PARTS[part].decode() for part in EDITABLE_PARTS]
_FIELD_FILES = f"{', '.join(_FILES[:-1])} and {_FILES[-1]}"


class Opening:
    """Opens files, and says which kernel pages are still right."""

    def __init__(
        self,
        volume: Volume,
        upstream: Upstream,
        control: ControlFiles,
        showing: Showing,
        guard: WriteGuard,
    ) -> None:
        self._volume = volume
        self._files = volume.files
        self._open_files = volume.open_files
        self._reach = upstream.reach
        self._unsent = upstream.unsent
        self._control = control
        self._showing = showing
        self._guard = guard

    async def open(self, inode: int, flags: int, pid: int) -> pyfuse3.FileInfo:
        """Open what is there.

        Raises:
            pyfuse3.FUSEError: It is gone, read-only, or known to be unwritable now.
        """
        writes = bool(flags & _WRITES)
        scratch = self._volume.scratch.find_inode(inode)
        if scratch is not None:
            return self._open_scratch(scratch, flags, pid)
        if writes:
            await self._check_inode(inode)
        file = self._files.find_second_life(inode)
        asset = split_asset(inode)
        if file is not None:
            node = self._volume.tree.find_slot(file.slot)
            part = file.part
        elif asset is not None:
            node, part = self._volume.tree.find_number(asset[0]), asset[1]
        else:
            return await self._open_text(inode, pid, writes=writes)
        if node is None or node.gone:
            raise pyfuse3.FUSEError(errno.ENOENT)
        if part not in EDITABLE_PARTS or node.flags & Flag.DELETED:
            return self._open_derived(node, part, writes=writes)
        if file is None:
            file = self._files.ensure(node, part)
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
        node = self._volume.tree.find_number(asset[0])
        text = None if node is None else self._files.find_plain(node, asset[1])
        if node is None or text is None:
            return None
        self._reach.refresh_soon()
        tgid = self._volume.groups.find(pid)
        opened = OpenFile(None, pid, tgid, shown=text, snapshot=text, plain=(node, asset[1]))
        if self._is_to_be_read(node, asset[1], text):
            opened.unread = True
            return self._info(opened)  # without the kernel's pages: every read must be seen
        self._volume.shown.show(tgid, (node.slot, asset[1]), text)
        return self._info(opened, keep_cache=self._volume.sizes.take_kept(node.slot, asset[1]))

    def _open_metadata(
        self, node: Node, file: MetadataFile, flags: int, pid: int
    ) -> pyfuse3.FileInfo:
        self._reach.refresh_soon()
        self._files.load(node, file)
        buffer = file.buffer
        if buffer is None:
            raise pyfuse3.FUSEError(errno.EIO)
        opened = self._describe(file, flags, pid)
        opened.base = buffer.base
        details = self._volume.sizes
        keep_cache = details.take_kept(node.slot, file.part, buffer.content)
        if flags & os.O_TRUNC:
            opened.base = buffer.sent
            self._files.cut(node, file, buffer, 0)
            opened.touched = True
        elif flags & os.O_ACCMODE != os.O_WRONLY:
            if not buffer.dirty and self._is_to_be_read(node, file.part, buffer.base):
                opened.unread, keep_cache = True, False
            else:
                self._showing.show(opened, file, buffer)
        file.handles += 1
        file.writers += opened.writable
        return self._info(opened, keep_cache=keep_cache)

    def _is_to_be_read(self, node: Node, part: Part, text: bytes) -> bool:
        """Tell whether who only opens a file has not looked at it: it has somebody else's text."""
        return self._volume.conflicts.find(node.slot, part) is not None or (
            self._volume.shown.is_news((node.slot, part), text)
        )

    async def _check_inode(self, inode: int) -> None:
        """Refuse an open for writing of a metadata file where `check_writable` does."""
        file = self._files.find_second_life(inode)
        asset = split_asset(inode)
        node = None
        if file is not None:
            node = self._volume.tree.find_slot(file.slot)
        elif asset is not None and asset[1] in EDITABLE_PARTS:
            node = self._volume.tree.find_number(asset[0])
        if node is not None and not node.gone and not node.is_deleted:
            await self._guard.check_writable(node)

    def _open_derived(self, node: Node, part: Part, *, writes: bool) -> pyfuse3.FileInfo:
        """Open ``asset.json`` or ``error``."""
        if writes:
            self._refuse_derived(node)
            raise pyfuse3.FUSEError(errno.EPERM)
        if self._volume.conflicts:
            self._unsent.note_look(node, part)
        if part == Part.ERROR:
            self._reach.health.forget_permission(node.slot)
            text = self._volume.failures.text_of(node)
        else:
            excerpt = self._volume.texts.excerpt(node)
            if excerpt is None:
                raise pyfuse3.FUSEError(errno.ENOENT)
            text = build_json(excerpt.raw)
        opened = OpenFile(None, 0, 0, snapshot=text)
        if part == Part.ERROR:
            return self._info(opened, direct_io=True)
        self._files.note_texts(node, {part: text})
        return self._info(opened, keep_cache=self._volume.sizes.take_kept(node.slot, part))

    def _refuse_derived(self, node: Node) -> None:
        """Write the reason into the log."""
        name = node.file_name.decode(errors="replace")
        self._volume.report(f"refused: in {name} only {_FIELD_FILES} change")

    async def _open_text(self, inode: int, pid: int, *, writes: bool) -> pyfuse3.FileInfo:
        """Open a file of the root or of ``.coexplorer``."""
        if inode == Place.REFRESH:
            if writes:
                self._reach.catch_up()
            return self._info(OpenFile(None, 0, 0, writable=writes), direct_io=True)
        if writes:
            self._volume.report("refused: writing a read-only file")
            raise pyfuse3.FUSEError(errno.EPERM)
        unsent = self._control.find_unsent_inode(inode)
        if unsent is not None:
            return self._info(OpenFile(None, 0, 0, snapshot=unsent.content), direct_io=True)
        if inode > max(Place):
            raise pyfuse3.FUSEError(errno.ENOENT)
        if inode == Place.LOG:
            return self._info(OpenFile(None, 0, 0, follows=self._volume.logbook), direct_io=True)
        text = await self._control.read(Place(inode), self._volume.groups.find(pid))
        return self._info(OpenFile(None, 0, 0, snapshot=text), direct_io=True)

    def _open_scratch(self, scratch: Scratch, flags: int, pid: int) -> pyfuse3.FileInfo:
        if flags & os.O_TRUNC:
            self._volume.scratch.resize(scratch, 0)
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
                self._volume.inodes.take(),
                node.slot,
                name,
                mtime_ns=time.time_ns(),
                used=time.monotonic(),
                mode=mode & 0o755,  # others may look at most
                handles=1,
            )
            with refusing_space(self._volume, node, name):
                self._volume.scratch.add(scratch)
            return self._describe(scratch, flags, pid)
        if part not in EDITABLE_PARTS:
            self._refuse_derived(node)
            raise pyfuse3.FUSEError(errno.EPERM)
        await self._guard.check_writable(node)
        file = self._files.ensure(node, part)
        file.hidden_until = None
        self._reach.refresh_soon()
        self._files.load(node, file)
        if file.buffer is None:
            raise pyfuse3.FUSEError(errno.EIO)
        opened = self._describe(file, flags, pid)
        opened.base = file.buffer.sent
        self._files.cut(node, file, file.buffer, 0)
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
            self._volume.groups.find(pid),
            writable=bool(flags & _WRITES),
            appends=bool(flags & os.O_APPEND),
        )

    def _info(
        self, opened: OpenFile, *, keep_cache: bool = False, direct_io: bool = False
    ) -> pyfuse3.FileInfo:
        handle = self._open_files.add(opened)
        return pyfuse3.FileInfo(
            fh=pyfuse3.FileHandleT(handle), keep_cache=keep_cache, direct_io=direct_io
        )
