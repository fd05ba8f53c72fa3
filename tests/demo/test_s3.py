"""The embedded S3, judged by programs that others wrote: boto3 and rclone."""

from __future__ import annotations

import json
import os
import subprocess
import sysconfig
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore
import httpx
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from msgspec.structs import replace

from coexplorer.demo.asset import Bucket
from coexplorer.demo.faults import FaultKind
from coexplorer.demo.samples import file_bytes, file_tree
from coexplorer.demo.server import DemoServer
from tests.support.patience import stretched
from tests.support.server import OUTSIDE, RAW

OPEN, PRIVATE = "neuro-open-data", "institute-private"
PREFIX = "ecephys_655019_2023-04-03_18-17-07"
NASTY_PREFIX, VAST_PREFIX = "nasty/one", "vast"
EXTERNAL = "00000000-0000-4000-8000-000000000300"
NASTY = "00000000-0000-4000-8000-00000000030b"
VAST = "00000000-0000-4000-8000-0000000003fc"
KEYS = ("AKIAOFTHEBUCKET", "its/secret+key")
SESSION = boto3.session.Session()
RCLONE = Path(sysconfig.get_path("scripts"), "rclone")


@pytest.fixture
def s3_server(server: DemoServer) -> DemoServer:
    """A server with external assets in a public bucket, and a private bucket of real files."""
    outside = server.store.get(OUTSIDE)
    places = ((EXTERNAL, PREFIX), (NASTY, NASTY_PREFIX), (VAST, VAST_PREFIX))
    server.store.insert(
        replace(outside, id=each, source=Bucket(OPEN, "aws", prefix, external=True))
        for each, prefix in places
    )
    folder = server.make_bucket(PRIVATE, keys=KEYS)
    for path in ("in/one.txt", "in/a b+c/d#é.txt", "in/a b+c/e.txt", "in.txt", "cold/x.txt"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(f"this is {path}")
    (folder / "in/link").symlink_to(folder / "in.txt")
    return server


def connect(server: DemoServer, keys: tuple[str, str] | None = None, **options: Any) -> Any:
    """Return a client of boto3; without keys it signs with those that open everything."""
    key_id, secret = keys or server.s3_keys
    options = {"retries": {"total_max_attempts": 1}, **options}
    return SESSION.client(
        "s3",
        endpoint_url=server.s3_url,
        region_name=options.pop("region", "us-east-1"),
        aws_access_key_id=key_id,
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, **options),
    )


def connect_unsigned(server: DemoServer) -> Any:
    return connect(server, signature_version=botocore.UNSIGNED)


@pytest.fixture
def client(s3_server: DemoServer) -> Any:
    return connect(s3_server)


def iter_pages(client: Any, **asked: Any) -> Iterator[dict[str, Any]]:
    yield from client.get_paginator("list_objects_v2").paginate(**asked)


def list_keys(client: Any, bucket: str, **asked: Any) -> list[str]:
    pages = iter_pages(client, Bucket=bucket, **asked)
    return [found["Key"] for page in pages for found in page.get("Contents", ())]


def refused(error: ClientError) -> tuple[int, str]:
    reply = error.response
    return reply["ResponseMetadata"]["HTTPStatusCode"], reply["Error"]["Code"]


def test_files_of_an_external_asset_lie_below_its_prefix(client: Any) -> None:
    expected = {f"{PREFIX}/{path}": size for path, size in file_tree(EXTERNAL)}
    pages = list(iter_pages(client, Bucket=OPEN, Prefix=f"{PREFIX}/"))
    found = {each["Key"]: each for page in pages for each in page["Contents"]}
    assert {key: each["Size"] for key, each in found.items()} == expected
    for path, _ in file_tree(EXTERNAL):
        key = f"{PREFIX}/{path}"
        reply = client.get_object(Bucket=OPEN, Key=key)
        assert reply["Body"].read() == file_bytes(EXTERNAL, path)
        assert reply["ETag"] == found[key]["ETag"]
        assert reply["LastModified"] == found[key]["LastModified"]
        head = client.head_object(Bucket=OPEN, Key=key)
        assert (head["ContentLength"], head["ETag"]) == (expected[key], reply["ETag"])


