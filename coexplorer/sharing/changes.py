"""What is to become of who can see an asset, merged with what others did meanwhile.

Changes are maps of member → role; who is not named in one is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from coexplorer.sharing.roles import (
    NONE,
    UNSEEN,
    Roles,
    Sharing,
    kind_of,
    name_group,
    name_user,
    title_of,
)


def differ(before: Sharing, after: Sharing) -> tuple[dict[str, str], dict[str, str]]:
    """Return the roles before and afterwards of the members whose roles differ."""
    members = [
        member
        for member in dict.fromkeys([*before.roles, *after.roles])
        if before.role_of(member) != after.role_of(member)
    ]
    return (
        {member: before.role_of(member) for member in members},
        {member: after.role_of(member) for member in members},
    )


class SharingChange(msgspec.Struct, frozen=True):
    """What is to become of who can see assets; the same for all of them.

    Attributes:
        roles: Member → the role to give.
        removals: Names whose access is taken away: users' addresses, or groups.
        gives_up: Take away this user's own right, too, if that is what it comes to.
    """

    roles: Roles = {}
    removals: tuple[str, ...] = ()
    gives_up: bool = False

    @property
    def takes_away(self) -> bool:
        """Whether somebody surely has no access afterwards."""
        return bool(self.removals) or NONE in self.roles.values()

    @property
    def title(self) -> str:
        """One line for the log: ``share with everyone as viewer; no access for a@example.org``."""
        given: dict[str, list[str]] = {}
        for member, role in self.roles.items():
            given.setdefault(role, []).append(title_of(member))
        gone = [*self.removals, *given.pop(NONE, [])]
        parts = [f"share with {', '.join(who)} as {role}" for role, who in given.items()]
        if gone:
            parts.append(f"no access for {', '.join(gone)}")
        return "; ".join(parts)

    def spelled_as(self, known: Iterable[Sharing]) -> SharingChange:
        """Return it with users' addresses as they are spelled where somebody has a role already.

        An address is the same in capitals, but a platform may know it in one spelling only.
        """
        spelled = {member: member for member in self.roles if kind_of(member) == "user"}
        left = set(spelled)
        for sharing in known:
            for member in sorted(left):
                spelled[member] = sharing.spell(member)
                if spelled[member] in sharing.roles:
                    left.discard(member)
            if not left:
                break
        roles = {spelled.get(member, member): role for member, role in self.roles.items()}
        return msgspec.structs.replace(self, roles=roles)

    def ask_of(self, now: Sharing | None) -> dict[str, str]:
        """Return what is asked of one asset, member by member.

        Args:
            now: Who can see it; None: nobody knows.
        """
        wanted = dict(self.roles)
        for name in self.removals:
            found = [name_user(name), name_group(name)]
            if now is not None:
                found = [now.spell(each) for each in found]
                found = [each for each in found if now.role_of(each) != NONE] or found
            wanted |= {member: NONE for member in found if member not in wanted}
        return wanted


class MergedSharing(msgspec.Struct, frozen=True):
    """What a merge came to.

    Attributes:
        sharing: What the platform should have.
        before: The roles before of the members that change.
        after: Their roles afterwards.
        conflicts: Members that both sides gave another role; they keep theirs.
    """

    sharing: Sharing
    before: dict[str, str]
    after: dict[str, str]
    conflicts: tuple[str, ...] = ()


def merge_sharing(base: Roles, mine: Roles, theirs: Sharing) -> MergedSharing:
    """Give members the roles that are wanted, beside what others did to other members.

    Args:
        base: Roles as the user was shown them; who is missing in it, whatever theirs is.
        mine: Roles that are wanted.
        theirs: What the platform has now.
    """
    before: dict[str, str] = {}
    after: dict[str, str] = {}
    conflicts = []
    for member, new in mine.items():
        now = theirs.role_of(member)
        old = base.get(member)
        if new in (now, old):
            continue
        if old not in (None, now):
            conflicts.append(member)
            continue
        spelled = theirs.spell(member)
        before[spelled], after[spelled] = now, new
    return MergedSharing(theirs.with_roles(after), before, after, tuple(conflicts))


def fill_base(seen: Roles, mine: Roles, now: Sharing) -> dict[str, str]:
    """Return what roles are merged from, also of members whose roles could not be shown.

    They may have been given theirs since, and nobody may change it unseen: they had none, as far as
    the user knew.

    Args:
        seen: Roles as the user was shown them.
        mine: Roles that are wanted.
        now: What the platform has.
    """
    base = dict(seen)
    for member, wanted in mine.items():
        if member not in base:
            role = now.role_of(member)
            base[member] = role if role in (NONE, wanted) else UNSEEN
    return base


def compare_roles(wanted: Roles, now: Sharing) -> dict[str, str]:
    """Return the members that do not have the role that is wanted, with the one they have."""
    has = {member: now.role_of(member) for member in wanted}
    return {member: role for member, role in has.items() if role != wanted[member]}


def loses_ownership(before: Sharing, after: Sharing, user: str) -> bool:
    """Tell whether a user is no longer an owner afterwards, or nobody is.

    Args:
        before: Who can see it.
        after: Who could see it then.
        user: The user's address; empty: not known, so that it may be any of its owners.
    """
    owners = {each.casefold() for each, role in before.users.items() if role == "owner"}
    left = {each.casefold() for each, role in after.users.items() if role == "owner"}
    if not user:
        return bool(owners - left)
    return (user.casefold() in owners - left) or bool(owners and not left)
