"""Saves of ``about/sharing`` that failed: what was written, why, and whether it still matters.

The journal has the roles of what was refused or could not be sent; a text without a meaning is kept
beside the asset's files. ``error`` tells of either until what was wanted is there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace

import trio

from coexplorer.errors import CoexplorerError, Conflict, NotFound, Refused, Unreachable
from coexplorer.fs.core.failures import SAVING_SHARING
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.scratch import Scratch
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.inodes import Part, asset_inode
from coexplorer.fs.sync.failed_writes import FailedWrites
from coexplorer.fs.sync.failure_texts import build_report, tell_discard
from coexplorer.fs.sync.keeping import Keeper
from coexplorer.library import Library
from coexplorer.library.entries import DONE, KEPT, MOST_REFUSED, MOUNT, Action, Entry, State
from coexplorer.sharing.changes import compare_roles
from coexplorer.sharing.roles import Roles, Sharing

log = logging.getLogger(__name__)

_ASK_S = 2.0
"""So long it may take to hear who can see an asset that was shared elsewhere."""
_ASK_AGAIN_S = 10.0
_KEPT_AS = b"sharing.not-saved"
"""A text whose roles can't be read is kept beside the asset's files: the journal has only roles."""
_ELSEWHERE = "it was shared some other way meanwhile; your text was not saved"


@dataclass(slots=True)
class SharingSave:
    """A text on its way.

    Attributes:
        node: The asset.
        base: Who could see it, as its author was shown it.
        text: What was written.
        tgid: The process that saves.
        wanted: The roles that are to be given; None: the text could not be read (so far).
        appended: It was added to what was there, unseen, as ``>>`` does.
        in_part: The platform has done a part of it.
    """

    node: Node
    base: Sharing
    text: bytes
    tgid: int
    wanted: Roles | None = None
    appended: bool = False
    in_part: bool = False


@dataclass(frozen=True, slots=True)
class FailedSharing:
    """A save that failed and was not put right.

    Attributes:
        text: What was written; None where the file shows what the platform has.
        base: Who could see the asset, as its author was shown it.
        wanted: The roles that were to be given; None: the text could not be read.
        newest: The newest entry of the journal about sharing the asset that was looked at.
        tries: The entries that have the roles of this save, and of those before it that failed.
        told: Why the newest of these failed, as ``error`` says it.
    """

    text: bytes | None
    base: Sharing
    wanted: Roles | None
    newest: int
    tries: tuple[int, ...]
    told: str = ""


class SharingFailures:
    """Keeps them, and notices what becomes of them.

    Args:
        volume: What the mount knows.
        library: Asks the journal.
        unsent: Notes what failed.
        keeper: Keeps texts on the disk.
        read: Asks the platform who can see an asset.
    """

    def __init__(
        self,
        volume: Volume,
        library: Library,
        unsent: FailedWrites,
        keeper: Keeper,
        read: Callable[[Node], Awaitable[Sharing]],
    ) -> None:
        self._volume = volume
        self._spell = volume.options.spell
        self._library = library
        self._unsent = unsent
        self._keeper = keeper
        self._read = read
        self._failed: dict[Node, FailedSharing] = {}
        self._asks_at = 0.0

    def find(self, node: Node) -> FailedSharing | None:
        """Return the last save of an asset's file, if it failed and was not put right."""
        return self._failed.get(node)

    async def note(self, save: SharingSave, error: CoexplorerError) -> int:
        """Say in ``error`` why a save failed, and keep what was written; return the errno."""
        node, text = save.node, save.text
        newest = max(await self._list_shares(node), key=lambda entry: entry.id, default=None)
        if isinstance(error, Unreachable) and error.entry is None and newest is not None:
            # It was cut off: only the journal tells which entry that was.
            error.entry = newest.id if newest.state in KEPT else None
        own = newest is not None and newest.id == error.entry and newest.state in KEPT
        before = self._failed.get(node)
        tries = () if before is None else before.tries
        if own and newest is not None:
            tries = (*(each for each in tries if each != newest.id), newest.id)
        failure = self._unsent.note_failure(node, SAVING_SHARING, error, save.tgid)
        if not own:  # the journal has no roles of it
            self._unsent.journaled.discard((node.slot, SAVING_SHARING))
        report = failure.report
        if own and newest is not None and newest.state is not State.UNKNOWN:
            report += tell_discard(newest.id, self._spell)
        lines = _list_lines(text)
        if lines:
            if not own:
                await self._keep_text(node, text)
                report += f"what you wrote is kept in this folder: {_KEPT_AS.decode()}\n"
            report += f"\nyou wrote:\n{text.decode(errors='backslashreplace')}"
        self._volume.failures.note(node, SAVING_SHARING, report)
        # After a conflict, what others did is to be seen first. And a script that adds the next
        # line must not add it to the one that was refused. Of what was done in part, the file shows
        # that part.
        hidden = isinstance(error, Conflict) or save.appended or save.in_part
        number, told = (0, "") if newest is None else (newest.id, newest.reason)
        failed = FailedSharing(
            None if hidden or not lines else text, save.base, save.wanted, number, tries, told
        )
        self._failed[node] = await self._drop_oldest(failed)
        return failure.errno

    async def _drop_oldest(self, failed: FailedSharing) -> FailedSharing:
        """Give up earlier tries of a loop: the last one, and a few before it, are enough."""
        tries = failed.tries[-MOST_REFUSED - 1 :]
        for number in failed.tries[: -len(tries)] if tries else ():
            await self._unsent.let_go(number)
        return replace(failed, tries=tries)

    async def end(self, node: Node) -> None:
        """Forget what failed: a text was saved, or what was wanted is there."""
        failed = self._failed.pop(node, None)
        self._volume.failures.clear(node, SAVING_SHARING)
        self._unsent.journaled.discard((node.slot, SAVING_SHARING))
        self._unsent.told.pop((node.slot, SAVING_SHARING), None)
        if failed is None:
            return
        for number in failed.tries:
            await self._unsent.let_go(number)
        scratch = self._volume.scratch.find(node.slot, _KEPT_AS)
        if scratch is not None and not scratch.handles:
            await self._keeper.drop(scratch)

    async def _keep_text(self, node: Node, text: bytes) -> None:
        volume = self._volume
        scratch = Scratch(
            volume.inodes.take(),
            node.slot,
            _KEPT_AS,
            time.time_ns(),
            time.monotonic(),
            content=bytearray(text),
        )
        try:
            volume.scratch.add(scratch)
            await self._keeper.keep(scratch)
        except OSError as error:  # the keeper tells of a full disk, and tries again
            log.warning("%s/%s: %s", node.title, _KEPT_AS.decode(), error)
        volume.notices.forget_entry(node.inode, _KEPT_AS)

    async def _list_shares(self, node: Node) -> list[Entry]:
        """Return the times that an asset was shared from this machine."""
        try:
            entries = await self._library.log.entries_about(node.id)
        except CoexplorerError as error:
            log.warning("the journal can't be read: %s", error)
            return []
        return [entry for entry in entries if entry.action is Action.SHARE]

    # --- What becomes of them

    async def recall(self) -> None:
        """Tell of what an earlier mount could not send, as files that failed are told of."""
        try:
            kept = await self._library.log.kept()
        except CoexplorerError as error:
            log.warning("the journal can't be read: %s", error)
            return
        for entry in kept:
            told = entry.state is State.REFUSED and entry.looked_at is not None
            if entry.action is not Action.SHARE or entry.origin != MOUNT or told:
                continue
            node = self._volume.tree.find_id(entry.asset_id)
            if node is None:
                continue
            self._tell_kept(node, entry)
            self._unsent.journaled.add((node.slot, SAVING_SHARING))
            self._unsent.note_told(node, SAVING_SHARING, entry.id)
            earlier = self._failed.get(node)
            tries = (*(() if earlier is None else earlier.tries), entry.id)
            self._failed[node] = FailedSharing(
                None, Sharing(), entry.roles, entry.id, tries, entry.reason
            )

    def _tell_kept(self, node: Node, entry: Entry) -> None:
        """Say in ``error`` why a change that is kept was not sent, as the journal has it."""
        why = Refused(entry.reason, hint=entry.hint)
        report = build_report(SAVING_SHARING, why, self._spell)
        if entry.state is not State.UNKNOWN:
            report += tell_discard(entry.id, self._spell)
        report += "\nyou wanted:\n"
        report += "".join(f"{member}: {role}\n" for member, role in entry.roles.items())
        self._volume.failures.note(node, SAVING_SHARING, report)

    def _tell_anew(self, node: Node, failed: FailedSharing, kept: Entry) -> None:
        """Say why the newest try fails now, which was sent again meanwhile, or looked for."""
        self._volume.report(f"{node.title}/about/sharing: {kept.reason}")
        self._tell_kept(node, kept)
        # What others did is to be seen first, as in any conflict.
        text = None if kept.state is State.CONFLICT else failed.text
        self._failed[node] = replace(failed, text=text, told=kept.reason)
        self._volume.fetched.expire(asset_inode(node.number, Part.SHARING))

    async def notice_changes(self) -> None:
        """Notice that an asset was shared elsewhere, or a change was sent again or given up."""
        for node, failed in list(self._failed.items()):
            shares = await self._list_shares(node)
            own = [entry for entry in shares if entry.id in failed.tries]
            newer = [entry for entry in shares if entry.id > failed.newest]
            if self._failed.get(node) is not failed:
                continue
            if any(entry.state in DONE for entry in (*own, *newer)):
                await self._judge(node, failed, shares)
            elif own and not any(entry.state in KEPT for entry in (*own, *newer)):
                self._volume.report(f"{node.title}/about/sharing: what failed was given up")
                await self.end(node)
            elif own:
                last = max(own, key=lambda entry: entry.id)
                if last.state in KEPT and last.reason != failed.told:
                    self._tell_anew(node, failed, last)

    async def _judge(self, node: Node, failed: FailedSharing, shares: Sequence[Entry]) -> None:
        """Look whether what was wanted is there, as the asset was shared from this machine."""
        if trio.current_time() < self._asks_at:
            return
        now = None
        with trio.move_on_after(_ASK_S):
            try:
                now = await self._read(node)
            except NotFound:
                await self.end(node)  # there is nothing to put right any more
                return
            except CoexplorerError as error:
                log.info("%s/about/sharing: nobody can tell yet: %s", node.title, error)
        if now is None:
            self._asks_at = trio.current_time() + _ASK_AGAIN_S
        elif self._failed.get(node) is failed and not await self.note_seen(node, now):
            newest = max(entry.id for entry in shares)
            done = {entry.id for entry in shares if entry.state in DONE}
            tries = tuple(each for each in failed.tries if each not in done)
            self._failed[node] = replace(failed, text=None, newest=newest, tries=tries)
            self._volume.report(f"{node.title}/about/sharing: {_ELSEWHERE}")
            told = self._volume.failures.find(node, SAVING_SHARING)
            told = told.removeprefix(_tell_elsewhere())
            self._volume.failures.note(node, SAVING_SHARING, _tell_elsewhere() + told)

    async def note_seen(self, node: Node, now: Sharing) -> bool:
        """Note who can see an asset; True if that is what a save that failed wanted."""
        failed = self._failed.get(node)
        if failed is None or failed.wanted is None or compare_roles(failed.wanted, now):
            return False
        shares = [each for each in await self._list_shares(node) if each.id in failed.tries]
        is_late = any(each.state in (State.UNKNOWN, *DONE) for each in shares)
        try:
            for entry in shares:
                if entry.state is State.UNKNOWN:
                    await self._library.changes.settle_batch(entry.batch_id)
        except CoexplorerError as error:
            log.info("nobody can tell yet what has arrived: %s", error)
            return False
        how = "it arrived after all" if is_late else "it was put right elsewhere"
        self._volume.report(f"{node.title}/about/sharing: {how}")
        await self.end(node)
        return True


def _tell_elsewhere() -> str:
    return (
        f"{SAVING_SHARING}: {_ELSEWHERE}\n"
        "what to do: look at about/sharing, and save it as it should be\n\n"
    )


def _list_lines(text: bytes) -> list[bytes]:
    return [line for line in map(bytes.strip, text.splitlines()) if line and line[:1] != b"#"]
