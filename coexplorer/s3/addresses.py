"""Requests for buckets and objects, with AWS's Signature Version 4. Pure."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from coexplorer.api import SignedRequest
from coexplorer.models import Secret

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,254}")
_HOST_PART: Final = re.compile(r"[a-z0-9][a-z0-9-]{1,61}[a-z0-9]")
"""A bucket of such a name can be part of a host's; one with dots fits no certificate."""

_PORTS: Final = {"https": ":443", "http": ":80"}
_REGION: Final = re.compile(r"[a-z0-9-]{2,40}")
_EMPTY: Final = hashlib.sha256().hexdigest()
"""Of the body: there is none."""


class AwsKeys(msgspec.Struct, frozen=True):
    """What signs.

    Attributes:
        id: Of the access key.
        secret: The key.
        session: The token of a session; None: the key is a lasting one.
    """

    id: str
    secret: Secret
    session: Secret | None = None


class BucketPlace(msgspec.Struct, frozen=True):
    """Where a bucket is.

    Attributes:
        bucket: Its name.
        endpoint: Scheme, host, and path of the storage.
        region: What is signed for.
        is_virtual: The bucket is named in the host, not in the path.
    """

    bucket: str
    endpoint: str
    region: str
    is_virtual: bool

    def build_request(
        self,
        method: str,
        key: str,
        params: Mapping[str, str],
        keys: AwsKeys | None,
        *,
        now: float = 0,
        pays: bool = False,
    ) -> SignedRequest:
        """Return the request for an object, or for the bucket itself, signed where there are keys.

        Args:
            method: ``GET`` or ``HEAD``.
            key: Of the object; empty: the bucket.
            params: Of the query.
            keys: What signs; None: nothing.
            now: Epoch seconds.
            pays: Whoever signs pays for it.
        """
        parts = urlsplit(self.endpoint)
        # As it will stand in the header ``Host``, which is signed.
        netloc = parts.netloc.lower().removesuffix(_PORTS.get(parts.scheme, ""))
        host = f"{self.bucket}.{netloc}" if self.is_virtual else netloc
        start = parts.path.rstrip("/") + ("" if self.is_virtual else f"/{self.bucket}")
        path = f"{start}/{_quote_key(key)}" if key or not start else start
        query = _write_query(params)
        url = f"{parts.scheme}://{host}{_keep_dots(path)}{query and '?'}{query}"
        if keys is None:
            return SignedRequest(url, {})
        return SignedRequest(
            url, self._sign(f"{method}\n{path}\n{query}", host, keys, now, pays=pays)
        )

    def _sign(
        self, asked: str, host: str, keys: AwsKeys, now: float, *, pays: bool
    ) -> dict[str, str]:
        """Return the headers that sign a request.

        Args:
            asked: Its method, path and query, a line each.
            host: As the header ``Host`` has it.
            keys: What signs.
            now: Epoch seconds.
            pays: See `build_request`.
        """
        date = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
        scope = f"{date[:8]}/{self.region}/s3/aws4_request"
        sent = {"x-amz-content-sha256": _EMPTY, "x-amz-date": date}
        if pays:
            sent["x-amz-request-payer"] = "requester"
        if keys.session is not None:
            sent["x-amz-security-token"] = keys.session.reveal()
        lines = "".join(f"{name}:{value}\n" for name, value in {"host": host, **sent}.items())
        names = ";".join(("host", *sent))
        canonical = f"{asked}\n{lines}\n{names}\n{_EMPTY}"
        digest = hashlib.sha256(canonical.encode()).hexdigest()
        signing = f"AWS4{keys.secret.reveal()}".encode()
        for part in scope.split("/"):
            signing = hmac.digest(signing, part.encode(), "sha256")
        text = f"{_ALGORITHM}\n{date}\n{scope}\n{digest}"
        signature = hmac.digest(signing, text.encode(), "sha256").hex()
        claim = f"Credential={keys.id}/{scope}, SignedHeaders={names}, Signature={signature}"
        return sent | {"authorization": f"{_ALGORITHM} {claim}"}


def is_bucket_name(name: str) -> bool:
    """Tell whether a bucket can have this name; no other one gets into an address."""
    return _BUCKET.fullmatch(name) is not None and ".." not in name


def is_region_name(name: str) -> bool:
    """Tell whether a region can have this name."""
    return _REGION.fullmatch(name) is not None


def fits_host(bucket: str) -> bool:
    """Tell whether a bucket's name can be part of a host's."""
    return _HOST_PART.fullmatch(bucket) is not None


def find_aws_endpoint(region: str) -> str:
    """Return AWS's own endpoint in a region; empty: the one that knows all of them."""
    end = ".cn" if region.startswith("cn-") else ""
    return f"https://s3.{region}.amazonaws.com{end}" if region else "https://s3.amazonaws.com"


def _quote_key(key: str) -> str:
    return quote(key, safe="/-_.~", errors="surrogatepass")


def _keep_dots(path: str) -> str:
    """Write parts like ``..`` so that nothing on the way goes up a folder: they are names here."""
    parts = path.split("/")
    return "/".join(part.replace(".", "%2E") if part in (".", "..") else part for part in parts)


def _write_query(query: Mapping[str, str]) -> str:
    pairs = ((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in query.items())
    return "&".join(f"{name}={value}" for name, value in sorted(pairs))
