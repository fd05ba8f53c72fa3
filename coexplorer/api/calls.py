"""Requests to the platform: models → requests in both dialects (manual; design: api.md)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum, auto
from typing import Any, Final
from urllib.parse import quote

import msgspec

from coexplorer.api.forbidden import Act
from coexplorer.api.paging import LARGEST
from coexplorer.asset_body import encode_changed, encode_fields
from coexplorer.errors import NotFound
from coexplorer.fields import FIELDS, Fields, same_value
from coexplorer.lenient_json import encode_exactly
from coexplorer.models import (
    Asset,
    AssetId,
    AssetSource,
    AwsSource,
    CombinedSource,
    ComputationSource,
    Dialect,
    GcpSource,
    NewAsset,
    Ownership,
    ResultsInfo,
    S3Target,
    SearchFilter,
    SearchRequest,
    Secret,
    WorkstationSource,
    is_asset_id,
)

LARGEST_PAGE: Final = LARGEST

_Encoded = tuple[dict[str, object], tuple[Secret, ...]]
"""Parts of a body, and the secrets in them."""

_OWNERSHIP: Final = {
    Dialect.LEGACY: {Ownership.OWNED: "owner", Ownership.SHARED: "shared"},
    Dialect.CURRENT: {Ownership.OWNED: "created", Ownership.SHARED: "shared"},
}


class Repeat(Enum):
    """What may be done when the outcome of a call is unknown (design: api.md, Writes)."""

    ALWAYS = auto()
    """Carried out twice it does the same as once."""
    UNTIL_GONE = auto()
    """Likewise, and the second time the platform says 404, which is success."""
    UNSENT = auto()
    """Only when it surely never arrived; else somebody has to look first."""


class Call(msgspec.Struct, frozen=True):
    """One request, ready to be sent.

    Attributes:
        path: Relative to ``…/api/v1/``.
        subject: What an error is about: ``asset``, ``search``, ``file``…
        act: What is done.
        writes: Whether the platform is changed by it.
        rows: How many assets the answer holds at most, or as much as that many take.
        secrets: Texts inside `body` that no message and no log may show.
        since: The version of the platform that brought this call; empty: all have it.
        wants: The oldest version of the platform that is to answer; empty: any.
    """

    method: str
    path: str
    subject: str = "asset"
    act: Act = Act.READ
    params: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    repeat: Repeat = Repeat.ALWAYS
    writes: bool = False
    rows: int = 1
    secrets: tuple[Secret, ...] = ()
    since: str = ""
    wants: str = ""

    def __repr__(self) -> str:
        """Leave the body out: a create carries AWS keys."""
        return f"Call({self.method} {self.path})"


def build_search(
    request: SearchRequest,
    dialect: Dialect,
    *,
    offset: int = 0,
    limit: int = LARGEST_PAGE,
    next_token: str | None = None,
) -> Call:
    """Build a search; `next_token` wins over `offset`, and legacy platforms have none.

    Raises:
        ValueError: `limit` is not within 1 and 1000, or `offset` is negative.
    """
    if not 1 <= limit <= LARGEST_PAGE or offset < 0:
        raise ValueError(f"no such page: {limit} rows from {offset}")
    criteria = _criteria(request, dialect)
    if dialect is Dialect.LEGACY:
        criteria = {"start": offset, "limit": limit} | criteria
        params = tuple((key, _param(value)) for key, value in criteria.items())
        return Call("GET", "data_assets", subject="search", params=params, rows=limit)
    where: dict[str, object] = {"next_token": next_token} if next_token else {"offset": offset}
    body = msgspec.json.encode(where | {"limit": limit} | criteria)
    return Call("POST", "data_assets/search", subject="search", body=body, rows=limit)


def build_get(asset_id: AssetId) -> Call:
    """Build the request for one asset."""
    return Call("GET", asset_path(asset_id))


def build_create(new: NewAsset) -> Call:
    """Build a create (manual, create; the errata of the design applied).

    Keys are sent where they were given, and what old platforms do not know only where it is set.
    """
    encode = _ENCODERS[type(new.source)]
    origin, secrets = encode(new.source)
    body: dict[str, object] = {**encode_fields(new), **origin}
    if new.target is not None:
        body["target"] = {"aws": _encode_target(new.target)}
    if new.results_info is not None:
        body["results_info"] = _encode_results_info(new.results_info)
    return Call(
        "POST",
        "data_assets",
        act=Act.CREATE,
        body=msgspec.json.encode(body),
        repeat=Repeat.UNSENT,
        writes=True,
        secrets=secrets,
    )


def _encode_aws(source: AwsSource) -> _Encoded:
    aws: dict[str, object] = {
        "bucket": source.bucket,
        "prefix": source.prefix,
        "keep_on_external_storage": source.keep_on_external_storage,
        "index_data": source.index_data,
    }
    keys, secrets = _reveal(
        access_key_id=source.access_key_id, secret_access_key=source.secret_access_key
    )
    aws |= keys
    if source.public:
        aws["public"] = True
    if source.endpoint_name:
        aws["endpoint_name"] = source.endpoint_name
    if source.use_input_bucket:
        aws["use_input_bucket"] = True
    return {"source": {"aws": aws}}, secrets


def _encode_gcp(source: GcpSource) -> _Encoded:
    keys, secrets = _reveal(client_id=source.client_id, client_secret=source.client_secret)
    gcp = {"bucket": source.bucket, "prefix": source.prefix, **keys}
    return {"source": {"gcp": gcp}}, secrets


def _encode_computation(source: ComputationSource) -> _Encoded:
    path = {"path": source.path} if source.path else {}
    return {"source": {"computation": {"id": source.id, **path}}}, ()


def _encode_workstation(source: WorkstationSource) -> _Encoded:
    script = {"run_script": source.run_script} if source.run_script else {}
    found = {"id": source.id, "path": source.path, **script}
    return {"source": {"cloud_workstation": found}}, ()


def _encode_combined(source: CombinedSource) -> _Encoded:
    return {"data_asset_ids": source.ids}, ()


_ENCODERS: Final[dict[type[AssetSource], Callable[[Any], _Encoded]]] = {
    AwsSource: _encode_aws,
    GcpSource: _encode_gcp,
    ComputationSource: _encode_computation,
    WorkstationSource: _encode_workstation,
    CombinedSource: _encode_combined,
}


def _reveal(**secrets: Secret | None) -> tuple[dict[str, str], tuple[Secret, ...]]:
    """Return what a request carries of secrets that were given, and these themselves."""
    given = {key: secret for key, secret in secrets.items() if secret}
    return {key: secret.reveal() for key, secret in given.items()}, tuple(given.values())


def _encode_target(target: S3Target) -> dict[str, str]:
    endpoint = {"endpoint_name": target.endpoint_name} if target.endpoint_name else {}
    return {"bucket": target.bucket, "prefix": target.prefix, **endpoint}


def _encode_results_info(info: ResultsInfo) -> dict[str, object]:
    parameters = [{"name": name, "value": value} for name, value in info.parameters.items()]
    values = msgspec.structs.asdict(info) | {"parameters": parameters}
    return {key: value for key, value in values.items() if value not in ("", None, (), [])}


def build_transfer(asset_id: AssetId, target: S3Target, *, force: bool) -> Call:
    """Build the request that moves an asset's files to another storage, for administrators (v3.1+).

    Nobody knows what a second one does while the first is under way, so it is sent once.
    """
    body: dict[str, object] = {"target": {"aws": _encode_target(target)}}
    if force:
        body["force"] = True
    return Call(
        "POST",
        f"{asset_path(asset_id)}/transfer",
        act=Act.CHANGE,
        body=msgspec.json.encode(body),
        repeat=Repeat.UNSENT,
        writes=True,
    )


def build_update(
    asset_id: AssetId,
    fields: Fields,
    before: Fields | None = None,
    seen: Asset | None = None,
    cleared: Sequence[tuple[str, str]] = (),
) -> Call:
    """Build a PUT of all fields that the asset has, so that every platform does the same thing.

    Args:
        asset_id: The asset.
        fields: As they should be.
        before: What the platform had; None: what is only sent where it is changed is not sent.
        seen: What the platform has: what is odd in it goes back as it came.
        cleared: Keys of maps, each with the map's, to send as null.
    """
    body = encode_fields(fields) if seen is None else encode_changed(fields, seen)
    for field in FIELDS:
        if field.only_changed and (before is None or same_value(fields, before, field.name)):
            body.pop(field.key, None)
    for of, key in cleared:
        held = body.get(of)
        body[of] = {**(held if isinstance(held, dict) else {}), key: None}
    return Call(
        "PUT",
        asset_path(asset_id),
        act=Act.CHANGE,
        body=encode_exactly(body),
        repeat=Repeat.UNSENT,
        writes=True,
    )


def build_archive(asset_id: AssetId, *, archived: bool) -> Call:
    """Build an archive or unarchive: parameters in the address, no body."""
    params = (("archive", _param(archived)),)
    path = f"{asset_path(asset_id)}/archive"
    return Call("PATCH", path, act=Act.CHANGE, params=params, writes=True)


def build_delete(asset_id: AssetId) -> Call:
    """Build a delete; the platform expects the asset to be archived."""
    path = asset_path(asset_id)
    return Call("DELETE", path, act=Act.DELETE, repeat=Repeat.UNTIL_GONE, writes=True)


def build_list_files(asset_id: AssetId, path: str = "") -> Call:
    """Build the request for one level of an asset's files (v3.1+; internal assets only)."""
    body = encode_exactly({"path": path})
    place = f"{asset_path(asset_id)}/files"
    return Call("POST", place, subject="folder", body=body, rows=LARGEST_PAGE)


