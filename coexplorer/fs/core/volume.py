"""What one mount holds in memory, and the few rules that keep it consistent.

Everything here happens on the event loop; no method waits for the network.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from coexplorer.fields import Fields
from coexplorer.fs.core.buffers import Buffer, MetadataFile
from coexplorer.fs.core.conflicts import Conflicts
from coexplorer.fs.core.content_cache import ContentCache, Source
from coexplorer.fs.core.failures import Failures
from coexplorer.fs.core.file_format import (
    EDITABLE_PARTS,
    FIELDS_OF_PARTS,
    NAMES_OF_PARTS,
    build_json,
)
from coexplorer.fs.core.late_saves import LateSaves
from coexplorer.fs.core.logbook import Logbook
from coexplorer.fs.core.merge_bases import MergeBases
from coexplorer.fs.core.scratch import Scratch, ScratchStore
from coexplorer.fs.core.sizes import Sizes
from coexplorer.fs.core.spellings import Spellings
from coexplorer.fs.core.tree import Known, Node, Stale, Tree, build_flags
from coexplorer.fs.kernel.inodes import Inode, InodeCounter, LookupCounts, Part, asset_inode
from coexplorer.fs.kernel.procfs import ThreadGroups
from coexplorer.models import AssetId, Excerpt, Record

log = logging.getLogger(__name__)

_FEW_NAMES = 50
_KEPT_TEXTS = 4096
_LONGEST_KEPT_TEXT = 2048


class Notices(Protocol):
    """Where invalidations go: `coexplorer.fs.kernel.invalidation.Invalidator`."""

    def forget_entry(self, parent: int, name: bytes) -> None:
        """Make the kernel ask again what a name is."""

    def forget_inode(self, inode: int, *, attributes_only: bool = False) -> None:
        """Make the kernel ask again for a file's attributes, and for its content."""

    async def wait_told(self) -> None:
        """Wait, not for long, until the kernel was told all of that."""


@dataclass(frozen=True, slots=True)
class MountOptions:
    """What this mount allows.

    Attributes:
        allow_untag: ``rm tags/T/A`` takes the tag away.
        allow_delete: How many archived assets may be deleted by moving them to ``deleted/``.
        allow_other: Other users of this machine may look.
    """

    read_only: bool = False
    allow_untag: bool = False
    allow_delete: int = 0
    allow_other: bool = False


