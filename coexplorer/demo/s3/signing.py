"""Who sends a request: AWS's Signature Version 4, in a header or in the address."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import time
from calendar import timegm
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import quote, unquote_to_bytes

from coexplorer.demo.auth import sign
from coexplorer.demo.s3.errors import S3Error
from coexplorer.demo.storage_errors import EXPIRED

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_LONGEST_SKEW_S: Final = 15 * 60
_DATE: Final = "%Y%m%dT%H%M%SZ"
_UNSIGNED: Final = "UNSIGNED-PAYLOAD"
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<credential>[^,\s]+),\s*"
    r"SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>[0-9a-f]+)"
)
_CREDENTIAL = re.compile(
    r"(?P<id>[^/]+)/(?P<day>\d{8})/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request"
)


class KeyPair(NamedTuple):
    """An access key id and its secret."""

    id: str
    secret: str


class Signer(NamedTuple):
    """Who has signed a request, and for which region."""

    id: str
    region: str


class Request(NamedTuple):
    """What a signature is about.

    Attributes:
        path: As it was sent, encoded.
        params: The names and values of the query, decoded, in their order.
        headers: Names in lower case.
    """

    method: str
    path: bytes
    params: tuple[tuple[str, str], ...]
    headers: Mapping[str, str]


class _Claim(NamedTuple):
    """What a request says of its signature; `headers` are the names of those that are signed."""

    credential: str
    headers: str
    signature: str
    date: str
    body_hash: str


def derive_keys(signing_key: str) -> KeyPair:
    """Return the key pair that opens all buckets, which follows from the server's secret."""
    digest = bytes.fromhex(sign(signing_key, "s3 key id"))
    secret = base64.b64encode(bytes.fromhex(sign(signing_key, "s3 secret"))[:30]).decode()
    return KeyPair("AKIA" + base64.b32encode(digest)[:16].decode(), secret)


def parse_params(query: str) -> tuple[tuple[str, str], ...]:
    """Return the names and values of a query; a plus is a plus, as in S3."""
    pairs = (each.partition("=") for each in query.split("&") if each)
    return tuple((_unquote(name), _unquote(value)) for name, _, value in pairs)


def find_signer(
    request: Request, find_secret: Callable[[str], str | None], *, now: float | None = None
) -> Signer | None:
    """Return who has signed a request; None: nobody.

    Args:
        request: The request.
        find_secret: Returns the secret of an access key id, None when that is unknown.
        now: Epoch seconds.

    Raises:
        S3Error: The signature is wrong, too old, or of a key that is unknown.
    """
    params, now = dict(request.params), time.time() if now is None else now
    header = request.headers.get("authorization")
    if header is not None and "X-Amz-Signature" in params:
        raise S3Error(400, "InvalidArgument", "Only one auth mechanism allowed")
    if header is not None:
        match = _AUTHORIZATION.fullmatch(header.strip())
        if match is None:
            raise S3Error(400, "InvalidArgument", "Unsupported Authorization Type")
        date = request.headers.get("x-amz-date", "")
        if abs(_parse_date(date) - now) > _LONGEST_SKEW_S:
            message = "The difference between the request time and the current time is too large."
            raise S3Error(403, "RequestTimeTooSkewed", message)
        body_hash = request.headers.get("x-amz-content-sha256", _UNSIGNED)
        claim = _Claim(match["credential"], match["headers"], match["signature"], date, body_hash)
        return _check(request, claim, find_secret)
    if "X-Amz-Signature" not in params:
        return None
    date, seconds = params.get("X-Amz-Date", ""), params.get("X-Amz-Expires", "")
    if not (seconds.isascii() and seconds.isdigit()):
        raise S3Error(400, "AuthorizationQueryParametersError", "X-Amz-Expires should be a number")
    if _parse_date(date) + int(seconds) < now:
        raise S3Error(403, "AccessDenied", EXPIRED)
    kept = tuple(pair for pair in request.params if pair[0] != "X-Amz-Signature")
    unsigned = request._replace(params=kept)
    claim = _Claim(
        params.get("X-Amz-Credential", ""),
        params.get("X-Amz-SignedHeaders", ""),
        params["X-Amz-Signature"],
        date,
        _UNSIGNED,
    )
    return _check(unsigned, claim, find_secret)


def _check(request: Request, claim: _Claim, find_secret: Callable[[str], str | None]) -> Signer:
    scope = _CREDENTIAL.fullmatch(claim.credential)
    if scope is None or scope["service"] != "s3" or scope["day"] != claim.date[:8]:
        message = "The authorization header is malformed; the Credential is mal-formed"
        raise S3Error(400, "AuthorizationHeaderMalformed", message)
    secret = find_secret(scope["id"])
    if secret is None:
        message = "The AWS Access Key Id you provided does not exist in our records."
        raise S3Error(403, "InvalidAccessKeyId", message, AWSAccessKeyId=scope["id"])
    canonical = _write_canonical(request, claim.headers.split(";"), claim.body_hash)
    place = claim.credential.partition("/")[2]
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in place.split("/"):
        key = hmac.digest(key, part.encode(), "sha256")
    text = f"{_ALGORITHM}\n{claim.date}\n{place}\n{digest}"
    good = hmac.digest(key, text.encode(), "sha256").hex()
    if not hmac.compare_digest(good.encode(), claim.signature.encode()):
        message = (
            "The request signature we calculated does not match the signature you provided. Check"
            " your key and signing method."
        )
        raise S3Error(403, "SignatureDoesNotMatch", message, AWSAccessKeyId=scope["id"])
    return Signer(scope["id"], scope["region"])


def _write_canonical(request: Request, signed: list[str], body_hash: str) -> str:
    pairs = sorted((_quote(name), _quote(value)) for name, value in request.params)
    headers = "".join(
        f"{name}:{' '.join(request.headers.get(name, '').split())}\n" for name in signed
    )
    return "\n".join(
        (
            request.method,
            quote(unquote_to_bytes(request.path), safe="/"),
            "&".join(f"{name}={value}" for name, value in pairs),
            headers,
            ";".join(signed),
            body_hash,
        )
    )


def _parse_date(text: str) -> float:
    try:
        return timegm(time.strptime(text, _DATE))
    except ValueError:
        message = "AWS authentication requires a valid Date or x-amz-date header"
        raise S3Error(403, "AccessDenied", message) from None


def _quote(text: str) -> str:
    return quote(text, safe="", errors="surrogateescape")


def _unquote(text: str) -> str:
    return unquote_to_bytes(text).decode("utf-8", "surrogateescape")
