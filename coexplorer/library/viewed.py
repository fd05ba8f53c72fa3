"""Which assets somebody can only view, found before a change of them is refused."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Sequence

import anyio
import msgspec

from coexplorer.errors import ApiError
from coexplorer.library.context import Context
from coexplorer.library.entries import Action
from coexplorer.library.permissions import find_user, read_all_sharing
from coexplorer.library.plans import Plan
from coexplorer.models import AssetId
from coexplorer.sharing.roles import Sharing
from coexplorer.text import plural

CHANGING = (Action.EDIT, Action.ARCHIVE, Action.UNARCHIVE)
"""What takes an editor, or an owner."""
NOT_YOURS = "you can view it, but not change it"
"""`PlanItem.reason` of what is left out for that."""
LONGEST_LOOK_S = 5.0
"""So long it is asked about the assets of a plan; sending meets the others."""
_AT_ONCE = 24
_CHANGE = ("owner", "editor")


def can_only_view(sharing: Sharing, user: str) -> bool:
    """Tell whether a user can only view an asset, as far as that can be told (pure).

    Nobody knows who is in a group; and who sees what nobody shared with them administers it.

    Args:
        sharing: Who can see it.
        user: The address, in lower case.
    """
    if sharing.odd or any(role in _CHANGE for role in sharing.groups.values()):
        return False
    role = {each.casefold(): role for each, role in sharing.users.items()}.get(user, "")
    is_shared = role or sharing.groups or sharing.everyone in ("viewer", "discoverable")
    return bool(is_shared) and role not in _CHANGE


async def find_viewed(context: Context, ids: Sequence[AssetId]) -> frozenset[AssetId]:
    """Ask the platform which of several assets this user can only view.

    Assets that it says nothing of, or not in time, are left out.

    Args:
        context: What the session's modules share.
        ids: The assets; those that the user owns need not be asked about.
    """
    found: set[AssetId] = set()
    with contextlib.suppress(ApiError), anyio.move_on_after(LONGEST_LOOK_S):
        user = await find_user(context) if ids else ""
        for start in range(0, len(ids) if user else 0, _AT_ONCE):
            seen = await read_all_sharing(context, ids[start : start + _AT_ONCE])
            found |= {
                asset_id
                for asset_id, each in seen.items()
                if isinstance(each, Sharing) and can_only_view(each, user)
            }
            if not any(isinstance(each, Sharing) for each in seen.values()):
                break  # it says nothing of this, or can't be reached
    return frozenset(found)


def leave_out_viewed(plan: Plan, viewed: Collection[AssetId]) -> Plan:
    """Return a plan without the changes that would be refused, which says so beforehand (pure)."""
    items = tuple(
        msgspec.structs.replace(item, reason=NOT_YOURS)
        if item.asset_id in viewed and not item.reason and item.action in CHANGING
        else item
        for item in plan.items
    )
    count = sum(item.reason == NOT_YOURS for item in items)
    if not count:
        return plan
    told = f"{plural(count, 'asset')} not yours to change: left out"
    caution = f"{plan.caution}; {told}" if plan.caution else told
    return msgspec.structs.replace(plan, items=items, caution=caution)
