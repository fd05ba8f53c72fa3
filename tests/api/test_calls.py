"""Requests, parameter by parameter, in both dialects."""

import json
from collections.abc import Callable

import pytest

from coexplorer.api.calls import (
    Repeat,
    build_archive,
    build_create,
    build_delete,
    build_download_url,
    build_file_urls,
    build_get,
    build_list_files,
    build_search,
    build_update,
)
from coexplorer.api.permissions import build_grants, build_permissions, build_share
from coexplorer.errors import NotFound
from coexplorer.fields import Fields, replace_values
from coexplorer.models import (
    AssetId,
    AwsSource,
    Dialect,
    NewAsset,
    Ownership,
    SearchRequest,
    Secret,
    SortField,
)
from coexplorer.sharing.roles import Sharing
from tests.support.hostile import NO_IDS

BOTH = SearchRequest(archived=None)


@pytest.mark.parametrize(
    ("request_", "legacy", "current"),
    [
        (BOTH, {}, {}),
        (SearchRequest(), {"archived": "false"}, {"archived": False}),
        (SearchRequest(archived=True), {"archived": "true"}, {"archived": True}),
        (SearchRequest(query="tag:a b", archived=None), {"query": "tag:a b"}, {"query": "tag:a b"}),
        (SearchRequest(type="result", archived=None), {"type": "result"}, {"type": "result"}),
        (
            SearchRequest(ownership=Ownership.OWNED, archived=None),
            {"ownership": "owner"},
            {"ownership": "created"},
        ),
        (
            SearchRequest(ownership=Ownership.SHARED, archived=None),
            {"ownership": "shared"},
            {"ownership": "shared"},
        ),
        (SearchRequest(favorite=True, archived=None), {"favorite": "true"}, {"favorite": True}),
        (
            SearchRequest(sort_field=SortField.SIZE, descending=True, archived=None),
            {"sort_field": "size", "sort_order": "desc"},
            {"sort_field": "size", "sort_order": "desc"},
        ),
        (
            SearchRequest(sort_field=SortField.NAME, archived=None),
            {"sort_field": "name", "sort_order": "asc"},
            {"sort_field": "name", "sort_order": "asc"},
        ),
    ],
)
def test_each_search_parameter_is_spelled_as_its_dialect_does(
    request_: SearchRequest, legacy: dict[str, str], current: dict[str, object]
) -> None:
    get = build_search(request_, Dialect.LEGACY, offset=20, limit=10)
    assert (get.method, get.path, get.body) == ("GET", "data_assets", None)
    assert dict(get.params) == {"start": "20", "limit": "10"} | legacy
    post = build_search(request_, Dialect.CURRENT, offset=20, limit=10)
    assert (post.method, post.path, post.params) == ("POST", "data_assets/search", ())
    assert json.loads(post.body or b"") == {"offset": 20, "limit": 10} | current
    assert get.repeat is post.repeat is Repeat.ALWAYS


def test_a_token_takes_the_offsets_place() -> None:
    call = build_search(BOTH, Dialect.CURRENT, offset=20, limit=10, next_token="t")
    assert json.loads(call.body or b"") == {"next_token": "t", "limit": 10}


@pytest.mark.parametrize(("offset", "limit"), [(-1, 10), (0, 0), (0, 1001)])
def test_a_page_that_no_platform_has_is_not_asked_for(offset: int, limit: int) -> None:
    with pytest.raises(ValueError, match="no such page"):
        build_search(BOTH, Dialect.CURRENT, offset=offset, limit=limit)


def test_a_create_carries_every_parameter_of_the_manual() -> None:
    source = AwsSource(
        bucket="b",
        prefix="p",
        keep_on_external_storage=True,
        index_data=False,
        public=True,
        access_key_id=Secret("AKIA-test"),
        secret_access_key=Secret("very-secret"),
    )
    call = build_create(NewAsset(name="n", description="d", mount="m", tags=("t",), source=source))
    assert (call.method, call.path, call.repeat) == ("POST", "data_assets", Repeat.UNSENT)
    assert json.loads(call.body or b"") == {
        "name": "n",
        "description": "d",
        "mount": "m",
        "tags": ["t"],
        "source": {
            "aws": {
                "bucket": "b",
                "prefix": "p",
                "keep_on_external_storage": True,
                "index_data": False,
                "public": True,
                "access_key_id": "AKIA-test",
                "secret_access_key": "very-secret",
            }
        },
    }
    assert "very-secret" not in repr(call)


