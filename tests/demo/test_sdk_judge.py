"""The official SDK judges the current dialect: every data-asset call, parsed by its own models."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from codeocean import CodeOcean
from codeocean.data_asset import (
    AWSS3Source,
    AWSS3Target,
    CloudWorkstationSource,
    ComputationSource,
    DataAssetOrigin,
    DataAssetParams,
    DataAssets,
    DataAssetSearchOrigin,
    DataAssetSearchParams,
    DataAssetSortBy,
    DataAssetState,
    DataAssetType,
    DataAssetUpdateParams,
    GCPCloudStorageSource,
    ResultsInfo,
    Source,
    Target,
    TransferDataParams,
)
from codeocean.error import Error
from codeocean.models.components import (
    EveryoneRole,
    GroupPermissions,
    GroupRole,
    Ownership,
    Permissions,
    SearchFilter,
    SearchFilterRange,
    SortOrder,
    UserPermissions,
    UserRole,
)
from msgspec.structs import replace

from coexplorer.demo.create_body import ENDPOINTS
from coexplorer.demo.files import Tree, iter_paths
from coexplorer.demo.hooks import CREATION
from coexplorer.demo.server import DemoServer
from tests.support.server import (
    COMBINED,
    DERIVED,
    EMPTY_RUN,
    FAILED,
    FAILED_RUN,
    FINISHED,
    MY_CAPSULE,
    OLD,
    OUTSIDE,
    RAW,
    RUNNING,
    SESSION,
    THEIR_RUN,
    THEIRS,
    VIEWED,
    few_assets,
)

ALL = {asset.id for asset in few_assets("me", "colleague")}


@pytest.fixture
def sdk(server: DemoServer) -> Iterator[CodeOcean]:
    client = CodeOcean(domain=server.url, token=server.users[0].token)
    with client.session:
        yield client


def found(sdk: CodeOcean, **params: object) -> set[str]:
    search = DataAssetSearchParams(**params)
    return {asset.id for asset in sdk.data_assets.search_data_assets(search).results}


def params_of(bucket: str, prefix: str = "", **more: object) -> DataAssetParams:
    aws = AWSS3Source(bucket=bucket, prefix=prefix, **more)
    return DataAssetParams(
        name="made by the SDK",
        tags=["new", "raw"],
        mount="made",
        description="A *new* one.",
        source=Source(aws=aws),
        custom_metadata={"subject id": "7"},
    )


def test_every_call_of_the_sdk_is_judged_here() -> None:
    """A newer SDK may bring calls that nobody here has heard of."""
    calls = {name for name, _ in inspect.getmembers(DataAssets, inspect.isfunction)}
    judged = set(re.findall(r"sdk\.data_assets\.(\w+)\(", Path(__file__).read_text("utf-8")))
    assert {name for name in calls if not name.startswith("_")} == judged


def test_get_fills_every_field_of_the_sdks_model(server: DemoServer, sdk: CodeOcean) -> None:
    raw = sdk.data_assets.get_data_asset(RAW)
    assert raw.name == "ecephys_655019_2023-04-03_18-17-07"
    assert raw.type is DataAssetType.Dataset
    assert raw.state is DataAssetState.Ready
    assert (raw.created, raw.last_used) == (1_680_545_827, 1_700_000_000)
    assert (raw.size, raw.files) == (1_234_567_890_123, 1_021)
    assert raw.owner == server.users[0].id
    assert set(raw.tags or ()) == {"ecephys", "raw"}
    assert raw.custom_metadata == {"subject id": "655019", "age": 61, "modality": ["ecephys"]}
    assert raw.source_bucket is not None
    assert raw.source_bucket.origin is DataAssetOrigin.AWS
    assert raw.source_bucket.prefix == raw.name
    derived = sdk.data_assets.get_data_asset(DERIVED)
    assert derived.type is DataAssetType.Result
    assert derived.provenance is not None
    assert (derived.provenance.run_script, derived.provenance.data_assets) == ("code/run", [RAW])
    failed = sdk.data_assets.get_data_asset(FAILED)
    assert failed.state is DataAssetState.Failed
    assert failed.failure_reason == "Access denied to bucket institute-private"
    combined = sdk.data_assets.get_data_asset(COMBINED)
    assert [part.id for part in combined.contained_data_assets or ()] == [RAW, DERIVED]


def test_get_of_what_is_not_there_raises_the_sdks_error(sdk: CodeOcean) -> None:
    with pytest.raises(Error) as raised:
        sdk.data_assets.get_data_asset("no-such-id")
    assert raised.value.status_code == 404
    assert "no-such-id" in raised.value.message


def test_update_metadata_changes_what_is_given_and_leaves_the_rest(sdk: CodeOcean) -> None:
    changed = sdk.data_assets.update_metadata(
        RAW, DataAssetUpdateParams(description="New.", tags=["b", "a", "b"])
    )
    assert changed == sdk.data_assets.get_data_asset(RAW)
    assert changed.description == "New."
    assert sorted(changed.tags or ()) == ["a", "b"]
    assert changed.name == "ecephys_655019_2023-04-03_18-17-07"
    everything = DataAssetUpdateParams(
        name="n", description="", tags=[], mount="m", custom_metadata={"age": 3}
    )
    changed = sdk.data_assets.update_metadata(RAW, everything)
    assert (changed.name, changed.description, changed.tags) == ("n", "", [])
    assert (changed.mount, changed.custom_metadata) == ("m", {"age": 3})


def test_archive_and_unarchive_move_an_asset_between_searches(sdk: CodeOcean) -> None:
    sdk.data_assets.archive_data_asset(RAW, archive=True)
    assert found(sdk, archived=True) == {RAW, OLD}
    sdk.data_assets.archive_data_asset(RAW, archive=False)
    assert found(sdk, archived=True) == {OLD}


def test_delete_takes_archived_assets_alone(sdk: CodeOcean) -> None:
    with pytest.raises(Error) as raised:
        sdk.data_assets.delete_data_asset(RAW)
    assert raised.value.status_code == 403
    assert "archived" in raised.value.message
    sdk.data_assets.delete_data_asset(OLD)
    with pytest.raises(Error) as raised:
        sdk.data_assets.get_data_asset(OLD)
    assert raised.value.status_code == 404


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({}, ALL),
        ({"archived": False}, ALL - {OLD}),
        ({"favorite": True}, {RAW}),
        ({"favorite": False}, ALL),
        ({"type": DataAssetType.Combined}, {COMBINED}),
        ({"type": DataAssetType.Model}, set()),
        ({"ownership": Ownership.Created}, ALL - {THEIRS, VIEWED}),
        ({"ownership": Ownership.Shared}, {THEIRS, VIEWED}),
        ({"ownership": Ownership.Private}, ALL - {THEIRS, VIEWED, DERIVED}),
        ({"origin": DataAssetSearchOrigin.External}, {OUTSIDE}),
        ({"origin": DataAssetSearchOrigin.Internal}, ALL - {OUTSIDE}),
        ({"query": "tag:raw"}, {RAW, OLD}),
        ({"filters": [SearchFilter(key="tags", value="RAW")]}, {RAW, OLD}),
        ({"filters": [SearchFilter(key="tags", values=["atlas", "genomics"])]}, {THEIRS, VIEWED}),
        ({"filters": [SearchFilter(key="name", value="zebra")]}, {THEIRS}),
        ({"filters": [SearchFilter(key="description", value="spike")]}, {DERIVED}),
        ({"filters": [SearchFilter(key="subject id", value="655019")]}, {RAW, DERIVED}),
        ({"filters": [SearchFilter(key="modality", value="ecephys")]}, {RAW}),
        (
            {"filters": [SearchFilter(key="age", range=SearchFilterRange(min=60, max=62))]},
            {RAW},
        ),
        (
            {"filters": [SearchFilter(key="subject id", value="655019", exclude=True)]},
            ALL - {RAW, DERIVED},
        ),
    ],
)
def test_search_restricts(sdk: CodeOcean, params: dict[str, object], expected: set[str]) -> None:
    assert found(sdk, **params) == expected


@pytest.mark.parametrize("field", list(DataAssetSortBy))
@pytest.mark.parametrize("order", list(SortOrder))
def test_search_iterator_walks_all_pages_in_order(
    sdk: CodeOcean, field: DataAssetSortBy, order: SortOrder
) -> None:
    params = DataAssetSearchParams(limit=2, sort_field=field, sort_order=order)
    walked = list(sdk.data_assets.search_data_assets_iterator(params))
    assert {asset.id for asset in walked} == ALL
    assert len(walked) == len(ALL)
    values = [getattr(asset, field.value) or 0 for asset in walked]
    keys = [value.casefold() if isinstance(value, str) else value for value in values]
    assert keys == sorted(keys, reverse=order is SortOrder.Descending)


def test_files_are_listed_level_by_level_and_downloaded(sdk: CodeOcean) -> None:
    folders, files = [""], list[str]()
    while folders:
        for item in sdk.data_assets.list_data_asset_files(RAW, folders.pop()).items:
            (folders if item.type == "folder" else files).append(item.path)
            assert item.path.endswith(item.name)
            assert (item.size is None) == (item.type == "folder")
    assert len(files) > 3
    urls = sdk.data_assets.get_data_asset_file_urls(RAW, files[0])
    assert urls.download_url != urls.view_url
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old = sdk.data_assets.get_data_asset_file_download_url(RAW, files[0])
    assert old.url.startswith("http")


def test_permissions_are_read_and_changed(server: DemoServer, sdk: CodeOcean) -> None:
    me, colleague, _ = server.users
    assert sdk.data_assets.get_permissions(DERIVED).users == [
        UserPermissions(email=me.email, role=UserRole.Owner),
        UserPermissions(email=colleague.email, role=UserRole.Editor),
    ]
    wanted = Permissions(
        users=[UserPermissions(email=colleague.email, role=UserRole.Viewer)],
        groups=[GroupPermissions(group="Imaging", role=GroupRole.Viewer)],
        everyone=EveryoneRole.Viewer,
    )
    sdk.data_assets.update_permissions(RAW, wanted)
    got = sdk.data_assets.get_permissions(RAW)
    assert got.groups == wanted.groups
    assert got.everyone is EveryoneRole.Viewer
    assert UserPermissions(email=colleague.email, role=UserRole.Viewer) in (got.users or [])


def test_create_from_a_bucket_becomes_ready(server: DemoServer, sdk: CodeOcean) -> None:
    folder = server.make_bucket("institute-new") / "run 1" / "deep"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("1,2\n")
    with server.hooks.after(CREATION) as outcome:
        draft = sdk.data_assets.create_data_asset(params_of("institute-new", "run 1"))
        assert draft.state is DataAssetState.Draft
        outcome.wait()
    ready = sdk.data_assets.wait_until_ready(draft)
    assert ready.state is DataAssetState.Ready
    assert (ready.files, ready.size) == (1, 4)
    assert ready.source_bucket is not None
    assert ready.source_bucket.prefix == "run 1"
    assert [
        item.path for item in sdk.data_assets.list_data_asset_files(draft.id, "deep").items
    ] == ["deep/a.csv"]


def test_create_from_a_missing_bucket_fails_with_a_reason(
    server: DemoServer, sdk: CodeOcean
) -> None:
    with server.hooks.after(CREATION) as outcome:
        draft = sdk.data_assets.create_data_asset(params_of("no-such-bucket"))
        outcome.wait()
    failed = sdk.data_assets.wait_until_ready(draft)
    assert failed.state is DataAssetState.Failed
    assert "no-such-bucket" in (failed.failure_reason or "")


@pytest.mark.parametrize(
    ("public", "keep", "state"),
    [
        (True, None, DataAssetState.Failed),
        (None, None, DataAssetState.Ready),
        (False, None, DataAssetState.Ready),
        (True, True, DataAssetState.Failed),
        (None, True, DataAssetState.Ready),
    ],
)
def test_create_as_public_opens_no_private_bucket(
    server: DemoServer,
    sdk: CodeOcean,
    public: bool | None,  # noqa: FBT001 - a case
    keep: bool | None,  # noqa: FBT001 - a case
    state: DataAssetState,
) -> None:
    bucket = server.make_bucket("institute-private", keys=("AKIA7", "s3cret"))
    (bucket / "a.csv").write_text("1,2\n")
    asked = params_of("institute-private", public=public, keep_on_external_storage=keep)
    with server.hooks.after(CREATION) as outcome:
        draft = sdk.data_assets.create_data_asset(asked)
        outcome.wait()
    settled = sdk.data_assets.wait_until_ready(draft)
    assert settled.state is state
    assert settled.source_bucket is not None
    assert settled.source_bucket.external is bool(keep)


@pytest.mark.parametrize(
    ("change", "status", "complaint"),
    [
        ({"source": Source(computation=ComputationSource(id="c"))}, 400, "computation c not found"),
        ({"source": Source(computation=ComputationSource(id=THEIR_RUN))}, 403, "who started"),
        ({"source": Source(computation=ComputationSource(id=RUNNING))}, 400, "state running"),
        ({"source": Source(computation=ComputationSource(id=FAILED_RUN))}, 400, "no results"),
        ({"source": Source(computation=ComputationSource(id=EMPTY_RUN))}, 400, "no results"),
        (
            {"source": Source(cloud_workstation=CloudWorkstationSource(id=FINISHED, path="p"))},
            400,
            "not a running cloud workstation",
        ),
        (
            {"source": Source(cloud_workstation=CloudWorkstationSource(id=SESSION, path=" "))},
            400,
            "path is required",
        ),
        (
            {"source": Source(aws=AWSS3Source(bucket="b", endpoint_name="minio"))},
            400,
            "no endpoint 'minio'",
        ),
        (
            {"source": Source(aws=AWSS3Source(bucket="b", use_input_bucket=True))},
            403,
            "administrator",
        ),
        ({"target": Target(aws=AWSS3Target(bucket="b"))}, 400, "target"),
        ({"data_asset_ids": [OUTSIDE]}, 400, "one source"),
    ],
)
def test_create_from_or_to_what_it_may_not_is_refused_with_the_reason(
    server: DemoServer, sdk: CodeOcean, change: dict[str, object], status: int, complaint: str
) -> None:
    before = server.store.count()
    with pytest.raises(Error) as raised:
        sdk.data_assets.create_data_asset(dataclasses.replace(params_of("institute-new"), **change))
    assert raised.value.status_code == status
    assert complaint in raised.value.message
    assert server.store.count() == before


@pytest.mark.parametrize(
    ("source", "kind", "files"),
    [
        (ComputationSource(id=FINISHED), "result", "all"),
        (ComputationSource(id=FINISHED, path="figures"), "result", "figures"),
        (ComputationSource(id=FINISHED, path="processing.json"), "result", "processing.json"),
        (CloudWorkstationSource(id=SESSION, path="figures"), "dataset", "figures"),
        (
            CloudWorkstationSource(id=SESSION, path="figures", run_script="code/main.py"),
            "result",
            "figures",
        ),
    ],
)
def test_capture_has_the_files_of_the_run(
    server: DemoServer,
    sdk: CodeOcean,
    source: ComputationSource | CloudWorkstationSource,
    kind: str,
    files: str,
) -> None:
    is_session = isinstance(source, CloudWorkstationSource)
    places = {"cloud_workstation" if is_session else "computation": source}
    asked = dataclasses.replace(params_of("b"), source=Source(**places))
    with server.hooks.after(CREATION) as outcome:
        draft = sdk.data_assets.create_data_asset(asked)
        assert (draft.state, draft.type) == (DataAssetState.Draft, kind)
        outcome.wait()
    made = sdk.data_assets.wait_until_ready(draft)
    assert (made.state, made.custom_metadata) == (DataAssetState.Ready, {"subject id": "7"})
    there = dict(read_tree(server, Tree.of(server.store.get(made.id))))
    run = server.store.workshop.find_computation(source.id)
    assert run is not None
    base = {"all": "", "figures": "figures/", "processing.json": ""}[files]
    wanted = {
        path.removeprefix(base): content
        for path, content in read_tree(server, Tree.of(run))
        if path.startswith(base if files != "processing.json" else files)
    }
    assert there == wanted
    assert (made.files, made.size) == (len(wanted), sum(map(len, wanted.values())))
    if kind == "result":
        assert made.provenance is not None
        told = made.provenance
        script = getattr(source, "run_script", None) or "code/run"
        assert (told.computation, told.capsule) == (source.id, MY_CAPSULE)
        assert (told.run_script, told.data_assets) == (script, [RAW])
    again = sdk.data_assets.list_data_asset_files(made.id, "").items
    assert again


def read_tree(server: DemoServer, tree: Tree) -> Iterator[tuple[str, bytes]]:
    for path, content in iter_paths(tree, server.data, ""):
        yield path, b"".join(content.read(0, content.size))


@pytest.mark.parametrize(("bucket", "state"), [("results", "ready"), ("nowhere", "failed")])
def test_capture_can_go_to_a_bucket(
    server: DemoServer, sdk: CodeOcean, bucket: str, state: str
) -> None:
    folder = server.make_bucket("results")
    asked = dataclasses.replace(
        params_of("b"),
        source=Source(computation=ComputationSource(id=FINISHED)),
        target=Target(aws=AWSS3Target(bucket=bucket, prefix="one", endpoint_name=ENDPOINTS[0])),
    )
    with server.hooks.after(CREATION) as outcome:
        draft = sdk.data_assets.create_data_asset(asked)
        outcome.wait()
    made = sdk.data_assets.wait_until_ready(draft)
    assert made.state == state
    assert (folder / "one" / "processing.json").exists() == (state == "ready")
    assert made.source_bucket is not None
    assert (made.source_bucket.bucket, made.source_bucket.external) == (bucket, True)


@pytest.mark.parametrize(
    ("secret", "state"), [("s3cret", "ready"), ("wrong", "failed"), (None, "ready")]
)
def test_create_from_googles_storage_stays_there(
    server: DemoServer, sdk: CodeOcean, secret: str | None, state: str
) -> None:
    folder = server.make_bucket("genomics", keys=("me", "s3cret")) / "runs"
    folder.mkdir()
    (folder / "a.csv").write_text("1,2\n")
    keys = {"client_id": "me", "client_secret": secret} if secret else {}
    gcp = GCPCloudStorageSource(bucket="genomics", prefix="runs", **keys)
    with server.hooks.after(CREATION) as outcome:
        asked = dataclasses.replace(params_of("b"), source=Source(gcp=gcp))
        draft = sdk.data_assets.create_data_asset(asked)
        outcome.wait()
    made = sdk.data_assets.wait_until_ready(draft)
    assert made.state == state
    assert made.source_bucket is not None
    assert (made.source_bucket.origin, made.source_bucket.external) == (DataAssetOrigin.GCP, True)


def test_every_place_that_the_sdk_can_create_from_is_judged_here() -> None:
    """A newer SDK may bring places that nobody here has heard of."""
    assert {field.name for field in dataclasses.fields(Source)} == {
        "aws",
        "gcp",
        "computation",
        "cloud_workstation",
    }
    assert {field.name for field in dataclasses.fields(AWSS3Source)} == {
        "bucket",
        "endpoint_name",
        "prefix",
        "keep_on_external_storage",
        "public",
        "use_input_bucket",
    }


def test_create_combined_from_two_external_assets(server: DemoServer, sdk: CodeOcean) -> None:
    server.store.insert([replace(server.store.get(OUTSIDE), id="another-outside")])
    parts = [OUTSIDE, "another-outside"]
    asked = DataAssetParams(name="two", tags=[], mount="two", data_asset_ids=parts)
    with server.hooks.after(CREATION) as outcome:
        draft = sdk.data_assets.create_data_asset(asked)
        outcome.wait()
    ready = sdk.data_assets.wait_until_ready(draft)
    assert ready.type is DataAssetType.Combined
    assert [part.id for part in ready.contained_data_assets or ()] == parts
    assert found(sdk, query="contained_data_id:another-outside") == {draft.id}


def test_create_external_result_keeps_its_prefix_and_tells_its_run(
    server: DemoServer, sdk: CodeOcean
) -> None:
    folder = server.make_bucket("institute-new") / "sessions" / "one"
    folder.mkdir(parents=True)
    (folder / "a.csv").write_text("1,2\n")
    (folder.parent / "b.csv").write_text("1,2,3\n")
    info = ResultsInfo(pipeline_id="p1", commit="4f1c2d9", data_assets=[RAW])
    asked = params_of(
        # As text, as the manual's own example has it.
        "institute-new",
        "sessions/one",
        keep_on_external_storage="true",
        public="True",
    )
    with server.hooks.after(CREATION) as outcome:
        draft = sdk.data_assets.create_data_asset(dataclasses.replace(asked, results_info=info))
        outcome.wait()
    ready = sdk.data_assets.wait_until_ready(draft)
    assert ready.type is DataAssetType.Result
    assert (ready.files, ready.size) == (1, 4)
    assert ready.source_bucket is not None
    assert (ready.source_bucket.prefix, ready.source_bucket.external) == ("sessions/one", True)
    assert ready.provenance is not None
    assert (ready.provenance.commit, ready.provenance.capsule) == ("4f1c2d9", "p1")
    assert ready.provenance.run_script == "code/run"
    assert ready.provenance.data_assets == [RAW]
    with pytest.raises(Error) as raised:
        sdk.data_assets.list_data_asset_files(ready.id)
    assert raised.value.status_code == 400


def test_owners_can_be_several_and_discoverable_is_found_without_its_files(
    server: DemoServer, sdk: CodeOcean
) -> None:
    me, colleague, _ = server.users
    theirs = CodeOcean(domain=server.url, token=colleague.token)
    with theirs.session:
        sdk.data_assets.update_permissions(RAW, Permissions(everyone=EveryoneRole.Discoverable))
        seen = theirs.data_assets.get_data_asset(RAW)
        assert (seen.owner_email, seen.custom_metadata) == (
            me.email,
            {"subject id": "655019", "age": 61, "modality": ["ecephys"]},
        )
        assert RAW in found(theirs)
        assert RAW not in found(theirs, ownership=Ownership.Shared)
        for refused in (
            partial(theirs.data_assets.list_data_asset_files, RAW),
            partial(theirs.data_assets.get_data_asset_file_urls, RAW, "README.md"),
            partial(theirs.data_assets.archive_data_asset, RAW, archive=True),
            partial(theirs.data_assets.update_metadata, RAW, DataAssetUpdateParams(name="n")),
        ):
            with pytest.raises(Error) as raised:
                refused()
            assert raised.value.status_code == 403
        both = [UserPermissions(email=each.email, role=UserRole.Owner) for each in (me, colleague)]
        sdk.data_assets.update_permissions(RAW, Permissions(users=both))
        assert theirs.data_assets.get_permissions(RAW).users == both
        theirs.data_assets.archive_data_asset(RAW, archive=True)
        theirs.data_assets.delete_data_asset(RAW)
    assert server.store.find(RAW) is None


def test_custom_metadata_schema_is_read(sdk: CodeOcean) -> None:
    fields = sdk.custom_metadata.get_custom_metadata().fields or []
    assert {"string", "number", "date"} <= {field.type for field in fields}
    assert len({field.name for field in fields}) == len(fields)


def test_transfer_is_for_admins(sdk: CodeOcean) -> None:
    with pytest.raises(Error) as raised:
        sdk.data_assets.transfer_data_asset(
            RAW, TransferDataParams(target=Target(aws=AWSS3Target(bucket="elsewhere")))
        )
    assert raised.value.status_code == 403
