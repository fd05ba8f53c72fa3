"""The files of an asset: listings, signed URLs, and the bytes behind them, with ranges.

The URLs stand for the platform's S3: they take no token. Errors there are XML, as S3's are.
"""

from __future__ import annotations

import secrets
import time
from pathlib import PurePosixPath
from urllib.parse import quote, urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.auth import sign, signature_matches
from coexplorer.demo.bodies import decode_body
from coexplorer.demo.deployment import (
    check_reader,
    get_asset,
    get_deployment,
    sign_in,
)
from coexplorer.demo.dialects import Dialect
from coexplorer.demo.files import Tree, find_content, list_folder
from coexplorer.demo.replies import Refusal, build_reply
from coexplorer.demo.sending import refuse, send_content
from coexplorer.demo.storage_errors import EXPIRED


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
        return refuse(400, "InvalidArgument", "Only one auth mechanism allowed")
    asset_id, path = request.path_params["asset_id"], request.path_params["path"]
    params = request.query_params
    expires, disposition = params.get("expires", ""), params.get("disposition", "")
    signed = (asset_id, path, disposition, expires, params.get("nonce", ""))
    good = sign(deployment.signing_key, *signed)
    # An address is signed for one method, as S3's are: a HEAD of it is not.
    if request.method != "GET" or not signature_matches(good, params.get("signature", "")):
        return refuse(403, "SignatureDoesNotMatch", "The signature is missing or wrong")
    if float(expires) < time.time():
        return refuse(403, "AccessDenied", EXPIRED)
    owner = deployment.store.find(asset_id) or deployment.store.workshop.find_computation(asset_id)
    content = None if owner is None else find_content(Tree.of(owner), deployment.data, path)
    if content is None:
        return refuse(404, Key=path)
    name = quote(PurePosixPath(path).name, safe="")
    return send_content(
        request, content, {"Content-Disposition": f"{disposition}; filename*=UTF-8''{name}"}
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
    deployment = get_deployment(request)
    key = deployment.signing_key
    expires = str(int(time.time() + deployment.url_lifetime_s))
    nonce = secrets.token_hex(8)  # each address is another one, as S3's are from second to second
    params = {
        "disposition": disposition,
        "expires": expires,
        "nonce": nonce,
        "signature": sign(key, owner_id, path, disposition, expires, nonce),
    }
    return f"{request.base_url}storage/{owner_id}/{quote(path)}?{urlencode(params)}"
