"""Capsules, pipelines and computations: what is asked, and how any answer is read."""

from __future__ import annotations

import json
import logging
from contextlib import suppress
from pathlib import Path

import anyio.to_thread
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from coexplorer.api import Client
from coexplorer.api import workplace_calls as calls
from coexplorer.api import workplace_replies as replies
from coexplorer.api.calls import Call, Repeat, build_create, build_transfer
from coexplorer.api.creation import may_be_of
from coexplorer.api.masking import mask_secrets
from coexplorer.api.paging import PageStart
from coexplorer.assets import parse_asset, read_transfer
from coexplorer.computations import (
    AttachedAsset,
    Attachment,
    AttachOutcome,
    CapsuleSearch,
    NewRun,
    RunParameter,
    Workplace,
    WorkplaceKind,
)
from coexplorer.demo.faults import FaultKind
from coexplorer.demo.hooks import TRANSFER
from coexplorer.demo.server import DemoServer
from coexplorer.errors import ApiError, Forbidden, NotFound, PlatformTooOld, Rejected
from coexplorer.models import (
    AssetId,
    AssetSource,
    AwsSource,
    CombinedSource,
    ComputationSource,
    GcpSource,
    NewAsset,
    ResultsInfo,
    S3Target,
    Secret,
    WorkstationSource,
)
from tests.api.conftest import connect
from tests.support.hostile import NO_IDS
from tests.support.server import (
    FAILED_RUN,
    FINISHED,
    HIDDEN_CAPSULE,
    MY_CAPSULE,
    MY_PIPELINE,
    RAW,
    RUNNING,
    SESSION,
    VIEWED,
    VIEWED_CAPSULE,
    running_server,
)

A1, A2 = AssetId("a1"), AssetId("a2")
CAPSULE, PIPELINE = (
    Workplace(kind, "c1") for kind in (WorkplaceKind.CAPSULE, WorkplaceKind.PIPELINE)
)
WORKSTATION = Workplace(WorkplaceKind.COMPUTATION, "s1")
EACH = pytest.mark.parametrize("workplace", [CAPSULE, PIPELINE, WORKSTATION])


def body_of(call: Call) -> object:
    return json.loads(call.body or b"null")


@EACH
def test_assets_are_attached_and_detached_by_lists(workplace: Workplace) -> None:
    call = calls.build_attach(workplace, [Attachment(A1), Attachment(A2, "raw")])
    path = f"{workplace.kind}/{workplace.id}/data_assets"
    assert (call.method, call.path, call.writes, call.repeat) == ("POST", path, True, Repeat.ALWAYS)
    assert body_of(call) == [{"id": "a1"}, {"id": "a2", "mount": "raw"}]
    call = calls.build_detach(workplace, [A1, A2])
    assert (call.method, call.path, call.repeat) == ("DELETE", path, Repeat.UNTIL_GONE)
    assert body_of(call) == ["a1", "a2"]


@pytest.mark.parametrize("count", [0, 101])
def test_no_request_names_more_assets_than_a_platform_takes(count: int) -> None:
    ids = [AssetId(f"a{n}") for n in range(count)]
    with pytest.raises(ValueError, match=f"not {count}"):
        calls.build_attach(CAPSULE, [Attachment(each) for each in ids])
    with pytest.raises(ValueError, match=f"not {count}"):
        calls.build_detach(CAPSULE, ids)


@pytest.mark.parametrize("text", NO_IDS)
def test_what_is_no_id_never_becomes_an_address(text: str) -> None:
    for kind in WorkplaceKind:
        workplace = Workplace(kind, text)
        for build in (calls.build_workplace, calls.build_app_panel, calls.build_list_computations):
            with pytest.raises(NotFound, match=f"there is no {kind.word}"):
                build(workplace)
        with pytest.raises(NotFound):
            calls.build_attach(workplace, [Attachment(A1)])
    with pytest.raises(NotFound):
        calls.build_result_urls(text, "f")
    with pytest.raises(NotFound):
        calls.build_run(NewRun(workplace=Workplace(WorkplaceKind.CAPSULE, text)))


