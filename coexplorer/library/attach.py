"""Attaches assets to a capsule, a pipeline or a workstation, and detaches them.

The same way as an edit: ask what is there, write down the intent, send, write down the outcome. But
one request is for up to 100 assets, so that all of it is written down for all of them at once; and
what is changed, and so is locked, is the workplace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from http import HTTPStatus
from typing import Final

import anyio
import msgspec

from coexplorer.computations import AttachedAsset, Attachment, AttachOutcome, Workplace
from coexplorer.errors import (
    ApiError,
    CoexplorerError,
    Conflict,
    Forbidden,
    NotFound,
    PlatformFault,
    PlatformTooOld,
    Refused,
    Rejected,
    WorkplaceOver,
)
from coexplorer.library.attach_plans import read_attached
from coexplorer.library.attachments import (
    describe_workplace,
    find_attached,
    key_of,
    split_loads,
    workplace_of,
)
from coexplorer.library.attempt import build_result, tell_cut_off
from coexplorer.library.context import Context
from coexplorer.library.entries import (
    DONE,
    Action,
    Cause,
    Entry,
    Purpose,
    State,
)
from coexplorer.library.events import EditApplied, EditFailed, EditStarted
from coexplorer.library.journal_outcomes import EntryOutcome
from coexplorer.library.locks import hold_asset
from coexplorer.library.refusals import concerns_all, failed_state
from coexplorer.library.results import EditResult
from coexplorer.library.workplace_rights import spare_owner_of
from coexplorer.models import AssetId

_TRIED_FORBIDDEN: Final = 3
"""So many assets are refused one by one, for want of a right, before the rest is not tried."""
_POLLS_S: Final = (1.0, 2.0, 3.0, 5.0)
"""Waits between looks whether the files are there; the last one is repeated."""
_MISSED: Final = 3
"""So many looks may not show what was attached before it counts as not attached."""

Attached = Sequence[AttachedAsset] | None
HeardMounted = Callable[[int, int], None]
"""Hears how many assets are mounted, or failed to be, of how many."""


class Attacher:
    """Sends entries that attach and detach.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def carry_out(
        self,
        entries: Sequence[Entry],
        purpose: Purpose,
        *,
        cut_off: State,
        leave: Callable[[Entry], Entry | None],
    ) -> list[EditResult]:
        """Send planned entries together, and write down what became of each.

        Args:
            entries: Of one workplace and action: see `attachments.split_loads`.
            purpose: Whether they are done or taken back.
            cut_off: What they are if this is cancelled before they are sent.
            leave: Returns what of an entry no later change asks for otherwise.

        Returns:
            A result for each; nothing is raised for what failed.
        """
        context = self._context
        load = _Load(context, entries)
        workplace = workplace_of(entries[0])
        for entry in entries:
            context.bus.publish(EditStarted(entry.id, entry.asset_id, entry.action))
        try:
            place = AssetId(workplace.id)
            async with hold_asset(context.journal.folder, place, context.tell):
                await self._leave_to_later(load, leave)
                await self._send_all(load, workplace, purpose)
        except CoexplorerError as error:
            await load.fail(load.open, error)
        except anyio.get_cancelled_exc_class():
            await load.cut_off(cut_off)
            raise
        return [load.results[entry.id] for entry in entries]

    async def wait_mounted(self, batch_id: int, heard: HeardMounted | None = None) -> None:
        """Ask until the files of what a batch has attached are there; the caller sets a deadline.

        What could not be mounted is written down as refused.

        Raises:
            ApiError: The platform can't be asked any more; what is known by then is written down.
        """
        done, looks = 0, 0
        missed: dict[int, int] = {}
        while waiting := await self._find_mounting(batch_id):
            if heard is not None:
                heard(done, done + len(waiting))
            await anyio.sleep(_POLLS_S[min(looks, len(_POLLS_S) - 1)])
            looks += 1
            for group in split_loads(waiting):
                outcomes = await self._look_mounted(group, missed)
                done += len(outcomes)
                if outcomes:
                    journal = self._context.journal
                    await self._context.write_down(journal.settle_together, outcomes)
        if heard is not None and looks:
            heard(done, done)

    async def _find_mounting(self, batch_id: int) -> list[Entry]:
        entries = await self._context.run(self._context.journal.entries_of, batch_id)
        return [
            entry
            for entry in entries
            if entry.cause is Cause.MOUNTING
            and entry.state is State.APPLIED
            and not entry.was_undone
        ]

    async def _look_mounted(
        self, group: Sequence[Entry], missed: dict[int, int]
    ) -> list[EntryOutcome]:
        """Look at what is attached; asked again for what is, the platform says how far it is."""
        workplace = workplace_of(group[0])
        attached = await read_attached(self._context, workplace)
        there: list[Entry] = []
        outcomes: list[EntryOutcome] = []
        for entry in group:
            if attached is None or find_attached(attached, entry.asset_id):
                there.append(entry)
                continue
            missed[entry.id] = missed.get(entry.id, 0) + 1
            if missed[entry.id] >= _MISSED:
                error = Rejected(
                    "the platform took it, but does not show it as attached",
                    hint="attach it again; somebody may have detached it",
                )
                outcomes.append(EntryOutcome(entry.id, State.REFUSED, error))
        if not there:
            return outcomes
        client = await self._context.client()
        replies = await client.workplaces.attach(workplace, _attachments(there))
        for entry, reply in zip(there, replies, strict=True):
            if reply.failed:
                outcomes.append(EntryOutcome(entry.id, State.REFUSED, _tell_failed(reply)))
            elif reply.done or _says_nothing(reply):
                outcomes.append(EntryOutcome(entry.id, State.APPLIED))
        return outcomes

    async def _leave_to_later(self, load: _Load, leave: Callable[[Entry], Entry | None]) -> None:
        entries = load.open

        def find() -> list[Entry]:
            return [entry for entry in entries if leave(entry) is None]

        replaced = await self._context.run(find)
        error = Refused("a later change to this asset replaced it")
        await load.note([EntryOutcome(entry.id, State.DISCARDED, error) for entry in replaced])

    async def _send_all(self, load: _Load, workplace: Workplace, purpose: Purpose) -> None:
        attached = await read_attached(self._context, workplace)
        todo, outcomes = [], []
        for entry in load.open:
            present = find_attached(attached or (), entry.asset_id)
            if attached is not None and (present is not None) is (entry.action is Action.ATTACH):
                roles = None if present is None else {key_of(workplace): present.mount}
                outcomes.append(EntryOutcome(entry.id, State.UNCHANGED, roles=roles))
                continue
            if present is not None and entry.action is Action.DETACH:
                had = entry.roles_before.get(key_of(workplace), "")
                if purpose is not Purpose.DO and had and present.mount not in ("", had):
                    outcomes.append(_leave_alone(entry, present))
                    continue
                before = {key_of(workplace): present.mount or had}
                entry = msgspec.structs.replace(entry, roles_before=before)  # noqa: PLW2901 - the same one
            todo.append(entry)
        await load.note(outcomes)
        if todo:
            await load.intend(todo)
            await self._send(load, workplace, todo, attached)

    async def _send(
        self, load: _Load, workplace: Workplace, todo: Sequence[Entry], before: Attached
    ) -> ApiError | None:
        """Send one request; what of it was refused as a whole is then sent one by one.

        Args:
            load: What it is part of.
            workplace: Where.
            todo: What is sent.
            before: What was attached before.

        Returns:
            Why it failed as a whole; None: it did not.
        """
        client = await self._context.client()
        load.note_sending(todo)
        try:
            if todo[0].action is Action.DETACH:
                await client.workplaces.detach(workplace, [entry.asset_id for entry in todo])
                await load.note([EntryOutcome(entry.id, State.APPLIED) for entry in todo])
                return None
            replies = await client.workplaces.attach(workplace, _attachments(todo))
        except ApiError as error:
            await self._hear_no(load, workplace, todo, error)
            return error
        silent = []
        outcomes = []
        for entry, reply in zip(todo, replies, strict=True):
            if _says_nothing(reply):
                silent.append(entry)
            else:
                outcomes.append(_read_reply(entry, reply, before))
        await load.note(outcomes)
        if silent:
            await self._look_for(load, workplace, silent)
        return None

    async def _look_for(self, load: _Load, workplace: Workplace, todo: Sequence[Entry]) -> None:
        """Find out what became of assets that the platform's answer says nothing of."""
        attached = await read_attached(self._context, workplace)
        outcomes = []
        for entry in todo:
            present = find_attached(attached or (), entry.asset_id)
            if attached is None or present is not None:
                roles = None if present is None else {key_of(workplace): present.mount}
                outcomes.append(EntryOutcome(entry.id, State.APPLIED, roles=roles))
            else:
                error = Rejected("the platform said yes, but does not show it as attached")
                outcomes.append(EntryOutcome(entry.id, State.REFUSED, error))
        await load.note(outcomes)

    async def _hear_no(
        self, load: _Load, workplace: Workplace, todo: Sequence[Entry], error: ApiError
    ) -> None:
        """Settle what a request came to that failed: by a look, and then one by one."""
        if isinstance(error, Forbidden):
            error = await spare_owner_of(self._context, workplace, error)
        answered = error.status is not None and not concerns_all(error)
        if not (answered or error.outcome_unknown):
            await load.fail(todo, error)
            return
        try:
            attached = await read_attached(self._context, workplace)
        except CoexplorerError:
            if error.outcome_unknown:
                await load.fail(todo, error)
                return
            attached = None
        wanted = todo[0].action is Action.ATTACH
        arrived, left = [], []
        for entry in todo:
            present = find_attached(attached or (), entry.asset_id)
            if attached is not None and (present is not None) is wanted:
                roles = None if present is None else {key_of(workplace): present.mount}
                arrived.append(EntryOutcome(entry.id, State.APPLIED, roles=roles, found=True))
            else:
                left.append(entry)
        await load.note(arrived)
        if not left:
            return
        if attached is not None or not error.outcome_unknown:
            load.note_not_arrived(left)
        if len(todo) == 1 or not _may_be_for_one(error):
            await load.fail(left, error)
            return
        await self._send_singly(load, workplace, left, attached)

    async def _send_singly(
        self, load: _Load, workplace: Workplace, todo: Sequence[Entry], before: Attached
    ) -> None:
        """Send each asset alone, as the platform refuses all for the sake of one."""
        for number, entry in enumerate(todo, start=1):
            error = await self._send(load, workplace, [entry], before)
            if error is None:
                continue
            none_done = all(load.is_refused(each) for each in todo[:number])
            forbids = isinstance(error, Forbidden) and none_done and number >= _TRIED_FORBIDDEN
            if forbids or not _is_of_one(error):
                await load.fail(todo[number:], error)
                return


