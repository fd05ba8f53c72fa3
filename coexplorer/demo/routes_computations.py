"""The calls on computations: get, run, results, rename, delete."""

from __future__ import annotations

import asyncio
import time
import uuid

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from coexplorer.demo.asset import User
from coexplorer.demo.bodies import decode_body
from coexplorer.demo.capsule import Mounted, Parameter, StoredCapsule, StoredComputation
from coexplorer.demo.deployment import (
    Deployment,
    get_computation,
    get_deployment,
    may_use_computation,
    sign_in,
)
from coexplorer.demo.dialects import OWNER_EMAIL_SINCE
from coexplorer.demo.files import Tree, find_content, list_folder
from coexplorer.demo.hooks import COMPUTATION
from coexplorer.demo.replies import Refusal, build_reply
from coexplorer.demo.routes_attachments import find_living
from coexplorer.demo.routes_files import FolderBody, build_url
from coexplorer.demo.samples import make_result_tree
from coexplorer.demo.sharing import may_read


class RunAsset(msgspec.Struct, frozen=True):
    """An asset that a run has in addition."""

    id: str
    mount: str | None = None


class NamedParameter(msgspec.Struct, frozen=True):
    """A parameter of a run by the name that its script has for it."""

    param_name: str
    value: str


class RunBody(msgspec.Struct, frozen=True):
    """Body of ``POST computations``; a pipeline's `processes` are taken and leave no trace."""

    capsule_id: str | None = None
    pipeline_id: str | None = None
    version: int | None = None
    resume_run_id: str | None = None
    nextflow_profile: str | None = None
    data_assets: list[RunAsset] | None = None
    parameters: list[str] | None = None
    named_parameters: list[NamedParameter] | None = None
    processes: list[dict[str, object]] | None = None


async def get_one(request: Request) -> Response:
    """Answer ``GET computations/{id}``."""
    found = get_computation(request, sign_in(request).user)
    return build_reply(describe_computation(get_deployment(request), found))


async def run(request: Request) -> Response:
    """Answer ``POST computations``: a run, which makes results in the background.

    That who can view a capsule can run it is a guess.
    """
    user = sign_in(request, to_write=True).user
    deployment = get_deployment(request)
    asked = decode_body(await request.body(), RunBody)
    capsule = _find_capsule(deployment, asked, user)
    started = StoredComputation(
        id=str(uuid.uuid4()),
        capsule=capsule.id,
        name=f"Run {len(deployment.store.workshop.computations(capsule.id)) + 1:07d}",
        owner=user.email,
        created=int(time.time()),
        state="running",
        data_assets=_find_inputs(deployment, capsule, asked, user),
        parameters=_find_parameters(capsule, asked),
        nextflow_profile=asked.nextflow_profile or "",
        running_here=True,
    )
    deployment.store.workshop.insert(computations=[started])
    deployment.start_job(_finish_run(deployment, started.id))
    return build_reply(describe_computation(deployment, started))


async def list_results(request: Request) -> Response:
    """Answer ``POST computations/{id}/results``: one level a call."""
    found = _get_with_results(request)
    asked = decode_body(await request.body(), FolderBody)
    entries = list_folder(Tree.of(found), get_deployment(request).data, asked.path or "")
    if entries is None:
        raise Refusal(404, f"folder {asked.path} not found")
    return build_reply({"items": entries})


async def get_result_urls(request: Request) -> Response:
    """Answer ``GET computations/{id}/results/urls?path=`` (v4.0 and later)."""
    found, path = _find_result(request)
    return build_reply(
        {
            "download_url": build_url(request, found.id, path, "attachment"),
            "view_url": build_url(request, found.id, path, "inline"),
        }
    )


async def get_result_download_url(request: Request) -> Response:
    """Answer ``GET computations/{id}/results/download_url?path=`` (before v4.0)."""
    found, path = _find_result(request)
    return build_reply({"url": build_url(request, found.id, path, "attachment")})


async def rename(request: Request) -> Response:
    """Answer ``PATCH computations/{id}?name=``."""
    found = _get_own(request)
    name = request.query_params.get("name", "").strip()
    if not name:
        raise Refusal(400, "bad request: name must not be empty")
    get_deployment(request).store.workshop.update_computation(found.id, name=name)
    return Response(status_code=204)


async def delete(request: Request) -> Response:
    """Answer ``DELETE computations/{id}``: what runs is stopped first."""
    found = _get_own(request)
    get_deployment(request).store.workshop.delete_computation(found.id)
    return Response(status_code=204)


