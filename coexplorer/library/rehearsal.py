"""What taking a change back would do to each asset, found as the real run finds it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from coexplorer.computations import AttachedAsset
from coexplorer.errors import ApiError, CoexplorerError, NotFound, Refused
from coexplorer.fields import Fields
from coexplorer.library.attach_plans import read_attached
from coexplorer.library.attachments import find_attached, key_of, split_loads, workplace_of
from coexplorer.library.context import Context
from coexplorer.library.entries import ATTACHING, Action, Cause, Entry, Purpose, State
from coexplorer.library.permissions import read_sharing
from coexplorer.library.plans import Plan, PlanItem
from coexplorer.library.reading_each import read_each
from coexplorer.library.reconcile import Reconciler
from coexplorer.library.results import describe_left_alone
from coexplorer.library.reversal import Reversal
from coexplorer.library.settle import find_archived, settle_edits
from coexplorer.library.share import plan_reversal
from coexplorer.models import Asset, AssetId
from coexplorer.sharing.roles import Sharing


class _Seen(msgspec.Struct, frozen=True):
    """What is there of an asset: itself and whether it is archived, or why nobody can tell."""

    found: Asset | ApiError | None = None
    archived: bool | None = None
    sharing: Sharing | None = None


class Rehearsal:
    """Plans undos and redos.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reconciler = Reconciler(context)

    async def plan(
        self, reversal: Reversal, heard: Callable[[int], None] | None, *, look: bool
    ) -> Plan:
        """Say what a reversal would do; see `Changes.plan_undo`.

        Raises:
            JournalError: Nothing can be written, so nothing would be done.
            UndoRefused: Another process takes the same back now.
        """
        journal = self._context.journal
        entries, given_up = await self._context.write_down(
            journal.rehearse,
            reversal.drafts,
            purpose=reversal.purpose,
            takes_back=reversal.batch.id,
            into=reversal.into,
        )
        planned = [entry for entry in entries if entry.state is State.PLANNED]
        attached = await self._look_at_workplaces(planned if look else ())
        planned = [entry for entry in planned if entry.action not in ATTACHING]
        seen = await (self._look(planned, heard) if look else self._recall(planned))
        replaced = {entry.id: entry for entry in given_up}
        items = []
        for entry in entries:
            withdrawn = replaced.pop(entry.reverses or 0, None)
            if entry.cause is Cause.GIVEN_UP and entry.state is not State.PLANNED:
                items.append(_withdraw(entry, withdrawn))
            elif entry.cause is Cause.RESTORED:
                items.append(msgspec.structs.replace(_build_item(entry), restores=True))
            elif entry.state is not State.PLANNED:
                items.append(_build_item(entry, reason=entry.reason))
            elif entry.action in ATTACHING:
                items.append(_plan_attaching(entry, attached.get(key_of(workplace_of(entry)))))
            else:
                there = seen.get(entry.asset_id, _Seen())
                items.append(await self._plan_one(entry, reversal.purpose, there, given_up))
        # Of a try that this goes on with, or begins again, nothing is lost.
        others = [each for each in replaced.values() if each.reverses is None]
        return Plan(
            reversal.title,
            tuple(items),
            reversal.batch.id,
            tuple(others),
            reversal.drafts,
        )

    async def _plan_one(
        self, entry: Entry, purpose: Purpose, seen: _Seen, given_up: Sequence[Entry]
    ) -> PlanItem:
        found = seen.found
        if isinstance(found, NotFound):
            return _build_item(entry, reason=found.message)
        if isinstance(found, ApiError):
            why = f"it would be kept unsent: {found.message}"
            return msgspec.structs.replace(_build_item(entry, note=why), waits=True)
        if entry.action is not Action.EDIT:
            shares = entry.action is Action.SHARE
            return _plan_sharing(entry, seen) if shares else _plan_archiving(entry, seen)
        if found is None:
            return _build_item(entry)
        without = [each.id for each in given_up]
        result = await self._reconciler.rehearse(entry, purpose, found, without)
        if result.state is not State.APPLIED:
            reason = result.error.message if result.error else "already has it"
            return _build_item(entry, reason=reason, needless=result.error is None)
        note = ""
        if result.skipped_fields:
            note = f"{describe_left_alone(result.skipped_fields, result.left_to)}; left alone"
        item = _build_item(entry, result.before, result.after, note=note)
        return msgspec.structs.replace(item, leaves_part=bool(note))

    async def _look_at_workplaces(
        self, entries: Sequence[Entry]
    ) -> Mapping[str, Sequence[AttachedAsset] | CoexplorerError | None]:
        """Ask what is attached where something is to be attached or detached."""
        found: dict[str, Sequence[AttachedAsset] | CoexplorerError | None] = {}
        for load in split_loads(entry for entry in entries if entry.action in ATTACHING):
            workplace = workplace_of(load[0])
            key = key_of(workplace)
            if key not in found:
                try:
                    found[key] = await read_attached(self._context, workplace)
                except (ApiError, Refused) as error:
                    found[key] = error
        return found

    async def _look(
        self, entries: Sequence[Entry], heard: Callable[[int], None] | None
    ) -> Mapping[AssetId, _Seen]:
        """Read the assets again, a few at a time."""
        shared = {entry.asset_id for entry in entries if entry.action is Action.SHARE}
        apart = (Action.EDIT, Action.SHARE)
        archiving = {entry.asset_id for entry in entries if entry.action not in apart}

        async def look(asset_id: AssetId) -> _Seen:
            asset = (await self._context.fetch(asset_id)).asset
            await settle_edits(self._context, asset)
            archived, sharing = None, None
            if asset_id in archiving:
                archived = await find_archived(await self._context.client(), asset)
            if asset_id in shared:
                sharing = await read_sharing(self._context, asset_id)
            return _Seen(asset, archived, sharing)

        found = await read_each((entry.asset_id for entry in entries), look, heard)
        return {
            asset_id: _Seen(each) if isinstance(each, ApiError) else each
            for asset_id, each in found.items()
        }

    async def _recall(self, entries: Sequence[Entry]) -> Mapping[AssetId, _Seen]:
        """Return the assets as the catalog knows them."""
        records = await self._context.records(list({entry.asset_id for entry in entries}))
        return {each.asset.id: _Seen(each.asset, each.membership.archived) for each in records}


