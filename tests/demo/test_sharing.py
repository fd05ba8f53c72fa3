"""Permissions of users, groups and everyone: who sees what, and what is not documented."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from coexplorer.demo.asset import Role, StoredAsset
from coexplorer.demo.guesses import Guesses
from coexplorer.demo.people import GROUPS, PEOPLE
from coexplorer.demo.samples import CLOCK, generate
from coexplorer.demo.server import DemoServer
from coexplorer.demo.sharing import find_role
from tests.support.http import open_http
from tests.support.server import COMBINED, DERIVED, RAW, VIEWED

MAYA, JONAS, PRIYA = (email for email, _ in PEOPLE)
UNKNOWN = {
    "users": [{"email": "nobody@example.org", "role": "viewer"}],
    "groups": [{"group": "Nobodies", "role": "viewer"}],
}


def permit(http: httpx.Client, asset_id: str = RAW, /, **body: object) -> int:
    return http.post(f"data_assets/{asset_id}/permissions", json=body).status_code


def read(http: httpx.Client, asset_id: str = RAW) -> dict[str, Any]:
    reply = http.get(f"data_assets/{asset_id}/permissions")
    assert reply.status_code == 200, reply.text
    told: dict[str, Any] = reply.json()
    return told


def find_ids(http: httpx.Client, **body: object) -> set[str]:
    reply = http.post("data_assets/search", json=body)
    return {asset["id"] for asset in reply.json()["results"]}


def try_each(http: httpx.Client, asset_id: str = RAW) -> list[int]:
    """Return the status of finding, reading, editing, archiving and sharing."""
    asset = f"data_assets/{asset_id}"
    return [
        http.get(asset).status_code,
        http.post(f"{asset}/files", json={"path": ""}).status_code,
        http.get(f"{asset}/permissions").status_code,
        http.put(asset, json={"description": "changed"}).status_code,
        http.patch(f"{asset}/archive?archive=False").status_code,
        permit(http, asset_id, everyone="none"),
    ]


EACH_ROLE = [
    (None, [404, 404, 404, 404, 404, 404]),
    ("discoverable", [200, 403, 403, 403, 403, 403]),
    ("viewer", [200, 200, 200, 403, 403, 403]),
    ("editor", [200, 200, 200, 200, 204, 403]),
    ("owner", [200, 200, 200, 200, 204, 204]),
]


@pytest.mark.parametrize(("role", "statuses"), EACH_ROLE)
def test_group_gives_its_role_to_its_members_alone(
    server: DemoServer, role: str | None, statuses: list[int]
) -> None:
    if role:
        with open_http(server) as http:
            assert permit(http, groups=[{"group": "Data stewards", "role": role}]) == 204
    with open_http(server, user=2) as priya, open_http(server, user=1) as jonas:
        assert (RAW in find_ids(priya)) == (role is not None)
        assert (RAW in find_ids(priya, ownership="shared")) == (role not in {None, "discoverable"})
        assert RAW not in find_ids(priya, ownership="created")
        assert try_each(jonas) == [404] * 6
        assert try_each(priya) == statuses


@pytest.mark.parametrize(("role", "statuses"), [row for row in EACH_ROLE if row[0] != "owner"])
def test_everyone_has_the_role_of_everyone(
    server: DemoServer, role: str | None, statuses: list[int]
) -> None:
    if role == "editor":
        with open_http(server) as http:
            assert permit(http, everyone=role) == 400
        return
    with open_http(server) as http:
        assert permit(http, everyone=role or "none") == 204
    with open_http(server, user=2) as priya:
        assert try_each(priya) == statuses


@pytest.mark.parametrize(
    ("roles", "groups", "everyone", "expected"),
    [
        ({PRIYA: Role.VIEWER}, {"Imaging": Role.EDITOR}, "none", Role.EDITOR),
        ({PRIYA: Role.EDITOR}, {"Imaging": Role.VIEWER}, "none", Role.EDITOR),
        ({}, {"Imaging": Role.VIEWER, "Data stewards": Role.OWNER}, "viewer", Role.OWNER),
        ({}, {"Imaging": Role.DISCOVERABLE}, "viewer", Role.VIEWER),
        ({}, {"Imaging": Role.VIEWER}, "discoverable", Role.VIEWER),
        ({MAYA: Role.OWNER}, {"Electrophysiology": Role.OWNER}, "none", None),
    ],
)
def test_strongest_role_counts(
    roles: dict[str, Role], groups: dict[str, Role], everyone: str, expected: Role | None
) -> None:
    asset = StoredAsset(
        id="a", name="n", owner="x", created=0, roles=roles, groups=groups, everyone=everyone
    )
    assert find_role(asset, PRIYA) == expected


def test_third_user_sees_what_is_for_everyone_alone(server: DemoServer) -> None:
    with open_http(server, user=2) as priya:
        assert find_ids(priya) == {VIEWED}
        assert find_ids(priya, ownership="shared") == {VIEWED}
        assert find_ids(priya, ownership="private") == set()


def test_lists_replace_and_what_is_null_or_left_out_stays(server: DemoServer) -> None:
    group, other = ({"group": name, "role": "viewer"} for name in ("Imaging", "Data stewards"))
    jonas, priya = ({"email": email, "role": "viewer"} for email in (JONAS, PRIYA))
    with open_http(server) as http:
        assert permit(http, users=[jonas], groups=[group], everyone="viewer") == 204
        assert permit(http, users=None, groups=None, everyone=None, share_assets=None) == 204
        assert permit(http) == 204
        told = read(http)
        assert (told["users"][1:], told["groups"], told["everyone"]) == ([jonas], [group], "viewer")
        assert permit(http, users=[priya], groups=[other], share_assets="true") == 204
        told = read(http)
        assert (told["users"][1:], told["groups"]) == ([priya], [other])
        assert permit(http, users=[], groups=[], everyone="none") == 204
        me = {"email": MAYA, "role": "owner"}
        expected = {"users": [me], "groups": [], "everyone": "none", "share_assets": False}
        assert read(http) == expected


def test_creator_stays_an_owner(server: DemoServer) -> None:
    with open_http(server) as http:
        assert permit(http, users=[{"email": MAYA, "role": "viewer"}]) == 204
        assert read(http)["users"] == [{"email": MAYA, "role": "owner"}]


@pytest.mark.parametrize("kind", ["users", "groups"])
@pytest.mark.parametrize("answer", ["refuse", "ignore"])
def test_unknown_names_are_refused_or_left_out(server: DemoServer, kind: str, answer: str) -> None:
    known = {
        "users": [{"email": JONAS, "role": "viewer"}],
        "groups": [{"group": "Imaging", "role": "viewer"}],
    }[kind]
    before = server.store.get(RAW)
    server.guesses = replace(Guesses(), **{f"unknown_{kind[:-1]}": answer})
    with open_http(server) as http:
        status = permit(http, **{kind: [*known, *UNKNOWN[kind]]})
        told = read(http)[kind][-1:]
    if answer == "refuse":
        assert (status, server.store.get(RAW)) == (400, before)
    else:
        assert (status, told) == (204, known)


def test_other_answers_to_what_is_not_documented(server: DemoServer) -> None:
    jonas = [{"email": JONAS, "role": "editor"}]
    priya = [{"email": PRIYA, "role": "viewer"}]
    with open_http(server) as http, open_http(server, user=1) as theirs:
        server.guesses = Guesses(permissions="add", sharers="editors")
        assert permit(http, users=jonas) == 204
        assert permit(theirs, users=priya) == 204
        assert read(http)["users"][1:] == [*jonas, *priya]
        server.guesses = Guesses(unset_list="clear")
        assert permit(theirs, everyone="viewer") == 403
        assert permit(http, everyone="viewer") == 204
        assert read(http)["users"][1:] == []
        server.guesses = Guesses(metadata="merge")
        http.put(f"data_assets/{RAW}", json={"custom_metadata": {"age": 62, "modality": None}})
        assert server.store.get(RAW).custom_metadata == {"subject id": "655019", "age": 62}


def test_what_nobody_has_can_be_left_out_of_the_permissions(server: DemoServer) -> None:
    server.guesses = Guesses(empty_permissions="left out")
    with open_http(server) as http:
        assert read(http) == {"users": [{"email": MAYA, "role": "owner"}]}
        assert permit(http, everyone="discoverable") == 204
        assert set(read(http)) == {"users", "everyone"}


def test_refusals_can_be_all_the_same(server: DemoServer) -> None:
    server.guesses = Guesses(refusals="alike")
    with open_http(server) as mine, open_http(server, read_only=True) as reader:
        for http, path in ((mine, VIEWED), (reader, RAW)):
            reply = http.put(f"data_assets/{path}", json={"name": "n"})
            assert (reply.status_code, reply.json()) == (403, {"message": "Forbidden"})
        assert mine.put(f"data_assets/{RAW}", json={"name": ""}).json()["message"] != "Forbidden"


def test_share_assets_shows_the_parts_to_those_who_were_added(server: DemoServer) -> None:
    added = {"users": [{"email": PRIYA, "role": "owner"}]}
    with open_http(server) as http, open_http(server, user=2) as priya:
        assert permit(http, COMBINED, **added) == 204
        assert find_ids(priya) == {VIEWED, COMBINED}
        assert permit(http, COMBINED, **added, share_assets="True") == 204
        assert find_ids(priya) == {VIEWED, COMBINED, RAW, DERIVED}
    assert server.store.get(RAW).roles == {PRIYA: Role.VIEWER}
    assert server.store.get(DERIVED).roles == {PRIYA: Role.VIEWER, JONAS: Role.EDITOR}


def test_faults_strike_permissions(server: DemoServer) -> None:
    server.faults.add(403, "POST", "data_assets/*/permissions", times=1)
    with open_http(server) as http:
        assert permit(http, everyone="viewer") == 403
        assert read(http)["everyone"] == "none"
        server.faults.add("ignore", "POST", "data_assets/*/permissions", times=1)
        assert permit(http, everyone="viewer") == 204
        assert read(http)["everyone"] == "none"
        assert permit(http, everyone="viewer") == 204
        assert read(http)["everyone"] == "viewer"


def test_samples_are_shared_with_groups_and_the_first_user_sees_them_all() -> None:
    assets = generate(1200, seed=1, now=CLOCK, owner=MAYA, colleague=JONAS)
    for group in GROUPS:
        assert any(group in asset.groups for asset in assets)
    assert any(asset.everyone == "discoverable" for asset in assets)
    roles = [find_role(asset, PRIYA) for asset in assets]
    assert {None, Role.DISCOVERABLE, Role.VIEWER, Role.EDITOR} == set(roles)
    plain = [replace(asset, groups={}) for asset in assets]
    for asset, before in zip(assets, plain, strict=True):
        assert find_role(asset, MAYA) in {Role.VIEWER, Role.EDITOR, Role.OWNER}
        assert find_role(asset, MAYA) == find_role(before, MAYA)


def test_who_is_not_in_an_older_folder_is_added(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with DemoServer(data) as server:
        before = server.users
    kept = json.loads((data / "secrets.json").read_text())
    (data / "secrets.json").write_text(json.dumps({**kept, "users": kept["users"][:2]}))
    for _ in range(2):
        with DemoServer(data) as server:
            assert server.users[:2] == before[:2]
            assert [user.email for user in server.users] == [MAYA, JONAS, PRIYA]
            now = json.loads((data / "secrets.json").read_text())
            assert [user["token"] for user in now["users"]] == [user.token for user in server.users]
            assert now["signing_key"] == kept["signing_key"]
            assert (data / "secrets.json").stat().st_mode & 0o777 == 0o600
