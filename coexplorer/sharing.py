"""Who can see an asset, and what they may do with it: a value, its changes, and their merge. Pure.

A *member* is who can be given a role: ``user maya@example.org``, ``group Imaging`` or ``everyone``.
A role that is named ``none`` is no access. Changes are maps of member → role; who is not named in
one is left as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import Final, Literal

import msgspec

from coexplorer.errors import InvalidField
from coexplorer.text import list_like

Kind = Literal["user", "group", "everyone"]

NONE: Final = "none"
"""No access."""

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


def parse_grant(kind: Kind, text: str) -> tuple[str, str]:
    """Read ``maya@example.org:viewer``, or ``Imaging:editor`` of a group.

    Returns:
        The member and its role.

    Raises:
        InvalidField: There is no role in it, or one that can't be given to such a member.
    """
    name, colon, role = text.rpartition(":")
    name, role = name.strip(), role.strip().lower()
    example = "maya@example.org:viewer" if kind == "user" else "Imaging:viewer"
    if not colon or not name:
        raise InvalidField("sharing", f"expected NAME:ROLE, as in {example}: {text!r}")
    check_role(kind, role)
    check_name(name)
    if role != NONE and _is_run_together(kind, name):
        raise InvalidField("sharing", f"expected one name before the role, not {name[:60]!r}")
    return (name_user(name) if kind == "user" else name_group(name)), role


def _is_run_together(kind: Kind, name: str) -> bool:
    """Tell whether a name holds more than one: what was typed has lost a comma.

    An address has no colon, comma or blank behind its @; a group may be called anything, but for a
    role behind a colon, and ``everyone:…``.
    """
    if kind == "user":
        host = name.rpartition("@")[2]
        return any(sign in ":,;<>" or sign.isspace() for sign in host)
    first, *others = (part.strip().casefold() for part in name.split(":"))
    return bool(others) and (first == EVERYONE or others[-1] in list_roles("group"))


def build_options(roles: Roles) -> list[str]:
    """Return the options of ``coexplorer share`` that give these roles."""
    options = []
    for member, role in roles.items():
        name = title_of(member)
        if member == EVERYONE:
            options += [f"--{EVERYONE}", role]
        elif role == NONE:
            options += ["--remove", name]
        else:
            options += [f"--{kind_of(member)}", f"{name}:{role}"]
    return options


def find_kind(name: str) -> Kind:
    """Return what a name means where its kind is not said: an address is a user's."""
    if name == EVERYONE:
        return EVERYONE
    return "user" if "@" in name else "group"


def parse_changes(text: str) -> SharingChange:
    """Read ``everyone:viewer, maya@example.org:editor, Imaging:none``.

    Raises:
        InvalidField: A part of it has no role, or one that can't be given, or names somebody twice.
    """
    roles: dict[str, str] = {}
    for part in filter(None, (each.strip() for each in text.split(","))):
        name, colon, role = part.rpartition(":")
        if colon and name.strip() == EVERYONE:
            member, role = EVERYONE, role.strip().lower()
            check_role("everyone", role)
        else:
            member, role = parse_grant(find_kind(name.strip()), part)
        if roles.setdefault(member, role) != role:
            raise InvalidField("sharing", f"{title_of(member)} is given two roles: choose one")
    if not roles:
        raise InvalidField("sharing", "expected NAME:ROLE, as in maya@example.org:viewer")
    return SharingChange(roles)


def format_sharing(sharing: Sharing) -> str:
    """Return who can see an asset as lines: ``user maya@example.org: owner``."""
    lines = [f"{member}: {role}" for member, role in list_members(sharing)]
    if EVERYONE not in sharing.roles:
        lines.insert(0, f"{EVERYONE}: {NONE}")
    return "".join(f"{line}\n" for line in lines)


def parse_sharing_text(text: str, before: Sharing) -> Sharing:
    """Read what `format_sharing` wrote, edited; empty lines and lines that begin with # are left.

    Args:
        text: The lines. Who has none has no access.
        before: What was written: who kept their role there is not judged.

    Raises:
        InvalidField: A line can't be read, or what was written can't be said in lines.
    """
    if before.odd or _read_lines(format_sharing(before), before) != before.roles:
        raise InvalidField("sharing", "a name in it can't be written here: share it elsewhere")
    roles = _read_lines(text.removeprefix("\ufeff"), before)
    return Sharing().with_roles(roles)


