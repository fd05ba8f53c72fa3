"""Sharing: who can see an asset is shown above the question who should; the answer is a plan."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from coexplorer.errors import ApiError, InvalidField
from coexplorer.library.permissions import UNSEEN
from coexplorer.library.plans import Change, Plan
from coexplorer.library.share_plans import allow_losses
from coexplorer.models import AssetId
from coexplorer.sharing import (
    EVERYONE,
    LEVELS,
    Kind,
    Sharing,
    SharingChange,
    find_kind,
    kind_of,
    list_members,
    parse_changes,
    title_of,
)
from coexplorer.tui.actions.plans import carry_out
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Action, Workbench


async def share(screen: Workbench) -> None:
    """Show who can see the asset under the cursor, and ask who should; or the marked ones."""
    row = screen.rows.current
    chosen = list(screen.state.marked) or ([row.id] if row else [])
    if not chosen:
        return
    sharing = None if screen.state.marked else await _read(screen, chosen[0])
    known = await screen.library.assets.field_values("owner")
    addresses = [address for address in known if "@" in address]
    change = await _ask(screen, sharing, addresses)
    if change is not None:
        await carry_out(screen, partial(_plan, screen, chosen, change), len(chosen))


async def _read(screen: Workbench, asset_id: AssetId) -> Sharing | None:
    """Ask the platform who can see an asset; None: it won't say, which is told.

    Raises:
        ApiError: It can't be asked.
    """
    seen = (await screen.library.platform.sharing([asset_id]))[asset_id]
    if isinstance(seen, ApiError):
        raise seen
    if seen is None:
        screen.say(UNSEEN, severity="warning")
    return seen


async def _ask(
    screen: Workbench, sharing: Sharing | None, addresses: Sequence[str]
) -> SharingChange | None:
    """Ask who should have which role, until that can be read; None: nobody."""
    text = ""
    complete = partial(offer_sharing, sharing, addresses)
    title = "share with" if sharing is None else "who can see it:"
    while answer := await screen.prompt.ask(title, value=text, complete=complete):
        before, text = text, _go_on(answer, complete(answer))
        try:
            return parse_changes(text)
        except InvalidField as error:
            if not text.rstrip().endswith(":"):
                screen.say(error.message.removeprefix(f"{error.field}: "), severity="warning")
            elif text == before:  # else a name was chosen, and its role comes next
                roles = ", ".join(each.text for each in complete(text))
                screen.say(f"which role? Type or choose one: {roles}", severity="warning")
    return None


def _go_on(answer: str, choices: Sequence[Choice]) -> str:
    """Return an answer that can't be read yet with the only thing that goes on from it."""
    try:
        parse_changes(answer)
    except InvalidField:
        return choices[0].value if len(choices) == 1 else answer
    return answer


async def _plan(screen: Workbench, chosen: Sequence[AssetId], change: SharingChange) -> Plan:
    """Plan it; what it takes away from this user is in the plan, so whoever says yes means it."""
    fits = screen.state.marked.fits if screen.state.marked else None
    plan = await screen.library.changes.plan(chosen, Change(sharing=change), fits=fits)
    return allow_losses(plan)


def offer_sharing(sharing: Sharing | None, addresses: Sequence[str], typed: str) -> list[Choice]:
    """Return what goes on from what is typed: who can see it, who else is known; then roles.

    Args:
        sharing: Who can see it; None: not known, or several assets are meant.
        addresses: Users who are known here.
        typed: ``NAME:ROLE``, after a comma another one.
    """
    before, comma, last = typed.rpartition(",")
    start, name = before + comma + (" " if comma else ""), last.strip()
    who, colon, role = name.rpartition(":")
    if colon:
        return [
            Choice(f"{start}{who}:{level.name}", text=level.name, help=level.help)
            for level in LEVELS
            if find_kind(who) in level.kinds and level.name.startswith(role.strip().lower())
        ]
    members = list_members(sharing) if sharing is not None else []
    there = {title_of(member).casefold() for member, _ in members}
    names: list[tuple[str, str]] = [
        (title_of(member), f"{_tell_kind(kind_of(member))}{has}") for member, has in members
    ]
    others = [EVERYONE, *addresses]
    none = "" if sharing is None else "no access"
    names += [(each, none) for each in others if each.casefold() not in there]
    return [
        Choice(f"{start}{each}:", text=each, help=told)
        for each, told in names
        if name.casefold() in each.casefold()
    ]


def _tell_kind(kind: Kind) -> str:
    return "group, " if kind == "group" else ""


ACTIONS: dict[str, Action] = {"asset.share": share}
