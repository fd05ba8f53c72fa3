"""What one mount holds in memory: its owners, and how a change reaches all of them.

Who owns what: `coexplorer.fs.core.tree` what is where, `coexplorer.fs.core.texts` what the platform
has, `coexplorer.fs.core.file_table` what is open, written or not sent. Everything here happens on
the event loop; no method waits for the network.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from coexplorer.fields import Fields
from coexplorer.fs.core.asset_files import AssetFiles
from coexplorer.fs.core.conflicts import Conflicts
from coexplorer.fs.core.content_cache import ContentCache, Source
from coexplorer.fs.core.failures import Failures
from coexplorer.fs.core.fetched import FetchedTexts
from coexplorer.fs.core.file_table import FileTable
from coexplorer.fs.core.late_saves import LateSaves
from coexplorer.fs.core.logbook import Logbook
from coexplorer.fs.core.merge_bases import MergeBases
from coexplorer.fs.core.nodes import KnownAsset, Node, build_flags
from coexplorer.fs.core.notices import Notices
from coexplorer.fs.core.open_files import OpenFiles
from coexplorer.fs.core.scratch import Scratch, ScratchStore
from coexplorer.fs.core.sizes import Sizes
from coexplorer.fs.core.spellings import Spellings
from coexplorer.fs.core.stale import Stale
from coexplorer.fs.core.texts import Texts
from coexplorer.fs.core.times import Times
from coexplorer.fs.core.tree import Tree
from coexplorer.fs.kernel.inodes import Inode, InodeCounter, LookupCounts, Place, is_data
from coexplorer.fs.kernel.procfs import ThreadGroups
from coexplorer.models import AssetId, Excerpt, Record

log = logging.getLogger(__name__)

_FEW_NAMES = 50


@dataclass(frozen=True, slots=True)
class MountOptions:
    """What this mount allows.

    Attributes:
        allow_untag: ``rm tags/T/A`` takes the tag away.
        allow_delete: How many archived assets may be deleted by moving them to ``deleted/``.
        allow_other: Other users of this machine may look.
        files: The data of assets can be read: each has a link ``files``.
        spell: Returns a sentence with the commands in it as this user types them.
    """

    read_only: bool = False
    allow_untag: bool = False
    allow_delete: int = 0
    allow_other: bool = False
    files: bool = True
    spell: Callable[[str], str] = str


class Volume:
    """The state of a mount.

    Args:
        source: The catalog.
        notices: Who tells the kernel what to forget.
        options: What the mount allows.

    Attributes:
        counts: What the kernel holds.
        inodes: Where inodes come from that are not computed.
        tree: What is where.
        scratch: Files of programs and users in assets' folders.
        excerpts: What is known of the assets' files.
        sizes: Their sizes, and what the kernel has of them.
        spellings: Their texts as they were written here.
        texts: Their texts.
        times: When these came.
        asset_files: Files and folders of the assets' data that the kernel knows.
        fetched: Of files that are fetched when they are opened, what a stat answers.
        open_files: Who has what open.
        files: The state of those that are open or not sent.
        shown: What each process was last shown of them.
        failures: What could not be written.
        conflicts: Which saves met somebody else's change.
        late: Saves that may arrive later.
        groups: Which process a thread belongs to.
        logbook: ``.coexplorer/log``.
        shows_all: Whether all assets of a whole list have been shown since it began.
        deleted: How many assets were deleted from here.
        deletions_begun: Those that may still be, too.
        mount_id: The kernel's number of the mount; None before there is one.
    """

    def __init__(self, source: Source, notices: Notices, options: MountOptions) -> None:
        self.notices = notices
        self.options = options
        self.counts = counts = LookupCounts()
        self.inodes = InodeCounter()
        self.tree = Tree(is_held=lambda node: counts.holds(node.inode))
        self.scratch = ScratchStore()
        self.excerpts = ContentCache(source)
        self.sizes = Sizes()
        self.spellings = Spellings()
        self.texts = Texts(self.excerpts, self.sizes, self.spellings)
        self.times = Times()
        self.asset_files = AssetFiles()
        self.fetched = FetchedTexts(self.times.started_ns)
        self.open_files = OpenFiles()
        self.shown = MergeBases()
        self.failures = Failures()
        self.conflicts = Conflicts()
        self.late = LateSaves()
        self.files = FileTable(
            tree=self.tree,
            texts=self.texts,
            sizes=self.sizes,
            times=self.times,
            open_files=self.open_files,
            failures=self.failures,
            conflicts=self.conflicts,
            counts=self.counts,
            inodes=self.inodes,
            notices=notices,
        )
        self.groups = ThreadGroups()
        self.logbook = Logbook()
        self.shows_all = False
        self.deleted = 0
        self.deletions_begun = 0
        self.mount_id: int | None = None

    def forget_inode(self, inode: Inode) -> None:
        """Drop what only the kernel held."""
        if is_data(inode):
            self.asset_files.let_go(inode)
            return
        scratch = self.scratch.find_inode(inode)
        if scratch is not None and not scratch.name and not scratch.handles:
            self.scratch.drop(scratch)
        self.files.tidy_inode(inode)

    # --- The log

    def report(self, text: str) -> None:
        """Write a line into the mount's log, which is the daemon's too."""
        text = self.options.spell(text)
        self.logbook.add(text)
        log.info("%s", text)

    # --- Following changes

    def apply_record(self, record: Record, now: float) -> Node:
        """Take over a record that the catalog changed."""
        asset = record.asset
        marks = record.membership
        flags = build_flags(
            archived=marks.archived, favorite=marks.favorite, mine=marks.mine, shared=marks.shared
        )
        known = KnownAsset(asset.id, asset.name, asset.tags, asset.created or 0.0, flags)
        node = self.apply_known(known, now)
        if self.sizes.has(node.slot):
            excerpt = asset.excerpt
            self.excerpts.keep(node.slot, excerpt)
            self.files.note_texts(node, self.texts.build_all(node, excerpt))
        return node

    def apply_known(self, known: KnownAsset, now: float) -> Node:
        """Take over where an asset is, if none of its texts has been seen yet."""
        node = self.tree.apply(known, now)
        self.excerpts.unpin(node.slot)
        return node

    def is_outdated(self, asset_id: AssetId, read_at: float) -> bool:
        """Tell whether a read of the catalog that began at `read_at` may miss one of our saves.

        Args:
            asset_id: The asset.
            read_at: When the reading began, in `time.monotonic` seconds.
        """
        node = self.tree.find_id(asset_id)
        return node is not None and self.excerpts.is_outdated(node.slot, read_at)

    def is_measured(self, asset_id: AssetId) -> bool:
        """Tell whether somebody may have seen an asset's texts."""
        node = self.tree.find_id(asset_id)
        return node is not None and self.sizes.has(node.slot)

    def apply_reply(self, node: Node, reply: Excerpt, now: float) -> None:
        """Take over what the platform answered to a save, before the catalog has it."""
        self.excerpts.lead(node.slot, reply)
        self._show_fields(node, reply.fields, now, alias=True)
        if self.sizes.has(node.slot):
            self.files.note_texts(node, self.texts.build_all(node, reply))

    def learn(self, node: Node, now: float) -> None:
        """Take over what the catalog has of an asset now: the library has just looked at it."""
        if self.excerpts.is_outdated(node.slot, now):
            return  # one of our saves is newer
        self.excerpts.unpin(node.slot)
        excerpt = self.texts.excerpt(node)
        if excerpt is not None:
            self._show_fields(node, excerpt.fields, now, alias=True)
            self.files.note_texts(node, self.texts.build_all(node, excerpt))

    def apply_fields(self, node: Node, fields: Fields, now: float, *, alias: bool) -> None:
        """Take over what the platform has, as the catalog was just told, before it tells."""
        self.excerpts.unpin(node.slot)
        self._show_fields(node, fields, now, alias=alias)
        if self.sizes.has(node.slot):
            self.files.note_texts(node, self.texts.build_editable(node, fields))

    def _show_fields(self, node: Node, fields: Fields, now: float, *, alias: bool) -> None:
        if not node.is_there:
            return  # somebody has deleted it since
        self.tree.tags.set(node, fields.tags)
        self.tree.rename(node, fields.name, now, alias=alias)

    def remove(self, asset_id: AssetId) -> None:
        """Note that an asset is gone."""
        node = self.tree.remove(asset_id)
        if node is not None:
            self.excerpts.forget(node.slot)
            self.notices.forget_inode(node.inode, attributes_only=True)
            self.notices.forget_entry(Place.FILES, os.fsencode(asset_id))

    def delete(self, node: Node, last: Excerpt) -> None:
        """Note that an asset was deleted from here; what it was stays readable."""
        self.excerpts.pin(node.slot, last)
        self.tree.set_deleted(node)
        self.deleted += 1

    def tell_stale(self, expected: Iterable[tuple[int, bytes]] = ()) -> None:
        """Send what changed in the tree to the kernel, except what it did itself.

        Args:
            expected: Names (parent, name) of the request that is being answered.
        """
        skip = set(expected)
        stale = self.tree.take_stale()
        for item in stale:
            if (item.parent, item.name) not in skip and self._is_known(item, len(stale)):
                self.notices.forget_entry(item.parent, item.name)

    def _is_known(self, item: Stale, batch: int) -> bool:
        """Tell whether the kernel may hold a name; absent ones it only believes for 5 s anyway."""
        if item.inode is None:
            return batch < _FEW_NAMES
        return self.counts.holds(item.inode)

    def forget_deep(self, scratch: Scratch) -> None:
        """Make the kernel ask again for a scratch file that expired."""
        node = self.tree.find_slot(scratch.slot)
        if node is not None and scratch.name:
            self.notices.forget_entry(node.inode, scratch.name)
            if not scratch.is_link:
                name = scratch.name.decode(errors="replace")
                self.report(f"{node.title}/{name}: dropped: nobody opened it for ten minutes")
