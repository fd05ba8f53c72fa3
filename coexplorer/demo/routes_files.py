"""The files of an asset: listings, signed URLs, and the bytes behind them, with ranges.

The URLs stand for the platform's S3: they take no token. Errors there are XML, as S3's are.
"""

from __future__ import annotations

import re
import time
from email.utils import formatdate
from pathlib import PurePosixPath
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.auth import sign, signature_matches
from coexplorer.demo.bodies import decode_body
from coexplorer.demo.deployment import (
    Deployment,
    check_reader,
    get_asset,
    get_deployment,
    sign_in,
)
from coexplorer.demo.dialects import Dialect
from coexplorer.demo.files import Content, Tree, find_content, list_folder
from coexplorer.demo.replies import Refusal, build_reply

_RANGE = re.compile(r"bytes=(?:(?P<first>\d+)-(?P<last>\d*)|-(?P<suffix>\d+))")


class FolderBody(msgspec.Struct, frozen=True):
    """Body of a listing; an empty path is the root."""

    path: str | None = None


async def list_files(request: Request) -> Response:
    """Answer ``POST data_assets/{id}/files``: one level a call."""
    asset = _get_listed(request)
    asked = decode_body(await request.body(), FolderBody)
    entries = list_folder(Tree.of(asset), get_deployment(request).data, asked.path or "")
    if entries is None:
        raise Refusal(404, f"folder {asked.path} not found")
    return build_reply({"items": entries})


async def get_file_urls(request: Request) -> Response:
    """Answer ``GET data_assets/{id}/files/urls?path=`` (v4.0 and later)."""
    asset, path = _find_file(request)
    return build_reply(
        {
            "download_url": build_url(request, asset.id, path, "attachment"),
            "view_url": build_url(request, asset.id, path, "inline"),
        }
    )


async def get_download_url(request: Request) -> Response:
    """Answer ``GET data_assets/{id}/files/download_url?path=`` (before v4.0)."""
    asset, path = _find_file(request)
    return build_reply({"url": build_url(request, asset.id, path, "attachment")})


async def send_file(request: Request) -> Response:
    """Send the bytes of a file to who has a signed URL that has not expired."""
    deployment = get_deployment(request)
    if "authorization" in request.headers:
        return _storage_error(400, "InvalidArgument", "Only one auth mechanism allowed")
    asset_id, path = request.path_params["asset_id"], request.path_params["path"]
    params = request.query_params
    expires, disposition = params.get("expires", ""), params.get("disposition", "")
    good = sign(deployment.signing_key, asset_id, path, disposition, expires)
    if not signature_matches(good, params.get("signature", "")):
        return _storage_error(403, "SignatureDoesNotMatch", "The signature is missing or wrong")
    if float(expires) < time.time():
        return _storage_error(403, "AccessDenied", "Request has expired")
    owner = deployment.store.find(asset_id) or deployment.store.workshop.find_computation(asset_id)
    content = None if owner is None else find_content(Tree.of(owner), deployment.data, path)
    if owner is None or content is None:
        return _storage_error(404, "NoSuchKey", "The specified key does not exist")
    name = quote(PurePosixPath(path).name, safe="")
    headers = {
        "Accept-Ranges": "bytes",
        "Content-Disposition": f"{disposition}; filename*=UTF-8''{name}",
        "ETag": '"' + sign(deployment.signing_key, asset_id, path, str(content.size))[:32] + '"',
        "Last-Modified": formatdate(owner.created, usegmt=True),
    }
    return _send_content(request, content, headers)


def parse_range(header: str, size: int) -> tuple[int, int] | None:
    """Return ``(first, last)`` of the one range that a ``Range`` header asks for.

    None: the whole file is sent (no range, several, or one in words of another unit).

    Raises:
        ValueError: Nothing of the file is in the range: 416.
    """
    match = _RANGE.fullmatch(header.strip())
    if match is None:
        return None
    if match["suffix"] is not None:
        first, last = max(0, size - int(match["suffix"])), size - 1
    else:
        first = int(match["first"])
        last = min(int(match["last"]), size - 1) if match["last"] else size - 1
        if match["last"] and int(match["last"]) < first:
            return None
    if first > last:
        raise ValueError(header)
    return first, last


def _send_content(request: Request, content: Content, headers: dict[str, str]) -> Response:
    wanted = request.headers.get("range", "")
    if request.headers.get("if-range", headers["ETag"]) != headers["ETag"]:
        wanted = ""
    try:
        part = parse_range(wanted, content.size)
    except ValueError:
        error = _storage_error(416, "InvalidRange", "The requested range is not satisfiable")
        error.headers["Content-Range"] = f"bytes */{content.size}"
        return error
    first, last = part or (0, content.size - 1)
    headers["Content-Length"] = str(last - first + 1)
    if part:
        headers["Content-Range"] = f"bytes {first}-{last}/{content.size}"
    return StreamingResponse(
        content.read(first, last - first + 1),
        status_code=206 if part else 200,
        headers=headers,
        media_type="application/octet-stream",
    )


def _get_listed(request: Request) -> StoredAsset:
    """Return an asset whose files the caller may list and fetch.

    Raises:
        Refusal: 403 for who can find it alone. 400 for what has no files to list, a guess: that
            today's platforms list the files of internal assets only is documented, the status is
            not.
    """
    user = sign_in(request).user
    asset = get_asset(request, user)
    check_reader(asset, user)
    if asset.external and get_deployment(request).dialect is not Dialect.LEGACY:
        raise Refusal(400, "files are available for internal data assets only")
    if not asset.files_listed:
        raise Refusal(400, "the files of this data asset are not indexed")
    if asset.state != "ready":
        raise Refusal(400, f"the data asset is in state {asset.state}")
    return asset


def _find_file(request: Request) -> tuple[StoredAsset, str]:
    asset = _get_listed(request)
    path = request.query_params.get("path", "").lstrip("/")
    if not path:
        raise Refusal(400, "bad request: path is required")
    if find_content(Tree.of(asset), get_deployment(request).data, path) is None:
        raise Refusal(404, f"file {path} not found")
    return asset, path


def build_url(request: Request, owner_id: str, path: str, disposition: str) -> str:
    """Return the signed address of a file of an asset or a computation, by the id of that."""
    deployment: Deployment = get_deployment(request)
    expires = str(int(time.time() + deployment.url_lifetime_s))
    params = {
        "disposition": disposition,
        "expires": expires,
        "signature": sign(deployment.signing_key, owner_id, path, disposition, expires),
    }
    return f"{request.base_url}storage/{owner_id}/{quote(path)}?{urlencode(params)}"


def _storage_error(status: int, code: str, message: str) -> Response:
    body = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    )
    return Response(body, status, media_type="application/xml")
