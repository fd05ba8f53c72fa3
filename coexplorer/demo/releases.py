"""New releases of capsules and pipelines, and their exchange with Git repositories elsewhere.

No document says what these replies hold; the official SDK does.
"""

from __future__ import annotations

import asyncio
import time
import uuid

from starlette.requests import Request
from starlette.responses import Response

from coexplorer.demo.asset import User
from coexplorer.demo.capsule import ReleaseJob, StoredCapsule
from coexplorer.demo.deployment import Deployment, get_capsule, get_deployment, sign_in
from coexplorer.demo.replies import Refusal, build_reply
from coexplorer.demo.sharing import may_edit


async def sync(request: Request) -> Response:
    """Answer ``POST capsules/{id}/sync``: there is nothing to exchange (a guess)."""
    _find(request, sign_in(request, to_write=True).user)
    return build_reply({"pushed": 0, "pulled": 0, "new_branch": False})


async def release(request: Request) -> Response:
    """Answer ``POST capsules/{id}/release``: of what was released before; it goes on by itself."""
    user = sign_in(request, to_write=True).user
    capsule, deployment = _find(request, user), get_deployment(request)
    if capsule.status != "release":
        raise Refusal(400, "bad request: its first release must be done in the app")
    if issues := _find_issues(deployment, capsule):
        return build_reply({"message": "Forbidden: release requirements are not met"} | issues, 403)
    job = ReleaseJob(str(uuid.uuid4()), "started", int(time.time()))
    deployment.releases[capsule.id, job.job_id] = job
    deployment.start_job(_finish(deployment, capsule.id, job))
    return build_reply(job)


async def get_job(request: Request) -> Response:
    """Answer ``GET capsules/{id}/release/{job_id}``."""
    capsule = _find(request, sign_in(request).user)
    job_id = request.path_params["job_id"]
    job = get_deployment(request).releases.get((capsule.id, job_id))
    if job is None:
        raise Refusal(404, f"release job {job_id} not found")
    return build_reply(job)


def list_versions(capsule: StoredCapsule) -> list[dict[str, int]]:
    """Return the released versions of a capsule or pipeline, as a reply has them."""
    if capsule.status != "release":
        return []
    times = (capsule.created, *capsule.released_again)
    return [
        {"major_version": number, "minor_version": 0, "release_time": at}
        for number, at in enumerate(times, start=1)
    ]


def _find(request: Request, user: User) -> StoredCapsule:
    capsule = get_capsule(request, user)
    if not may_edit(capsule, user.email):
        what = capsule.kind.removesuffix("s")
        raise Refusal(403, f"Forbidden: you can view this {what} but not change it")
    return capsule


def _find_issues(deployment: Deployment, capsule: StoredCapsule) -> dict[str, bool]:
    """Return what is not as a release needs it."""
    workshop = deployment.store.workshop
    issues = {}
    runs = workshop.computations(capsule.id)
    if not any(each.end_status == "succeeded" and not each.cloud_workstation for each in runs):
        issues["missing_reproducible_run"] = True
    steps = [workshop.find_capsule(each.capsule_id) for each in capsule.processes]
    if any(each is not None and each.status != "release" for each in steps):
        issues["unreleased_pipeline_capsules"] = True
    return issues


async def _finish(deployment: Deployment, capsule_id: str, job: ReleaseJob) -> None:
    await asyncio.sleep(deployment.creation_s)
    workshop, now = deployment.store.workshop, int(time.time())
    job.duration = now - job.started
    capsule = workshop.find_capsule(capsule_id)
    if capsule is None:
        job.status, job.error = "failed", "it was deleted"
        return
    times = (*capsule.released_again, now)
    capsule = workshop.update_capsule(capsule_id, released_again=times)
    job.release_capsule, job.release_version = capsule_id, list_versions(capsule)[-1]
    job.status = "completed"