class _Load:
    """Entries that are sent together, as far as what became of them is not written down.

    Attributes:
        results: What became of each, by its entry's number.
    """

    def __init__(self, context: Context, entries: Sequence[Entry]) -> None:
        self.results: dict[int, EditResult] = {}
        self._context = context
        self._entries = {entry.id: entry for entry in entries}
        self._open = dict.fromkeys(self._entries)
        self._sent: set[int] = set()

    @property
    def open(self) -> list[Entry]:
        """Entries without an outcome."""
        return [self._entries[each] for each in self._open]

    def is_refused(self, entry: Entry) -> bool:
        """Tell whether an entry was refused for good."""
        result = self.results.get(entry.id)
        return result is not None and result.state is State.REFUSED

    async def intend(self, entries: Sequence[Entry]) -> None:
        """Write down that entries are sent next."""
        self._entries |= {entry.id: entry for entry in entries}
        await self._context.write_down(self._context.journal.intend_together, entries)

    def note_sending(self, entries: Sequence[Entry]) -> None:
        """Note that the platform may have entries from now on."""
        self._sent |= {entry.id for entry in entries}

    def note_not_arrived(self, entries: Sequence[Entry]) -> None:
        """Note that a look has shown that the platform does not have entries that were sent."""
        self._sent -= {entry.id for entry in entries}

    async def note(self, outcomes: Sequence[EntryOutcome]) -> None:
        """Write outcomes down, as far as that is possible, and tell them."""
        if not outcomes:
            return
        context = self._context
        for each in outcomes:
            entry = self._entries[each.entry_id]
            self._open.pop(each.entry_id, None)
            self._sent.discard(each.entry_id)
            failed = each.error is not None and not each.mounting
            done = each.state in DONE
            self.results[entry.id] = msgspec.structs.replace(
                build_result(entry, each.state),
                error=each.error if failed else None,
                roles=(each.roles or entry.roles or entry.roles_before) if done else None,
                cause=Cause.MOUNTING if each.mounting else None,
            )
        await context.settle_together(outcomes)
        for each in outcomes:
            entry, error = self._entries[each.entry_id], self.results[each.entry_id].error
            if entry.asset_id is not None:
                context.uses.pop(entry.asset_id, None)
            if error is None:
                context.bus.publish(EditApplied(entry.id, entry.asset_id, entry.action))
            else:
                context.bus.publish(EditFailed(entry.id, entry.asset_id, entry.action, error))

    async def fail(self, entries: Iterable[Entry], error: CoexplorerError) -> None:
        """Write down that entries failed, all for the same reason."""
        outcomes = []
        for entry in list(entries):
            if entry.id in self._open:
                maybe = isinstance(error, ApiError) and error.outcome_unknown
                maybe = maybe and entry.id in self._sent
                state = failed_state(error, sent=maybe)
                told = copy(error)
                if isinstance(told, ApiError):
                    told.outcome_unknown = maybe
                told.about, told.entry = entry.asset_id, entry.id
                # An undo has nothing left to take back: the next one must not stop at it again.
                gone = entry.reverses is not None and isinstance(error, NotFound | WorkplaceOver)
                state = State.SKIPPED if gone else state
                outcomes.append(EntryOutcome(entry.id, state, told, gone=gone))
        await self.note(outcomes)

    async def cut_off(self, state: State) -> None:
        """Write down that the rest was interrupted; `state` is of what was not sent."""
        await self.note(
            [
                EntryOutcome(entry.id, *tell_cut_off(entry, state, sent=entry.id in self._sent))
                for entry in self.open
            ]
        )


