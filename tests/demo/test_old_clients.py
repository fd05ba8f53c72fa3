"""What labs' clients for old platforms ask, and what they read from the replies.

The requests of two clients that are on PyPI (``aind-codeocean-api`` 0.5.2 and
``aind-codeocean-utils`` 0.2.0): a row is one request, and what those programs read from its reply.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import httpx
import pytest
from msgspec.structs import replace

from coexplorer.demo.hooks import CREATION
from coexplorer.demo.server import DemoServer
from tests.support.http import open_http
from tests.support.server import COMBINED, DERIVED, FAILED, OLD, OUTSIDE, RAW, make_id


@pytest.fixture
def http(legacy_server: DemoServer) -> Iterator[httpx.Client]:
    with open_http(legacy_server) as client:
        yield client


class Call(NamedTuple):
    """A request, the status that follows, and the kinds of what is read from the reply."""

    method: str
    path: str
    body: dict[str, object] | None
    status: int
    reads: dict[str, type]


ASSET: dict[str, type] = {"id": str, "name": str, "created": int, "last_used": int, "state": str}
PAGE: dict[str, type] = {"results": list, "has_more": bool}
CALLS = [
    # codeocean_api.CodeOceanClient
    Call("GET", f"data_assets/{RAW}", None, 200, {**ASSET, "size": int, "sourceBucket": dict}),
    Call("GET", "data_assets?limit=1000", None, 200, PAGE),
    Call("GET", "data_assets?start=0&limit=1000&archived=False&favorite=False", None, 200, PAGE),
    Call("GET", "data_assets?type=result&sort_order=desc&sort_field=created", None, 200, PAGE),
    Call("GET", "data_assets?ownership=shared&query=tag%3Araw", None, 200, PAGE),
    Call("GET", "data_assets?start=10000&limit=1000&archived=False", None, 200, PAGE),
    Call(
        "POST",
        "data_assets",
        {
            "name": "ecephys_700708",
            "tags": ["ecephys"],
            "mount": "ecephys_700708",
            "source": {"aws": {"bucket": "open", "prefix": "a", "keep_on_external_storage": True}},
        },
        200,
        # The spelling of a create's reply, and of no other.
        {"id": str, "lastUsed": int, "sizeInBytes": int, "sourceBucket": dict},
    ),
    Call(
        "POST",
        "data_assets",
        {
            "name": "ecephys_700708",
            "tags": [],
            "mount": "m",
            "description": None,
            "custom_metadata": None,
            "target": None,
            "source": {
                "aws": {
                    "bucket": "open",
                    "prefix": None,
                    "keep_on_external_storage": None,
                    "public": "true",
                    "access_key_id": None,
                    "secret_access_key": None,
                },
                "computation": None,
            },
        },
        200,
        {"id": str},
    ),
    Call("PUT", f"data_assets/{RAW}", {"name": "other"}, 200, {"name": str}),
    Call(
        "PUT",
        f"data_assets/{RAW}",
        {"name": "n", "description": "", "tags": ["a"], "mount": "m", "custom_metadata": None},
        200,
        {"name": str, "tags": list},
    ),
    Call("POST", f"data_assets/{RAW}/permissions", {"everyone": "viewer"}, 204, {}),
    Call(
        "POST",
        f"data_assets/{RAW}/permissions",
        {"users": [{"email": "jonas.lind@example.org", "role": "owner"}], "share_assets": "true"},
        204,
        {},
    ),
    Call("PATCH", f"data_assets/{RAW}/archive?archive=True", None, 204, {}),
    Call("PATCH", f"data_assets/{RAW}/archive?archive=false", None, 204, {}),
    Call("DELETE", f"data_assets/{OLD}", None, 204, {}),
    Call("DELETE", f"data_assets/{RAW}", None, 403, {"message": str}),
]


@pytest.mark.parametrize("call", CALLS, ids=range(len(CALLS)))
def test_old_client_reads_what_it_needs(http: httpx.Client, call: Call) -> None:
    reply = http.request(call.method, call.path, json=call.body)
    assert reply.status_code == call.status, reply.text
    if not call.reads:
        assert reply.content == b""
        return
    told: dict[str, Any] = reply.json()
    assert {key: type(told.get(key)) for key in call.reads} == call.reads


def test_assets_to_delete_are_found_by_what_a_page_tells(
    legacy_server: DemoServer, http: httpx.Client
) -> None:
    """As the clean-up of a lab does: archived, internal, not used since, largest first."""
    legacy_server.store.update(OLD, last_used=1_600_000_000)
    page = http.get("data_assets?archived=true&limit=1000").json()
    found = [
        (asset["size"], asset["id"])
        for asset in page["results"]
        if asset["last_used"] < 1_650_000_000 and asset["state"] == "ready"
    ]
    assert found == [(42, OLD)]


def test_search_of_everything_ends_at_the_wall_without_a_word(
    legacy_server: DemoServer, http: httpx.Client
) -> None:
    raw = legacy_server.store.get(RAW)
    copies = (replace(raw, id=f"copy-{number}") for number in range(10_500))
    legacy_server.store.insert(copies)
    start, results = 0, []
    while True:  # as search_all_data_assets walks
        reply = http.get("data_assets", params={"start": start, "limit": 1000})
        reply.raise_for_status()
        results += reply.json()["results"]
        start += 1000
        if not reply.json()["has_more"]:
            break
    assert len(results) == 10_000


def test_no_get_and_no_search_has_the_long_spellings(http: httpx.Client) -> None:
    page = http.get("data_assets?limit=1000").json()["results"]
    assert len(page) == 9
    for asset in [*page, *(http.get(f"data_assets/{make_id(n)}").json() for n in range(1, 10))]:
        assert asset["type"] in {"dataset", "result", "combined"}
        assert asset["state"] in {"ready", "draft", "failed"}
        assert isinstance(asset["description"], str)
        assert not {"lastUsed", "sizeInBytes", "mount", "owner", "owner_email"} & set(asset)
        assert "external" not in asset.get("sourceBucket", {})
    by_id = {asset["id"]: asset for asset in page}
    assert by_id[OUTSIDE]["sourceBucket"] == {"bucket": "open-data", "origin": "aws", "prefix": ""}
    assert by_id[FAILED]["failure_reason"]
    assert by_id[DERIVED]["provenance"]["DataAssets"] == [RAW]
    assert by_id[COMBINED]["size"] == 1_234_569_890_123


def test_create_answers_with_a_draft_and_the_prefix_stays(
    legacy_server: DemoServer, http: httpx.Client
) -> None:
    folder = legacy_server.make_bucket("open") / "sessions" / "one"
    folder.mkdir(parents=True)
    (folder / "a").write_text("12345")
    (folder.parent / "b").write_text("not in it")
    source = {"bucket": "open", "prefix": "sessions/one", "keep_on_external_storage": True}
    body = {"name": "n", "mount": "m", "tags": [], "source": {"aws": source}}
    with legacy_server.hooks.after(CREATION) as outcome:
        draft = http.post("data_assets", json=body).json()
        outcome.wait()
    assert (draft["type"], draft["state"]) == ("DATA_ASSET_TYPE_DATASET", "DATA_ASSET_STATE_DRAFT")
    made = http.get(f"data_assets/{draft['id']}").json()
    assert made["sourceBucket"]["prefix"] == "sessions/one"
    assert (made["state"], made["files"], made["size"]) == ("ready", 1, 5)
