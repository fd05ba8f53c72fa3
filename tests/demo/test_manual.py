"""The manual of v2.10 judges the legacy dialect: a row for each call, parameter and header.

Errata of the manual, which the rows follow in their mended form (design: api.md):

- ``https://{domain}codeocean.com`` lacks a dot in the create's address.
- ``source`` and ``source.aws`` are objects, not strings.
- ``source.aws.keep_on_External_storage`` is ``keep_on_external_storage``.
- ``source.aws.prefix`` is a path, not a boolean; with keep_on_external_storage it is kept, too:
  the replies of real platforms have it, with the files and the size of that folder.
- The description and what else is starred of a create may be left out: real clients do.
- The search's address is the collection, not an asset.
- The get's ``Basic ${token}`` means Basic auth with the token as user name, as in ``-u token:``.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from msgspec.structs import replace

from coexplorer.demo.hooks import CREATION
from coexplorer.demo.server import DemoServer
from tests.support.http import open_http
from tests.support.server import (
    COMBINED,
    DERIVED,
    DRAFT,
    FAILED,
    OLD,
    OUTSIDE,
    RAW,
    THEIRS,
    VIEWED,
)

NEWEST_FIRST = [OUTSIDE, COMBINED, DRAFT, FAILED, VIEWED, THEIRS, DERIVED, RAW, OLD]
BY_NAME = [OLD, COMBINED, RAW, DERIVED, OUTSIDE, DRAFT, FAILED, VIEWED, THEIRS]


@pytest.fixture
def http(legacy_server: DemoServer) -> Iterator[httpx.Client]:
    with open_http(legacy_server) as client:
        yield client


class Parameter(NamedTuple):
    """A query string of the search, and the ids that it finds in this order."""

    query: str
    ids: list[str]


SEARCH = [
    Parameter("", NEWEST_FIRST),
    Parameter("start=2", NEWEST_FIRST[2:]),
    Parameter("limit=3", NEWEST_FIRST[:3]),
    Parameter("start=2&limit=3", NEWEST_FIRST[2:5]),
    Parameter("sort_field=created", NEWEST_FIRST[::-1]),
    Parameter("sort_field=created&sort_order=asc", NEWEST_FIRST[::-1]),
    Parameter("sort_field=created&sort_order=desc", NEWEST_FIRST),
    Parameter("sort_field=name&sort_order=asc", BY_NAME),
    Parameter("sort_field=name&sort_order=desc", BY_NAME[::-1]),
    Parameter("sort_field=size&sort_order=desc&limit=2", [COMBINED, RAW]),
    Parameter("sort_field=type&sort_order=asc&limit=1", [COMBINED]),
    Parameter("sort_field=type&sort_order=desc&limit=1", [DERIVED]),
    Parameter("sort_order=asc", NEWEST_FIRST),  # ignored without sort_field
    Parameter("query=zebrafish", [THEIRS]),
    Parameter("query=name:ecephys", [DERIVED, RAW]),
    Parameter("query=tag:raw", [RAW, OLD]),
    Parameter("query=run_script:code/run", [DERIVED]),
    Parameter("query=commit_id:4f1c2d9", [DERIVED]),
    Parameter("query=name:ecephys tag:raw", [RAW]),
    Parameter("type=dataset", [a for a in NEWEST_FIRST if a not in (COMBINED, DERIVED)]),
    Parameter("type=result", [DERIVED]),
    Parameter("ownership=owner", [a for a in NEWEST_FIRST if a not in (THEIRS, VIEWED)]),
    Parameter("ownership=shared", [VIEWED, THEIRS]),
    Parameter("favorite=true", [RAW]),
    Parameter("favorite=false", NEWEST_FIRST),
    Parameter("archived=true", [OLD]),
    Parameter("archived=false", NEWEST_FIRST[:-1]),
]


@pytest.mark.parametrize("row", SEARCH, ids=[row.query for row in SEARCH])
def test_search_parameter(http: httpx.Client, row: Parameter) -> None:
    reply = http.get(f"data_assets?{row.query}")
    assert reply.status_code == 200, reply.text
    page = reply.json()
    assert [asset["id"] for asset in page["results"]] == row.ids
    assert set(page) == {"has_more", "results"}


@pytest.mark.parametrize(
    ("query", "complaint"),
    [
        ("start=-1", "start"),
        ("start=x", "start"),
        ("limit=1001", "limit"),
        ("limit=0", "limit"),
        ("sort_field=owner", "sort_field"),
        ("sort_field=name&sort_order=up", "sort_order"),
        ("type=capsule", "type"),
        ("ownership=created", "ownership"),
        ("favorite=yes", "favorite"),
        ("archived=2", "archived"),
    ],
)
def test_search_parameter_out_of_its_range_is_refused(
    http: httpx.Client, query: str, complaint: str
) -> None:
    reply = http.get(f"data_assets?{query}")
    assert reply.status_code == 400
    assert complaint in reply.json()["message"]


AWS: dict[str, object] = {
    "bucket": "institute-private",
    "prefix": "runs/one",
    "keep_on_external_storage": False,
    "index_data": True,
    "access_key_id": "AKIA7",
    "secret_access_key": "s3cret",
}


def new_asset(**aws: object) -> dict[str, Any]:
    return {
        "name": "new",
        "description": "d",
        "mount": "new",
        "tags": ["t"],
        "source": {"aws": {**AWS, **aws}},
    }


def create(server: DemoServer, http: httpx.Client, **aws: object) -> dict[str, Any]:
    """Make a private bucket, create from it, and return the outcome."""
    bucket = server.make_bucket("institute-private", keys=("AKIA7", "s3cret"))
    for path in ("runs/one/a.txt", "runs/one/sub/b.txt", "runs/two/c.txt"):
        (bucket / path).parent.mkdir(parents=True, exist_ok=True)
        (bucket / path).write_text(path)
    with server.hooks.after(CREATION) as outcome:
        reply = http.post("data_assets", json=new_asset(**aws))
        assert reply.status_code == 200, reply.text
        assert reply.json()["state"] == "DATA_ASSET_STATE_DRAFT"
        assert reply.json()["sizeInBytes"] == 0
        outcome.wait()
    made: dict[str, Any] = http.get(f"data_assets/{reply.json()['id']}").json()
    return made


def test_create_copies_what_is_under_the_prefix(
    legacy_server: DemoServer, http: httpx.Client
) -> None:
    made = create(legacy_server, http)
    assert made["state"] == "ready"
    assert (made["name"], made["description"], made["tags"]) == ("new", "d", ["t"])
    assert legacy_server.store.get(made["id"]).mount == "new"
    assert (made["files"], made["size"]) == (2, len("runs/one/a.txtruns/one/sub/b.txt"))
    assert made["sourceBucket"] == {
        "bucket": "institute-private",
        "origin": "aws",
        "prefix": "runs/one",
    }


class Outcome(NamedTuple):
    """One parameter of ``source.aws``, the state that it leads to, and what the reply shows."""

    change: dict[str, object]
    state: str
    shown: dict[str, object]


CREATE = [
    Outcome({"access_key_id": "AKIA8"}, "failed", {}),
    Outcome({"secret_access_key": "wrong"}, "failed", {}),
    Outcome({"access_key_id": None, "secret_access_key": None}, "failed", {}),
    Outcome({"bucket": "another"}, "failed", {}),
    Outcome({"prefix": "no/such"}, "failed", {}),
    Outcome({"prefix": ""}, "ready", {"files": 3}),
    Outcome({"keep_on_external_storage": True}, "ready", {"files": 2, "size": 32}),
    Outcome({"keep_on_external_storage": True, "prefix": ""}, "ready", {"files": 3}),
    Outcome({"keep_on_external_storage": True, "prefix": "no/such"}, "failed", {}),
    Outcome({"keep_on_external_storage": True, "prefix": "runs/two/c.txt"}, "failed", {}),
    Outcome({"keep_on_external_storage": True, "index_data": False}, "ready", {"files": None}),
    Outcome({"index_data": False}, "ready", {"files": 2}),  # copied files are always indexed
]


@pytest.mark.parametrize("row", CREATE, ids=[str(row.change) for row in CREATE])
def test_create_parameter(legacy_server: DemoServer, http: httpx.Client, row: Outcome) -> None:
    made = create(legacy_server, http, **row.change)
    assert made["state"] == row.state
    assert ("failure_reason" in made) == (row.state == "failed")
    assert made["sourceBucket"].get("prefix", "") == row.change.get("prefix", "runs/one")
    assert {key: made.get(key) for key in row.shown} == row.shown


@pytest.mark.parametrize(
    ("starred", "status"),
    [
        ("name", 400),
        ("description", 200),
        ("mount", 400),
        ("tags", 400),
        ("source", 400),
        ("source.aws", 400),
        ("source.aws.bucket", 400),
        ("source.aws.prefix", 200),
        ("source.aws.keep_on_external_storage", 200),
        ("source.aws.index_data", 200),
    ],
)
def test_create_without_a_starred_parameter(http: httpx.Client, starred: str, status: int) -> None:
    body = new_asset()
    *way, last = starred.split(".")
    inside = body
    for step in way:
        inside = inside[step]
    del inside[last]
    reply = http.post("data_assets", json=body)
    assert reply.status_code == status
    assert status == 200 or last in reply.json()["message"]


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("text/plain", 400),
        ("", 400),
    ],
)
def test_create_content_type_header(http: httpx.Client, content_type: str, status: int) -> None:
    headers = {"Content-Type": content_type}
    reply = http.post("data_assets", content=json.dumps(new_asset()), headers=headers)
    assert reply.status_code == status


def test_get_answers_in_the_spelling_of_old_platforms(http: httpx.Client) -> None:
    reply = http.get(f"data_assets/{RAW}")
    assert reply.status_code == 200
    asset = reply.json()
    assert asset == {
        "id": RAW,
        "created": 1_680_545_827,
        "name": "ecephys_655019_2023-04-03_18-17-07",
        "description": "Raw **Neuropixels** recording.",
        "type": "dataset",
        "state": "ready",
        "last_used": 1_700_000_000,
        "size": 1_234_567_890_123,
        "files": 1_021,
        "tags": ["ecephys", "raw"],
        "sourceBucket": {
            "bucket": "institute-raw",
            "origin": "aws",
            "prefix": "ecephys_655019_2023-04-03_18-17-07",
        },
        "custom_metadata": {"subject id": "655019", "age": 61, "modality": ["ecephys"]},
    }
    assert http.get(f"data_assets/{OLD}").json()["description"] == ""
    found = http.get("data_assets", params={"query": "tag:raw ecephys"}).json()["results"]
    assert found == [asset]
    provenance = http.get(f"data_assets/{DERIVED}").json()["provenance"]
    assert provenance == {
        "commit": "4f1c2d9",
        "runScript": "code/run",
        "Capsule": "c0ffee",
        "DataAssets": [RAW],
    }


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "another"),
        ("description", "Other."),
        ("tags", ["one"]),
        ("mount", "elsewhere"),
    ],
)
def test_update_parameter(
    legacy_server: DemoServer, http: httpx.Client, field: str, value: object
) -> None:
    before = http.get(f"data_assets/{RAW}").json()
    same = {key: before[key] for key in ("name", "description", "tags")}
    reply = http.put(f"data_assets/{RAW}", json={**same, "mount": "m", field: value})
    assert reply.status_code == 200
    kept = legacy_server.store.get(RAW)
    assert getattr(kept, field) == (tuple(value) if isinstance(value, list) else value)
    after = {**before, field: value}
    if field == "mount":  # the one that no reply shows
        assert kept.mount == after.pop("mount")
    assert sorted(reply.json().pop("tags")) == sorted(after["tags"])  # a set: in any order
    assert {**reply.json(), "tags": after["tags"]} == after
    assert http.get(f"data_assets/{RAW}").json() == reply.json()


@pytest.mark.parametrize("starred", ["name", "description"])
@pytest.mark.parametrize("null", [False, True])
def test_update_without_a_starred_parameter_leaves_it_alone(
    http: httpx.Client,
    starred: str,
    null: bool,  # noqa: FBT001 - a case
) -> None:
    before = http.get(f"data_assets/{RAW}").json()
    body = {"name": "other", "description": "Other.", "tags": before["tags"], starred: None}
    if not null:
        del body[starred]
    reply = http.put(f"data_assets/{RAW}", json=body)
    assert reply.status_code == 200
    assert reply.json()[starred] == before[starred]
    assert http.get(f"data_assets/{RAW}").json() == reply.json()


@pytest.mark.parametrize(("archive", "archived"), [("true", [RAW, OLD]), ("false", [])])
def test_archive_parameter(http: httpx.Client, archive: str, archived: list[str]) -> None:
    for asset_id in (RAW, OLD):
        reply = http.patch(f"data_assets/{asset_id}/archive", params={"archive": archive})
        assert (reply.status_code, reply.content) == (204, b"")
    page = http.get("data_assets?archived=true").json()
    assert [asset["id"] for asset in page["results"]] == archived


def test_archive_without_its_parameter_is_refused(http: httpx.Client) -> None:
    assert http.patch(f"data_assets/{RAW}/archive").status_code == 400


def test_delete_answers_without_a_body(http: httpx.Client) -> None:
    reply = http.delete(f"data_assets/{OLD}")
    assert (reply.status_code, reply.content) == (204, b"")
    assert http.get(f"data_assets/{OLD}").status_code == 404


CALLS = [
    ("POST", "data_assets"),
    ("GET", f"data_assets/{RAW}"),
    ("GET", "data_assets"),
    ("PUT", f"data_assets/{RAW}"),
    ("DELETE", f"data_assets/{OLD}"),
    ("PATCH", f"data_assets/{RAW}/archive?archive=true"),
]


@pytest.mark.parametrize(("method", "path"), CALLS)
@pytest.mark.parametrize(
    "user_and_password", [None, ":", "cop_wrong:", "{token}:x", "{token}", ":{token}"]
)
def test_authorization_header_in_any_other_form_is_refused(
    legacy_server: DemoServer, method: str, path: str, user_and_password: str | None
) -> None:
    headers = {}
    if user_and_password is not None:
        text = user_and_password.format(token=legacy_server.users[0].token)
        headers["Authorization"] = "Basic " + base64.b64encode(text.encode()).decode()
    url = f"{legacy_server.url}/api/v1/{path}"
    reply = httpx.request(method, url, headers=headers, json={"name": "n"})
    assert reply.status_code == 401
    assert reply.json()["message"]
    assert legacy_server.store.get(RAW).name != "n"


@pytest.mark.parametrize(("method", "path"), [call for call in CALLS if "/" in call[1]])
def test_asset_id_of_no_asset_is_not_found(http: httpx.Client, method: str, path: str) -> None:
    unknown = path.replace(RAW, "no-such-id").replace(OLD, "no-such-id")
    reply = http.request(method, unknown, json={"name": "n"} if method == "PUT" else None)
    assert reply.status_code == 404
    assert "no-such-id" in reply.json()["message"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "data_assets/search"),
        ("GET", f"data_assets/{RAW}/files/urls?path=README.md"),
        ("GET", f"data_assets/{RAW}/permissions"),
    ],
)
def test_calls_of_newer_platforms_are_not_there(http: httpx.Client, method: str, path: str) -> None:
    reply = http.request(method, path, json={} if method == "POST" else None)
    assert reply.status_code in (404, 405)
    assert reply.json()["message"]


def test_client_that_needs_a_newer_server_is_refused(http: httpx.Client) -> None:
    reply = http.get("data_assets", headers={"Min-Server-Version": "4.8.0"})
    assert reply.status_code == 400
    assert http.get("data_assets", headers={"Min-Server-Version": "2.10.0"}).status_code == 200


def test_search_gives_twenty_when_no_limit_is_named(
    legacy_server: DemoServer, http: httpx.Client
) -> None:
    asset = legacy_server.store.get(RAW)
    copies = [replace(asset, id=f"copy-{number}") for number in range(30)]
    legacy_server.store.insert(copies)
    page = http.get("data_assets").json()
    assert len(page["results"]) == 20
    assert page["has_more"] is True
    rest = http.get("data_assets?start=20&limit=1000").json()
    assert len(rest["results"]) == 19
    assert rest["has_more"] is False


MANUAL = """
POST data_assets: Content-Type* -u* name* description* mount* tags* source* source.aws*
  source.aws.access_key_id source.aws.secret_access_key source.aws.bucket* source.aws.prefix*
  source.aws.keep_on_external_storage* source.aws.index_data*
