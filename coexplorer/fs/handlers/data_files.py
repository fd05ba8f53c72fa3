"""``files/ID/``: the data of assets, as the platform lists it, to be read only.

``files/`` lists nothing, so that whatever walks the mount never walks the data: the link ``files``
in an asset's folder leads there.
"""

from __future__ import annotations

import errno
import os
import stat

import pyfuse3

from coexplorer.fs.core.asset_files import DataFile
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.attributes import (
    BRIEF_LIFE_S,
    ENTRY_LIFE_S,
    build_directory,
    build_text_file,
)
from coexplorer.fs.kernel.inodes import Inode, Place
from coexplorer.fs.sync.asset_data import AssetData, OpenData
from coexplorer.models import AssetId, FileEntry

_FOLDER = pyfuse3.ModeT(stat.S_IFDIR | 0o555)
_FILE = pyfuse3.ModeT(stat.S_IFREG | 0o444)

FIRST_HANDLE = 1 << 40
"""Handles of these files begin here: every read of the mount asks whether it is one of them."""

_WRITES = os.O_WRONLY | os.O_RDWR | os.O_TRUNC


class DataListing:
    """A folder of data as it was when it was opened."""

    __slots__ = ("_files", "entries", "folder", "is_fixed", "names")

    def __init__(
        self, files: DataFiles, folder: DataFile, found: dict[bytes, FileEntry], *, is_fixed: bool
    ) -> None:
        self._files = files
        self.folder = folder
        self.names = [pyfuse3.FileNameT(name) for name in found]
        self.entries = list(found.values())
        self.is_fixed = is_fixed

    def entry_at(self, index: int) -> pyfuse3.EntryAttributes:
        """Return the attributes of an entry."""
        return self._files.of_entry(self.folder, self.entries[index], is_fixed=self.is_fixed)


class DataFiles:
    """Answers what is asked below ``files/``.

    Args:
        volume: What the mount knows.
        data: Lists and reads.
    """

    def __init__(self, volume: Volume, data: AssetData) -> None:
        self._volume = volume
        self._files = volume.asset_files
        self._data = data
        self._open: dict[int, OpenData] = {}
        self._next = FIRST_HANDLE

    # --- Looking

    def find_root(self, name: bytes) -> pyfuse3.EntryAttributes | None:
        """Return the folder with all files of the asset with that id."""
        node = self._volume.tree.find_id(AssetId(name.decode(errors="surrogateescape")))
        if node is None or not node.is_there:
            return None
        return self._describe(self._files.ensure(node, None, Inode(Place.FILES)))

    async def find(self, parent: int, name: bytes) -> pyfuse3.EntryAttributes | None:
        """Return what a name in a folder is; the folder's listing may have to be fetched for that.

        Raises:
            pyfuse3.FUSEError: It can't be listed, or not in time.
        """
        folder = self._get(parent)
        names, is_fixed = await self._data.list_folder(folder)
        entry = names.get(name)
        return None if entry is None else self.of_entry(folder, entry, is_fixed=is_fixed)

    async def list(self, inode: int) -> DataListing:
        """Return what is in a folder.

        Raises:
            pyfuse3.FUSEError: See `find`.
        """
        folder = self._get(inode)
        names, is_fixed = await self._data.list_folder(folder)
        return DataListing(self, folder, names, is_fixed=is_fixed)

    def attributes(self, inode: int) -> pyfuse3.EntryAttributes | None:
        """Return the attributes of a file or folder; None when it is gone."""
        found = self._files.find(inode)
        return None if found is None else self._describe(found)

    def of_entry(
        self, folder: DataFile, entry: FileEntry, *, is_fixed: bool
    ) -> pyfuse3.EntryAttributes:
        """Return the attributes of what was listed in a folder."""
        return self._describe(
            self._files.ensure(folder.node, entry, folder.inode, is_fixed=is_fixed)
        )

    def _get(self, inode: int) -> DataFile:
        """Return a folder that the kernel knows.

        Raises:
            pyfuse3.FUSEError: ENOENT: its asset is gone.
        """
        found = self._files.find(inode)
        if found is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        return found

    def _describe(self, file: DataFile) -> pyfuse3.EntryAttributes:
        changed = None if file.entry is None else file.entry.modified
        made_ns = self._volume.times.made_ns(file.node)
        if changed is not None:
            made_ns = int(changed * 1_000_000_000)
        # When an asset is gone, the kernel is told of its folder of files.
        life_s = ENTRY_LIFE_S if file.is_fixed or file.entry is None else BRIEF_LIFE_S
        if file.is_folder:
            entry = build_directory(file.inode, made_ns, life_s=life_s)
            entry.st_mode = _FOLDER
            return entry
        entry = build_text_file(file.inode, file.size or 0, made_ns, life_s=life_s)
        entry.st_mode = _FILE
        if file.size is None:
            entry.attr_timeout = 0.0
        return entry

    # --- Reading

    async def open(self, inode: int, flags: int, pid: int) -> pyfuse3.FileInfo:
        """Open a file.

        Raises:
            pyfuse3.FUSEError: EACCES, to write; ESTALE: the kernel has to look its path up again;
                or it can't be opened.
        """
        if flags & _WRITES:
            raise pyfuse3.FUSEError(errno.EACCES)
        file = self._get(inode)
        if file.is_stale:
            raise pyfuse3.FUSEError(errno.ESTALE)
        opened = await self._data.open(file, pid)
        handle = self._next
        self._next += 1
        self._open[handle] = opened
        # No listing tells how long some files are: those are read past the kernel's pages, which
        # would end where it believes that the file does.
        entry = opened.file.entry
        is_measured = entry is not None and entry.size_bytes is not None
        return pyfuse3.FileInfo(
            fh=pyfuse3.FileHandleT(handle),
            keep_cache=opened.file.is_fixed and is_measured,
            direct_io=not is_measured,
        )

    async def read(self, handle: int, offset: int, size: int) -> bytes:
        """Return a part of a file.

        Raises:
            pyfuse3.FUSEError: See `AssetData.read`.
        """
        return await self._data.read(self._open[handle], offset, size)

    def flush(self, handle: int) -> None:
        """Note that a program closes one of its descriptors."""
        self._data.note_close(self._open[handle])

    async def release(self, handle: int) -> None:
        """Close a file."""
        await self._data.release(self._open.pop(handle))
