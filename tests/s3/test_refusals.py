"""Each refusal of S3 is one sentence that names the bucket, and says what to do."""

from __future__ import annotations

import pytest

from coexplorer.api import FailureKind
from coexplorer.errors import Forbidden, NotFound, PlatformFault, Rejected
from coexplorer.s3.refusals import Access, classify

KEYS = Access("lab", "us-east-1", keys_from="an AWS sign-in, profile lab")
NONE = Access("lab", "us-east-1")
LACKS = Access("lab", lacks="your AWS sign-in has expired", remedy="sign in again: aws sso login")
ELSEWHERE = Access("lab", endpoint="https://storage.lab", keys_from="the environment")


def error(code: str, message: str = "Said so.", more: str = "") -> bytes:
    signed = "<StringToSign>AWS4 hush</StringToSign><AWSAccessKeyId>AKIAHUSH</AWSAccessKeyId>"
    inner = f"<Code>{code}</Code><Message>{message}</Message>{more}{signed}"
    return f'<?xml version="1.0"?><Error>{inner}</Error>'.encode()


@pytest.mark.parametrize(
    ("access", "status", "body", "kind", "says", "advises"),
    [
        (NONE, 403, error("AccessDenied", "Access Denied"), Forbidden, "none here", "AWS_PROFILE"),
        (NONE, 400, error("UnsupportedAlgorithm"), Forbidden, "without AWS", "aws sso login"),
        (LACKS, 403, error("AccessDenied"), Forbidden, "sign-in has expired", "aws sso login"),
        (KEYS, 403, error("AccessDenied"), Forbidden, r"profile lab\): Said so", "requester_pays"),
        (KEYS, 403, b"", Forbidden, "may not be read with your", "another|other credentials"),
        (KEYS, 400, error("ExpiredToken"), Forbidden, "have expired", "aws sso login"),
        (KEYS, 403, error("InvalidAccessKeyId"), Forbidden, "does not know", "aws_profile"),
        (ELSEWHERE, 403, error("SignatureDoesNotMatch"), Forbidden, "secret .* wrong", "aws_"),
        (KEYS, 403, error("RequestTimeTooSkewed"), Rejected, "clock is wrong", "set the clock"),
        (KEYS, 403, error("InvalidObjectState"), Forbidden, "cold storage", "s3://lab/a/b.txt"),
        (KEYS, 404, error("NoSuchBucket"), NotFound, "there is no bucket lab", "s3_endpoint"),
        (KEYS, 404, error("NoSuchKey"), NotFound, "s3://lab/a/b.txt is no longer", "list"),
        (
            KEYS,
            301,
            error("PermanentRedirect", more="<Region>eu-west-1</Region>"),
            Rejected,
            "another region than us-east-1: eu-west-1",
            "s3_region to eu-west-1",
        ),
        (KEYS, 503, error("SlowDown"), PlatformFault, "the bucket lab failed with", "again"),
        (KEYS, 412, error("PreconditionFailed"), Rejected, "lab refused", "who runs the bucket"),
        (KEYS, 400, error("Odd"), Rejected, "lab refuses", "who runs the bucket"),
        (KEYS, 403, error("SomethingNew"), Forbidden, "lab may not be read", "owner"),
    ],
)
def test_a_refusal_names_the_bucket_and_the_remedy(
    access: Access, status: int, body: bytes, kind: type[Exception], says: str, advises: str
) -> None:
    failure = classify(access, "a/b.txt", status, body)
    with pytest.raises(kind, match=says):
        raise failure.error
    assert "lab" in failure.error.message
    assert "\n" not in failure.error.message
    assert any(word in failure.error.hint for word in advises.split("|"))
    assert "hush" not in f"{failure.error.message}{failure.error.hint}".lower()


def test_only_what_may_pass_is_tried_again() -> None:
    def find_kind(status: int, code: str) -> FailureKind:
        return classify(KEYS, "a", status, error(code)).kind

    assert find_kind(403, "AccessDenied") is FailureKind.FINAL
    assert find_kind(403, "InvalidObjectState") is FailureKind.FINAL
    assert find_kind(400, "ExpiredToken") is FailureKind.LOST
    assert find_kind(503, "SlowDown") is FailureKind.LOST
