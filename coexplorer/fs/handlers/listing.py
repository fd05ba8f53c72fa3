"""Listings of directories: from memory, or from the catalog, never from the network."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import dataclass, field

import pyfuse3
from pyfuse3 import FileNameT

from coexplorer.fs.core.asset_files import FILES_NAME
from coexplorer.fs.core.file_format import EDITABLE_PARTS, NAMES_OF_PARTS
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.tree import BY_ID_VIEW, FLAG_VIEWS, RELATIVE_VIEW
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.handlers.control_files import ControlFiles
from coexplorer.fs.handlers.data_files import DataFiles, DataListing
from coexplorer.fs.handlers.places import ASSET_FOLDERS, FIXED_LISTINGS
from coexplorer.fs.handlers.relatives import Relatives
from coexplorer.fs.handlers.search_folders import SearchFolders
from coexplorer.fs.handlers.stat import Stat
from coexplorer.fs.kernel.attributes import build_directory
from coexplorer.fs.kernel.inodes import (
    FETCHED,
    RELATIVES,
    Inode,
    Part,
    Place,
    asset_inode,
    directory_inodes,
    is_data,
    split_asset,
    split_view,
)

Make = Callable[[], pyfuse3.EntryAttributes]

DOTS = 2
"""How many entries are in front of each listing: the directory itself, and the one it is in."""


@dataclass(slots=True, eq=False)
class Listing:
    """A directory as it was when it was opened: names, and what makes each one's attributes."""

    names: list[FileNameT] = field(default_factory=list)
    makers: list[Make] | None = None
    nodes: list[Node] | None = None
    data: DataListing | None = None
    inodes: list[Inode] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    view: int = 0
    inode: int = 0
    is_begun: bool = False

    def add(self, name: bytes, make: Make) -> None:
        """Put an entry at the end."""
        if self.makers is None:
            self.makers = []
        self.names.append(FileNameT(name))
        self.makers.append(make)