def test_names_of_every_kind_go_there_and_back(client: Any) -> None:
    keys = list_keys(client, OPEN, Prefix=f"{NASTY_PREFIX}/")
    assert keys == [f"{NASTY_PREFIX}/{path}" for path, _ in file_tree(NASTY)]
    for key in keys:
        body = client.get_object(Bucket=OPEN, Key=key)["Body"].read()
        assert body == file_bytes(NASTY, key.removeprefix(f"{NASTY_PREFIX}/"))
    page = client.list_objects_v2(Bucket=OPEN, Prefix=f"{NASTY_PREFIX}/a", Delimiter="/")
    assert f"{NASTY_PREFIX}/a" in {each["Key"] for each in page["Contents"]}
    assert {"Prefix": f"{NASTY_PREFIX}/a/"} in page["CommonPrefixes"]


@pytest.mark.parametrize(("most", "delimiter"), [(2, ""), (1, "/"), (5, "/")])
def test_pages_of_any_size_say_the_same(client: Any, most: int, delimiter: str) -> None:
    def collect(prefix: str, **asked: Any) -> tuple[list[str], list[str]]:
        asked |= {"Delimiter": delimiter} if delimiter else {}
        pages = list(iter_pages(client, Bucket=OPEN, Prefix=prefix, **asked))
        assert all(page["KeyCount"] <= asked.get("MaxKeys", 1000) for page in pages)
        folders = [each["Prefix"] for page in pages for each in page.get("CommonPrefixes", ())]
        return [each["Key"] for page in pages for each in page.get("Contents", ())], folders

    for prefix in (f"{PREFIX}/", f"{PREFIX}/eceph", f"{PREFIX}/ecephys/", NASTY_PREFIX, "nothing"):
        keys, folders = collect(prefix, MaxKeys=most)
        assert (keys, folders) == collect(prefix)
        assert keys == sorted(keys)
        assert folders == sorted(set(folders))
        everything = list_keys(client, OPEN, Prefix=prefix)
        if delimiter:
            assert set(keys) == {key for key in everything if "/" not in key[len(prefix) :]}
            assert {key for key in everything if not key.startswith(tuple(folders or "\0"))} == set(
                keys
            )
        else:
            assert keys == everything


def test_root_of_a_bucket_has_a_folder_for_each_prefix(client: Any) -> None:
    page = client.list_objects_v2(Bucket=OPEN, Delimiter="/")
    assert [each["Prefix"] for each in page["CommonPrefixes"]] == [f"{PREFIX}/", "nasty/", "vast/"]
    assert "Contents" not in page
    old = client.list_objects(Bucket=OPEN, Delimiter="/", MaxKeys=2)
    assert old["IsTruncated"]
    rest = client.list_objects(Bucket=OPEN, Delimiter="/", Marker=old["NextMarker"])
    assert [each["Prefix"] for each in rest["CommonPrefixes"]] == ["vast/"]


def test_start_after_and_a_token_that_is_none(client: Any) -> None:
    keys = list_keys(client, PRIVATE)
    for place, key in enumerate(keys):
        assert list_keys(client, PRIVATE, StartAfter=key) == keys[place + 1 :]
    with pytest.raises(ClientError) as error:
        client.list_objects_v2(Bucket=PRIVATE, ContinuationToken="x")
    assert refused(error.value) == (400, "InvalidArgument")


def test_folder_of_very_many_and_file_of_64_gb(client: Any) -> None:
    many = f"{VAST_PREFIX}/many/"
    asked = {"Bucket": OPEN, "Prefix": many, "Delimiter": "/"}
    assert client.list_objects_v2(**asked)["IsTruncated"]
    pages = list(iter_pages(client, **asked, StartAfter=f"{many}part_098499.bin"))
    keys = [each["Key"] for page in pages for each in page["Contents"]]
    assert [len(page["Contents"]) for page in pages] == [1000, 500]
    assert keys == [f"{many}part_{number:06}.bin" for number in range(98_500, 100_000)]
    [deep] = list_keys(client, OPEN, Prefix=f"{VAST_PREFIX}/deep/")
    assert deep.count("/") == 201
    key, first = f"{VAST_PREFIX}/recording.bin", 63_000_000_000
    reply = client.get_object(Bucket=OPEN, Key=key, Range=f"bytes={first}-{first + 999}")
    assert reply["ContentRange"] == f"bytes {first}-{first + 999}/64000000000"
    assert reply["Body"].read() == file_bytes(VAST, "recording.bin", first, first + 1000)
    with pytest.raises(ClientError) as error:
        client.get_object(Bucket=OPEN, Key=key, Range="bytes=64000000000-")
    assert refused(error.value) == (416, "InvalidRange")


