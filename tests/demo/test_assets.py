"""Calls on one asset that no judge covers: nonsense bodies, and what is kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import msgspec
import pytest

from coexplorer.demo.guesses import Guesses
from coexplorer.demo.importing import parse_asset_line
from coexplorer.demo.metadata import SchemaField
from coexplorer.demo.samples import file_tree
from coexplorer.demo.samples.vocabulary import EXPERIMENTERS
from coexplorer.demo.server import DemoServer
from coexplorer.fields import FIELDS, EditableField, FieldKind
from tests.support.http import open_http
from tests.support.server import DERIVED, OLD, RAW, THEIRS, few_assets


@pytest.fixture
def http(server: DemoServer) -> Iterator[httpx.Client]:
    with open_http(server) as client:
        yield client


BODIES = [b"{", b"[]", b'"text"', b"\xff\xfe", b'{"name": 1, "path": 1, "users": 1, "query": 1}']
CALLS = [
    ("POST", "data_assets"),
    ("PUT", f"data_assets/{RAW}"),
    ("POST", "data_assets/search"),
    ("POST", f"data_assets/{RAW}/files"),
    ("POST", f"data_assets/{RAW}/permissions"),
]


VALUES = {
    FieldKind.LINE: ("one", "two"),
    FieldKind.TEXT: ("one", "two"),
    FieldKind.SET: (["one"], ["two"]),
    FieldKind.MAP: ({"genotype": "one"}, {"genotype": "two"}),
}


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_editable_field_is_known_to_the_platform(
    server: DemoServer, http: httpx.Client, field: EditableField
) -> None:
    one, two = VALUES[field.kind]
    told = 'see "an editable field on the embedded platform" in CONTRIBUTING.md'
    line = json.dumps({"id": "imported", "name": "n", field.key: one}).encode()
    me = server.users[0].email
    server.store.insert([parse_asset_line(line, owner=me, colleague="c@institute.example")])
    source = {"aws": {"bucket": server.make_bucket("bucket").name, "public": True}}
    body = {"name": "n", "tags": [], "mount": "m", "source": source, field.key: one}
    created = http.post("data_assets", json=body).json()
    assert created.get(field.key) == one, told
    for asset in ("imported", created["id"]):
        assert http.get(f"data_assets/{asset}").json().get(field.key) == one, told
        assert http.put(f"data_assets/{asset}", json={field.key: two}).is_success
        assert http.get(f"data_assets/{asset}").json().get(field.key) == two, told


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize(("method", "path"), CALLS)
def test_body_that_is_not_as_the_call_wants_it_is_refused(
    server: DemoServer, http: httpx.Client, method: str, path: str, body: bytes
) -> None:
    before = server.store.assets()
    headers = {"Content-Type": "application/json"}
    reply = http.request(method, path, content=body, headers=headers)
    assert reply.status_code == 400
    assert reply.json()["message"].startswith("bad request: ")
    assert server.store.assets() == before


@pytest.mark.parametrize(
    "change",
    [
        {"name": ""},
        {"name": "  "},
        {"name": 7},
        {"tags": "raw"},
        {"tags": [1]},
        {"custom_metadata": {"age": "old"}},
        {"custom_metadata": {"subject id": 655019}},
        {"custom_metadata": {"species": ["Mus musculus"]}},
    ],
)
def test_update_that_makes_no_sense_is_refused(
    server: DemoServer, http: httpx.Client, change: object
) -> None:
    before = server.store.get(RAW)
    reply = http.put(f"data_assets/{RAW}", json=change)
    assert reply.status_code == 400
    assert server.store.get(RAW) == before


def test_update_leaves_alone_what_is_null_or_left_out(
    server: DemoServer, http: httpx.Client
) -> None:
    before = server.store.get(RAW)
    nothing = dict.fromkeys(("name", "description", "tags", "mount", "custom_metadata"))
    assert http.put(f"data_assets/{RAW}", json=nothing).status_code == 200
    assert http.put(f"data_assets/{RAW}", json={}).status_code == 200
    assert server.store.get(RAW) == before


def test_custom_metadata_is_replaced_whole(server: DemoServer, http: httpx.Client) -> None:
    metadata = {"age": 62, "experimenter": [EXPERIMENTERS[0], EXPERIMENTERS[1]]}
    reply = http.put(f"data_assets/{RAW}", json={"custom_metadata": {**metadata, "species": None}})
    assert reply.json()["custom_metadata"] == metadata
    assert server.store.get(RAW).custom_metadata == metadata


@pytest.mark.parametrize(
    ("metadata", "complaint"),
    [
        ({"age": "old"}, "must be a number"),
        ({"age": -5}, "must be 0 or more"),
        ({"age": 40_001}, "must be 40000 or less"),
        ({"age": [61, 62]}, "takes one value"),
        ({"age": True}, "must be text or a number"),
        ({"age": 10**30}, "is too large a number"),
        ({"session date": "yesterday"}, "must be a number"),
        ({"subject id": 655019}, "must be text"),
        ({"subject id": {"a": 1}}, "must be text or a number"),
        ({"data level": "zzz"}, "must be one of raw, derived"),
        ({"experimenter": [EXPERIMENTERS[0], "nobody"]}, "must be one of"),
        ({"field of another place": "x"}, "there is no custom metadata field"),
        ({"field with \0 and ' and \"": "x"}, "there is no custom metadata field"),
    ],
)
def test_custom_metadata_outside_of_the_schema_are_refused(
    server: DemoServer, http: httpx.Client, metadata: dict[str, object], complaint: str
) -> None:
    before = server.store.get(RAW)
    reply = http.put(f"data_assets/{RAW}", json={"custom_metadata": metadata})
    assert reply.status_code == 400
    assert complaint in reply.json()["message"]
    assert server.store.get(RAW) == before


def test_custom_metadata_that_stay_as_they_are_pass_whatever_the_schema_says(
    server: DemoServer, http: httpx.Client
) -> None:
    odd = {"age": "old", "data level": "zzz", "list": [1, None], "nothing": None, "yes": True}
    server.store.update(RAW, custom_metadata=odd)
    reply = http.put(f"data_assets/{RAW}", json={"custom_metadata": {**odd, "subject id": "7"}})
    assert reply.json()["custom_metadata"] == {**odd, "subject id": "7"}
    # A field that some asset has is one of the deployment's.
    reply = http.put(f"data_assets/{DERIVED}", json={"custom_metadata": {"yes": "no"}})
    assert reply.json()["custom_metadata"] == {"yes": "no"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "data_assets", 405),
        ("GET", "nothing", 404),
        ("PATCH", f"data_assets/{RAW}", 405),
        ("POST", f"data_assets/{RAW}", 405),
        ("GET", f"data_assets/{RAW}%2Farchive", 405),
        ("PATCH", f"data_assets/{RAW}/archive?archive=maybe", 400),
    ],
)
def test_call_that_is_not_there_is_refused_with_a_message(
    http: httpx.Client, method: str, path: str, status: int
) -> None:
    reply = http.request(method, path)
    assert reply.status_code == status
    assert reply.json()["message"]


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", f"data_assets/{RAW}/", None, 200),
        ("PUT", f"data_assets/{RAW}/", {"name": "n"}, 200),
        ("POST", "data_assets/search/", {"limit": 1}, 200),
        ("PATCH", f"data_assets/{RAW}/archive/?archive=True", None, 204),
        ("POST", f"data_assets/{RAW}/permissions/", {"everyone": "none"}, 204),
        ("POST", f"data_assets/{RAW}/files/", {"path": ""}, 200),
        ("GET", "custom_metadata/", None, 200),
        ("DELETE", f"data_assets/{OLD}/", None, 204),
        ("GET", f"data_assets/{RAW}//", None, 404),
    ],
)
def test_slash_at_the_end_is_taken_without_a_redirect(
    http: httpx.Client, method: str, path: str, body: object, status: int
) -> None:
    assert http.request(method, path, json=body).status_code == status


def test_schema_can_be_another_one(server: DemoServer, http: httpx.Client) -> None:
    dose = {"name": "dose", "type": "number", "units": "mg", "range": {"min": 1}, "required": True}
    server.metadata_fields = msgspec.convert([dose], list[SchemaField])
    assert http.get("custom_metadata").json() == {"fields": [dose], "categories": []}

    def put(metadata: dict[str, object]) -> tuple[int, str]:
        reply = http.put(f"data_assets/{THEIRS}", json={"custom_metadata": metadata})
        return reply.status_code, reply.json().get("message", "")

    assert put({"dose": 0.5}) == (400, "bad request: custom metadata 'dose' must be 1 or more")
    assert put({"dose": 1}) == (200, "")
    assert put({}) == (200, "")
    server.guesses = Guesses(required="enforced")
    assert put({}) == (400, "bad request: custom metadata 'dose' is required")
    assert put({"dose": None}) == (400, "bad request: custom metadata 'dose' is required")
    assert put({"dose": 2}) == (200, "")
    draft = {"name": "n", "mount": "m", "tags": [], "source": {"aws": {"bucket": "b"}}}
    reply = http.post("data_assets", json=draft)
    assert (reply.status_code, "'dose' is required" in reply.text) == (400, True)


@pytest.mark.parametrize(
    ("version", "missing"),
    [
        ((4, 8), set()),
        ((4, 3), set()),
        ((4, 2), {"permissions"}),
        ((3, 10), {"permissions", "urls"}),
        ((3, 1), {"permissions", "urls", "schema"}),
    ],
)
def test_version_lacks_the_calls_of_later_ones(
    tmp_path: Path, version: tuple[int, int], missing: set[str]
) -> None:
    calls = {
        "permissions": f"data_assets/{RAW}/permissions",
        "urls": f"data_assets/{RAW}/files/urls?path={quote(file_tree(RAW)[0][0])}",
        "schema": "custom_metadata",
    }
    with DemoServer(tmp_path / "data", version=version) as server:
        server.store.insert(few_assets(*(user.email for user in server.users[:2])))
        with open_http(server) as http:
            statuses = {name: http.get(path).status_code for name, path in calls.items()}
            asset = http.get(f"data_assets/{RAW}").json()
            share = {"everyone": "viewer"}
            assert http.post(calls["permissions"], json=share).status_code == 204
            newer = {"Min-Server-Version": f"{version[0]}.{version[1] + 1}"}
            assert http.get(f"data_assets/{RAW}", headers=newer).status_code == 400
    assert {name for name, status in statuses.items() if status in {404, 405}} == missing
    assert ("owner_email" in asset) == ("permissions" not in missing)
