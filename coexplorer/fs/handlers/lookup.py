"""What a name in a directory is: from memory, or from the catalog, never from the network."""

from __future__ import annotations

import time

import pyfuse3
import trio

from coexplorer.fs.core.asset_files import FILES_NAME
from coexplorer.fs.core.file_format import FILE_NAMES
from coexplorer.fs.core.nodes import AssetFlag, Node
from coexplorer.fs.core.tree import ALIAS_VIEW, BY_ID_VIEW, FLAG_VIEWS, RELATIVE_VIEW
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.handlers.control_files import CONTROL_FILES, ControlFiles
from coexplorer.fs.handlers.data_files import DataFiles
from coexplorer.fs.handlers.places import ASSET_FOLDERS, ROOT_NAMES
from coexplorer.fs.handlers.relatives import Relatives
from coexplorer.fs.handlers.search_folders import SearchFolders
from coexplorer.fs.handlers.stat import Stat
from coexplorer.fs.kernel.attributes import build_file, build_text_file, refill
from coexplorer.fs.kernel.inodes import (
    FETCHED,
    RELATIVES,
    Inode,
    Part,
    Place,
    find_directory_number,
    is_data,
    is_inside_about,
    split_asset,
    split_view,
)
from coexplorer.fs.kernel.procfs import renames_to
from coexplorer.models import AssetId

_LONGEST_LOOK_S = 1.0