def test_a_create_without_keys_sends_none() -> None:
    call = build_create(
        NewAsset(
            name="n",
            description="d",
            mount="m",
            tags=(),
            source=AwsSource("b", access_key_id=Secret("")),
        )
    )
    aws = json.loads(call.body or b"")["source"]["aws"]
    assert set(aws) == {"bucket", "prefix", "keep_on_external_storage", "index_data"}


def test_an_update_sends_all_fields_that_the_asset_has() -> None:
    call = build_update(AssetId("a1"), Fields("n", "", (), ""))
    assert (call.method, call.path, call.repeat) == ("PUT", "data_assets/a1", Repeat.UNSENT)
    assert json.loads(call.body or b"") == {"name": "n", "description": "", "tags": [], "mount": ""}


def test_an_update_leaves_out_what_the_asset_has_not() -> None:
    before = Fields("n", "d", ("t",))
    fields = replace_values(before, {"metadata": {"subject id": "3"}})
    same = json.loads(build_update(AssetId("a1"), fields, fields).body or b"")
    assert same == {"name": "n", "description": "d", "tags": ["t"]}
    call = build_update(AssetId("a1"), fields, before)
    assert json.loads(call.body or b"") == {
        "name": "n",
        "description": "d",
        "tags": ["t"],
        "custom_metadata": {"subject id": "3"},
    }


def test_archiving_has_its_parameter_in_the_address() -> None:
    call = build_archive(AssetId("a1"), archived=False)
    assert (call.method, call.path, call.body) == ("PATCH", "data_assets/a1/archive", None)
    assert call.params == (("archive", "false"),)


def test_a_delete_may_be_repeated_until_the_asset_is_gone() -> None:
    call = build_delete(AssetId("a1"))
    assert (call.method, call.path, call.repeat) == ("DELETE", "data_assets/a1", Repeat.UNTIL_GONE)


def test_an_id_stays_within_its_segment_of_the_address() -> None:
    assert build_get(AssetId("x?y#z%2f")).path == "data_assets/x%3Fy%23z%252f"


@pytest.mark.parametrize("text", NO_IDS)
def test_what_is_no_id_never_becomes_an_address(text: str) -> None:
    asset_id = AssetId(text)
    builders: list[Callable[[], object]] = [
        lambda: build_get(asset_id),
        lambda: build_update(asset_id, Fields("n")),
        lambda: build_archive(asset_id, archived=True),
        lambda: build_delete(asset_id),
        lambda: build_list_files(asset_id),
        lambda: build_file_urls(asset_id, "f"),
        lambda: build_download_url(asset_id, "f"),
        lambda: build_permissions(asset_id),
        lambda: build_share(asset_id, Sharing()),
    ]
    for build in builders:
        with pytest.raises(NotFound, match="there is no asset"):
            build()


def test_files_are_listed_by_a_body() -> None:
    call = build_list_files(AssetId("a1"), "a b")
    assert (call.method, call.path) == ("POST", "data_assets/a1/files")
    assert json.loads(call.body or b"") == {"path": "a b"}
    assert not call.writes


def test_who_can_see_an_asset_is_sent_whole() -> None:
    wanted = Sharing({"a@x": "owner", "b@x": "viewer"}, {"g": "editor"})
    call = build_share(AssetId("a1"), wanted)
    assert (call.method, call.path, call.writes) == ("POST", "data_assets/a1/permissions", True)
    assert call.repeat is Repeat.UNSENT  # somebody may have changed it since
    assert json.loads(call.body or b"") == {
        "users": [{"email": "a@x", "role": "owner"}, {"email": "b@x", "role": "viewer"}],
        "groups": [{"group": "g", "role": "editor"}],
        "everyone": "none",
    }


def test_where_nobody_can_tell_only_what_is_named_is_sent() -> None:
    call = build_grants(AssetId("a1"), {"everyone": "viewer"})
    assert json.loads(call.body or b"") == {"users": None, "groups": None, "everyone": "viewer"}
    call = build_grants(AssetId("a1"), {"user a@x": "viewer", "group g": "editor"})
    assert json.loads(call.body or b"") == {
        "users": [{"email": "a@x", "role": "viewer"}],
        "groups": [{"group": "g", "role": "editor"}],
        "everyone": None,
    }
