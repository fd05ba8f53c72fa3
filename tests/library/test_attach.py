"""Attaching and detaching through the one write path: at once, one by one, taken back."""

import json

import pytest

from coexplorer.computations import Workplace, WorkplaceKind
from coexplorer.demo.faults import FaultKind
from coexplorer.demo.server import DemoServer
from coexplorer.errors import Forbidden, InvalidField, PlatformTooOld, Refused
from coexplorer.library import Library
from coexplorer.library.attachments import NO_MOUNT, Attaching
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import State
from coexplorer.library.plans import Plan
from coexplorer.library.results import BatchReport
from coexplorer.models import AssetId
from tests.library.conftest import many_assets
from tests.support.server import (
    COMBINED,
    DERIVED,
    DRAFT,
    EDITED_CAPSULE,
    FAILED,
    FINISHED,
    MY_CAPSULE,
    MY_PIPELINE,
    OLD,
    OUTSIDE,
    RAW,
    RUNNING,
    SESSION,
    THEIRS,
    VIEWED,
    VIEWED_CAPSULE,
)

HERE = Workplace(WorkplaceKind.COMPUTATION, SESSION)
CAPSULE = Workplace(WorkplaceKind.CAPSULE, MY_CAPSULE)
PIPELINE = Workplace(WorkplaceKind.PIPELINE, MY_PIPELINE)
POST, DELETE = ("POST", "*/*/data_assets"), ("DELETE", "*/*/data_assets")


async def plan(
    library: Library, *ids: str, where: Workplace = HERE, mount: str = "", detach: bool = False
) -> Plan:
    attaching = Attaching(where, "there", detach, mount)
    return await library.changes.plan([AssetId(x) for x in ids], Change(attaching=attaching))


async def attach(library: Library, *ids: str, where: Workplace = HERE) -> BatchReport:
    return await library.changes.apply(await plan(library, *ids, where=where))


async def detach(library: Library, *ids: str, where: Workplace = HERE) -> BatchReport:
    return await library.changes.apply(await plan(library, *ids, where=where, detach=True))


async def mounts(library: Library, where: Workplace = HERE) -> dict[str, str]:
    return {each.id: each.mount for each in await library.workplaces.attached(where)}


def states(report: BatchReport) -> dict[str, State]:
    return {result.asset_id: result.state for result in report.results}


def requests(server: DemoServer, method: str) -> int:
    return len(server.requests(method, "*/data_assets"))


@pytest.mark.parametrize("where", [HERE, CAPSULE, PIPELINE], ids=lambda each: each.kind.word)
async def test_assets_are_attached_detached_and_both_undone(
    library: Library, where: Workplace
) -> None:
    before = await mounts(library, where)
    assert before == {RAW: "ecephys_655019"}
    report = await attach(library, RAW, DERIVED, VIEWED, where=where)
    assert states(report) == {RAW: "skipped", DERIVED: "applied", VIEWED: "applied"}
    there = before | {DERIVED: "ecephys_655019_sorted", VIEWED: "reference"}
    assert await mounts(library, where) == there
    again = await attach(library, RAW, DERIVED, where=where)
    assert again.batch_id == 0
    gone = await detach(library, RAW, VIEWED, THEIRS, where=where)
    assert states(gone) == {RAW: "applied", VIEWED: "applied", THEIRS: "skipped"}
    assert set(await mounts(library, where)) == {DERIVED}
    await library.changes.undo(gone.batch_id)
    assert await mounts(library, where) == there
    await library.changes.undo(report.batch_id)
    assert await mounts(library, where) == before
    await library.changes.redo()
    assert await mounts(library, where) == there


async def test_a_plan_says_what_can_not_be_attached(library: Library, server: DemoServer) -> None:
    server.store.update(THEIRS, mount="")
    server.store.update(VIEWED, mount="ecephys_655019_sorted")
    for each in (THEIRS, VIEWED):
        await library.platform.fetch(AssetId(each))
    await library.sync.sweep()
    ids = (THEIRS, DERIVED, VIEWED, OLD, FAILED, DRAFT, COMBINED, OUTSIDE, RAW)
    shown = await plan(library, *ids)
    why = {item.asset_id: item.reason for item in shown.items}
    assert why[AssetId(THEIRS)] == NO_MOUNT
    assert "is also wanted by" in why[AssetId(VIEWED)]
    assert "archived" in why[AssetId(OLD)]
    assert "no files" in why[AssetId(FAILED)]
    assert "not ready" in why[AssetId(DRAFT)]
    assert why[AssetId(RAW)] == "already attached as ecephys_655019"
    assert [item.asset_id for item in shown.todo] == [DERIVED, COMBINED, OUTSIDE]
    server.store.update(DRAFT, state="ready")
    named = await plan(library, THEIRS, mount="elsewhere")
    await library.changes.apply(named)
    assert (await mounts(library))[THEIRS] == "elsewhere"
    with pytest.raises(Refused, match="one mount folder"):
        await plan(library, DERIVED, COMBINED, mount="both")
    with pytest.raises(InvalidField):
        await plan(library, DERIVED, mount="a/../b")


