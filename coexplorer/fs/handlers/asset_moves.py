"""Renames of an asset's directory: another name, archived or not, deleted; with their guards."""

from __future__ import annotations

import errno
import time
from collections.abc import Awaitable, Callable

import msgspec
import pyfuse3

from coexplorer import names
from coexplorer.assets import asset_from_json
from coexplorer.errors import CoexplorerError
from coexplorer.fields import Fields
from coexplorer.fs.core.file_format import build_text
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.handlers.guards import WriteGuard, build_taker, name_text, refuse
from coexplorer.fs.kernel.inodes import FIELD_PARTS, Place
from coexplorer.fs.sync.writeback import Writeback
from coexplorer.library import Library
from coexplorer.library.results import EditResult
from coexplorer.models import AssetId

ASSET_FOLDERS = (Place.ALL, Place.ARCHIVED)


class AssetMoves:
    """Turns renames of assets into changes of them."""

    def __init__(
        self, volume: Volume, library: Library, saver: Writeback, guard: WriteGuard
    ) -> None:
        self._volume = volume
        self._tree = volume.tree
        self._library = library
        self._saver = saver
        self._guard = guard

    async def move(self, old: tuple[int, bytes], new: tuple[int, bytes]) -> None:
        """Answer a rename of an asset's directory.

        Args:
            old: One of `ASSET_FOLDERS`, and the name in it.
            new: Directory and name that it gets.

        Raises:
            pyfuse3.FUSEError: It means nothing here, or it failed.
        """
        node = self._tree.folders[Place(old[0])].get(old[1])
        if node is None:
            await self._move_former(old, new)
            return
        if new[0] == old[0]:
            await self._rename_asset(node, old, new)
        elif new[0] in ASSET_FOLDERS:
            if new[1] == old[1]:
                await self._archive(node, old, new)
            else:
                await self._rename_asset(node, old, new)
        elif new[1] != old[1]:
            raise refuse(self._volume, "renaming an asset while it is deleted: keep its name")
        elif new[0] == Place.DELETED:
            await self._delete(node, old, new)
        else:
            raise refuse(self._volume, f"moving the asset {name_text(old[1])} there")

    async def _move_former(self, old: tuple[int, bytes], new: tuple[int, bytes]) -> None:
        """Move an asset by a name that it had until a moment ago, which is a link now.

        Whoever renames it has not seen that it has another name. They mean to archive it anyway.
        """
        node = self._tree.find_alias(old[1], time.monotonic())
        if node is None or node.folder != old[0]:
            raise pyfuse3.FUSEError(errno.ENOENT)
        if new[0] not in ASSET_FOLDERS or new[0] == old[0] or new[1] != old[1]:
            what = (
                f"moving {name_text(old[1])}: the asset is called {name_text(node.file_name)} now"
            )
            raise refuse(self._volume, what, errno.EBUSY)
        await self._archive(node, (old[0], node.file_name), (new[0], node.file_name), by_link=True)
        # The kernel has moved the link; it leads on from both folders.
        for folder, name in (old, new):
            self._volume.notices.forget_entry(folder, name)

    async def _rename_asset(
        self, node: Node, old: tuple[int, bytes], new: tuple[int, bytes]
    ) -> None:
        """Give an asset another name, and archive or unarchive it, if it is moved as well."""
        if new[1] == old[1]:
            return
        if not self._tree.can_take(new[1]):
            raise pyfuse3.FUSEError(errno.EEXIST)
        name = self._get_name(new[1], node.id)
        moves, archived = new[0] != old[0], new[0] == Place.ARCHIVED
        await self._guard.check_writable(node, queues=True)

        async def send(fields: Fields) -> EditResult:
            mine = msgspec.structs.replace(fields, name=name)
            result = await self._library.changes.edit(node.id, fields, mine)
            if moves:
                await self._archive_renamed(node.id, archived=archived)
            return result

        take = build_taker(self._volume, node, old, new)

        def take_over(result: EditResult) -> None:
            take(result)
            if result.before is not None and result.after is not None:
                # Who writes the file `name` next has seen the folder's new name.
                part = FIELD_PARTS["name"]
                was, now = (build_text(each, part) for each in (result.before, result.after))
                self._volume.shown.rebase((node.slot, part), was, now)
            if moves:
                self._tree.set_archived(node, archived=archived)
                self._volume.tell_stale((old, new))

        what = "renaming the asset"
        if moves:
            what += " and archiving it" if archived else " and unarchiving it"
        await self._change(node, what, send, take_over)
        # The catalog's own word of the rename may have come first, and left an alias.
        self._tree.drop_alias(old[1])
        self._volume.tell_stale((old, new))

    async def _archive_renamed(self, asset_id: AssetId, *, archived: bool) -> None:
        try:
            await self._library.changes.archive(asset_id, archived=archived)
        except CoexplorerError as error:
            undone = "archived" if archived else "unarchived"
            error.message = f"it has the new name, but was not {undone}: {error.message}"
            raise

    def _get_name(self, file_name: bytes, asset_id: AssetId) -> str:
        """Return the name that a file name stands for.

        Raises:
            pyfuse3.FUSEError: The asset would be shown under another name than the one asked for.
        """
        try:
            name = names.unescape_name(file_name.decode())
        except UnicodeDecodeError:
            raise refuse(self._volume, "a name that is not UTF-8") from None
        if name != name.strip():
            reason = f"the name {name_text(file_name)}: it can't begin or end with a blank"
            raise refuse(self._volume, reason)
        if names.file_name(name, asset_id).encode() != file_name:
            raise refuse(
                self._volume,
                f"the name {name_text(file_name)}: write it into the file `name` instead",
            )
        return name

    async def _archive(
        self,
        node: Node,
        old: tuple[int, bytes],
        new: tuple[int, bytes],
        *,
        by_link: bool = False,
    ) -> None:
        archived = new[0] == Place.ARCHIVED
        await self._guard.check_writable(node, queues=True)

        async def send(_: Fields) -> EditResult:
            return await self._library.changes.archive(node.id, archived=archived)

        def take_over(_: EditResult) -> None:
            self._tree.set_archived(node, archived=archived)
            self._volume.tell_stale(() if by_link else (old, new))

        await self._change(node, "archiving" if archived else "unarchiving", send, take_over)

    async def _delete(self, node: Node, old: tuple[int, bytes], new: tuple[int, bytes]) -> None:
        volume = self._volume
        if old[0] != Place.ARCHIVED:
            raise refuse(self._volume, "deleting an asset that is not archived: archive it first")
        if not volume.options.allow_delete:
            raise refuse(
                self._volume, "deleting an asset: this mount was started without --allow-delete"
            )
        if volume.deletions_begun >= volume.options.allow_delete:
            raise refuse(
                self._volume, f"this mount has deleted {volume.deleted} assets: no more are allowed"
            )
        excerpt = volume.texts.excerpt(node)
        if excerpt is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        shown = asset_from_json(excerpt.raw)
        await self._guard.check_writable(node, queues=True)

        async def send(_: Fields) -> EditResult:
            return await self._library.changes.delete(node.id, shown=shown)

        def take_over(_: EditResult) -> None:
            volume.delete(node, excerpt)
            volume.tell_stale((old, new))

        volume.deletions_begun += 1
        try:
            await self._change(node, "deleting", send, take_over)
        except pyfuse3.FUSEError as error:
            if error.errno not in (errno.ETIMEDOUT, errno.EIO):  # else it may be gone
                volume.deletions_begun -= 1
            raise

    async def _change(
        self,
        node: Node,
        what: str,
        send: Callable[[Fields], Awaitable[EditResult]],
        take_over: Callable[[EditResult], None],
    ) -> None:
        await self._saver.change(node, what, send, take_over, renames=True)
