"""What takes a change back: one draft for each of its entries that still has an effect. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from coexplorer.errors import StillSending, UndoRefused
from coexplorer.library.entries import (
    GIVEN_UP,
    MAY_COME,
    NOT_THERE,
    RESTORED,
    Action,
    Batch,
    Cause,
    Entry,
    EntryDraft,
    Purpose,
    State,
)
from coexplorer.models import AssetId
from coexplorer.text import plural

_OPPOSITE = {
    Action.ARCHIVE: Action.UNARCHIVE,
    Action.UNARCHIVE: Action.ARCHIVE,
    Action.ATTACH: Action.DETACH,
    Action.DETACH: Action.ATTACH,
}
_FOR_GOOD = (Action.DELETE, Action.CREATE, Action.TRANSFER)
"""What nothing takes back."""
_DOING = {
    Action.DELETE: "deleting",
    Action.CREATE: "creating",
    Action.TRANSFER: "transferring the files of",
}
_INSTEAD = {
    Action.CREATE: "to remove the asset, archive it and then delete it",
    Action.TRANSFER: "its files can be transferred once more, to another place",
}
_UNDER_WAY = (State.PLANNED, State.INTENDED)


class Reversal(msgspec.Struct, frozen=True):
    """How a change is taken back: decided once, for who only looks and for who does it.

    Attributes:
        batch: The change.
        purpose: Undo or redo.
        title: One line for the log.
        drafts: What is written down, the last first: what is to be sent, what is given up at once,
            and what can't be taken back.
        into: The earlier try that this goes on with, as it was cut off; None: it is a new change.
        notes: What of the change is left as it is, a sentence each.
    """

    batch: Batch
    purpose: Purpose
    title: str
    drafts: tuple[EntryDraft, ...]
    into: int | None = None
    notes: tuple[str, ...] = ()


def keep_to_plan(reversal: Reversal, shown: Sequence[EntryDraft]) -> Reversal:
    """Return a reversal that does what a plan has shown, and nothing else.

    What has changed since the plan was made is left as it is, and said: entries that had not been
    done then, or not so, and entries that are not there to be taken back any more.

    Args:
        reversal: What would be done now.
        shown: What the plan was made from.

    Raises:
        UndoRefused: Nothing of it is left.
    """
    known = {draft.reverses: _without_name(draft) for draft in shown}
    drafts = [
        draft for draft in reversal.drafts if known.get(draft.reverses) == _without_name(draft)
    ]
    newer = len(reversal.drafts) - len(drafts)
    gone = len(known.keys() - {draft.reverses for draft in reversal.drafts})
    notes = []
    if newer:
        was = "was" if newer == 1 else "were"
        notes.append(f"{plural(newer, 'asset')} that {was} not so when the plan was shown: left")
    if gone:
        was = "was" if gone == 1 else "were"
        notes.append(
            f"{plural(gone, 'asset')} of the plan {was} taken back or sent again meanwhile"
        )
    if not drafts:
        raise UndoRefused(
            f"nothing was done, as the change is no longer as the plan showed it:"
            f" {'; '.join(notes)}",
            hint="undo it again to see the new plan",
        )
    return msgspec.structs.replace(reversal, drafts=tuple(drafts), notes=tuple(notes))


def _without_name(draft: EntryDraft) -> EntryDraft:
    return msgspec.structs.replace(draft, asset_name="")


def build_drafts(
    batch: Batch, entries: Sequence[Entry], leave: Callable[[Entry], Entry | None]
) -> list[EntryDraft]:
    """Return what takes a batch back: what was done and what is kept of it, the last first.

    What of it can't be taken back is left out with the reason, if something else can.

    Args:
        batch: The change.
        entries: All of its entries.
        leave: Returns what of a kept entry no later change asks for otherwise.

    Raises:
        StillSending: Some of it is still being sent: what was taken back would not be all of it.
        UndoRefused: There is nothing of the kind, or nothing of it can be taken back.
    """
    if under_way := sum(entry.state in _UNDER_WAY for entry in entries):
        to_go = f": {under_way:,} of {len(entries):,} to go" if len(entries) > 1 else ""
        raise StillSending(
            f"change {batch.id} ({batch.title}) is still being sent by another command or"
            f" window{to_go}",
            hint="wait for its end, or stop it there (Esc, ctrl+c); then undo it",
        )
    for_good = {
        entry.asset_id: entry
        for entry in reversed(entries)
        if entry.action in _FOR_GOOD and _stands(entry)
    }
    drafts = [_wait_for(entry) for entry in reversed(entries) if entry.is_awaited]
    # What is to follow a new asset is not given up before it is known whether there is one.
    settled = [] if any(each.action is Action.CREATE for each in drafts) else entries
    for entry in reversed(settled):
        if _stands(entry):
            blocking = _find_blocking(entry, for_good)
            if blocking is None and _is_unseen(entry):
                drafts.append(_leave_out(entry))
            elif blocking is None:
                drafts.append(build_reversal(entry))
            elif blocking is entry:
                drafts.append(_leave_out(entry))
        elif entry.state in NOT_THERE:
            in_part = entry.cause is Cause.IN_PART
            drafts.append(
                build_reversal(entry) if in_part else build_withdrawal(entry, leave(entry))
            )
    if not drafts:
        raise UndoRefused(
            f"nothing of {batch.title!r} is left to undo",
            hint="it was undone already, or nothing of it was sent",
        )
    if all(draft.state is State.SKIPPED for draft in drafts):
        raise UndoRefused(drafts[0].reason, hint=drafts[0].hint or "nothing was sent")
    return drafts


def can_be_undone(batch: Batch, entries: Sequence[Entry]) -> bool:
    """Tell whether anything of a batch can be taken back."""
    try:
        build_drafts(batch, entries, lambda entry: entry)
    except UndoRefused:
        return False
    return True


def _find_blocking(entry: Entry, for_good: Mapping[AssetId, Entry]) -> Entry | None:
    """Return what makes that an entry can't be taken back, which may be itself (pure)."""
    found = for_good.get(entry.asset_id)
    # What was done with a new asset can be taken back, although it stays.
    made = found is not None and found.action is Action.CREATE and found is not entry
    return None if made else found


