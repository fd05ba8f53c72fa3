"""The calls on one asset: get, create, update, archive, delete; and the schema."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterable, Mapping

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.bodies import decode_body
from coexplorer.demo.create_body import parse_create
from coexplorer.demo.creation import build_draft, check_parts, check_rights, run_creation
from coexplorer.demo.deployment import (
    Deployment,
    check_editor,
    check_owner,
    get_asset,
    get_deployment,
    sign_in,
)
from coexplorer.demo.metadata import find_metadata_mistake
from coexplorer.demo.replies import Refusal, build_reply
from coexplorer.demo.routes_search import parse_flag


class UpdateBody(msgspec.Struct, frozen=True):
    """Body of a PUT; what is null or left out stays as it is (design: api.md)."""

    name: str | None = None
    description: str | None = None
    tags: list[str] | None = None
    mount: str | None = None
    custom_metadata: dict[str, object] | None = None


async def get_one(request: Request) -> Response:
    """Answer ``GET data_assets/{id}``."""
    asset = get_asset(request, sign_in(request).user)
    return build_reply(get_deployment(request).describe(asset))


async def create(request: Request) -> Response:
    """Answer ``POST data_assets``: a draft, whose files are fetched in the background."""
    user = sign_in(request, to_write=True).user
    deployment = get_deployment(request)
    content_type = request.headers.get("content-type", "")
    asked = parse_create(await request.body(), content_type, deployment.dialect, deployment.version)
    metadata = _settle_metadata(deployment, asked.custom_metadata or {}, {})
    asked = msgspec.structs.replace(asked, custom_metadata=metadata)
    check_parts(asked, deployment, user)
    check_rights(asked, deployment, user)
    draft = build_draft(asked, user, deployment)
    draft = msgspec.structs.replace(draft, tags=as_set(draft.tags))
    deployment.store.insert([draft])
    deployment.start_job(run_creation(deployment, draft, asked))
    return build_reply(deployment.describe(draft, created=True))


async def update(request: Request) -> Response:
    """Answer ``PUT data_assets/{id}`` with the whole asset."""
    user = sign_in(request, to_write=True).user
    asset = get_asset(request, user)
    check_editor(asset, user)
    deployment = get_deployment(request)
    asked = decode_body(await request.body(), UpdateBody)
    if asked.name is not None and not asked.name.strip():
        raise Refusal(400, "bad request: name must not be empty")
    given = msgspec.structs.asdict(asked)
    changes = {key: value for key, value in given.items() if value is not None}
    if asked.tags is not None:
        changes["tags"] = as_set(asked.tags)
    if asked.custom_metadata is not None:
        changes["custom_metadata"] = _settle_metadata(
            deployment, asked.custom_metadata, asset.custom_metadata
        )
    changed = deployment.store.update(asset.id, **changes)
    return build_reply(deployment.describe(changed))


async def archive(request: Request) -> Response:
    """Answer ``PATCH data_assets/{id}/archive?archive=true|false``."""
    user = sign_in(request, to_write=True).user
    asset = get_asset(request, user)
    check_editor(asset, user)
    archived = parse_flag(request.query_params, "archive")
    if archived is None:
        raise Refusal(400, "bad request: archive must be true or false")
    get_deployment(request).store.update(asset.id, archived=archived)
    return Response(status_code=204)


async def delete(request: Request) -> Response:
    """Answer ``DELETE data_assets/{id}``: only of what is archived.

    That other assets are refused with 403 is a guess: it is documented for capsules.
    """
    user = sign_in(request, to_write=True).user
    asset = get_asset(request, user)
    check_owner(asset, user)
    if not asset.archived:
        raise Refusal(403, "Forbidden: the data asset must be archived before it can be deleted")
    deployment = get_deployment(request)
    deployment.store.delete(asset.id)
    remove_copies(deployment, asset)
    return Response(status_code=204)


async def get_custom_metadata(request: Request) -> Response:
    """Answer ``GET custom_metadata``: the deployment's schema."""
    sign_in(request)
    fields = get_deployment(request).metadata_fields
    categories = sorted({field.category for field in fields if field.category})
    return build_reply({"fields": fields, "categories": categories})


def as_set(tags: Iterable[str]) -> tuple[str, ...]:
    """Return tags as the platform keeps them: each once, in an order of its own."""
    return tuple(sorted(set(tags), key=lambda tag: (zlib.crc32(tag.encode()), tag)))


def _settle_metadata(
    deployment: Deployment, asked: dict[str, object], present: Mapping[str, object]
) -> dict[str, object]:
    """Return custom metadata as it will be; null removes a field, unless it was null before.

    Raises:
        Refusal: 400: they do not fit the schema.
    """
    guesses = deployment.guesses
    if guesses.metadata == "merge":
        asked = {**present, **asked}
    settled = {
        key: value
        for key, value in asked.items()
        if value is not None or (key in present and present[key] is None)
    }
    mistake = find_metadata_mistake(
        settled,
        fields=deployment.metadata_fields,
        enforce_required=guesses.required == "enforced",
        present=present,
        is_known=deployment.store.has_metadata_field,
    )
    if mistake is not None:
        raise Refusal(400, f"bad request: {mistake}")
    return settled


def remove_copies(deployment: Deployment, asset: StoredAsset) -> None:
    """Remove the files that were copied into Code Ocean; a bucket is never touched."""
    contents = deployment.data / "contents" / asset.id
    if asset.folder is not None and not asset.external and contents.is_dir():
        shutil.rmtree(contents)
