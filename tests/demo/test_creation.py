"""Creating: what is refused at once, and how the rest ends."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.buckets import (
    SAMPLE_KEYS,
    SAMPLE_PREFIX,
    SAMPLE_PRIVATE,
    SAMPLE_PUBLIC,
    ensure_sample_buckets,
)
from coexplorer.demo.hooks import CREATION
from coexplorer.demo.server import DemoServer
from tests.support.http import open_http
from tests.support.server import OUTSIDE, RAW

KEYS = ("AKIA7", "s3cret")
GIVEN = dict(zip(("access_key_id", "secret_access_key"), KEYS, strict=True))


@pytest.fixture
def http(server: DemoServer) -> Iterator[httpx.Client]:
    with open_http(server) as client:
        yield client


def body_of(**aws: object) -> dict[str, Any]:
    return {"name": "n", "mount": "m", "tags": ["b", "a", "b"], "source": {"aws": aws}}


def create(server: DemoServer, http: httpx.Client, **aws: object) -> StoredAsset:
    with server.hooks.after(CREATION) as outcome:
        reply = http.post("data_assets", json=body_of(**aws))
        assert reply.status_code == 200, reply.text
        outcome.wait()
    return server.store.get(reply.json()["id"])


def fill(bucket: Path) -> None:
    (bucket / "run").mkdir()
    (bucket / "run" / "a.txt").write_text("a")
    (bucket / "b.txt").write_text("bb")


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"name": None}, "name"),
        ({"name": " "}, "name"),
        ({"mount": ""}, "mount"),
        ({"tags": 7}, "tags"),
        ({"tags": None}, "tags"),
        ({"source": None}, "source.aws.bucket"),
        ({"source": {"aws": {"bucket": ""}}}, "source.aws.bucket"),
        ({"source": {"aws": {"bucket": "b", "prefix": True}}}, "prefix"),
        ({"custom_metadata": {"age": "old"}}, "age"),
        ({"data_asset_ids": ["no-such-id"], "source": None}, "no-such-id"),
        ({"data_asset_ids": [RAW, OUTSIDE], "source": None}, f"{RAW} is not external"),
        ({"data_asset_ids": [OUTSIDE, OUTSIDE], "source": None}, "two data assets or more"),
        ({"data_asset_ids": [OUTSIDE], "source": None}, "two data assets or more"),
        ({"results_info": {"commit": "c0ffee"}}, "capsule_id"),
        (
            {"results_info": {"capsule_id": "c"}, "data_asset_ids": [OUTSIDE], "source": None},
            "results_info",
        ),
    ],
)
def test_create_that_makes_no_sense_is_refused(
    server: DemoServer, http: httpx.Client, change: dict[str, object], complaint: str
) -> None:
    before = server.store.count()
    reply = http.post("data_assets", json={**body_of(bucket="bucket"), **change})
    assert reply.status_code == 400
    assert complaint in reply.json()["message"]
    assert server.store.count() == before


def test_create_is_a_draft_until_its_files_are_there(
    server: DemoServer, http: httpx.Client
) -> None:
    fill(server.make_bucket("bucket"))
    with server.hooks.before(CREATION) as start:
        draft = http.post("data_assets", json=body_of(bucket="bucket")).json()
        start.wait()
        assert draft["state"] == "draft"
        assert sorted(draft["tags"]) == ["a", "b"]
        assert http.get(f"data_assets/{draft['id']}").json() == draft


def test_copy_is_the_assets_own_and_goes_with_it(server: DemoServer, http: httpx.Client) -> None:
    bucket = server.make_bucket("bucket")
    fill(bucket)
    made = create(server, http, bucket="bucket")
    assert (made.state, made.files, made.size) == ("ready", 2, 3)
    assert made.folder is not None
    copy = server.data / made.folder
    assert (copy / "run" / "a.txt").read_text() == "a"
    http.patch(f"data_assets/{made.id}/archive?archive=true")
    assert http.delete(f"data_assets/{made.id}").status_code == 204
    assert not copy.exists()
    assert (bucket / "b.txt").exists()


@pytest.mark.parametrize("flag", [True, "true", "True", 1], ids=repr)
@pytest.mark.parametrize("index_data", [True, False, None, "false"])
def test_asset_kept_outside_is_the_folder_of_its_prefix(
    server: DemoServer, http: httpx.Client, *, flag: object, index_data: object
) -> None:
    bucket = server.make_bucket("bucket")
    fill(bucket)
    made = create(
        server,
        http,
        bucket="bucket",
        prefix="run/",
        keep_on_external_storage=flag,
        index_data=index_data,
        public=flag,
    )
    assert made.external
    assert made.source is not None
    assert (made.folder, made.source.prefix) == ("buckets/bucket/run", "run")
    indexed = index_data in {True, None}
    assert made.files_listed is indexed
    assert (made.files, made.size) == ((1, 1) if indexed else (None, None))
    reply = http.post(f"data_assets/{made.id}/files", json={"path": ""})
    assert reply.status_code == 400
    assert "internal data assets only" in reply.json()["message"]
    for way in ("urls", "download_url"):
        reply = http.get(f"data_assets/{made.id}/files/{way}?path=a.txt")
        assert reply.status_code == 400
    http.patch(f"data_assets/{made.id}/archive?archive=true")
    http.delete(f"data_assets/{made.id}")
    assert (bucket / "run" / "a.txt").exists()


def test_prefix_of_an_import_may_name_one_file(server: DemoServer, http: httpx.Client) -> None:
    fill(server.make_bucket("bucket"))
    made = create(server, http, bucket="bucket", prefix="run/a.txt")
    assert (made.state, made.files, made.size) == ("ready", 1, 1)
    listing = http.post(f"data_assets/{made.id}/files", json={"path": ""}).json()
    assert [item["path"] for item in listing["items"]] == ["a.txt"]
    outside = create(
        server, http, bucket="bucket", prefix="run/a.txt", keep_on_external_storage=True
    )
    assert outside.state == "failed"


def test_results_info_makes_a_result_with_provenance(
    server: DemoServer, http: httpx.Client
) -> None:
    fill(server.make_bucket("bucket"))
    info = {
        "capsule_id": "c0ffee",
        "pipeline_id": None,
        "version": 2,
        "commit": "4f1c2d9",
        "run_script": None,
        "data_assets": [RAW],
        "parameters": [
            {"name": "Threshold", "param_name": "thr", "value": "5"},
            {"name": None, "param_name": "mode", "value": None},
        ],
        "nextflow_profile": "standard",
        "processes": [{"name": "sort", "capsule_id": "c1", "version": None, "public": "true"}],
    }
    body = {**body_of(bucket="bucket"), "results_info": info, "tags": "one tag, not two"}
    with server.hooks.after(CREATION) as outcome:
        draft = http.post("data_assets", json=body).json()
        outcome.wait()
    made = http.get(f"data_assets/{draft['id']}").json()
    assert (made["type"], made["state"]) == ("result", "ready")
    assert made["provenance"] == {
        "commit": "4f1c2d9",
        "run_script": "code/run",
        "capsule": "c0ffee",
        "data_assets": [RAW],
    }
    assert made["app_parameters"] == [
        {"name": "Threshold", "value": "5"},
        {"name": "mode", "value": ""},
    ]
    assert made["nextflow_profile"] == "standard"
    assert made["tags"] == ["one tag, not two"]


def test_server_on_a_relative_folder_brings_creations_to_their_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with DemoServer(Path("data")) as server, open_http(server) as http:
        fill(server.make_bucket("bucket"))
        monkeypatch.chdir("/")
        for keep in (True, False):
            made = create(server, http, bucket="bucket", keep_on_external_storage=keep)
            assert (made.state, made.files) == ("ready", 2)


@pytest.mark.parametrize("error", [ValueError("…"), KeyError("a"), RecursionError()])
def test_creation_that_breaks_down_fails_its_asset(
    server: DemoServer, http: httpx.Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def break_down(*_: object) -> None:
        raise error

    fill(server.make_bucket("bucket"))
    monkeypatch.setattr("coexplorer.demo.creation._list_tree", break_down)
    made = create(server, http, bucket="bucket")
    assert (made.state, made.creating) == ("failed", False)
    assert made.failure_reason


@pytest.mark.parametrize(
    ("aws", "state"),
    [
        (GIVEN, "ready"),
        ({**GIVEN, "secret_access_key": "other"}, "failed"),
        ({"access_key_id": "AKIA7"}, "failed"),
        ({}, "ready"),  # with the platform's own credentials
        ({"public": True}, "failed"),
    ],
)
def test_private_bucket_opens_with_its_keys(
    server: DemoServer, http: httpx.Client, aws: dict[str, object], state: str
) -> None:
    fill(server.make_bucket("bucket", keys=KEYS))
    made = create(server, http, bucket="bucket", **aws)
    assert made.state == state
    assert ("Access denied" in made.failure_reason) == (state == "failed")
    assert "s3cret" not in str(made)


@pytest.mark.parametrize(
    ("bucket", "prefix"),
    [
        ("missing", ""),
        ("..", ""),
        (".keys", ""),
        ("../contents", ""),
        ("bucket/run", ""),
        ("BUCKET", ""),
        ("bucket", "../bucket/run"),
        ("bucket", "run/../../.keys"),
        ("bucket", "link"),
        ("bucket", "b" * 300),
        ("bucket", "ru"),
        ("bucket", "empty"),
        ("bucket", "a\0b"),
    ],
)
def test_wrong_bucket_or_prefix_fails_with_a_reason(
    server: DemoServer, http: httpx.Client, bucket: str, prefix: str
) -> None:
    folder = server.make_bucket("bucket", keys=KEYS)
    fill(folder)
    (folder / "empty").mkdir()
    (folder / "link").symlink_to(server.data / "contents")
    made = create(server, http, bucket=bucket, prefix=prefix, **GIVEN)
    assert made.state == "failed"
    assert bucket in made.failure_reason
    assert made.folder is None
    assert list((server.data / "contents").iterdir()) == []


@pytest.mark.parametrize("name", ["", "ab", "..", "a..b", "Bucket", "a/b", ".keys", "a" * 64])
def test_bucket_has_a_name_that_s3_allows(server: DemoServer, name: str) -> None:
    with pytest.raises(ValueError, match="not a bucket name"):
        server.make_bucket(name)


def test_sample_buckets_are_there_to_create_from(server: DemoServer, http: httpx.Client) -> None:
    ensure_sample_buckets(server.data)
    ensure_sample_buckets(server.data)
    keys = dict(zip(GIVEN, SAMPLE_KEYS, strict=True))
    for bucket, given in ((SAMPLE_PUBLIC, {"public": True}), (SAMPLE_PRIVATE, keys)):
        made = create(server, http, bucket=bucket, prefix=SAMPLE_PREFIX, **given)
        assert made.state == "ready"
        assert made.files


def test_file_that_can_not_be_copied_fails_the_creation(
    server: DemoServer, http: httpx.Client
) -> None:
    fill(server.make_bucket("bucket"))
    (server.data / "contents").rmdir()
    (server.data / "contents").touch()
    made = create(server, http, bucket="bucket")
    assert made.state == "failed"
    assert made.failure_reason.startswith("Copying failed: ")


def test_deleted_draft_does_not_come_back(server: DemoServer, http: httpx.Client) -> None:
    fill(server.make_bucket("bucket"))
    with server.hooks.before(CREATION) as start, server.hooks.after(CREATION) as outcome:
        draft = http.post("data_assets", json=body_of(bucket="bucket")).json()
        start.wait()
        server.store.delete(draft["id"])
        start.release()
        outcome.wait()
    assert server.store.find(draft["id"]) is None


def test_creation_that_the_servers_end_interrupted_has_failed(tmp_path: Path) -> None:
    with DemoServer(tmp_path / "data", creation_s=3600) as first, open_http(first) as http:
        fill(first.make_bucket("bucket"))
        draft = http.post("data_assets", json=body_of(bucket="bucket")).json()
    with DemoServer(tmp_path / "data") as second, open_http(second) as http:
        asset = http.get(f"data_assets/{draft['id']}").json()
    assert asset["state"] == "failed"
    assert "interrupted" in asset["failure_reason"]


def test_sample_draft_stays_a_draft(server: DemoServer) -> None:
    server.store.update(RAW, state="draft")
    server.stop()
    server.start()
    assert server.store.get(RAW).state == "draft"