def test_real_files_of_a_private_bucket(s3_server: DemoServer) -> None:
    client = connect(s3_server, KEYS)
    keys = list_keys(client, PRIVATE)
    assert keys == ["cold/x.txt", "in.txt", "in/a b+c/d#é.txt", "in/a b+c/e.txt", "in/one.txt"]
    for key in keys:
        body = client.get_object(Bucket=PRIVATE, Key=key)["Body"].read()
        assert body.decode() == f"this is {key}"
    for key in ("in/link", "in", "in/", "./in.txt", "in//one.txt", "../secrets.json", "no"):
        with pytest.raises(ClientError) as error:
            client.get_object(Bucket=PRIVATE, Key=key)
        assert refused(error.value) == (404, "NoSuchKey")
    tag = client.head_object(Bucket=PRIVATE, Key="in.txt")["ETag"]
    assert client.get_object(Bucket=PRIVATE, Key="in.txt", IfMatch=tag)
    (s3_server.data / "buckets" / PRIVATE / "in.txt").write_text("another version")
    with pytest.raises(ClientError) as error:
        client.get_object(Bucket=PRIVATE, Key="in.txt", IfMatch=tag)
    assert refused(error.value) == (412, "PreconditionFailed")


def test_who_may_read_what(s3_server: DemoServer) -> None:
    s3_server.make_bucket("institute-other", keys=("AKIAOTHER", "other"))
    cases: tuple[tuple[Callable[[], Any], str, tuple[int, str] | None], ...] = (
        (lambda: connect_unsigned(s3_server), OPEN, None),
        (lambda: connect_unsigned(s3_server), PRIVATE, (403, "AccessDenied")),
        (lambda: connect(s3_server), PRIVATE, None),
        (lambda: connect(s3_server, KEYS), OPEN, None),
        (lambda: connect(s3_server, ("AKIAOTHER", "other")), PRIVATE, (403, "AccessDenied")),
        (lambda: connect(s3_server, ("AKIANOBODY", "x")), OPEN, (403, "InvalidAccessKeyId")),
        (
            lambda: connect(s3_server, (KEYS[0], "wrong")),
            PRIVATE,
            (403, "SignatureDoesNotMatch"),
        ),
        (lambda: connect(s3_server), "no-such-bucket", (404, "NoSuchBucket")),
    )
    for make, bucket, expected in cases:
        if expected is None:
            assert make().list_objects_v2(Bucket=bucket)["KeyCount"] > 0
            continue
        with pytest.raises(ClientError) as error:
            make().list_objects_v2(Bucket=bucket)
        assert refused(error.value) == expected
        with pytest.raises(ClientError) as error:
            make().head_bucket(Bucket=bucket)
        assert refused(error.value)[0] == expected[0]
    buckets = connect(s3_server).list_buckets()["Buckets"]
    assert {each["Name"] for each in buckets} >= {OPEN, PRIVATE, "institute-other"}
    with pytest.raises(ClientError) as error:
        connect_unsigned(s3_server).list_buckets()
    assert refused(error.value) == (403, "AccessDenied")


def test_keys_stay_the_same_and_no_other_server_has_them(
    s3_server: DemoServer, tmp_path: Path
) -> None:
    keys, data = s3_server.s3_keys, s3_server.data
    with DemoServer(tmp_path / "another") as another:
        assert another.s3_keys != keys
    s3_server.close()
    with DemoServer(data) as again:
        assert again.s3_keys == keys


