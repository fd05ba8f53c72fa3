"""``data_assets/{id}/permissions``: who can see an asset, as the platform says it and takes it.

Replies are read tolerantly. All three parts are sent whole with each change, as nobody knows
whether a list that is left out stays (design: api.md, Sharing).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from coexplorer.api.calls import Call, Repeat, asset_path
from coexplorer.api.forbidden import Act
from coexplorer.api.wire import decode_reply
from coexplorer.lenient_json import encode_exactly
from coexplorer.models import AssetId
from coexplorer.sharing.roles import EVERYONE, LEVELS, NONE, Roles, Sharing, kind_of, title_of


class UserRole(msgspec.Struct, frozen=True):
    """A user's role on the wire."""

    email: str
    role: str


class GroupRole(msgspec.Struct, frozen=True):
    """A group's role on the wire."""

    group: str
    role: str


class Permissions(msgspec.Struct, frozen=True):
    """The body of a change of who can see an asset.

    None is sent as null, as the vendor's client does with what is not set.
    """

    users: list[UserRole] | None
    groups: list[GroupRole] | None
    everyone: str | None


_RANK: Final = {level.name: number for number, level in enumerate(LEVELS)}


def build_permissions(asset_id: AssetId) -> Call:
    """Build the request for who can see an asset (v4.3+)."""
    return Call("GET", f"{asset_path(asset_id)}/permissions")


def build_share(asset_id: AssetId, wanted: Sharing) -> Call:
    """Build the request that sets who can see an asset: all of it."""
    body = Permissions(
        [UserRole(email, role) for email, role in wanted.users.items()],
        [GroupRole(group, role) for group, role in wanted.groups.items()],
        wanted.everyone,
    )
    return _build(asset_id, body, Repeat.UNSENT)


def build_grants(asset_id: AssetId, roles: Roles) -> Call:
    """Build a request that gives roles where nobody can say who has one: only what is named.

    Carried out twice it does the same as once.
    """
    users = [UserRole(title_of(m), role) for m, role in roles.items() if kind_of(m) == "user"]
    groups = [GroupRole(title_of(m), role) for m, role in roles.items() if kind_of(m) == "group"]
    body = Permissions(users or None, groups or None, roles.get(EVERYONE))
    return _build(asset_id, body, Repeat.ALWAYS)


def _build(asset_id: AssetId, body: Permissions, repeat: Repeat) -> Call:
    path = f"{asset_path(asset_id)}/permissions"
    content = encode_exactly(msgspec.to_builtins(body))
    return Call("POST", path, act=Act.SHARE, body=content, repeat=repeat, writes=True)


def parse_sharing(body: bytes) -> Sharing:
    """Read who can see an asset. What is missing in it is nobody.

    Raises:
        ValueError: It is no such answer.
    """
    reply = decode_reply(body)
    everyone = reply.get(EVERYONE)
    if not isinstance(everyone, str | None):
        raise ValueError("it does not say what everyone may do")
    if not reply.keys() & {"users", "groups", EVERYONE}:
        raise ValueError("it does not say who can see the asset")
    users, odd_users = _read_roles(reply, "users", "email")
    groups, odd_groups = _read_roles(reply, "groups", "group")
    return Sharing(users, groups, everyone or NONE, odd_users + odd_groups)


def _read_roles(reply: Mapping[str, object], key: str, name: str) -> tuple[dict[str, str], int]:
    """Return the roles of a list, and how many of its entries say nothing."""
    items = reply.get(key)
    if items is None:
        return {}, 0
    if not isinstance(items, list):
        raise ValueError(f"it has no usable list of {key}")
    roles: dict[str, str] = {}
    odd = 0
    for item in items:
        who = item.get(name) if isinstance(item, dict) else None
        role = item.get("role") if isinstance(item, dict) else None
        if not (isinstance(who, str) and who and isinstance(role, str) and role):
            odd += 1
        elif who not in roles or _RANK.get(role, 0) < _RANK.get(roles[who], 0):
            roles[who] = role
    return roles, odd
