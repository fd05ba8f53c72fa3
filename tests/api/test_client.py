"""Every call against the embedded platform, in both dialects, on both event loops."""

import json

import pytest
from msgspec.structs import replace

from coexplorer.api import Client
from coexplorer.api.calls import build_search
from coexplorer.assets import unknown_fields
from coexplorer.demo.importing import parse_asset_line
from coexplorer.demo.server import DemoServer
from coexplorer.errors import BadReply, Conflict, Forbidden, NotFound, NotSignedIn
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
from tests.api.conftest import connect
from tests.support.server import DERIVED, FAILED, OLD, OUTSIDE, RAW, THEIRS, VIEWED

ALL = SearchRequest(archived=None)


async def ids(client: Client, request: SearchRequest) -> set[str]:
    return {asset.id async for page in client.iter_pages(request) for asset in page}


async def test_the_dialect_is_asked_for_once(either_server: DemoServer) -> None:
    async with connect(either_server) as client:
        await client.search(ALL)
        await client.search(ALL)
        assert str(client.dialect) == str(either_server.dialect)
    asked = either_server.requests("POST", "/api/v1/data_assets/search")
    assert len(asked) == (1 if either_server.dialect == "legacy" else 3)


@pytest.mark.parametrize("remembered", list(Dialect))
async def test_a_remembered_dialect_that_does_not_fit_is_replaced(
    either_server: DemoServer, remembered: Dialect
) -> None:
    token = Secret(either_server.users[0].token)
    async with Client(either_server.url, token, dialect=remembered) as client:
        page = await client.search(ALL)
        assert len(page.results) == 9
        assert str(client.dialect) == str(either_server.dialect)


async def test_what_is_no_code_ocean_is_named(server: DemoServer) -> None:
    token = Secret(server.users[0].token)
    async with Client(f"{server.url}/elsewhere", token) as client:
        with pytest.raises(BadReply, match="no data asset API was found"):
            await client.search(ALL)


async def test_searches_find_what_they_ask_for(either_client: Client) -> None:
    everything = await ids(either_client, ALL)
    assert len(everything) == 9
    assert await ids(either_client, SearchRequest(archived=True)) == {OLD}
    assert await ids(either_client, SearchRequest()) == everything - {OLD}
    assert await ids(either_client, SearchRequest(favorite=True)) == {RAW}
    shared = SearchRequest(ownership=Ownership.SHARED, archived=None)
    owned = SearchRequest(ownership=Ownership.OWNED, archived=None)
    assert await ids(either_client, shared) == {THEIRS, VIEWED}
    assert await ids(either_client, owned) == everything - {THEIRS, VIEWED}
    assert await ids(either_client, SearchRequest(type="result")) == {DERIVED}
    assert await ids(either_client, SearchRequest(query="tag:atlas")) == {THEIRS}


async def test_searches_are_sorted_as_asked(either_client: Client) -> None:
    down = SearchRequest(archived=None, sort_field=SortField.CREATED, descending=True)
    newest = await either_client.search(down, limit=2)
    assert newest.results[0].id == OUTSIDE
    assert newest.has_more
    up = SearchRequest(archived=None, sort_field=SortField.CREATED)
    assert (await either_client.search(up, limit=1)).results[0].id == OLD


async def test_pages_go_on_where_the_last_one_ended(client: Client) -> None:
    first = await client.search(ALL, limit=4)
    second = await client.search(ALL, limit=4, next_token=first.next_token)
    third = await client.search(ALL, limit=4, offset=8)
    found = [asset.id for page in (first, second, third) for asset in page.results]
    assert len(set(found)) == 9


async def test_an_asset_is_read_whole(either_client: Client, either_server: DemoServer) -> None:
    asset = await either_client.get(AssetId(RAW))
    assert asset.name == "ecephys_655019_2023-04-03_18-17-07"
    # Old platforms do not show the mount.
    mount = "ecephys_655019" if either_server.dialect == "current" else None
    assert asset.fields == Fields(
        asset.name,
        "Raw **Neuropixels** recording.",
        ("ecephys", "raw"),
        mount,
        {"subject id": "655019", "age": 61, "modality": ["ecephys"]},
    )
    assert (asset.state, asset.type) == ("ready", "dataset")
    assert (asset.size_bytes, asset.files) == (1_234_567_890_123, 1_021)
    assert (asset.created, asset.last_used) == (1_680_545_827, 1_700_000_000)
    assert asset.source is not None
    assert asset.source.bucket == "institute-raw"
    assert asset.custom_metadata["subject id"] == "655019"
    assert json.loads(asset.raw)["id"] == RAW


