"""What attaching assets to a workplace, or detaching them, would do to each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import anyio
import msgspec

from coexplorer.computations import AttachedAsset, Computation, Workplace, WorkplaceKind
from coexplorer.errors import ApiError, NotFound, PlatformTooOld, Refused, WorkplaceOver
from coexplorer.fields import replace_values
from coexplorer.library.attachments import (
    Attaching,
    find_attached,
    find_obstacle,
    key_of,
)
from coexplorer.library.context import Context
from coexplorer.library.plans import Plan, PlanItem
from coexplorer.library.validate import check_fields
from coexplorer.library.workplace_rights import find_doubt
from coexplorer.models import Asset, AssetId, AssetState, Membership, Record

UNSEEN = (
    "this platform (before 3.9) does not tell what is attached, so nobody can tell what is already"
)
"""What is to be known before anything is attached there."""

_MOST_ASKED: Final = 200
_ASKED_FOR_S: Final = 10.0


async def read_attached(context: Context, workplace: Workplace) -> tuple[AttachedAsset, ...] | None:
    """Ask what is attached to a workplace that assets can be attached to; None: it never tells.

    Raises:
        Refused: It is a computation, but not a cloud workstation that runs.
        ApiError: It can't be asked.
    """
    workplaces = (await context.client()).workplaces
    if workplace.kind is WorkplaceKind.COMPUTATION:
        computation = await workplaces.computation(workplace.id)
        _ensure_takes_assets(computation)
        return computation.data_assets
    try:
        return await workplaces.attached(workplace)
    except PlatformTooOld:
        return None


async def find_records(context: Context, ids: Sequence[AssetId]) -> dict[AssetId, Record]:
    """Return what is known of attached assets, asking for a limited number of those that are not.

    They are only asked for to have their names, so that no failure is raised, and nobody waits
    long. One that its owner no longer shares is missing in the answer.
    """
    known = {record.asset.id: record for record in await context.records(ids)}
    missing = [each for each in ids if each not in known][:_MOST_ASKED]
    if not missing or context.offline:
        return known
    with anyio.move_on_after(_ASKED_FOR_S):
        await context.fetch_many(missing)
    return {record.asset.id: record for record in await context.records(ids)}


async def may_attach(context: Context, workplace: Workplace) -> bool:
    """Tell whether a workplace may still take assets; False: it surely does not."""
    try:
        await read_attached(context, workplace)
    except (NotFound, WorkplaceOver):
        return False
    except ApiError:
        return True  # nobody can tell
    return True


def _ensure_takes_assets(computation: Computation) -> None:
    short = computation.id[:8]
    if not computation.cloud_workstation:
        raise Refused(
            f"computation {short} is a run, and not a cloud workstation: nothing can be attached",
            hint="attach to its capsule or pipeline before the next run",
        )
    if computation.is_over:
        raise WorkplaceOver(
            f"workstation {short} is over: nothing can be attached to it any more",
            hint="attach to its capsule, or start a workstation there",
        )


class AttachPlanner:
    """Plans how assets are attached and detached.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def plan_detach(self, ids: Sequence[AssetId], attaching: Attaching) -> Plan:
        """Say what becomes of each asset, also of those that this user can't see any more.

        Raises:
            Refused: Nothing can be detached there.
            ApiError: The platform can't be asked what is attached.
        """
        known = await find_records(self._context, ids)
        nameless = Membership()
        records = [
            known.get(each) or Record(Asset(id=each, name=""), nameless, 0.0)
            for each in dict.fromkeys(ids)
        ]
        return await self.plan(records, attaching)

    async def plan(self, records: Sequence[Record], attaching: Attaching) -> Plan:
        """Say what becomes of each asset.

        Raises:
            InvalidField: Its folder can't be one.
            Refused: Nothing can be attached there, or one folder is given for several assets.
            ApiError: The platform can't be asked what is attached.
        """
        if attaching.mount and len(records) > 1:
            raise Refused(
                "one mount folder is given for several assets",
                hint="attach them one at a time, each with a --mount of its own; or leave it out",
            )
        attached = await read_attached(self._context, attaching.workplace)
        if not attaching.detach:
            records = [await self._look_at_draft(record) for record in records]
        taken = await self._name_taken(attached or (), records, attaching)
        wanted: dict[str, str] = {}
        key = key_of(attaching.workplace)
        items = []
        for record in records:
            item = _plan_one(record, attaching, attached, taken=taken, wanted=wanted)
            if item.roles and (mount := item.roles[key]):
                wanted[mount] = _tell(record.asset.name, record.asset.id)
            items.append(item)
        cautions = [UNSEEN] if attached is None else []
        if attaching.capsule is not None and any(not item.reason for item in items):
            cautions += [await find_doubt(self._context, attaching.capsule)]
        caution = "; ".join(filter(None, cautions))
        where = f"{'from' if attaching.detach else 'to'} {attaching.title}"
        return Plan(attaching.told, tuple(items), caution=caution, where=where)

    async def _name_taken(
        self, attached: Sequence[AttachedAsset], records: Sequence[Record], attaching: Attaching
    ) -> dict[str, str]:
        """Return which asset has each folder; the platform does not name those of a computation."""
        meant = {attaching.mount or record.asset.mount for record in records}
        nameless = [each.id for each in attached if not each.name and each.mount in meant]
        if attaching.detach:
            nameless = []
        known = await find_records(self._context, nameless)
        names = {key: record.asset.name for key, record in known.items()}
        return {
            each.mount: _tell(each.name or names.get(each.id, ""), each.id)
            for each in attached
            if each.mount
        }

    async def _look_at_draft(self, record: Record) -> Record:
        """Read what was a draft again: it may be ready by now."""
        if record.asset.state != AssetState.DRAFT or self._context.is_current(record.fetched_at):
            return record
        return await self._context.fetch(record.asset.id)


def _tell(name: str, asset_id: AssetId) -> str:
    return f"{name} ({asset_id[:8]})" if name else asset_id[:8]


def _plan_one(
    record: Record,
    attaching: Attaching,
    attached: Sequence[AttachedAsset] | None,
    *,
    taken: dict[str, str],
    wanted: dict[str, str],
) -> PlanItem:
    asset, key = record.asset, key_of(attaching.workplace)
    present = find_attached(attached or (), asset.id)
    name = asset.name or (present.name if present is not None else "") or asset.id[:8]
    item = PlanItem(asset.id, name, attaching.action, asset.fields, asset.fields)
    if attaching.detach:
        if present is None and attached is not None:
            return msgspec.structs.replace(item, reason="not attached", needless=True)
        mount = present.mount if present is not None else ""
        return msgspec.structs.replace(item, roles_before={key: mount})
    if present is not None:
        where = f" as {present.mount}" if present.mount else ""
        reason = f"already attached{where}"
        needless = attaching.mount in ("", present.mount)
        if not needless:
            reason += ": detach it first to have it elsewhere"
        return msgspec.structs.replace(item, reason=reason, needless=needless)
    if attaching.mount:
        named = replace_values(asset.fields, {"mount": attaching.mount})
        check_fields(named, only=("mount",))
    mount = attaching.mount or asset.mount or ""
    if reason := find_obstacle(record, mount, taken, wanted):
        return msgspec.structs.replace(item, reason=reason)
    return msgspec.structs.replace(item, roles={key: mount})