def _read_lines(text: str, before: Sharing) -> dict[str, str]:
    roles: dict[str, str] = {}
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        name, role = _split_line(stripped)
        try:
            member = before.spell(_read_member(name))
            if before.role_of(member) != role:
                role = role.lower()
                check_role(kind_of(member), role)
        except InvalidField as error:
            reason = error.message.removeprefix("sharing: ")
            if meant := _guess_line(stripped):
                reason += f"; did you mean: {meant}"
            raise InvalidField("sharing", f"line {number}: {reason}") from None
        if roles.setdefault(member, role) != role:
            raise InvalidField("sharing", f"line {number}: {title_of(member)} has two roles")
    return {member: role for member, role in roles.items() if role != NONE}


def _split_line(line: str) -> tuple[str, str]:
    """Return whom a line is about, and the role, also where only the colon is left out.

    An address has no blanks, so that can only be meant one way; a group's name may have any.
    """
    if ":" in line:
        name, _, role = (part.strip() for part in line.rpartition(":"))
    else:
        words = line.split()
        rest, last = words[:-1], words[-1].lower()
        is_user = len(rest) == 2 and rest[0] == _USER.strip() and "@" in rest[1]  # noqa: PLR2004 # user ADDRESS
        is_known = is_user or rest == [EVERYONE] or (len(rest) == 1 and "@" in rest[0])
        if not is_known or last not in {level.name for level in LEVELS}:
            return "", line
        name, role = " ".join(rest), last
    if " " not in name and "@" in name:
        name = _USER + name
    return name, role


def _guess_line(line: str) -> str:
    """Return what a line that can't be read may have meant; empty: nobody can tell."""
    words = line.replace(":", " ").replace("=", " ").replace(",", " ").split()
    known = [level.name for level in LEVELS]
    for at in (-1, 0):  # the role is last, or comes first
        role = list_like(words[at], known, least=0.8) if len(words) > 1 else []
        rest = words[:-1] if at else words[1:]
        kind = rest[0].casefold() if rest else ""
        if not role or not rest:
            continue
        if kind in ("user", "group") and len(rest) > 1:
            member = f"{kind} {' '.join(rest[1:])}"
        elif kind == EVERYONE and len(rest) == 1:
            member = EVERYONE
        else:
            name = " ".join(rest)
            member = f"{find_kind(name)} {name}"
        meant = f"{member}: {role[0]}"
        is_whole = role[0] in list_roles(kind_of(member))
        return meant if is_whole and meant != line else ""
    return ""


def _read_member(name: str) -> str:
    if name == EVERYONE:
        return EVERYONE
    kind, _, rest = name.partition(" ")
    if kind not in ("user", "group") or not rest.strip():
        raise InvalidField(
            "sharing", 'expected everyone, "user ADDRESS" or "group NAME", a colon and a role'
        )
    check_name(rest.strip())
    return f"{kind} {rest.strip()}"


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


def check_role(kind: Kind, role: str) -> None:
    """Check that a role can be given.

    Raises:
        InvalidField: It can't; it says which can.
    """
    known = list_roles(kind)
    if role not in known:
        whom = "everyone" if kind == "everyone" else f"a {kind}"
        raise InvalidField(
            "sharing", f"{whom} can be {', '.join(known[:-1])} or {known[-1]}, not {role!r}"
        )


def check_name(name: str) -> None:
    """Check an address or a group's name.

    Raises:
        InvalidField: Nobody can be called so.
    """
    if not name or not name.isprintable() or len(name) > 320:  # noqa: PLR2004 # RFC 3696, 3
        raise InvalidField("sharing", f"expected an address or a group's name: {name[:40]!r}")


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
        spelled = {member: member for member in self.roles if member.startswith(_USER)}
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


def tell_conflict(members: Sequence[str], wanted: Roles, theirs: Sharing) -> str:
    """Say whose roles were changed elsewhere, to what, and what was wanted."""
    return "; ".join(
        f"{title_of(member)} was given {theirs.role_of(member)} elsewhere, not {wanted[member]}"
        if theirs.role_of(member) != NONE
        else f"the access of {title_of(member)} was taken away elsewhere"
        for member in members
    )


def _join(names: Iterable[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last


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
