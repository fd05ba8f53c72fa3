"""Which assets somebody can only view, found before a change of them is refused."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Collection, Sequence
from functools import partial

import anyio
import msgspec

from coexplorer.errors import ApiError
from coexplorer.library.context import Context
from coexplorer.library.entries import Action
from coexplorer.library.permissions import find_user, read_all_sharing
from coexplorer.library.plans import Plan
from coexplorer.models import AssetId
from coexplorer.query import parse_query
from coexplorer.sharing.roles import Sharing
from coexplorer.text import plural

CHANGING = (Action.EDIT, Action.ARCHIVE, Action.UNARCHIVE)
"""What takes an editor, or an owner."""
NOT_YOURS = "you can view it, but not change it"
"""`PlanItem.reason` of what is left out for that."""
LONGEST_LOOK_S = 5.0
"""So long it is asked about the assets of a plan; sending meets the others."""
_AT_ONCE = 24
_SAMPLE = 12
_CHANGE = ("owner", "editor")


def can_only_view(sharing: Sharing, user: str) -> bool:
    """Tell whether a user can only view an asset, as far as that can be told (pure).

    Nobody knows who is in a group.

    Args:
        sharing: Who can see it.
        user: The address, in lower case.
    """
    if sharing.odd or any(role in _CHANGE for role in sharing.groups.values()):
        return False
    return not is_seen_unshared(sharing, user) and _role(sharing, user) not in _CHANGE


def is_seen_unshared(sharing: Sharing, user: str) -> bool:
    """Tell whether nobody shared an asset with a user who sees it: they administer it (pure)."""
    to_all = sharing.everyone in ("viewer", "discoverable")
    return not (sharing.odd or sharing.groups or to_all or _role(sharing, user))


def _role(sharing: Sharing, user: str) -> str:
    return {each.casefold(): role for each, role in sharing.users.items()}.get(user, "")


class Viewed:
    """Finds what this user can only view, as far as that can be told.

    An administrator may change everything, and may be listed as a viewer anyway. No reply
    says who is one; but one of them sees assets that nobody shared with them.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._administers: bool | None = None

    async def find(self, ids: Sequence[AssetId]) -> frozenset[AssetId]:
        """Ask the platform which of several assets this user can only view.

        Assets that it says nothing of, or not in time, are left out; none are found for an
        administrator.

        Args:
            ids: The assets; those that the user owns need not be asked about.
        """
        found: set[AssetId] = set()
        with contextlib.suppress(ApiError), anyio.move_on_after(LONGEST_LOOK_S):
            user = await find_user(self._context) if ids else ""
            for start in range(0, len(ids) if user and not self._administers else 0, _AT_ONCE):
                seen = await self._read(ids[start : start + _AT_ONCE], user)
                found |= {each for each, sharing in seen.items() if can_only_view(sharing, user)}
                if not seen or self._administers:
                    break  # it says nothing of this, or can't be reached
            if found and self._administers is None:
                await self._read(await self._sample(), user)
                self._administers = bool(self._administers)
        return frozenset() if self._administers else frozenset(found)

    async def _read(self, ids: Sequence[AssetId], user: str) -> dict[AssetId, Sharing]:
        """Return who can see assets, and note it if that says that the user is an administrator."""
        answers = await read_all_sharing(self._context, ids)
        seen = {asset_id: each for asset_id, each in answers.items() if isinstance(each, Sharing)}
        if any(is_seen_unshared(each, user) for each in seen.values()):
            self._administers = True
        return seen

    async def _sample(self) -> list[AssetId]:
        """Return some assets of others: first such as the platform does not list as shared."""
        found: list[AssetId] = []
        for words in ("-is:mine -is:shared", "-is:mine is:shared"):
            rows = await self._context.read(
                partial(self._context.catalog.window, parse_query(words)),
                offset=0,
                limit=_SAMPLE,
                now=time.time(),
            )
            found += [row.id for row in rows]
        return found


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
