"""The state of metadata files: buffers, inodes, times, and who has them open.

A file has a state here while it is open, unsent, hidden or known by a second inode. Everything
happens on the event loop; no method waits.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Mapping

from coexplorer.errors import NotFound
from coexplorer.fs.core.buffers import Buffer, MetadataFile
from coexplorer.fs.core.conflicts import Conflicts
from coexplorer.fs.core.failures import Failures
from coexplorer.fs.core.file_format import FIELDS_OF_PARTS, NAMES_OF_PARTS
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.notices import Notices
from coexplorer.fs.core.open_files import OpenFiles
from coexplorer.fs.core.sizes import Sizes
from coexplorer.fs.core.texts import Texts
from coexplorer.fs.core.times import Times
from coexplorer.fs.core.tree import Tree
from coexplorer.fs.kernel.inodes import Inode, InodeCounter, LookupCounts, Part, asset_inode

_KEPT_TEXTS = 4096
_LONGEST_KEPT_TEXT = 2048


class FileTable:
    """The owner of buffers.

    Args:
        tree: Where the assets are.
        texts: What the platform has.
        sizes: The sizes of that.
        times: When it came.
        open_files: Who has what open.
        failures: Which saves failed.
        conflicts: Which of them met somebody else's change.
        counts: What the kernel holds.
        inodes: Where further inodes come from.
        notices: Who tells the kernel.
    """

    def __init__(
        self,
        *,
        tree: Tree,
        texts: Texts,
        sizes: Sizes,
        times: Times,
        open_files: OpenFiles,
        failures: Failures,
        conflicts: Conflicts,
        counts: LookupCounts,
        inodes: InodeCounter,
        notices: Notices,
    ) -> None:
        self._tree = tree
        self._texts = texts
        self._sizes = sizes
        self._times = times
        self._open_files = open_files
        self._failures = failures
        self._conflicts = conflicts
        self._counts = counts
        self._inodes = inodes
        self._notices = notices
        self._files: dict[tuple[int, Part], MetadataFile] = {}
        self._second_lives: dict[int, MetadataFile] = {}
        self._unlinked: dict[int, MetadataFile] = {}
        self._plain_texts: OrderedDict[tuple[int, Part], bytes] = OrderedDict()

    # --- Texts and times

    def note_texts(self, node: Node, texts: Mapping[Part, bytes]) -> None:
        """Take over texts; those that changed get a new time, and the kernel forgets the old."""
        for part in self._sizes.note(node.slot, texts):
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
        failed = self._failures.tells_of(node, part)
        seen_ns = self._times.seen_ns(node, part)
        self._times.set(node, part, seen_ns + 1 if failed else time.time_ns())
        self._plain_texts.pop((node.slot, part), None)
        self._sizes.forget_kept(node.slot, part)
        self._notices.forget_inode(self.inode_of(node, part))

    def glance(self, node: Node, part: Part) -> tuple[int, int] | None:
        """Return size and time of a file, if that is all there is to say; None: look closer.

        That is nearly every file, and what makes a stat fast.
        """
        key = (node.slot, part)
        if key in self._files or part == Part.ERROR or node.is_deleted:
            return None
        size = self._sizes.find_size(node.slot, part)
        if size is None:
            return None
        return size, self._times.seen_ns(node, part)

    def size_of(self, node: Node, part: Part) -> int:
        """Return the size that a stat answers."""
        if part == Part.ERROR:
            return len(self._failures.text_of(node))
        file = self._files.get((node.slot, part))
        if file is not None and file.buffer is not None:
            return len(file.buffer.content)
        return self._sizes.size(node.slot, part)

    def mtime_of(self, node: Node, part: Part) -> int:
        """Return when a file's present value was written or first seen here, in the same unit."""
        seen_ns = self._times.seen_ns(node, part)
        buffer = self._buffer_of(node, part)
        if buffer is None or buffer.mtime_ns is None:
            return seen_ns
        # See `renew`.
        return seen_ns + 1 if buffer.has_failed else buffer.mtime_ns

    def _buffer_of(self, node: Node, part: Part) -> Buffer | None:
        file = self._files.get((node.slot, part))
        return None if file is None else file.buffer

    def set_mtime(self, node: Node, part: Part, mtime_ns: int) -> None:
        """Set a file's time, as a tool says; for a text on its way, the time goes with it."""
        buffer = self._buffer_of(node, part)
        if buffer is not None and buffer.dirty and not buffer.has_failed:
            buffer.mtime_ns = mtime_ns
        else:
            self._times.set(node, part, mtime_ns)

    def take_time(self, node: Node, file: MetadataFile, mtime_ns: int | None = None) -> None:
        """Give a file the time of what was saved; no younger one while a save is not put right.

        An editor that could not save puts its backup back, and expects the time of that.

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
        if mtime_ns is None or self._files.get((node.slot, file.part)) is not file:
            return
        if self._failures.tells_of(node, file.part):
            mtime_ns = min(mtime_ns, self._times.seen_ns(node, file.part))
        self._times.set(node, file.part, mtime_ns)

    def forget_time(self, node: Node, file: MetadataFile) -> None:
        """Make the kernel ask again for a file's time: a save of it failed, or went well late."""
        if self._files.get((node.slot, file.part)) is file:
            self._notices.forget_inode(file.inode, attributes_only=True)

    # --- Metadata files

    def inode_of(self, node: Node, part: Part) -> Inode:
        """Return the inode that a file's name has at the moment."""
        file = self._files.get((node.slot, part))
        return file.inode if file is not None else asset_inode(node.number, part)

    def find(self, node: Node, part: Part) -> MetadataFile | None:
        """Return a file's state, if it has any."""
        return self._files.get((node.slot, part))

    def find_second_life(self, inode: int) -> MetadataFile | None:
        """Return the file that has a counted inode, because its first name was taken away."""
        return self._second_lives.get(inode)

    def ensure(self, node: Node, part: Part) -> MetadataFile:
        """Return a file's state; it has none while it is closed, clean and in its first life."""
        file = self._files.get((node.slot, part))
        if file is None:
            file = MetadataFile(node.slot, part, asset_inode(node.number, part))
            self._files[node.slot, part] = file
            self._plain_texts.pop((node.slot, part), None)
            self._hand_over(node, file)
        return file

    def _hand_over(self, node: Node, file: MetadataFile) -> None:
        """Let a file that gets a state have the descriptions that opened it without one."""
        for opened in self._open_files:
            if opened.plain is not None and opened.plain == (node, file.part):
                opened.plain, opened.target = None, file
                if file.buffer is None:
                    text = self._texts.text_of(node, file.part)
                    file.buffer = Buffer.of(opened.snapshot if text is None else text)
                file.handles += 1

    def load(self, node: Node, file: MetadataFile) -> None:
        """Make sure that a file has its buffer.

        Raises:
            NotFound: The asset is gone.
        """
        if file.buffer is not None and (file.buffer.dirty or file.handles):
            return  # others have it open: all see the same
        text = self._texts.text_of(node, file.part)
        if text is None:
            raise NotFound("the asset is gone from the platform")
        file.buffer = Buffer.of(text)
        # Another process may have changed the catalog a moment ago.
        self.note_texts(node, {file.part: text})

    def cut(self, node: Node, file: MetadataFile, buffer: Buffer, size: int) -> None:
        """Cut or grow a file's buffer.

        Raises:
            OSError: EFBIG.
        """
        version = buffer.version
        self._sizes.forget_kept(node.slot, file.part)
        buffer.resize(size)
        if buffer.version != version:
            buffer.mtime_ns = time.time_ns()

    def find_plain(self, node: Node, part: Part) -> bytes | None:
        """Return the text of a file, if there is nothing to know but its text; otherwise None."""
        key = (node.slot, part)
        if key in self._files or part not in FIELDS_OF_PARTS or node.is_deleted or node.gone:
            return None
        text = self._plain_texts.get(key)
        if text is None:
            text = self._texts.text_of(node, part)
            if text is None:
                return None
            # Another process may have changed the catalog a moment ago.
            self.note_texts(node, {part: text})
            if len(text) <= _LONGEST_KEPT_TEXT:
                self._plain_texts[key] = text
                if len(self._plain_texts) > _KEPT_TEXTS:
                    self._plain_texts.popitem(last=False)
        return text

    def is_hidden(self, node: Node, part: Part, now: float) -> bool:
        """Tell whether a file was unlinked and is not back yet."""
        file = self._files.get((node.slot, part))
        return file is not None and file.hidden_until is not None and now < file.hidden_until

    def retire(self, node: Node, part: Part, hidden_until: float | None) -> MetadataFile:
        """Take a file's name away from its inode: it was unlinked, renamed away or replaced.

        Who has it open keeps what they had, under the old inode; the name gets a new one.
        """
        old = self.ensure(node, part)
        self._detach(old)
        self._sizes.forget_kept(node.slot, part)
        new = MetadataFile(node.slot, part, self._inodes.take(), hidden_until=hidden_until)
        self._files[node.slot, part] = new
        self._second_lives[new.inode] = new
        return old

    def adopt(self, node: Node, part: Part, inode: Inode) -> MetadataFile:
        """Give a file's name the inode of a scratch file that is being renamed there."""
        self._detach(self.ensure(node, part))
        self._sizes.forget_kept(node.slot, part)
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
        buffer, text = file.buffer, self._texts.text_of(node, part)
        if buffer is not None and text is not None and not buffer.dirty:
            buffer.sent = text
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
        node = self._tree.find_slot(file.slot)
        if node is not None:
            self._notices.forget_entry(node.inode, NAMES_OF_PARTS[file.part])
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
            if not self._counts.holds(file.inode):
                self._second_lives.pop(file.inode, None)
            return
        first_life = file.inode not in self._second_lives
        current = self._files.get((file.slot, file.part)) is file
        if current and first_life and file.buffer is None and file.hidden_until is None:
            del self._files[file.slot, file.part]

    def _follow(self, file: MetadataFile, buffer: Buffer) -> None:
        """Show what the platform has of a file that nobody has open for writing."""
        unsent = buffer.dirty and buffer.refusal is None and not self._lost(file, buffer)
        node = self._tree.find_slot(file.slot)
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
        conflict = self._conflicts.find(file.slot, file.part)
        if conflict is None or buffer.failure is not conflict.failure:
            return False
        buffer.failure = None
        return True

    def list_open(self) -> list[MetadataFile]:
        """List the files that are open, unsent, hidden or in a second life."""
        return list(self._files.values())

    def tidy_inode(self, inode: Inode) -> None:
        """Let go of the state of a file that only the kernel held."""
        file = self._second_lives.get(inode)
        if file is not None:
            self.tidy(file)
