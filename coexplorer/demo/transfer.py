"""Moving an asset's files to another storage: ``POST data_assets/{id}/transfer``."""

from __future__ import annotations

import asyncio
import logging
import time

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from coexplorer.demo.asset import Bucket, StoredAsset
from coexplorer.demo.bodies import decode_body
from coexplorer.demo.create_body import TargetBody, check_endpoint
from coexplorer.demo.creation import NotThereError, describe_files, find_target
from coexplorer.demo.deployment import Deployment, get_asset, get_deployment, sign_in
from coexplorer.demo.files import Tree, copy_files
from coexplorer.demo.hooks import TRANSFER
from coexplorer.demo.replies import Refusal
from coexplorer.demo.routes_assets import remove_copies

_log = logging.getLogger(__name__)


class TransferBody(msgspec.Struct, frozen=True):
    """Body of a transfer."""

    target: TargetBody
    force: bool | None = None


async def transfer(request: Request) -> Response:
    """Answer ``POST data_assets/{id}/transfer``, for administrators; it goes on in the background.

    They may transfer what they can't see (a guess), as nobody else can.
    """
    user = sign_in(request, to_write=True).user
    deployment = get_deployment(request)
    if not deployment.is_admin(user):
        get_asset(request, user)
        raise Refusal(403, "Forbidden: only an administrator can transfer data assets")
    asset_id = request.path_params["asset_id"]
    asset = deployment.store.find(asset_id)
    if asset is None:
        raise Refusal(404, f"data asset {asset_id} not found")
    asked = decode_body(await request.body(), TransferBody)
    place = asked.target.aws
    if place is None or not place.bucket:
        raise Refusal(400, "bad request: target.aws.bucket is required")
    check_endpoint(place)
    if asset.state != "ready" or asset.type == "combined":
        raise Refusal(400, f"this data asset ({asset.type}, {asset.state}) can't be transferred")
    if not asked.force and _is_in_release(deployment, asset):
        raise Refusal(400, "a released pipeline uses this data asset: force is needed")
    target = Bucket(place.bucket, "aws", (place.prefix or "").strip("/"), external=True)
    deployment.store.update(asset.id, transfer_error="")  # it is of an earlier try
    deployment.start_job(_run_transfer(deployment, asset, target))
    return Response(status_code=204)


def _is_in_release(deployment: Deployment, asset: StoredAsset) -> bool:
    return any(
        each.id == asset.id
        for capsule in deployment.store.workshop.capsules()
        if capsule.status == "release" and capsule.kind == "pipelines"
        for each in capsule.attached
    )


async def _run_transfer(deployment: Deployment, asset: StoredAsset, target: Bucket) -> None:
    await asyncio.sleep(deployment.creation_s)
    await deployment.hooks.hold_before(TRANSFER, asset.id)
    changes: dict[str, object]
    try:
        changes = await asyncio.to_thread(_move, deployment, asset, target)
    except NotThereError as error:
        changes = {"transfer_error": str(error)}
    except OSError as error:
        changes = {"transfer_error": f"Copying failed: {error.strerror}"}
    except Exception:  # noqa: BLE001 # nobody waits for this job: see `run_creation`
        _log.exception("the transfer of %s failed", asset.id)
        changes = {"transfer_error": "a bug in the embedded platform"}
    if deployment.store.find(asset.id) is not None:
        deployment.store.update(asset.id, **changes)
    await deployment.hooks.hold_after(TRANSFER, asset.id)


def _move(deployment: Deployment, asset: StoredAsset, target: Bucket) -> dict[str, object]:
    folder = find_target(deployment.data, target)
    copies = copy_files(Tree.of(asset), deployment.data, "", folder)
    if not copies:
        raise NotThereError("there are no files to transfer")
    described = describe_files(deployment.data, folder, copies)
    remove_copies(deployment, asset)
    moved = {"source": target, "last_transferred": int(time.time()), "transfer_error": ""}
    return described | moved