def test_a_search_says_what_is_asked_and_no_more() -> None:
    call = calls.build_search_capsules(WorkplaceKind.PIPELINE, CapsuleSearch("x"), PageStart(5, 10))
    assert (call.method, call.path, call.since) == ("POST", "pipelines/search", "4.0")
    assert body_of(call) == {"limit": 10, "offset": 5, "query": "x"}
    asked = CapsuleSearch("", "private", "release", True, False, "name", True)
    call = calls.build_search_capsules(WorkplaceKind.CAPSULE, asked, PageStart(0, 10, "t"))
    assert body_of(call) == {
        "limit": 10,
        "next_token": "t",
        "ownership": "private",
        "status": "release",
        "favorite": True,
        "archived": False,
        "sort_field": "name",
        "sort_order": "desc",
    }
    with pytest.raises(ValueError, match="can't be searched"):
        calls.build_search_capsules(WorkplaceKind.COMPUTATION, asked, PageStart())
    with pytest.raises(ValueError, match="no such page"):
        calls.build_search_capsules(WorkplaceKind.CAPSULE, asked, PageStart(0, 1001))


def test_a_run_is_sent_once_and_names_what_was_given() -> None:
    new = NewRun(
        workplace=PIPELINE,
        data_assets=(Attachment(A1, "raw"),),
        named_parameters=(RunParameter(param_name="t", value="5"),),
    )
    call = calls.build_run(new)
    assert (call.method, call.path, call.repeat) == ("POST", "computations", Repeat.UNSENT)
    assert body_of(call) == {
        "pipeline_id": "c1",
        "data_assets": [{"id": "a1", "mount": "raw"}],
        "named_parameters": [{"param_name": "t", "value": "5"}],
    }
    assert body_of(calls.build_run(NewRun(workplace=CAPSULE, version=2))) == {
        "capsule_id": "c1",
        "version": 2,
    }


SOURCES: list[tuple[AssetSource, dict[str, object]]] = [
    (ComputationSource("r1"), {"source": {"computation": {"id": "r1"}}}),
    (
        ComputationSource("r1", "figures"),
        {"source": {"computation": {"id": "r1", "path": "figures"}}},
    ),
    (
        WorkstationSource("s1", "out", "code/run"),
        {"source": {"cloud_workstation": {"id": "s1", "path": "out", "run_script": "code/run"}}},
    ),
    (CombinedSource((A1, A2)), {"data_asset_ids": ["a1", "a2"]}),
    (
        GcpSource("b", "p", Secret("me@project"), Secret("-----KEY\nline two\n")),
        {
            "source": {
                "gcp": {
                    "bucket": "b",
                    "prefix": "p",
                    "client_id": "me@project",
                    "client_secret": "-----KEY\nline two\n",
                }
            }
        },
    ),
    (
        AwsSource("b", endpoint_name="minio", use_input_bucket=True),
        {
            "source": {
                "aws": {
                    "bucket": "b",
                    "prefix": "",
                    "keep_on_external_storage": False,
                    "index_data": True,
                    "endpoint_name": "minio",
                    "use_input_bucket": True,
                }
            }
        },
    ),
]


@pytest.mark.parametrize(("source", "sent"), SOURCES)
def test_a_create_says_where_the_files_are(source: AssetSource, sent: dict[str, object]) -> None:
    new = NewAsset(name="n", description="d", tags=("t",), mount="m", source=source)
    call = build_create(new)
    fields = {"name": "n", "description": "d", "tags": ["t"], "mount": "m"}
    assert body_of(call) == {**fields, **sent}
    assert call.repeat is Repeat.UNSENT
    assert "KEY" not in repr(call)
    assert "KEY" not in repr(source)


