"""The calls on capsules and pipelines: search, get, app panel, computations, archive, delete."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from coexplorer.demo.asset import User
from coexplorer.demo.bodies import decode_body
from coexplorer.demo.capsule import StoredCapsule
from coexplorer.demo.deployment import (
    Deployment,
    check_capsule_editor,
    find_kind,
    get_capsule,
    get_deployment,
    sign_in,
)
from coexplorer.demo.dialects import OWNER_EMAIL_SINCE, Dialect
from coexplorer.demo.releases import list_versions
from coexplorer.demo.replies import Refusal, build_reply
from coexplorer.demo.routes_attachments import find_living
from coexplorer.demo.routes_computations import describe_computation
from coexplorer.demo.routes_search import parse_flag
from coexplorer.demo.search import TERM, Filter
from coexplorer.demo.sharing import find_role, is_owner, may_read

MAX_LIMIT = 1_000
DEFAULT_LIMIT = 100
"""Rows of a page at most, and where the request names no number (as of assets)."""


class CapsuleSearchBody(msgspec.Struct, frozen=True):
    """Body of a search; null is the same as left out."""

    query: str | None = None
    next_token: str | None = None
    offset: int | None = None
    limit: int | None = None
    sort_field: Literal["created", "name", "last_accessed"] | None = None
    sort_order: Literal["asc", "desc"] | None = None
    ownership: Literal["private", "created", "shared"] | None = None
    status: Literal["release", "non_release"] | None = None
    favorite: bool | None = None
    archived: bool | None = None
    filters: list[Filter] | None = None


async def get_one(request: Request) -> Response:
    """Answer ``GET capsules/{id}``."""
    capsule = get_capsule(request, sign_in(request).user)
    return build_reply(describe_capsule(get_deployment(request), capsule))


async def search(request: Request) -> Response:
    """Answer ``POST capsules/search``: of what the user may see.

    An asset's id as the query finds what it is attached to, but for who can find a capsule alone
    (a guess).
    """
    user = sign_in(request).user
    asked = decode_body(await request.body(), CapsuleSearchBody)
    limit = DEFAULT_LIMIT if asked.limit is None else asked.limit
    if not 1 <= limit <= MAX_LIMIT:
        raise Refusal(400, f"bad request: limit must be from 1 to {MAX_LIMIT}")
    if (asked.offset or 0) < 0:
        raise Refusal(400, "bad request: offset must not be negative")
    deployment, kind = get_deployment(request), find_kind(request)
    found = [
        capsule
        for capsule in deployment.store.workshop.capsules()
        if capsule.kind == kind and _fits(deployment, capsule, asked, user)
    ]
    field = asked.sort_field or "created"
    found.sort(key=_SORT_KEYS[field], reverse=asked.sort_order != "asc")
    start = asked.offset or 0
    order = f"{field} {asked.sort_order}"
    if asked.next_token:
        start = _parse_token(asked.next_token, order)
    page = found[start : start + limit]
    has_more = start + limit < len(found)
    reply: dict[str, object] = {
        "has_more": has_more,
        "results": [describe_capsule(deployment, each) for each in page],
    }
    if has_more:
        reply["next_token"] = _build_token(order, start + limit)
    return build_reply(reply)


async def get_app_panel(request: Request) -> Response:
    """Answer ``GET capsules/{id}/app_panel``: its parameters, and what is attached to it."""
    user = sign_in(request).user
    capsule = get_capsule(request, user)
    _check_reader(capsule, user)
    deployment = get_deployment(request)
    attached = []
    for each in find_living(deployment, capsule.attached):
        asset = deployment.store.get(each.id)
        kind = "external" if asset.external else "internal"
        attached.append(
            {
                "id": each.id,
                "mount": each.mount,
                "name": asset.name,
                "kind": "combined" if asset.type == "combined" else kind,
                "accessible": may_read(asset, user.email),
            }
        )
    parameters = [
        {"name": each.name, "param_name": each.param_name, "type": "text"}
        | {"default_value": each.value, "required": False, "hidden": False}
        for each in capsule.parameters
    ]
    panel = {"general": {"title": capsule.name, "instructions": "", "help_text": ""}}
    return build_reply(panel | {"data_assets": attached, "parameters": parameters, "results": []})


async def list_computations(request: Request) -> Response:
    """Answer ``GET capsules/{id}/computations``: all of them, in a bare list."""
    user = sign_in(request).user
    capsule = get_capsule(request, user)
    _check_reader(capsule, user)
    deployment = get_deployment(request)
    runs = deployment.store.workshop.computations(capsule.id)
    return build_reply([describe_computation(deployment, each) for each in runs])


async def archive(request: Request) -> Response:
    """Answer ``PATCH capsules/{id}/archive?archive=``."""
    user = sign_in(request, to_write=True).user
    capsule = get_capsule(request, user)
    check_capsule_editor(capsule, user)
    archived = parse_flag(request.query_params, "archive")
    if archived is None:
        raise Refusal(400, "bad request: archive must be true or false")
    get_deployment(request).store.workshop.update_capsule(capsule.id, archived=archived)
    return Response(status_code=204)


async def delete(request: Request) -> Response:
    """Answer ``DELETE capsules/{id}``: only of what is archived and not released (documented)."""
    user = sign_in(request, to_write=True).user
    capsule = get_capsule(request, user)
    check_capsule_editor(capsule, user)
    if not is_owner(capsule, user.email):
        raise Refusal(403, "Forbidden: only an owner can do that")
    if not capsule.archived:
        raise Refusal(403, "Forbidden: it must be archived before it can be deleted")
    get_deployment(request).store.workshop.delete_capsule(capsule.id)
    return Response(status_code=204)


def describe_capsule(deployment: Deployment, capsule: StoredCapsule) -> dict[str, object]:
    """Return the object of a reply."""
    wire: dict[str, object] = {
        "id": capsule.id,
        "created": capsule.created,
        "name": capsule.name,
        "status": capsule.status,
        "owner": deployment.find_user_id(capsule.owner),
        "slug": capsule.slug,
        "description": capsule.description,
        "field": capsule.field,
        "tags": capsule.tags,
    }
    if deployment.version >= OWNER_EMAIL_SINCE:
        wire["owner_email"] = capsule.owner
    if capsule.last_accessed is not None:
        wire["last_accessed"] = capsule.last_accessed
    if deployment.dialect is Dialect.V3_0:
        # The SDK of then knows no other words.
        published = capsule.status == "release"
        wire["status"] = "published" if published else "non-published"
        wire["keywords"] = wire.pop("tags")
    if versions := list_versions(capsule):
        wire["versions"] = versions
    return wire


def _check_reader(capsule: StoredCapsule, user: User) -> None:
    if not may_read(capsule, user.email):
        raise Refusal(403, "Forbidden: you can find this but not see what is in it")


def _fits(
    deployment: Deployment, capsule: StoredCapsule, asked: CapsuleSearchBody, user: User
) -> bool:
    role = find_role(capsule, user.email)
    if role is None:
        return False
    mine = capsule.owner == user.email
    private = not (capsule.roles or capsule.groups or capsule.everyone != "none")
    owned = {"created": mine, "shared": not mine, "private": mine and private}
    return (
        (asked.ownership is None or owned[asked.ownership])
        and asked.status in (None, capsule.status)
        and (asked.archived is None or asked.archived == capsule.archived)
        and (not asked.favorite or user.email in capsule.favorite_of)
        and all(_fits_filter(capsule, each) for each in asked.filters or ())
        and _fits_query(deployment, capsule, asked.query or "", user)
    )


def _fits_query(deployment: Deployment, capsule: StoredCapsule, query: str, user: User) -> bool:
    """Same field repeated: either; different fields and all free words: every one."""
    attached = [each.id for each in capsule.attached if may_read(capsule, user.email)]
    fields: dict[str, bool] = {}
    for match in TERM.finditer(query):
        text = match["phrase"] if match["phrase"] is not None else match["word"]
        field, colon, value = text.partition(":")
        if match["field"] is not None:
            field, value = match["field"].lower(), text
        elif not colon or field.lower() not in _FIELDS:
            is_attached = text in attached and deployment.store.find(text) is not None
            if text and not is_attached and not _holds(capsule, text):
                return False
            continue
        key = field.lower()
        found = value.strip('"').casefold() in _FIELDS.get(key, _nothing)(capsule)
        fields[key] = fields.get(key, False) or found
    return all(fields.values())


def _nothing(_: StoredCapsule) -> str:
    return ""


_FIELDS: dict[str, Callable[[StoredCapsule], str]] = {
    "id": lambda capsule: capsule.id.casefold(),
    "name": lambda capsule: capsule.name.casefold(),
    "tag": lambda capsule: "\n".join(capsule.tags).casefold(),
    "field": lambda capsule: capsule.field.casefold(),
    "author": lambda capsule: capsule.owner.casefold(),
}


def _holds(capsule: StoredCapsule, text: str) -> bool:
    """Tell whether a free word stands anywhere in a capsule's texts."""
    texts = (capsule.id, capsule.slug, capsule.name, capsule.description, *capsule.tags)
    return any(text.casefold() in each.casefold() for each in texts)


