"""Requests are signed as AWS's own library signs them, and lead nowhere else."""

from __future__ import annotations

import calendar
import time
from urllib.parse import urlsplit

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from coexplorer.models import Secret
from coexplorer.s3.addresses import (
    AwsKeys,
    BucketPlace,
    find_aws_endpoint,
    fits_host,
    is_bucket_name,
)
from coexplorer.s3.listing import build_params

NOW = 1_780_000_000.0
KEY_ID, SECRET, SESSION = "AKIDEXAMPLE", "its/secret+key", "session/token+=="
LISTING = build_params("a b/+%~é\x01/", "token==/+")


@pytest.fixture
def _standing_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: _Moment(NOW))


class _Moment:
    """What botocore asks of a date."""

    def __init__(self, seconds: float) -> None:
        self._at = time.gmtime(seconds)

    def strftime(self, layout: str) -> str:
        return time.strftime(layout, self._at)

    def timetuple(self) -> time.struct_time:
        return time.gmtime(calendar.timegm(self._at))


@pytest.mark.usefixtures("_standing_clock")
@pytest.mark.parametrize("session", [None, SESSION])
@pytest.mark.parametrize("pays", [False, True])
@pytest.mark.parametrize(
    ("endpoint", "is_virtual", "key", "params"),
    [
        ("https://s3.us-west-2.amazonaws.com", True, "a/b.txt", {}),
        ("https://s3.us-west-2.amazonaws.com", False, "a b/c+d#é?%~(1)*'.txt", {}),
        ("http://storage.lab:9000", False, "//a//../.", {}),
        ("https://Storage.Lab:443", True, "a", {}),
        ("http://storage.lab:80/", False, "a", {}),
        ("http://127.0.0.1:9000/s3", False, "new\nline\x01", {}),
        ("https://s3.us-west-2.amazonaws.com", True, "", LISTING),
        ("http://127.0.0.1:9000/s3", False, "", LISTING),
    ],
)
def test_a_request_is_signed_as_botocore_signs_it(
    endpoint: str,
    key: str,
    params: dict[str, str],
    session: str | None,
    *,
    is_virtual: bool,
    pays: bool,
) -> None:
    keys = AwsKeys(KEY_ID, Secret(SECRET), Secret(session) if session else None)
    place = BucketPlace("lab-data", endpoint, "us-west-2", is_virtual=is_virtual)
    ours = place.build_request("GET", key, params, keys, now=NOW, pays=pays)
    # "%2E" on the way is "." in what is signed: a part of a key, not a way up.
    url = ours.url.replace("%2E", ".")
    theirs = AWSRequest("GET", url, headers={"x-amz-request-payer": "requester"} if pays else {})
    S3SigV4Auth(Credentials(KEY_ID, SECRET, session), "s3", "us-west-2").add_auth(theirs)
    sent = {name.lower(): value for name, value in theirs.headers.items()}
    assert ours.headers == sent
    assert SECRET not in repr(ours) + ours.url
    assert SECRET not in repr(keys)
    assert SESSION not in repr(ours) + repr(keys)


def test_no_name_leads_out_of_its_bucket() -> None:
    place = BucketPlace("lab-data", "https://storage.lab", "us-east-1", is_virtual=False)
    for key in ("../other/x", "a/../../other", "./x", "//evil.example/x", "?x", "#x", "x@evil"):
        parts = urlsplit(place.build_request("GET", key, {}, None).url)
        assert parts.netloc == "storage.lab"
        assert parts.path.startswith("/lab-data/")
        assert not {"..", "."} & set(parts.path.split("/"))
        assert not parts.query
        assert not parts.fragment
    for name in ("", "a", "../x", "a/b", "evil.example#", "a b", "x@evil", "a..b", "é" * 4):
        assert not is_bucket_name(name)
    assert [fits_host(name) for name in ("lab-data", "lab.data", "Lab", "a_b", "-ab")] == (
        [True, False, False, False, False]
    )
    assert find_aws_endpoint("cn-north-1") == "https://s3.cn-north-1.amazonaws.com.cn"