def build_file_urls(asset_id: AssetId, path: str) -> Call:
    """Build the request for a file's signed addresses (v4.0+)."""
    place = f"{asset_path(asset_id)}/files/urls"
    return Call("GET", place, subject="file", params=(("path", path),))


def build_download_url(asset_id: AssetId, path: str) -> Call:
    """Build the request for a file's signed address on platforms before v4.0."""
    place = f"{asset_path(asset_id)}/files/download_url"
    return Call("GET", place, subject="file", params=(("path", path),))


def build_metadata_schema() -> Call:
    """Build the request for the deployment's custom metadata fields."""
    return Call("GET", "custom_metadata", subject="schema")


def _criteria(request: SearchRequest, dialect: Dialect) -> dict[str, object]:
    """Say what is looked for. `archived` left out would return both (design: api.md)."""
    criteria: dict[str, object] = {}
    if request.sort_field is not None:
        criteria["sort_field"] = request.sort_field.value
        criteria["sort_order"] = "desc" if request.descending else "asc"
    if request.query:
        criteria["query"] = request.query
    if request.type:
        criteria["type"] = request.type
    if request.ownership is not None:
        criteria["ownership"] = _OWNERSHIP[dialect][request.ownership]
    if request.favorite:
        criteria["favorite"] = True
    if request.archived is not None:
        criteria["archived"] = request.archived
    if dialect is Dialect.CURRENT and request.origin is not None:
        criteria["origin"] = request.origin
    if dialect is Dialect.CURRENT and request.filters:
        criteria["filters"] = [_encode_filter(each) for each in request.filters]
    return criteria


def _encode_filter(each: SearchFilter) -> dict[str, object]:
    encoded: dict[str, object] = {"key": each.key}
    if each.value is not None:
        encoded["value"] = each.value
    ends = {"min": each.low, "max": each.high}
    bounds = {name: number for name, number in ends.items() if number is not None}
    if bounds:
        encoded["range"] = bounds
    return encoded


def _param(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def asset_path(asset_id: AssetId) -> str:
    """Say where an asset is.

    Raises:
        NotFound: That can't be an id, and never becomes an address: ``..`` would be another one.
    """
    if not is_asset_id(asset_id):
        raise NotFound(
            f"there is no asset {asset_id[:80]!r}",
            hint="give its name, or its id as the list shows it",
        )
    return f"data_assets/{quote(asset_id, safe='')}"
