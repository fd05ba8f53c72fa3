"""Who can see an asset: ``GET`` and ``POST data_assets/{id}/permissions``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from coexplorer.demo.asset import Role, StoredAsset
from coexplorer.demo.bodies import decode_body
from coexplorer.demo.deployment import (
    Deployment,
    check_editor,
    check_owner,
    check_reader,
    get_asset,
    get_deployment,
    sign_in,
)
from coexplorer.demo.guesses import Guesses, Unknown
from coexplorer.demo.people import GROUPS
from coexplorer.demo.replies import Refusal, build_reply
from coexplorer.demo.sharing import is_owner


class UserRole(msgspec.Struct, frozen=True):
    """A user's permission."""

    email: str
    role: Literal["owner", "editor", "viewer"]


class GroupRole(msgspec.Struct, frozen=True):
    """A group's permission."""

    group: str
    role: Literal["owner", "editor", "viewer", "discoverable"]


class PermissionsBody(msgspec.Struct, frozen=True):
    """Body of a change of permissions; everything may be null or left out (`Guesses`)."""

    users: list[UserRole] | None = None
    groups: list[GroupRole] | None = None
    everyone: Literal["viewer", "discoverable", "none"] | None = None
    share_assets: bool | None = None


async def get_permissions(request: Request) -> Response:
    """Answer ``GET data_assets/{id}/permissions`` (v4.3 and later).

    That who can only find the asset is refused is a guess.
    """
    user = sign_in(request).user
    asset = get_asset(request, user)
    check_reader(asset, user)
    told = _describe(asset)
    if get_deployment(request).guesses.empty_permissions == "left out":
        told = {key: value for key, value in told.items() if value not in ([], "none", False)}
    return build_reply(told)


async def set_permissions(request: Request) -> Response:
    """Answer ``POST data_assets/{id}/permissions``; what is not documented is in `Guesses`.

    One more guess: who created the asset stays an owner, whatever is asked for.
    """
    user = sign_in(request, to_write=True).user
    asset = get_asset(request, user)
    deployment = get_deployment(request)
    guesses = deployment.guesses
    (check_owner if guesses.sharers == "owners" else check_editor)(asset, user)
    asked = decode_body(await request.body(), PermissionsBody)
    roles = _parse_users(asked.users, asset, deployment)
    groups = _parse_groups(asked.groups, guesses.unknown_group)
    changes: dict[str, object] = {
        # What an import said about who finds it as shared is over.
        "shared_to": {},
        "roles": _settle(roles, asset.roles, guesses),
        "groups": _settle(groups, asset.groups, guesses),
    }
    if asked.everyone is not None:
        changes["everyone"] = asked.everyone
    deployment.store.update(asset.id, **changes)
    if asked.share_assets:
        _share_parts(deployment, asset, user.email, roles or {}, groups or {})
    return Response(status_code=204)


def _describe(asset: StoredAsset) -> dict[str, object]:
    users = [{"email": asset.owner, "role": "owner"}]
    users += [{"email": email, "role": role.value} for email, role in asset.roles.items()]
    return {
        "users": users,
        "groups": [{"group": group, "role": role.value} for group, role in asset.groups.items()],
        "everyone": asset.everyone,
        "share_assets": False,
    }


def _parse_users(
    given: Iterable[UserRole] | None, asset: StoredAsset, deployment: Deployment
) -> dict[str, Role] | None:
    if given is None:
        return None
    known = {user.email for user in deployment.users}
    roles = {}
    for each in given:
        if each.email == asset.owner:
            continue
        if each.email in known or each.email in asset.roles:
            roles[each.email] = Role(each.role)
        elif deployment.guesses.unknown_user == "refuse":
            raise Refusal(400, f"bad request: no user {each.email}")
    return roles


def _parse_groups(given: Iterable[GroupRole] | None, unknown: Unknown) -> dict[str, Role] | None:
    if given is None:
        return None
    roles = {}
    for each in given:
        if each.group in GROUPS:
            roles[each.group] = Role(each.role)
        elif unknown == "refuse":
            raise Refusal(400, f"bad request: no group {each.group}")
    return roles


def _settle(
    asked: dict[str, Role] | None, present: dict[str, Role], guesses: Guesses
) -> dict[str, Role]:
    """Return roles as they will be."""
    if asked is None:
        return present if guesses.unset_list == "keep" else {}
    return {**present, **asked} if guesses.permissions == "add" else asked


def _share_parts(
    deployment: Deployment,
    asset: StoredAsset,
    email: str,
    roles: dict[str, Role],
    groups: dict[str, Role],
) -> None:
    """Let those who were added see what a combined asset contains, where that is the sharer's.

    That ``share_assets`` means the contained assets here, and that it makes viewers, are guesses.
    """
    for part in asset.contained:
        inner = deployment.store.find(part.id)
        if inner is None or not is_owner(inner, email):
            continue
        people = dict.fromkeys((each for each in roles if each != inner.owner), Role.VIEWER)
        deployment.store.update(
            inner.id,
            shared_to={},
            roles={**people, **inner.roles},
            groups={**dict.fromkeys(groups, Role.VIEWER), **inner.groups},
        )
