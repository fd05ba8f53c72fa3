"""Capsules, pipelines, computations: the official SDK judges them, and so do the rights."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from codeocean import CodeOcean
from codeocean.capsule import (
    CapsuleReleaseValidationIssues,
    Capsules,
    CapsuleSearchParams,
    CapsuleSortBy,
    CapsuleStatus,
)
from codeocean.computation import (
    Computations,
    ComputationState,
    DataAssetsRunParam,
    NamedRunParam,
    RunParams,
)
from codeocean.data_asset import AWSS3Target, DataAssetAttachParams, Target, TransferDataParams
from codeocean.error import Error
from codeocean.models.components import (
    Ownership,
    Permissions,
    SearchFilter,
    UserPermissions,
    UserRole,
)
from codeocean.pipeline import Pipelines
from msgspec.structs import replace

from coexplorer.demo.asset import Role
from coexplorer.demo.hooks import COMPUTATION, TRANSFER
from coexplorer.demo.samples import CLOCK, generate, make_computing
from coexplorer.demo.server import DemoServer
from tests.support.http import open_http
from tests.support.pages import ROOT
from tests.support.server import (
    DERIVED,
    DRAFT,
    EDITED_CAPSULE,
    EMPTY_RUN,
    FAILED_RUN,
    FINISHED,
    HIDDEN_CAPSULE,
    MY_CAPSULE,
    MY_PIPELINE,
    OLD,
    OUTSIDE,
    RAW,
    RELEASED_CAPSULE,
    RUNNING,
    SESSION,
    THEIR_RUN,
    VIEWED,
    VIEWED_CAPSULE,
    running_server,
)

PLACES = ("capsules", "pipelines", "computations")
IDS = dict(zip(PLACES, (MY_CAPSULE, MY_PIPELINE, SESSION), strict=True))
ONLY_WAITS = {"wait_until_completed"}


@pytest.fixture
def sdk(server: DemoServer) -> Iterator[CodeOcean]:
    client = CodeOcean(domain=server.url, token=server.users[0].token)
    with client.session:
        yield client


@pytest.fixture
def http(server: DemoServer) -> Iterator[httpx.Client]:
    with open_http(server) as client:
        yield client


@pytest.mark.parametrize(
    ("kind", "of"),
    [(Capsules, "capsules"), (Pipelines, "pipelines"), (Computations, "computations")],
)
def test_every_call_of_the_sdk_is_judged_here(kind: type, of: str) -> None:
    calls = {name for name, _ in inspect.getmembers(kind, inspect.isfunction)}
    text = Path(__file__).read_text("utf-8")
    judged = set(re.findall(rf"sdk\.{of}\.(\w+)\(", text)) | set(re.findall(r"part\.(\w+)\(", text))
    assert {name for name in calls if not name.startswith("_")} - ONLY_WAITS <= judged


@pytest.mark.parametrize("place", PLACES)
def test_attach_and_detach(sdk: CodeOcean, server: DemoServer, place: str) -> None:
    part: Any = getattr(sdk, place)
    wanted = [
        DataAssetAttachParams(id=VIEWED),
        DataAssetAttachParams(id=RAW, mount="again"),
        DataAssetAttachParams(id=DERIVED, mount="sorted"),
        DataAssetAttachParams(id=OUTSIDE, mount="sorted"),
    ]
    told = part.attach_data_assets(IDS[place], wanted)
    assert [(each.id, each.mount_state, each.mount) for each in told] == [
        (VIEWED, "mounted", "reference"),
        (RAW, "unchanged", "ecephys_655019"),
        (DERIVED, "mounted", "sorted"),
        (OUTSIDE, "error", ""),
    ]
    assert [each.ready for each in told] == [True] * 4
    part.detach_data_assets(IDS[place], [RAW, VIEWED, OUTSIDE])
    assert server.requests("DELETE", "*/data_assets/")[0].status == 204
    assert list_attached(sdk, place) == {DERIVED: "sorted"}
    server.store.delete(DERIVED)
    assert list_attached(sdk, place) == {}


def list_attached(sdk: CodeOcean, place: str) -> dict[str, str]:
    if place == "computations":
        found: Any = sdk.computations.get_computation(SESSION).data_assets
    elif place == "capsules":
        found = sdk.capsules.get_capsule_app_panel(MY_CAPSULE).data_assets
    else:
        found = sdk.pipelines.get_pipeline_app_panel(MY_PIPELINE).data_assets
    return {each.id: each.mount for each in found or ()}


def test_a_workstation_may_take_a_while(server: DemoServer, http: httpx.Client) -> None:
    server.mounting_s = 0.01
    path, body = f"computations/{SESSION}/data_assets", [{"id": VIEWED}]
    (told,) = http.post(path, json=body).json()
    assert (told["mount_state"], told["ready"]) == ("mounting", False)
    assert told["job_id"]
    while told["mount_state"] == "mounting":
        (told,) = http.post(path, json=body).json()
    assert (told["mount_state"], told["ready"]) == ("unchanged", True)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("bad", ["no-such-id", DRAFT, OLD])
def test_one_bad_asset_fails_the_whole_batch(
    server: DemoServer, sdk: CodeOcean, http: httpx.Client, place: str, bad: str
) -> None:
    before = list_attached(sdk, place)
    body = [{"id": VIEWED}, {"id": bad}]
    reply = http.post(f"{place}/{IDS[place]}/data_assets", json=body)
    assert reply.status_code == 400
    assert [each["id"] for each in reply.json()] == [bad]
    assert list_attached(sdk, place) == before


@pytest.mark.parametrize("method", ["POST", "DELETE"])
@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"capsules/{EDITED_CAPSULE}", 200),
        (f"capsules/{VIEWED_CAPSULE}", 403),
        (f"capsules/{RELEASED_CAPSULE}", 403),
        (f"capsules/{HIDDEN_CAPSULE}", 404),
        ("capsules/no-such-id", 404),
        (f"capsules/{MY_PIPELINE}", 404),
        (f"pipelines/{MY_CAPSULE}", 404),
        (f"computations/{THEIR_RUN}", 403),
        (f"computations/{FINISHED}", 400),
        (f"computations/{RUNNING}", 400),
        ("computations/no-such-id", 404),
    ],
)
def test_only_what_is_theirs_can_be_changed(
    http: httpx.Client, method: str, path: str, status: int
) -> None:
    body = [{"id": VIEWED}] if method == "POST" else [VIEWED]
    reply = http.request(method, f"{path}/data_assets", json=body)
    assert reply.status_code == (204 if (status, method) == (200, "DELETE") else status)


def test_a_read_only_token_attaches_nothing(server: DemoServer) -> None:
    with open_http(server, read_only=True) as http:
        body = [{"id": VIEWED}]
        assert http.post(f"capsules/{MY_CAPSULE}/data_assets", json=body).status_code == 403
        assert http.get(f"capsules/{MY_CAPSULE}").status_code == 200


@pytest.mark.parametrize(("count", "status"), [(0, 400), (100, 200), (101, 400)])
def test_a_hundred_at_once(server: DemoServer, http: httpx.Client, count: int, status: int) -> None:
    asset = server.store.get(VIEWED)
    ids = [f"asset-{number}" for number in range(count)]
    server.store.insert(replace(asset, id=each, mount=each) for each in ids)
    path = f"capsules/{MY_CAPSULE}/data_assets"
    assert http.post(path, json=[{"id": each} for each in ids]).status_code == status
    status = 204 if status == 200 else status
    assert http.request("DELETE", path, json=ids).status_code == status


def test_detaching_what_is_not_attached_is_a_guess(server: DemoServer, http: httpx.Client) -> None:
    path = f"capsules/{MY_CAPSULE}/data_assets"
    assert http.request("DELETE", path, json=[VIEWED]).status_code == 204
    server.guesses = replace(server.guesses, not_attached="refuse")
    assert http.request("DELETE", path, json=[VIEWED]).status_code == 404


SEARCHES: list[tuple[dict[str, object], set[str]]] = [
    ({}, {MY_CAPSULE, VIEWED_CAPSULE, EDITED_CAPSULE, RELEASED_CAPSULE}),
    ({"query": RAW}, {MY_CAPSULE, VIEWED_CAPSULE}),
    ({"query": "no-such-id"}, set()),
    ({"query": "sorting"}, {MY_CAPSULE}),
    ({"query": "name:edit tag:ecephys"}, {EDITED_CAPSULE}),
    ({"query": "name:edit name:view"}, {EDITED_CAPSULE, VIEWED_CAPSULE}),
    ({"query": f"id:{MY_CAPSULE}"}, {MY_CAPSULE}),
    ({"ownership": Ownership.Created}, {MY_CAPSULE, RELEASED_CAPSULE}),
    ({"ownership": Ownership.Shared}, {VIEWED_CAPSULE, EDITED_CAPSULE}),
    ({"ownership": Ownership.Private}, {MY_CAPSULE, RELEASED_CAPSULE}),
    ({"status": CapsuleStatus.Release}, {RELEASED_CAPSULE}),
    ({"favorite": True}, {MY_CAPSULE, RELEASED_CAPSULE}),
    ({"archived": True}, set()),
    ({"filters": [SearchFilter(key="name", value="Viewed")]}, {VIEWED_CAPSULE}),
]


@pytest.mark.parametrize(("params", "expected"), SEARCHES)
def test_search_finds_what_can_be_seen(
    sdk: CodeOcean, params: dict[str, object], expected: set[str]
) -> None:
    found = sdk.capsules.search_capsules(CapsuleSearchParams(**params))
    assert {each.id for each in found.results} == expected
    assert not found.has_more


def test_pages_end_and_come_in_order(sdk: CodeOcean, http: httpx.Client) -> None:
    params = CapsuleSearchParams(limit=1, sort_field=CapsuleSortBy.Name, sort_order="asc")
    names = [each.name for each in sdk.capsules.search_capsules_iterator(params)]
    assert names == ["Edited", "Released", "Spike sorting", "Viewed"]
    found = sdk.pipelines.search_pipelines(CapsuleSearchParams(query=RAW))
    walked = sdk.pipelines.search_pipelines_iterator(CapsuleSearchParams())
    assert [each.id for each in found.results] == [each.id for each in walked] == [MY_PIPELINE]
    token = http.post("capsules/search", json={"limit": 1}).json()["next_token"]
    for wrong in ({"next_token": "x"}, {"next_token": token, "sort_field": "name"}, {"limit": 0}):
        assert http.post("capsules/search", json=wrong).status_code == 400


def test_an_asset_that_is_gone_is_attached_to_nothing(server: DemoServer, sdk: CodeOcean) -> None:
    server.store.delete(RAW)
    assert sdk.capsules.search_capsules(CapsuleSearchParams(query=RAW)).results == []
    assert server.store.workshop.find_computation(FINISHED) is not None
    told = sdk.computations.get_computation(FINISHED).data_assets
    assert [each.id for each in told or ()] == [RAW]  # what was used stays written down


def test_capsules_and_their_runs_are_read(server: DemoServer, sdk: CodeOcean) -> None:
    capsule = sdk.capsules.get_capsule(MY_CAPSULE)
    me = server.users[0]
    assert (capsule.name, capsule.owner, capsule.owner_email) == ("Spike sorting", me.id, me.email)
    assert sdk.pipelines.get_pipeline(MY_PIPELINE).name == "Sort and curate"
    assert sdk.pipelines.list_computations(MY_PIPELINE) == []
    runs = {each.id: each for each in sdk.capsules.list_computations(MY_CAPSULE)}
    assert runs.keys() == {FINISHED, FAILED_RUN, RUNNING, EMPTY_RUN, SESSION}
    ends = {each: (runs[each].state, runs[each].end_status, runs[each].exit_code) for each in runs}
    assert ends[FINISHED] == ("completed", "succeeded", 0)
    assert ends[FAILED_RUN] == ("completed", "failed", 1)
    assert ends[RUNNING] == ("running", None, None)
    assert [runs[each].has_results for each in (FINISHED, EMPTY_RUN, RUNNING)] == [
        *(True, False),
        None,
    ]
    assert runs[SESSION].cloud_workstation
    panel = sdk.capsules.get_capsule_app_panel(MY_CAPSULE)
    (attached,) = panel.data_assets or []
    assert (attached.id, attached.kind, attached.accessible) == (RAW, "internal", True)
    with pytest.raises(Error) as raised:
        sdk.capsules.get_capsule(HIDDEN_CAPSULE)
    assert raised.value.status_code == 404


def test_results_are_listed_and_downloaded(server: DemoServer, sdk: CodeOcean) -> None:
    items = sdk.computations.list_computation_results(FINISHED).items
    assert {"processing.json", "figures"} <= {each.path for each in items}
    inside = sdk.computations.list_computation_results(FINISHED, "figures").items
    urls = sdk.computations.get_result_file_urls(FINISHED, inside[0].path)
    with pytest.warns(DeprecationWarning, match="deprecated"):
        old = sdk.computations.get_result_file_download_url(FINISHED, inside[0].path)
    contents = {httpx.get(url).content for url in (urls.download_url, urls.view_url, old.url)}
    assert [len(content) for content in contents] == [inside[0].size]
    for run, status in ((EMPTY_RUN, 404), (RUNNING, 400), ("no-such-id", 404)):
        with pytest.raises(Error) as raised:
            sdk.computations.list_computation_results(run)
        assert raised.value.status_code == status


def test_a_run_ends_with_results(server: DemoServer, sdk: CodeOcean) -> None:
    wanted = RunParams(
        capsule_id=MY_CAPSULE,
        data_assets=[DataAssetsRunParam(id=VIEWED, mount="more")],
        named_parameters=[NamedRunParam(param_name="threshold", value="6")],
    )
    with server.hooks.after(COMPUTATION) as end:
        run = sdk.computations.run_capsule(wanted)
        assert run.state is ComputationState.Running
        end.wait()
    ended = sdk.computations.wait_until_completed(run)
    assert (ended.state, ended.end_status, ended.has_results) == ("completed", "succeeded", True)
    assert {each.id for each in ended.data_assets or ()} == {RAW, VIEWED}
    assert [(each.name, each.value) for each in ended.parameters or ()] == [
        ("Detection threshold", "6")
    ]
    sdk.computations.rename_computation(run.id, "mine")
    assert sdk.computations.get_computation(run.id).name == "mine"
    sdk.computations.delete_computation(run.id)
    assert run.id not in {each.id for each in sdk.capsules.list_computations(MY_CAPSULE)}
    with server.hooks.after(COMPUTATION):
        assert sdk.computations.run_pipeline(RunParams(pipeline_id=MY_PIPELINE)).id
    with pytest.raises(Error) as raised:
        sdk.computations.run_capsule(RunParams(capsule_id=HIDDEN_CAPSULE))
    assert raised.value.status_code == 404


def test_capsules_are_shared_archived_and_deleted(server: DemoServer, sdk: CodeOcean) -> None:
    colleague = server.users[1].email
    users = [UserPermissions(email=colleague, role=UserRole.Viewer)]
    sdk.capsules.update_permissions(MY_CAPSULE, Permissions(users=users, share_assets=True))
    assert server.store.get(RAW).roles == {colleague: Role.VIEWER}
    assert users[0] in (sdk.capsules.get_permissions(MY_CAPSULE).users or [])
    sdk.pipelines.update_permissions(MY_PIPELINE, Permissions(users=users))
    assert users[0] in (sdk.pipelines.get_permissions(MY_PIPELINE).users or [])
    sdk.capsules.archive_capsule(MY_CAPSULE, archive=True)
    found = sdk.capsules.search_capsules(CapsuleSearchParams(archived=True))
    assert [each.id for each in found.results] == [MY_CAPSULE]
    sdk.capsules.delete_capsule(MY_CAPSULE)
    with pytest.raises(Error) as raised:
        sdk.pipelines.delete_pipeline(MY_PIPELINE)
    assert raised.value.status_code == 403  # it is not archived
    sdk.pipelines.archive_pipeline(MY_PIPELINE, archive=True)
    sdk.pipelines.delete_pipeline(MY_PIPELINE)
    assert server.store.workshop.find_capsule(MY_PIPELINE) is None


@pytest.mark.parametrize(("bucket", "moved"), [("elsewhere", True), ("nowhere", False)])
def test_administrators_transfer_files(server: DemoServer, bucket: str, moved: bool) -> None:  # noqa: FBT001 - a case
    folder = server.make_bucket("elsewhere")
    server.store.workshop.update_capsule(MY_PIPELINE, status="release")
    admin = CodeOcean(domain=server.url, token=server.users[2].token)
    place = Target(aws=AWSS3Target(bucket=bucket, prefix="one"))
    with pytest.raises(Error) as raised:
        admin.data_assets.transfer_data_asset(RAW, TransferDataParams(target=place))
    assert "force" in raised.value.message
    before = server.store.get(RAW)
    with server.hooks.after(TRANSFER) as end:
        forced = TransferDataParams(target=place, force=True)
        admin.data_assets.transfer_data_asset(RAW, forced)
        end.wait()
    after = server.store.get(RAW)
    assert (after.last_transferred is not None) == after.external == moved
    assert (after.transfer_error == "") == moved
    assert any(folder.rglob("*.*")) == moved
    if not moved:
        assert replace(after, transfer_error="") == before


WORKPLACE_CALLS = {
    (2, 18): [
        ("GET", f"capsules/{MY_CAPSULE}"),
        ("GET", f"capsules/{MY_CAPSULE}/computations"),
        ("POST", f"capsules/{MY_CAPSULE}/data_assets"),
        ("DELETE", f"capsules/{MY_CAPSULE}/data_assets/"),
        ("GET", f"computations/{FINISHED}"),
        ("POST", f"computations/{FINISHED}/results"),
        ("GET", f"computations/{FINISHED}/results/download_url?path=processing.json"),
    ],
    (3, 1): [("POST", "capsules/search")],
    (3, 9): [("GET", f"capsules/{MY_CAPSULE}/app_panel")],
    (4, 0): [
        ("POST", "pipelines/search/"),
        ("GET", f"computations/{FINISHED}/results/urls?path=processing.json"),
    ],
    (4, 1): [
        ("GET", f"pipelines/{MY_PIPELINE}"),
        ("GET", f"pipelines/{MY_PIPELINE}/app_panel/"),
        ("POST", f"pipelines/{MY_PIPELINE}/data_assets"),
    ],
    (4, 2): [("POST", f"computations/{SESSION}/data_assets")],
}


@pytest.mark.parametrize(
    ("dialect", "version"),
    [
        ("legacy", None),
        ("3.0", None),
        ("current", (3, 1)),
        ("current", (4, 0)),
        ("current", (4, 1)),
        ("current", None),
    ],
)
def test_each_version_has_the_calls_of_its_time(
    tmp_path: Path, dialect: str, version: tuple[int, ...] | None
) -> None:
    plays = version or {"legacy": (0,), "3.0": (3, 0), "current": (4, 8)}[dialect]
    with (
        running_server(tmp_path / "data", dialect, version=version) as server,
        open_http(server) as http,
    ):
        for since, calls in WORKPLACE_CALLS.items():
            for method, path in calls:
                body = {"POST": [{"id": VIEWED}], "DELETE": [VIEWED]}.get(method)
                if "data_assets" not in path:
                    body = None
                status = http.request(method, path, json=body).status_code
                assert (status < 300) == (since <= plays), (method, path, status)
                assert status in (200, 204, 404, 405)


def test_faults_strike_these_calls_too(server: DemoServer, http: httpx.Client) -> None:
    server.faults.add(503, "POST", f"capsules/{MY_CAPSULE}/data_assets", times=1)
    path, body = f"capsules/{MY_CAPSULE}/data_assets", [{"id": VIEWED}]
    assert [http.post(path, json=body).status_code for _ in range(2)] == [503, 200]


def test_sample_institute_is_consistent() -> None:
    me, colleague = "maya.okafor@example.org", "jonas.lind@example.org"
    assets = generate(1200, seed=1, now=CLOCK, owner=me, colleague=colleague)
    capsules, runs = make_computing(assets, seed=1, now=CLOCK)
    assert (capsules, runs) == make_computing(assets, seed=1, now=CLOCK)
    known = {asset.id for asset in assets}
    by_id = {run.id: run for run in runs}
    assert len(by_id) == len(runs)
    made = [asset for asset in assets if asset.provenance and asset.provenance.computation]
    for asset in made:
        assert asset.provenance is not None
        run = by_id[asset.provenance.computation]
        assert (run.capsule, run.owner) == (asset.provenance.capsule, asset.owner)
        assert run.created <= asset.created
    ids = {capsule.id for capsule in capsules}
    assert {run.capsule for run in runs} <= ids
    for mounted in (each.attached for each in capsules):
        assert known.issuperset(each.id for each in mounted)
        assert len({each.mount for each in mounted}) == len(mounted)
    assert {capsule.kind for capsule in capsules} == {"capsules", "pipelines"}
    assert {run.state for run in runs} >= {"running", "completed"}
    assert {run.end_status for run in runs} == {"", "succeeded", "failed", "stopped"}
    assert {run.owner for run in runs} >= {me, colleague}
    sessions = [run for run in runs if run.takes_assets]
    assert {run.owner for run in sessions} == {me, colleague}
    assert {capsule.status for capsule in capsules} == {"release", "non_release"}
    page = (ROOT / "docs" / "embedded.md").read_text("utf-8")
    assert [run.id in page and run.capsule in page for run in sessions if run.owner == me] == [True]
    few, _ = make_computing(assets[:5], seed=1, now=CLOCK)
    named = {each.name: each.id for each in few}
    assert named.items() <= {each.name: each.id for each in capsules}.items()
    assert all(run.created <= CLOCK for run in runs)


def test_what_was_released_is_released_again(server: DemoServer, sdk: CodeOcean) -> None:
    workshop = server.store.workshop
    with pytest.raises(Error) as raised:
        sdk.capsules.release_capsule(RELEASED_CAPSULE)
    assert raised.value.status_code == 403
    issues = CapsuleReleaseValidationIssues.from_dict(raised.value.data)
    assert issues == CapsuleReleaseValidationIssues(missing_reproducible_run=True)
    run = workshop.find_computation(FINISHED)
    assert run is not None
    workshop.insert(computations=[replace(run, id="run-released", capsule=RELEASED_CAPSULE)])
    job = sdk.capsules.release_capsule(RELEASED_CAPSULE)
    assert sdk.capsules.get_release_job(RELEASED_CAPSULE, job.job_id).job_id == job.job_id
    done = sdk.capsules.wait_until_release_completed(RELEASED_CAPSULE, job)
    assert (done.status, done.release_capsule) == ("completed", RELEASED_CAPSULE)
    assert done.release_version is not None
    assert done.release_version.major_version == 2
    capsule = sdk.capsules.get_capsule(RELEASED_CAPSULE)
    assert [each.major_version for each in capsule.versions or ()] == [1, 2]


def test_a_pipeline_needs_released_capsules(server: DemoServer, sdk: CodeOcean) -> None:
    workshop = server.store.workshop
    with pytest.raises(Error) as raised:
        sdk.pipelines.release_pipeline(MY_PIPELINE)
    assert raised.value.status_code == 400
    run = workshop.find_computation(FINISHED)
    assert run is not None
    workshop.insert(computations=[replace(run, id="run-pipeline", capsule=MY_PIPELINE)])
    workshop.update_capsule(MY_PIPELINE, status="release")
    with pytest.raises(Error) as raised:
        sdk.pipelines.release_pipeline(MY_PIPELINE)
    issues = CapsuleReleaseValidationIssues.from_dict(raised.value.data)
    assert issues == CapsuleReleaseValidationIssues(unreleased_pipeline_capsules=True)
    workshop.update_capsule(MY_CAPSULE, status="release")
    job = sdk.pipelines.release_pipeline(MY_PIPELINE)
    done = sdk.pipelines.wait_until_release_completed(MY_PIPELINE, job)
    assert sdk.pipelines.get_release_job(MY_PIPELINE, job.job_id) == done
    with pytest.raises(Error) as raised:
        sdk.pipelines.get_release_job(MY_PIPELINE, "no-such-job")
    assert raised.value.status_code == 404


def test_sync_and_release_are_for_who_may_change_it(sdk: CodeOcean) -> None:
    assert sdk.capsules.sync_capsule(MY_CAPSULE).pulled == 0
    assert sdk.pipelines.sync_pipeline(MY_PIPELINE).pushed == 0
    assert not sdk.capsules.sync_capsule(EDITED_CAPSULE).new_branch
    for call in (sdk.capsules.sync_capsule, sdk.capsules.release_capsule):
        with pytest.raises(Error) as raised:
            call(VIEWED_CAPSULE)
        assert raised.value.status_code == 403
