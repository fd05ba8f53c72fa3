"""Sending what was written: in the background, one change per asset at a time, with a deadline.

A request that takes longer than its caller can wait goes on, and the library settles it. The caller
gets ETIMEDOUT in the meantime, because a process that waits for FUSE can't even be killed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

import pyfuse3
import trio

from coexplorer.errors import (
    ApiError,
    CoexplorerError,
    EditConflict,
    InvalidField,
    JournalError,
    NotFound,
)
from coexplorer.fields import Fields
from coexplorer.fs.core.buffers import EMPTY_WAIT_S, Buffer, MetadataFile, SaveFailure
from coexplorer.fs.core.failures import name_save
from coexplorer.fs.core.file_format import FIELDS_OF_PARTS, build_text, parse_text, read_anyhow
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.errnos import errno_in_rename
from coexplorer.fs.kernel.inodes import Part
from coexplorer.fs.sync.attempts import Attempts, SaveAttempt
from coexplorer.fs.sync.connectivity import Connectivity
from coexplorer.fs.sync.emptied_files import EmptiedFiles
from coexplorer.fs.sync.failed_writes import FailedWrites
from coexplorer.fs.sync.save_bases import SaveBases
from coexplorer.fs.sync.save_queue import QueuedSave, SaveQueue
from coexplorer.fs.sync.saved_texts import SavedTexts
from coexplorer.fs.sync.saves import Save
from coexplorer.library import Library
from coexplorer.library.results import EditResult, describe_differs
from coexplorer.models import Asset

log = logging.getLogger(__name__)

_MOST_WAITS = 20
"""How often an empty value waits for whoever has its file open."""


class Writeback:
    """Sends changes; the only room of the mount that writes to the platform.

    Attributes:
        emptied: Files that were emptied, and are not sent yet.
    """

    def __init__(
        self,
        volume: Volume,
        library: Library,
        reach: Connectivity,
        unsent: FailedWrites,
        nursery: trio.Nursery,
    ) -> None:
        self._volume = volume
        self._library = library
        self._reach = reach
        self._unsent = unsent
        self._nursery = nursery
        self._attempts = Attempts(volume, reach.health, nursery)
        self._queue = SaveQueue(volume, self._attempts, unsent, nursery)
        self._bases = SaveBases(volume, unsent)
        self._waiting: dict[MetadataFile, trio.Event] = {}
        self.emptied = EmptiedFiles(self._queue, unsent, nursery)
        self._saved = SavedTexts(volume, reach, unsent)

    # --- Metadata files

    async def save(
        self,
        node: Node,
        file: MetadataFile,
        buffer: Buffer,
        tgid: int,
        base: bytes,
        *,
        renames: bool = False,
    ) -> None:
        """Send a text of a file, and wait for the outcome.

        Args:
            node: The asset.
            file: The file.
            buffer: What has the text. What is added before the asset is free is sent, too, unless
                it may be half of something.
            tgid: The process that saves.
            base: What it is merged with, if the process was never shown anything.
            renames: A rename asks: its errno must not be EINVAL.

        Raises:
            pyfuse3.FUSEError: It could not be sent (in time).
        """
        attempt = self._start(node, file, buffer, tgid, base)
        await self._attempts.wait(attempt)
        if not attempt.known.is_set():
            await self._queue.keep_waiting()
        if not attempt.known.is_set():
            what = name_save(file.part)
            self._bases.note_late(node, file, tgid, base, bytes(buffer.content))
            self._attempts.give_up(attempt, node, what)
            buffer.failure = attempt.failure
        if attempt.failure is not None:
            self._volume.files.forget_time(node, file)
            await self._volume.notices.wait_told()
            number = attempt.failure.errno
            raise pyfuse3.FUSEError(errno_in_rename(number) if renames else number)

    def save_later(self, node: Node, file: MetadataFile, base: bytes) -> None:
        """Send a file that nobody waits for, unless it changes within half a second."""
        if file not in self._waiting:
            self._waiting[file] = trio.Event()
            self._nursery.start_soon(self._save_after_wait, node, file, base)

    def save_now(
        self, node: Node, file: MetadataFile, buffer: Buffer, tgid: int, base: bytes
    ) -> None:
        """Send a text that nobody waits for, at once."""
        self._start(node, file, buffer, tgid, base, tidies=True)

    async def keep_refused(self, node: Node, part: Part, content: bytes, tgid: int) -> None:
        """Keep a text that is refused without asking, as trouble is known: see `Connectivity`."""
        file = self._volume.files.ensure(node, part)
        self._volume.files.load(node, file)
        sent = b"" if file.buffer is None else file.buffer.sent
        self._volume.files.tidy(file)
        save = Save(node, file, Buffer.of(sent), tgid, content, 0)
        error = self._reach.health.explain(node.slot)
        await self._unsent.keep_refused(save, self._bases.find_base(save, sent), error)

    # --- Anything else

    async def change(
        self,
        node: Node,
        what: str,
        send: Callable[[Fields], Awaitable[EditResult]],
        take_over: Callable[[EditResult], None],
        *,
        renames: bool = False,
    ) -> None:
        """Change an asset, and wait for the outcome.

        Args:
            node: The asset.
            what: What is tried, for people, e.g. ``archiving``.
            send: Calls the library, with the asset's fields as they are known here.
            take_over: What a success changes here.
            renames: A rename asks: its errno must not be EINVAL.

        Raises:
            pyfuse3.FUSEError: It could not be done (in time).
        """

        async def run(attempt: SaveAttempt) -> None:
            async with self._attempts.hold(node.slot):
                try:
                    excerpt = self._volume.texts.excerpt(node)
                    if excerpt is None:
                        raise NotFound("the asset is gone from the platform")
                    result = await send(excerpt.fields)
                except CoexplorerError as error:
                    attempt.failure = self._unsent.note_failure(node, what, error)
                    return
                attempt.arrived = True
                self._reach.note_success()
                self._volume.failures.clear(node, what)
                take_over(result)

        refusal = await self._reach.find_refusal(node, queues=True)
        if refusal:
            raise pyfuse3.FUSEError(refusal)
        attempt = self._attempts.start(run)
        await self._attempts.wait(attempt)
        if not attempt.known.is_set():
            self._attempts.give_up(attempt, node, what)
        if attempt.failure is not None:
            number = attempt.failure.errno
            raise pyfuse3.FUSEError(errno_in_rename(number) if renames else number)

    async def finish(self, patience_s: float) -> None:
        """Send what waits and let what is on its way end, for a while; then the journal has it."""
        await self._queue.keep_waiting()
        await self._queue.keep_open()
        with trio.move_on_after(patience_s):
            while pending := [*self._waiting.values(), *self._attempts.list_ends()]:
                await pending[0].wait()

    @property
    def busy(self) -> int:
        """How many changes are on their way, or wait for their half second."""
        return len(self._attempts) + len(self._waiting)

    # --- Inside

    def _start(
        self,
        node: Node,
        file: MetadataFile,
        buffer: Buffer,
        tgid: int,
        base: bytes,
        *,
        tidies: bool = False,
    ) -> SaveAttempt:
        queued = self._queue.begin(node, file, buffer, tgid, base)

        async def run(attempt: SaveAttempt) -> None:
            try:
                async with self._queue.turn(queued):
                    await self._send_file(queued, attempt)
            finally:
                self._queue.end(queued)
            if tidies:
                if attempt.failure is not None:
                    self._volume.files.forget_time(node, file)
                self._volume.files.tidy(file)

        return self._attempts.start(run)

    async def _save_after_wait(self, node: Node, file: MetadataFile, base: bytes) -> None:
        first, kept = file.buffer, None
        version = -1 if first is None else first.version
        if first is not None:
            await self.emptied.keep(node, file, first, base)
            kept = self.emptied.take(first)
        is_same = False
        for _ in range(_MOST_WAITS):
            await trio.sleep(EMPTY_WAIT_S)
            is_same = file.buffer is first and first is not None and first.version == version
            if not (is_same and file.writers):
                break  # else whoever has it open may be about to write
        waiting = self._waiting.pop(file)
        buffer = file.buffer
        idle = buffer is None or file.detached or not buffer.dirty or buffer.failure is not None
        if buffer is not None and not idle:
            if not is_same:
                if not file.writers:
                    self.save_later(node, file, base)
            elif buffer.is_empty_wait and file.saves != file.emptied_at:
                buffer.dirty = False  # a text was closed since: it has the last word
                self._volume.files.tidy(file)
            else:
                await self._start(node, file, buffer, 0, base).done.wait()
        await self._unsent.let_go(kept)
        waiting.set()

    async def _send_file(self, queued: QueuedSave, attempt: SaveAttempt) -> None:
        if self._is_to_send(queued, attempt):
            buffer = queued.buffer
            content, version = bytes(buffer.content), buffer.version
            if self._queue.is_written_on(queued):
                content, version = queued.content, queued.version
            save = Save(queued.node, queued.file, buffer, queued.tgid, content, version)
            base = self._bases.find_base(save, queued.base)
            if not self._bases.is_refused_again(save, base, attempt):
                await self._send(queued, save, base, attempt)
        await self._queue.forget(queued, failed=attempt.failure is not None)

    async def _send(
        self, queued: QueuedSave, save: Save, base: bytes, attempt: SaveAttempt
    ) -> None:
        node, file, tgid = save.node, save.file, save.tgid
        await self._unsent.write_down()  # what failed before comes first
        tries = await self._unsent.find_tries(node, file.part, base, save.content, tgid)

        def hear(reply: Asset | None, result: EditResult | None = None) -> None:
            attempt.arrived = True
            self._saved.note(save, reply, tries)
            if result is not None and (otherwise := describe_differs(result)):
                self._volume.report(f"{node.title}: {save.what}: {otherwise}")
            empties = any(each.key == file.key for each in self._waiting)
            if empties or self._queue.has_others(queued):
                if reply is not None:
                    self._bases.note_own(save, base, reply.fields)
            elif attempt.given_up is None:
                self._volume.late.forget((node.slot, file.part))
            else:
                self._volume.late.settle((node.slot, file.part))
            attempt.known.set()

        try:
            if not await self._edit(save, base, tries.continues, hear):
                hear(None)
        except CoexplorerError as error:
            failure = self._unsent.note_failure(node, save.what, error, tgid, tries=tries)
            attempt.failure, report = failure, failure.report
            if isinstance(error, JournalError) and not attempt.arrived:
                hold = self._unsent.hold
                report = hold(node, file.part, tries.before, tries.mine, error)
            others = await self._unsent.forget_same(node, file.part, tries, error.entry)
            self._unsent.report_aside(node, file.part, others, report)
            self._note_failed(save, base, error, failure)
        finally:
            self._volume.excerpts.end_lead(node.slot, time.monotonic())

    def _note_failed(
        self, save: Save, base: bytes, error: CoexplorerError, failure: SaveFailure
    ) -> None:
        save.buffer.fail(failure, save.version)
        if isinstance(error, EditConflict):
            self._bases.note_conflict(save, base, error, failure)
        elif isinstance(error, ApiError) and error.outcome_unknown:
            self._bases.note_late(save.node, save.file, save.tgid, base, save.content)

    async def _edit(
        self,
        save: Save,
        base: bytes,
        continues: Sequence[int],
        hear: Callable[[Asset, EditResult], None],
    ) -> bool:
        """Send one field; False when there is nothing to send.

        Args:
            save: What is saved.
            base: What it is merged with.
            continues: Kept entries that its program goes on from.
            hear: Called with the platform's reply as soon as the outcome is written down; the
                catalog is updated afterwards.

        Raises:
            CoexplorerError: See `Changes.edit`; InvalidField when the text has no meaning.
        """
        node, part, content = save.node, save.file.part, save.content

        def heard(result: EditResult, reply: Asset) -> None:
            hear(reply, result)

        keep = self._unsent.keep
        if content in (base, self._volume.texts.text_of(node, part)):
            base = self._bases.find_late(save, content)
            if content == base:
                return False
        before = read_anyhow(base, part, self._unsent.fields_of(node))
        try:
            if self._volume.texts.excerpt(node) is None:
                gone = NotFound("the asset is gone from the platform")
                await keep(node, part, before, read_anyhow(content, part, before), gone)
                raise gone
            mine = parse_text(content, part, before)
            if mine.same_as(before):
                return False
            send = partial(
                self._library.changes.edit,
                node.id,
                heard=heard,
                file=FIELDS_OF_PARTS[part],
                continues=continues,
            )
            try:
                await send(before, mine)
            except EditConflict as error:
                theirs = build_text(error.theirs, part)
                # What came between is an earlier save from here, which was late, or unknown to who
                # only adds to the file.
                if not self._volume.late.is_own((node.slot, part), base, theirs):
                    added = self._bases.find_added(save, base)
                    if added is None:
                        raise
                    content = theirs + added
                before = read_anyhow(theirs, part, error.theirs)
                mine = parse_text(content, part, before)
                await send(before, mine)
                await self._unsent.let_go(error.entry)
        except InvalidField as error:
            await keep(node, part, before, read_anyhow(content, part, before), error)
            raise
        return True

    def _is_to_send(self, queued: QueuedSave, attempt: SaveAttempt) -> bool:
        """Tell whether there still is something to send when a save's turn has come."""
        buffer = queued.buffer
        if not buffer.dirty or queued.file.detached:
            return False
        replaced = self._queue.is_written_on(queued) or self._queue.has_later(queued)
        if attempt.given_up is not None and replaced:
            return False  # nobody waits for it, and the later text is sent in its place
        if buffer.failure is not None and buffer.failure is not attempt.given_up:
            attempt.failure = buffer.failure
            return False
        return True
