"""Who can see an asset or a capsule: ``GET`` and ``POST data_assets/{id}/permissions``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from coexplorer.demo.asset import Role
from coexplorer.demo.bodies import decode_body
from coexplorer.demo.deployment import (
    Deployment,
    check_editor,
    check_owner,
    check_reader,
    get_asset,
    get_capsule,
    get_deployment,
    sign_in,
)
from coexplorer.demo.guesses import Guesses, Unknown
from coexplorer.demo.people import GROUPS
from coexplorer.demo.replies import Refusal, build_reply
from coexplorer.demo.sharing import Shared, is_owner, may_read


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
    (check_owner if deployment.guesses.sharers == "owners" else check_editor)(asset, user)
    asked = decode_body(await request.body(), PermissionsBody)
    changes = _settle_all(deployment, asked, asset)
    # What an import said about who finds it as shared is over.
    deployment.store.update(asset.id, shared_to={}, **changes)
    if asked.share_assets:
        _share_parts(deployment, [part.id for part in asset.contained], user.email, asked)
    return Response(status_code=204)


async def get_capsule_permissions(request: Request) -> Response:
    """Answer ``GET capsules/{id}/permissions``, as of an asset."""
    user = sign_in(request).user
    capsule = get_capsule(request, user)
    if not may_read(capsule, user.email):
        raise Refusal(403, "Forbidden: you can find this but not see what is in it")
    return build_reply(_describe(capsule))


async def set_capsule_permissions(request: Request) -> Response:
    """Answer ``POST capsules/{id}/permissions``: with ``share_assets`` of what is attached, too."""
    user = sign_in(request, to_write=True).user
    capsule = get_capsule(request, user)
    deployment = get_deployment(request)
    if not is_owner(capsule, user.email):
        raise Refusal(403, "Forbidden: only an owner can do that")
    asked = decode_body(await request.body(), PermissionsBody)
    changes = _settle_all(deployment, asked, capsule)
    deployment.store.workshop.update_capsule(capsule.id, **changes)
    if asked.share_assets:
        _share_parts(deployment, [each.id for each in capsule.attached], user.email, asked)
    return Response(status_code=204)


def _settle_all(
    deployment: Deployment, asked: PermissionsBody, shared: Shared
) -> dict[str, object]:
    """Return what a change of permissions changes.

    Raises:
        Refusal: 400: it names somebody who is not there.
    """
    guesses = deployment.guesses
    roles = _parse_users(asked.users, shared, deployment)
    groups = _parse_groups(asked.groups, guesses.unknown_group)
    changes: dict[str, object] = {
        "roles": _settle(roles, shared.roles, guesses),
        "groups": _settle(groups, shared.groups, guesses),
    }
    if asked.everyone is not None:
        changes["everyone"] = asked.everyone
    return changes


def _describe(asset: Shared) -> dict[str, object]:
    users = [{"email": asset.owner, "role": "owner"}]
    users += [{"email": email, "role": role.value} for email, role in asset.roles.items()]
    return {
        "users": users,
        "groups": [{"group": group, "role": role.value} for group, role in asset.groups.items()],
        "everyone": asset.everyone,
        "share_assets": False,
    }


def _parse_users(
    given: Iterable[UserRole] | None, asset: Shared, deployment: Deployment
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
    asked: dict[str, Role] | None, present: Mapping[str, Role], guesses: Guesses
) -> Mapping[str, Role]:
    """Return roles as they will be."""
    if asked is None:
        return present if guesses.unset_list == "keep" else {}
    return {**present, **asked} if guesses.permissions == "add" else asked


def _share_parts(
    deployment: Deployment, parts: Iterable[str], email: str, asked: PermissionsBody
) -> None:
    """Let those who were added see what something contains, where that is the sharer's.

    That ``share_assets`` means the contained assets here, and that it makes viewers, are guesses.
    """
    for part in parts:
        inner = deployment.store.find(part)
        if inner is None or not is_owner(inner, email):
            continue
        roles = _parse_users(asked.users, inner, deployment) or {}
        groups = _parse_groups(asked.groups, deployment.guesses.unknown_group) or {}
        deployment.store.update(
            inner.id,
            shared_to={},
            roles={**dict.fromkeys(roles, Role.VIEWER), **inner.roles},
            groups={**dict.fromkeys(groups, Role.VIEWER), **inner.groups},
        )
