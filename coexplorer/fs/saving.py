"""Sending what was written: in the background, one change of an asset at a time, with a deadline.

A request that outlives its caller's patience goes on, and the library settles it; the caller is
told ETIMEDOUT meanwhile, because a process that waits for FUSE can't even be killed.
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
    JournalError,
    NotFound,
    NotSignedIn,
    Refused,
)
from coexplorer.fs.errnos import DEADLINE_S, errno_in_rename, errno_of
from coexplorer.fs.files import (
    EDITABLE_PARTS,
    FIELDS_OF_PARTS,
    NAMES_OF_PARTS,
    build_text,
    parse_text,
    read_anyhow,
)
from coexplorer.fs.handles import EMPTY_WAIT_S, Buffer, Failure, MetadataFile
from coexplorer.fs.reach import Reach
from coexplorer.fs.reports import build_report
from coexplorer.fs.tree import Node
from coexplorer.fs.turns import give_way
from coexplorer.fs.volume import Volume
from coexplorer.library import Library
from coexplorer.library.merge import changed_fields
from coexplorer.library.results import EditResult
from coexplorer.models import Fields

log = logging.getLogger(__name__)

_REPLY_S = 0.5
_PATIENCE_S = DEADLINE_S - 1.0
"""Less than a handler's own deadline, so that it is this one that speaks."""


@dataclass(eq=False)
class _Attempt:
    """One change on its way.

    Attributes:
        given_up: What was said when nobody waited for it any longer.
    """

    done: trio.Event = field(default_factory=trio.Event)
    failure: Failure | None = None
    given_up: Failure | None = None


