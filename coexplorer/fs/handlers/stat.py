"""What a stat answers, of everything that the kernel can ask for."""

from __future__ import annotations

import errno
import os
import time

import pyfuse3

from coexplorer.fs.core.asset_files import FILES_NAME
from coexplorer.fs.core.fetched import GUESS_BYTES
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.open_files import OpenFile
from coexplorer.fs.core.scratch import Scratch
from coexplorer.fs.core.tree import ALIAS_VIEW, BY_ID_VIEW, RELATIVE_VIEW
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.handlers.control_files import README, ControlFiles, UnsentText
from coexplorer.fs.handlers.data_files import DataFiles
from coexplorer.fs.handlers.places import ASSET_FOLDERS, DIRECTORY_PLACES, FOLDER_NAMES
from coexplorer.fs.handlers.search_folders import SearchFolders
from coexplorer.fs.kernel.attributes import (
    BRIEF_LIFE_S,
    build_directory,
    build_file,
    build_link,
    build_private_file,
    build_text_file,
)
from coexplorer.fs.kernel.inodes import (
    FETCHED,
    Inode,
    Part,
    Place,
    asset_inode,
    is_data,
    is_fetched,
    link_inode,
    split_asset,
    split_link,
    split_view,
    view_inode,
)


class Stat:
    """Builds the answers from memory, or from the catalog."""

    def __init__(
        self, volume: Volume, control: ControlFiles, searches: SearchFolders, data: DataFiles
    ) -> None:
        self._volume = volume
        self._data = data
        self._files = volume.files
        self._tree = volume.tree
        self._tags = volume.tree.tags
        self._control = control
        self._searches = searches
        # Filled in again for each answer, which is sent before anything else happens.
        self._directory = build_directory(Inode(0), volume.times.started_ns)

    def attributes(self, inode: int, pid: int = 0) -> pyfuse3.EntryAttributes:
        """Return the attributes of an inode that the kernel knows; `pid` asks.

        Raises:
            pyfuse3.FUSEError: ENOENT, when it is gone.
        """
        if inode == Place.STATUS:
            return self.of_status(pid)
        if is_fetched(inode) and (located := self._files.locate(inode)) is not None:
            return self.of_fetched(*located, pid)
        found = self._find_attributes(inode)
        if found is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        return found

    def _find_attributes(self, inode: int) -> pyfuse3.EntryAttributes | None:
        if is_data(inode):
            return self._data.attributes(inode)
        return self._find_moved(inode) or self._find_named(inode)

    def _find_named(self, inode: int) -> pyfuse3.EntryAttributes | None:
        located = self._files.locate(inode)
        reader = self._volume.open_files.find_reader(inode)
        if located is not None:
            return self._find_asset_attributes(*located, Inode(inode))
        if reader is not None or split_asset(inode) is not None:
            return None if reader is None else self._of_reader(reader)
        if inode <= max(Place):
            return self.of_place(Place(inode))
        link = split_link(inode)
        if link is not None:
            target = self._tree.find_slot(link[1])
            return None if target is None else self.of_link(link[0], target)
        number = split_view(inode)
        if number is not None:
            return self.of_view(number)
        return self._find_counted(inode)

    def _find_asset_attributes(
        self, node: Node, part: Part, inode: Inode
    ) -> pyfuse3.EntryAttributes | None:
        if part == Part.DIRECTORY:
            return self.of_node(node)
        if part > Part.ERROR:
            return self._of_other(node, part)
        if not self._volume.texts.ensure_measured(node):
            return None
        entry = self.of_part(node, part)
        if entry.st_ino == inode:
            return entry
        # Its name leads elsewhere now. Who has it open asks by this inode. Whoever looks at a path
        # sees what that leads to, for this once. ESTALE would make the kernel look the path up, but
        # only once in a call: an open or a cut that is sent back next would fail with it.
        open_files = self._volume.open_files
        reader = open_files.find_reader(inode)
        if reader is not None:
            return self._of_reader(reader)
        if open_files.has(inode):
            entry.st_ino = inode
        else:
            entry.attr_timeout = 0.0
        return entry

    def _of_other(self, node: Node, part: Part) -> pyfuse3.EntryAttributes:
        """Return the attributes of what is no file of an asset's own: links, folders, questions."""
        if part == Part.FILES:
            return self.of_files(node)
        if part in FETCHED.values():
            return self.of_fetched(node, part)
        return self.of_about(node, part)

    def _of_reader(self, reader: OpenFile) -> pyfuse3.EntryAttributes:
        """Return the attributes of what somebody reads, and what no name leads to any more."""
        is_derived = reader.shows is not None and reader.shows[1] in (Part.JSON, Part.ERROR)
        build = build_private_file if is_derived else build_file
        entry = build(Inode(reader.inode), len(reader.snapshot), reader.mtime_ns)
        entry.st_nlink = 0
        return entry

    def _find_moved(self, inode: int) -> pyfuse3.EntryAttributes | None:
        """Return the attributes of what is, or no longer is, a metadata file by this inode."""
        scratch = self._volume.scratch.find_inode(inode)
        if scratch is not None:
            return self.of_scratch(scratch)
        file = self._files.find_unlinked(inode)
        if file is None or file.buffer is None:
            return None
        entry = build_file(file.inode, len(file.buffer.content), time.time_ns())
        entry.st_nlink = 0
        return entry

    def _find_counted(self, inode: int) -> pyfuse3.EntryAttributes | None:
        text = self._control.find_unsent_inode(inode)
        return None if text is None else self.of_unsent(text)

    def of_place(self, place: Place) -> pyfuse3.EntryAttributes:
        """Return the attributes of a place that is always there."""
        started = self._volume.times.started_ns
        if place in DIRECTORY_PLACES:
            links = 2
            if place in ASSET_FOLDERS:
                links += len(self._tree.folders[place])
            elif place == Place.TAGS:
                links += len(self._tags.list())
            entry = build_directory(Inode(place), started, links=links, life_s=BRIEF_LIFE_S)
            if place == Place.UNSENT:  # its names tell of the owner's failures
                entry.st_mode = pyfuse3.ModeT(entry.st_mode & ~0o077)
            return entry
        if place == Place.STATUS:
            return self.of_status(0)
        if place == Place.LOG:
            log = self._volume.logbook
            return build_private_file(Inode(place), len(log.text), log.mtime_ns, life_s=0)
        if place == Place.REFRESH:
            return build_file(Inode(place), 0, started)
        size = len(README.encode()) if place == Place.README else 0
        return build_text_file(Inode(place), size, started)

    def of_status(self, pid: int, *, by_name: bool = False) -> pyfuse3.EntryAttributes:
        """Return the attributes of the status, for the process that asks."""
        size = self._control.find_status_size(self._volume.groups.find(pid), by_name=by_name)
        return build_text_file(Inode(Place.STATUS), size, self._volume.times.started_ns, life_s=0)

    def of_node(self, node: Node) -> pyfuse3.EntryAttributes:
        """Return the attributes of an asset's directory."""
        entry = self._directory
        entry.st_ino = node.inode
        entry.st_mtime_ns = self._volume.times.made_ns(node)
        return entry

    def of_about(self, node: Node, part: Part) -> pyfuse3.EntryAttributes:
        """Return the attributes of an asset's ``about``, or of a folder in it.

        Nothing can be made in these.
        """
        inode = asset_inode(node.number, part)
        entry = build_directory(inode, self._volume.times.made_ns(node))
        entry.st_mode = pyfuse3.ModeT(entry.st_mode & ~0o222)
        return entry

    def of_files(self, node: Node) -> pyfuse3.EntryAttributes:
        """Return the attributes of the link to an asset's data."""
        inode = asset_inode(node.number, Part.FILES)
        return build_link(inode, len(_link_to_data(node)), self._volume.times.made_ns(node))

    def has_files(self, node: Node) -> bool:
        """Tell whether an asset has the link to its data: not if a user's own file has its name."""
        is_shown = self._volume.options.files and not node.is_deleted
        return is_shown and self._volume.scratch.find(node.slot, FILES_NAME) is None

    def of_fetched(self, node: Node, part: Part, pid: int = 0) -> pyfuse3.EntryAttributes:
        """Return the attributes of a file of ``about``, for the process that asks.

        They are what is known: a getattr has the text fetched first (`FetchedSizes.measure`).
        """
        inode = asset_inode(node.number, part)
        known = self._volume.fetched.find(inode)
        size = GUESS_BYTES if known is None else known.size
        tgid = self._volume.groups.find(pid) if pid else 0
        own = self._volume.open_files.find_fetched(inode, tgid) if tgid else None
        if own is not None:
            size = len(own)
        mtime_ns = self._volume.times.started_ns if known is None else known.mtime_ns
        build = build_text_file if part == Part.USES else build_file
        entry = build(inode, size, mtime_ns)
        entry.attr_timeout = 0.0  # whoever has opened it looks at its size, and copies as much
        return entry

    def of_part(self, node: Node, part: Part) -> pyfuse3.EntryAttributes:
        """Return the attributes of a file of an asset; its sizes must be known."""
        files = self._volume.files
        size = len(files.note_error(node)) if part == Part.ERROR else files.size_of(node, part)
        inode, mtime_ns = files.inode_of(node, part), files.mtime_of(node, part)
        if part == Part.ERROR:
            # A script asks for it right after a save: the kernel must not remember it.
            return build_private_file(inode, size, mtime_ns, life_s=0.0)
        build = build_text_file if part == Part.JSON else build_file
        return build(inode, size, mtime_ns)

    def of_scratch(self, scratch: Scratch) -> pyfuse3.EntryAttributes:
        """Return the attributes of an editor's own file."""
        if scratch.is_link:
            return build_link(scratch.inode, len(scratch.content), scratch.mtime_ns)
        entry = build_file(scratch.inode, len(scratch.content), scratch.mtime_ns)
        entry.st_mode = pyfuse3.ModeT((entry.st_mode & ~0o777) | (scratch.mode & 0o755))
        if not scratch.name:
            entry.st_nlink = 0
        return entry

    def of_view(self, view: int) -> pyfuse3.EntryAttributes:
        """Return the attributes of the folder of a tag or of a search."""
        return build_directory(view_inode(view), self._volume.times.started_ns, life_s=BRIEF_LIFE_S)

    def of_link(self, view: int, node: Node, name: bytes | None = None) -> pyfuse3.EntryAttributes:
        """Return the attributes of a link in a view, looked up by a name."""
        size = len(self.target_of(view, node))
        # A tag's links are told to the kernel when they change; a search's, and those under a
        # former name, are not.
        brief = view in (ALIAS_VIEW, RELATIVE_VIEW) or self._searches.find_view(view) is not None
        brief = brief or (view != BY_ID_VIEW and name not in (None, node.file_name))
        life_s = BRIEF_LIFE_S if brief else 60.0
        inode = link_inode(view, node.slot)
        return build_link(inode, size, self._volume.times.made_ns(node), life_s=life_s)

    def has_part(self, node: Node, part: Part) -> bool:
        """Tell whether a file of an asset is there."""
        if node.is_deleted:
            return part == Part.JSON
        if part == Part.ERROR:
            return self._volume.failures.has(node)
        return not self._files.is_hidden(node, part, time.monotonic())

    def target_of(self, view: int, node: Node) -> bytes:
        """Return where a link in a view points to."""
        folder = FOLDER_NAMES.get(node.folder, b"deleted")
        up = b"../.." if self._is_deep(view) else b".."
        up = b"../../../.." if view == RELATIVE_VIEW else up
        return b"/".join((up, folder, node.file_name))

    def target(self, inode: int) -> bytes:
        """Return what readlink answers.

        Raises:
            pyfuse3.FUSEError: ENOENT, when it is gone.
        """
        link = split_link(inode)
        if link is not None:
            node = self._tree.find_slot(link[1])
            if node is not None and not node.gone:
                if link[0] == ALIAS_VIEW:
                    self._tree.touch_aliases(node, time.monotonic())
                return self.target_of(link[0], node)
        asset = split_asset(inode)
        if asset is not None and asset[1] == Part.FILES:
            node = self._tree.find_number(asset[0])
            if node is not None and not node.gone:
                return _link_to_data(node)
        scratch = self._volume.scratch.find_inode(inode)
        if scratch is None:
            raise pyfuse3.FUSEError(errno.ENOENT)
        return bytes(scratch.content)

    def _is_deep(self, view: int) -> bool:
        """Tell whether a view's folder is two levels below the root."""
        return view > ALIAS_VIEW

    def of_unsent(self, text: UnsentText) -> pyfuse3.EntryAttributes:
        """Return the attributes of a text in ``.coexplorer/unsent/``."""
        at_ns = int(text.at * 1_000_000_000)
        return build_private_file(text.inode, len(text.content), at_ns, life_s=BRIEF_LIFE_S)


def _link_to_data(node: Node) -> bytes:
    return b"/".join((b"../..", FILES_NAME, os.fsencode(node.id)))
