"""Creating an asset: the request, the draft, and the outcome."""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
import uuid
from pathlib import Path, PurePosixPath

import msgspec

from coexplorer.demo.asset import (
    AppParameter,
    Bucket,
    Contained,
    Provenance,
    StoredAsset,
    User,
)
from coexplorer.demo.bodies import decode_body
from coexplorer.demo.buckets import find_bucket, is_private, keys_open
from coexplorer.demo.deployment import Deployment
from coexplorer.demo.dialects import Dialect
from coexplorer.demo.hooks import CREATION
from coexplorer.demo.replies import Refusal
from coexplorer.demo.sharing import may_read

_log = logging.getLogger(__name__)


class AwsBody(msgspec.Struct, frozen=True):
    """``source.aws`` (manual, create; ``public`` from v2.15 on)."""

    bucket: str
    prefix: str | None = None
    keep_on_external_storage: bool | None = None
    index_data: bool | None = None
    public: bool | None = None
    access_key_id: str | None = None
    secret_access_key: str | None = None
    endpoint_name: str | None = None
    use_input_bucket: bool | None = None


class SourceBody(msgspec.Struct, frozen=True):
    """``source``; places other than S3 are known and refused."""

    aws: AwsBody | None = None
    gcp: dict[str, object] | None = None
    computation: dict[str, object] | None = None
    cloud_workstation: dict[str, object] | None = None


class RunParameter(msgspec.Struct, frozen=True):
    """One of ``results_info.parameters``."""

    name: str | None = None
    param_name: str | None = None
    value: str | None = None


class ResultsInfo(msgspec.Struct, frozen=True):
    """``results_info``: what the files in the bucket were made by. `processes` leave no trace."""

    capsule_id: str | None = None
    pipeline_id: str | None = None
    version: int | None = None
    commit: str | None = None
    run_script: str | None = None
    data_assets: list[str] | None = None
    parameters: list[RunParameter] | None = None
    nextflow_profile: str | None = None
    processes: list[dict[str, object]] | None = None


class CreateBody(msgspec.Struct, frozen=True):
    """Body of a create. ``tags`` may be one text (manual); that it is one tag then is a guess."""

    name: str
    tags: list[str] | str
    mount: str
    description: str | None = None
    source: SourceBody | None = None
    target: dict[str, object] | None = None
    results_info: ResultsInfo | None = None
    custom_metadata: dict[str, object] | None = None
    data_asset_ids: list[str] | None = None


class _NotThere(Exception):
    """The request was good, and what it asks for is not there."""


