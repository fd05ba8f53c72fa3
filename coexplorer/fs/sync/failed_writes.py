"""Failed writes: the reason goes into the asset's ``error``, the text into the journal.

What ``error`` tells and which entry has the text change together, so both are here.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from functools import partial

import trio

from coexplorer.errors import (
    ApiError,
    CoexplorerError,
    Conflict,
    EditConflict,
    InvalidField,
    JournalError,
    NoLongerFits,
    NotFound,
    NotSignedIn,
    Refused,
)
from coexplorer.fields import Fields
from coexplorer.fs.core.buffers import Buffer, MetadataFile, SaveFailure
from coexplorer.fs.core.failures import name_save
from coexplorer.fs.core.file_format import FIELDS_OF_PARTS, build_text, read_anyhow
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.errnos import errno_of
from coexplorer.fs.kernel.inodes import Part
from coexplorer.fs.sync.connectivity import Connectivity
from coexplorer.fs.sync.failure_texts import build_report, tell_aside, tell_versions
from coexplorer.fs.sync.held_texts import ONLY_HERE, HeldText, HeldTexts
from coexplorer.fs.sync.saves import Save, Tries
from coexplorer.library import Library
from coexplorer.library.entries import MOST_REFUSED, Entry

log = logging.getLogger(__name__)


class FailedWrites:
    """Notes failures, and keeps the texts that the platform was not sent.

    Attributes:
        journaled: The failures (an asset's slot, and what failed) whose text is in the journal.
        held: Texts that could not be written down so far.
        told: Of which entries ``error`` tells for a failure, and whose save each was (a process).
        told_aside: Entries that ``error`` has told to be set aside.
        put_right: How many saves have taken a report away, or begun to give up earlier texts.
        ending: How many saves are giving up earlier texts now.
    """

    def __init__(
        self, volume: Volume, library: Library, reach: Connectivity, nursery: trio.Nursery
    ) -> None:
        self.journaled: set[tuple[int, str]] = set()
        self.held = HeldTexts()
        self.told: dict[tuple[int, str], dict[int, int]] = {}
        self.told_aside: set[int] = set()
        self.put_right = 0
        self.ending = 0
        self._volume = volume
        self._spell = volume.options.spell
        self._library = library
        self._reach = reach
        self._nursery = nursery
        self._failed_by: dict[tuple[int, str], int] = {}
        self._looks: dict[int, trio.Event] = {}

    # --- Failures

    def note_failure(
        self,
        node: Node,
        what: str,
        error: CoexplorerError,
        tgid: int | None = None,
        *,
        tries: Tries | None = None,
    ) -> SaveFailure:
        """Note why something was not done, and what that says of the asset and the platform.

        Args:
            node: The asset.
            what: What was tried, for people; a later success of it takes the report away.
            error: Why it failed.
            tgid: The process that tried, if what it saves next is to be told from what it restores.
            tries: What was saved, and what it was made from, if it was a file.
        """
        if tgid is not None:
            self._failed_by[node.slot, what] = tgid
        report = build_report(what, error, self._spell)
        if tries is not None and isinstance(error, Conflict):
            self._volume.learn(node, time.monotonic())
            theirs = self.fields_of(node)
            report += tell_versions((tries.file,), tries.before, tries.mine, theirs)
        failure = SaveFailure(errno_of(error), report)
        self._reach.health.note(error, node.slot)
        if isinstance(error, NotSignedIn):
            self._reach.check_sign_in()
        if not isinstance(error, NoLongerFits):  # then there is nothing to put right
            self._volume.failures.note(node, what, failure.report)
        if isinstance(error, ApiError | EditConflict):
            self.journaled.add((node.slot, what))
        self.note_told(node, what, error.entry, tgid or 0)
        self._volume.report(f"{node.title}: {what} failed: {error.message}")
        if isinstance(error, EditConflict):
            self._volume.apply_fields(node, error.theirs, time.monotonic(), alias=True)
        # What the library has seen on the way to a failure is in the catalog already.
        if isinstance(error, NotFound) and self._library.assets.peek(node.id) is None:
            self._volume.remove(node.id)
        else:
            self._volume.learn(node, time.monotonic())
        self._volume.tell_stale()
        return failure

    def note_look(self, node: Node, part: Part) -> None:
        """Note that somebody looks at what an asset's conflicts are about.

        What is saved from now on may replace the platform's text: it was seen. But only ``error``
        has it beside what was refused: what was refused is refused again until that is opened.

        Args:
            node: The asset.
            part: What is opened: ``error``, which has the texts as they were, or ``asset.json``.
        """
        if part == Part.ERROR:
            told = [number for key, by in self.told.items() if key[0] == node.slot for number in by]
            if told:
                earlier, self._looks[node.slot] = self._looks.get(node.slot), trio.Event()
                self._nursery.start_soon(self._keep_look, node, told, earlier)
        for conflicting in self._volume.conflicts.list_parts(node.slot):
            if part == Part.ERROR:
                self.end_conflict(node, conflicting, as_reported=True)
            else:
                self._volume.conflicts.note_read(node.slot, conflicting)

    async def _keep_look(self, node: Node, told: Sequence[int], earlier: trio.Event | None) -> None:
        """Have everybody know that somebody has looked: the next save waits for that."""
        noted = self._looks[node.slot]
        try:
            if earlier is not None:
                await earlier.wait()
            await self._library.saves.note_look(told)
        except CoexplorerError as error:
            log.warning("the next mount may report a failure again: %s", error)
        finally:
            noted.set()
            if self._looks.get(node.slot) is noted:
                del self._looks[node.slot]

    def note_told(self, node: Node, what: str, entry_id: int | None, tgid: int = 0) -> None:
        """Note which entry ``error`` tells of, and whose save that was."""
        if entry_id is not None:
            self.told.setdefault((node.slot, what), {})[entry_id] = tgid

    def end_conflict(self, node: Node, part: Part, *, as_reported: bool = False) -> None:
        """Merge with the platform's text whatever is saved from now on.

        Args:
            node: The asset.
            part: The file.
            as_reported: With the platform's text as ``error`` has it, not as it is known now.
        """
        volume = self._volume
        conflict = volume.conflicts.drop(node.slot, part)
        if conflict is None:
            return
        theirs = conflict.theirs if as_reported else None
        if theirs is None:
            theirs = build_text(self.fields_of(node), part)
        volume.shown.rebase((node.slot, part), conflict.base, theirs)
        file = volume.files.find(node, part)
        if file is not None and file.buffer is not None and file.buffer.dirty:
            file.buffer.base = theirs

    def note_refusal(
        self, node: Node, file: MetadataFile, tgid: int, error: InvalidField, number: int
    ) -> SaveFailure:
        """Say in the asset's ``error`` that a write was refused before anything was sent."""
        failure = self._note_unkept(node, name_save(file.part), error, tgid)
        return SaveFailure(number, failure.report)

    def note_interruption(self, node: Node, file: MetadataFile, buffer: Buffer) -> SaveFailure:
        """Say that the writing program was killed in the middle, and keep what it had written."""
        what = name_save(file.part)
        error = Refused(
            "the program that wrote it was killed by a signal, so nothing was sent",
            hint="save it again; below is what it had written",
        )
        failure = self._note_unkept(node, what, error)
        buffer.rejected = bytearray(buffer.content) or None
        written = buffer.content.decode(errors="replace")
        self._volume.failures.note(node, what, f"{failure.report}\n{written}")
        return failure

    def _note_unkept(
        self, node: Node, what: str, error: CoexplorerError, tgid: int | None = None
    ) -> SaveFailure:
        """Note a failure that the journal does not have yet, whatever it has of earlier ones."""
        self.journaled.discard((node.slot, what))
        return self.note_failure(node, what, error, tgid)

    def note_success(self, node: Node, part: Part, tgid: int, *, was_sent: bool) -> bool:
        """Take the report of a save away; True when there was one.

        vim puts the old text back after a failed save, and a command that is run again over the
        text of a colleague may have nothing to change: that is no reason to hide the failure.
        """
        key = node.slot, name_save(part)
        if was_sent:
            self._volume.conflicts.drop(node.slot, part)
        elif self._failed_by.get(key) == tgid or part in self._volume.conflicts.list_parts(key[0]):
            return False
        if not self._volume.failures.clear(node, key[1]):
            return False
        self._failed_by.pop(key, None)
        self.told.pop(key, None)
        self.put_right += 1
        return True

    # --- Texts

    def fields_of(self, node: Node) -> Fields:
        """Return an asset's fields as they are known here; hardly any when it is gone."""
        excerpt = self._volume.texts.excerpt(node)
        return Fields(name=node.title) if excerpt is None else excerpt.fields

    async def keep(
        self,
        node: Node,
        part: Part,
        before: Fields,
        mine: Fields,
        error: CoexplorerError,
        *,
        continues: Sequence[int] = (),
    ) -> int | None:
        """Write down what is not sent: a shell doesn't even say that it failed.

        Returns:
            Its number in the journal, which `error` has from now on; None where there is none.
        """
        if mine.same_as(before):
            return None
        try:
            number = await self._library.saves.keep(
                node.id, before, mine, error, continues=continues
            )
        except JournalError as problem:
            log.warning("a text is only in the mount: %s", problem)
            self.held.hold(HeldText(node, part, before, mine, error))
            return None
        self.journaled.add((node.slot, name_save(part)))
        error.entry = number
        return number

    async def keep_waiting(self, node: Node, before: Fields, mine: Fields) -> int | None:
        """Write down what is sent next, in case the mount ends first; return its number."""
        if mine.same_as(before):
            return None
        try:
            return await self._library.saves.keep_waiting(node.id, before, mine)
        except JournalError as problem:
            log.warning("a text is only in the mount: %s", problem)
            return None

    def hold(
        self, node: Node, part: Part, before: Fields, mine: Fields, error: CoexplorerError
    ) -> str:
        """Keep a text that could not even be written down, and return what ``error`` says then."""
        self.held.hold(HeldText(node, part, before, mine, error))
        what = name_save(part)
        report = build_report(what, error, self._spell) + ONLY_HERE
        self._volume.failures.note(node, what, report)
        return report

    async def write_down(self) -> None:
        """Write down what could not be written down before, as far as there is room now."""
        async with self.held.writing:
            for text in self.held.list_all():
                if not await self._write_down(text):
                    return
                self.held.drop(text)

    async def _write_down(self, text: HeldText) -> bool:
        node, part, what = text.node, text.part, name_save(text.part)
        tries = await self.find_tries(
            node, part, build_text(text.base, part), build_text(text.mine, part)
        )
        error = text.find_reason()
        keep = self._library.saves.keep
        try:
            error.entry = await keep(node.id, text.base, text.mine, error)
        except CoexplorerError as problem:
            log.debug("still no room for %s: %s", text.path, problem)
            return False
        self._volume.report(f"{node.title}: {what}: the text is in the journal now")
        report = build_report(what, error, self._spell)
        if isinstance(error, JournalError):
            self._volume.failures.note(node, what, report)
        self.journaled.add((node.slot, what))
        self.note_told(node, what, error.entry)
        self.report_aside(node, part, tries.staying, report)
        return True

    async def let_go(self, number: int | None, *, aside: bool = False) -> None:
        """Let go of what `keep_waiting` wrote down: its text is in another entry now, or sent.

        Args:
            number: Its entry.
            aside: If it is nowhere else, keep it: its program was told that it failed.
        """
        if number is None:
            return
        try:
            await self._library.saves.let_go(number, aside=aside)
        except CoexplorerError as error:
            log.warning("an old unsent text stays in the journal: %s", error)

    async def keep_rejected(
        self, node: Node, file: MetadataFile, buffer: Buffer, base: bytes
    ) -> None:
        """Write down what was refused before anything was sent, once."""
        rejected = buffer.take_rejected()
        if buffer.refusal is None or rejected is None:
            return
        before = read_anyhow(base, file.part, self.fields_of(node))
        mine = read_anyhow(rejected, file.part, before)
        reason = buffer.refusal.report.partition("\n")[0]
        tries = await self.find_tries(node, file.part, base, rejected)
        number = await self.keep(node, file.part, before, mine, Refused(reason))
        self.note_told(node, name_save(file.part), number)
        self.report_aside(node, file.part, tries.staying, buffer.refusal.report)

    async def keep_refused(self, save: Save, base: bytes, error: CoexplorerError) -> None:
        """Keep a text that is refused without asking the platform, and say so in ``error``."""
        node, part = save.node, save.file.part
        tries = await self.find_tries(node, part, base, save.content, save.tgid)
        await self.keep(node, part, tries.before, tries.mine, error, continues=tries.continues)
        report = build_report(save.what, error, self._spell)
        self._volume.failures.note(node, save.what, report)
        self.note_told(node, save.what, error.entry, save.tgid)
        self.report_aside(node, part, tries.staying, report)
        self._volume.tell_stale()

    async def find_tries(
        self, node: Node, part: Part, base: bytes, content: bytes, tgid: int = 0
    ) -> Tries:
        """Find the earlier texts of a file that are kept when it is saved.

        Args:
            node: The asset.
            part: The file.
            base: What it is made from.
            content: What is saved.
            tgid: The process. If it has read the file, as an editor does, it goes on from what it
                was told that it could not save.
        """
        if node.slot in self._looks:
            await self._looks[node.slot].wait()
        before = read_anyhow(base, part, self.fields_of(node))
        mine = read_anyhow(content, part, before)
        told = self.told.get((node.slot, name_save(part)), {})
        tries = Tries(before, mine, FIELDS_OF_PARTS[part])
        if tgid > 0 and self._volume.shown.find(tgid, (node.slot, part)) is not None:
            tries.continues = [number for number, by in told.items() if by == tgid]
        try:
            tries.kept, tries.staying = await self._library.saves.find_tries(
                node.id, before, mine, tries.file, tries.continues
            )
        except CoexplorerError as error:
            log.warning("the journal can't be read: %s", error)
        return tries

    async def forget_same(
        self, node: Node, part: Part, tries: Tries, number: int | None
    ) -> list[Entry]:
        """Forget earlier tries with a text that has failed again: the journal has it once.

        Args:
            node: The asset.
            part: The file.
            tries: What failed, and what is kept of it.
            number: The entry that has it now.

        Returns:
            What `error` is to tell of the others.
        """
        if number is None:
            return list(tries.staying)
        text = build_text(tries.mine, part)
        same = {each.id for each in tries.kept if each.mine and build_text(each.mine, part) == text}
        for earlier in same - {number}:
            await self.let_go(earlier)
            self.told.get((node.slot, name_save(part)), {}).pop(earlier, None)
        return [each for each in tries.staying if each.id not in same]

    def end_tries(self, node: Node, tries: Tries, there: Fields, *, was_sent: bool) -> None:
        """Give up earlier texts of a file that is saved now, where that may be; don't wait."""
        self.put_right += 1
        self.ending += 1
        self._nursery.start_soon(partial(self._end_tries, node, tries, there, was_sent=was_sent))

    async def _end_tries(self, node: Node, tries: Tries, there: Fields, *, was_sent: bool) -> None:
        try:
            await self._library.saves.end_tries(
                node.id,
                tries.before,
                there,
                tries.file,
                [entry.id for entry in tries.kept],
                aside=was_sent,
                continues=tries.continues,
            )
        except CoexplorerError as error:
            log.warning("an old unsent text stays in the journal: %s", error)
        finally:
            self.ending -= 1

    def report_aside(
        self, node: Node, part: Part, aside: Sequence[Entry], report: str = ""
    ) -> None:
        """Say in ``error`` which earlier texts of a file are not on the platform.

        Args:
            node: The asset.
            part: The file.
            aside: What has them.
            report: What else there is to say.
        """
        aside = aside[-MOST_REFUSED:]
        if not aside:
            return
        what = name_save(part)
        texts = [report] if report else []
        texts += [tell_aside(what, entry, part, self._spell) for entry in aside]
        self._volume.failures.note(node, what, "\n".join(texts))
        self.journaled.add((node.slot, what))
        self.told_aside |= {entry.id for entry in aside}
        for entry in aside:
            self.note_told(
                node, what, entry.id, self.told.get((node.slot, what), {}).get(entry.id, 0)
            )