def _stands(entry: Entry) -> bool:
    return entry.state is State.APPLIED and entry.undone_by is None


def _is_unseen(entry: Entry) -> bool:
    """Tell whether an asset was shared where the platform does not tell who could see it before."""
    if entry.action is not Action.SHARE or entry.cause is Cause.GIVEN_UP:
        return False
    return not entry.roles.keys() <= entry.roles_before.keys()


def _leave_out(entry: Entry) -> EntryDraft:
    """Return the draft that says that an entry can't be taken back."""
    if entry.action is Action.SHARE:
        return EntryDraft(
            asset_id=entry.asset_id,
            asset_name=entry.asset_name,
            action=entry.action,
            state=State.SKIPPED,
            reason=f"sharing {entry.asset_name} can't be undone: this platform (before 4.3) does"
            " not tell who could see it before",
            hint="take the access away on the platform's web page",
            reverses=entry.id,
        )
    return EntryDraft(
        asset_id=entry.asset_id,
        asset_name=entry.asset_name,
        action=entry.action,
        state=State.SKIPPED,
        reason=f"{_DOING[entry.action]} {entry.asset_name} can't be undone",
        hint=_INSTEAD.get(entry.action, ""),
        reverses=entry.id,
    )


def _wait_for(entry: Entry) -> EntryDraft:
    """Return the draft that says that nobody knows yet whether an entry arrives."""
    return EntryDraft(
        asset_id=entry.asset_id,
        asset_name=entry.asset_name,
        action=_OPPOSITE.get(entry.action, entry.action),
        state=State.SKIPPED,
        reason=f"it can't be undone yet: {MAY_COME}",
        hint=f"undo it again in two minutes: coexplorer undo {entry.batch_id}",
        reverses=entry.id,
    )


def find_opposite(batch: Batch) -> Purpose:
    """Return the purpose of reversing a batch: an undo is redone, anything else undone."""
    return Purpose.REDO if batch.purpose is Purpose.UNDO else Purpose.UNDO


def build_reversal_title(batch: Batch, purpose: Purpose) -> str:
    """Return ``undo: add tag rna``, or ``redo: …``, named after the original change."""
    title = batch.title
    while batch.purpose is not Purpose.DO and title.startswith(("undo: ", "redo: ")):
        title = title[len("undo: ") :]
    return f"{purpose}: {title}"


def build_reversal(entry: Entry) -> EntryDraft:
    """Return the draft that reverses an entry that was applied, or of which a part has arrived.

    What only gave up an unsent change has sent nothing: it says itself what it was, and that waits
    again. It never was on the platform, so nothing but its user sends it.
    """
    gave_up = entry.cause is Cause.GIVEN_UP
    return EntryDraft(
        state=State.STOPPED if gave_up else State.PLANNED,
        reason=RESTORED if gave_up else "",
        cause=Cause.RESTORED if gave_up else None,
        asset_id=entry.asset_id,
        asset_name=entry.asset_name,
        action=_OPPOSITE.get(entry.action, entry.action),
        base=entry.after or entry.mine,
        mine=entry.before or entry.base,
        roles_before=entry.roles,
        roles=entry.roles_before,
        reverses=entry.id,
    )


def build_withdrawal(entry: Entry, left: Entry | None) -> EntryDraft:
    """Return the draft that gives up an entry that was not sent: done once it is written down.

    After a redo it waits again, but for a delete or create. Where the entry was itself to take
    something back, that stands again, and there is nothing to redo.

    Args:
        entry: The entry.
        left: What of it no later change asks for otherwise; None: nothing.
    """
    takes_back = entry.reverses is not None and entry.cause is not Cause.RESTORED
    again = not takes_back and entry.action not in _FOR_GOOD
    if left is None:
        again = False
        left = msgspec.structs.replace(entry, mine=entry.base, roles=entry.roles_before)
    return EntryDraft(
        asset_id=entry.asset_id,
        asset_name=entry.asset_name,
        action=_OPPOSITE.get(entry.action, entry.action),
        base=left.mine,
        mine=left.base,
        roles_before=left.roles,
        roles=left.roles_before,
        state=State.APPLIED if again else State.UNCHANGED,
        reason=GIVEN_UP,
        cause=Cause.GIVEN_UP,
        reverses=entry.id,
    )