def parse_create(body: bytes, content_type: str, dialect: Dialect) -> CreateBody:
    """Read the body of a create.

    Old platforms, too, take one without much of what their manual stars (seen).

    Args:
        body: The body.
        content_type: The header, which the manual asks for.
        dialect: Before 3.1 platforms know no combined assets, and old ones no ``results_info``.

    Raises:
        Refusal: 400, with what is missing or wrong.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refusal(400, "bad request: Content-Type must be application/json")
    asked = decode_body(body, CreateBody)
    for key, text in (("name", asked.name), ("mount", asked.mount)):
        if not text.strip():
            raise Refusal(400, f"bad request: {key} must not be empty")
    if dialect is not Dialect.CURRENT:
        asked = msgspec.structs.replace(asked, data_asset_ids=None)
    if dialect is Dialect.LEGACY:
        asked = msgspec.structs.replace(asked, results_info=None)
    _refuse_elsewhere(asked)
    aws = asked.source.aws if asked.source else None
    if not asked.data_asset_ids and (aws is None or not aws.bucket):
        raise Refusal(400, "bad request: source.aws.bucket is required")
    info = asked.results_info
    if info is not None and not (info.capsule_id or info.pipeline_id):
        raise Refusal(400, "bad request: results_info needs a capsule_id or a pipeline_id")
    if info is not None and aws is None:
        raise Refusal(400, "bad request: results_info is for a source in S3")
    return asked


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


def _refuse_elsewhere(asked: CreateBody) -> None:
    """Refuse what only a platform with clouds of its own can do; nobody here is an administrator.

    Raises:
        Refusal: 400 or 403, with what can't be done.
    """
    source = asked.source or SourceBody()
    aws = source.aws
    elsewhere = {
        "source.gcp": source.gcp,
        "source.computation": source.computation,
        "source.cloud_workstation": source.cloud_workstation,
        "source.aws.endpoint_name": None if aws is None else aws.endpoint_name,
        "target": asked.target,
    }
    for key, value in elsewhere.items():
        if value:
            raise Refusal(400, f"bad request: {key} is not supported here, only buckets in S3 are")
    if aws is not None and aws.use_input_bucket:
        raise Refusal(403, "Forbidden: only an administrator can use an input bucket")


def build_draft(asked: CreateBody, user: User, deployment: Deployment) -> StoredAsset:
    """Return the asset that a create begins with."""
    aws = asked.source.aws if asked.source else None
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
    if aws is not None:
        external = bool(aws.keep_on_external_storage)
        # The manual ignores the prefix of an external asset; real platforms keep it (seen).
        source = Bucket(bucket=aws.bucket, prefix=(aws.prefix or "").strip("/"), external=external)
        # Copied files are always indexed (manual); newer platforms have no index_data at all.
        listed = not external or aws.index_data is not False
        draft = msgspec.structs.replace(draft, source=source, files_listed=listed)
        return _as_result(draft, asked.results_info) if asked.results_info else draft
    parts = [deployment.store.get(each) for each in asked.data_asset_ids or ()]
    contained = tuple(Contained(part.id, part.mount or "", part.size or 0) for part in parts)
    return msgspec.structs.replace(
        draft,
        type="combined",
        contained=contained,
        size=sum(part.size for part in contained),
        files_listed=False,
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
    aws = asked.source.aws if asked.source else None
    changes: dict[str, object] = {"state": "ready"}
    if aws is not None and draft.source is not None:
        try:
            changes |= await asyncio.to_thread(_fetch, deployment, draft, draft.source, aws)
        except _NotThere as error:
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


def resolve_inside(root: Path, path: str) -> Path | None:
    """Return the place of a relative path below a folder, or None when it leads out of it."""
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or "\0" in path:
        return None
    place = root.joinpath(*parts)
    try:
        place = place.resolve()
        place.stat()
    except FileNotFoundError:
        pass
    except OSError:  # a name that is too long, say
        return None
    return place if place.is_relative_to(root.resolve()) else None


def _fetch(
    deployment: Deployment, draft: StoredAsset, source: Bucket, aws: AwsBody
) -> dict[str, object]:
    folder = _open_bucket(deployment, source, aws)
    place = resolve_inside(folder, source.prefix)
    files = [] if place is None else _list_tree(place)
    if place is not None and place.is_file() and not source.external:
        # One file can be imported (manual of the web page); what stays outside is a folder.
        files, place = [place], place.parent
    if place is None or not files:
        raise _NotThere(f"Nothing found under prefix {source.prefix!r} in bucket {source.bucket}")
    if source.external:
        target = place
    else:
        target = deployment.data / "contents" / draft.id
        for file in files:
            copy = target / file.relative_to(place)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
    changes: dict[str, object] = {"folder": str(target.relative_to(deployment.data))}
    if draft.files_listed:
        changes |= {"files": len(files), "size": sum(file.stat().st_size for file in files)}
    return changes


def _open_bucket(deployment: Deployment, source: Bucket, aws: AwsBody) -> Path:
    data, name = deployment.data, source.bucket
    folder = find_bucket(data, name)
    if folder is None:
        raise _NotThere(f"The bucket {name} does not exist")
    key_id, secret = aws.access_key_id or "", aws.secret_access_key or ""
    # Since v2.15 the platform has credentials of its own, and uses them unless told not to.
    trusted = deployment.dialect is not Dialect.LEGACY and not (key_id or secret or aws.public)
    if is_private(data, name) and not trusted and not keys_open(data, name, key_id, secret):
        raise _NotThere(f"Access denied to bucket {name}: the keys are missing or wrong")
    return folder


def _list_tree(place: Path) -> list[Path]:
    """Return the regular files below a folder, sorted; links are none, as in S3."""
    if not place.is_dir():
        return []
    files = (path for path in place.rglob("*") if not path.is_symlink() and path.is_file())
    root = place.resolve()
    return sorted(path for path in files if path.resolve().is_relative_to(root))