def _fits_filter(capsule: StoredCapsule, each: Filter) -> bool:
    texts = {"name": (capsule.name,), "description": (capsule.description,), "tags": capsule.tags}
    wanted = [*(each.values or ()), *(() if each.value is None else (each.value,))]
    if each.key not in texts or not wanted:
        raise Refusal(400, "bad request: a filter has a key and one of value and values")
    held = [text.casefold() for text in texts[each.key]]
    whole = each.key == "tags"
    found = any(
        word == text if whole else word in text
        for word in (str(value).casefold() for value in wanted)
        for text in held
    )
    return found != bool(each.exclude)


_SORT_KEYS: dict[str, Callable[[StoredCapsule], tuple[str | int, str]]] = {
    "created": lambda capsule: (capsule.created, capsule.id),
    "name": lambda capsule: (capsule.name.casefold(), capsule.id),
    "last_accessed": lambda capsule: (capsule.last_accessed or 0, capsule.id),
}


def _build_token(order: str, start: int) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((order, start))).decode()


def _parse_token(token: str, order: str) -> int:
    try:
        raw = base64.urlsafe_b64decode(token.encode())
        given, start = msgspec.json.decode(raw, type=tuple[str, int])
    except ValueError as error:
        raise Refusal(400, "next_token is not valid") from error
    if given != order or start < 0:
        raise Refusal(400, "next_token belongs to a search in another order")
    return start