def test_a_create_says_where_results_go_and_where_they_came_from() -> None:
    info = ResultsInfo(capsule_id="c1", commit="4f", data_assets=(A1,), parameters={"t": "5"})
    new = NewAsset(
        name="n",
        mount="m",
        metadata={"age": 3},
        source=ComputationSource("r1"),
        target=S3Target("b", "p", "minio"),
        results_info=info,
    )
    sent = json.loads(build_create(new).body or b"")
    assert sent["target"] == {"aws": {"bucket": "b", "prefix": "p", "endpoint_name": "minio"}}
    assert sent["results_info"] == {
        "capsule_id": "c1",
        "commit": "4f",
        "data_assets": ["a1"],
        "parameters": [{"name": "t", "value": "5"}],
    }
    assert sent["custom_metadata"] == {"age": 3}


def test_a_transfer_is_sent_once() -> None:
    call = build_transfer(A1, S3Target("b", "p"), force=True)
    assert (call.method, call.path, call.repeat) == (
        "POST",
        "data_assets/a1/transfer",
        Repeat.UNSENT,
    )
    assert body_of(call) == {"target": {"aws": {"bucket": "b", "prefix": "p"}}, "force": True}
    state = read_transfer(parse_asset({"id": "a1", "last_transferred": 5, "transfer_error": "no"}))
    assert (state.last_transferred, state.error) == (5.0, "no")
    assert (
        read_transfer(parse_asset({"id": "a1", "last_transferred": "x"})).last_transferred is None
    )


@pytest.mark.parametrize(
    ("said", "done", "failed"),
    [
        ({"mount_state": "mounted", "ready": True}, True, False),
        ({"mount_state": "unchanged"}, True, False),
        ({"mount_state": "ERROR", "ready": True, "mount": ""}, False, True),
        ({"mount_state": "mounting", "ready": False, "job_id": "j"}, False, False),
        ({"mount_state": "something new", "ready": "true"}, True, False),
        ({"mount_state": None, "ready": None, "external": 7}, False, False),
        ({}, False, False),
    ],
)
def test_an_outcome_is_told_by_its_state(
    said: dict[str, object],
    done: bool,  # noqa: FBT001 - a case
    failed: bool,  # noqa: FBT001 - a case
) -> None:
    body = json.dumps([{"id": "a1", **said}]).encode()
    (outcome,) = replies.read_outcomes_of([A1])(body)
    assert (outcome.done, outcome.failed) == (done, failed)
    assert outcome.pending == (not done and not failed)


def test_each_asset_has_its_outcome_whatever_the_order_and_the_gaps() -> None:
    read = replies.read_outcomes_of([A1, A2])
    body = b'[{"id":"other"},7,{"mount":"x"},{"id":"a2","mount_state":"unchanged"}]'
    assert read(body) == (AttachOutcome(A1), AttachOutcome(A2, mount_state="unchanged"))
    for nothing in (b"", b"[]", b"null"):
        assert read(nothing) == (AttachOutcome(A1), AttachOutcome(A2))
    with pytest.raises(ValueError, match="other assets"):
        read(b'[{"id":"other"}]')
    for strange in (b"{}", b"7", b"<html>"):
        with pytest.raises(ValueError, match=r"not a list|JSON|char 0"):
            read(strange)


def test_a_computation_is_read_however_little_it_says() -> None:
    whole = {
        "id": "r1",
        "created": 1_700_000_000,
        "name": "Run 42",
        "owner": "u1",
        "owner_email": "maya@example.org",
        "run_time": 77,
        "state": "completed",
        "end_status": "succeeded",
        "exit_code": 0,
        "has_results": True,
        "cloud_workstation": "true",
        "data_assets": [{"id": "a1", "mount": "raw"}, "a2", {"id": "a1", "mount": "again"}, 7],
        "parameters": [{"name": "Threshold", "param_name": "t", "value": "5"}, None],
        "nextflow_profile": "gpu",
        "processes": [{"name": "sort", "capsule_id": "c9", "version": 2, "public": False}],
        "later": {"unknown": 1},
    }
    run = replies.read_computation_of("r1")(json.dumps(whole).encode())
    assert (run.created, run.run_time_s, run.exit_code) == (1_700_000_000, 77, 0)
    assert run.is_over
    assert run.succeeded
    assert run.cloud_workstation
    assert run.data_assets == (AttachedAsset(A1, "again"), AttachedAsset(A2))
    assert run.parameters == (RunParameter("Threshold", "t", "5"),)
    assert [(step.capsule_id, step.version) for step in run.processes] == [("c9", 2)]
    least = replies.read_computation_of("r1")(b'{"id":"r1"}')
    assert (least.state, least.has_results, least.is_over) == ("", None, False)
    with pytest.raises(ValueError, match="another"):
        replies.read_computation_of("r1")(b'{"id":"r2"}')


