"""The mount's request handlers without a mount: called as the kernel would, in this process."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pyfuse3
import pytest
import trio

from coexplorer.config import Settings
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer
from coexplorer.fs.core.file_format import FILE_NAMES
from coexplorer.fs.core.volume import MountOptions, Volume
from coexplorer.fs.handlers.operations import Operations
from coexplorer.fs.mount import LibrarySource, build_operations
from coexplorer.fs.sync.catalog_watcher import CatalogWatcher
from coexplorer.fs.sync.upstream import Upstream, build_upstream
from coexplorer.library import Library, open_library
from coexplorer.models import Excerpt


class Notices:
    """What the kernel is told to forget; here nobody has remembered anything."""

    def __init__(self) -> None:
        self.entries: list[tuple[int, bytes]] = []
        self.inodes: list[tuple[int, bool]] = []

    def forget_entry(self, parent: int, name: bytes) -> None:
        """See `coexplorer.fs.kernel.invalidation.Invalidator`."""
        self.entries.append((parent, name))

    def forget_inode(self, inode: int, *, attributes_only: bool = False) -> None:
        """Likewise."""
        self.inodes.append((inode, attributes_only))

    async def wait_told(self) -> None:
        """Likewise: the kernel is told at once."""


class _Caller:
    """Who asks: this process."""

    pid = os.getpid()
    uid = os.getuid()
    gid = os.getgid()
    umask = 0o022


_FIELDS = ("update_size", "update_mtime", "update_mode")
CALLER = cast("pyfuse3.RequestContext", _Caller())


class Handlers:
    """Calls handlers by path, as programs do.

    Attributes:
        operations: The handlers.
        volume: What they know.
        library: Who sends what they change.
        upstream: Who asks the library for them.
        notices: What the kernel was told.
    """

    def __init__(
        self, operations: Operations, library: Library, upstream: Upstream, notices: Notices
    ) -> None:
        self.operations = operations
        self.library = library
        self.upstream = upstream
        self.volume: Volume = operations.volume
        self.notices = notices

    async def look(self, path: str) -> pyfuse3.EntryAttributes:
        """Look a path up, name by name.

        Raises:
            FileNotFoundError: It is not there.
        """
        inode, entry = (
            pyfuse3.ROOT_INODE,
            await self.operations.getattr(pyfuse3.ROOT_INODE, CALLER),
        )
        for name in path.split("/"):
            entry = await self.operations.lookup(
                inode, pyfuse3.FileNameT(os.fsencode(name)), CALLER
            )
            if not entry.st_ino:
                raise FileNotFoundError(path)
            inode = entry.st_ino
        return entry

    async def inode(self, path: str) -> pyfuse3.InodeT:
        """Return the inode of a path."""
        return (await self.look(path)).st_ino

    def give_a_new_inode(self, path: str) -> None:
        """Let the path of an asset's file lead to another inode, as a save or a rename does."""
        name, part = path.removeprefix("all/").split("/")
        node = self.volume.tree.find_name_or_former(name.encode(), 0.0)
        assert node is not None
        self.volume.files.move_on(node, FILE_NAMES[part.encode()])

    def change(self, name: str, **values: object) -> None:
        """Let the mount hear of an asset that was changed elsewhere, and its files' texts."""
        node = self.volume.tree.find_name_or_former(name.encode(), 0.0)
        assert node is not None
        excerpt = self.volume.texts.excerpt(node)
        assert excerpt is not None
        raw = {**msgspec.json.decode(excerpt.raw), **values}
        fields = msgspec.structs.replace(excerpt.fields, **values)
        self.volume.apply_reply(node, Excerpt(fields, msgspec.json.encode(raw)), 0.0)

    async def call(self, path: str, what: str) -> pyfuse3.InodeT:
        """Do what one call of a program does, each step by the inode that the path led to.

        A path is looked up again after ESTALE, once in a call; before each look something changes.

        Args:
            path: A file of an asset.
            what: ``open``, ``empty`` or ``cut``.

        Returns:
            The inode that it ended with.

        Raises:
            pyfuse3.FUSEError: What the program is told.
        """
        fields = cast("pyfuse3.SetattrFields", SimpleNamespace(**dict.fromkeys(_FIELDS, False)))
        vars(fields)["update_size"] = True
        for again in (False, True):
            inode = await self.inode(path)
            self.give_a_new_inode(path)
            try:
                await self.operations.getattr(inode, CALLER)  # may it?
                if what == "cut":
                    entry = pyfuse3.EntryAttributes()
                    await self.operations.setattr(inode, entry, fields, None, CALLER)
                    return inode
                flags = os.O_WRONLY | os.O_TRUNC if what == "empty" else os.O_RDONLY
                info = await self.operations.open(inode, pyfuse3.FlagT(flags), CALLER)
                await self.operations.flush(info.fh)
                await self.operations.release(info.fh)
            except pyfuse3.FUSEError as error:
                if error.errno != errno.ESTALE or again:
                    raise
            else:
                return inode
        raise AssertionError("not reached")

    async def read(self, path: str) -> str:
        """Open, read and close a file."""
        info = await self._open(path, os.O_RDONLY)
        content = await self.operations.read(info.fh, 0, 1 << 20)
        await self.operations.flush(info.fh)
        await self.operations.release(info.fh)
        return content.decode()

    async def _open(self, path: str, flags: int) -> pyfuse3.FileInfo:
        """Open a path; as the kernel does, look it up again after ESTALE, but only once."""
        try:
            inode = await self.inode(path)
            return await self.operations.open(inode, pyfuse3.FlagT(flags), CALLER)
        except pyfuse3.FUSEError as error:
            if error.errno != errno.ESTALE:
                raise
        inode = await self.inode(path)
        return await self.operations.open(inode, pyfuse3.FlagT(flags), CALLER)

    async def save(self, path: str, text: str) -> None:
        """Save as a shell does: empty the file, write, close.

        Raises:
            pyfuse3.FUSEError: It could not be sent.
        """
        info = await self._open(path, os.O_WRONLY | os.O_TRUNC)
        try:
            if text:
                await self.operations.write(info.fh, 0, text.encode())
            await self.operations.flush(info.fh)
        finally:
            await self.operations.release(info.fh)

    async def list(self, path: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """List a folder: what goes to `readdir_reply`, which needs a request of the kernel's."""
        names: list[bytes] = []

        def reply(_token: object, name: bytes, _attr: object, _next_id: int) -> bool:
            names.append(name)
            return True

        monkeypatch.setattr(pyfuse3, "readdir_reply", reply)
        handle = await self.operations.opendir(await self.inode(path), CALLER)
        await self.operations.readdir(handle, 0, cast("Any", None))
        await self.operations.releasedir(handle)
        return sorted(os.fsdecode(name) for name in names if name not in (b".", b".."))

    async def move(self, old: str, new: str) -> None:
        """Rename a path.

        Raises:
            pyfuse3.FUSEError: It was refused.
        """
        (old_folder, old_name), (new_folder, new_name) = (
            path.rsplit("/", 1) for path in (old, new)
        )
        await self.operations.rename(
            await self.inode(old_folder),
            pyfuse3.FileNameT(os.fsencode(old_name)),
            await self.inode(new_folder),
            pyfuse3.FileNameT(os.fsencode(new_name)),
            pyfuse3.FlagT(0),
            CALLER,
        )

    async def remove(self, path: str, *, folder: bool = False) -> None:
        """Unlink a file, or remove a folder.

        Raises:
            pyfuse3.FUSEError: It was refused.
        """
        parent, name = path.rsplit("/", 1)
        call = self.operations.rmdir if folder else self.operations.unlink
        await call(await self.inode(parent), pyfuse3.FileNameT(os.fsencode(name)), CALLER)


@asynccontextmanager
async def handling(
    server: DemoServer,
    settings: Settings,
    assets: Sequence[StoredAsset],
    options: MountOptions | None = None,
    *,
    follows: bool = False,
) -> AsyncIterator[Handlers]:
    """Put the mount's rooms together over a server with `assets`, and mount nothing.

    `follows`: the catalog is followed, as a mount does, so the tree changes beside the calls.
    """
    server.store.insert(assets)
    notices = Notices()
    async with open_library(settings, origin="mount") as library, trio.open_nursery() as nursery:
        await library.sync.sweep()
        volume = Volume(LibrarySource(library), notices, options or MountOptions())
        upstream = build_upstream(volume, library, nursery)
        watcher = CatalogWatcher(volume, library, upstream)
        await watcher.load()
        for task in (watcher.follow, watcher.listen) if follows else ():
            nursery.start_soon(task)
        yield Handlers(build_operations(volume, library, upstream), library, upstream, notices)
        await upstream.saver.finish(10)
        nursery.cancel_scope.cancel()
