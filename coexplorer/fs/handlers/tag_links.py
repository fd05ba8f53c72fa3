"""Tags by folders and links: ``tags/T/A`` is there as long as the asset A has the tag T."""

from __future__ import annotations

import errno
import time

import msgspec
import pyfuse3

from coexplorer import names
from coexplorer.fields import Fields
from coexplorer.fs.core.nodes import AssetFlag, Node
from coexplorer.fs.core.tag_folders import TagFolder
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.handlers.guards import WriteGuard, build_taker, name_text, refuse
from coexplorer.fs.kernel.inodes import Place, split_view
from coexplorer.fs.sync.writeback import Writeback
from coexplorer.library import Library
from coexplorer.library.results import EditResult
from coexplorer.library.selection import Fit
from coexplorer.models import AssetId

_MOST_FOLDERS = 1000
"""Empty tag folders that may be made: they only live in the mount's memory."""


class TagLinks:
    """Adds, exchanges and removes tags."""

    def __init__(
        self, volume: Volume, library: Library, saver: Writeback, guard: WriteGuard
    ) -> None:
        self._volume = volume
        self._tree = volume.tree
        self._tags = volume.tree.tags
        self._library = library
        self._saver = saver
        self._guard = guard

    def find_folder(self, parent: int) -> TagFolder | None:
        """Return the tag whose folder an inode is."""
        view = split_view(parent)
        return None if view is None else self._tags.find_view(view)

    async def exchange(self, old: tuple[int, bytes], new: tuple[int, bytes]) -> None:
        """Answer a rename of a link from one tag's folder into another's.

        Raises:
            pyfuse3.FUSEError: It means nothing here, or it failed.
        """
        source, target = self.find_folder(old[0]), self.find_folder(new[0])
        if source is None or target is None or new[1] != old[1]:
            raise refuse(self._volume, f"renaming the link {name_text(old[1])}")
        node = self._get_member(source, old[1])
        if source is target:
            return
        self._ensure_can_be_added(target.tag)

        async def send(fields: Fields) -> EditResult:
            kept = tuple(tag for tag in fields.tags if tag not in (source.tag, target.tag))
            mine = msgspec.structs.replace(fields, tags=(*kept, target.tag))
            # If a colleague has removed the one in between, nobody asked for the other.
            fit = Fit(tags=(source.tag,))
            return await self._library.changes.edit(node.id, fields, mine, fit=fit)

        await self._saver.change(
            node, "replacing a tag", send, build_taker(self._volume, node, old, new), renames=True
        )

    async def add(self, folder: TagFolder, parent: int, name: bytes, target: bytes) -> Node:
        """Answer a symlink into a tag's folder; return the asset that it leads to.

        Raises:
            pyfuse3.FUSEError: It is not a link to an asset under its name, or it failed.
        """
        last = target.rstrip(b"/").rsplit(b"/", 1)[-1]
        node = self._tree.find_name_or_former(last, time.monotonic())
        if node is None:
            node = self._tree.find_id(AssetId(last.decode(errors="replace")))
        if node is None or node.gone or node.flags & AssetFlag.DELETED:
            raise refuse(self._volume, f"a link to {name_text(target)}: there is no such asset")
        if name != node.file_name:
            now = name_text(node.file_name)
            raise refuse(
                self._volume,
                f"a link named {name_text(name)}: it must have the asset's name, {now}",
            )
        self._ensure_can_be_added(folder.tag)
        await self._guard.check_writable(node, queues=True)

        async def send(fields: Fields) -> EditResult:
            mine = msgspec.structs.replace(fields, tags=(*fields.tags, folder.tag))
            return await self._library.changes.edit(node.id, fields, mine)

        await self._saver.change(
            node,
            "adding a tag",
            send,
            build_taker(self._volume, node, (parent, name)),
            renames=True,
        )
        return node

    async def take_away(self, folder: TagFolder, parent: int, name: bytes) -> None:
        """Answer an unlink of a link in a tag's folder.

        Raises:
            pyfuse3.FUSEError: It is not allowed here, or it failed.
        """
        member = self._get_member(folder, name)
        if not self._volume.options.allow_untag:
            raise refuse(
                self._volume, "removing a tag: this mount was started without --allow-untag"
            )

        async def send(fields: Fields) -> EditResult:
            tags = tuple(tag for tag in fields.tags if tag != folder.tag)
            mine = msgspec.structs.replace(fields, tags=tags)
            return await self._library.changes.edit(member.id, fields, mine)

        await self._saver.change(
            member,
            "removing a tag",
            send,
            build_taker(self._volume, member, (parent, name)),
            renames=True,
        )

    def make_folder(self, parent: int, name: bytes) -> TagFolder:
        """Answer a mkdir: only tags can be made.

        Raises:
            pyfuse3.FUSEError: Anywhere else, or for a name that can't be a tag.
        """
        if parent != Place.TAGS:
            raise refuse(self._volume, f"making a folder {name_text(name)}")
        if self._tags.find(name) is not None:
            raise pyfuse3.FUSEError(errno.EEXIST)
        try:
            tag = names.unescape_name(name.decode())
        except UnicodeDecodeError:
            raise refuse(self._volume, "a tag that is not UTF-8") from None
        self._ensure_can_be_added(tag)
        if names.escape_name(tag).encode() != name:
            raise refuse(self._volume, f"the tag {name_text(name)}")
        if self._tags.count_made() >= _MOST_FOLDERS:
            reason = (
                f"the tag {name_text(name)}: there are {_MOST_FOLDERS:,} empty tag folders already"
            )
            raise refuse(self._volume, reason, errno.ENOSPC)
        folder = self._tags.ensure(tag)
        folder.made = True
        return folder

    def remove_folder(self, parent: int, name: bytes) -> None:
        """Answer a rmdir: never an asset, only an empty tag folder that was made here.

        Raises:
            pyfuse3.FUSEError: Anything else.
        """
        folder = self._tags.find(name) if parent == Place.TAGS else None
        if folder is None:
            raise refuse(self._volume, f"removing the directory {name_text(name)}")
        if folder.members:
            raise pyfuse3.FUSEError(errno.ENOTEMPTY)
        self._tags.remove_made(folder)

    def _ensure_can_be_added(self, tag: str) -> None:
        """Refuse a tag that would get another name on its way."""
        if tag != tag.strip() or not tag:
            raise refuse(self._volume, f"the tag '{tag}': it can't begin or end with a blank")

    def _get_member(self, folder: TagFolder, name: bytes) -> Node:
        node = self._tree.find_name_or_former(name, time.monotonic())
        if node is None or node not in folder.members:
            raise pyfuse3.FUSEError(errno.ENOENT)
        return node
