"""Renames, unlinks and links: whom each concerns, and the files in an asset's directory."""

from __future__ import annotations

import errno
import time

import pyfuse3

from coexplorer.fs.core.asset_files import FILES_NAME
from coexplorer.fs.core.buffers import HIDDEN_S, Buffer, MetadataFile
from coexplorer.fs.core.file_format import EDITABLE_PARTS, FILE_NAMES
from coexplorer.fs.core.nodes import AssetFlag, Node
from coexplorer.fs.core.scratch import Scratch, is_editors_own
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.handlers.asset_moves import ASSET_FOLDERS, AssetMoves
from coexplorer.fs.handlers.guards import WriteGuard, name_text, refuse, refusing_space
from coexplorer.fs.handlers.tag_links import TagLinks
from coexplorer.fs.kernel.inodes import Part, is_inside_about, split_asset, split_view
from coexplorer.fs.sync.upstream import Upstream
from coexplorer.library import Library


class Renaming:
    """Answers renames, links and unlinks, and saves what an editor renames over a file."""

    def __init__(
        self, volume: Volume, library: Library, upstream: Upstream, guard: WriteGuard
    ) -> None:
        self.volume = volume
        self.tree = volume.tree
        self.saver = upstream.saver
        self.keeper = upstream.keeper
        self._reach = upstream.reach
        self._guard = guard
        self._assets = AssetMoves(volume, library, upstream.saver, guard)
        self.tagging = TagLinks(volume, library, upstream.saver, guard)

    def get_asset(self, parent: int) -> Node | None:
        """Return the asset whose directory `parent` is; None when it is no asset's.

        Raises:
            pyfuse3.FUSEError: The asset is gone, or was deleted from here.
        """
        asset = split_asset(parent)
        if asset is None or is_inside_about(parent):
            return None
        node = self.tree.find_number(asset[0])
        if node is None or node.gone:
            raise pyfuse3.FUSEError(errno.ENOENT)
        if node.flags & AssetFlag.DELETED:
            raise refuse(self.volume, "nothing can be changed in a deleted asset")
        return node

    # --- Renames

    async def rename(
        self, old: tuple[int, bytes], new: tuple[int, bytes], tgid: int, *, replace: bool
    ) -> None:
        """Carry a rename out.

        Args:
            old: Directory and name of what is renamed.
            new: Directory and name that it gets.
            tgid: The process that renames.
            replace: Whether what has the new name may be replaced.

        Raises:
            pyfuse3.FUSEError: It means nothing here, or it failed.
        """
        from_asset, to_asset = self.get_asset(old[0]), self.get_asset(new[0])
        if from_asset is not None and from_asset is to_asset:
            await self._rename_inside(from_asset, old[1], new[1], tgid, replace=replace)
        elif from_asset is not None or to_asset is not None:
            await self._refuse_across(old, new, from_asset)
        elif old[0] in ASSET_FOLDERS:
            await self._assets.move(old, new)
        elif split_view(old[0]) is not None and split_view(new[0]) is not None:
            await self.tagging.exchange(old, new)
        else:
            raise refuse(self.volume, f"renaming {name_text(old[1])} there")

    async def _refuse_across(
        self, old: tuple[int, bytes], new: tuple[int, bytes], source: Node | None
    ) -> None:
        """Answer a rename into or out of an asset's directory."""
        if source is not None and split_asset(new[0]) is not None:
            raise pyfuse3.FUSEError(errno.EXDEV)  # a file: tools copy it instead
        if source is not None:
            raise refuse(self.volume, f"moving {name_text(old[1])} out of its asset")
        raise refuse(self.volume, f"moving {name_text(old[1])} into an asset")

    async def _rename_inside(
        self, node: Node, old: bytes, new: bytes, tgid: int, *, replace: bool
    ) -> None:
        scratch = self.volume.scratch.find(node.slot, old)
        source, target = FILE_NAMES.get(old), FILE_NAMES.get(new)
        now = time.monotonic()
        taken = self.volume.scratch.find(node.slot, new) is not None or (
            target is not None and not self.volume.files.is_hidden(node, target, now)
        )
        if taken and not replace:
            raise pyfuse3.FUSEError(errno.EEXIST)
        if scratch is not None and target is None:
            await self._rename_scratch(scratch, new)
        elif scratch is not None and target in EDITABLE_PARTS:
            await self._put_scratch(node, scratch, target, tgid)
        elif source in EDITABLE_PARTS and target is None:
            await self._move_away(node, source, new)
        elif scratch is None and source is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        else:
            raise refuse(self.volume, f"renaming {name_text(old)} to {name_text(new)}")

    async def _rename_scratch(self, scratch: Scratch, new: bytes) -> None:
        store = self.volume.scratch
        replaced = store.find(scratch.slot, new)
        store.rename(scratch, new)
        if replaced is not None and replaced is not scratch:
            await self.keeper.keep(replaced)  # which lets its name on the disk go
        await self.keeper.keep(scratch)

    async def _put_scratch(self, node: Node, scratch: Scratch, part: Part, tgid: int) -> None:
        """Save a scratch file's content as a metadata file's: the PUT is inside the rename."""
        if scratch.is_link:
            raise refuse(self.volume, "replacing a metadata file with a symbolic link")
        # An editor that could not save must be able to put its backup back: nothing is sent then.
        unsent = _find_unsent(scratch, part)
        if unsent is None and scratch.content != self._text_of(node, part):
            await self._check_writable(node, scratch, part, tgid)
        file = self.volume.files.ensure(node, part)
        self._load(node, file)
        former = file.buffer
        base = former.sent if former is not None else b""
        replacement = unsent or Buffer.of(base)
        if unsent is None:
            replacement.replace(bytes(scratch.content))
        # While it is on its way it is the file's buffer, and the old one is shown; a failure leaves
        # it at that.
        trial = self.volume.files.adopt(node, part, scratch.inode)
        trial.buffer = replacement
        try:
            if unsent is None:
                await self.saver.save(node, trial, replacement, tgid, base, renames=True)
        except BaseException as error:
            if not replacement.dirty:
                replacement.failure = None
            self.volume.files.put_back(node, part, file)
            if isinstance(error, pyfuse3.FUSEError):
                await self.volume.notices.wait_told()
            raise
        self.volume.files.take_time(node, trial, scratch.mtime_ns)
        self.volume.files.end_adoption(node, part)
        self.volume.open_files.freeze(scratch, node, part)
        self.volume.open_files.retarget(scratch, trial)
        self.volume.scratch.drop(scratch)
        scratch.name = b""
        await self.keeper.keep(scratch)
        if trial.writers:
            self._load(node, trial)
        self.volume.files.tidy(trial)

    async def _check_writable(self, node: Node, scratch: Scratch, part: Part, tgid: int) -> None:
        """Refuse to save a scratch file where that is known to fail, and keep its text.

        The program that renames it removes it when it can't, and ends.
        """
        try:
            await self._guard.check_writable(node)
        except pyfuse3.FUSEError as error:
            if error.errno != errno.EROFS:
                await self.saver.keep_refused(node, part, bytes(scratch.content), tgid)
            raise

    def _text_of(self, node: Node, part: Part) -> bytes:
        """Return what the platform has, as far as it is known here."""
        file = self.volume.files.ensure(node, part)
        self._load(node, file)
        text = file.buffer.sent if file.buffer is not None else b""
        self.volume.files.tidy(file)
        return text

    def _load(self, node: Node, file: MetadataFile) -> None:
        self._reach.refresh_soon()
        self.volume.files.load(node, file)

    async def _move_away(self, node: Node, part: Part, new: bytes) -> None:
        """Make a metadata file a scratch file: an editor's backup. Nothing is sent."""
        file = self.volume.files.ensure(node, part)
        self._load(node, file)
        content = bytes(file.buffer.content) if file.buffer is not None else b""
        scratch = Scratch(
            file.inode,
            node.slot,
            new,
            mtime_ns=self.volume.files.mtime_of(node, part),
            used=time.monotonic(),
            content=bytearray(content),
        )
        if file.buffer is not None and file.buffer.failure is not None:
            scratch.unsent = part, file.buffer
        self.volume.scratch.add(scratch)
        self._hide(node, part)
        self.volume.files.give_away(file.inode)
        self.volume.open_files.retarget(file, scratch)
        self.volume.files.tidy(file)
        await self.keeper.keep(scratch)

    def _hide(self, node: Node, part: Part) -> None:
        """Hide a metadata file's name for a few seconds."""
        self.volume.files.retire(node, part, time.monotonic() + HIDDEN_S)

    # --- Links and folders

    async def link(self, parent: int, name: bytes, target: bytes) -> Node | None:
        """Answer a symlink: a tag is added, or an editor's lock is kept.

        Returns:
            The asset that has the tag now; None for an editor's own link.

        Raises:
            pyfuse3.FUSEError: It means nothing here, or it failed.
        """
        node = self.get_asset(parent)
        if node is not None:
            if name in FILE_NAMES:
                raise refuse(self.volume, "replacing a metadata file with a symbolic link")
            if not is_editors_own(name):
                raise refuse(self.volume, f"a symbolic link {name_text(name)} in an asset's folder")
            scratch = Scratch(
                self.volume.inodes.take(),
                node.slot,
                name,
                mtime_ns=time.time_ns(),
                used=time.monotonic(),
                content=bytearray(target),
                is_link=True,
            )
            with refusing_space(self.volume, node, name):
                self.volume.scratch.add(scratch)
            return None
        folder = self.tagging.find_folder(parent)
        if folder is None:
            raise refuse(self.volume, f"a symbolic link {name_text(name)} there")
        return await self.tagging.add(folder, parent, name, target)

    async def unlink(self, parent: int, name: bytes) -> None:
        """Answer an unlink: of a file in an asset's directory, or of a tag's link.

        Raises:
            pyfuse3.FUSEError: It is not allowed here, or it failed.
        """
        node = self.get_asset(parent)
        if node is not None:
            await self._unlink_file(node, name)
            return
        folder = self.tagging.find_folder(parent)
        if folder is None:
            raise refuse(self.volume, f"removing {name_text(name)}")
        await self.tagging.take_away(folder, parent, name)

    async def _unlink_file(self, node: Node, name: bytes) -> None:
        part = FILE_NAMES.get(name)
        if part in EDITABLE_PARTS:
            file = self.volume.files.find(node, part)
            self._hide(node, part)
            if file is not None:
                self.volume.files.tidy(file)
        elif part is not None:
            raise refuse(self.volume, f"removing {name_text(name)}")
        else:
            scratch = self.volume.scratch.unlink(node.slot, name)
            if scratch is None and name == FILES_NAME and self.volume.options.files:
                raise refuse(self.volume, f"removing {name_text(name)}")
            if scratch is None:
                raise pyfuse3.FUSEError(errno.ENOENT)
            await self.keeper.keep(scratch)


def _find_unsent(scratch: Scratch, part: Part) -> Buffer | None:
    """Return the buffer that a scratch file had when it was `part`, if it is as it was then."""
    former, buffer = scratch.unsent or (None, None)
    is_same = former is part and buffer is not None and buffer.content == scratch.content
    return buffer if is_same else None
