"""Sending what was written: in the background, one change per asset at a time, with a deadline.

A request that takes longer than its caller can wait goes on, and the library settles it. The caller
gets ETIMEDOUT in the meantime, because a process that waits for FUSE can't even be killed.
"""

from __future__ import annotations

import errno
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pyfuse3
import trio

from coexplorer.errors import (
    ApiError,
    CoexplorerError,
    EditConflict,
    InvalidField,
    NotFound,
    Unreachable,
)
from coexplorer.fields import Fields
from coexplorer.fs.core.buffers import EMPTY_WAIT_S, Buffer, Failure, MetadataFile
from coexplorer.fs.core.conflicts import SaveConflict, digest_of
from coexplorer.fs.core.failures import name_save
from coexplorer.fs.core.file_format import (
    build_text,
    parse_text,
    read_anyhow,
)
from coexplorer.fs.core.tree import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.errnos import DEADLINE_S, errno_in_rename
from coexplorer.fs.kernel.procfs import read_command
from coexplorer.fs.kernel.request_loop import give_way
from coexplorer.fs.sync.connectivity import Connectivity
from coexplorer.fs.sync.failed_writes import FailedWrites
from coexplorer.fs.sync.keeping import Keeper
from coexplorer.library import Library
from coexplorer.library.results import EditResult
from coexplorer.models import Asset

log = logging.getLogger(__name__)

_QUEUED_S = 1.0
"""How long a save waits behind another one of its asset before it is written down."""
_REPLY_S = 0.5
_PATIENCE_S = DEADLINE_S - 1.0
"""Less than a handler's own deadline, so that it is this one that speaks."""


@dataclass(eq=False)
class _Attempt:
    """One change on its way.

    Attributes:
        known: Its outcome is known: who waits for it need not wait for what is left to do.
        given_up: What was said when nobody waited for it any longer.
        arrived: The platform has it.
    """

    known: trio.Event = field(default_factory=trio.Event)
    done: trio.Event = field(default_factory=trio.Event)
    failure: Failure | None = None
    given_up: Failure | None = None
    arrived: bool = False


_WAITS = Unreachable(
    "an earlier save of this asset was still on its way", hint="coexplorer retry sends it"
)
"""Why a save that waits for its turn was not sent, if its mount ends first."""

_ENDED = Unreachable(
    "the mount was ended before the file was closed", hint="coexplorer retry sends it"
)


@dataclass(eq=False)
class _Queued:
    """A save that waits for its turn, while another change of its asset is on its way.

    Attributes:
        version: The version of its file's buffer when it began to wait.
        kept: The text that was written down meanwhile; None while there is none.
        kept_as: The number of that in the journal.
    """

    node: Node
    file: MetadataFile
    tgid: int
    base: bytes
    version: int
    kept: bytes | None = None
    kept_as: int | None = None

    @property
    def is_written_on(self) -> bool:
        """Whether somebody writes the file since: what is there now may be half a text."""
        buffer = self.file.buffer
        return self.file.writers > 0 and buffer is not None and buffer.version != self.version


@dataclass(frozen=True, slots=True)
class _Save:
    """A file as it is sent: its content, and the version of its buffer that has it."""

    node: Node
    file: MetadataFile
    tgid: int
    content: bytes
    version: int

    @property
    def what(self) -> str:
        """What is tried, for people."""
        return name_save(self.file.part)

    def extends(self, text: bytes) -> bool:
        """Tell whether it was only appended to a text."""
        return self.content.startswith(text)


