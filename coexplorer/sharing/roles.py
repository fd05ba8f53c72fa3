"""Who can see an asset, and what they may do with it: members, roles, and who has which.

A *member* is who can be given a role: ``user maya@example.org``, ``group Imaging`` or ``everyone``.
A role that is named ``none`` is no access.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Final, Literal

import msgspec

Kind = Literal["user", "group", "everyone"]

NONE: Final = "none"
"""No access."""

UNSEEN: Final = "unseen"
"""A role in what is merged from that nobody was shown: no platform gives one of this name."""

EVERYONE: Final = "everyone"
"""The member that is everybody who can sign in to the platform."""

_USER: Final = "user "
_GROUP: Final = "group "
Roles = Mapping[str, str]
"""Member → role."""


class Level(msgspec.Struct, frozen=True):
    """A role that can be given.

    Attributes:
        kinds: Whom it can be given to.
        help: What it allows.
    """

    name: str
    kinds: tuple[Kind, ...]
    help: str


LEVELS: Final = (
    Level("owner", ("user", "group"), "can also share, archive and delete it"),
    Level("editor", ("user", "group"), "can read and change it"),
    Level("viewer", ("user", "group", "everyone"), "can read it"),
    Level("discoverable", ("group", "everyone"), "can find it, but not read its files"),
    Level(NONE, ("user", "group", "everyone"), "has no access"),
)
"""What the platform knows, strongest first."""


def list_roles(kind: Kind) -> tuple[str, ...]:
    """Return the roles that a user, a group or everyone can be given, strongest first."""
    return tuple(level.name for level in LEVELS if kind in level.kinds)


class Sharing(msgspec.Struct, frozen=True, dict=True):
    """Who can see an asset.

    Attributes:
        users: Address → role.
        groups: Name → role.
        everyone: The role of everybody else.
        odd: How many entries of the platform's answer could not be understood. All of it is sent
            back with each change, so it must not be changed then.
    """

    users: Roles = {}
    groups: Roles = {}
    everyone: str = NONE
    odd: int = 0

    @cached_property
    def roles(self) -> Roles:
        """Each member's role; members without access are left out."""
        roles = {_USER + address: role for address, role in self.users.items()}
        roles |= {_GROUP + name: role for name, role in self.groups.items()}
        if self.everyone != NONE:
            roles[EVERYONE] = self.everyone
        return roles

    def role_of(self, member: str) -> str:
        """Return a member's role, `NONE` for none."""
        return self.roles.get(self.spell(member), NONE)

    def spell(self, member: str) -> str:
        """Return a member as it is spelled here: addresses are the same in capitals."""
        if member in self.roles or not member.startswith(_USER):
            return member
        return self._spelled.get(member.casefold(), member)

    @cached_property
    def _spelled(self) -> dict[str, str]:
        """Each user as they are spelled, by the member in small letters."""
        users = [member for member in self.roles if member.startswith(_USER)]
        return {member.casefold(): member for member in reversed(users)}  # the first one wins

    def with_roles(self, changes: Roles) -> Sharing:
        """Return it with other roles for some members."""
        roles = dict(self.roles)
        for member, role in changes.items():
            roles[self.spell(member)] = role
        left = {member: role for member, role in roles.items() if role != NONE}
        return Sharing(
            {each.removeprefix(_USER): left[each] for each in left if each.startswith(_USER)},
            {each.removeprefix(_GROUP): left[each] for each in left if each.startswith(_GROUP)},
            left.get(EVERYONE, NONE),
            self.odd,
        )

    def same_as(self, other: Sharing) -> bool:
        """Tell whether everybody has the same role in both."""
        return _fold(self.roles) == _fold(other.roles)


def _fold(roles: Roles) -> dict[str, str]:
    return {
        member.casefold() if member.startswith(_USER) else member: role
        for member, role in roles.items()
    }


def name_user(address: str) -> str:
    """Return the member that is a user."""
    return _USER + address


def name_group(name: str) -> str:
    """Return the member that is a group."""
    return _GROUP + name


def kind_of(member: str) -> Kind:
    """Return what a member is."""
    if member == EVERYONE:
        return "everyone"
    return "user" if member.startswith(_USER) else "group"


def title_of(member: str) -> str:
    """Return a member as people write it: the address, the group's name, or ``everyone``."""
    return member.removeprefix(_USER).removeprefix(_GROUP) if member != EVERYONE else EVERYONE


def list_members(sharing: Sharing) -> list[tuple[str, str]]:
    """Return members and roles for people: everyone first, then groups, then users by role."""
    rank = {level.name: number for number, level in enumerate(LEVELS)}
    kinds: tuple[Kind, ...] = ("everyone", "group", "user")
    return sorted(
        sharing.roles.items(),
        key=lambda each: (
            kinds.index(kind_of(each[0])),
            rank.get(each[1], len(rank)),
            each[0].casefold(),
        ),
    )