def test_lists_keep_what_can_be_read_and_have_an_end() -> None:
    read = replies.read_computations_of(CAPSULE)
    runs = read(b'[{"id":"r1"},{"id":"../x"},null,{"name":"none"},{"id":"r2","created":NaN}]')
    assert [(run.id, run.workplace) for run in runs] == [("r1", CAPSULE), ("r2", CAPSULE)]
    assert read(b"null") == read(b"[]") == ()
    for endless in (
        b"[" + b",".join([b"1"] * (replies.MOST_LISTED + 1)) + b"]",
        b"[" + b"1," * 1_000_001 + b"1]",
    ):
        with pytest.raises(ValueError, match="longer than anybody can use"):
            read(endless)
    panel = b'{"data_assets":[{"id":"a1","mount":"m","name":"n","kind":"External"},{"id":7}]}'
    assert replies.read_attached(panel) == (AttachedAsset(A1, "m", "n", "external"),)
    assert replies.read_attached(b"{}") == ()


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "data_assets", "state", "results", "processes", "exit_code"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(anything)
def test_no_answer_breaks_a_reader(value: object) -> None:
    body = json.dumps(value).encode()
    for read in (
        replies.read_computations_of(CAPSULE),
        replies.read_outcomes_of([A1]),
        replies.read_attached,
        replies.read_computation_of("r1"),
        replies.read_started(CAPSULE),
        replies.read_capsule_of(CAPSULE),
    ):
        with suppress(ValueError):
            read(body)
    assert len(replies.read_capsule_rows(WorkplaceKind.CAPSULE)([body])) <= 1


@pytest.mark.parametrize(
    ("source", "odd"),
    [
        (ComputationSource("r1"), {"provenance": {"computation": "r2"}}),
        (WorkstationSource("r1", "p"), {"provenance": {"computation": "r2"}}),
        (CombinedSource((A1, A2)), {"contained_data_assets": [{"id": "a1"}, {"id": "a9"}]}),
        (AwsSource("b1"), {"source_bucket": {"bucket": "b2"}}),
        (GcpSource("b1"), {"source_bucket": {"bucket": "b2"}}),
    ],
)
def test_an_asset_of_another_source_is_not_the_one_that_was_asked_for(
    source: AssetSource, odd: dict[str, object]
) -> None:
    new = NewAsset(name="n", source=source)
    assert may_be_of(new.source, parse_asset({"id": "a5"}))
    assert not may_be_of(new.source, parse_asset({"id": "a5", **odd}))


def test_a_key_of_several_lines_is_masked_however_it_is_repeated() -> None:
    key = '-----BEGIN "KEY"-----\nMIIEvQIBADANBg\n-----END KEY-----\n'
    for told in (
        json.dumps({"message": key}),
        json.dumps({"message": f"no: {key.splitlines()[1]}"}),
        key,
    ):
        assert b"MIIEvQIBADANBg" not in mask_secrets(told.encode(), [key])


