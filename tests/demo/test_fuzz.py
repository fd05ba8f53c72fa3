"""Whatever comes in, the server says what is wrong with it: never a 500, and it keeps running."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coexplorer.demo.server import DemoServer
from tests.support.http import open_http
from tests.support.server import (
    DERIVED,
    FINISHED,
    MY_CAPSULE,
    OLD,
    RAW,
    SESSION,
    running_server,
)

KEYS = (
    *("name", "description", "tags", "mount", "custom_metadata", "source", "aws", "bucket"),
    *("prefix", "keep_on_external_storage", "public", "index_data", "data_asset_ids", "target"),
    *("results_info", "capsule_id", "parameters", "value", "values", "range", "min", "max", "key"),
    *("query", "next_token", "offset", "limit", "sort_field", "sort_order", "type", "ownership"),
    *("origin", "favorite", "archived", "filters", "exclude", "users", "groups", "everyone"),
    *("email", "role", "group", "share_assets", "path", "age", "subject id", "experimenter"),
)
TEXTS = st.sampled_from(
    (
        *("", "a", "null", "true", "True", "created", "desc", "dataset", "owner", "viewer", "\0"),
        *("'", '"', "..", "../..", "/", "a" * 5000, "tag:", 'name:"', "tag:a\0b", "٣", "1e999"),
        *("institute-open-data", RAW, DERIVED, "jonas.lind@example.org", "discoverable"),
        base64.b64encode(b'["created-desc",1,1]').decode(),
        base64.b64encode(b'["created-desc",99999999999999999999999,1]').decode(),
        base64.b64encode(b'["created-desc","\\ud800",-1]').decode(),
        base64.b64encode(b"[" * 2_000).decode(),
    )
) | st.text(max_size=8)
NUMBERS = st.sampled_from((0, -1, 1, 1000, 2**31, 2**63, -(2**64), 10**30, 0.5, -0.0, 1e308))
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS) | TEXTS, inner, max_size=4)
    ),
    max_leaves=12,
)
LIKELY = st.fixed_dictionaries(
    {},
    optional={
        "name": TEXTS,
        "mount": TEXTS,
        "tags": st.lists(TEXTS, max_size=2) | TEXTS,
        "source": st.fixed_dictionaries(
            {"aws": st.fixed_dictionaries({"bucket": TEXTS, "prefix": TEXTS, "public": VALUES})}
        )
        | st.fixed_dictionaries(
            {"computation": st.fixed_dictionaries({"id": st.just(FINISHED), "path": TEXTS})}
        )
        | st.fixed_dictionaries(
            {"cloud_workstation": st.fixed_dictionaries({"id": st.just(SESSION), "path": TEXTS})}
        )
        | st.fixed_dictionaries({"gcp": st.fixed_dictionaries({"bucket": TEXTS})}),
        "custom_metadata": st.dictionaries(st.sampled_from(KEYS) | TEXTS, VALUES, max_size=3),
        "data_asset_ids": st.lists(TEXTS, max_size=3),
        "query": TEXTS,
        "next_token": TEXTS,
        "offset": NUMBERS,
        "filters": st.lists(
            st.fixed_dictionaries(
                {"key": st.sampled_from(KEYS) | TEXTS},
                optional={
                    "value": TEXTS | NUMBERS,
                    "values": st.lists(TEXTS | NUMBERS, max_size=3),
                    "range": st.dictionaries(st.sampled_from(("min", "max")), NUMBERS),
                    "exclude": st.booleans() | TEXTS,
                },
            ),
            max_size=3,
        ),
        "id": st.sampled_from((RAW, FINISHED, SESSION)),
        "capsule_id": st.just(MY_CAPSULE),
        "users": st.lists(st.fixed_dictionaries({"email": TEXTS, "role": TEXTS}), max_size=2),
        "path": TEXTS,
    },
)
BODIES = st.one_of(
    LIKELY.map(lambda value: json.dumps(value).encode()),
    st.lists(LIKELY, max_size=2).map(lambda value: json.dumps(value).encode()),
    st.lists(st.sampled_from((RAW, OLD)) | TEXTS).map(lambda value: json.dumps(value).encode()),
    VALUES.map(lambda value: json.dumps(value).encode()),
    st.binary(max_size=20),
    st.sampled_from(
        (
            b"[" * 9_000,
            b'{"custom_metadata":' * 1_100,
            b'{"custom_metadata":{"a":' + b"[" * 900 + b"]" * 900 + b"}}",
            b'{"name":"\xff"}',
            b'{"name":"\\ud800"}',
            b'{"limit":1' + b"0" * 5000 + b"}",
            b'{"a":NaN}',
            b"\xef\xbb\xbf{}",
        )
    ),
)
SEGMENTS = st.sampled_from(
    (
        *(RAW, OLD, "no-such", "%00", "%FF", "%ED%A0%80", "..", "%2e%2e", "%2F", "a" * 3000),
        *("'", "%22", "*", "%F0%9F%98%80", MY_CAPSULE, SESSION, FINISHED),
    )
)
CALLS = st.sampled_from(
    (
        ("GET", "data_assets"),
        ("POST", "data_assets"),
        ("POST", "data_assets/"),
        ("POST", "data_assets/search"),
        ("GET", "data_assets/{}"),
        ("PUT", "data_assets/{}"),
        ("DELETE", "data_assets/{}"),
        ("PATCH", "data_assets/{}/archive"),
        ("PUT", "data_assets/{}/"),
        ("POST", "data_assets/{}/files"),
        ("GET", "data_assets/{}/files/urls"),
        ("GET", "data_assets/{}/files/download_url"),
        ("GET", "data_assets/{}/permissions"),
        ("POST", "data_assets/{}/permissions"),
        ("POST", "data_assets/{}/transfer"),
        ("GET", "custom_metadata"),
        ("GET", "../../storage/{}/README.md"),
        ("POST", "capsules/search"),
        ("GET", "capsules/{}/app_panel"),
        ("GET", "capsules/{}/computations"),
        ("POST", "capsules/{}/data_assets"),
        ("DELETE", "capsules/{}/data_assets/"),
        ("PATCH", "capsules/{}/archive"),
        ("POST", "capsules/{}/permissions"),
        ("POST", "computations"),
        ("GET", "computations/{}"),
        ("PATCH", "computations/{}"),
        ("POST", "computations/{}/data_assets"),
        ("POST", "computations/{}/results"),
        ("GET", "computations/{}/results/urls"),
    )
)
PARAMETERS = st.dictionaries(
    st.sampled_from((*KEYS, "start", "archive", "signature", "expires", "disposition")),
    TEXTS | NUMBERS.map(str),
    max_size=4,
)
HEADERS = st.dictionaries(
    st.sampled_from((b"Authorization", b"Min-Server-Version", b"Range", b"If-Range")),
    st.sampled_from(
        (
            *(
                b"",
                b"Basic",
                b"Basic \xe9\xff",
                b"Basic Og==",
                b"Basic /w==",
                b"Bearer x",
                b"4.8.0",
            ),
            *(b"abc", b"4..8", b"-1", b"\xb2.0", b"9" * 5000, b"application/json", b"bytes=0-"),
            *(b"bytes=9" + b"9" * 5000 + b"-", b"bytes=-0", b"bytes=5-1", b"1.2.3.4.5"),
        )
    ),
    max_size=2,
)


@pytest.fixture(scope="module", params=["current", "3.0", "legacy"])
def fuzzed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DemoServer]:
    with running_server(tmp_path_factory.mktemp("fuzzed") / "data", request.param) as running:
        yield running


@pytest.fixture(scope="module")
def http(fuzzed: DemoServer) -> Iterator[httpx.Client]:
    with open_http(fuzzed) as client:
        yield client


@settings(max_examples=400)
@given(CALLS, SEGMENTS, BODIES, PARAMETERS, HEADERS)
def test_no_request_is_answered_with_a_500(
    http: httpx.Client,
    call: tuple[str, str],
    segment: str,
    body: bytes,
    parameters: dict[str, str],
    headers: dict[bytes, bytes],
) -> None:
    method, path = call
    reply = http.request(
        method,
        path.format(segment),
        content=body if method in {"POST", "PUT", "DELETE"} else None,
        params={key: text.encode("utf-8", "replace") for key, text in parameters.items()},
        headers=httpx.Headers([(b"Content-Type", b"application/json"), *headers.items()]),
    )
    assert reply.status_code < 500, reply.text
    if reply.status_code >= 400 and "/storage/" not in str(reply.url):
        assert reply.json()["message"]
    if reply.status_code == 204:
        assert reply.content == b""


def test_it_has_lived_through_all_of_it(fuzzed: DemoServer, http: httpx.Client) -> None:
    if fuzzed.dialect == "legacy":
        page = http.get("data_assets").json()
    else:
        page = http.post("data_assets/search", json={}).json()
    assert page["results"]


@pytest.mark.parametrize(
    ("version", "status"),
    [
        *(("4.8.0", 200), ("4.8", 200), ("3", 200), ("4.7.9", 200), ("4.8.1", 400), ("5", 400)),
        *(("abc", 400), ("", 400), ("4.x", 400), ("v4.8", 400), ("4.8.0-rc", 400), ("4,8", 400)),
    ],
)
def test_version_that_a_client_asks_for(server: DemoServer, version: str, status: int) -> None:
    with open_http(server) as http:
        reply = http.get(f"data_assets/{RAW}", headers={"Min-Server-Version": version})
    assert reply.status_code == status
    assert status == 200 or "ersion" in reply.json()["message"]
