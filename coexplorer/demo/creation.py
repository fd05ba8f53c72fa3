"""Creating an asset: the request, the draft, and the outcome."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import msgspec

from coexplorer.demo.asset import (
    AppParameter,
    Bucket,
    Contained,
    Provenance,
    StoredAsset,
    User,
)
from coexplorer.demo.buckets import (
    INPUT_BUCKET,
    find_bucket,
    is_private,
    keys_open,
    resolve_inside,
)
from coexplorer.demo.capsule import StoredComputation
from coexplorer.demo.create_body import CreateBody, ResultsInfo, SourceBody
from coexplorer.demo.deployment import Deployment, may_see_computation, may_use_computation
from coexplorer.demo.dialects import Dialect
from coexplorer.demo.files import Tree, copy_files
from coexplorer.demo.hooks import CREATION
from coexplorer.demo.replies import Refusal
from coexplorer.demo.sharing import may_read

_log = logging.getLogger(__name__)


class NotThereError(Exception):
    """The request was good, and what it asks for is not there."""


def check_parts(asked: CreateBody, deployment: Deployment, user: User) -> None:
    """Check what a combined asset is to be made of: two or more external assets (documented).

    That they must be ready and different from each other is a guess.

    Raises:
        Refusal: 400, with what can't be a part.
    """
    if not asked.data_asset_ids:
        return
    ids = set(asked.data_asset_ids)
    for part in asked.data_asset_ids:
        found = deployment.store.find(part)
        if found is None or not may_read(found, user.email):
            raise Refusal(400, f"data asset {part} not found")
        if not found.external:
            raise Refusal(400, f"data asset {part} is not external: only those can be combined")
        if found.state != "ready":
            raise Refusal(400, f"data asset {part} is in state {found.state}")
    if len(ids) < 2:  # noqa: PLR2004 # one alone needs no combining
        raise Refusal(400, "bad request: data_asset_ids must name two data assets or more")


def check_rights(asked: CreateBody, deployment: Deployment, user: User) -> None:
    """Check that a user may take what a create names; the statuses and words are guesses.

    Raises:
        Refusal: 400 or 403, with what can't be taken.
    """
    places = asked.places
    if places.aws is not None and places.aws.use_input_bucket and not deployment.is_admin(user):
        raise Refusal(403, "Forbidden: only an administrator can use an input bucket")
    run = find_run(places, deployment)
    named = places.computation or places.cloud_workstation
    if named is None:
        return
    if run is None or not may_see_computation(deployment, run, user):
        raise Refusal(400, f"computation {named.id} not found")
    if not may_use_computation(deployment, run, user):
        raise Refusal(403, "Forbidden: only who started this computation can capture it")
    if places.cloud_workstation is not None and not run.takes_assets:
        raise Refusal(400, f"computation {run.id} is not a running cloud workstation")
    if places.computation is not None and not run.has_results:
        ended = run.state in ("completed", "failed")
        why = "has no results" if ended else f"is in state {run.state}"
        raise Refusal(400, f"computation {run.id} {why}")


def find_run(places: SourceBody, deployment: Deployment) -> StoredComputation | None:
    """Return the computation that a create captures from, if it names one that is there."""
    named = places.computation or places.cloud_workstation
    return None if named is None else deployment.store.workshop.find_computation(named.id)


def build_draft(asked: CreateBody, user: User, deployment: Deployment) -> StoredAsset:
    """Return the asset that a create begins with."""
    draft = StoredAsset(
        id=str(uuid.uuid4()),
        name=asked.name,
        owner=user.email,
        created=int(time.time()),
        description=asked.description or "",
        tags=(asked.tags,) if isinstance(asked.tags, str) else tuple(asked.tags),
        mount=asked.mount,
        state="draft",
        custom_metadata=asked.custom_metadata or {},
        creating=True,
    )
    aws, gcp = asked.places.aws, asked.places.gcp
    run = find_run(asked.places, deployment)
    if aws is not None:
        external = bool(aws.keep_on_external_storage)
        # The manual ignores the prefix of an external asset; real platforms keep it (seen).
        bucket = INPUT_BUCKET if aws.use_input_bucket else aws.bucket
        source = Bucket(bucket=bucket, prefix=(aws.prefix or "").strip("/"), external=external)
        # Copied files are always indexed (manual); newer platforms have no index_data at all.
        listed = not external or aws.index_data is not False
        draft = msgspec.structs.replace(draft, source=source, files_listed=listed)
        return _as_result(draft, asked.results_info) if asked.results_info else draft
    if gcp is not None:
        source = Bucket(gcp.bucket, "gcp", (gcp.prefix or "").strip("/"), external=True)
        return msgspec.structs.replace(draft, source=source)
    if run is not None:
        return _as_captured(draft, run, asked)
    parts = [deployment.store.get(each) for each in asked.data_asset_ids or ()]
    contained = tuple(Contained(part.id, part.mount or "", part.size or 0) for part in parts)
    return msgspec.structs.replace(
        draft,
        type="combined",
        contained=contained,
        size=sum(part.size for part in contained),
        files_listed=False,
    )


def _as_captured(draft: StoredAsset, run: StoredComputation, asked: CreateBody) -> StoredAsset:
    """Return a draft as what is captured of a run; of a session it is a result if it says how.

    What a capture from a session tells of where it came from is a guess.
    """
    session, target = asked.places.cloud_workstation, asked.target
    if target is not None and target.aws is not None:
        place = target.aws
        source = Bucket(place.bucket, "aws", (place.prefix or "").strip("/"), external=True)
        draft = msgspec.structs.replace(draft, source=source)
    if session is not None and not session.run_script:
        return draft
    return msgspec.structs.replace(
        draft,
        type="result",
        provenance=Provenance(
            commit=run.commit,
            run_script=(session and session.run_script) or run.run_script,
            docker_image=run.docker_image,
            capsule=run.capsule,
            computation=run.id,
            data_assets=tuple(each.id for each in run.data_assets),
        ),
        app_parameters=tuple(
            AppParameter(each.name or each.param_name, each.value) for each in run.parameters
        ),
        nextflow_profile=run.nextflow_profile,
    )


def _as_result(draft: StoredAsset, info: ResultsInfo) -> StoredAsset:
    """Return a draft as the result of the run that `info` tells of.

    Where a pipeline's id is shown is a guess: a provenance has one place for either.
    """
    parameters = tuple(
        AppParameter(each.name or each.param_name or "", each.value or "")
        for each in info.parameters or ()
    )
    return msgspec.structs.replace(
        draft,
        type="result",
        provenance=Provenance(
            commit=info.commit or "",
            run_script=info.run_script or "code/run",
            capsule=info.capsule_id or info.pipeline_id or "",
            data_assets=tuple(info.data_assets or ()),
        ),
        app_parameters=parameters,
        nextflow_profile=info.nextflow_profile or "",
    )


async def run_creation(deployment: Deployment, draft: StoredAsset, asked: CreateBody) -> None:
    """Bring a draft to its outcome: ready with files, or failed with a reason."""
    await asyncio.sleep(deployment.creation_s)
    await deployment.hooks.hold_before(CREATION, draft.id)
    changes: dict[str, object] = {"state": "ready"}
    try:
        changes |= await asyncio.to_thread(_fetch, deployment, draft, asked)
    except NotThereError as error:
        changes = {"state": "failed", "failure_reason": str(error)}
    except OSError as error:
        changes = {"state": "failed", "failure_reason": f"Copying failed: {error.strerror}"}
    except Exception:  # noqa: BLE001 # see below
        # Nobody waits for this job: without an outcome the asset would stay a draft forever.
        _log.exception("the creation of %s failed", draft.id)
        reason = "The creation failed because of a bug in the embedded platform"
        changes = {"state": "failed", "failure_reason": reason}
    if deployment.store.find(draft.id) is not None:
        deployment.store.update(draft.id, creating=False, **changes)
    await deployment.hooks.hold_after(CREATION, draft.id)


def fail_unfinished(deployment: Deployment) -> None:
    """Give an outcome to the creations that ended with the server that ran them."""
    for asset in deployment.store.unfinished():
        reason = "The creation was interrupted: create the data asset again"
        deployment.store.update(asset.id, creating=False, state="failed", failure_reason=reason)


def _fetch(deployment: Deployment, draft: StoredAsset, asked: CreateBody) -> dict[str, object]:
    """Fetch the files of a draft; return what has changed about it.

    Raises:
        NotThereError: There are none.
        OSError: They can't be copied.
    """
    places = asked.places
    run = find_run(places, deployment)
    if places.computation is not None or places.cloud_workstation is not None:
        return _capture(deployment, draft, asked, run)
    if draft.source is None:  # combined: it has no files of its own
        return {}
    aws, gcp = places.aws, places.gcp
    keys = (gcp.client_id, gcp.client_secret) if gcp else (None, None)
    if aws is not None:
        keys = (aws.access_key_id, aws.secret_access_key)
    key_id, secret = keys[0] or "", keys[1] or ""
    # Since v2.15 the platform has credentials of its own, and uses them unless told not to.
    is_public = aws is not None and aws.public
    trusted = deployment.dialect is not Dialect.LEGACY and not (key_id or secret or is_public)
    folder = open_bucket(deployment.data, draft.source.bucket, key_id, secret, trusted=trusted)
    return _copy_bucket(deployment, draft, draft.source, folder)


def _capture(
    deployment: Deployment, draft: StoredAsset, asked: CreateBody, run: StoredComputation | None
) -> dict[str, object]:
    """Copy the files of a run, into Code Ocean or to the target."""
    named = asked.places.computation or asked.places.cloud_workstation
    path = (named.path if named else None) or ""
    if run is None:
        raise NotThereError("The computation has been deleted")
    if draft.source is None:
        target = deployment.data / "contents" / draft.id
    else:
        target = find_target(deployment.data, draft.source)
    copies = copy_files(Tree.of(run), deployment.data, path, target)
    if not copies:
        raise NotThereError(f"Nothing found under {path or '/'!r} of computation {run.id}")
    return describe_files(deployment.data, target, copies)


def _copy_bucket(
    deployment: Deployment, draft: StoredAsset, source: Bucket, folder: Path
) -> dict[str, object]:
    place = resolve_inside(folder, source.prefix)
    files = [] if place is None else _list_tree(place)
    if place is not None and place.is_file() and not source.external:
        # One file can be imported (manual of the web page); what stays outside is a folder.
        files, place = [place], place.parent
    if place is None or not files:
        raise NotThereError(
            f"Nothing found under prefix {source.prefix!r} in bucket {source.bucket}"
        )
    if source.external:
        target = place
    else:
        target = deployment.data / "contents" / draft.id
        for file in files:
            copy = target / file.relative_to(place)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    described = describe_files(deployment.data, target, files)
    return described if draft.files_listed else {"folder": described["folder"]}


def open_bucket(data: Path, name: str, key_id: str, secret: str, *, trusted: bool) -> Path:
    """Return the folder of a bucket that may be read.

    Args:
        data: The server's data folder.
        name: Of the bucket.
        key_id: Of the keys that were given; empty: none.
        secret: Likewise.
        trusted: The platform's own credentials are used.

    Raises:
        NotThereError: There is none, or it wants other keys.
    """
    folder = find_bucket(data, name)
    if folder is None:
        raise NotThereError(f"The bucket {name} does not exist")
    if is_private(data, name) and not trusted and not keys_open(data, name, key_id, secret):
        raise NotThereError(f"Access denied to bucket {name}: the keys are missing or wrong")
    return folder


def find_target(data: Path, place: Bucket) -> Path:
    """Return the folder that files are written to, in a bucket that is there.

    Raises:
        NotThereError: There is no such bucket, or the prefix leads out of it.
    """
    bucket = find_bucket(data, place.bucket)
    target = None if bucket is None else resolve_inside(bucket, place.prefix)
    if target is None:
        raise NotThereError(f"NoSuchBucket: the bucket {place.bucket} can't be written to")
    return target


def describe_files(data: Path, folder: Path, files: Sequence[Path]) -> dict[str, object]:
    """Return the attributes of an asset that has these files in a folder."""
    size = sum(file.stat().st_size for file in files)
    return {"folder": str(folder.relative_to(data)), "files": len(files), "size": size}


def _list_tree(place: Path) -> list[Path]:
    """Return the regular files below a folder, sorted; links are none, as in S3."""
    if not place.is_dir():
        return []
    files = (path for path in place.rglob("*") if not path.is_symlink() and path.is_file())
    root = place.resolve()
    return sorted(path for path in files if path.resolve().is_relative_to(root))