async def test_the_platform_is_asked_and_answers(client: Client, server: DemoServer) -> None:
    here = client.workplaces
    mine = Workplace(WorkplaceKind.CAPSULE, MY_CAPSULE)
    session = Workplace(WorkplaceKind.COMPUTATION, SESSION)
    for workplace in (mine, Workplace(WorkplaceKind.PIPELINE, MY_PIPELINE), session):
        asked = [Attachment(AssetId(RAW)), Attachment(AssetId(VIEWED), "more")]
        told = await here.attach(workplace, asked)
        assert [(each.id, each.done, each.unchanged) for each in told] == [
            (RAW, True, True),
            (VIEWED, True, False),
        ]
        assert {each.id: each.mount for each in await here.attached(workplace)} == {
            RAW: "ecephys_655019",
            VIEWED: "more",
        }
        await here.detach(workplace, [AssetId(VIEWED)])
        assert [each.id for each in await here.attached(workplace)] == [RAW]
    users = await here.search(WorkplaceKind.CAPSULE, CapsuleSearch(RAW))
    assert {each.id for each in users.results} == {MY_CAPSULE, VIEWED_CAPSULE}
    walk = here.iter_pages(WorkplaceKind.CAPSULE, CapsuleSearch(), limit=1)
    assert len([each async for page in walk for each in page]) == 4
    assert walk.complete
    assert (await here.capsule(mine)).owner_email == server.users[0].email
    runs = {each.id: each for each in await here.computations(mine)}
    assert runs[FINISHED].succeeded
    assert not runs[FAILED_RUN].succeeded
    assert not runs[RUNNING].is_over
    assert (await here.computation(SESSION)).cloud_workstation
    folder = await here.list_results(FINISHED, "figures")
    urls = await here.result_urls(FINISHED, folder.entries[0].path)
    assert urls.download_url != urls.view_url
    started = await here.run(NewRun(workplace=mine))
    assert (started.workplace, started.is_over) == (mine, False)


async def test_a_batch_that_is_refused_says_why(client: Client) -> None:
    mine = Workplace(WorkplaceKind.CAPSULE, MY_CAPSULE)
    with pytest.raises(Rejected, match="data asset no-such-id not found"):
        await client.workplaces.attach(mine, [Attachment(AssetId("no-such-id")), Attachment(A1)])
    for capsule, error, words in (
        (VIEWED_CAPSULE, Forbidden, "you can read but not change this capsule"),
        (HIDDEN_CAPSULE, NotFound, "no such capsule, or not shared with you"),
    ):
        with pytest.raises(error, match=words):
            await client.workplaces.attach(
                Workplace(WorkplaceKind.CAPSULE, capsule), [Attachment(AssetId(RAW))]
            )


@pytest.mark.parametrize(("fault", "sent"), [("lost", 2), (503, 2), (429, 2)])
async def test_attaching_is_repeated_and_running_is_not(
    server: DemoServer, client: Client, fault: FaultKind | int, sent: int
) -> None:
    mine = Workplace(WorkplaceKind.CAPSULE, MY_CAPSULE)
    server.faults.add(fault, "POST", f"capsules/{MY_CAPSULE}/data_assets", times=1)
    server.faults.add(fault, "DELETE", f"capsules/{MY_CAPSULE}/data_assets", times=1)
    (told,) = await client.workplaces.attach(mine, [Attachment(AssetId(VIEWED))])
    assert told.done
    server.guesses = replace(server.guesses, not_attached="refuse")
    await client.workplaces.detach(mine, [AssetId(VIEWED)])
    assert len(server.requests("POST", "*/data_assets")) == sent
    assert len(server.requests("DELETE", "*/data_assets")) == sent
    if fault != 429:  # which says that nothing was done
        server.faults.add(fault, "POST", "computations", times=1)
        with pytest.raises(ApiError) as raised:
            await client.workplaces.run(NewRun(workplace=mine))
        assert raised.value.outcome_unknown
        assert len(server.requests("POST", "/api/v1/computations")) == 1


