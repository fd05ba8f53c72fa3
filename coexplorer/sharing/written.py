"""Roles as people write them: an option, a list between commas, lines of a text."""

from __future__ import annotations

from coexplorer.errors import InvalidField
from coexplorer.sharing.changes import SharingChange
from coexplorer.sharing.roles import (
    EVERYONE,
    LEVELS,
    NONE,
    Kind,
    Roles,
    Sharing,
    kind_of,
    list_members,
    list_roles,
    name_group,
    name_user,
    title_of,
)
from coexplorer.text import list_like


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
            member = before.spell(_read_member(_strip_quotes(name)))
            if member not in before.roles:
                member = before.spell(_unquote(member))
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
        is_user = len(rest) == 2 and rest[0] == "user" and "@" in rest[1]  # noqa: PLR2004 # user ADDRESS
        is_known = is_user or rest == [EVERYONE] or (len(rest) == 1 and "@" in rest[0])
        if not is_known or last not in {level.name for level in LEVELS}:
            return "", line
        name, role = " ".join(rest), last
    if " " not in name and "@" in name:
        name = name_user(name)
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


def _unquote(member: str) -> str:
    """Return a member without quotes around the name: people put them where it has blanks."""
    kind, _, name = member.partition(" ")
    return f"{kind} {_strip_quotes(name)}" if name else member


def _strip_quotes(text: str) -> str:
    is_quoted = len(text) > 2 and text[0] == text[-1] and text[0] in "\"'"  # noqa: PLR2004 # both
    return text[1:-1].strip() if is_quoted else text


def _read_member(name: str) -> str:
    if name == EVERYONE:
        return EVERYONE
    kind, _, rest = name.partition(" ")
    if kind not in ("user", "group") or not rest.strip():
        raise InvalidField(
            "sharing", "expected everyone, user ADDRESS or group NAME, then a colon and a role"
        )
    check_name(rest.strip())
    return f"{kind} {rest.strip()}"


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
