"""Files: listings, signed URLs, ranges, and no way out of an asset."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit, urlunsplit

import httpx
import pytest
from msgspec.structs import replace

from coexplorer.demo.hooks import CREATION
from coexplorer.demo.samples import file_bytes, file_tree
from coexplorer.demo.sending import parse_range
from coexplorer.demo.server import DemoServer
from tests.support.http import open_http
from tests.support.server import COMBINED, DRAFT, OUTSIDE, RAW

CONTENT = bytes(range(256)) * 1000


@pytest.fixture
def http(server: DemoServer) -> Iterator[httpx.Client]:
    with open_http(server) as client:
        yield client


def list_paths(http: httpx.Client, asset_id: str, path: str = "") -> dict[str, object]:
    reply = http.post(f"data_assets/{asset_id}/files", json={"path": path})
    assert reply.status_code == 200, reply.text
    return {item["path"]: item.get("size") for item in reply.json()["items"]}


def get_url(http: httpx.Client, asset_id: str, path: str) -> str:
    reply = http.get(f"data_assets/{asset_id}/files/urls", params={"path": path})
    assert reply.status_code == 200, reply.text
    url: str = reply.json()["download_url"]
    return url


@pytest.fixture
def made(server: DemoServer, http: httpx.Client) -> str:
    """Id of an asset with a real file."""
    bucket = server.make_bucket("institute-made")
    (bucket / "in" / "dé p").mkdir(parents=True)
    (bucket / "in" / "dé p" / "café #1?.bin").write_bytes(CONTENT)
    (bucket / "in" / "empty").write_bytes(b"")
    (bucket / "secret.txt").write_text("outside of the prefix")
    (bucket / "in" / "link").symlink_to(bucket / "secret.txt")
    aws = {"bucket": "institute-made", "prefix": "/in/"}
    body = {"name": "n", "mount": "m", "tags": [], "source": {"aws": aws}}
    with server.hooks.after(CREATION) as outcome:
        asset_id: str = http.post("data_assets", json=body).json()["id"]
        outcome.wait()
    return asset_id


def test_real_files_are_listed_and_sent_whole(http: httpx.Client, made: str) -> None:
    assert list_paths(http, made) == {"dé p": None, "empty": 0}
    assert list_paths(http, made, "dé p") == {"dé p/café #1?.bin": len(CONTENT)}
    reply = httpx.get(get_url(http, made, "dé p/café #1?.bin"))
    assert reply.content == CONTENT
    assert reply.headers["accept-ranges"] == "bytes"
    assert reply.headers["content-disposition"].startswith("attachment; ")
    assert httpx.get(get_url(http, made, "empty")).content == b""


def test_made_up_files_are_as_long_as_listed_and_always_the_same(http: httpx.Client) -> None:
    files = {path: size for path, size in list_paths(http, RAW).items() if size is not None}
    assert files
    for path, size in files.items():
        url = get_url(http, RAW, path)
        content = httpx.get(url).content
        assert len(content) == size
        assert httpx.get(url, headers={"Range": "bytes=3-9"}).content == content[3:10]


def test_names_of_every_kind_are_listed_and_sent(server: DemoServer, http: httpx.Client) -> None:
    nasty = "00000000-0000-4000-8000-00000000000b"
    server.store.insert([replace(server.store.get(RAW), id=nasty)])
    known = dict(file_tree(nasty))
    listed = {path: size for path, size in list_paths(http, nasty).items() if size is not None}
    assert listed == {path: size for path, size in known.items() if "/" not in path}
    assert {"a", "two\nlines.txt"} <= listed.keys()
    for path in known:
        assert httpx.get(get_url(http, nasty, path)).content == file_bytes(nasty, path), path


@pytest.mark.parametrize(
    ("header", "status", "content", "content_range"),
    [
        ("bytes=0-0", 206, CONTENT[:1], "bytes 0-0/256000"),
        ("bytes=100000-", 206, CONTENT[100000:], "bytes 100000-255999/256000"),
        ("bytes=5-999999999", 206, CONTENT[5:], "bytes 5-255999/256000"),
        ("bytes=-7", 206, CONTENT[-7:], "bytes 255993-255999/256000"),
        ("bytes=-999999", 206, CONTENT, "bytes 0-255999/256000"),
        ("bytes=256000-", 416, None, "bytes */256000"),
        ("bytes=-0", 416, None, "bytes */256000"),
        ("bytes=9-5", 200, CONTENT, None),
        ("bytes=0-1,5-6", 200, CONTENT, None),
        ("lines=1-2", 200, CONTENT, None),
    ],
)
def test_range(
    http: httpx.Client,
    made: str,
    *,
    header: str,
    status: int,
    content: bytes | None,
    content_range: str | None,
) -> None:
    reply = httpx.get(get_url(http, made, "dé p/café #1?.bin"), headers={"Range": header})
    assert reply.status_code == status
    assert reply.headers.get("content-range") == content_range
    if content is not None:
        assert reply.content == content


def test_range_of_an_empty_file_can_not_be_satisfied() -> None:
    with pytest.raises(ValueError, match="bytes=0-"):
        parse_range("bytes=0-", 0)


def test_range_of_another_version_gives_the_whole_file(http: httpx.Client, made: str) -> None:
    url = get_url(http, made, "dé p/café #1?.bin")
    tag = httpx.get(url, headers={"Range": "bytes=0-0"}).headers["etag"]
    same = {"Range": "bytes=1-2", "If-Range": tag}
    other = {"Range": "bytes=1-2", "If-Range": '"another"'}
    assert httpx.get(url, headers=same).status_code == 206
    assert httpx.get(url, headers=other).status_code == 200


def change_url(url: str, **changes: str) -> str:
    parts = urlsplit(url)
    params = {key: values[0] for key, values in parse_qs(parts.query).items()} | changes
    return str(httpx.URL(urlunsplit(parts._replace(query="")), params=params))


@pytest.mark.parametrize(
    "changes",
    [
        {"signature": ""},
        {"signature": "0" * 64},
        {"expires": "99999999999"},
        {"expires": "soon"},
        {"disposition": "inline"},
    ],
)
def test_url_is_good_as_it_was_signed_alone(
    http: httpx.Client, made: str, changes: dict[str, str]
) -> None:
    url = get_url(http, made, "empty")
    assert httpx.get(change_url(url)).status_code == 200
    assert httpx.get(change_url(url, **changes)).status_code == 403


def test_signature_of_one_file_opens_no_other(http: httpx.Client, made: str) -> None:
    url = get_url(http, made, "empty")
    assert httpx.get(url.replace(made, RAW)).status_code == 403
    assert httpx.get(url.replace("/empty?", "/secret.txt?")).status_code == 403
    assert httpx.get(url.partition("?")[0]).status_code == 403


def test_url_expires(tmp_path: Path, server: DemoServer) -> None:
    with DemoServer(tmp_path / "short", url_lifetime_s=-1) as short:
        short.store.insert([server.store.get(RAW)])
        short.store.update(RAW, owner=short.users[0].email)
        with open_http(short) as http:
            path = next(path for path, size in list_paths(http, RAW).items() if size)
            reply = httpx.get(get_url(http, RAW, path))
    assert reply.status_code == 403
    assert "expired" in reply.text


def test_token_sent_to_storage_is_refused_and_shows_in_the_log(
    server: DemoServer, http: httpx.Client, made: str
) -> None:
    url = get_url(http, made, "empty")
    assert httpx.get(url).status_code == 200
    assert httpx.get(url, auth=(server.users[0].token, "")).status_code == 400
    sent = server.requests("GET", "/storage/*")
    assert [request.authorized for request in sent] == [False, True]
    assert all("authorization" not in request.headers for request in sent)


@pytest.mark.parametrize(
    "path",
    [
        "../../secrets.json",
        "/etc/passwd",
        "in/../../../secrets.json",
        "link",
        "dé p",
        "no",
        "a\0b",
    ],
)
def test_no_path_leads_out_of_an_asset(http: httpx.Client, made: str, path: str) -> None:
    reply = http.get(f"data_assets/{made}/files/urls", params={"path": path})
    assert reply.status_code == 404
    assert http.post(f"data_assets/{made}/files", json={"path": "../.."}).status_code == 404


@pytest.mark.parametrize("asset_id", [OUTSIDE, DRAFT, COMBINED])
def test_asset_without_indexed_files_refuses_to_list_them(
    http: httpx.Client, asset_id: str
) -> None:
    reply = http.post(f"data_assets/{asset_id}/files", json={"path": ""})
    assert reply.status_code == 400
    assert reply.json()["message"]


def test_old_platform_gives_one_url(legacy_server: DemoServer) -> None:
    with open_http(legacy_server) as http:
        path, size = next((p, s) for p, s in list_paths(http, RAW).items() if s is not None)
        reply = http.get(f"data_assets/{RAW}/files/download_url", params={"path": path})
    assert set(reply.json()) == {"url"}
    assert len(httpx.get(reply.json()["url"]).content) == size