@pytest.mark.parametrize(
    ("version", "kind", "since"),
    [
        ((3, 0), WorkplaceKind.PIPELINE, "4.1"),
        ((4, 0), WorkplaceKind.PIPELINE, "4.1"),
        ((4, 1), WorkplaceKind.COMPUTATION, "4.2"),
    ],
)
async def test_a_platform_that_is_too_old_is_told_from_what_is_not_there(
    tmp_path: Path, version: tuple[int, int], kind: WorkplaceKind, since: str
) -> None:
    dialect = "3.0" if version < (3, 1) else "current"
    ids = {WorkplaceKind.PIPELINE: MY_PIPELINE, WorkplaceKind.COMPUTATION: SESSION}
    with running_server(tmp_path / "data", dialect, version=version) as server:
        async with connect(server) as client:
            here = client.workplaces
            with pytest.raises(ApiError) as raised:
                await here.attach(Workplace(kind, ids[kind]), [Attachment(AssetId(RAW))])
            error = raised.value
            assert since in f"{error} {error.hint}"
            assert isinstance(error, PlatformTooOld) == (kind is WorkplaceKind.COMPUTATION)
            if version < (3, 1):
                with pytest.raises(PlatformTooOld, match=r"version 3\.1"):
                    await here.search(WorkplaceKind.CAPSULE, CapsuleSearch())
            elif version < (4, 1):
                assert (await here.search(kind, CapsuleSearch())).results


@pytest.mark.parametrize(
    ("said", "error"),
    [
        ("", PlatformTooOld),
        ("Not Found", PlatformTooOld),
        ("404 page not found", PlatformTooOld),
        ("Cannot DELETE /api/v1/capsules/c0ffee/data_assets", PlatformTooOld),
        ("data asset a1 is not attached", Rejected),
    ],
)
async def test_a_call_that_is_missing_is_told_from_an_asset_that_is(
    server: DemoServer, client: Client, said: str, error: type[ApiError]
) -> None:
    body = json.dumps({"message": said})
    server.faults.add(404, "DELETE", f"capsules/{MY_CAPSULE}/data_assets", body=body)
    with pytest.raises(
        ApiError, match=said if error is Rejected else r"takes version 2\.18"
    ) as raised:
        await client.workplaces.detach(Workplace(WorkplaceKind.CAPSULE, MY_CAPSULE), [A1])
    assert type(raised.value) is error


@pytest.mark.parametrize(
    ("source", "computation"),
    [(ComputationSource(FINISHED, "figures"), FINISHED), (ComputationSource("run-two"), "run-two")],
)
async def test_a_lost_capture_is_found_by_its_run(
    server: DemoServer, client: Client, source: ComputationSource, computation: str
) -> None:
    workshop = server.store.workshop
    run = workshop.find_computation(FINISHED)
    assert run is not None
    workshop.insert(computations=[replace(run, id="run-two")])
    both = [ComputationSource(FINISHED), ComputationSource("run-two")]
    other = next(each for each in both if each.id != computation)
    new = NewAsset(name="figures", mount="figures", tags=("new",), source=source)
    await client.create(replace(new, source=other))
    server.faults.add("lost", "POST", "data_assets", times=1)
    made = await client.create(new)
    assert made.provenance is not None
    assert made.provenance.computation == computation
    assert len(server.requests("POST", "/api/v1/data_assets")) == 2


async def test_googles_key_is_in_no_log_and_no_error(
    server: DemoServer, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBg\n-----END KEY-----\n"
    caplog.set_level(logging.DEBUG)
    said = json.dumps({"message": f"bad client_secret {key}"})
    server.faults.add(400, "POST", "data_assets", body=said)
    source = GcpSource("b", client_id=Secret("client-4711"), client_secret=Secret(key))
    with pytest.raises(Rejected) as raised:
        await client.create(NewAsset(name="n", mount="m", source=source))
    told = f"{raised.value!r} {raised.value} {raised.value.hint} {caplog.text}"
    assert "bad client_secret" in told
    for part in ("MIIEvQIBADANBg", "client-4711"):
        assert part not in told


async def test_a_transfer_is_for_administrators(server: DemoServer, client: Client) -> None:
    server.make_bucket("elsewhere")
    target = S3Target("elsewhere", "one")
    with pytest.raises(Forbidden, match="administrator"):
        await client.transfer(AssetId(RAW), target)
    server.admins = frozenset({server.users[0].email})
    with server.hooks.after(TRANSFER) as end:
        await client.transfer(AssetId(RAW), target, force=True)
        await anyio.to_thread.run_sync(end.wait)
    assert read_transfer(await client.get(AssetId(RAW))).last_transferred
