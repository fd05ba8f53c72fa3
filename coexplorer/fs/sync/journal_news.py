"""What the journal says of saves that failed: at a mount's start, and as it changes later.

Other front ends send such a text, discard it, or save another one after it; ``error`` follows.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Sequence

import trio

from coexplorer.errors import CoexplorerError, EditConflict, Refused
from coexplorer.fields import changed_rows
from coexplorer.fs.core.buffers import Buffer, SaveFailure
from coexplorer.fs.core.conflicts import SaveConflict, digest_of
from coexplorer.fs.core.failures import SAVING_SHARING, name_save
from coexplorer.fs.core.file_format import EDITABLE_PARTS, FIELDS_OF_PARTS, build_text
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.errnos import errno_of
from coexplorer.fs.kernel.inodes import Part
from coexplorer.fs.sync.failed_writes import FailedWrites
from coexplorer.fs.sync.failure_texts import build_report, list_unresolved
from coexplorer.library import Library
from coexplorer.library.entries import MOUNT, Cause, Entry, State

log = logging.getLogger(__name__)

_ASK_S = 10.0
"""How often the platform is asked what became of saves whose replies were lost."""


class JournalNews:
    """Has ``error`` tell what the journal says of the texts that could not be sent."""

    def __init__(
        self, volume: Volume, library: Library, unsent: FailedWrites, nursery: trio.Nursery
    ) -> None:
        self._volume = volume
        self._spell = volume.options.spell
        self._library = library
        self._unsent = unsent
        self._nursery = nursery
        self._states: dict[int, State] = {}
        self._settling: set[int] = set()
        self._asks_at = 0.0

    async def recall(self) -> None:
        """Tell of what an earlier mount could not send, as that mount did.

        Of what was refused, which waits for nothing, only until somebody has opened ``error``.
        """
        try:
            entries = await self._library.log.kept()
        except CoexplorerError as error:
            log.warning("the journal can't be read: %s", error)
            return
        # What a crash cut off is unknown now, and is soon settled.
        self._states = {entry.id: entry.state for entry in entries if entry.origin == MOUNT}
        self._settling = {n for n, state in self._states.items() if state is State.UNKNOWN}
        for (asset_id, part), found in list_unresolved(entries).items():
            node = self._volume.tree.find_id(asset_id)
            if node is not None:
                self._recall_file(node, part, found)

    def _recall_file(self, node: Node, part: Part, entries: Sequence[Entry]) -> None:
        """Report the last text of a file that was not set aside, and those that were."""
        last = [entry for entry in entries if not entry.set_aside][-1:]
        aside = [entry for entry in entries if entry not in last and entry.state is State.REFUSED]
        report = ""
        for entry in last:
            report = self._recall(entry, node, part)
        self._unsent.report_aside(node, part, aside, report)

    def _recall(self, entry: Entry, node: Node, part: Part, *, is_known: bool = False) -> str:
        """Report what the journal has of a save that failed, and return the report.

        Args:
            entry: The save.
            node: The asset.
            part: The file.
            is_known: What the platform has was looked at just now.
        """
        base, mine = entry.base, entry.mine
        if base is None or mine is None:
            return ""
        what = name_save(part)
        reason = entry.reason.removeprefix(f"{what} failed: ")
        error: CoexplorerError = Refused(reason, hint=entry.hint)
        if entry.state is State.CONFLICT:
            theirs = self._unsent.fields_of(node)
            fields = (FIELDS_OF_PARTS[part],)
            error = EditConflict(node.id, fields, base=base, mine=mine, theirs=theirs)
            error.message = entry.reason or error.message  # it knew who changed it
        error.entry = entry.id
        failure = SaveFailure(errno_of(error), build_report(what, error, self._spell))
        self._volume.failures.note(node, what, failure.report)
        self._unsent.journaled.add((node.slot, what))
        self._unsent.note_told(node, what, entry.id)
        if entry.state is State.CONFLICT:
            refused = digest_of(build_text(mine, part))
            theirs_now = build_text(self._unsent.fields_of(node), part) if is_known else None
            conflict = SaveConflict(build_text(base, part), theirs_now, refused, failure)
            self._volume.conflicts.note(node.slot, part, conflict)
        return failure.report

    async def notice_discards(self) -> None:
        """Let an unsent text go that the user gave up, or sent again, in another front end."""
        failed = self._volume.failures.list()
        self._unsent.journaled &= {(node.slot, what) for node, what in failed}
        if not self._unsent.journaled and not self._settling:
            return
        told = {key: frozenset(by) for key, by in self._unsent.told.items()}
        put_right = self._unsent.put_right
        try:
            kept = await self._library.log.kept()
        except CoexplorerError as error:
            log.warning("the journal can't be read: %s", error)
            return
        if self._unsent.ending or self._unsent.put_right != put_right:
            return  # a save has overtaken this look, which may still have what failed before
        waiting = {entry.asset_id for entry in kept}
        numbers = {entry.id for entry in kept}
        self._settling = {e.id for e in kept if e.state is State.UNKNOWN} & self._settling
        self._notice_changes(kept)
        self._notice_asides(kept)
        self._ask_what_arrived(kept)
        for node, what in failed:
            key = node.slot, what
            now = self._unsent.told.get(key, {}).keys()
            if what == SAVING_SHARING:
                continue  # roles are no text: see `SharingFailures`
            if key not in self._unsent.journaled or now != told.get(key, set()):
                continue
            # Another file of the asset may have a text that waits: that is another report.
            if not told[key] & numbers if key in told else node.id not in waiting:
                self._give_up(node, what)
                await self._tell_arrived(node, what, told.get(key, frozenset()))

    async def _tell_arrived(self, node: Node, what: str, numbers: Collection[int]) -> None:
        """Say so of a save whose reply was lost, and that the platform turned out to have."""
        try:
            entries = await self._library.log.entries_about(node.id)
        except CoexplorerError as error:
            log.warning("the journal can't be read: %s", error)
            return
        if any(each.id in numbers and each.cause is Cause.FOUND for each in entries):
            self._volume.report(f"{node.title}: {what}: arrived after all")

    def _ask_what_arrived(self, kept: list[Entry]) -> None:
        """Look at the platform for what was sent and never answered, once in a while."""
        told = {number for by in self._unsent.told.values() for number in by}
        batches = {
            entry.batch_id for entry in kept if entry.state is State.UNKNOWN and entry.id in told
        }
        if batches and trio.current_time() >= self._asks_at:
            self._asks_at = trio.current_time() + _ASK_S
            self._nursery.start_soon(self._settle, batches)

    async def _settle(self, batches: Collection[int]) -> None:
        try:
            for batch in batches:
                await self._library.changes.settle_batch(batch)
        except CoexplorerError as error:
            log.info("nobody can tell yet what has arrived: %s", error)

    def _notice_changes(self, kept: list[Entry]) -> None:
        """Say of a text that was sent again elsewhere, and met a conflict there, what it met.

        And of one that may have arrived, once it is known that it has not.
        """
        known, self._states = self._states, {entry.id: entry.state for entry in kept}
        for entry in kept:
            node, base, mine = self._volume.tree.find_id(entry.asset_id), entry.base, entry.mine
            is_new = known.get(entry.id, entry.state) is not entry.state
            settled = known.get(entry.id) is State.UNKNOWN and entry.state is State.UNSENT
            if node and base and mine and is_new and (entry.state is State.CONFLICT or settled):
                for part, field in FIELDS_OF_PARTS.items():
                    if changed_rows(base, mine) == (field,):
                        self._volume.learn(node, time.monotonic())  # a look has shown it
                        self._recall(entry, node, part, is_known=True)

    def _notice_asides(self, kept: list[Entry]) -> None:
        """Say of a text that another one was saved after it elsewhere, which does not have it."""
        aside = {entry.id for entry in kept if entry.set_aside}
        self._unsent.told_aside &= aside
        for (slot, what), told in list(self._unsent.told.items()):
            node = self._volume.tree.find_slot(slot)
            if node is None or not (aside & told.keys()) - self._unsent.told_aside:
                continue
            for part in EDITABLE_PARTS:
                if name_save(part) == what:
                    self._recall_file(node, part, [each for each in kept if each.id in told])

    def _give_up(self, node: Node, what: str) -> None:
        """Show the platform's value again: the unsent text was discarded, or sent elsewhere."""
        volume = self._volume
        volume.failures.clear(node, what)
        self._unsent.journaled.discard((node.slot, what))
        self._unsent.told.pop((node.slot, what), None)
        for part in EDITABLE_PARTS:
            file = volume.files.find(node, part)
            if what == name_save(part):
                self._unsent.end_conflict(node, part)
            if file is None or file.buffer is None or what != name_save(part):
                continue
            text = volume.texts.text_of(node, part)
            if text is None or file.buffer.failure is None:
                continue
            volume.shown.note_own((node.slot, part), bytes(file.buffer.content))
            file.buffer = Buffer.of(text) if file.writers else None
            volume.files.renew(node, part)
            volume.files.tidy(file)
