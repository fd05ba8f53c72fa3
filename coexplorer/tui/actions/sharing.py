"""Sharing: who can see assets is shown above the question who should; the answer is a plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from coexplorer.errors import ApiError, InvalidField
from coexplorer.library.bulk_change import Change
from coexplorer.library.permissions import UNSEEN
from coexplorer.library.plans import Plan
from coexplorer.library.share_plans import allow_losses
from coexplorer.models import AssetId
from coexplorer.sharing.changes import SharingChange
from coexplorer.sharing.roles import (
    EVERYONE,
    LEVELS,
    Kind,
    Sharing,
    kind_of,
    list_members,
    title_of,
)
from coexplorer.sharing.written import find_kind, parse_changes
from coexplorer.tui.actions.plans import carry_out
from coexplorer.tui.screens.key_queue import FIELD
from coexplorer.tui.widgets.choices import Choice

if TYPE_CHECKING:
    from coexplorer.tui.workbench import Action, Workbench

MOST_ASKED = 50
"""Marked assets that the platform is asked about, while the question is open."""
_READ_MANY = "who can see them"


async def share(screen: Workbench) -> None:
    """Show who can see the asset under the cursor, and ask who should; or the marked ones."""
    row = screen.rows.current
    chosen = list(screen.state.marked) or ([row.id] if row else [])
    if not chosen:
        return
    seen: list[Sharing] = []
    if not screen.state.marked:
        sharing = await _read(screen, chosen[0])
        seen += [sharing] if sharing is not None else []
    known = await screen.library.assets.field_values("owner")
    addresses = [address for address in known if "@" in address]
    if not screen.state.marked:
        change = await _ask(screen, "who can see it:" if seen else "share with", seen, addresses)
    else:
        asked = chosen[:MOST_ASKED]
        title = f"{len(asked)} marked"
        if left := len(chosen) - len(asked):
            title = f"{len(asked)} of {len(chosen):,} marked"
            screen.say(
                f"not asked who can see the other {left:,}: that takes too long", about=FIELD
            )
        # Answers come while the question is open, for all times that it is asked.
        reading = screen.start(_READ_MANY, partial(_read_many, screen, asked, seen))
        try:
            question = f"who can see {title}:"
            change = await _ask(screen, question, seen, addresses, counted=len(asked) > 1)
        finally:
            reading.cancel()
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
        screen.say(UNSEEN, severity="warning", about=FIELD)
    return seen


async def _read_many(screen: Workbench, chosen: Sequence[AssetId], seen: list[Sharing]) -> None:
    """Ask who can see each of several assets, and offer the open question's choices again.

    Args:
        screen: The main screen.
        chosen: The assets.
        seen: Gets the answers.
    """
    answers = (await screen.library.platform.sharing(chosen)).values()
    seen += [each for each in answers if isinstance(each, Sharing)]
    if any(each is None for each in answers):
        screen.say(UNSEEN, severity="warning", about=FIELD)
    errors = [each for each in answers if isinstance(each, ApiError)]
    if errors:
        many = f"{len(errors)} of {len(chosen)}"
        why = errors[0].message
        screen.say(f"who can see {many} is not known: {why}", severity="warning", about=FIELD)
    screen.prompt.offer_again()


async def _ask(
    screen: Workbench,
    title: str,
    seen: Sequence[Sharing],
    addresses: Sequence[str],
    *,
    counted: bool = False,
) -> SharingChange | None:
    """Ask who should have which role, until that can be read; None: nobody."""
    text = ""
    complete = partial(offer_sharing, seen, addresses, counted=counted)
    while answer := await screen.prompt.ask(title, value=text, complete=complete):
        before, text = text, _go_on(answer, complete(answer))
        try:
            return parse_changes(text)
        except InvalidField as error:
            if not text.rstrip().endswith(":"):
                told = error.message.removeprefix(f"{error.field}: ")
                screen.say(told, severity="warning", about=FIELD)
            elif text == before:  # else a name was chosen, and its role comes next
                roles = ", ".join(each.text for each in complete(text))
                told = f"which role? Type or choose one: {roles}"
                screen.say(told, severity="warning", about=FIELD)
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


def offer_sharing(
    seen: Sequence[Sharing], addresses: Sequence[str], typed: str, *, counted: bool = False
) -> list[Choice]:
    """Return what goes on from what is typed: who can see it, who else is known; then roles.

    Args:
        seen: Who can see each of the assets, as far as it is known.
        addresses: Users who are known here.
        typed: ``NAME:ROLE``, after a comma another one.
        counted: Several assets are meant: of each role, say how many have it.
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
    members = sum_up(seen) if counted else [each for one in seen for each in list_members(one)]
    there = {title_of(member).casefold() for member, _ in members}
    names: list[tuple[str, str]] = [
        (title_of(member), f"{_tell_kind(kind_of(member))}{has}") for member, has in members
    ]
    others = [EVERYONE, *addresses]
    none = "no access" if seen else ""
    names += [(each, none) for each in others if each.casefold() not in there]
    return [
        Choice(f"{start}{each}:", text=each, help=told)
        for each, told in names
        if name.casefold() in each.casefold()
    ]


def sum_up(seen: Sequence[Sharing]) -> list[tuple[str, str]]:
    """Return members with their roles, and how many of several assets have each (pure).

    Who can see most of them comes first, but for everyone and groups.

    Args:
        seen: Who can see each.
    """
    spelled: dict[str, str] = {}
    counts: dict[str, Counter[str]] = {}
    for member, role in (each for sharing in seen for each in list_members(sharing)):
        folded = member.casefold() if kind_of(member) == "user" else member
        counts.setdefault(spelled.setdefault(folded, member), Counter())[role] += 1
    kinds: tuple[Kind, ...] = ("everyone", "group", "user")
    members = sorted(
        counts, key=lambda each: (kinds.index(kind_of(each)), -counts[each].total(), each)
    )
    return [(each, _tell_counts(counts[each], len(seen))) for each in members]


def _tell_counts(counts: Counter[str], of: int) -> str:
    """Return ``viewer: 3 of 12``, or ``owner: all 12``; a role each."""
    return ", ".join(
        f"{role}: " + (f"all {of}" if count == of else f"{count} of {of}")
        for role, count in counts.most_common()
    )


def _tell_kind(kind: Kind) -> str:
    return "group, " if kind == "group" else ""


ACTIONS: dict[str, Action] = {"asset.share": share}
