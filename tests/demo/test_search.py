"""The platform's query syntax and paging."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import httpx
import pytest
from msgspec.structs import replace

from coexplorer.demo.search import Search, run_search
from coexplorer.demo.server import DemoServer
from tests.support.http import open_http
from tests.support.server import (
    COMBINED,
    DERIVED,
    DRAFT,
    FAILED,
    OLD,
    RAW,
    THEIRS,
    VIEWED,
)

LONG = "ecephys_655019_2023-04-03_18-17-07"


@pytest.fixture
def http(server: DemoServer) -> Iterator[httpx.Client]:
    with open_http(server) as client:
        yield client


def search(http: httpx.Client, **body: object) -> dict[str, object]:
    reply = http.post("data_assets/search", json=body)
    assert reply.status_code == 200, reply.text
    page: dict[str, object] = reply.json()
    return page


def find_ids(http: httpx.Client, **body: object) -> list[str]:
    results = search(http, **body)["results"]
    assert isinstance(results, list)
    return [asset["id"] for asset in results]


def encode_token(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("ZEBRAFISH", {THEIRS}),  # case-blind, name
        ("genomics", {VIEWED}),  # tag
        ("spike", {DERIVED}),  # description
        ("655019", {RAW, DERIVED}),  # name and custom metadata
        ("spike recording", {DERIVED}),  # every word
        ('"spike sorting"', {DERIVED}),
        ('"sorting spike"', set()),
        ('"unclosed', set()),
        ("name:ophys", {FAILED, DRAFT}),
        ("name:ophys name:zebra", {FAILED, DRAFT, THEIRS}),  # same field: either
        ("name:ecephys tag:sorted", {DERIVED}),  # different fields: both
        ("tag:raw tag:atlas", {RAW, OLD, THEIRS}),
        ("tag:derived", {DERIVED}),
        ("tag:ra", {RAW, OLD}),  # the beginning of a tag
        ("tag:aw", set()),
        ("commit_id:4f1c", {DERIVED}),
        ("commit_id:f1c2d9", set()),
        ("NAME:zebra", {THEIRS}),
        ("name:zeb*", set()),  # no wildcards
        ("name:ophys OR name:zebra", {FAILED, DRAFT} & {THEIRS}),  # no OR word
        ("capsule:c0ffee", set()),  # no such field: free text
        ("run_script:code/run commit_id:4f1c2d9", {DERIVED}),
        (f"contained_data_id:{RAW}", {COMBINED}),
        (f"name:{LONG[:20]}", {RAW, DERIVED}),
        (f"name:{LONG[:21]}", set()),  # longer than 20 characters
        (f'name:"{LONG}"', {RAW, DERIVED}),
        ("   ", None),
        ('""', None),
        ("100%_", set()),
        ("'", set()),  # no program text of a list is searched
        ("[", set()),
    ],
)
def test_query_finds(http: httpx.Client, query: str, expected: set[str] | None) -> None:
    found = set(find_ids(http, query=query))
    assert found == (set(find_ids(http)) if expected is None else expected)


def test_order_is_ignored_without_a_sort_field(http: httpx.Client) -> None:
    assert find_ids(http, sort_order="asc") == find_ids(http) == find_ids(http, sort_order="desc")


def test_null_is_the_same_as_left_out(http: httpx.Client) -> None:
    nothing = dict.fromkeys(("query", "type", "limit", "offset", "archived", "filters", "favorite"))
    assert find_ids(http, **nothing) == find_ids(http)


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 1001},
        {"limit": 0},
        {"offset": -1},
        {"sort_field": "owner"},
        {"type": "capsule"},
        {"ownership": "owner"},
        {"archived": "yes"},
        {"next_token": "no token"},
        {"next_token": encode_token(["created-desc", 10**30, 1])},
        {"next_token": encode_token(["created-desc", 1, -(10**30)])},
        {"next_token": encode_token(["created-desc", "\ud800", 1])},
        {"filters": [{"key": "name"}]},
        {"filters": [{"key": "name", "value": "a", "values": ["b"]}]},
        [],
    ],
)
def test_search_that_makes_no_sense_is_refused(http: httpx.Client, body: object) -> None:
    reply = http.post("data_assets/search", json=body)
    assert reply.status_code == 400
    assert reply.json()["message"]


def test_token_is_refused_by_a_search_in_another_order(http: httpx.Client) -> None:
    token = search(http, limit=1, sort_field="name")["next_token"]
    other = {"limit": 1, "sort_field": "size", "next_token": token}
    assert http.post("data_assets/search", json=other).status_code == 400


def test_token_wins_over_the_offset_and_is_absent_on_the_last_page(http: httpx.Client) -> None:
    everything = find_ids(http)
    token = search(http, limit=3)["next_token"]
    assert find_ids(http, limit=3, offset=7, next_token=token) == everything[3:6]
    assert find_ids(http, limit=3, offset=7) == everything[7:]
    last = search(http, limit=3, offset=6)
    assert last["has_more"] is False
    assert "next_token" not in last


def test_page_by_token_neither_repeats_nor_loses_when_assets_come_and_go(
    server: DemoServer, http: httpx.Client
) -> None:
    everything = find_ids(http)
    first = search(http, limit=4)
    server.store.insert([replace(server.store.get(RAW), id="brand-new", created=2_000_000_000)])
    server.store.delete(everything[1])
    rest = find_ids(http, next_token=first["next_token"])
    assert rest == everything[4:]


def test_search_gives_a_hundred_when_no_limit_is_named(
    server: DemoServer, http: httpx.Client
) -> None:
    raw = server.store.get(RAW)
    server.store.insert(replace(raw, id=f"copy-{number:03}") for number in range(150))
    assert len(find_ids(http)) == 100
    assert len(find_ids(http, limit=1000)) == 159


def test_ties_of_a_sort_are_walked_once_each_by_offset_and_by_token(server: DemoServer) -> None:
    raw, me = server.store.get(RAW), server.users[0].email
    server.store.insert(replace(raw, id=f"twin-{number}") for number in range(7))
    whole = run_search(server.store, me, Search(sort_field="size", descending=True))
    ids = [asset.id for asset in whole.assets]
    by_offset = [
        run_search(
            server.store, me, Search(sort_field="size", descending=True, offset=n, limit=1)
        ).assets[0]
        for n in range(len(ids))
    ]
    assert [asset.id for asset in by_offset] == ids
    assert len(set(ids)) == 16


@pytest.mark.parametrize("key", ["plain", 'a"b', "it's", "$.x[0]", "ü\n", "a" * 5000], ids=range(6))
def test_filter_finds_a_field_of_any_name(server: DemoServer, http: httpx.Client, key: str) -> None:
    server.store.update(RAW, custom_metadata={key: 7, "other": "x"})
    server.store.update(OLD, custom_metadata={key: ["Seven", 8]})
    assert find_ids(http, filters=[{"key": key, "value": 7}]) == [RAW]
    assert find_ids(http, filters=[{"key": key, "range": {"min": 6, "max": None}}]) == [RAW, OLD]
    assert find_ids(http, filters=[{"key": key, "values": ["SEVEN", "y"]}]) == [OLD]


def test_flags_and_numbers_may_come_as_text(http: httpx.Client) -> None:
    assert find_ids(http, archived="True") == find_ids(http, archived=True) == [OLD]
    assert find_ids(http, favorite="true", limit="5") == [RAW]
    assert find_ids(http, archived="false", offset="1") == find_ids(http, archived=False)[1:]


@pytest.mark.parametrize(
    "part",
    [
        {},
        {"range": {}},
        {"range": {"min": None, "max": None}},
        {"values": []},
        {"value": None, "values": None, "range": None},
        {"value": "x", "range": {"min": 1}},
        {"range": {"min": "low"}},
    ],
)
def test_filter_that_asks_for_nothing_is_refused(
    server: DemoServer, part: dict[str, object]
) -> None:
    with open_http(server) as http:
        body = {"filters": [{"key": "age", **part}]}
        assert http.post("data_assets/search", json=body).status_code == 400


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"range": {"min": 61, "max": None}, "value": None, "exclude": None}, {RAW}),
        ({"range": {"min": None, "max": 61}, "values": None}, {RAW}),
        ({"range": {"min": "61"}, "exclude": "false"}, {RAW}),
        ({"range": {"max": 60}}, set()),
    ],
)
def test_range_may_have_one_end(
    server: DemoServer, part: dict[str, object], expected: set[str]
) -> None:
    with open_http(server) as http:
        reply = http.post("data_assets/search", json={"filters": [{"key": "age", **part}]})
    assert {asset["id"] for asset in reply.json()["results"]} == expected