def _plan_archiving(entry: Entry, seen: _Seen) -> PlanItem:
    """Return what archives an asset or brings it back, if it is not that way already."""
    wanted = entry.action is Action.ARCHIVE
    if seen.archived is not wanted:
        return _build_item(entry)
    said = "already archived" if wanted else "not archived"
    return _build_item(entry, reason=said, needless=True)


def _plan_sharing(entry: Entry, seen: _Seen) -> PlanItem:
    """Return what gives and takes access; where nothing was read, as it would be written down."""
    if seen.sharing is None:
        return _build_item(entry)
    merged, left = plan_reversal(entry, seen.sharing)
    if not merged.after:
        reason = f"{left}, so it was left alone" if left else "already set"
        return _build_item(entry, reason=reason, needless=not left)
    item = _build_item(entry, note=f"{left}; left alone" if left else "")
    return msgspec.structs.replace(
        item, roles_before=merged.before, roles=merged.after, leaves_part=bool(left)
    )


def _plan_attaching(
    entry: Entry, attached: Sequence[AttachedAsset] | CoexplorerError | None
) -> PlanItem:
    """Return what attaches an asset again or detaches it, if it is not so already."""
    if isinstance(attached, NotFound | Refused):
        return _build_item(entry, reason=attached.message)
    if isinstance(attached, CoexplorerError):
        why = f"it would be kept unsent: {attached.message}"
        return msgspec.structs.replace(_build_item(entry, note=why), waits=True)
    present = find_attached(attached or (), entry.asset_id)
    if attached is not None and (present is not None) is (entry.action is Action.ATTACH):
        said = "not attached" if present is None else "already attached"
        return _build_item(entry, reason=said, needless=True)
    had = next(iter(entry.roles_before.values()), "")
    if present is not None and had and present.mount not in ("", had):
        reason = f"it was attached again since, as {present.mount}, so it was left alone"
        return _build_item(entry, reason=reason)
    return _build_item(entry)


def _withdraw(entry: Entry, withdrawn: Entry | None) -> PlanItem:
    """Return what gives up a change that is not on the platform: the text that goes is shown."""
    shown = withdrawn or entry
    return _build_item(entry, shown.base, shown.mine, withdraws=True)


def _build_item(
    entry: Entry,
    base: Fields | None = None,
    mine: Fields | None = None,
    *,
    reason: str = "",
    needless: bool = False,
    withdraws: bool = False,
    note: str = "",
) -> PlanItem:
    """Return what an entry would do; without fields, as it would be written down."""
    nothing = Fields(entry.asset_name)
    if base is None or mine is None:
        base, mine = entry.base or nothing, entry.mine or nothing
    if reason:
        mine = base
    return PlanItem(
        entry.asset_id,
        entry.asset_name,
        entry.action,
        base,
        mine,
        reason=reason,
        needless=needless,
        withdraws=withdraws,
        note=note,
        roles_before=entry.roles_before,
        roles={} if reason else entry.roles,
    )
