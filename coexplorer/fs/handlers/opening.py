"""Opening and creating files, and what each open notes of whoever opens."""

from __future__ import annotations

import errno
import os
import time
from dataclasses import replace

import pyfuse3

from coexplorer.fs.core.buffers import MetadataFile
from coexplorer.fs.core.file_format import EDITABLE_PARTS, FILE_NAMES, NAMES_OF_PARTS, build_json
from coexplorer.fs.core.lives import Retries
from coexplorer.fs.core.nodes import AssetFlag, Node
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
        self._sharing = upstream.sharing
        self._uses = upstream.uses
        self._control = control
        self._showing = showing
        self._guard = guard
        self._retries = Retries()

    async def open(self, inode: int, flags: int, pid: int) -> pyfuse3.FileInfo:
        """Open a file that exists.

        Raises:
            pyfuse3.FUSEError: It is gone, read-only, or known to be unwritable now.
        """
        writes = bool(flags & _WRITES)
        scratch = self._volume.scratch.find_inode(inode)
        if scratch is not None:
            return self._open_scratch(scratch, flags, pid)
        if writes:
            await self._check_inode(inode)
        located = self._files.locate(inode)
        if located is None and (former := self._open_files.find_reader(inode)) and not writes:
            return self._open_again(former, pid)
        if located is None:
            if split_asset(inode) is None:
                return await self._open_text(inode, pid, writes=writes)
            raise pyfuse3.FUSEError(errno.ENOENT)
        node, part = located
        if part not in EDITABLE_PARTS or node.flags & AssetFlag.DELETED:
            return await self._open_other(node, part, inode, flags, pid)
        if not writes:
            return self._open_to_read(node, part, inode, pid)
        self._files.load(node, self._files.ensure(node, part))
        await self.make_way(node, part, inode, pid)
        return self._open_to_write(node, part, inode, flags, pid)

    def _open_again(self, former: OpenFile, pid: int) -> pyfuse3.FileInfo:
        """Open something that no longer has a name, by a descriptor's path."""
        tgid = self._volume.groups.find(pid)
        opened = replace(former, pid=pid, tgid=tgid, unread=False)
        return self._info(opened, keep_cache=opened.in_pages, direct_io=not opened.in_pages)

    async def make_way(self, node: Node, part: Part, inode: int, pid: int) -> None:
        """Let somebody change a file in place: those who read it go on reading what they have.

        Raises:
            pyfuse3.FUSEError: ESTALE: its name leads to another inode now, which is his. The kernel
                looks it up, and asks again by that.
        """
        while (renamed := self._files.find_rename(node, part)) is not None:
            await renamed.wait()
        present = self._files.inode_of(node, part)
        if self._open_files.reads_pages(present) and not self._files.is_in_flux(node, part):
            self._files.move_on(node, part)
            self._files.expect_writer(node, part)
        if inode != self._files.inode_of(node, part):
            self.send_back(pid)
        self._retries.end(pid)

    def send_back(self, pid: int) -> None:
        """Have the kernel look a path up again; not if it has just done so.

        Raises:
            pyfuse3.FUSEError: ESTALE.
        """
        if not self._retries.take(pid):
            raise pyfuse3.FUSEError(errno.ESTALE)

    def open_plain(self, inode: int, flags: int, pid: int) -> pyfuse3.FileInfo | None:
        """Open a file for reading that nobody writes; None when it has to be looked at closer.

        That is nearly every open, and a third of the price of the others.
        """
        if flags & _NOT_PLAIN:
            return None
        asset = split_asset(inode)
        if asset is None or asset[1] > Part.ERROR:
            return None
        node, part = self._volume.tree.find_number(asset[0]), asset[1]
        text = None if node is None else self._files.find_plain(node, part)
        if node is None or text is None or self._files.inode_of(node, part) != inode:
            return None
        self._reach.refresh_soon()
        self._retries.end(pid)
        tgid = self._volume.groups.find(pid)
        opened = OpenFile(
            None,
            pid,
            tgid,
            shown=text,
            snapshot=text,
            shows=(node, part),
            inode=inode,
            mtime_ns=self._volume.times.seen_ns(node, part),
            in_pages=True,
        )
        if self._is_to_be_read(node, part, text):
            opened.unread = True
            return self._info(opened)  # without the kernel's pages: every read must be seen
        self._volume.shown.show(tgid, (node.slot, part), text)
        return self._info(opened, keep_cache=self._volume.sizes.take_kept(node.slot, part))

    def _open_to_read(self, node: Node, part: Part, inode: int, pid: int) -> pyfuse3.FileInfo:
        """Open a file with what it is now, for as long as it is open."""
        self._reach.refresh_soon()
        file = self._files.find_shown(node, part) or self._files.ensure(node, part)
        self._files.load(node, file)
        buffer = file.buffer
        if buffer is None:
            raise pyfuse3.FUSEError(errno.EIO)
        opened = OpenFile(None, pid, self._volume.groups.find(pid), shows=(node, part), inode=inode)
        opened.snapshot, opened.shown = bytes(buffer.content), buffer.base
        opened.mtime_ns = self._files.mtime_of(node, part)
        keep_cache = self._place(opened, pid)
        is_present = inode == self._files.inode_of(node, part)
        file.read_beside |= is_present and not opened.in_pages
        if not buffer.dirty and self._is_to_be_read(node, part, opened.shown):
            opened.unread, keep_cache = True, False
        else:
            key = (node.slot, part)
            self._volume.shown.show(opened.tgid, key, opened.shown, opened.snapshot)
        self._files.tidy(file)
        return self._info(opened, keep_cache=keep_cache, direct_io=not opened.in_pages)

    def _place(self, opened: OpenFile, pid: int) -> bool:
        """Decide how what is opened to be read is read; tell whether the kernel's pages are right.

        Raises:
            pyfuse3.FUSEError: ESTALE, see `send_back`.
        """
        node, part = opened.shows or (None, Part.DIRECTORY)
        if node is None:
            return False
        keeps = False
        if opened.inode == self._files.inode_of(node, part):
            opened.in_pages = not self._files.is_in_flux(node, part)
            if opened.in_pages and part != Part.ERROR:
                keeps = self._volume.sizes.take_kept(node.slot, part, opened.snapshot)
        else:
            self.send_back(pid)
            former = self._open_files.find_reader(opened.inode)
            if former is not None:  # reached by a descriptor's path: it reads what that does
                opened.snapshot = opened.shown = former.snapshot
                opened.mtime_ns, opened.in_pages = former.mtime_ns, former.in_pages
        self._retries.end(pid)
        return keeps

    def _open_to_write(
        self, node: Node, part: Part, inode: int, flags: int, pid: int
    ) -> pyfuse3.FileInfo:
        self._reach.refresh_soon()
        file = self._files.ensure(node, part)
        self._files.load(node, file)
        buffer = file.buffer
        if buffer is None:
            raise pyfuse3.FUSEError(errno.EIO)
        self._retries.end(pid)
        opened = self._describe(file, flags, pid)
        opened.inode = inode
        opened.base = buffer.base
        details = self._volume.sizes
        keep_cache = details.take_kept(node.slot, file.part, buffer.content)
        if flags & os.O_TRUNC:
            opened.base = buffer.sent
            self._files.begin_text(node, file)
            opened.touched = True
        elif flags & os.O_ACCMODE != os.O_WRONLY:
            if not buffer.dirty and self._is_to_be_read(node, file.part, buffer.base):
                opened.unread, keep_cache = True, False
            else:
                self._showing.show(opened, file, buffer)
        file.writers += 1
        self._files.end_expecting(node, part)
        return self._info(opened, keep_cache=keep_cache)

    def _is_to_be_read(self, node: Node, part: Part, text: bytes) -> bool:
        """Tell whether who only opens a file has not looked at it: it has somebody else's text."""
        return self._volume.conflicts.find(node.slot, part) is not None or (
            self._volume.shown.is_news((node.slot, part), text)
        )

    async def _check_inode(self, inode: int) -> None:
        """Refuse an open for writing of a metadata file where `check_writable` does."""
        node, part = self._files.locate(inode) or (None, Part.DIRECTORY)
        if node is not None and part in EDITABLE_PARTS and not node.is_deleted:
            await self._guard.check_writable(node)

    def _open_derived(
        self, node: Node, part: Part, inode: int, pid: int, *, writes: bool
    ) -> pyfuse3.FileInfo:
        """Open ``asset.json`` or ``error``."""
        if writes:
            self._refuse_derived(node)
            raise pyfuse3.FUSEError(errno.EPERM)
        if self._volume.conflicts or part == Part.ERROR:
            self._unsent.note_look(node, part)
        if part == Part.ERROR:
            self._reach.health.forget_permission(node.slot)
            text = self._files.note_error(node)
        else:
            excerpt = self._volume.texts.excerpt(node)
            if excerpt is None:
                raise pyfuse3.FUSEError(errno.ENOENT)
            text = build_json(excerpt.raw)
            self._files.note_texts(node, {part: text})
        opened = OpenFile(None, 0, 0, snapshot=text, shows=(node, part), inode=inode)
        opened.mtime_ns = self._files.mtime_of(node, part)
        keep_cache = self._place(opened, pid)
        return self._info(opened, keep_cache=keep_cache, direct_io=not opened.in_pages)

    def _refuse_derived(self, node: Node) -> None:
        """Write the reason into the log."""
        name = node.file_name.decode(errors="replace")
        self._volume.report(f"refused: in {name} only {_FIELD_FILES} change")

    async def _open_text(self, inode: int, pid: int, *, writes: bool) -> pyfuse3.FileInfo:
        """Open a file of the root or of ``.coexplorer``."""
        if inode == Place.REFRESH:
            if writes or self._volume.options.read_only:  # there nothing can be touched
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

    async def _open_other(
        self, node: Node, part: Part, inode: int, flags: int, pid: int
    ) -> pyfuse3.FileInfo:
        """Open what is no field of an asset."""
        if part == Part.USES:
            if flags & _WRITES:
                raise pyfuse3.FUSEError(errno.EACCES)
            opened = OpenFile(None, pid, self._volume.groups.find(pid), inode=inode)
            await self._uses.open(opened, node)
            return self._info(opened, direct_io=True)
        if part == Part.SHARING:
            return await self._open_sharing(node, inode, flags, pid)
        return self._open_derived(node, part, inode, pid, writes=bool(flags & _WRITES))

    async def _open_sharing(self, node: Node, inode: int, flags: int, pid: int) -> pyfuse3.FileInfo:
        """Open ``about/sharing``: the platform is asked now."""
        opened = OpenFile(
            None,
            pid,
            self._volume.groups.find(pid),
            writable=bool(flags & _WRITES),
            appends=bool(flags & os.O_APPEND),
            inode=inode,
        )
        if opened.writable:
            await self._guard.check_writable(node)
        await self._sharing.open(opened, node, empties=bool(flags & os.O_TRUNC))
        return self._info(opened, direct_io=True)

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
        self._files.begin_text(node, file)
        opened.touched = True
        file.writers += 1
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