def _attachments(entries: Sequence[Entry]) -> list[Attachment]:
    return [
        Attachment(entry.asset_id, entry.roles.get(key_of(workplace_of(entry))) or None)
        for entry in entries
    ]


def _says_nothing(reply: AttachOutcome) -> bool:
    return reply.ready is None and not reply.mount_state


def _read_reply(entry: Entry, reply: AttachOutcome, before: Attached) -> EntryOutcome:
    """Return what the platform says of one asset."""
    key = key_of(workplace_of(entry))
    roles = {key: reply.mount or entry.roles.get(key, "")}
    if reply.failed:
        return EntryOutcome(entry.id, State.REFUSED, _tell_failed(reply))
    if reply.unchanged and (before is None or find_attached(before, entry.asset_id)):
        return EntryOutcome(entry.id, State.UNCHANGED, roles=roles)
    # Where it was not attached a moment ago, a repeated request has met what the first one did.
    if reply.pending:
        said = f" (it says {reply.mount_state})" if reply.mount_state else ""
        told = Refused(f"the platform still mounts it{said}", hint="coexplorer attached lists it")
        return EntryOutcome(entry.id, State.APPLIED, told, roles, mounting=True)
    return EntryOutcome(entry.id, State.APPLIED, roles=roles)


def _tell_failed(reply: AttachOutcome) -> Rejected:
    del reply
    return Rejected(
        "the platform could not mount it, and does not say why",
        hint="its folder may be taken there, or its files be gone; another --mount may help",
    )


def _leave_alone(entry: Entry, present: AttachedAsset) -> EntryOutcome:
    where = describe_workplace(workplace_of(entry))
    error = Refused(
        f"it was attached to {where} again since, as {present.mount}, so it was left alone",
        hint="detach it by hand if you want to",
    )
    return EntryOutcome(entry.id, State.SKIPPED, error)


def _may_be_for_one(error: ApiError) -> bool:
    """Tell whether a request may have failed as a whole for the sake of one asset."""
    # Other statuses of a platform in trouble would meet each of them, after as long a wait.
    fails = isinstance(error, PlatformFault) and error.status == HTTPStatus.INTERNAL_SERVER_ERROR
    return _is_of_one(error) or fails


def _is_of_one(error: ApiError) -> bool:
    """Tell whether a refusal may be of this asset alone."""
    if isinstance(error, PlatformTooOld):
        return False
    return isinstance(error, Rejected | Forbidden | Conflict)
