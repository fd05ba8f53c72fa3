"""What people are told of a change to who can see an asset: what was not done, and why."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from coexplorer.sharing.roles import EVERYONE, NONE, Roles, Sharing, title_of
from coexplorer.text import list_like


def tell_lacking(lacking: Roles, wanted: Roles, before: Roles, *, arrived: bool = True) -> str:
    """Say what the platform did not do of what was sent; empty where it did all of it.

    Who has no access before and afterwards is not known there, if anything else was done: else the
    request may never have arrived.

    Args:
        lacking: Members that do not have the role that was sent, with the one they have.
        wanted: The roles that were sent.
        before: The roles that they had.
        arrived: Whether anything of it was done.
    """
    unknown = [
        member
        for member in lacking
        if arrived
        and member != EVERYONE
        and lacking[member] == NONE
        and before.get(member, NONE) == NONE
    ]
    parts = []
    if unknown:
        be = "is" if len(unknown) == 1 else "are"
        parts.append(f"{_join([title_of(each) for each in unknown])} {be} not known there")
    for member, has in lacking.items():
        if member not in unknown:
            still = "still " if has == before.get(member, NONE) else ""
            instead = "" if wanted[member] == NONE else f", not {_tell_role(wanted[member])}"
            parts.append(f"{title_of(member)} {still}has {_tell_role(has)}{instead}")
    return "; ".join(parts)


def tell_mistaken(wanted: Roles, now: Sharing) -> str:
    """Say whose access is to be taken away who has none, where somebody of nearly that name has it.

    Empty where there is no such mistake: to take away what nobody has is no mistake by itself.
    """
    gone = {title_of(member) for member, role in wanted.items() if role == NONE}
    there = {title_of(member) for member in now.roles if member != EVERYONE}
    has = {title_of(member).casefold() for member in wanted if now.role_of(member) != NONE}
    wrong = sorted(each for each in gone - {EVERYONE} if each.casefold() not in has)
    near = {name: _find_near(name, there - gone) for name in wrong}
    return " ".join(
        f"{name} has no access to it; did you mean {meant}?"
        for name, meant in near.items()
        if meant
    )


def _find_near(name: str, names: Iterable[str]) -> str:
    """Return the name that is nearly this one, or the user whose address begins so; or nothing."""
    typed = name.casefold()
    known = {each.casefold(): each for each in sorted(names)}
    begins = [each for each in known if "@" in each and each.partition("@")[0] == typed]
    # Colleagues share what is behind the @: it makes no two of them alike.
    user, at, host = typed.partition("@")
    alike = {
        each.partition("@")[0]: each for each in known if each.partition("@")[1:] == (at, host)
    }
    near = begins or [alike[each] for each in list_like(user, alike, least=0.8)]
    return known[near[0]] if near else ""


def _tell_role(role: str) -> str:
    return "no access" if role == NONE else f"the role {role}"


def tell_conflict(
    members: Sequence[str], wanted: Roles, theirs: Sharing, *, seen: Roles | None = None
) -> str:
    """Say whose roles were changed elsewhere, to what, and what was wanted.

    Args:
        members: Whose.
        wanted: The roles that were wanted.
        theirs: Who can see it now.
        seen: Whose roles were known when the change was asked for; None: all of theirs. Of the
            others nobody knows who gave them the role, or when.
    """
    return "; ".join(
        _tell_conflict(
            member, wanted[member], theirs.role_of(member), is_seen=seen is None or member in seen
        )
        for member in members
    )


def _tell_conflict(member: str, wanted: str, has: str, *, is_seen: bool) -> str:
    name = title_of(member)
    if has == NONE:
        return f"the access of {name} was taken away elsewhere"
    if is_seen:
        return f"{name} was given {has} elsewhere, not {wanted}"
    asked = "no access" if wanted == NONE else wanted
    return f"{name} has {_tell_role(has)}, which could not be seen when you asked for {asked}"


def _join(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
