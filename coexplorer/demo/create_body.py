"""The body of a create: what it can name, and what a platform of each version takes of it."""

from __future__ import annotations

import msgspec

from coexplorer.demo.bodies import decode_body
from coexplorer.demo.dialects import Dialect
from coexplorer.demo.replies import Refusal

COMBINED_SINCE, ENDPOINTS_SINCE, WORKSTATIONS_SINCE = (3, 1), (4, 1), (4, 2)
"""Versions of the platform that brought these."""

ENDPOINTS = ("institute-minio",)
"""Names of the storages of its own that the deployment knows; their buckets are where all are."""


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


class GcpBody(msgspec.Struct, frozen=True):
    """``source.gcp``: a bucket of Google's storage, of which nothing is copied."""

    bucket: str
    prefix: str | None = None
    client_id: str | None = None
    client_secret: str | None = None


class ComputationBody(msgspec.Struct, frozen=True):
    """``source.computation``: the results of a run, or a part of them."""

    id: str
    path: str | None = None


class WorkstationBody(msgspec.Struct, frozen=True):
    """``source.cloud_workstation``: a folder of a session, by the id of its computation."""

    id: str
    path: str
    run_script: str | None = None


class SourceBody(msgspec.Struct, frozen=True):
    """``source``: one of these places."""

    aws: AwsBody | None = None
    gcp: GcpBody | None = None
    computation: ComputationBody | None = None
    cloud_workstation: WorkstationBody | None = None


class TargetPlace(msgspec.Struct, frozen=True):
    """``target.aws``: where files are written to."""

    bucket: str
    prefix: str | None = None
    endpoint_name: str | None = None


class TargetBody(msgspec.Struct, frozen=True):
    """``target`` of a capture and of a transfer."""

    aws: TargetPlace | None = None


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
    target: TargetBody | None = None
    results_info: ResultsInfo | None = None
    custom_metadata: dict[str, object] | None = None
    data_asset_ids: list[str] | None = None

    @property
    def places(self) -> SourceBody:
        """Where the files come from; of combined assets from none of these."""
        return self.source or SourceBody()


def parse_create(
    body: bytes, content_type: str, dialect: Dialect, version: tuple[int, ...]
) -> CreateBody:
    """Read the body of a create.

    Old platforms, too, take one without much of what their manual stars (seen).

    Args:
        body: The body.
        content_type: The header, which the manual asks for.
        dialect: Before 3.1 platforms know no combined assets, and old ones S3 alone.
        version: Of the platform: what came later is not known to it.

    Raises:
        Refusal: 400, with what is missing or wrong.
    """
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise Refusal(400, "bad request: Content-Type must be application/json")
    asked = _forget_later(decode_body(body, CreateBody), dialect, version)
    for key, text in (("name", asked.name), ("mount", asked.mount)):
        if not text.strip():
            raise Refusal(400, f"bad request: {key} must not be empty")
    given = [key for key, place in msgspec.structs.asdict(asked.places).items() if place]
    if len(given) + bool(asked.data_asset_ids) != 1:
        raise Refusal(400, "bad request: one source is needed, such as source.aws.bucket")
    _check_source(asked)
    info = asked.results_info
    if info is not None and not (info.capsule_id or info.pipeline_id):
        raise Refusal(400, "bad request: results_info needs a capsule_id or a pipeline_id")
    if info is not None and asked.places.aws is None:
        raise Refusal(400, "bad request: results_info is for a source in S3")
    return asked


def _check_source(asked: CreateBody) -> None:
    places, target = asked.places, asked.target
    aws = places.aws
    check_endpoint(aws)
    if aws is not None and not (aws.bucket or aws.use_input_bucket):
        raise Refusal(400, "bad request: source.aws.bucket is required")
    if places.gcp is not None and not places.gcp.bucket:
        raise Refusal(400, "bad request: source.gcp.bucket is required")
    if places.cloud_workstation is not None and not places.cloud_workstation.path.strip():
        raise Refusal(400, "bad request: source.cloud_workstation.path is required")
    if target is None:
        return
    if places.computation is None and places.cloud_workstation is None:
        # The guide names computations alone; with workstations, too, it is used (seen).
        raise Refusal(400, "bad request: target is for results alone")
    if target.aws is None or not target.aws.bucket:
        raise Refusal(400, "bad request: target.aws.bucket is required")
    check_endpoint(target.aws)


def check_endpoint(place: AwsBody | TargetPlace | None) -> None:
    """Let pass what names no storage of its own, or one that the deployment knows.

    Raises:
        Refusal: 400.
    """
    name = None if place is None else place.endpoint_name
    if name and name not in ENDPOINTS:
        raise Refusal(400, f"bad request: there is no endpoint {name!r} here")


def _forget_later(asked: CreateBody, dialect: Dialect, version: tuple[int, ...]) -> CreateBody:
    """Return what a platform of a version takes notice of.

    Raises:
        Refusal: 400: it can't make an asset of what is left.
    """
    places, later = asked.places, list[str]()
    if dialect is Dialect.LEGACY:
        asked = msgspec.structs.replace(asked, results_info=None, target=None)
        later += ["gcp", "computation", "cloud_workstation"]
    if version < COMBINED_SINCE:
        asked = msgspec.structs.replace(asked, data_asset_ids=None)
    if version < WORKSTATIONS_SINCE:
        later.append("cloud_workstation")
    for key in later:
        if getattr(places, key) is not None:
            raise Refusal(400, f"bad request: source.{key} is not known")
    if places.aws is not None and version < ENDPOINTS_SINCE:
        aws = msgspec.structs.replace(places.aws, endpoint_name=None, use_input_bucket=None)
        asked = msgspec.structs.replace(asked, source=msgspec.structs.replace(places, aws=aws))
    return asked
