"""The calls of the storage: objects, lists of them, and buckets; errors are XML."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from coexplorer.demo.buckets import (
    find_region,
    find_secret,
    has_key_id,
    is_archived,
    is_private,
    list_archived,
    wants_payer,
)
from coexplorer.demo.deployment import Deployment, get_deployment
from coexplorer.demo.s3.errors import S3Error
from coexplorer.demo.s3.listings import write_buckets, write_location, write_objects
from coexplorer.demo.s3.objects import Objects
from coexplorer.demo.s3.signing import (
    Request as SignedRequest,
)
from coexplorer.demo.s3.signing import Signer, derive_keys, find_signer, parse_params
from coexplorer.demo.sending import send_content
from coexplorer.demo.storage_errors import MEDIA_TYPE, build_error

ROOT: Final = "/s3"
ARCHIVE: Final = "GLACIER"
"""The storage class of what has to be restored before it can be read."""

_LONGEST_KEY_BYTES: Final = 1024
_PARAMS: Final = frozenset(
    (
        *("list-type", "prefix", "delimiter", "max-keys", "continuation-token", "start-after"),
        *("marker", "encoding-type", "fetch-owner", "location", "x-id", "versionId"),
        *("X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires"),
        *("X-Amz-SignedHeaders", "X-Amz-Signature", "X-Amz-Security-Token"),
        *("x-amz-request-payer", "x-amz-checksum-mode"),
    )
)
"""What a request can have in its query; with anything else it is another call."""


class _Asked(NamedTuple):
    """What a request is about; empty: all buckets, or the bucket itself."""

    bucket: str
    key: str
    params: dict[str, str]


async def answer(request: Request) -> Response:
    """Answer any call below ``/s3``."""
    try:
        reply = _answer(request)
    except S3Error as error:
        body = build_error(error.status, error.code, error.message, **error.more)
        reply = Response(body, error.status, error.headers, MEDIA_TYPE)
    if request.method == "HEAD" and reply.status_code >= 400:  # noqa: PLR2004  # an error
        headers = {k: v for k, v in reply.headers.items() if k.startswith("x-amz-")}
        reply = Response(status_code=reply.status_code, headers=headers)
    return reply


def _answer(request: Request) -> Response:
    deployment = get_deployment(request)
    raw: bytes = request.scope["raw_path"]
    asked = _parse(raw, request.url.query)
    if request.method not in {"GET", "HEAD"}:
        raise S3Error(405, headers={"Allow": "GET, HEAD"}, Method=request.method)
    if other := asked.params.keys() - _PARAMS:
        raise S3Error(501, Header=min(other))
    headers = dict(request.headers)
    params = parse_params(request.url.query)
    signer = find_signer(
        SignedRequest(request.method, raw, params, headers),
        lambda key_id: _find_secret(deployment, key_id),
    )
    if not asked.bucket:
        if signer is None:
            raise S3Error(403)
        return _send_xml(write_buckets(deployment.objects.list_buckets()))
    objects = deployment.objects.find(asked.bucket)
    if objects is None:
        message = "The specified bucket does not exist"
        raise S3Error(404, "NoSuchBucket", message, BucketName=asked.bucket)
    _check_region(deployment, asked, signer)
    _check_access(deployment, asked, signer, headers.get("x-amz-request-payer", ""))
    if not asked.key:
        return _send_bucket(request, deployment, asked, objects)
    return _send_object(request, deployment, asked, objects)


def _parse(raw: bytes, query: str) -> _Asked:
    rest = raw.removeprefix(ROOT.encode())
    if rest and not rest.startswith(b"/"):
        raise HTTPException(404)
    bucket, _, key = rest.removeprefix(b"/").partition(b"/")
    try:
        decoded = unquote_to_bytes(key).decode()
        name = unquote_to_bytes(bucket).decode()
    except UnicodeDecodeError:
        raise S3Error(400, "InvalidURI", "Couldn't parse the specified URI.") from None
    if len(decoded.encode()) > _LONGEST_KEY_BYTES:
        raise S3Error(400, "KeyTooLongError", "Your key is too long")
    return _Asked(name, decoded, dict(parse_params(query)))


def _find_secret(deployment: Deployment, key_id: str) -> str | None:
    keys = derive_keys(deployment.signing_key)
    return keys.secret if key_id == keys.id else find_secret(deployment.data, key_id)


def _check_region(deployment: Deployment, asked: _Asked, signer: Signer | None) -> None:
    """Send away who has signed for another region.

    Raises:
        S3Error: 301, with the region.
    """
    region = find_region(deployment.data, asked.bucket)
    if signer is not None and signer.region != region:
        raise S3Error(
            301,
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified"
            " endpoint. Please send all future requests to this endpoint.",
            headers={"x-amz-bucket-region": region},
            Bucket=asked.bucket,
            Endpoint=f"s3.{region}.amazonaws.com",
            Region=region,
        )


def _check_access(deployment: Deployment, asked: _Asked, signer: Signer | None, payer: str) -> None:
    """Let pass who may read a bucket: of a private one its own keys, and the deployment's.

    Raises:
        S3Error: 403.
    """
    data, bucket = deployment.data, asked.bucket
    headers = {"x-amz-bucket-region": find_region(data, bucket)}
    if wants_payer(data, bucket):
        payer = payer or asked.params.get("x-amz-request-payer", "")
        if signer is None or payer != "requester":
            raise S3Error(403, headers=headers)
    if is_private(data, bucket) and (
        signer is None
        or not (
            signer.id == derive_keys(deployment.signing_key).id
            or has_key_id(data, bucket, signer.id)
        )
    ):
        raise S3Error(403, headers=headers)


def _send_bucket(
    request: Request, deployment: Deployment, asked: _Asked, objects: Objects
) -> Response:
    region = find_region(deployment.data, asked.bucket)
    headers = {"x-amz-bucket-region": region}
    if request.method == "HEAD":
        return Response(headers=headers, media_type=MEDIA_TYPE)
    if "location" in asked.params:
        return _send_xml(write_location(region), headers)
    archived = dict.fromkeys(list_archived(deployment.data, asked.bucket), ARCHIVE)
    return _send_xml(write_objects(objects, asked.bucket, asked.params, archived), headers)


def _send_object(
    request: Request, deployment: Deployment, asked: _Asked, objects: Objects
) -> Response:
    content = objects.find(asked.key)
    if content is None:
        raise S3Error(404, Key=asked.key)
    headers = {}
    if is_archived(deployment.data, asked.bucket, asked.key):
        if request.method == "GET":
            message = "The operation is not valid for the object's storage class"
            raise S3Error(403, "InvalidObjectState", message, StorageClass=ARCHIVE)
        headers["x-amz-storage-class"] = ARCHIVE
    return send_content(request, content, headers)


def _send_xml(body: str, headers: dict[str, str] | None = None) -> Response:
    return Response(body, headers=headers, media_type=MEDIA_TYPE)
