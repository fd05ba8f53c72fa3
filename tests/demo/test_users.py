"""Who may do what: users, roles, scopes and expired tokens."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from coexplorer.demo.server import DemoServer
from tests.support.http import open_http
from tests.support.server import COMBINED, DERIVED, OLD, RAW, THEIRS, VIEWED

FIELDS = {"name": "changed", "description": "changed"}
WRITES: list[tuple[str, str, object]] = [
    ("PUT", "data_assets/{id}", FIELDS),
    ("PATCH", "data_assets/{id}/archive?archive=true", None),
    ("DELETE", "data_assets/{id}", None),
    ("POST", "data_assets/{id}/permissions", {"everyone": "viewer"}),
]


def write_each(http: httpx.Client, asset_id: str) -> list[int]:
    statuses = []
    for method, path, body in WRITES:
        statuses.append(http.request(method, path.format(id=asset_id), json=body).status_code)
    return statuses


def find_ids(http: httpx.Client, **body: object) -> set[str]:
    reply = http.post("data_assets/search", json=body)
    return {asset["id"] for asset in reply.json()["results"]}


def test_viewer_reads_and_every_write_is_forbidden(server: DemoServer) -> None:
    before = server.store.get(VIEWED)
    with open_http(server) as http:
        assert http.get(f"data_assets/{VIEWED}").status_code == 200
        assert write_each(http, VIEWED) == [403, 403, 403, 403]
    assert server.store.get(VIEWED) == before


def test_editor_changes_and_archives_but_neither_deletes_nor_shares(server: DemoServer) -> None:
    with open_http(server) as http:
        assert write_each(http, THEIRS) == [200, 204, 403, 403]
    assert server.store.get(THEIRS).name == "changed"
    assert server.store.get(THEIRS).archived


def test_owner_does_everything(server: DemoServer) -> None:
    with open_http(server, user=1) as http:
        assert write_each(http, THEIRS) == [200, 204, 204, 404]
    assert server.store.find(THEIRS) is None


def test_stranger_finds_nothing_whatever_the_call(server: DemoServer) -> None:
    with open_http(server, user=1) as http:
        assert http.get(f"data_assets/{RAW}").status_code == 404
        assert write_each(http, RAW) == [404, 404, 404, 404]
        assert find_ids(http) == {DERIVED, THEIRS, VIEWED}


def test_token_without_the_write_scope_reads_alone(server: DemoServer) -> None:
    with open_http(server, read_only=True) as http:
        assert RAW in find_ids(http)
        assert write_each(http, RAW) == [403, 403, 403, 403]
        reply = http.post("data_assets", json={})
        assert reply.status_code == 403
        assert "token" in reply.json()["message"]


def test_sharing_makes_an_asset_appear_for_the_colleague(server: DemoServer) -> None:
    colleague = server.users[1].email
    share = {"users": [{"email": colleague, "role": "viewer"}]}
    with open_http(server) as mine, open_http(server, user=1) as theirs:
        assert mine.post(f"data_assets/{RAW}/permissions", json=share).status_code == 204
        assert find_ids(theirs, ownership="shared") == {RAW, DERIVED}
        assert find_ids(mine, ownership="private").isdisjoint({RAW, DERIVED})
        assert mine.post(f"data_assets/{RAW}/permissions", json={"users": []}).status_code == 204
        assert find_ids(theirs, ownership="shared") == {DERIVED}


@pytest.mark.parametrize(
    "users",
    [
        [{"email": "nobody@example.org", "role": "viewer"}],
        [{"email": "jonas.lind@example.org", "role": "king"}],
        [{"email": "jonas.lind@example.org", "role": "discoverable"}],
    ],
)
def test_sharing_that_makes_no_sense_is_refused(server: DemoServer, users: object) -> None:
    with open_http(server) as http:
        reply = http.post(f"data_assets/{RAW}/permissions", json={"users": users})
    assert reply.status_code == 400
    assert server.store.get(RAW).roles == {}


def test_favorites_are_each_users_own(server: DemoServer) -> None:
    server.store.update(VIEWED, favorite_of=frozenset({server.users[1].email}))
    with open_http(server) as mine, open_http(server, user=1) as theirs:
        assert find_ids(mine, favorite=True) == {RAW}
        assert find_ids(theirs, favorite=True) == {VIEWED}


def test_expired_token_is_refused_until_it_is_renewed(server: DemoServer) -> None:
    with open_http(server) as http:
        server.sign_in.expire(server.users[0].token)
        assert http.get(f"data_assets/{RAW}").status_code == 401
        server.sign_in.renew()
        assert http.get(f"data_assets/{RAW}").status_code == 200


def test_object_says_neither_archived_nor_favorite_nor_mine(server: DemoServer) -> None:
    hidden = {"archived", "favorite", "favorite_of", "roles", "everyone", "folder", "creating"}
    with open_http(server) as http:
        for asset_id in (RAW, OLD, COMBINED, THEIRS):
            assert hidden.isdisjoint(http.get(f"data_assets/{asset_id}").json())


def test_tokens_and_assets_outlive_the_server_and_are_private(tmp_path: Path) -> None:
    with DemoServer(tmp_path / "data") as first:
        users = first.users
    with DemoServer(tmp_path / "data") as second:
        assert second.users == users
        with open_http(second) as http:
            assert find_ids(http) == set()
    kept = [path for path in (tmp_path / "data").iterdir() if path.is_file()]
    assert {path.name for path in kept} >= {"secrets.json", "store.sqlite"}
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    written = json.loads((tmp_path / "data" / "secrets.json").read_text())
    assert [user["token"] for user in written["users"]] == [user.token for user in users]
    assert all(user.token.startswith("cop_") for user in users)
