"""Attaching assets to capsules, pipelines and cloud workstations, and detaching them."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Iterable, Sequence

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from coexplorer.demo.asset import StoredAsset, User
from coexplorer.demo.bodies import decode_body
from coexplorer.demo.capsule import Mounted
from coexplorer.demo.deployment import (
    Deployment,
    check_capsule_editor,
    find_kind,
    get_capsule,
    get_computation,
    get_deployment,
    sign_in,
)
from coexplorer.demo.replies import Refusal, build_reply
from coexplorer.demo.sharing import may_read

MOST_AT_ONCE = 100
"""Assets of one request (seen)."""


class AttachBody(msgspec.Struct, frozen=True):
    """One of the assets to attach; without a mount it has its own."""

    id: str
    mount: str | None = None


class _Place:
    """What assets are attached to, as the store has it at this moment."""

    def __init__(
        self,
        key: str,
        mounted: Sequence[Mounted],
        keep: Callable[[tuple[Mounted, ...]], object],
        *,
        is_session: bool,
    ) -> None:
        self.key = key
        self.mounted = tuple(mounted)
        self.keep = keep
        self.is_session = is_session


async def attach(request: Request) -> Response:
    """Answer ``POST {capsules|pipelines|computations}/{id}/data_assets``: an outcome for each.

    If one of them can't be attached at all, none is, and the body is a list (seen). That the status
    is 400 then, and what counts as that, are guesses; so are the states but ``mounted``,
    ``unchanged`` and ``error``.
    """
    user = sign_in(request, to_write=True).user
    place = _open_place(request, user)
    asked = decode_body(await request.body(), list[AttachBody])
    _check_count(len(asked))
    deployment = get_deployment(request)
    assets = [deployment.store.find(each.id) for each in asked]
    wrong = [
        {"id": each.id, "message": why}
        for each, asset in zip(asked, assets, strict=True)
        if (why := _find_obstacle(each, asset, user))
    ]
    if wrong:
        return build_reply(wrong, 400)
    mounted = {each.id: each for each in place.mounted}
    outcomes = []
    for each, asset in zip(asked, assets, strict=True):
        if asset is not None:
            outcomes.append(_attach_one(deployment, place, mounted, each, asset))
    place.keep(tuple(mounted.values()))
    return build_reply(outcomes)


async def detach(request: Request) -> Response:
    """Answer ``DELETE {capsules|pipelines|computations}/{id}/data_assets``, a list of ids."""
    user = sign_in(request, to_write=True).user
    place = _open_place(request, user)
    ids = decode_body(await request.body(), list[str])
    _check_count(len(ids))
    missing = set(ids) - {each.id for each in place.mounted}
    if missing and get_deployment(request).guesses.not_attached == "refuse":
        raise Refusal(404, f"data asset {min(missing)} is not attached")
    place.keep(tuple(each for each in place.mounted if each.id not in ids))
    return Response(status_code=204)


def find_living(deployment: Deployment, mounted: Iterable[Mounted]) -> list[Mounted]:
    """Return what is attached and still there: who deletes an asset detaches it everywhere."""
    return [each for each in mounted if deployment.store.find(each.id) is not None]


def _open_place(request: Request, user: User) -> _Place:
    """Find what a request attaches to.

    Raises:
        Refusal: 404 for what the user may not see, 403 for what is not theirs to change, 400 for a
            computation that is no running workstation.
    """
    workshop = get_deployment(request).store.workshop
    if find_kind(request) != "computations":
        capsule = get_capsule(request, user)
        check_capsule_editor(capsule, user)
        return _Place(
            capsule.id,
            find_living(get_deployment(request), capsule.attached),
            lambda mounted: workshop.update_capsule(capsule.id, attached=mounted),
            is_session=False,
        )
    session = get_computation(request, user)
    if session.owner != user.email:
        raise Refusal(403, "Forbidden: only who started a cloud workstation can attach to it")
    if not session.takes_assets:
        raise Refusal(400, f"computation {session.id} is not a running cloud workstation")
    return _Place(
        session.id,
        find_living(get_deployment(request), session.data_assets),
        lambda mounted: workshop.update_computation(session.id, data_assets=mounted),
        is_session=True,
    )


def _check_count(count: int) -> None:
    if not count:
        raise Refusal(400, "bad request: no data assets are named")
    if count > MOST_AT_ONCE:
        raise Refusal(400, f"bad request: at most {MOST_AT_ONCE} data assets at once, not {count}")


def _find_obstacle(asked: AttachBody, asset: StoredAsset | None, user: User) -> str:
    """Return why an asset can't be attached at all; empty when it can."""
    if asset is None or not may_read(asset, user.email):
        return f"data asset {asked.id} not found"
    if asset.state != "ready":
        return f"data asset {asked.id} is in state {asset.state}"
    if asset.archived:
        return f"data asset {asked.id} is archived"
    return ""


def _attach_one(
    deployment: Deployment,
    place: _Place,
    mounted: dict[str, Mounted],
    asked: AttachBody,
    asset: StoredAsset,
) -> dict[str, object]:
    """Attach an asset, unless it is attached or its folder is taken; return its outcome."""
    present = mounted.get(asset.id)
    mount = (asked.mount or asset.mount or asset.name).strip("/")
    state, job = "mounted", ""
    if present is not None:
        mount, state = present.mount, "unchanged" if present.ready else "mounting"
    elif not mount or mount in {each.mount for each in mounted.values()}:
        # `ready` is about the asset, so it is true then, too (seen).
        mount, state = "", "error"
    else:
        waits = place.is_session and deployment.mounting_s > 0
        mounted[asset.id] = Mounted(asset.id, mount, ready=not waits)
        if waits:
            state, job = "mounting", str(uuid.uuid4())
            deployment.start_job(_finish_mounting(deployment, place.key, asset.id))
    return {
        "id": asset.id,
        "external": asset.external,
        "ready": state != "mounting",
        "mount": mount,
        "mount_state": state,
        "job_id": job,
    }


async def _finish_mounting(deployment: Deployment, session_id: str, asset_id: str) -> None:
    await asyncio.sleep(deployment.mounting_s)
    workshop = deployment.store.workshop
    session = workshop.find_computation(session_id)
    if session is not None:
        ready = tuple(
            replace(each, ready=True) if each.id == asset_id else each
            for each in session.data_assets
        )
        workshop.update_computation(session_id, data_assets=ready)