def test_archive_region_and_who_pays(s3_server: DemoServer) -> None:
    client = connect(s3_server)
    s3_server.make_bucket(PRIVATE, archived=["cold/"])
    found = client.list_objects_v2(Bucket=PRIVATE)["Contents"]
    assert {each["Key"] for each in found if each["StorageClass"] == "GLACIER"} == {"cold/x.txt"}
    assert client.head_object(Bucket=PRIVATE, Key="cold/x.txt")["StorageClass"] == "GLACIER"
    with pytest.raises(ClientError) as error:
        client.get_object(Bucket=PRIVATE, Key="cold/x.txt")
    assert refused(error.value) == (403, "InvalidObjectState")

    s3_server.make_bucket(PRIVATE, region="us-west-2")
    reply = httpx.head(f"{s3_server.s3_url}/{PRIVATE}")
    assert (reply.status_code, reply.headers["x-amz-bucket-region"]) == (403, "us-west-2")
    west = connect(s3_server, region="us-west-2")
    assert west.get_object(Bucket=PRIVATE, Key="in.txt")
    assert west.get_bucket_location(Bucket=PRIVATE)["LocationConstraint"] == "us-west-2"
    # boto3 follows by itself where it is told the region.
    assert client.get_object(Bucket=PRIVATE, Key="in.txt")["Body"].read() == b"this is in.txt"
    sent = s3_server.requests("GET", f"/s3/{PRIVATE}/in.txt", answered=True)
    assert [request.status for request in sent] == [200, 301, 200]

    s3_server.make_bucket(PRIVATE, requester_pays=True)
    with pytest.raises(ClientError) as error:
        west.get_object(Bucket=PRIVATE, Key="in.txt")
    assert refused(error.value) == (403, "AccessDenied")
    assert west.get_object(Bucket=PRIVATE, Key="in.txt", RequestPayer="requester")


def test_signed_address(s3_server: DemoServer) -> None:
    asked = {"Bucket": PRIVATE, "Key": "in/a b+c/d#é.txt"}
    client = connect(s3_server, KEYS, signature_version="s3v4")
    url = client.generate_presigned_url("get_object", Params=asked)
    assert httpx.get(url).text == "this is in/a b+c/d#é.txt"
    assert httpx.get(url, headers={"Range": "bytes=0-3"}).text == "this"
    assert httpx.head(url).status_code == 403
    assert "SignatureDoesNotMatch" in httpx.get(url.replace("%C3%A9.txt", "x.txt")).text
    expired = client.generate_presigned_url("get_object", Params=asked, ExpiresIn=0)
    assert "Request has expired" in httpx.get(expired).text


def test_old_request_and_calls_that_are_not_there(s3_server: DemoServer) -> None:
    client = connect(s3_server)
    for name, options in (("put_object", {"Body": b"x"}), ("delete_object", {})):
        with pytest.raises(ClientError) as error:
            getattr(client, name)(Bucket=PRIVATE, Key="in.txt", **options)
        assert refused(error.value) == (405, "MethodNotAllowed")
    with pytest.raises(ClientError) as error:
        client.get_bucket_acl(Bucket=PRIVATE)
    assert refused(error.value) == (501, "NotImplemented")
    with pytest.raises(ClientError) as error:
        client.head_object(Bucket=PRIVATE, Key="x" * 1025)
    assert refused(error.value)[0] == 400
    old = {
        "Authorization": "AWS4-HMAC-SHA256 Credential=A/20200101/us-east-1/s3/aws4_request,"
        " SignedHeaders=host;x-amz-date, Signature=00",
        "x-amz-date": "20200101T000000Z",
    }
    assert "RequestTimeTooSkewed" in httpx.get(f"{s3_server.s3_url}/{OPEN}", headers=old).text
    basic = httpx.get(f"{s3_server.s3_url}/{OPEN}", auth=("token", ""))
    assert "InvalidArgument" in basic.text


