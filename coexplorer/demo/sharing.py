"""What somebody may do with an asset, a capsule or a pipeline: by name, by a group, as everyone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from coexplorer.demo.asset import Role
from coexplorer.demo.people import find_groups

_STRENGTH = (Role.DISCOVERABLE, Role.VIEWER, Role.EDITOR, Role.OWNER)


class Shared(Protocol):
    """What somebody owns, and others may see or change."""

    @property
    def owner(self) -> str:
        """Email of who created it."""

    @property
    def roles(self) -> Mapping[str, Role]:
        """Email to role."""

    @property
    def groups(self) -> Mapping[str, Role]:
        """Group name to role."""

    @property
    def everyone(self) -> str:
        """What all may do, or ``none``."""


def find_role(asset: Shared, email: str) -> Role | None:
    """Return the strongest role that somebody has, None for who may not even find the asset."""
    if asset.owner == email:
        return Role.OWNER
    roles = [asset.groups[name] for name in find_groups(email) if name in asset.groups]
    if email in asset.roles:
        roles.append(asset.roles[email])
    if asset.everyone != "none":
        roles.append(Role(asset.everyone))
    return max(roles, key=_STRENGTH.index, default=None)


def may_read(asset: Shared, email: str) -> bool:
    """Tell whether somebody can see an asset's object and its files."""
    return find_role(asset, email) not in {None, Role.DISCOVERABLE}


def may_edit(asset: Shared, email: str) -> bool:
    """Tell whether somebody can change an asset's fields, and archive it."""
    return find_role(asset, email) in {Role.EDITOR, Role.OWNER}


def is_owner(asset: Shared, email: str) -> bool:
    """Tell whether somebody is one of an asset's owners."""
    return find_role(asset, email) is Role.OWNER