GET data_assets/{id}: id* -u*
GET data_assets: start limit sort_field sort_order query type ownership favorite archived -u*
PUT data_assets/{id}: id* -u* name* description* tags mount
DELETE data_assets/{id}: id* -u*
PATCH data_assets/{id}/archive: id* archive* -u*
"""
"""Every call of the manual with its parameters and headers, in its order; the starred are starred.
``{domain}`` is the client's business (tests/config/test_domain.py)."""

# The second one of a call tries it without what is starred.
JUDGES: dict[str, tuple[Callable[..., None], ...]] = {
    "POST": (
        test_create_parameter,
        test_create_without_a_starred_parameter,
        test_create_content_type_header,
    ),
    "GET": (test_search_parameter,),
    "PUT": (test_update_parameter, test_update_without_a_starred_parameter_leaves_it_alone),
    "DELETE": (test_delete_answers_without_a_body,),
    "PATCH": (test_archive_parameter, test_archive_without_its_parameter_is_refused),
}

ABOUT_ONE: dict[Callable[..., None], tuple[str]] = {
    test_create_content_type_header: ("Content-Type",),
    test_archive_parameter: ("archive",),
    test_archive_without_its_parameter_is_refused: ("archive",),
}
"""Tests whose cases are values of one parameter."""


def find_cases(test: Callable[..., None]) -> set[str]:
    """Name the parameters that a test has cases for."""
    cases = set(ABOUT_ONE.get(test, ()))
    for mark in getattr(test, "pytestmark", []):
        for case in mark.args[1]:
            match case:
                case Parameter(query=query):
                    cases |= set(re.findall(r"(\w+)=", query))
                case Outcome(change=change):
                    cases |= {f"source.aws.{key}" for key in change}
                case str() | (str(), _):  # a parameter, alone or with what it leads to
                    cases.add(case if isinstance(case, str) else case[0])
    return cases


def list_manual() -> list[tuple[str, str, str]]:
    """Return a row for each call and each of its parameters and headers."""
    joined = MANUAL.strip().replace("\n  ", " ")
    rows = []
    for line in joined.splitlines():
        call, _, parameters = line.partition(": ")
        method, path = call.split()
        rows += [(method, path, parameter) for parameter in parameters.split()]
    return rows


@pytest.mark.parametrize(("method", "path", "parameter"), list_manual())
def test_every_line_of_the_manual_has_a_row_here(method: str, path: str, parameter: str) -> None:
    name = parameter.rstrip("*")
    address = path.replace("{id}", OLD if method == "DELETE" else RAW)
    if name in {"-u", "id"}:  # these go through all calls
        assert (method, address) in [(call[0], call[1].partition("?")[0]) for call in CALLS]
        return
    judged = [name in find_cases(test) for test in JUDGES[method]]
    assert any(judged), f"nobody tries {method} with {name}"
    if parameter.endswith("*") and name != "Content-Type":
        assert judged[1], f"nobody tries {method} without {name}"