async def test_provenance_and_failures_are_read(either_client: Client) -> None:
    derived = await either_client.get(AssetId(DERIVED))
    assert derived.provenance is not None
    assert derived.provenance.data_assets == (RAW,)
    assert derived.provenance.run_script == "code/run"
    failed = await either_client.get(AssetId(FAILED))
    assert failed.state == "failed"
    assert failed.failure_reason == "Access denied to bucket institute-private"
    assert failed.size_bytes is None


async def test_fields_of_newer_platforms_are_kept(server: DemoServer, client: Client) -> None:
    line = b'{"id": "new", "name": "n", "state": "ready", "novelty": [1, {"a": null}]}'
    me, colleague = (user.email for user in server.users[:2])
    server.store.insert([parse_asset_line(line, owner=me, colleague=colleague)])
    asset = await client.get(AssetId("new"))
    assert unknown_fields(asset)["novelty"] == [1, {"a": None}]


async def test_an_update_sets_the_fields(either_client: Client, either_server: DemoServer) -> None:
    before = (await either_client.get(AssetId(RAW))).fields
    meant = Fields("new name", "", ("x", "y"), "elsewhere", before.metadata)
    after = await either_client.update(AssetId(RAW), meant, before=before)
    assert either_server.store.get(RAW).mount == "elsewhere"
    if either_server.dialect == "legacy":  # where no reply shows it
        meant = replace(meant, mount=None)
    assert after.fields.same_as(meant)
    assert (await either_client.get(AssetId(RAW))).fields.same_as(meant)


async def test_custom_metadata_is_set_whole(client: Client) -> None:
    asset = await client.get(AssetId(RAW))
    fields = replace_values(asset.fields, {"metadata.subject id": '"1"'})
    after = await client.update(asset.id, fields, before=asset.fields)
    assert after.custom_metadata["subject id"] == "1"


async def test_assets_go_into_the_archive_and_out_again(either_client: Client) -> None:
    await either_client.archive(AssetId(RAW), archived=True)
    assert RAW in await ids(either_client, SearchRequest(archived=True))
    await either_client.archive(AssetId(RAW), archived=False)
    assert RAW not in await ids(either_client, SearchRequest(archived=True))


async def test_an_archived_asset_can_be_deleted(either_client: Client) -> None:
    await either_client.delete(AssetId(OLD))
    with pytest.raises(NotFound, match="no such asset, or not shared with you"):
        await either_client.get(AssetId(OLD))


async def test_the_platforms_reason_is_passed_on(either_client: Client) -> None:
    with pytest.raises(Forbidden, match="must be archived"):
        await either_client.delete(AssetId(RAW))


async def test_a_viewer_cannot_edit(either_client: Client) -> None:
    asset = await either_client.get(AssetId(VIEWED))
    meant = Fields("mine now", mount="m")
    with pytest.raises(Forbidden, match="you can read but not change this asset"):
        await either_client.update(asset.id, meant, before=asset.fields)


async def test_a_wrong_token_is_not_signed_in(either_server: DemoServer) -> None:
    async with Client(either_server.url, Secret("cop_wrong")) as client:
        with pytest.raises(NotSignedIn) as caught:
            await client.search(ALL)
    assert "coexplorer login" in caught.value.hint


async def test_a_create_makes_an_asset(either_server: DemoServer) -> None:
    bucket = either_server.make_bucket("lab-data", keys=("AKIA-test", "very-secret"))
    (bucket / "run1").mkdir()
    (bucket / "run1" / "a.txt").write_text("hello")
    source = AwsSource(
        "lab-data",
        "run1",
        access_key_id=Secret("AKIA-test"),
        secret_access_key=Secret("very-secret"),
    )
    async with connect(either_server) as client:
        asset = await client.create(
            NewAsset(name="made", description="d", mount="made", tags=("t",), source=source)
        )
    assert asset.state == "draft"
    assert asset.fields.same_as(Fields("made", "d", ("t",), "made"))
    assert either_server.store.get(asset.id).name == "made"