@pytest.mark.parametrize(
    ("where", "error", "told"),
    [
        (Workplace(WorkplaceKind.COMPUTATION, RUNNING), Refused, "is a run"),
        (Workplace(WorkplaceKind.COMPUTATION, FINISHED), Refused, "is a run"),
    ],
)
async def test_nothing_is_attached_where_nothing_can_be(
    library: Library, server: DemoServer, where: Workplace, error: type[Exception], told: str
) -> None:
    with pytest.raises(error, match=told):
        await plan(library, DERIVED, where=where)
    server.store.workshop.update_computation(SESSION, state="completed", end_status="stopped")
    with pytest.raises(Refused, match="is over"):
        await plan(library, DERIVED)
    assert requests(server, "POST") == 0


async def test_a_capsule_of_somebody_else_refuses_them_all_without_trying_each(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 120)
    where = Workplace(WorkplaceKind.CAPSULE, VIEWED_CAPSULE)
    report = await attach(library, *ids, where=where)
    assert set(states(report).values()) == {"refused"}
    assert isinstance(report.results[0].error, Forbidden)
    assert "capsule" in report.results[0].error.message
    assert requests(server, "POST") <= 8
    edited = await attach(library, DERIVED, where=Workplace(WorkplaceKind.CAPSULE, EDITED_CAPSULE))
    assert states(edited) == {DERIVED: "applied"}


async def test_201_are_three_requests_and_one_that_is_refused_takes_no_other_with_it(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 201)
    archived = ids[150]
    shown = await plan(library, *ids)
    server.store.update(archived, archived=True)  # after it was planned
    report = await library.changes.apply(shown)
    found = states(report)
    assert found.pop(AssetId(archived)) == "refused"
    assert set(found.values()) == {"applied"}
    assert len(await mounts(library)) == 1 + 200
    assert requests(server, "POST") == 3 + 100
    await library.changes.undo(report.batch_id)
    assert await mounts(library) == {RAW: "ecephys_655019"}
    assert requests(server, "DELETE") == 2


async def test_an_error_is_a_failure_whatever_ready_says(
    library: Library, server: DemoServer
) -> None:
    shown = await plan(library, DERIVED, VIEWED)
    # Somebody takes the folder in between.
    server.store.update(THEIRS, mount="reference")
    async_other = await plan(library, THEIRS)
    await library.changes.apply(async_other)
    report = await library.changes.apply(shown)
    assert states(report) == {DERIVED: "applied", VIEWED: "refused"}
    assert VIEWED not in await mounts(library)


def answer(server: DemoServer, *rows: dict[str, object]) -> None:
    """Let the next attach be answered with these rows, and do nothing."""
    server.faults.add(FaultKind.STATUS, *POST, status=200, body=json.dumps(list(rows)), times=1)


@pytest.mark.parametrize(
    ("row", "state", "mounting"),
    [
        ({"mount_state": "unchanged", "ready": True}, "applied", False),
        ({"mount_state": "error", "ready": True, "mount": ""}, "refused", False),
        ({"mount_state": "mounted"}, "applied", False),
        ({"mount_state": "warming", "ready": False}, "applied", True),
        ({"mount_state": "warming", "ready": True}, "applied", False),
        ({}, "refused", False),
    ],
    ids=str,
)
async def test_what_the_platform_answers_is_told_as_it_is(
    library: Library, server: DemoServer, row: dict[str, object], state: str, *, mounting: bool
) -> None:
    answer(server, {"id": DERIVED, **row})
    report = await attach(library, DERIVED)
    (result,) = report.results
    assert (result.state, result.is_mounting) == (state, mounting)
    (noted,) = (await library.changes.report(report.batch_id)).results
    assert (noted.state, noted.is_mounting) == (state, mounting)
    (entry,) = await library.log.entries_of(report.batch_id)
    if mounting:
        assert "warming" in entry.reason


