"""The state of metadata files: buffers, inodes, times, and who has them open.

A file has a state here while it is open for writing, unsent, hidden or known by a second inode. Who
only reads has a text of his own (`coexplorer.fs.core.open_files`). Everything happens on the event
loop; no method waits.

Buffer, time and name of a file change together: a save, a rename and an unlink each touch all of
them in one step. So they are in one table, longer than most modules here.
"""

from __future__ import annotations

import errno
import time
from collections import OrderedDict
from collections.abc import Mapping

import trio

from coexplorer.errors import NotFound
from coexplorer.fs.core.buffers import Buffer, MetadataFile
from coexplorer.fs.core.conflicts import Conflicts
from coexplorer.fs.core.failures import Failures
from coexplorer.fs.core.file_format import FIELDS_OF_PARTS, NAMES_OF_PARTS
from coexplorer.fs.core.file_inodes import FileInodes
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.notices import Notices
from coexplorer.fs.core.open_files import OpenFile, OpenFiles
from coexplorer.fs.core.sizes import Sizes
from coexplorer.fs.core.texts import Texts
from coexplorer.fs.core.times import Times
from coexplorer.fs.core.tree import Tree
from coexplorer.fs.kernel.inodes import (
    Inode,
    InodeCounter,
    LookupCounts,
    Part,
    split_asset,
)