def test_assets_that_come_go_and_share_a_prefix(s3_server: DemoServer) -> None:
    client, store = connect(s3_server), s3_server.store
    outside = store.get(OUTSIDE)
    inner = "00000000-0000-4000-8000-000000000409"
    below = Bucket(OPEN, "aws", f"{PREFIX}/inner", external=True)
    same = Bucket(OPEN, "aws", f"/{PREFIX}/", external=True)
    store.insert(
        [
            replace(outside, id=inner, source=below),
            replace(outside, id="00000000-0000-4000-8000-000000000500", source=same),
        ]
    )
    keys = list_keys(client, OPEN, Prefix=f"{PREFIX}/")
    ours = {f"{PREFIX}/{path}" for path, _ in file_tree(EXTERNAL)}
    assert set(keys) == ours | {f"{PREFIX}/inner/{path}" for path, _ in file_tree(inner)}
    assert keys == sorted(keys)
    store.delete(inner)
    assert set(list_keys(client, OPEN, Prefix=f"{PREFIX}/")) == ours
    store.update(VAST, state="failed")
    assert list_keys(client, OPEN, Prefix=f"{VAST_PREFIX}/") == []
    # A bucket of both kinds: what is real comes first.
    folder = s3_server.make_bucket(OPEN)
    (folder / PREFIX).mkdir()
    (folder / PREFIX / "README.md").write_text("real")
    (folder / "zzz.txt").write_text("real")
    assert set(list_keys(client, OPEN)) > {"zzz.txt", f"{PREFIX}/README.md"}
    assert client.get_object(Bucket=OPEN, Key=f"{PREFIX}/README.md")["Body"].read() == b"real"
    folders = client.list_objects_v2(Bucket=OPEN, Delimiter="/")
    assert [each["Prefix"] for each in folders["CommonPrefixes"]] == [f"{PREFIX}/", "nasty/"]
    assert [each["Key"] for each in folders["Contents"]] == ["zzz.txt"]


def test_internal_assets_are_in_no_bucket(client: Any, s3_server: DemoServer) -> None:
    bucket = s3_server.store.get(RAW).source
    assert bucket is not None
    with pytest.raises(ClientError) as error:
        client.list_objects_v2(Bucket=bucket.bucket)
    assert refused(error.value) == (404, "NoSuchBucket")


def test_keys_expire(s3_server: DemoServer) -> None:
    s3_server.faults.add(
        FaultKind.EXPIRE, path="/s3/**", after=1, status=400, code="ExpiredToken", renew=1
    )
    client = connect(s3_server)
    assert client.get_object(Bucket=PRIVATE, Key="in.txt")
    with pytest.raises(ClientError) as error:
        client.get_object(Bucket=PRIVATE, Key="in/one.txt")
    assert refused(error.value) == (400, "ExpiredToken")
    assert client.get_object(Bucket=PRIVATE, Key="in.txt")


def run_rclone(server: DemoServer, *args: str, anonymous: bool = False) -> str:
    keys = server.s3_keys
    settings = {"PROVIDER": "Other", "ENDPOINT": server.s3_url, "REGION": "us-east-1"}
    if not anonymous:
        settings |= {"ACCESS_KEY_ID": keys.id, "SECRET_ACCESS_KEY": keys.secret}
    environment = {f"RCLONE_S3_{name}": value for name, value in settings.items()}
    done = subprocess.run(
        [RCLONE, "--config", os.devnull, "--retries", "1", *args],
        env={"PATH": os.environ["PATH"], "HOME": os.devnull, **environment},
        capture_output=True,
        text=True,
        timeout=stretched(60),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_rclone_lists_reads_and_copies(s3_server: DemoServer, tmp_path: Path) -> None:
    assert OPEN in run_rclone(s3_server, "lsf", ":s3:")
    assert run_rclone(s3_server, "lsf", f":s3:{OPEN}").split() == [f"{PREFIX}/", "nasty/", "vast/"]
    told = json.loads(run_rclone(s3_server, "lsjson", "-R", "--files-only", f":s3:{OPEN}/{PREFIX}"))
    expected = dict(file_tree(EXTERNAL))
    assert {each["Path"]: each["Size"] for each in told} == expected
    run_rclone(s3_server, "copy", f":s3:{OPEN}/{PREFIX}", str(tmp_path / "copy"), anonymous=True)
    for path in expected:
        assert (tmp_path / "copy" / path).read_bytes() == file_bytes(EXTERNAL, path)
    run_rclone(s3_server, "check", "--download", f":s3:{OPEN}/{PREFIX}", str(tmp_path / "copy"))
    key = f":s3:{OPEN}/{VAST_PREFIX}/acquisition.log"
    last = run_rclone(s3_server, "cat", "--offset", "-160", key)
    assert last == file_bytes(VAST, "acquisition.log", 2_000_000_000 - 160).decode()
    text = run_rclone(s3_server, "cat", f":s3:{PRIVATE}/in/a b+c/d#é.txt")
    assert text == "this is in/a b+c/d#é.txt"
