"""What sharing assets would do to each, by who can see it now."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from coexplorer.errors import ApiError, Forbidden, NotFound, Refused
from coexplorer.library.entries import GIVES_UP, Action
from coexplorer.library.permissions import (
    UNSEEN,
    Seen,
    ensure_understood,
    read_all_sharing,
    refuse_unseen,
)
from coexplorer.library.plans import Plan, PlanItem, keep_fit
from coexplorer.library.selection import Fit
from coexplorer.models import AssetId, Record
from coexplorer.sharing.changes import SharingChange, merge_sharing
from coexplorer.sharing.roles import Sharing, title_of
from coexplorer.sharing.sentences import tell_mistaken
from coexplorer.text import plural

if TYPE_CHECKING:
    from coexplorer.library.context import Context
    from coexplorer.library.share import Sharer

LOSES = "you would no longer be an owner of it"
"""`PlanItem.note` of what takes away this user's own right."""

NO_OWNER = "you are not an owner of it, so the platform may refuse"
"""`PlanItem.note` where somebody else is; the platform lets administrators."""


NOT_MADE = "somebody else made it, so the platform may refuse"
"""The same where it is not known who this user is, but that they made nothing of this."""


class SharePlanner:
    """Plans how assets are shared.

    Args:
        context: What the session's modules share.
        sharer: Knows who this user is.
    """

    def __init__(self, context: Context, sharer: Sharer) -> None:
        self._context = context
        self._sharer = sharer

    async def plan(
        self,
        records: Sequence[Record],
        change: SharingChange,
        fits: Mapping[AssetId, Fit],
        heard: Callable[[int], None] | None,
    ) -> Plan:
        """Say what a change of who can see assets would do to each.

        Args:
            records: The assets.
            change: What to do.
            fits: What some of them must still be when they are read again.
            heard: Told how many were asked about, after each.

        Raises:
            Refused: It takes access away, and the platform does not tell who has it.
        """
        ids = [record.asset.id for record in records]
        seen = await read_all_sharing(self._context, ids, heard)
        is_unseen = any(each is None for each in seen.values())
        if is_unseen and change.takes_away:
            raise refuse_unseen()
        change = change.spelled_as(each for each in seen.values() if isinstance(each, Sharing))
        items = []
        for record in records:
            now = seen[record.asset.id]
            item = _plan_one(record, change, now)
            if isinstance(now, Sharing) and item.roles:
                then = now.with_roles(item.roles)
                if note := await self._doubt(record, now):
                    item = msgspec.structs.replace(item, note=note)
                elif not change.gives_up and await self._sharer.loses_ownership(now, then):
                    item = msgspec.structs.replace(item, note=LOSES)
            items.append(keep_fit(item, fits.get(record.asset.id)))
        return Plan(change.title, tuple(items), caution=UNSEEN if is_unseen else _caution(items))

    async def _doubt(self, record: Record, now: Sharing) -> str:
        """Say why the platform may refuse; empty: nothing is known against it."""
        mine = record.membership.mine
        if mine is True:
            return ""
        if await self._sharer.is_no_owner(now):
            return NO_OWNER
        is_theirs = mine is False and now.users and "owner" not in now.groups.values()
        return NOT_MADE if is_theirs and self._sharer.is_nobody else ""


def _caution(items: Sequence[PlanItem]) -> str:
    """Say of how many of several assets it is doubtful; of one its line says so."""
    doubtful = sum(item.note in (NO_OWNER, NOT_MADE) for item in items)
    if not doubtful or len(items) == 1:
        return ""
    have = "has" if doubtful == 1 else "have"
    return f"{plural(doubtful, 'asset')} {have} other owners, so the platform may refuse"


def _plan_one(record: Record, change: SharingChange, seen: Seen) -> PlanItem:
    asset = record.asset
    item = PlanItem(
        asset.id,
        asset.name,
        Action.SHARE,
        asset.fields,
        asset.fields,
        roles=change.ask_of(None),
        asked=(GIVES_UP,) if change.gives_up else (),
    )
    if isinstance(seen, NotFound | Forbidden):
        return msgspec.structs.replace(item, reason=seen.message, roles={})
    if isinstance(seen, ApiError):
        why = f"it would be kept unsent: {seen.message}"
        return msgspec.structs.replace(item, waits=True, note=why)
    if seen is None:
        return item
    if why := _refuse(change, seen):
        return msgspec.structs.replace(item, reason=why, roles={})
    merged = merge_sharing({}, change.ask_of(seen), seen)
    if not merged.after:
        return msgspec.structs.replace(item, reason="already set", needless=True, roles={})
    return msgspec.structs.replace(item, roles_before=merged.before, roles=merged.after)


def _refuse(change: SharingChange, seen: Sharing) -> str:
    """Say why a change is not made of what was read; empty: it is."""
    try:
        ensure_understood(seen)
    except Refused as error:
        return error.message
    return tell_mistaken(change.ask_of(seen), seen)


def list_absent(plan: Plan, change: SharingChange) -> tuple[str, ...]:
    """Name whose access is to be taken away and who, as far as is known, has none to any asset."""
    named = {title_of(member).casefold() for item in plan.items for member in item.roles}
    mistaken = any(item.reason and not item.needless for item in plan.items)
    return tuple(each for each in change.removals if each.casefold() not in named and not mistaken)


def list_losses(plan: Plan) -> tuple[PlanItem, ...]:
    """Return the items that take away this user's own right."""
    return tuple(item for item in plan.todo if item.note == LOSES)


def allow_losses(plan: Plan) -> Plan:
    """Return a plan whose user has said that they give up their own right."""
    items = tuple(
        msgspec.structs.replace(item, asked=(*item.asked, GIVES_UP)) if item.note == LOSES else item
        for item in plan.items
    )
    return msgspec.structs.replace(plan, items=items)