_KEPT_TEXTS = 4096
_LONGEST_KEPT_TEXT = 2048
_LONGEST_WAY_S = 1.0


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
        self._notices = notices
        self._inodes = FileInodes(open_files=open_files, counts=counts, counter=inodes)
        self._errors: dict[int, bytes] = {}
        self._files: dict[tuple[int, Part], MetadataFile] = {}
        self._replaced: dict[tuple[int, Part], MetadataFile] = {}
        self._renames: dict[tuple[int, Part], trio.Event] = {}
        self._expected: dict[tuple[int, Part], float] = {}
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
        """Note that a file has another text now: it gets a new time and a new inode.

        As long as a save of the file is not put right, it gets hardly any younger: ``cp -u``,
        ``rsync -u`` and ``make`` would take what is there for what they have written.
        """
        failed = self._failures.tells_of(node, part)
        seen_ns = self._times.seen_ns(node, part)
        self._times.set(node, part, seen_ns + 1 if failed else time.time_ns())
        self._plain_texts.pop((node.slot, part), None)
        self.move_on(node, part)

    def move_on(self, node: Node, part: Part) -> None:
        """Give a file another inode, so that whoever has it open keeps reading the same text.

        Whoever writes it has its present inode, and keeps it until he closes it.
        """
        file = self._files.get((node.slot, part))
        old = self._present_inode(node, part)
        self._sizes.forget_kept(node.slot, part)
        if not self._counts.holds(old):
            return  # nobody has seen it
        if file is None or file.writers == file.closing:
            new = self._inodes.begin_life(node, part)
            if new is None:  # all are open, or an editor's backups have them
                new, file = self._inodes.take(), self.ensure(node, part)
                self._inodes.begin_second_life(new, file)
            if file is not None:
                file.inode = new
            if self._open_files.has_readers(old):
                # A look by its name must not be answered with what they have.
                self._notices.forget_entry(node.inode, NAMES_OF_PARTS[part])
        self._notices.forget_inode(old)

    def settle(self, node: Node, file: MetadataFile) -> None:
        """Note that perhaps nobody writes a file any more: from now on its pages are used."""
        if file.read_beside and file.writers == file.closing and not file.detached:
            file.read_beside = False
            self.move_on(node, file.part)

    def note_error(self, node: Node) -> bytes:
        """Return the text of an asset's ``error``, which gets an inode for each text, too."""
        text = self._failures.text_of(node)
        former = self._errors.get(node.slot, b"")
        if former != text:
            self._errors[node.slot] = text
            if former:
                self._inodes.begin_life(node, Part.ERROR)
        return text

    def glance(self, node: Node, part: Part) -> tuple[Inode, int, int] | None:
        """Return a file's inode, size and time, if that is all there is to say; None: look closer.

        That is nearly every file, and what makes a stat fast.
        """
        key = (node.slot, part)
        if key in self._files or part == Part.ERROR or node.is_deleted:
            return None
        size = self._sizes.find_size(node.slot, part)
        if size is None:
            return None
        return self._inodes.find_first(node, part), size, self._times.seen_ns(node, part)

    def size_of(self, node: Node, part: Part) -> int:
        """Return the size that a stat answers."""
        if part == Part.ERROR:
            return len(self._failures.text_of(node))
        file = self.find_shown(node, part)
        if file is not None and file.buffer is not None:
            return len(file.buffer.content)
        return self._sizes.size(node.slot, part)

    def mtime_of(self, node: Node, part: Part) -> int:
        """Return when a file's present value was written or first seen here, in nanoseconds."""
        seen_ns = self._times.seen_ns(node, part)
        buffer = self._buffer_of(node, part)
        if buffer is None or buffer.mtime_ns is None:
            return seen_ns
        # See `renew`.
        return seen_ns + 1 if buffer.has_failed else buffer.mtime_ns

    def _buffer_of(self, node: Node, part: Part) -> Buffer | None:
        file = self.find_shown(node, part)
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
        file = self._replaced.get((node.slot, part))
        return file.inode if file is not None else self._present_inode(node, part)

    def _present_inode(self, node: Node, part: Part) -> Inode:
        file = self._files.get((node.slot, part))
        if file is not None:
            return file.inode
        return self._inodes.find_first(node, part)

    def locate(self, inode: int) -> tuple[Node, Part] | None:
        """Return the file whose name leads to an inode, or has led there; None: it is gone."""
        file = self._inodes.find_second_life(inode)
        asset = split_asset(inode)
        if file is not None:
            node, part = self._tree.find_slot(file.slot), file.part
        elif asset is not None:
            node, part = self._tree.find_number(asset[0]), asset[1]
        else:
            return None
        return None if node is None or node.gone else (node, part)

    def find_shown(self, node: Node, part: Part) -> MetadataFile | None:
        """Return the state of the file that is to be seen: a rename over it may be on its way."""
        key = (node.slot, part)
        return self._replaced.get(key) or self._files.get(key)

    def find_rename(self, node: Node, part: Part) -> trio.Event | None:
        """Return what tells the end of a rename over a file that is on its way."""
        return self._renames.get((node.slot, part))

    def expect_writer(self, node: Node, part: Part) -> None:
        """Let nobody use the kernel's pages of a file: somebody is about to open it for writing."""
        self._expected[node.slot, part] = time.monotonic() + _LONGEST_WAY_S

    def end_expecting(self, node: Node, part: Part) -> None:
        """Note that the writer has arrived."""
        self._expected.pop((node.slot, part), None)

    def is_in_flux(self, node: Node, part: Part) -> bool:
        """Tell whether what the kernel has of a file may change under its readers."""
        file = self.find_shown(node, part)
        if file is not None and file.writers > file.closing:
            return True
        until = self._expected.get((node.slot, part))
        if until is None or time.monotonic() < until:
            return until is not None
        del self._expected[node.slot, part]
        if file is not None:
            self.settle(node, file)
        return True  # the next one has pages again

    def find(self, node: Node, part: Part) -> MetadataFile | None:
        """Return a file's state, if it has any."""
        return self._files.get((node.slot, part))

    def ensure(self, node: Node, part: Part) -> MetadataFile:
        """Return a file's state; it has none while it is closed, clean and in its first life."""
        file = self._files.get((node.slot, part))
        if file is None:
            file = MetadataFile(node.slot, part, self._present_inode(node, part))
            self._files[node.slot, part] = file
            self._plain_texts.pop((node.slot, part), None)
        return file

    def load(self, node: Node, file: MetadataFile) -> None:
        """Make sure that a file has its buffer.

        Raises:
            NotFound: The asset is gone.
        """
        if file.buffer is not None and (file.buffer.dirty or file.writers):
            return  # others write it: all see the same
        if self._replaced.get((node.slot, file.part)) is file and file.buffer is not None:
            return  # it is what it was until the rename is done
        text = self._texts.text_of(node, file.part)
        if text is None:
            raise NotFound("the asset is gone from the platform")
        file.buffer = Buffer.of(text)
        # Another process may have changed the catalog a moment ago.
        self.note_texts(node, {file.part: text})

    def begin_text(
        self, node: Node, file: MetadataFile, opened: OpenFile | None = None, tgid: int = 0
    ) -> None:
        """Empty a file: what is written from now on is a text of its own.

        Whoever has written before, and not closed it yet, still saves a whole text, and so
        does a save that is on its way: neither is ever half of this one.

        Args:
            node: The asset.
            file: The file; it has a buffer.
            opened: What it is emptied by, if that was open before.
            tgid: The process that empties it by its path: what it has open goes on with this text.
        """
        old = file.buffer
        if old is None:
            return
        others = [
            each
            for each in self._open_files.list_writers(file, old)
            if each.touched and each is not opened and (not tgid or each.tgid != tgid)
        ]
        if others or old.saving:
            for each in others:
                each.own = old
            file.buffer = old.begin_anew()
            file.emptied_at = file.saves
            file.buffer.mtime_ns = time.time_ns()
            self._sizes.forget_kept(node.slot, file.part)
            # The kernel's pages of this inode may have parts of both.
            file.read_beside |= any(not each.closing for each in others)
        else:
            self.cut(node, file, old, 0)
        if opened is not None:
            opened.own = None

    def cut(self, node: Node, file: MetadataFile, buffer: Buffer, size: int) -> None:
        """Truncate or grow a file's buffer.

        Raises:
            OSError: EFBIG.
        """
        version = buffer.version
        self._sizes.forget_kept(node.slot, file.part)
        buffer.resize(size)
        if not size:
            file.emptied_at = file.saves
        if buffer.version != version:
            buffer.mtime_ns = time.time_ns()

    def find_plain(self, node: Node, part: Part) -> bytes | None:
        """Return the text of a file if nothing else about it matters; otherwise None."""
        key = (node.slot, part)
        if (
            key in self._files
            or key in self._expected
            or part not in FIELDS_OF_PARTS
            or node.is_deleted
            or node.gone
        ):
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
        self._inodes.begin_second_life(new.inode, new)
        return old

    def adopt(self, node: Node, part: Part, inode: Inode) -> MetadataFile:
        """Give a file's name the inode of a scratch file that is being renamed there.

        Until `end_adoption` or `put_back` the former is what is to be seen: the kernel lets nobody
        else look the name up meanwhile, and goes on leading to it.
        """
        self._replaced[node.slot, part] = self.ensure(node, part)
        self._renames[node.slot, part] = trio.Event()
        self._sizes.forget_kept(node.slot, part)
        file = MetadataFile(node.slot, part, inode)
        self._files[node.slot, part] = file
        self._inodes.begin_second_life(inode, file)
        return file

    def end_adoption(self, node: Node, part: Part) -> None:
        """Let what `adopt` put there be seen: the rename went well."""
        old = self._replaced.pop((node.slot, part))
        self._renames.pop((node.slot, part)).set()
        self._detach(old)
        self.tidy(old)

    def put_back(self, node: Node, part: Part, file: MetadataFile) -> None:
        """Undo `adopt`: the rename failed, and the file is what it was before.

        But for what was learned of the platform meanwhile: who read it may have been told nothing.
        """
        self._inodes.end_second_life(self._files[node.slot, part].inode)
        del self._replaced[node.slot, part]
        self._renames.pop((node.slot, part)).set()
        self._files[node.slot, part] = file
        buffer, text = file.buffer, self._texts.text_of(node, part)
        is_changed = False
        if buffer is not None and text is not None and not buffer.dirty:
            buffer.sent = text
            is_changed = not file.writers and buffer.follow()
        if is_changed:
            self.renew(node, part)
        else:
            self.forget_time(node, file)
        if file.hidden_until is not None:
            self.bring_back(file)
        else:
            self.tidy(file)

    def find_unlinked(self, inode: int) -> MetadataFile | None:
        """Return the file that is still open by an inode whose name was taken away."""
        return self._inodes.find_unlinked(inode)

    def _detach(self, file: MetadataFile) -> None:
        file.detached = True
        if file.writers:
            self._inodes.note_unlinked(file)

    def give_away(self, inode: Inode) -> None:
        """Note that an inode belongs to a scratch file from now on."""
        self._inodes.give_away(inode)

    def bring_back(self, file: MetadataFile) -> None:
        """Show a hidden file again: nobody created a new one."""
        file.hidden_until = None
        node = self._tree.find_slot(file.slot)
        if node is not None:
            self._notices.forget_entry(node.inode, NAMES_OF_PARTS[file.part])
        self.tidy(file)

    def tidy(self, file: MetadataFile) -> None:
        """Show what the platform has, and drop a file's state once nobody needs it."""
        if file.writers or self._replaced.get((file.slot, file.part)) is file:
            return
        if file.buffer is not None and not file.detached:
            self._follow(file, file.buffer)
        if file.buffer is not None and (not file.buffer.dirty or file.detached):
            file.buffer = None
        if file.detached:
            self._inodes.end(file)
            return
        key = (file.slot, file.part)
        first_life = self._inodes.find_second_life(file.inode) is None
        current = self._files.get(key) is file and not (
            key in self._renames or key in self._expected or file.read_beside
        )
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
        """Tell whether a file's text met somebody else's, or was added and refused.

        Then what the platform has is shown. What is here is in the journal and in ``error``. Shown
        on, it would look as if it were saved: ``rsync -c`` and ``cp -u`` would never try again, and
        whatever a script adds next would be refused along with it.
        """
        if buffer.only_adds and buffer.failure is not None and buffer.failure.errno == errno.EINVAL:
            buffer.failure = None
            return True
        conflict = self._conflicts.find(file.slot, file.part)
        if conflict is None or buffer.failure is not conflict.failure:
            return False
        buffer.failure = None
        return True

    def list_open(self) -> list[MetadataFile]:
        """List the files that are open, unsent, hidden or in a second life."""
        return list(self._files.values())

    def tidy_inode(self, inode: Inode) -> None:
        """Drop the state of a file that only the kernel held."""
        file = self._inodes.find_second_life(inode)
        if file is not None and file.inode != inode:
            self._inodes.end_second_life(inode)
        elif file is not None:
            self.tidy(file)
