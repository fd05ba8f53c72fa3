"""The request handlers: each is a few lines that call the module that knows."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence

import pyfuse3
from pyfuse3 import (
    EntryAttributes,
    FileHandleT,
    FileInfo,
    FileNameT,
    FlagT,
    InodeT,
    ModeT,
    ReaddirToken,
    RequestContext,
    SetattrFields,
    StatvfsData,
)

from coexplorer.fs.core.buffers import MetadataFile
from coexplorer.fs.core.file_format import EDITABLE_PARTS, NAMES_OF_PARTS
from coexplorer.fs.core.nodes import AssetFlag, Node
from coexplorer.fs.core.scratch import MAX_SCRATCH_TOTAL_BYTES, Scratch
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.handlers.data_files import FIRST_HANDLE, DataFiles
from coexplorer.fs.handlers.file_io import FileIO
from coexplorer.fs.handlers.guards import WriteGuard, refuse
from coexplorer.fs.handlers.listing import DOTS, Listing, Listings
from coexplorer.fs.handlers.lookup import Lookup
from coexplorer.fs.handlers.opening import Opening
from coexplorer.fs.handlers.rename import Renaming
from coexplorer.fs.handlers.stat import Stat
from coexplorer.fs.kernel.attributes import build_absent
from coexplorer.fs.kernel.errnos import DEADLINE_S, answers
from coexplorer.fs.kernel.inodes import Part, Place, is_data, is_fetched, is_uses, split_view
from coexplorer.fs.sync.upstream import Upstream

_BLOCK_BYTES = 4096
_LONGEST_NAME = 255


class Operations(pyfuse3.Operations):
    """What the kernel asks; see `coexplorer.fs.mount` for who puts it together.

    Extended attributes and whatever else is not here stay unimplemented: the kernel then
    never asks again, or falls back by itself (design: fuse-notes.md, What the kernel leaves out).

    Handlers that change the platform answer within a deadline. Those that only look wait for
    nothing but the catalog, and carry no deadline of their own, which would cost a tenth of them;
    a search and a save within them have theirs.
    """

    def __init__(
        self,
        volume: Volume,
        upstream: Upstream,
        *,
        guard: WriteGuard,
        stat: Stat,
        looking: Lookup,
        listings: Listings,
        opening: Opening,
        file_io: FileIO,
        data_files: DataFiles,
        moving: Renaming,
    ) -> None:
        super().__init__()
        self.volume = volume
        self._reach = upstream.reach
        self._keeper = upstream.keeper
        self._sharing = upstream.sharing
        self._uses = upstream.uses
        self._guard = guard
        self._stat = stat
        self._looking = looking
        self._listed = listings
        self._opening = opening
        self._file_io = file_io
        self._data_files = data_files
        self._moving = moving
        self._tagging = moving.tagging
        self._listings: dict[int, Listing] = {}
        self._next_listing = 1

    # --- Looking

    @answers()
    async def lookup(
        self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        entry = await self._looking.find(parent_inode, name, ctx.pid)
        if entry is None:
            _checked(name)
            if name == NAMES_OF_PARTS[Part.ERROR]:
                raise pyfuse3.FUSEError(errno.ENOENT)  # which the kernel does not remember
            return build_absent()
        self.volume.counts.add(entry.st_ino)
        return entry

    async def forget(self, inode_list: Sequence[tuple[InodeT, int]]) -> None:
        for inode, count in self.volume.counts.forget_directories(inode_list):
            try:
                released = self.volume.counts.forget(inode, count)
            except ValueError as error:
                self.volume.report(f"a reply was not counted: {error}")
                continue
            if released is not None:
                self.volume.forget_inode(released)

    @answers()
    async def getattr(self, inode: InodeT, ctx: RequestContext) -> EntryAttributes:
        if is_fetched(inode):
            room = self._uses if is_uses(inode) else self._sharing
            await room.sizes.measure(inode, ctx.pid)
        entry = self._stat.attributes(inode, ctx.pid)
        return entry  # noqa: RET504 - the page of invariants looks for it

    @answers()
    async def readlink(self, inode: InodeT, ctx: RequestContext) -> FileNameT:
        return FileNameT(self._stat.target(inode))

    @answers()
    async def opendir(self, inode: InodeT, ctx: RequestContext) -> FileHandleT:
        listing = await self._listed.list_directory(inode)
        listing.inode = inode
        handle = self._next_listing
        self._next_listing += 1
        self._listings[handle] = listing
        return FileHandleT(handle)

    @answers()
    async def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> None:
        listing = self._listings[fh]
        if start_id < DOTS:
            listing = self._listings[fh] = await self._rewound(listing, start_id)
            if not self._listed.fill_dots(listing, start_id, token):
                return
        start = max(start_id - DOTS, 0)
        if listing.inodes:
            self._listed.fill_assets(listing, start, token)
            return
        names, entry_at = listing.names, self._listed.entry_at
        add, reply = self.volume.counts.add, pyfuse3.readdir_reply
        for index in range(start, len(names)):
            entry = entry_at(listing, index)
            if not reply(token, names[index], entry, index + DOTS + 1):
                return
            add(entry.st_ino)

    async def _rewound(self, listing: Listing, start_id: int) -> Listing:
        """Return a directory's listing: a new one if it is read from the beginning once more."""
        if start_id or not listing.is_begun:
            listing.is_begun = True
            return listing
        again = await self._listed.list_directory(listing.inode)
        again.inode, again.is_begun = listing.inode, True
        return again

    @answers()
    async def releasedir(self, fh: FileHandleT) -> None:
        del self._listings[fh]

    @answers()
    async def fsyncdir(self, fh: FileHandleT, datasync: bool) -> None:
        return

    @answers()
    async def statfs(self, ctx: RequestContext) -> StatvfsData:
        figures = StatvfsData()
        free = MAX_SCRATCH_TOTAL_BYTES - self.volume.scratch.used_bytes
        figures.f_bsize = figures.f_frsize = _BLOCK_BYTES
        figures.f_blocks = MAX_SCRATCH_TOTAL_BYTES // _BLOCK_BYTES
        figures.f_bfree = figures.f_bavail = free // _BLOCK_BYTES
        figures.f_files = 8 * len(self.volume.tree) + 1_000_000
        figures.f_ffree = figures.f_favail = 1_000_000
        figures.f_namemax = _LONGEST_NAME
        return figures

    # --- Files

    @answers()
    async def open(self, inode: InodeT, flags: FlagT, ctx: RequestContext) -> FileInfo:
        plain = self._opening.open_plain(inode, flags, ctx.pid)
        if plain is not None:
            return plain
        if is_data(inode):
            return await self._data_files.open(inode, flags, ctx.pid)
        return await self._opening.open(inode, flags, ctx.pid)

    @answers()
    async def create(
        self,
        parent_inode: InodeT,
        name: FileNameT,
        mode: ModeT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> tuple[FileInfo, EntryAttributes]:
        node = self._get_directory(parent_inode, name)
        opened = await self._opening.create(node, name, mode, flags, ctx.pid)
        entry = self._looking.find_in_asset(node, name)
        if entry is None:
            raise pyfuse3.FUSEError(errno.EIO)
        self.volume.counts.add(entry.st_ino)
        return self._opening.info_of(opened), entry

    @answers()
    async def read(self, fh: FileHandleT, off: int, size: int) -> bytes:
        if fh >= FIRST_HANDLE:
            return await self._data_files.read(fh, off, size)
        return self._file_io.read(fh, off, size)

    @answers()
    async def write(self, fh: FileHandleT, off: int, buf: bytes) -> int:
        return self._file_io.write(fh, off, buf)

    @answers()
    async def flush(self, fh: FileHandleT) -> None:
        if fh >= FIRST_HANDLE:
            self._data_files.flush(fh)
            return
        await self._file_io.flush(fh)

    @answers()
    async def fsync(self, fh: FileHandleT, datasync: bool) -> None:
        if fh >= FIRST_HANDLE:
            return
        await self._file_io.flush(fh, wants_sync=True)

    @answers()
    async def release(self, fh: FileHandleT) -> None:
        if fh >= FIRST_HANDLE:
            await self._data_files.release(fh)
            return
        self._file_io.release(fh)

    @answers()
    async def setattr(
        self,
        inode: InodeT,
        attr: EntryAttributes,
        fields: SetattrFields,
        fh: FileHandleT | None,
        ctx: RequestContext,
    ) -> EntryAttributes:
        """Cut and set times; owner and mode are accepted and change nothing."""
        if fields.update_size and self._file_io.resize_sharing(fh, attr.st_size):
            return self._stat.attributes(inode, ctx.pid)
        scratch = self.volume.scratch.find_inode(inode)
        cuts = fields.update_size and fh is None
        file, node = await self._find_to_change(inode, fh, ctx.pid, cuts=cuts)
        if inode == Place.REFRESH:
            self._reach.catch_up()
        elif scratch is not None:
            await self._change_scratch(scratch, attr, fields)
        elif file is not None and node is not None:
            if fields.update_size:
                await self._file_io.resize(node, file, attr.st_size, fh, ctx.pid)
            if fields.update_mtime:
                self.volume.files.set_mtime(node, file.part, attr.st_mtime_ns)
            self.volume.files.tidy(file)
        elif fields.update_size:
            raise pyfuse3.FUSEError(errno.EPERM)
        return self._stat.attributes(inode)

    async def _change_scratch(
        self, scratch: Scratch, attr: EntryAttributes, fields: SetattrFields
    ) -> None:
        if fields.update_size:
            self._file_io.resize_scratch(scratch, attr.st_size)
        if fields.update_mtime:
            scratch.mtime_ns = attr.st_mtime_ns
            scratch.is_written = False
        if fields.update_mode:
            scratch.mode = attr.st_mode & 0o777
        if not scratch.handles:  # else its close does it
            await self._keeper.keep(scratch)

    # --- Changes

    @answers(DEADLINE_S)
    async def rename(
        self,
        parent_inode_old: InodeT,
        name_old: FileNameT,
        parent_inode_new: InodeT,
        name_new: FileNameT,
        flags: FlagT,
        ctx: RequestContext,
    ) -> None:
        if flags & ~pyfuse3.RENAME_NOREPLACE:
            raise pyfuse3.FUSEError(errno.EINVAL)
        await self._moving.rename(
            (parent_inode_old, name_old),
            (parent_inode_new, _checked(name_new)),
            self.volume.groups.find(ctx.pid),
            replace=not flags & pyfuse3.RENAME_NOREPLACE,
        )

    @answers(DEADLINE_S)
    async def unlink(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        await self._moving.unlink(parent_inode, name)

    @answers()
    async def rmdir(self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext) -> None:
        self._tagging.remove_folder(parent_inode, name)

    @answers()
    async def mkdir(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, ctx: RequestContext
    ) -> EntryAttributes:
        self._tagging.make_folder(parent_inode, _checked(name))
        return await self._reply_entry(parent_inode, name)

    @answers(DEADLINE_S)
    async def symlink(
        self, parent_inode: InodeT, name: FileNameT, target: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        tagged = await self._moving.link(parent_inode, _checked(name), target)
        return await self._reply_entry(parent_inode, name, tagged)

    @answers()
    async def mknod(
        self, parent_inode: InodeT, name: FileNameT, mode: ModeT, rdev: int, ctx: RequestContext
    ) -> EntryAttributes:
        """Refuse pipes, sockets and devices; files are made by `create`."""
        raise refuse(self.volume, f"making a special file {os.fsdecode(name)}")

    @answers()
    async def link(
        self,
        inode: InodeT,
        new_parent_inode: InodeT,
        new_name: FileNameT,
        ctx: RequestContext,
    ) -> EntryAttributes:
        raise refuse(self.volume, "a hard link")

    # --- Inside

    async def _reply_entry(
        self, parent: int, name: bytes, tagged: Node | None = None
    ) -> EntryAttributes:
        entry = await self._looking.find(parent, name)
        if entry is None and tagged is not None:  # it was tagged, and is renamed or gone already
            entry = self._stat.of_link(split_view(parent) or 0, tagged)
            entry.entry_timeout = entry.attr_timeout = 0.0
        if entry is None:
            raise pyfuse3.FUSEError(errno.EIO)
        self.volume.counts.add(entry.st_ino)
        return entry

    def _get_directory(self, parent: int, name: bytes) -> Node:
        """Return the asset in whose directory a file may be created.

        Raises:
            pyfuse3.FUSEError: EPERM anywhere else.
        """
        _checked(name)
        node = self._moving.get_asset(parent)
        if node is None:
            raise refuse(self.volume, f"creating {os.fsdecode(name)} there")
        return node

    async def _find_to_change(
        self, inode: int, handle: int | None, pid: int, *, cuts: bool
    ) -> tuple[MetadataFile | None, Node | None]:
        """Return the metadata file that an inode or a handle is of, and its asset.

        If it is to be cut without being open, after what an open does first.
        """
        opened = None if handle is None else self.volume.open_files.by_handle.get(handle)
        if opened is not None and isinstance(opened.target, MetadataFile):
            return opened.target, self.volume.tree.find_slot(opened.target.slot)
        node, part = self.volume.files.locate(inode) or (None, Part.DIRECTORY)
        if node is None or part not in EDITABLE_PARTS or node.flags & AssetFlag.DELETED:
            return None, None
        if cuts:
            await self._guard.check_writable(node)
            await self._opening.make_way(node, part, inode, pid)
        elif inode != self.volume.files.inode_of(node, part):
            if self.volume.open_files.has_readers(inode):
                return None, None  # who reads a former text does not change the present one
            self._opening.send_back(pid)
        return self.volume.files.ensure(node, part), node

    @property
    def open_directories(self) -> int:
        """How many listings are open."""
        return len(self._listings)


def _checked(name: bytes) -> bytes:
    """Return a new name, if it is not too long.

    Raises:
        pyfuse3.FUSEError: ENAMETOOLONG.
    """
    if len(name) > _LONGEST_NAME:
        raise pyfuse3.FUSEError(errno.ENAMETOOLONG)
    return name
