"""Lookups, attributes and listings: from memory, or from the catalog, never from the network."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pyfuse3
import trio
from pyfuse3 import FileNameT

from coexplorer.fs.core.file_format import EDITABLE_PARTS, FILE_NAMES, NAMES_OF_PARTS
from coexplorer.fs.core.scratch import Scratch
from coexplorer.fs.core.tree import ALIAS_VIEW, BY_ID_VIEW, FLAG_VIEWS, Flag, Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.handlers.control_files import (
    CONTROL_FILES,
    FIXED_FILES,
    README,
    ControlFiles,
    UnsentText,
)
from coexplorer.fs.handlers.search_folders import SearchFolders
from coexplorer.fs.kernel.attributes import (
    BRIEF_LIFE_S,
    build_directory,
    build_file,
    build_link,
    build_private_file,
    build_text_file,
    refill,
)
from coexplorer.fs.kernel.inodes import (
    Inode,
    Part,
    Place,
    asset_inode,
    directory_inodes,
    find_directory_number,
    link_inode,
    split_asset,
    split_link,
    split_view,
    view_inode,
)
from coexplorer.fs.kernel.procfs import renames_to
from coexplorer.models import AssetId

Make = Callable[[], pyfuse3.EntryAttributes]

ROOT_NAMES: dict[bytes, Place] = {
    b"all": Place.ALL,
    b"archived": Place.ARCHIVED,
    b"deleted": Place.DELETED,
    b"by-id": Place.BY_ID,
    b"mine": Place.MINE,
    b"shared": Place.SHARED,
    b"favorites": Place.FAVORITES,
    b"tags": Place.TAGS,
    b"search": Place.SEARCH,
    b".coexplorer": Place.CONTROL,
    **FIXED_FILES,
}
_DIRECTORY_PLACES = frozenset(
    {place for name, place in ROOT_NAMES.items() if name not in FIXED_FILES}
    | {Place.ROOT, Place.UNSENT}
)
_LONGEST_LOOK_S = 1.0
DOTS = 2
"""How many entries are in front of each listing: the directory itself, and the one it is in."""
_ASSET_FOLDERS = (Place.ALL, Place.ARCHIVED, Place.DELETED)
_PARENTS_OF_ASSETS: dict[Place, bytes] = {Place.ALL: b"all", Place.ARCHIVED: b"archived"}


@dataclass(slots=True, eq=False)
class Listing:
    """A directory as it was when it was opened: names, and what makes each one's attributes."""

    names: list[FileNameT] = field(default_factory=list)
    makers: list[Make] | None = None
    nodes: list[Node] | None = None
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