def describe_computation(deployment: Deployment, found: StoredComputation) -> dict[str, object]:
    """Return the object of a reply.

    What is not said before the end, and what never was, is left out.
    """
    inputs = find_living(deployment, found.data_assets) if found.takes_assets else found.data_assets
    wire: dict[str, object] = {
        "id": found.id,
        "created": found.created,
        "name": found.name,
        "owner": deployment.find_user_id(found.owner),
        "run_time": found.run_time,
        "state": found.state,
        "cloud_workstation": found.cloud_workstation,
    }
    if deployment.version >= OWNER_EMAIL_SINCE:
        wire["owner_email"] = found.owner
    optional = {
        "data_assets": [{"id": each.id, "mount": each.mount} for each in inputs],
        "parameters": found.parameters,
        "nextflow_profile": found.nextflow_profile,
        "processes": found.processes,
        "end_status": found.end_status,
    }
    wire |= {key: value for key, value in optional.items() if value}
    if found.exit_code is not None:
        wire["exit_code"] = found.exit_code
    if found.end_status:
        wire["has_results"] = found.has_results
    return wire


async def _finish_run(deployment: Deployment, computation_id: str) -> None:
    """Bring a run to its end; it may have been deleted meanwhile."""
    await asyncio.sleep(deployment.creation_s)
    await deployment.hooks.hold_before(COMPUTATION, computation_id)
    workshop = deployment.store.workshop
    if (found := workshop.find_computation(computation_id)) is not None:
        workshop.update_computation(
            computation_id,
            state="completed",
            end_status="succeeded",
            exit_code=0,
            run_time=max(1, int(time.time()) - found.created),
            tree=make_result_tree(computation_id),
            running_here=False,
        )
    await deployment.hooks.hold_after(COMPUTATION, computation_id)


def fail_unfinished_runs(deployment: Deployment) -> None:
    """Give an end to the runs that ended with the server that ran them."""
    workshop = deployment.store.workshop
    for found in workshop.unfinished():
        workshop.update_computation(
            found.id, state="failed", end_status="failed", running_here=False
        )


def _find_capsule(deployment: Deployment, asked: RunBody, user: User) -> StoredCapsule:
    given = [asked.capsule_id, asked.pipeline_id]
    if len([each for each in given if each]) != 1:
        raise Refusal(400, "bad request: one of capsule_id and pipeline_id is needed")
    kind = "capsules" if asked.capsule_id else "pipelines"
    wanted = asked.capsule_id or asked.pipeline_id or ""
    capsule = deployment.store.workshop.find_capsule(wanted)
    if capsule is None or capsule.kind != kind or not may_read(capsule, user.email):
        raise Refusal(404, f"{kind.removesuffix('s')} {wanted} not found")
    return capsule


def _find_inputs(
    deployment: Deployment, capsule: StoredCapsule, asked: RunBody, user: User
) -> tuple[Mounted, ...]:
    inputs = {each.id: each for each in find_living(deployment, capsule.attached)}
    for each in asked.data_assets or ():
        asset = deployment.store.find(each.id)
        if asset is None or not may_read(asset, user.email):
            raise Refusal(404, f"data asset {each.id} not found")
        inputs[each.id] = Mounted(each.id, each.mount or asset.mount or asset.name)
    return tuple(inputs.values())


def _find_parameters(capsule: StoredCapsule, asked: RunBody) -> tuple[Parameter, ...]:
    """Say with which values a capsule runs: in their order, by their names, or as they were."""
    ordered = dict(enumerate(asked.parameters or ()))
    named = {each.param_name: each.value for each in asked.named_parameters or ()}
    known = tuple(
        Parameter(
            each.name, each.param_name, named.pop(each.param_name, ordered.pop(at, each.value))
        )
        for at, each in enumerate(capsule.parameters)
    )
    more = tuple(Parameter(param_name=name, value=value) for name, value in named.items())
    return known + tuple(Parameter(value=value) for value in ordered.values()) + more


def _get_own(request: Request) -> StoredComputation:
    """Return a computation that the caller may change.

    Raises:
        Refusal: 403 or 404.
    """
    user = sign_in(request, to_write=True).user
    found = get_computation(request, user)
    if not may_use_computation(get_deployment(request), found, user):
        raise Refusal(403, "Forbidden: only who started this computation can do that")
    return found


def _get_with_results(request: Request) -> StoredComputation:
    """Return a computation whose results can be read; what else is refused is a guess.

    Raises:
        Refusal: 404 for one that has none, 400 for one that has not ended.
    """
    found = get_computation(request, sign_in(request).user)
    if not found.has_results:
        if found.state in ("completed", "failed"):
            raise Refusal(404, f"computation {found.id} has no results")
        raise Refusal(400, f"computation {found.id} is in state {found.state}")
    return found


def _find_result(request: Request) -> tuple[StoredComputation, str]:
    found = _get_with_results(request)
    path = request.query_params.get("path", "").lstrip("/")
    if not path:
        raise Refusal(400, "bad request: path is required")
    if find_content(Tree.of(found), get_deployment(request).data, path) is None:
        raise Refusal(404, f"file {path} not found")
    return found, path