class Lookup:
    """Finds what a name leads to."""

    def __init__(
        self,
        volume: Volume,
        control: ControlFiles,
        searches: SearchFolders,
        stat: Stat,
        *,
        data: DataFiles,
        relatives: Relatives,
    ) -> None:
        self._volume = volume
        self._data = data
        self._relatives = relatives
        self._files = volume.files
        self._tree = volume.tree
        self._tags = volume.tree.tags
        self._control = control
        self._searches = searches
        self._stat = stat
        self._folders = {int(place): names for place, names in volume.tree.folders.items()}
        # Filled in again for each answer, which is sent before anything else happens.
        self._file = build_file(Inode(0), 0, 0)
        self._text = build_text_file(Inode(0), 0, 0)

    async def find(self, parent: int, name: bytes, pid: int = 0) -> pyfuse3.EntryAttributes | None:
        """Return what a name in a directory is; None when nothing has it.

        Args:
            parent: The directory.
            name: The name.
            pid: Who asks: a process that is moving something there is shown no former name.
        """
        number = find_directory_number(parent)
        if number is not None:
            node = self._tree.find_number(number)
            if node is not None and is_inside_about(parent):
                return await self._find_in_about(node, parent, name)
            return None if node is None else self.find_in_asset(node, name)
        if parent in ASSET_FOLDERS:
            node = self._folders[parent].get(name)
            if node is not None:
                return self._stat.of_node(node)
            return (
                await self._find_former(parent, name, pid) if self._tree.has_alias(name) else None
            )
        if is_data(parent):
            return await self._data.find(parent, name)
        return await self._find_elsewhere(parent, name, pid)

    async def _find_in_about(
        self, node: Node, parent: int, name: bytes
    ) -> pyfuse3.EntryAttributes | None:
        inside = split_asset(parent) or (0, Part.ABOUT)
        if inside[1] != Part.ABOUT:
            relative = (await self._relatives.list(node, inside[1])).get(name)
            return None if relative is None else self._stat.of_link(RELATIVE_VIEW, relative, name)
        if (folder := RELATIVES.get(name)) is not None:
            return self._stat.of_about(node, folder)
        part = FETCHED.get(name)
        return None if part is None else self._stat.of_fetched(node, part)

    async def _find_former(
        self, folder: int, name: bytes, pid: int
    ) -> pyfuse3.EntryAttributes | None:
        """Return the link that a name is which was an asset's a moment ago."""
        if folder == Place.DELETED or await _is_renaming(pid, name):
            return None  # it would be in the way of an asset that moves back
        former = self._tree.find_alias(name, time.monotonic())
        return None if former is None else self._stat.of_link(ALIAS_VIEW, former)

    def find_in_asset(self, node: Node, name: bytes) -> pyfuse3.EntryAttributes | None:
        """Return what a name in an asset's directory is."""
        part = FILE_NAMES.get(name)
        if part is not None:
            seen = self._files.glance(node, part)
            if seen is not None:
                entry = self._text if part == Part.JSON else self._file
                refill(entry, *seen)
                return entry
            if not self._stat.has_part(node, part) or not self._volume.texts.ensure_measured(node):
                return None
            return self._stat.of_part(node, part)
        if name == b"about" and not node.is_deleted:
            return self._stat.of_about(node, Part.ABOUT)
        if name == FILES_NAME and self._stat.has_files(node):
            return self._stat.of_files(node)
        scratch = self._volume.scratch.find(node.slot, name)
        return None if scratch is None else self._stat.of_scratch(scratch)

    def _find_in_root(self, name: bytes) -> pyfuse3.EntryAttributes | None:
        place = ROOT_NAMES.get(name)
        if name == FILES_NAME and self._volume.options.files:
            place = Place.FILES
        return None if place is None else self._stat.of_place(place)

    async def _find_elsewhere(
        self, parent: int, name: bytes, pid: int
    ) -> pyfuse3.EntryAttributes | None:
        if parent in (Place.ROOT, Place.FILES):
            is_root = parent == Place.ROOT
            return self._find_in_root(name) if is_root else self._data.find_root(name)
        if parent == Place.TAGS:
            tag = self._tags.find(name)
            return None if tag is None else self._stat.of_view(tag.view)
        if parent == Place.SEARCH:
            search = self._searches.find(name)
            if search is None or not await self._searches.can_match(search):
                return None
            return self._stat.of_view(search.view)
        if parent in (Place.CONTROL, Place.UNSENT):
            return await self._find_control(parent, name, pid)
        view, node = await self._find_link(parent, name)
        return None if node is None else self._stat.of_link(view, node, name)

    async def _find_control(
        self, parent: int, name: bytes, pid: int
    ) -> pyfuse3.EntryAttributes | None:
        if parent == Place.CONTROL:
            place = Place.UNSENT if name == b"unsent" else CONTROL_FILES.get(name)
            if place == Place.STATUS:
                return self._stat.of_status(pid, by_name=True)
            return None if place is None else self._stat.of_place(place)
        text = self._control.find_unsent(name)
        if text is None and name[:1].isdigit():  # `error` names it; nobody need list it first
            await self._control.list_unsent()
            text = self._control.find_unsent(name)
        return None if text is None else self._stat.of_unsent(text)

    async def _find_link(self, parent: int, name: bytes) -> tuple[int, Node | None]:
        """Return the view of a folder of links, and the asset that a name in it leads to."""
        if parent == Place.BY_ID:
            node = self._tree.find_id(AssetId(name.decode(errors="surrogateescape")))
            there = node is not None and not node.gone and not node.flags & AssetFlag.DELETED
            return BY_ID_VIEW, node if there else None
        node = self._tree.find_name_or_former(name, time.monotonic())
        if parent in FLAG_VIEWS:
            flag, view = FLAG_VIEWS[Place(parent)]
            return view, node if node is not None and node.flags & flag else None
        view = split_view(parent) or 0
        tag = self._tags.find_view(view)
        if tag is not None:
            return view, node if node in tag.members else None
        search = self._searches.find_view(view)
        if search is None:
            return view, None
        await self._searches.ensure_found(search)
        former = None if node is None else search.found.get(node.file_name)
        return view, search.found.get(name, former)


async def _is_renaming(pid: int, name: bytes) -> bool:
    """Tell what `renames_to` does, from a thread: the process may hold its memory, and wait for us.

    Then it counts as not renaming.
    """
    with trio.move_on_after(_LONGEST_LOOK_S):
        return await trio.to_thread.run_sync(renames_to, pid, name, abandon_on_cancel=True)
    return False