class Listings:
    """Makes them, and answers the kernel's calls to read them."""

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
        self._tree = volume.tree
        self._tags = volume.tree.tags
        self._control = control
        self._searches = searches
        self._stat = stat
        # Filled in again for each entry.
        self._directory = build_directory(Inode(0), volume.times.started_ns)

    async def list_directory(self, inode: int) -> Listing:
        """Return what a directory holds now.

        Raises:
            pyfuse3.FUSEError: ENOENT, when it is gone.
        """
        asset = split_asset(inode)
        if asset is not None:
            node = self._tree.find_number(asset[0])
            if node is None or node.gone:
                raise pyfuse3.FUSEError(errno.ENOENT)
            return await self._list_part(node, asset[1])
        if inode in ASSET_FOLDERS:
            return self._list_assets(Place(inode))
        number = split_view(inode)
        if number is not None:
            return await self._list_view(number)
        if is_data(inode):
            found = await self._data.list(inode)
            return Listing(found.names, data=found)
        return await self._list_place(Place(inode))

    async def _list_part(self, node: Node, part: Part) -> Listing:
        """List an asset's folder, or one inside it."""
        if part == Part.DIRECTORY:
            return self._list_asset(node)
        if part != Part.ABOUT:
            relatives = await self._relatives.list(node, part)
            return self._list_links(RELATIVE_VIEW, list(relatives.values()))
        listing = Listing()
        for name, inside in FETCHED.items():
            listing.add(name, _later(self._stat.of_fetched, node, inside))
        for name, inside in RELATIVES.items():
            listing.add(name, _later(self._stat.of_about, node, inside))
        return listing

    def _list_assets(self, folder: Place) -> Listing:
        nodes = self._tree.folders[folder].values()
        started = self._volume.times.started_ns
        return Listing(
            [FileNameT(node.file_name) for node in nodes],
            inodes=directory_inodes(node.number for node in nodes),
            times=[int(node.created * 1_000_000_000) or started for node in nodes],
        )

    def _list_asset(self, node: Node) -> Listing:
        listing = Listing()
        if not self._volume.texts.ensure_measured(node):
            raise pyfuse3.FUSEError(errno.ENOENT)
        for part in (*EDITABLE_PARTS, Part.JSON, Part.ERROR):
            if self._stat.has_part(node, part):
                listing.add(NAMES_OF_PARTS[part], _later(self._stat.of_part, node, part))
        if self._stat.has_files(node):
            listing.add(FILES_NAME, _later(self._stat.of_files, node))
        for scratch in self._volume.scratch.iter_directory(node.slot):
            listing.add(scratch.name, _later(self._stat.of_scratch, scratch))
        return listing

    async def _list_view(self, view: int) -> Listing:
        tag = self._tags.find_view(view)
        if tag is not None:
            return self._list_links(view, list(tag.members))
        search = self._searches.find_view(view)
        if search is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        await self._searches.ensure_found(search)
        return self._list_links(view, list(search.found.values()))

    def _list_links(self, view: int, nodes: list[Node]) -> Listing:
        return Listing([FileNameT(node.file_name) for node in nodes], nodes=nodes, view=view)

    async def _list_place(self, place: Place) -> Listing:
        if place in FLAG_VIEWS:
            flag, view = FLAG_VIEWS[place]
            return self._list_links(view, self._tree.list_flagged(flag))
        if place == Place.BY_ID:
            nodes = list(self._tree.iter_nodes())
            ids = [FileNameT(os.fsencode(node.id)) for node in nodes]
            return Listing(ids, nodes=nodes, view=BY_ID_VIEW)
        listing = Listing()
        if place == Place.TAGS:
            for tag in self._tags.list():
                listing.add(tag.file_name, _later(self._stat.of_view, tag.view))
        elif place == Place.UNSENT:
            for text in await self._control.list_unsent():
                listing.add(text.name, _later(self._stat.of_unsent, text))
        else:
            for name, inside in FIXED_LISTINGS.get(place, {}).items():
                listing.add(name, _later(self._stat.of_place, inside))
        return listing

    def entry_at(self, listing: Listing, index: int) -> pyfuse3.EntryAttributes:
        """Return the attributes of an entry of a listing that `fill_assets` is not for."""
        if listing.makers is not None:
            return listing.makers[index]()
        if listing.data is not None:
            return listing.data.entry_at(index)
        if listing.nodes is None:
            raise pyfuse3.FUSEError(errno.EIO)
        return self._stat.of_link(listing.view, listing.nodes[index])

    def fill_dots(self, listing: Listing, start: int, token: pyfuse3.ReaddirToken) -> bool:
        """Answer the beginning of a readdir; False when there is no room for more.

        The kernel takes no hold of these two.
        """
        places = [(b".", listing.inode), (b"..", self._parent_of(listing.inode))]
        for index, (name, inode) in enumerate(places[start:], start):
            entry = build_directory(Inode(inode), self._volume.times.started_ns)
            if not pyfuse3.readdir_reply(token, FileNameT(name), entry, index + 1):
                return False
        return True

    def _parent_of(self, inode: int) -> int:
        asset = split_asset(inode)
        node = None if asset is None else self._tree.find_number(asset[0])
        if node is not None and asset is not None:
            if asset[1] in RELATIVES.values():
                return asset_inode(node.number, Part.ABOUT)
            return node.inode if asset[1] == Part.ABOUT else node.folder
        if is_data(inode):
            return self._volume.asset_files.parent_of(inode)
        view = split_view(inode)
        if view is not None:
            return Place.TAGS if self._tags.find_view(view) is not None else Place.SEARCH
        return Place.CONTROL if inode == Place.UNSENT else Place.ROOT

    def fill_assets(self, listing: Listing, start: int, token: pyfuse3.ReaddirToken) -> None:
        """Answer a readdir of ``all/`` or ``archived/``: a tight loop, as there may be 100,000."""
        names, inodes, times = listing.names, listing.inodes, listing.times
        # Only number and time differ: one entry is filled in again each time. This line runs
        # 100,000 times for an `ls`: whatever it does not need is done elsewhere.
        entry, reply = self._directory, pyfuse3.readdir_reply
        index = start
        for index in range(start, len(names)):
            entry.st_ino = inodes[index]
            entry.st_mtime_ns = times[index]
            if not reply(token, names[index], entry, index + DOTS + 1):
                break
        else:
            index = len(names)
        self._volume.counts.add_directories(inodes[start:index])


def _later(
    make: Callable[..., pyfuse3.EntryAttributes], *args: object
) -> Callable[[], pyfuse3.EntryAttributes]:
    return lambda: make(*args)