class Lookup:
    """Answers what is where."""

    def __init__(self, volume: Volume, control: ControlFiles, searches: SearchFolders) -> None:
        self.volume = volume
        self.tree = volume.tree
        self.control = control
        self.searches = searches
        self._folders = {int(place): names for place, names in self.tree.folders.items()}
        # Filled in again for each answer, which is sent before anything else happens.
        self._directory = build_directory(Inode(0), volume.times.started_ns)
        self._file = build_file(Inode(0), 0, 0)
        self._text = build_text_file(Inode(0), 0, 0)

    # --- Names

    async def find(self, parent: int, name: bytes, pid: int = 0) -> pyfuse3.EntryAttributes | None:
        """Return what a name in a directory is; None when nothing has it.

        Args:
            parent: The directory.
            name: The name.
            pid: Who asks: one that is moving something there is shown no former name.
        """
        number = find_directory_number(parent)
        if number is not None:
            node = self.tree.find_number(number)
            return None if node is None else self.find_in_asset(node, name)
        if parent in _ASSET_FOLDERS:
            node = self._folders[parent].get(name)
            if node is not None:
                return self.attributes_of_node(node)
            return await self._find_former(parent, name, pid) if self.tree.has_alias(name) else None
        if parent == Place.ROOT:
            place = ROOT_NAMES.get(name)
            return None if place is None else self.attributes_of_place(place)
        return await self._find_in_view(parent, name, pid)

    async def _find_former(
        self, folder: int, name: bytes, pid: int
    ) -> pyfuse3.EntryAttributes | None:
        """Return the link that a name is which was an asset's a moment ago."""
        if folder == Place.DELETED or await _is_renaming(pid, name):
            return None  # it would be in the way of an asset that moves back
        former = self.tree.find_alias(name, time.monotonic())
        return None if former is None else self._link_attributes(ALIAS_VIEW, former)

    def find_in_asset(self, node: Node, name: bytes) -> pyfuse3.EntryAttributes | None:
        """Return what a name in an asset's directory is."""
        part = FILE_NAMES.get(name)
        if part is not None:
            seen = self.volume.files.glance(node, part)
            if seen is not None:
                entry = self._text if part == Part.JSON else self._file
                refill(entry, asset_inode(node.number, part), *seen)
                return entry
            if not self._has_part(node, part) or not self.volume.texts.ensure_measured(node):
                return None
            return self.attributes_of_part(node, part)
        scratch = self.volume.scratch.find(node.slot, name)
        return None if scratch is None else self.attributes_of_scratch(scratch)

    async def _find_in_view(
        self, parent: int, name: bytes, pid: int
    ) -> pyfuse3.EntryAttributes | None:
        if parent == Place.TAGS:
            tag = self.tree.find_tag(name)
            return None if tag is None else self._view_attributes(tag.view)
        if parent == Place.SEARCH:
            search = self.searches.find(name)
            return None if search is None else self._view_attributes(search.view)
        if parent in (Place.CONTROL, Place.UNSENT):
            return self._find_control(parent, name, pid)
        view, node = await self._find_link(parent, name)
        return None if node is None else self._link_attributes(view, node, name)

    def _find_control(self, parent: int, name: bytes, pid: int) -> pyfuse3.EntryAttributes | None:
        if parent == Place.CONTROL:
            place = Place.UNSENT if name == b"unsent" else CONTROL_FILES.get(name)
            if place == Place.STATUS:
                return self._status_attributes(pid, by_name=True)
            return None if place is None else self.attributes_of_place(place)
        text = self.control.find_unsent(name)
        return None if text is None else _unsent_attributes(text)

    async def _find_link(self, parent: int, name: bytes) -> tuple[int, Node | None]:
        """Return the view of a folder of links, and the asset that a name in it leads to."""
        if parent == Place.BY_ID:
            node = self.tree.find_id(AssetId(name.decode(errors="surrogateescape")))
            there = node is not None and not node.gone and not node.flags & Flag.DELETED
            return BY_ID_VIEW, node if there else None
        node = self.tree.find_name_or_former(name, time.monotonic())
        if parent in FLAG_VIEWS:
            flag, view = FLAG_VIEWS[Place(parent)]
            return view, node if node is not None and node.flags & flag else None
        view = split_view(parent) or 0
        tag = self.tree.find_tag_view(view)
        if tag is not None:
            return view, node if node in tag.members else None
        search = self.searches.find_view(view)
        if search is None:
            return view, None
        await self.searches.ensure_found(search)
        former = None if node is None else search.found.get(node.file_name)
        return view, search.found.get(name, former)

    # --- Attributes

    def attributes(self, inode: int, pid: int = 0) -> pyfuse3.EntryAttributes:
        """Return the attributes of an inode that the kernel knows, for who asks (`pid`).

        Raises:
            pyfuse3.FUSEError: ENOENT, when it is gone.
        """
        if inode == Place.STATUS:
            return self._status_attributes(pid)
        found = self._find_attributes(inode)
        if found is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        return found

    def _find_attributes(self, inode: int) -> pyfuse3.EntryAttributes | None:
        moved = self._find_moved(inode)
        if moved is not None:
            return moved
        asset = split_asset(inode)
        if asset is not None:
            return self._find_asset_attributes(*asset, Inode(inode))
        if inode <= max(Place):
            return self.attributes_of_place(Place(inode))
        link = split_link(inode)
        if link is not None:
            target = self.tree.find_slot(link[1])
            return None if target is None else self._link_attributes(link[0], target)
        number = split_view(inode)
        if number is not None:
            return self._view_attributes(number)
        return self._find_counted(inode)

    def _find_asset_attributes(
        self, number: int, part: Part, inode: Inode
    ) -> pyfuse3.EntryAttributes | None:
        node = self.tree.find_number(number)
        if node is None or node.gone:
            return None
        if part == Part.DIRECTORY:
            return self.attributes_of_node(node)
        if not self.volume.texts.ensure_measured(node):
            return None
        return self.attributes_of_part(node, part, inode)

    def _find_moved(self, inode: int) -> pyfuse3.EntryAttributes | None:
        """Return the attributes of what is, or no longer is, a metadata file by this inode."""
        scratch = self.volume.scratch.find_inode(inode)
        if scratch is not None:
            return self.attributes_of_scratch(scratch)
        file = self.volume.files.find_unlinked(inode)
        if file is None or file.buffer is None:
            return None
        entry = build_file(file.inode, len(file.buffer.content), time.time_ns())
        entry.st_nlink = 0
        return entry

    def _find_counted(self, inode: int) -> pyfuse3.EntryAttributes | None:
        file = self.volume.files.find_second_life(inode)
        if file is not None:
            node = self.tree.find_slot(file.slot)
            if node is None or not self.volume.texts.ensure_measured(node):
                return None
            return self.attributes_of_part(node, file.part, Inode(inode))
        text = self.control.find_unsent_inode(inode)
        return None if text is None else _unsent_attributes(text)

    def attributes_of_place(self, place: Place) -> pyfuse3.EntryAttributes:
        """Return the attributes of what is always there."""
        started = self.volume.times.started_ns
        if place in _DIRECTORY_PLACES:
            links = 2
            if place in _ASSET_FOLDERS:
                links += len(self.tree.folders[place])
            elif place == Place.TAGS:
                links += len(self.tree.list_tags())
            entry = build_directory(Inode(place), started, links=links, life_s=BRIEF_LIFE_S)
            if place == Place.UNSENT:  # its names tell of the owner's failures
                entry.st_mode = pyfuse3.ModeT(entry.st_mode & ~0o077)
            return entry
        if place == Place.STATUS:
            return self._status_attributes(0)
        if place == Place.LOG:
            log = self.volume.logbook
            return build_private_file(Inode(place), len(log.text), log.mtime_ns, life_s=0)
        if place == Place.REFRESH:
            return build_file(Inode(place), 0, started)
        size = len(README.encode()) if place == Place.README else 0
        return build_text_file(Inode(place), size, started)

    def _status_attributes(self, pid: int, *, by_name: bool = False) -> pyfuse3.EntryAttributes:
        size = self.control.find_status_size(self.volume.groups.find(pid), by_name=by_name)
        return build_text_file(Inode(Place.STATUS), size, self.volume.times.started_ns, life_s=0)

    def attributes_of_node(self, node: Node) -> pyfuse3.EntryAttributes:
        """Return the attributes of an asset's directory."""
        entry = self._directory
        entry.st_ino = node.inode
        entry.st_mtime_ns = self.volume.times.made_ns(node)
        return entry

    def attributes_of_part(
        self, node: Node, part: Part, inode: Inode | None = None
    ) -> pyfuse3.EntryAttributes:
        """Return the attributes of a file of an asset; its sizes must be known."""
        volume = self.volume
        size, mtime_ns = volume.files.size_of(node, part), volume.files.mtime_of(node, part)
        if part in (Part.JSON, Part.ERROR):
            inode = asset_inode(node.number, part)
            if part == Part.ERROR:
                # A script asks for it right after a save: the kernel must not remember it.
                return build_private_file(inode, size, mtime_ns, life_s=0.0)
            return build_text_file(inode, size, mtime_ns)
        current = volume.files.inode_of(node, part)
        return build_file(current if inode is None else inode, size, mtime_ns)

    def attributes_of_scratch(self, scratch: Scratch) -> pyfuse3.EntryAttributes:
        """Return the attributes of an editor's own file."""
        if scratch.is_link:
            return build_link(scratch.inode, len(scratch.content), scratch.mtime_ns)
        entry = build_file(scratch.inode, len(scratch.content), scratch.mtime_ns)
        entry.st_mode = pyfuse3.ModeT((entry.st_mode & ~0o777) | (scratch.mode & 0o755))
        if not scratch.name:
            entry.st_nlink = 0
        return entry

    def _view_attributes(self, view: int) -> pyfuse3.EntryAttributes:
        return build_directory(view_inode(view), self.volume.times.started_ns, life_s=BRIEF_LIFE_S)

    def _link_attributes(
        self, view: int, node: Node, name: bytes | None = None
    ) -> pyfuse3.EntryAttributes:
        size = len(self.target_of(view, node))
        # A tag's links are told to the kernel when they change; a search's, and those under a
        # former name, are not.
        brief = view == ALIAS_VIEW or self.searches.find_view(view) is not None
        brief = brief or (view != BY_ID_VIEW and name not in (None, node.file_name))
        life_s = BRIEF_LIFE_S if brief else 60.0
        inode = link_inode(view, node.slot)
        return build_link(inode, size, self.volume.times.made_ns(node), life_s=life_s)

    def target_of(self, view: int, node: Node) -> bytes:
        """Return where a link in a view points to."""
        folder = _PARENTS_OF_ASSETS.get(node.folder, b"deleted")
        up = b"../.." if self._is_deep(view) else b".."
        return b"/".join((up, folder, node.file_name))

    def target(self, inode: int) -> bytes:
        """Return what readlink answers.

        Raises:
            pyfuse3.FUSEError: ENOENT, when it is gone.
        """
        link = split_link(inode)
        if link is not None:
            node = self.tree.find_slot(link[1])
            if node is not None and not node.gone:
                if link[0] == ALIAS_VIEW:
                    self.tree.touch_aliases(node, time.monotonic())
                return self.target_of(link[0], node)
        scratch = self.volume.scratch.find_inode(inode)
        if scratch is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        return bytes(scratch.content)

    def _is_deep(self, view: int) -> bool:
        """Tell whether a view's folder is two levels below the root."""
        return view > ALIAS_VIEW

    def _has_part(self, node: Node, part: Part) -> bool:
        if node.is_deleted:
            return part == Part.JSON
        if part == Part.ERROR:
            return self.volume.failures.has(node)
        return not self.volume.files.is_hidden(node, part, time.monotonic())

    # --- Listings

    async def list_directory(self, inode: int) -> Listing:
        """Return what a directory holds now.

        Raises:
            pyfuse3.FUSEError: ENOENT, when it is gone.
        """
        asset = split_asset(inode)
        if asset is not None:
            node = self.tree.find_number(asset[0])
            if node is None or node.gone:
                raise pyfuse3.FUSEError(errno.ENOENT)
            return self._list_asset(node)
        if inode in _ASSET_FOLDERS:
            return self._list_assets(Place(inode))
        number = split_view(inode)
        if number is not None:
            return await self._list_view(number)
        return await self._list_place(Place(inode))

    def _list_assets(self, folder: Place) -> Listing:
        nodes = self.tree.folders[folder].values()
        started = self.volume.times.started_ns
        return Listing(
            [FileNameT(node.file_name) for node in nodes],
            inodes=directory_inodes(node.number for node in nodes),
            times=[int(node.created * 1_000_000_000) or started for node in nodes],
        )

    def _list_asset(self, node: Node) -> Listing:
        listing = Listing()
        if not self.volume.texts.ensure_measured(node):
            raise pyfuse3.FUSEError(errno.ENOENT)
        for part in (*EDITABLE_PARTS, Part.JSON, Part.ERROR):
            if self._has_part(node, part):
                listing.add(NAMES_OF_PARTS[part], _later(self.attributes_of_part, node, part))
        for scratch in self.volume.scratch.iter_directory(node.slot):
            listing.add(scratch.name, _later(self.attributes_of_scratch, scratch))
        return listing

    async def _list_view(self, view: int) -> Listing:
        tag = self.tree.find_tag_view(view)
        if tag is not None:
            return self._list_links(view, list(tag.members))
        search = self.searches.find_view(view)
        if search is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        await self.searches.ensure_found(search)
        return self._list_links(view, list(search.found.values()))

    def _list_links(self, view: int, nodes: list[Node]) -> Listing:
        return Listing([FileNameT(node.file_name) for node in nodes], nodes=nodes, view=view)

    async def _list_place(self, place: Place) -> Listing:
        if place in FLAG_VIEWS:
            flag, view = FLAG_VIEWS[place]
            return self._list_links(view, self.tree.list_flagged(flag))
        if place == Place.BY_ID:
            nodes = list(self.tree.iter_nodes())
            ids = [FileNameT(os.fsencode(node.id)) for node in nodes]
            return Listing(ids, nodes=nodes, view=BY_ID_VIEW)
        listing = Listing()
        if place == Place.TAGS:
            for tag in self.tree.list_tags():
                listing.add(tag.file_name, _later(self._view_attributes, tag.view))
        elif place == Place.UNSENT:
            for text in await self.control.list_unsent():
                listing.add(text.name, _later(_unsent_attributes, text))
        else:
            for name, inside in _FIXED_LISTINGS.get(place, {}).items():
                listing.add(name, _later(self.attributes_of_place, inside))
        return listing

    def entry_at(self, listing: Listing, index: int) -> pyfuse3.EntryAttributes:
        """Return the attributes of an entry of a listing that `fill_assets` is not for."""
        if listing.makers is not None:
            return listing.makers[index]()
        if listing.nodes is None:
            raise pyfuse3.FUSEError(errno.EIO)
        return self._link_attributes(listing.view, listing.nodes[index])

    def fill_dots(self, listing: Listing, start: int, token: pyfuse3.ReaddirToken) -> bool:
        """Answer the beginning of a readdir; False when there is no room for more.

        The kernel takes no hold of these two.
        """
        places = [(b".", listing.inode), (b"..", self._parent_of(listing.inode))]
        for index, (name, inode) in enumerate(places[start:], start):
            entry = build_directory(Inode(inode), self.volume.times.started_ns)
            if not pyfuse3.readdir_reply(token, FileNameT(name), entry, index + 1):
                return False
        return True

    def _parent_of(self, inode: int) -> int:
        asset = split_asset(inode)
        node = None if asset is None else self.tree.find_number(asset[0])
        if node is not None:
            return node.folder
        view = split_view(inode)
        if view is not None:
            return Place.TAGS if self.tree.find_tag_view(view) is not None else Place.SEARCH
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
        self.volume.counts.add_directories(inodes[start:index])


_FIXED_LISTINGS: dict[Place, dict[bytes, Place]] = {
    Place.ROOT: ROOT_NAMES,
    Place.CONTROL: {**CONTROL_FILES, b"unsent": Place.UNSENT},
}


def _unsent_attributes(text: UnsentText) -> pyfuse3.EntryAttributes:
    at_ns = int(text.at * 1_000_000_000)
    return build_private_file(text.inode, len(text.content), at_ns, life_s=BRIEF_LIFE_S)


async def _is_renaming(pid: int, name: bytes) -> bool:
    """Tell what `renames_to` does, from a thread: the process may hold its memory, and wait for us.

    Then it counts as not renaming.
    """
    with trio.move_on_after(_LONGEST_LOOK_S):
        return await trio.to_thread.run_sync(renames_to, pid, name, abandon_on_cancel=True)
    return False


def _later(
    make: Callable[..., pyfuse3.EntryAttributes], *args: object
) -> Callable[[], pyfuse3.EntryAttributes]:
    return lambda: make(*args)
