"""What S3 says instead of sending something → one sentence that names the bucket. Pure."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

import msgspec

from coexplorer.api import TELL_SIGNER, Failure, FailureKind, classify_stored
from coexplorer.api.refusal_text import find_message
from coexplorer.api.storage_failures import OF_THE_ADDRESS
from coexplorer.errors import (
    ApiError,
    BadReply,
    Forbidden,
    NotFound,
    PlatformFault,
    Rejected,
)

_CODE: Final = re.compile(rb"<Code>([A-Za-z0-9]{1,80})</Code>")
_REGION: Final = re.compile(rb"<Region>([a-z0-9-]{1,40})</Region>")

_EXPIRED: Final = ("ExpiredToken", "RequestExpired", "TokenRefreshRequired", "InvalidToken")
_WRONG: Final = ("InvalidAccessKeyId", "SignatureDoesNotMatch", "NotSignedUp")
_LONGEST_BODY: Final = 8192
_REDIRECTS: Final = (HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.TEMPORARY_REDIRECT)
_ELSEWHERE: Final = ("PermanentRedirect", "AuthorizationHeaderMalformed", "TemporaryRedirect")
_AGAIN: Final = "sign in to AWS again (such as with `aws sso login`), then run the same again"
_OTHERS: Final = "use other credentials: AWS_PROFILE, or aws_profile in config.toml"
EXTRA: Final = "install coexplorer with the extra s3: then your AWS profiles are used"


class Access(msgspec.Struct, frozen=True):
    """How a bucket is asked.

    Attributes:
        bucket: Its name.
        region: What is signed for.
        endpoint: The storage, where that is not AWS; else empty.
        keys_from: Where the credentials come from; empty: there are none.
        lacks: Why there are none, as a sentence, where there should be.
        remedy: What helps against that.
        pays: Whoever owns the bucket is told that we pay.
    """

    bucket: str
    region: str = ""
    endpoint: str = ""
    keys_from: str = ""
    lacks: str = ""
    remedy: str = ""
    pays: bool = False

    @property
    def place(self) -> str:
        """The bucket, as people call it."""
        return f"the bucket {self.bucket}" + (f" at {self.endpoint}" if self.endpoint else "")


def classify(
    access: Access, key: str, status: int, body: bytes, *, retry_after_s: float | None = None
) -> Failure:
    """Turn a refusal into a failure.

    Args:
        access: How it was asked.
        key: The object; empty: a list.
        status: Of the reply.
        body: XML, or a page of something in between; empty after ``HEAD``.
        retry_after_s: Seconds that the storage asked to wait for.
    """
    found = _CODE.search(body[:_LONGEST_BODY])
    code = found[1].decode() if found else ""
    said = find_message(body)
    error: ApiError | None = _find_about_keys(access, code, said)
    kind = FailureKind.FINAL if error is None else FailureKind.LOST  # they may change meanwhile
    error = error or _find_about_place(access, key, code, status, body)
    # Some storages say to unsigned requests that they lack a signature, with 400.
    denials = OF_THE_ADDRESS[0 if not access.keys_from else 1 :]
    if error is None and status in denials and (code or not body):
        error = _build_denied(access, said)
    if error is None:
        failure = classify_stored(status, body, retry_after_s=retry_after_s)
        error, kind = failure.error, failure.kind
        if isinstance(error, PlatformFault) and status in OF_THE_ADDRESS:
            because = f": {said}" if said else ""
            error = Rejected(f"{access.place} refuses this (status {status}){because}")
        if error.hint in ("", TELL_SIGNER):
            error.hint = "try again; if this goes on, ask who runs the bucket"
        error.message = error.message.replace("the file's storage", access.place)
    error.status, error.said, error.retry_after_s = status, said, retry_after_s
    error.of_storage = True
    return Failure(kind, error)


def _find_about_keys(access: Access, code: str, said: str) -> ApiError | None:
    """Say what is wrong with what signed, if it is that."""
    if code in _EXPIRED or "has expired" in said:
        return Forbidden(f"your AWS credentials have expired, says {access.place}", hint=_AGAIN)
    if code not in _WRONG:
        return None
    what = "does not know your AWS credentials"
    if code == "SignatureDoesNotMatch":
        what = "says that the secret of your AWS credentials is wrong"
    return Forbidden(f"{access.place} {what} ({access.keys_from})", hint=_OTHERS)


def _find_about_place(
    access: Access, key: str, code: str, status: int, body: bytes
) -> ApiError | None:
    """Say what is wrong with the bucket, the object or this machine, if it is that."""
    address = f"s3://{access.bucket}/{key}"
    if code == "RequestTimeTooSkewed":
        return Rejected(
            f"{access.place} refuses what this machine signs: its clock is wrong",
            hint="set the clock",
        )
    if code == "InvalidObjectState":
        return Forbidden(
            f"this file is in cold storage, in {access.place}: it has to be restored first",
            hint=f"ask its owner to restore {address}",
        )
    is_gone = status in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
    if code == "NoSuchBucket" or (is_gone and not key and not body):
        there = f" at {access.endpoint}" if access.endpoint else ""
        return NotFound(
            f"there is no bucket {access.bucket}{there}",
            hint="ask the asset's owner; if it is in another storage than this, set s3_endpoint in"
            " config.toml",
        )
    if code in {"NoSuchKey", "NoSuchVersion"} or (is_gone and not body):
        return NotFound(f"{address} is no longer there", hint="list its folder again")
    if code in _ELSEWHERE or status in _REDIRECTS:
        found = _REGION.search(body[:_LONGEST_BODY])
        region = found[1].decode() if found else ""
        return Rejected(
            f"{access.place} is in another region than {access.region or 'the one asked'}"
            + (f": {region}" if region else ""),
            hint=f"set s3_region to {region or 'it'} in config.toml, or to nothing",
        )
    return None


def _build_denied(access: Access, said: str) -> Forbidden:
    """Say that a bucket may not be read, and what to do about it."""
    because = "" if said.lower().strip(". ") in ("", "access denied") else f": {said}"
    payer = (
        ""
        if access.pays
        else ("; if its readers have to pay, and you want to: requester_pays in config.toml")
    )
    if access.keys_from:
        return Forbidden(
            f"{access.place} may not be read with your AWS credentials ({access.keys_from})"
            f"{because}",
            hint=f"{_OTHERS}; or ask the bucket's owner for access{payer}",
        )
    if access.lacks:
        return Forbidden(
            f"{access.place} can't be read without AWS credentials, and {access.lacks}",
            hint=access.remedy,
        )
    return Forbidden(
        f"{access.place} can't be read without AWS credentials, and you have none here",
        hint="sign in to AWS: `aws configure` or `aws sso login`, or set AWS_PROFILE or"
        f" AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY{payer}",
    )


def tell_bad_name(bucket: str) -> Rejected:
    """Say that no bucket can be called so."""
    return Rejected(
        f"the asset's files are in a bucket of an impossible name: {bucket[:80]!r}",
        hint="tell the asset's owner",
    )


def tell_bad_list(access: Access, why: str) -> BadReply:
    """Say that a list makes no sense."""
    return BadReply(f"{access.place} sent {why}", hint="check s3_endpoint in config.toml")
