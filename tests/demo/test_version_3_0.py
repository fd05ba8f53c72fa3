"""The platform of versions 2.18 to 3.0: today's search without tokens, and little else of today's.

What it answers is what the official SDK 0.1 and 0.2, which were made for it, can read
(`test_judges`); here is what they don't ask, and whether our own client gets along with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from coexplorer.demo.hooks import CREATION
from coexplorer.demo.samples import CLOCK, generate
from coexplorer.demo.server import DemoServer
from tests.support.http import open_http
from tests.support.program import Program
from tests.support.server import COMBINED, DERIVED, OUTSIDE, RAW, few_assets, running_server

EARLY = {asset.id for asset in few_assets("me", "colleague")} - {COMBINED}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[DemoServer]:
    with running_server(tmp_path / "server", "3.0") as running:
        yield running


@pytest.fixture
def http(server: DemoServer) -> Iterator[httpx.Client]:
    with open_http(server) as client:
        yield client


def search(http: httpx.Client, **body: object) -> dict[str, Any]:
    reply = http.post("data_assets/search", json=body)
    assert reply.status_code == 200, reply.text
    page: dict[str, Any] = reply.json()
    return page


def test_pages_follow_each_other_by_offset_alone(http: httpx.Client) -> None:
    seen: list[str] = []
    more = True
    while more:
        page = search(http, limit=3, offset=len(seen), next_token="any")
        assert set(page) == {"has_more", "results"}
        seen += [asset["id"] for asset in page["results"]]
        more = page["has_more"]
    assert (len(seen), set(seen)) == (len(EARLY), EARLY)


def test_search_ends_at_the_wall_without_a_word(server: DemoServer, http: httpx.Client) -> None:
    raw = server.store.get(RAW)
    server.store.insert(replace(raw, id=f"copy-{number}") for number in range(10_050))
    page = search(http, limit=1000, offset=9_500)
    assert (len(page["results"]), page["has_more"]) == (500, False)
    assert search(http, limit=1000, offset=10_000) == {"has_more": False, "results": []}


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"type": "result"}, {DERIVED}),
        ({"origin": "external", "sort_field": None, "filters": None}, {OUTSIDE}),
        ({"filters": [{"key": "subject id", "value": "655019"}], "type": "dataset"}, {RAW}),
        ({"favorite": "true", "archived": "False"}, {RAW}),
        ({"query": "contained_data_id:" + RAW}, set()),
    ],
)
def test_search_restricts(http: httpx.Client, body: dict[str, object], expected: set[str]) -> None:
    assert {asset["id"] for asset in search(http, **body)["results"]} == expected


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "data_assets", 405),
        ("GET", "custom_metadata", 404),
        ("GET", f"data_assets/{RAW}/permissions", 405),
        ("POST", f"data_assets/{RAW}/files", 404),
        ("GET", f"data_assets/{RAW}/files/urls?path=README.md", 404),
        ("GET", f"data_assets/{RAW}/files/download_url?path=README.md", 404),
        ("POST", f"data_assets/{RAW}/transfer", 404),
        ("GET", f"data_assets/{COMBINED}", 404),
        ("PUT", f"data_assets/{COMBINED}", 404),
        ("POST", f"data_assets/{COMBINED}/permissions", 404),
    ],
)
def test_what_came_later_is_not_there(
    http: httpx.Client, method: str, path: str, status: int
) -> None:
    assert http.request(method, path, json={} if method != "GET" else None).status_code == status
    for kind in ("combined", "model"):
        assert http.post("data_assets/search", json={"type": kind}).status_code == 400
    header = {"Min-Server-Version": "3.1"}
    assert http.get(f"data_assets/{RAW}", headers=header).status_code == 400


def test_objects_have_what_there_was(server: DemoServer, http: httpx.Client) -> None:
    samples = generate(300, seed=2, now=CLOCK, owner=server.users[0].email, colleague="c")
    server.store.insert(samples)
    objects = search(http, limit=1000)["results"]
    assert len(objects) > 250
    known = {
        *("id", "created", "name", "mount", "state", "type", "last_used", "app_parameters"),
        *("custom_metadata", "description", "failure_reason", "files", "provenance", "size"),
        *("source_bucket", "tags"),
    }
    seen = {key for one in objects for key in one}
    assert seen == known
    for one in objects:
        assert one["type"] in {"dataset", "result"}
        if "provenance" in one:
            keys = {"commit", "run_script", "docker_image", "capsule", "data_assets"}
            assert set(one["provenance"]) == keys


def test_result_is_made_and_combined_is_not(server: DemoServer, http: httpx.Client) -> None:
    (server.make_bucket("open") / "a").write_text("12345")
    body = {"name": "n", "mount": "m", "tags": [], "data_asset_ids": [OUTSIDE, OUTSIDE]}
    assert http.post("data_assets", json=body).status_code == 400
    source = {"aws": {"bucket": "open", "keep_on_external_storage": True}}
    made = {**body, "data_asset_ids": None, "source": source, "results_info": {"capsule_id": "c"}}
    with server.hooks.after(CREATION) as outcome:
        draft = http.post("data_assets", json=made).json()
        outcome.wait()
    told = http.get(f"data_assets/{draft['id']}").json()
    assert (told["type"], told["state"], told["provenance"]["capsule"]) == ("result", "ready", "c")


def test_our_client_lists_searches_edits_and_says_what_is_missing(server: DemoServer) -> None:
    raw = server.store.get(RAW)
    server.store.insert(replace(raw, id=f"copy-{number}") for number in range(2_100))
    program = Program(server)
    listed = program.ok("ls", "--all", "-o", "ids").lines
    assert (len(listed), set(listed)) == (2_100 + len(EARLY), {*EARLY, *listed})
    assert set(program.ok("ls", "--remote", "type:result", "-o", "ids").lines) == {DERIVED}
    program.ok("edit", RAW, "--add-tag", "new", "--yes")
    assert "new" in server.store.get(RAW).tags
    assert program.ok("show", RAW).out
    assert program("files", RAW).code != 0
