"""Whether this user may change what is attached to a capsule or pipeline, as far as it shows."""

from __future__ import annotations

import contextlib
from typing import Final

import anyio

from coexplorer.computations import Capsule, Workplace, WorkplaceKind
from coexplorer.errors import NEW_TOKEN, ApiError, Forbidden
from coexplorer.library.context import Context
from coexplorer.library.permissions import find_user
from coexplorer.library.refusals import YOURS
from coexplorer.sharing.roles import Sharing, kind_of

_ASKED_FOR_S: Final = 5.0
"""So long a plan waits for it: the platform says no by itself, only later."""
_RELEASED: Final = ("release", "published")
"""What `Capsule.status` is of what nobody changes any more, by today's word and by the old one."""
_MAY_CHANGE: Final = ("owner", "editor")


def is_released(capsule: Capsule) -> bool:
    """Tell whether a capsule is released, and so is not changed any more (pure)."""
    return capsule.status in _RELEASED


async def find_doubt(context: Context, capsule: Capsule) -> str:
    """Say why the platform is likely to refuse a change of what is attached; empty: nothing is.

    Never raises for want of an answer: nobody can tell then. Groups may have this user in them, and
    administrators may do everything, so that it is no more than likely.
    """
    what = f"this {capsule.kind.word}"
    if is_released(capsule):
        return f"{what} is released, so the platform is likely to refuse this"
    if not capsule.owner_email:
        return ""
    with contextlib.suppress(ApiError), anyio.move_on_after(_ASKED_FOR_S):
        user = await find_user(context)
        if not user or user == capsule.owner_email.casefold():
            return ""
        client = await context.client()
        if _only_sees(await client.workplaces.sharing(capsule.workplace), user):
            return (
                f"you can see {what}, but not change it, so the platform is likely to refuse this;"
                f" {capsule.owner_email} can make you an editor"
            )
    return ""


def _only_sees(sharing: Sharing, user: str) -> bool:
    """Tell whether nothing gives this user the right to change it (pure)."""
    may = [member for member, role in sharing.roles.items() if role in _MAY_CHANGE]
    return not sharing.odd and not any(
        kind_of(member) != "user" or sharing.spell(member) == sharing.spell(f"user {user}")
        for member in may
    )


async def spare_owner_of(context: Context, workplace: Workplace, error: Forbidden) -> Forbidden:
    """Return a refusal that sends nobody to ask themselves: what it hints at is for others.

    Args:
        context: What the session's modules share.
        workplace: What could not be changed.
        error: Why not.
    """
    if error.by_page or workplace.kind is WorkplaceKind.COMPUTATION:
        return error
    with contextlib.suppress(ApiError), anyio.move_on_after(_ASKED_FOR_S):
        client = await context.client()
        capsule = await client.workplaces.capsule(workplace)
        owner = capsule.owner_email.casefold()
        if owner and owner == await find_user(context):
            told = Forbidden(error.message, hint=NEW_TOKEN, status=error.status)
            if is_released(capsule):
                told.hint = "a released one stays as it is: use a copy of it, or a workstation"
            elif not error.unexplained:
                told.hint = YOURS
            return told
    return error