@pytest.mark.parametrize("kind", [FaultKind.LOST, FaultKind.RESET, 500])
@pytest.mark.parametrize("times", [1, 99])
async def test_a_lost_reply_is_settled_by_a_look(
    library: Library, server: DemoServer, kind: FaultKind | int, times: int
) -> None:
    server.faults.add(kind, *POST, times=times)
    report = await attach(library, DERIVED, VIEWED)
    arrived = kind != 500 or times == 1
    assert set(states(report).values()) == {"applied" if arrived else "unsent"}
    assert (DERIVED in await mounts(library)) is arrived
    server.faults.clear()
    if not arrived:
        report = await library.changes.resume(report.batch_id)
        assert set(states(report).values()) == {"applied"}
    server.faults.add(kind, *DELETE, times=times)
    gone = await library.changes.undo(report.batch_id)
    assert set(states(gone).values()) == {"applied" if arrived or times == 1 else "unsent"}


async def test_an_undo_leaves_alone_what_was_attached_elsewhere_since(
    library: Library, server: DemoServer
) -> None:
    report = await attach(library, DERIVED, VIEWED)
    await detach(library, VIEWED)
    await library.changes.apply(await plan(library, VIEWED, mount="mine"))
    shown = await library.changes.plan_undo(report.batch_id)
    assert [bool(item.reason) for item in shown.items].count(True) == 1
    undone = await library.changes.undo(report.batch_id)
    assert sorted(states(undone).values()) == ["applied", "skipped"]
    assert await mounts(library) == {RAW: "ecephys_655019", VIEWED: "mine"}


async def test_the_files_are_waited_for(library: Library, server: DemoServer) -> None:
    server.mounting_s = 0.5
    report = await attach(library, DERIVED, VIEWED)
    assert [result.is_mounting for result in report.results] == [True, True]
    heard: list[tuple[int, int]] = []
    done = await library.changes.wait_mounted(
        report.batch_id, progress=lambda *each: heard.append(each)
    )
    assert states(done) == {DERIVED: "applied", VIEWED: "applied"}
    assert [result.is_mounting for result in done.results] == [False, False]
    assert heard[0] == (0, 2)
    assert heard[-1] == (2, 2)


async def test_what_fails_to_mount_later_is_written_down(
    library: Library, server: DemoServer
) -> None:
    server.mounting_s = 2
    report = await attach(library, DERIVED)
    answer(server, {"id": DERIVED, "mount_state": "error", "ready": True})
    done = await library.changes.wait_mounted(report.batch_id)
    assert states(done) == {DERIVED: "refused"}


async def test_an_old_platform_says_from_which_version_on_it_attaches(
    library: Library, server: DemoServer
) -> None:
    server.faults.add(FaultKind.STATUS, *POST, status=404, message="Not Found")
    report = await attach(library, DERIVED, VIEWED)
    assert set(states(report).values()) == {"refused"}
    assert isinstance(report.results[0].error, PlatformTooOld)
    assert "version 4.2" in report.results[0].error.message


async def test_an_undo_does_not_stop_at_a_workstation_that_is_over(
    library: Library, server: DemoServer
) -> None:
    first = await attach(library, DERIVED, where=CAPSULE)
    second = await attach(library, VIEWED)
    server.store.workshop.update_computation(SESSION, state="completed", end_status="stopped")
    shown = await library.changes.plan_undo(second.batch_id)
    assert "is over" in shown.items[0].reason
    undone = await library.changes.undo()
    assert states(undone) == {VIEWED: "skipped"}
    shown = await library.changes.plan_undo()
    assert shown.about == first.batch_id
    assert states(await library.changes.undo()) == {DERIVED: "applied"}


async def test_where_nobody_can_look_a_lost_reply_stays_unknown_and_is_sent_again(
    library: Library, server: DemoServer
) -> None:
    panel = server.faults.add(404, "GET", "capsules/*/app_panel", message="Not Found")
    server.faults.add(FaultKind.LOST, *POST)
    report = await attach(library, DERIVED, where=CAPSULE)
    assert states(report) == {DERIVED: "unknown"}
    server.faults.clear()
    server.faults.add(404, "GET", "capsules/*/app_panel", message="Not Found")
    done = await library.changes.resume(report.batch_id)
    assert states(done) == {DERIVED: "unchanged"}
    assert panel.struck