class Saver:
    """Sends changes; the only room of the mount that writes to the platform."""

    def __init__(self, volume: Volume, library: Library, nursery: trio.Nursery) -> None:
        self.volume = volume
        self.library = library
        self.reach = Reach(volume, library, nursery)
        self.health = self.reach.health
        self._failed_by: dict[tuple[int, str], int] = {}
        self.journaled: set[tuple[int, str]] = set()
        self._nursery = nursery
        self._locks: dict[int, tuple[trio.Lock, int]] = {}
        self._running: set[_Attempt] = set()
        self._waiting: dict[MetadataFile, trio.Event] = {}

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
        if not attempt.done.is_set():
            what = f"saving {_file_name(file)}"
            self._give_up(attempt, node, what)
            if file.buffer is not None:
                file.buffer.failure = attempt.failure
        if attempt.failure is not None:
            number = attempt.failure.errno
            raise pyfuse3.FUSEError(errno_in_rename(number) if renames else number)

    def save_later(self, node: Node, file: MetadataFile, base: bytes) -> None:
        """Send a file that nobody waits for, unless it changes within half a second."""
        if file not in self._waiting:
            self._waiting[file] = trio.Event()
            self._nursery.start_soon(self._save_after_wait, node, file, base)

    def save_now(self, node: Node, file: MetadataFile, tgid: int, base: bytes) -> None:
        """Send a file that nobody waits for, at once."""
        self._start(lambda attempt: self._send_file(node, file, tgid, base, attempt))

    def note_refusal(
        self, node: Node, file: MetadataFile, tgid: int, error: InvalidField, number: int
    ) -> Failure:
        """Say in the asset's ``error`` that a write was refused before anything was sent."""
        what = f"saving {_file_name(file)}"
        self._failed_by[node.slot, what] = tgid
        return Failure(number, self._note_unsent(node, what, error).report)

    def _note_unsent(self, node: Node, what: str, error: CoexplorerError) -> Failure:
        """Note a failure of which the journal has nothing yet, whatever it has of earlier ones."""
        self.journaled.discard((node.slot, what))
        return self._note_failure(node, what, error)

    async def keep_rejected(self, node: Node, file: MetadataFile, base: bytes) -> None:
        """Write down what was refused before anything was sent, once."""
        buffer = file.buffer
        rejected = None if buffer is None else buffer.take_rejected()
        if buffer is None or buffer.refusal is None or rejected is None:
            return
        before = read_anyhow(base, file.part, self._fields_of(node))
        mine = read_anyhow(rejected, file.part, before)
        reason = buffer.refusal.report.partition("\n")[0]
        await self._keep(node, file, before, mine, Refused(reason))

    def _fields_of(self, node: Node) -> Fields:
        """Return an asset's fields as they are known here; hardly any when it is gone."""
        record = self.volume.record(node)
        return Fields(name=_title(node)) if record is None else record.asset.fields

    def note_interruption(self, node: Node, file: MetadataFile, buffer: Buffer) -> Failure:
        """Say that the writing program was killed in the middle, and keep what it had written."""
        what = f"saving {_file_name(file)}"
        error = Refused(
            "the program that wrote it was ended by a signal, so nothing was sent",
            hint="save it again; below is what it had written",
        )
        failure = self._note_unsent(node, what, error)
        buffer.rejected = bytearray(buffer.content) or None
        written = buffer.content.decode(errors="replace")
        self.volume.failures.note(node, what, f"{failure.report}\n{written}")
        return failure

    async def give_up(self, node: Node, what: str) -> None:
        """Show the platform's value again: the unsent text was discarded, or sent elsewhere."""
        self.volume.failures.clear(node, what)
        self.journaled.discard((node.slot, what))
        for part in EDITABLE_PARTS:
            file = self.volume.find_file(node, part)
            if file is None or file.buffer is None or what != f"saving {_file_name(file)}":
                continue
            record = self.volume.record(node)
            if record is None or file.buffer.failure is None:
                continue
            text = self.volume.spellings.text_of(node.slot, part, record.asset.fields)
            file.buffer = Buffer.of(text) if file.handles else None
            self.volume.renew(node, part)
            self.volume.tidy(file)

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
                    record = self.volume.record(node)
                    if record is None:
                        raise NotFound("the asset is gone from the platform")
                    result = await send(record.asset.fields)
                except CoexplorerError as error:
                    attempt.failure = self._note_failure(node, what, error)
                    return
                self.reach.note_success()
                self.volume.failures.clear(node, what)
                take_over(result)

        refusal = await self.reach.find_refusal(node.slot, queues=True)
        if refusal:
            raise pyfuse3.FUSEError(refusal)
        attempt = self._start(run)
        await self._wait(attempt)
        if not attempt.done.is_set():
            self._give_up(attempt, node, what)
        if attempt.failure is not None:
            number = attempt.failure.errno
            raise pyfuse3.FUSEError(errno_in_rename(number) if renames else number)

    async def finish(self, patience_s: float) -> None:
        """Send what waits and let what is on its way end, for a while; then the journal has it."""
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
            attempt.done.set()

    async def _wait(self, attempt: _Attempt) -> None:
        # The handler may have waited already, to hear whether the platform is there.
        latest = trio.current_effective_deadline() - _REPLY_S
        with trio.move_on_at(min(trio.current_time() + _PATIENCE_S, latest)):
            await attempt.done.wait()

    def _give_up(self, attempt: _Attempt, node: Node, what: str) -> None:
        """Note that a change goes on without anybody waiting for it, and how it ends then."""
        report = (
            f"{what} is not finished: the platform did not answer within {_PATIENCE_S:.0f} s\n"
            "what to do: wait; a look at the platform settles whether it arrived\n"
        )
        self.health.note_silence()
        self.volume.failures.note(node, what, report)
        self.volume.report(f"{_title(node)}: {what}: no answer within {_PATIENCE_S:.0f} s")
        attempt.failure = attempt.given_up = Failure(errno.ETIMEDOUT, report)
        self._nursery.start_soon(self._report_end, attempt, f"{_title(node)}: {what}")

    async def _report_end(self, attempt: _Attempt, title: str) -> None:
        await attempt.done.wait()
        if attempt.failure is attempt.given_up:  # else why it failed was said
            self.volume.report(f"{title}: arrived after all")

    async def _save_after_wait(self, node: Node, file: MetadataFile, base: bytes) -> None:
        version = file.buffer.version if file.buffer is not None else -1
        await trio.sleep(EMPTY_WAIT_S)
        waiting = self._waiting.pop(file)
        buffer = file.buffer
        idle = buffer is None or file.detached or not buffer.dirty or buffer.failure is not None
        if buffer is not None and not idle:
            if buffer.version == version:
                self.save_now(node, file, 0, base)
            elif not file.handles:
                self.save_later(node, file, base)
        waiting.set()

    async def _send_file(
        self, node: Node, file: MetadataFile, tgid: int, base: bytes, attempt: _Attempt
    ) -> None:
        async with self._lock(node.slot):
            buffer = file.buffer
            if buffer is None or not buffer.dirty or file.detached:
                return
            if buffer.failure is not None:
                attempt.failure = buffer.failure
                return
            content, version = bytes(buffer.content), buffer.version
            what = f"saving {_file_name(file)}"
            try:
                result = await self._edit(node, file, tgid, base, content)
            except CoexplorerError as error:
                self._failed_by[node.slot, what] = tgid
                attempt.failure = self._note_failure(node, what, error)
                buffer.fail(attempt.failure, version)
                if isinstance(error, EditConflict):
                    # Who reads the file anew has theirs as the base; who saves again has not.
                    buffer.sent = buffer.base = build_text(error.theirs, file.part)
                return
            if result is not None:
                self.reach.note_success()
            # vim puts the old text back after a failed save: that is no reason to hide the failure.
            restored = result is None and self._failed_by.get((node.slot, what)) == tgid
            if not restored and self.volume.failures.clear(node, what):
                self._failed_by.pop((node.slot, what), None)
                self._nursery.start_soon(self._drop_superseded, node, file)
            self._take_over(node, file, content, version, result)
            self.volume.shown.note_saved(tgid, (file.slot, file.part), content)
            self.volume.tidy(file)

    async def _edit(
        self, node: Node, file: MetadataFile, tgid: int, opened: bytes, content: bytes
    ) -> EditResult | None:
        """Send one field; None when there is nothing to send.

        Raises:
            CoexplorerError: See `Library.edit`; InvalidField when the text has no meaning.
        """
        buffer = file.buffer
        base = self.volume.shown.find(tgid, (file.slot, file.part))
        if base is None:
            base = opened
        if content == base or (buffer is not None and content == buffer.sent):
            return None
        before = read_anyhow(base, file.part, self._fields_of(node))
        try:
            if self.volume.record(node) is None:
                gone = NotFound("the asset is gone from the platform")
                await self._keep(node, file, before, read_anyhow(content, file.part, before), gone)
                raise gone
            mine = parse_text(content, file.part, before)
            if mine.same_as(before):
                return None
            return await self.library.edit(node.id, before, mine)
        except InvalidField as error:
            await self._keep(node, file, before, read_anyhow(content, file.part, before), error)
            raise

    async def _keep(
        self, node: Node, file: MetadataFile, before: Fields, mine: Fields, error: CoexplorerError
    ) -> None:
        """Write down what is not to be sent: a shell doesn't even say that it failed."""
        if mine.same_as(before):
            return
        try:
            await self.library.keep(node.id, before, mine, error)
        except JournalError as problem:
            log.warning("a refused text is only in the mount: %s", problem)
        else:
            self.journaled.add((node.slot, f"saving {_file_name(file)}"))

    def _take_over(
        self,
        node: Node,
        file: MetadataFile,
        content: bytes,
        version: int,
        result: EditResult | None,
    ) -> None:
        """Make the platform's answer what is shown from now on."""
        volume, buffer = self.volume, file.buffer
        if buffer is None:
            return
        after = result.after if result is not None else None
        if after is None:
            buffer.settle(content, version, buffer.sent if result is None else content)
        else:
            if build_text(after, file.part) != content:
                volume.spellings.keep(node.slot, file.part, content)
            now_there = volume.spellings.text_of(node.slot, file.part, after)
            if now_there == content:
                volume.details.note(file.slot, {file.part: content})
            buffer.settle(content, version, now_there)
            volume.apply_fields(node, after, time.monotonic(), alias=True)
            volume.tell_stale()

    def _note_failure(self, node: Node, what: str, error: CoexplorerError) -> Failure:
        failure = Failure(errno_of(error), build_report(what, error))
        self.health.note(error, node.slot)
        if isinstance(error, NotSignedIn):
            self.reach.check_sign_in()
        self.volume.failures.note(node, what, failure.report)
        if isinstance(error, ApiError | EditConflict):
            self.journaled.add((node.slot, what))
        self.volume.report(f"{_title(node)}: {what} failed: {error.message}")
        if isinstance(error, NotFound):
            self.volume.remove(node.id)
            self.volume.tell_stale()
        elif isinstance(error, EditConflict):
            self.volume.apply_fields(node, error.theirs, time.monotonic(), alias=True)
            self.volume.tell_stale()
        return failure

    async def _drop_superseded(self, node: Node, file: MetadataFile) -> None:
        """Discard the unsent entries of a field that is saved now: nobody needs them any more."""
        field = FIELDS_OF_PARTS[file.part]
        try:
            for entry in await self.library.unsent():
                base, mine = entry.base, entry.mine
                ours = entry.asset_id == node.id and entry.origin == "mount"
                if ours and base and mine and changed_fields(base, mine) == (field,):
                    await self.library.discard(entry.id)
        except CoexplorerError as error:
            log.warning("an old unsent text stays in the journal: %s", error)

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


def _file_name(file: MetadataFile) -> str:
    return NAMES_OF_PARTS[file.part].decode()


def _title(node: Node) -> str:
    return node.file_name.decode(errors="replace")