class Volume:
    """The state of a mount."""

    def __init__(self, source: Source, notices: Notices, options: MountOptions) -> None:
        self.excerpts = ContentCache(source)
        self.notices = notices
        self.options = options
        self.tree = Tree(is_held=lambda node: self.counts.holds(node.inode))
        self.counts = LookupCounts()
        self.inodes = InodeCounter()
        self.details = Sizes()
        self.scratch = ScratchStore()
        self.shown = MergeBases()
        self.failures = Failures()
        self.conflicts = Conflicts()
        self.late = LateSaves()
        self.spellings = Spellings()
        self.groups = ThreadGroups()
        self.logbook = Logbook()
        self.started_ns = time.time_ns()
        self.deleted = 0
        self.deletions_begun = 0
        self.mount_id: int | None = None
        self._mtimes: dict[tuple[int, Part], int] = {}
        self._files: dict[tuple[int, Part], MetadataFile] = {}
        self._second_lives: dict[int, MetadataFile] = {}
        self._unlinked: dict[int, MetadataFile] = {}
        self._texts: OrderedDict[tuple[int, Part], bytes] = OrderedDict()
        self.on_state: Callable[[Node, MetadataFile], None] = lambda _node, _file: None

    # --- Texts

    def excerpt(self, node: Node) -> Excerpt | None:
        """Return what an asset's files are made of, and learn their sizes."""
        found = self.excerpts.find(node.slot)
        if found is None:
            found = self.excerpts.load(node.slot, node.id)
            if found is not None:
                self.measure(node, found)
        return found

    def measure(self, node: Node, excerpt: Excerpt) -> None:
        """Learn the sizes of an asset's files without keeping the texts."""
        if not self.details.has(node.slot):
            self.details.note(node.slot, self._build_texts(node, excerpt))

    def _build_texts(self, node: Node, excerpt: Excerpt) -> dict[Part, bytes]:
        texts = self._build_editable(node, excerpt.fields)
        texts[Part.JSON] = build_json(excerpt.raw)
        return texts

    def _build_editable(self, node: Node, fields: Fields) -> dict[Part, bytes]:
        return {part: self.spellings.text_of(node.slot, part, fields) for part in EDITABLE_PARTS}

    def note_texts(self, node: Node, texts: Mapping[Part, bytes]) -> None:
        """Take over texts; those that changed get a new time, and the kernel forgets the old."""
        for part in self.details.note(node.slot, texts):
            file = self._files.get((node.slot, part))
            buffer = file.buffer if file is not None else None
            if file is not None and buffer is not None:
                if buffer.dirty:
                    continue  # what was written here goes on being shown
                buffer.sent = texts[part]
                if file.writers:
                    continue  # their offsets must go on fitting; `tidy` shows it
                buffer.follow()
            self.renew(node, part)

    def renew(self, node: Node, part: Part) -> None:
        """Note that a file's text is another one now: a new time, and the kernel forgets the old.

        As long as a save of the file is not put right, it gets hardly any younger: ``cp -u``,
        ``rsync -u`` and ``make`` would take what is there for what they have written.

        Its pages go a moment later, from another thread: an open in between must not keep them.
        """
        failed = self.failures.tells_of(node, part)
        self._mtimes[node.slot, part] = self._seen_ns(node, part) + 1 if failed else time.time_ns()
        self._texts.pop((node.slot, part), None)
        self.details.forget_kept(node.slot, part)
        self.notices.forget_inode(self.inode_of(node, part))

    def ensure_details(self, node: Node) -> bool:
        """Make sure that the sizes of an asset's files are known; False when the asset is gone."""
        return self.details.has(node.slot) or self.excerpt(node) is not None

    def glance(self, node: Node, part: Part) -> tuple[int, int] | None:
        """Return size and time of a file, if that is all there is to say; None: look closer.

        That is nearly every file, and what makes a stat fast.
        """
        key = (node.slot, part)
        if key in self._files or part == Part.ERROR or node.is_deleted:
            return None
        size = self.details.find_size(node.slot, part)
        if size is None:
            return None
        mtime_ns = self._mtimes.get(key)
        return size, self.made_ns(node) if mtime_ns is None else mtime_ns

    def size_of(self, node: Node, part: Part) -> int:
        """Return the size that a stat answers."""
        if part == Part.ERROR:
            return len(self.failures.text_of(node))
        file = self._files.get((node.slot, part))
        if file is not None and file.buffer is not None:
            return len(file.buffer.content)
        return self.details.size(node.slot, part)

    def made_ns(self, node: Node) -> int:
        """Return when an asset was created, or first shown, in nanoseconds since the epoch."""
        return int(node.created * 1_000_000_000) or self.started_ns

    def mtime_of(self, node: Node, part: Part) -> int:
        """Return when a file's present value was written or first seen here, in the same unit."""
        seen_ns = self._seen_ns(node, part)
        buffer = self._buffer_of(node, part)
        if buffer is None or buffer.mtime_ns is None:
            return seen_ns
        # See `renew`.
        return seen_ns + 1 if buffer.has_failed else buffer.mtime_ns

    def _seen_ns(self, node: Node, part: Part) -> int:
        """Return the time of what the platform has."""
        mtime_ns = self._mtimes.get((node.slot, part))
        return self.made_ns(node) if mtime_ns is None else mtime_ns

    def _buffer_of(self, node: Node, part: Part) -> Buffer | None:
        file = self._files.get((node.slot, part))
        return None if file is None else file.buffer

    def set_mtime(self, node: Node, part: Part, mtime_ns: int) -> None:
        """Set a file's time, as a tool says; for a text on its way, the time goes with it."""
        buffer = self._buffer_of(node, part)
        if buffer is not None and buffer.dirty and not buffer.has_failed:
            buffer.mtime_ns = mtime_ns
        else:
            self._mtimes[node.slot, part] = mtime_ns

    def take_time(self, node: Node, file: MetadataFile, mtime_ns: int | None = None) -> None:
        """Give a file the time of what was saved, unless an earlier save is not put right.

        Args:
            node: The asset.
            file: The file.
            mtime_ns: In nanoseconds since the epoch; None: its buffer has it.
        """
        buffer = file.buffer
        if mtime_ns is None and buffer is not None:
            mtime_ns = buffer.mtime_ns
            if not buffer.dirty:
                buffer.mtime_ns = None
        current = self._files.get((node.slot, file.part)) is file
        if mtime_ns is not None and current and not self.failures.tells_of(node, file.part):
            self._mtimes[node.slot, file.part] = mtime_ns

    def forget_time(self, node: Node, file: MetadataFile) -> None:
        """Make the kernel ask again for a file's time: a save of it failed, or went well late."""
        if self._files.get((node.slot, file.part)) is file:
            self.notices.forget_inode(file.inode, attributes_only=True)

    # --- Metadata files

    def inode_of(self, node: Node, part: Part) -> Inode:
        """Return the inode that a file's name has at the moment."""
        file = self._files.get((node.slot, part))
        return file.inode if file is not None else asset_inode(node.number, part)

    def find_file(self, node: Node, part: Part) -> MetadataFile | None:
        """Return a file's state, if it has any."""
        return self._files.get((node.slot, part))

    def find_second_life(self, inode: int) -> MetadataFile | None:
        """Return the file that has a counted inode, because its first name was taken away."""
        return self._second_lives.get(inode)

    def ensure_file(self, node: Node, part: Part) -> MetadataFile:
        """Return a file's state; it has none while it is closed, clean and in its first life."""
        file = self._files.get((node.slot, part))
        if file is None:
            file = MetadataFile(node.slot, part, asset_inode(node.number, part))
            self._files[node.slot, part] = file
            self._texts.pop((node.slot, part), None)
            self.on_state(node, file)
        return file

    def find_plain(self, node: Node, part: Part) -> bytes | None:
        """Return the text of a file, if there is nothing to know but its text; otherwise None."""
        key = (node.slot, part)
        if key in self._files or part not in FIELDS_OF_PARTS or node.is_deleted or node.gone:
            return None
        text = self._texts.get(key)
        if text is None:
            excerpt = self.excerpt(node)
            if excerpt is None:
                return None
            text = self.spellings.text_of(node.slot, part, excerpt.fields)
            # Another process may have changed the catalog a moment ago.
            self.note_texts(node, {part: text})
            if len(text) <= _LONGEST_KEPT_TEXT:
                self._texts[key] = text
                if len(self._texts) > _KEPT_TEXTS:
                    self._texts.popitem(last=False)
        return text

    def is_hidden(self, node: Node, part: Part, now: float) -> bool:
        """Tell whether a file was unlinked and is not back yet."""
        file = self._files.get((node.slot, part))
        return file is not None and file.hidden_until is not None and now < file.hidden_until

    def retire(self, node: Node, part: Part, hidden_until: float | None) -> MetadataFile:
        """Take a file's name away from its inode: it was unlinked, renamed away or replaced.

        Who has it open keeps what they had, under the old inode; the name gets a new one.
        """
        old = self.ensure_file(node, part)
        self._detach(old)
        self.details.forget_kept(node.slot, part)
        new = MetadataFile(node.slot, part, self.inodes.take(), hidden_until=hidden_until)
        self._files[node.slot, part] = new
        self._second_lives[new.inode] = new
        return old

    def adopt(self, node: Node, part: Part, inode: Inode) -> MetadataFile:
        """Give a file's name the inode of a scratch file that is being renamed there."""
        self._detach(self.ensure_file(node, part))
        self.details.forget_kept(node.slot, part)
        file = MetadataFile(node.slot, part, inode)
        self._files[node.slot, part] = file
        self._second_lives[inode] = file
        return file

    def put_back(self, node: Node, part: Part, file: MetadataFile) -> None:
        """Undo `adopt`: the rename failed, and the file is what it was before.

        But for what was learned of the platform meanwhile: who read it may have been told nothing.
        """
        self.drop_second_life(self._files[node.slot, part].inode)
        file.detached = False
        self._unlinked.pop(file.inode, None)
        self._files[node.slot, part] = file
        buffer, excerpt = file.buffer, self.excerpt(node)
        if buffer is not None and excerpt is not None and not buffer.dirty:
            buffer.sent = self.spellings.text_of(node.slot, part, excerpt.fields)
            if not file.writers:
                buffer.follow()
        self.renew(node, part)
        if file.hidden_until is not None:
            self.bring_back(file)
        else:
            self.tidy(file)

    def find_unlinked(self, inode: int) -> MetadataFile | None:
        """Return the file that is still open by an inode whose name was taken away."""
        return self._unlinked.get(inode)

    def _detach(self, file: MetadataFile) -> None:
        file.detached = True
        if file.handles:
            self._unlinked[file.inode] = file

    def drop_second_life(self, inode: Inode) -> None:
        """Note that an inode belongs to a scratch file from now on."""
        self._second_lives.pop(inode, None)

    def bring_back(self, file: MetadataFile) -> None:
        """Show a hidden file again: nobody created a new one."""
        file.hidden_until = None
        node = self.tree.find_slot(file.slot)
        if node is not None:
            self.notices.forget_entry(node.inode, NAMES_OF_PARTS[file.part])
        self.tidy(file)

    def tidy(self, file: MetadataFile) -> None:
        """Show what the platform has, and let a file's state go, when nobody needs it any more."""
        if file.buffer is not None and not file.writers and not file.detached:
            self._follow(file, file.buffer)
        if file.handles:
            return
        if file.buffer is not None and (not file.buffer.dirty or file.detached):
            file.buffer = None
        if file.detached:
            if self._unlinked.get(file.inode) is file:
                del self._unlinked[file.inode]
            if not self.counts.holds(file.inode):
                self._second_lives.pop(file.inode, None)
            return
        first_life = file.inode not in self._second_lives
        current = self._files.get((file.slot, file.part)) is file
        if current and first_life and file.buffer is None and file.hidden_until is None:
            del self._files[file.slot, file.part]

    def _follow(self, file: MetadataFile, buffer: Buffer) -> None:
        """Show what the platform has of a file that nobody has open for writing."""
        unsent = buffer.dirty and buffer.refusal is None and not self._lost(file, buffer)
        node = self.tree.find_slot(file.slot)
        if unsent or node is None:
            return
        was_written = buffer.mtime_ns is not None
        if buffer.follow():
            self.renew(node, file.part)
        elif was_written:
            self.forget_time(node, file)

    def _lost(self, file: MetadataFile, buffer: Buffer) -> bool:
        """Tell whether a file's text met somebody else's: then theirs is shown.

        What is here is in the journal and in ``error``. Shown on, it would look as if it were
        saved: ``rsync -c`` and ``cp -u`` would never try again.
        """
        conflict = self.conflicts.find(file.slot, file.part)
        if conflict is None or buffer.failure is not conflict.failure:
            return False
        buffer.failure = None
        return True

    def list_open(self) -> list[MetadataFile]:
        """List the files that are open, unsent, hidden or in a second life."""
        return list(self._files.values())

    def forget_inode(self, inode: Inode) -> None:
        """Let go of what only the kernel held."""
        scratch = self.scratch.find_inode(inode)
        if scratch is not None and not scratch.name and not scratch.handles:
            self.scratch.drop(scratch)
        file = self._second_lives.get(inode)
        if file is not None:
            self.tidy(file)

    # --- The log

    def report(self, text: str) -> None:
        """Write a line into the mount's log, which is the daemon's too."""
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
        known = Known(asset.id, asset.name, asset.tags, asset.created or 0.0, flags)
        node = self.apply_known(known, now)
        if self.details.has(node.slot):
            excerpt = asset.excerpt
            self.excerpts.keep(node.slot, excerpt)
            self.note_texts(node, self._build_texts(node, excerpt))
        return node

    def apply_known(self, known: Known, now: float) -> Node:
        """Take over where an asset is, of whose texts nothing was seen yet."""
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

    def has_details(self, asset_id: AssetId) -> bool:
        """Tell whether somebody may have seen an asset's texts."""
        node = self.tree.find_id(asset_id)
        return node is not None and self.details.has(node.slot)

    def apply_reply(self, node: Node, reply: Excerpt, now: float) -> None:
        """Take over what the platform answered to a save, before the catalog has it."""
        self.excerpts.lead(node.slot, reply)
        self._show_fields(node, reply.fields, now, alias=True)
        if self.details.has(node.slot):
            self.note_texts(node, self._build_texts(node, reply))

    def learn(self, node: Node, now: float) -> None:
        """Take over what the catalog has of an asset now: the library has just looked at it."""
        if self.excerpts.is_outdated(node.slot, now):
            return  # one of our saves is newer
        self.excerpts.unpin(node.slot)
        excerpt = self.excerpt(node)
        if excerpt is not None:
            self._show_fields(node, excerpt.fields, now, alias=True)
            self.note_texts(node, self._build_texts(node, excerpt))

    def apply_fields(self, node: Node, fields: Fields, now: float, *, alias: bool) -> None:
        """Take over what the platform has, as the catalog was just told, before it tells."""
        self.excerpts.unpin(node.slot)
        self._show_fields(node, fields, now, alias=alias)
        if self.details.has(node.slot):
            self.note_texts(node, self._build_editable(node, fields))

    def _show_fields(self, node: Node, fields: Fields, now: float, *, alias: bool) -> None:
        self.tree.set_tags(node, fields.tags)
        self.tree.rename(node, fields.name, now, alias=alias)

    def remove(self, asset_id: AssetId) -> None:
        """Take over that an asset is gone."""
        node = self.tree.remove(asset_id)
        if node is not None:
            self.excerpts.forget(node.slot)
            self.notices.forget_inode(node.inode, attributes_only=True)

    def delete(self, node: Node, last: Excerpt) -> None:
        """Take over that an asset was deleted from here; what it was stays readable."""
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