class Writeback:
    """Sends changes; the only room of the mount that writes to the platform."""

    def __init__(self, volume: Volume, library: Library, nursery: trio.Nursery) -> None:
        self.volume = volume
        self.library = library
        self.reach = Connectivity(volume, library, nursery)
        self.health = self.reach.health
        self.unsent = FailedWrites(volume, library, self.reach)
        self.keeper = Keeper(volume, library)
        self._nursery = nursery
        self._locks: dict[int, tuple[trio.Lock, int]] = {}
        self._running: set[_Attempt] = set()
        self._waiting: dict[MetadataFile, trio.Event] = {}
        self._queued: set[_Queued] = set()
        self._keeping = trio.Lock()

    # --- Metadata files

    async def save(
        self, node: Node, file: MetadataFile, tgid: int, base: bytes, *, renames: bool = False
    ) -> None:
        """Send a file's buffer, and wait for the outcome.

        Args:
            node: The asset.
            file: The file; its buffer is read once the asset is free.
            tgid: The process that saves.
            base: What it is merged with, if the process was never shown anything.
            renames: A rename asks: its errno must not be EINVAL.

        Raises:
            pyfuse3.FUSEError: It could not be sent (in time).
        """
        attempt = self._start(lambda attempt: self._send_file(node, file, tgid, base, attempt))
        await self._wait(attempt)
        if not attempt.known.is_set():
            await self._keep_queued()
        if not attempt.known.is_set():
            what = name_save(file.part)
            if file.buffer is not None:
                self._note_late(node, file, tgid, base, bytes(file.buffer.content))
            self._give_up(attempt, node, what)
            if file.buffer is not None:
                file.buffer.failure = attempt.failure
        if attempt.failure is not None:
            self.volume.files.forget_time(node, file)
            await self.volume.notices.wait_told()
            number = attempt.failure.errno
            raise pyfuse3.FUSEError(errno_in_rename(number) if renames else number)

    def save_later(self, node: Node, file: MetadataFile, base: bytes) -> None:
        """Send a file that nobody waits for, unless it changes within half a second."""
        if file not in self._waiting:
            self._waiting[file] = trio.Event()
            self._nursery.start_soon(self._save_after_wait, node, file, base)

    def save_now(self, node: Node, file: MetadataFile, tgid: int, base: bytes) -> None:
        """Send a file that nobody waits for, at once."""

        async def run(attempt: _Attempt) -> None:
            await self._send_file(node, file, tgid, base, attempt)
            if attempt.failure is not None:
                self.volume.files.forget_time(node, file)
            self.volume.files.tidy(file)

        self._start(run)

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

        async def run(attempt: _Attempt) -> None:
            async with self._lock(node.slot):
                try:
                    excerpt = self.volume.texts.excerpt(node)
                    if excerpt is None:
                        raise NotFound("the asset is gone from the platform")
                    result = await send(excerpt.fields)
                except CoexplorerError as error:
                    attempt.failure = self.unsent.note_failure(node, what, error)
                    return
                attempt.arrived = True
                self.reach.note_success()
                self.volume.failures.clear(node, what)
                take_over(result)

        refusal = await self.reach.find_refusal(node, queues=True)
        if refusal:
            raise pyfuse3.FUSEError(refusal)
        attempt = self._start(run)
        await self._wait(attempt)
        if not attempt.known.is_set():
            self._give_up(attempt, node, what)
        if attempt.failure is not None:
            number = attempt.failure.errno
            raise pyfuse3.FUSEError(errno_in_rename(number) if renames else number)

    async def finish(self, patience_s: float) -> None:
        """Send what waits and let what is on its way end, for a while; then the journal has it."""
        await self._keep_queued()
        await self._keep_open()
        with trio.move_on_after(patience_s):
            while pending := [*self._waiting.values(), *(one.done for one in self._running)]:
                await pending[0].wait()

    @property
    def busy(self) -> int:
        """How many changes are on their way, or wait for their half second."""
        return len(self._running) + len(self._waiting)

    # --- Inside

    def _start(self, run: Callable[[_Attempt], Awaitable[None]]) -> _Attempt:
        attempt = _Attempt()
        self._running.add(attempt)
        give_way()
        self._nursery.start_soon(self._guard, run, attempt)
        return attempt

    async def _guard(self, run: Callable[[_Attempt], Awaitable[None]], attempt: _Attempt) -> None:
        """Run an attempt so that nothing it meets ends the mount."""
        try:
            await run(attempt)
        except Exception:
            log.exception("a change failed unexpectedly")
            attempt.failure = Failure(errno.EIO, "an unexpected error; see the log")
        finally:
            self._running.discard(attempt)
            attempt.known.set()
            attempt.done.set()

    async def _wait(self, attempt: _Attempt) -> None:
        # The handler may have waited already, to hear whether the platform is there.
        latest = trio.current_effective_deadline() - _REPLY_S
        with trio.move_on_at(min(trio.current_time() + _PATIENCE_S, latest)):
            await attempt.known.wait()

    def _give_up(self, attempt: _Attempt, node: Node, what: str) -> None:
        """Note that a change goes on without anybody waiting for it, and how it ends then."""
        report = (
            f"{what} is not finished: the platform did not answer within {_PATIENCE_S:.0f} s\n"
            "what to do: wait; a look at the platform settles whether it arrived\n"
        )
        self.health.note_silence()
        self.volume.failures.note(node, what, report)
        self.volume.report(f"{node.title}: {what}: no answer within {_PATIENCE_S:.0f} s")
        attempt.failure = attempt.given_up = Failure(errno.ETIMEDOUT, report)
        self._nursery.start_soon(self._report_end, attempt, f"{node.title}: {what}")

    async def _report_end(self, attempt: _Attempt, title: str) -> None:
        await attempt.done.wait()
        if attempt.arrived:  # else why it failed was said
            self.volume.report(f"{title}: arrived after all")

    async def _save_after_wait(self, node: Node, file: MetadataFile, base: bytes) -> None:
        version = file.buffer.version if file.buffer is not None else -1
        kept = await self._keep_content(node, file, base, _WAITS)
        await trio.sleep(EMPTY_WAIT_S)
        waiting = self._waiting.pop(file)
        buffer = file.buffer
        idle = buffer is None or file.detached or not buffer.dirty or buffer.failure is not None
        if buffer is not None and not idle:
            if buffer.version == version:
                attempt = self._start(lambda mine: self._send_file(node, file, 0, base, mine))
                await attempt.done.wait()
            elif not file.handles:
                self.save_later(node, file, base)
        await self.unsent.discard(kept)
        waiting.set()

    async def _keep_content(
        self, node: Node, file: MetadataFile, base: bytes, error: CoexplorerError
    ) -> int | None:
        """Write down what a file has that is not sent; return its number in the journal."""
        if file.buffer is None or not file.buffer.dirty or file.detached:
            return None
        before = read_anyhow(base, file.part, self.unsent.fields_of(node))
        mine = read_anyhow(bytes(file.buffer.content), file.part, before)
        return await self.unsent.keep(node, file.part, before, mine, error)

    async def _keep_open(self) -> None:
        """Write down what was written and not closed yet: the mount ends."""
        queued = {each.file for each in self._queued}
        for file in self.volume.files.list_open():
            node, buffer = self.volume.tree.find_slot(file.slot), file.buffer
            open_still = file.writers and buffer is not None and buffer.failure is None
            if node is not None and buffer is not None and open_still and file not in queued:
                await self._keep_content(node, file, buffer.base, _ENDED)

    async def _send_file(
        self, node: Node, file: MetadataFile, tgid: int, base: bytes, attempt: _Attempt
    ) -> None:
        async with self._turn(node, file, tgid, base) as queued:
            buffer = file.buffer
            if buffer is None or not _is_to_send(queued, attempt):
                return
            save = _Save(node, file, tgid, bytes(buffer.content), buffer.version)
            base = self._find_base(save, base)
            if self._is_refused_again(save, base, buffer, attempt):
                return

            def hear(reply: Asset | None) -> None:
                attempt.arrived = True
                self._note_saved(save, reply)
                if attempt.given_up is None:
                    self.volume.late.forget((node.slot, file.part))
                attempt.known.set()

            try:
                if not await self._edit(save, base, hear):
                    hear(None)
            except CoexplorerError as error:
                attempt.failure = self.unsent.note_failure(node, save.what, error, tgid)
                buffer.fail(attempt.failure, save.version)
                if isinstance(error, EditConflict):
                    self._note_conflict(save, base, error, attempt.failure)
                elif isinstance(error, ApiError) and error.outcome_unknown:
                    self._note_late(node, file, tgid, base, save.content)
            finally:
                self.volume.excerpts.end_lead(node.slot, time.monotonic())
            await self._forget_queued(queued)

    def _note_late(
        self, node: Node, file: MetadataFile, tgid: int, base: bytes, content: bytes
    ) -> None:
        """Note that a save may arrive whose program was told that it is not finished."""
        key = node.slot, file.part
        shown = self.volume.shown.find(tgid, key)
        self.volume.late.note(key, base if shown is None else shown, content)

    # --- What waits behind another save

    @asynccontextmanager
    async def _turn(
        self, node: Node, file: MetadataFile, tgid: int, base: bytes
    ) -> AsyncIterator[_Queued]:
        """Wait for a save's turn; what waits for longer is in the journal meanwhile."""
        version = -1 if file.buffer is None else file.buffer.version
        queued = _Queued(node, file, tgid, base, version)
        if node.slot not in self._locks:
            async with self._lock(node.slot):
                yield queued
            return
        self._queued.add(queued)
        self._nursery.start_soon(self._keep_if_late, queued)
        try:
            async with self._lock(node.slot):
                self._queued.discard(queued)
                yield queued
        finally:
            self._queued.discard(queued)

    async def _keep_if_late(self, queued: _Queued) -> None:
        await trio.sleep(_QUEUED_S)
        if queued in self._queued:
            await self._keep_queued()

    async def _keep_queued(self) -> None:
        """Write down what waits behind another save: it is nowhere else if the mount ends now."""
        async with self._keeping:
            for queued in list(self._queued):
                file, node = queued.file, queued.node
                buffer = file.buffer
                if buffer is None or not buffer.dirty or file.detached:
                    continue
                content, former = bytes(buffer.content), queued.kept_as
                if queued.kept == content or buffer.is_empty_wait:
                    continue
                shown = self.volume.shown.find(queued.tgid, (node.slot, file.part))
                base = queued.base if shown is None else shown
                before = read_anyhow(base, file.part, self.unsent.fields_of(node))
                mine = read_anyhow(content, file.part, before)
                queued.kept = content
                queued.kept_as = await self.unsent.keep(node, file.part, before, mine, _WAITS)
                await self.unsent.discard(former)

    async def _forget_queued(self, queued: _Queued) -> None:
        """Let go of what was written down while a save waited: its own entry has the text now."""
        if queued.kept is not None:
            async with self._keeping:
                await self.unsent.discard(queued.kept_as)

    # --- Conflicts

    def _find_base(self, save: _Save, opened: bytes) -> bytes:
        """Return what a save is merged with.

        Args:
            save: What is saved.
            opened: What the file had when it was opened to be saved.
        """
        key = save.node.slot, save.file.part
        shown = self.volume.shown.find(save.tgid, key)
        conflict = self.volume.conflicts.find(*key)
        base = opened if shown is None else shown
        unseen = conflict is not None and not (
            opened and opened != conflict.base and save.extends(opened)
        )
        if shown is None and unseen and conflict is not None:
            return conflict.base  # nobody has seen the other text
        theirs = build_text(self.unsent.fields_of(save.node), save.file.part)
        return theirs if self.volume.late.is_own(key, base, theirs) else base

    def _is_refused_again(
        self, save: _Save, base: bytes, buffer: Buffer, attempt: _Attempt
    ) -> bool:
        """Fail a save that was refused already, and is known to be so again, without asking."""
        node, part = save.node, save.file.part
        conflict = self.volume.conflicts.find(node.slot, part)
        if conflict is None or base != conflict.base:
            return False
        theirs = build_text(self.unsent.fields_of(node), part)
        if not conflict.is_repeated_by(save.content, theirs):
            return False
        attempt.failure = conflict.failure
        self.volume.conflicts.note_repeat(node.slot, part, time.monotonic())
        buffer.fail(conflict.failure, save.version)
        buffer.base = base
        self.volume.report(f"{node.title}: {save.what} failed again: look at its `error` first")
        return True

    def _note_conflict(
        self, save: _Save, base: bytes, error: EditConflict, failure: Failure
    ) -> None:
        """Remember what was refused: until somebody looks, who reads it has not seen theirs."""
        node, part, buffer = save.node, save.file.part, save.file.buffer
        theirs = build_text(error.theirs, part)
        if buffer is not None:
            buffer.sent, buffer.base = theirs, base
        conflict = SaveConflict(
            base,
            theirs,
            digest_of(save.content),
            failure,
            tgid=save.tgid,
            program=read_command(save.tgid) if save.tgid > 0 else b"",
            at=time.monotonic(),
        )
        self.volume.conflicts.note(node.slot, part, conflict)

    async def _edit(self, save: _Save, base: bytes, hear: Callable[[Asset], None]) -> bool:
        """Send one field; False when there is nothing to send.

        Args:
            save: What is saved.
            base: What it is merged with.
            hear: Called with the platform's reply as soon as the outcome is written down; the
                catalog is updated afterwards.

        Raises:
            CoexplorerError: See `Library.edit`; InvalidField when the text has no meaning.
        """
        node, part, content = save.node, save.file.part, save.content
        buffer, keep = save.file.buffer, self.unsent.keep
        if content == base or (buffer is not None and content == buffer.sent):
            return False
        before = read_anyhow(base, part, self.unsent.fields_of(node))
        try:
            if self.volume.texts.excerpt(node) is None:
                gone = NotFound("the asset is gone from the platform")
                await keep(node, part, before, read_anyhow(content, part, before), gone)
                raise gone
            mine = parse_text(content, part, before)
            if mine.same_as(before):
                return False
            try:
                await self.library.edit(node.id, before, mine, heard=lambda _, reply: hear(reply))
            except EditConflict as error:
                theirs = build_text(error.theirs, part)
                if not self.volume.late.is_own((node.slot, part), base, theirs):
                    raise
                # What came between is an earlier save from here, which was late.
                before = read_anyhow(theirs, part, error.theirs)
                mine = parse_text(content, part, before)
                await self.library.edit(node.id, before, mine, heard=lambda _, reply: hear(reply))
                await self.unsent.drop_superseded(node, part)
        except InvalidField as error:
            await keep(node, part, before, read_anyhow(content, part, before), error)
            raise
        return True

    def _note_saved(self, save: _Save, reply: Asset | None) -> None:
        """Take over that a file was saved; `reply` is None when there was nothing to send."""
        node, file = save.node, save.file
        if reply is not None:
            self.reach.note_success()
            # vim puts the old text back after a failed save: nobody has written that.
            self.volume.shown.note_saved(save.tgid, (node.slot, file.part), save.content)
        sent = reply is not None
        if self.unsent.note_success(node, file.part, save.tgid, was_sent=sent):
            self._nursery.start_soon(self.unsent.drop_superseded, node, file.part)
        self._take_over(save, reply)
        self.volume.files.tidy(file)

    def _take_over(self, save: _Save, reply: Asset | None) -> None:
        """Make the platform's answer what is shown from now on."""
        volume, node, part = self.volume, save.node, save.file.part
        buffer, content = save.file.buffer, save.content
        if buffer is None:
            return
        if buffer.failure is not None:  # it was late: its time is told after all
            volume.files.forget_time(node, save.file)
        if reply is None:
            buffer.settle(content, save.version, buffer.sent)
            volume.files.take_time(node, save.file)
            return
        if build_text(reply.fields, part) != content:
            volume.spellings.keep(node.slot, part, content)
        now_there = volume.spellings.text_of(node.slot, part, reply.fields)
        if now_there == content and volume.files.find(node, part) is save.file:
            volume.sizes.note(node.slot, {part: content})
            if buffer.version == save.version:
                volume.sizes.take_kept(node.slot, part)  # the kernel has what was written
        buffer.settle(content, save.version, now_there)
        volume.files.take_time(node, save.file)
        volume.apply_reply(node, reply.excerpt, time.monotonic())
        volume.tell_stale()

    @asynccontextmanager
    async def _lock(self, slot: int) -> AsyncIterator[None]:
        """Let one change of an asset at a time go on: each PUT sends all of its fields."""
        lock, users = self._locks.get(slot, (trio.Lock(), 0))
        self._locks[slot] = (lock, users + 1)
        try:
            if users:
                await lock.acquire()
            else:
                lock.acquire_nowait()  # without a turn of the event loop
            try:
                yield
            finally:
                lock.release()
        finally:
            lock, users = self._locks[slot]
            if users == 1:
                del self._locks[slot]
            else:
                self._locks[slot] = (lock, users - 1)


def _is_to_send(queued: _Queued, attempt: _Attempt) -> bool:
    """Tell whether there still is something to send when a save's turn has come."""
    buffer = queued.file.buffer
    if buffer is None or not buffer.dirty or queued.file.detached:
        return False
    if attempt.given_up is not None and queued.is_written_on:
        return False  # nobody waits for it, and who writes now sends it at the close
    if buffer.failure is not None and buffer.failure is not attempt.given_up:
        attempt.failure = buffer.failure
        return False
    return True