async def test_files_are_listed_level_by_level(either_client: Client) -> None:
    client = either_client
    root = (await client.list_files(AssetId(RAW))).entries
    folder = next(entry for entry in root if entry.is_folder)
    inside = (await client.list_files(AssetId(RAW), folder.path)).entries
    assert inside
    assert all(entry.path.startswith(f"{folder.path}/") for entry in inside)
    with pytest.raises(NotFound, match="no such folder"):
        await client.list_files(AssetId(RAW), "nowhere")


async def test_files_have_signed_addresses(client: Client) -> None:
    root = (await client.list_files(AssetId(RAW))).entries
    file = next(entry for entry in root if not entry.is_folder)
    urls = await client.file_urls(AssetId(RAW), file.path)
    assert "signature=" in urls.download_url
    assert urls.view_url != urls.download_url


async def test_platforms_before_v4_give_one_signed_address(
    server: DemoServer, client: Client
) -> None:
    server.faults.add(404, "GET", "data_assets/*/files/urls")
    root = (await client.list_files(AssetId(RAW))).entries
    file = next(entry for entry in root if not entry.is_folder)
    urls = await client.file_urls(AssetId(RAW), file.path)
    assert "signature=" in urls.download_url
    assert urls.view_url == ""


async def test_platforms_without_files_say_so(server: DemoServer, client: Client) -> None:
    server.faults.add(404, "*", "data_assets/*/files**")
    with pytest.raises(NotFound, match="no such folder"):
        await client.list_files(AssetId(RAW))
    with pytest.raises(NotFound, match="no such file"):
        await client.file_urls(AssetId(RAW), "a")


async def test_who_can_see_an_asset_is_read_and_set(server: DemoServer, client: Client) -> None:
    me, colleague, third = (user.email for user in server.users)
    asset_id = AssetId(DERIVED)
    before = await client.sharing(asset_id)
    assert (before.users[me], before.users[colleague]) == ("owner", "editor")
    wanted = before.with_roles({f"user {third}": "viewer", "group Imaging": "editor"})
    await client.share(asset_id, wanted, before=before)
    assert (await client.sharing(asset_id)).same_as(wanted)


async def test_a_lost_reply_to_sharing_is_judged_by_a_look(
    server: DemoServer, client: Client
) -> None:
    asset_id = AssetId(DERIVED)
    before = await client.sharing(asset_id)
    wanted = before.with_roles({"everyone": "viewer"})
    server.faults.add("lost", "POST", "data_assets/*/permissions", times=1)
    await client.share(asset_id, wanted, before=before)
    assert len(server.requests("POST", "*/permissions")) == 1  # it had arrived
    server.faults.add(502, "POST", "data_assets/*/permissions", times=1)
    await client.share(asset_id, before, before=wanted)
    assert len(server.requests("POST", "*/permissions")) == 3  # one of these did not
    assert (await client.sharing(asset_id)).same_as(before)


async def test_what_changed_while_sharing_waited_is_not_overwritten(
    server: DemoServer, client: Client
) -> None:
    asset_id = AssetId(DERIVED)
    before = await client.sharing(asset_id)
    other = before.with_roles({"group Imaging": "viewer"})
    await client.share(asset_id, other, before=before)
    server.faults.add(429, "POST", "data_assets/*/permissions", times=1)
    wanted = before.with_roles({"everyone": "viewer"})
    with pytest.raises(Conflict, match="changed elsewhere"):
        await client.share(asset_id, wanted, before=before)
    assert (await client.sharing(asset_id)).same_as(other)


async def test_the_metadata_schema_names_its_fields(client: Client) -> None:
    fields = await client.metadata_schema()
    assert all(field.name for field in fields)
    assert {field.type for field in fields} <= {"string", "number", "date"}
    assert fields


async def test_requests_share_connections_and_hold_nothing_that_old_servers_refuse(
    server: DemoServer, client: Client
) -> None:
    await client.get(AssetId(RAW))
    await client.search(ALL)
    for request in server.requests():
        assert request.authorized
        assert request.headers["user-agent"].startswith("coexplorer/")
        assert not {"min-server-version", "cookie"} & request.headers.keys()


async def test_the_legacy_search_is_spelled_as_the_manual_does(legacy_server: DemoServer) -> None:
    async with connect(legacy_server) as client:
        await client.search(SearchRequest(query="a b&c", favorite=True), offset=3, limit=7)
    query = legacy_server.requests("GET", "/api/v1/data_assets")[-1].query
    assert query == "start=3&limit=7&query=a+b%26c&favorite=true&archived=false"
    assert build_search(ALL, Dialect.LEGACY).method == "GET"
