"""An undo that was cut off and gone on with is one change; what can't be undone stops no rest."""

import pytest

from coexplorer.cli.outcomes import report_code, summarize
from coexplorer.demo.server import DemoServer
from coexplorer.errors import UndoRefused
from coexplorer.library import Library
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import Purpose, State
from coexplorer.library.results import BatchProgress
from coexplorer.models import AssetId
from tests.library.conftest import many_assets

COUNT = 12


async def add_tag(library: Library, ids: list[AssetId], tag: str = "new") -> int:
    plan = await library.changes.plan(ids, Change(add_tags=(tag,)))
    return (await library.changes.apply(plan)).batch_id


def tagged(server: DemoServer, ids: list[AssetId]) -> int:
    return sum("new" in server.store.get(each).tags for each in ids)


async def cut_off(library: Library, server: DemoServer, how: str) -> int:
    """Begin to undo the last change, so that a part of it is left; return the undo's number."""
    if how == "out of reach":
        reached = 0

        def pull(progress: BatchProgress) -> None:
            nonlocal reached
            reached = progress.done
            if reached == 3:
                server.stop()

        report = await library.changes.undo(progress=pull)
        server.start()
    elif how == "refused":
        for number in range(5):
            server.faults.add(403, "PUT", f"data_assets/{number:08x}*")
        report = await library.changes.undo()
        server.faults.clear()
    else:
        done = 0

        def tell(progress: BatchProgress) -> None:
            nonlocal done
            done = progress.done

        report = await library.changes.undo(progress=tell, stopping=lambda: done >= 3)
    assert report.failed
    return report.batch_id


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("how", ["stopped", "out of reach", "refused"])
@pytest.mark.parametrize("by", ["number", "plain"])
async def test_an_undo_that_is_gone_on_with_is_one_change(
    library: Library, server: DemoServer, how: str, by: str
) -> None:
    ids = [AssetId(each) for each in many_assets(server, COUNT)]
    await library.sync.sweep()
    number = await add_tag(library, ids)
    undo = await cut_off(library, server, how)
    left = tagged(server, ids)
    assert 0 < left < COUNT
    chosen = number if by == "number" else None
    plan = await library.changes.plan_undo(chosen)
    report = await library.changes.undo(chosen)
    assert report.batch_id == undo
    assert {each.asset_id for each in report.results} == {each.asset_id for each in plan.items}
    assert len(report.applied) == left
    assert tagged(server, ids) == 0
    assert [each.id for each in await library.log.batches()] == [undo, number]
    assert await library.log.kept() == []
    assert (await library.log.batch(undo)).outcome == f"{COUNT} applied"
    redone = await library.changes.redo()
    assert tagged(server, ids) == COUNT
    assert len(redone.applied) == COUNT
    with pytest.raises(UndoRefused):
        await library.changes.redo()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_an_undo_left_alone_is_tried_again_in_the_same_change(
    library: Library, server: DemoServer
) -> None:
    ids = [AssetId(each) for each in many_assets(server, COUNT)]
    await library.sync.sweep()
    change = Change(values={"description": "mine"}, add_tags=("new",))
    number = (await library.changes.apply(await library.changes.plan(ids, change))).batch_id
    server.store.update(ids[0], description="theirs")  # a part of it
    server.store.update(ids[1], description="theirs", tags=("bulk",))  # all of it
    server.faults.add(403, "PUT", f"data_assets/{ids[5]}")
    undo = (await library.changes.undo()).batch_id
    server.faults.clear()
    for each in ids[:2]:
        server.store.update(each, description="mine")
    report = await library.changes.undo()
    assert report.batch_id == undo
    assert all(server.store.get(each).description != "mine" for each in ids)
    assert tagged(server, ids) == 0
    await library.changes.redo()
    assert all(server.store.get(each).description == "mine" for each in ids)
    assert (await library.log.batch(number)).reverses is None


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_an_undo_goes_on_as_a_new_change_where_something_newer_was_said(
    library: Library, server: DemoServer
) -> None:
    ids = [AssetId(each) for each in many_assets(server, COUNT)]
    await library.sync.sweep()
    number = await add_tag(library, ids)
    undo = await cut_off(library, server, "stopped")
    await add_tag(library, ids[:1], "other")
    report = await library.changes.undo(number)
    assert report.batch_id > undo
    assert tagged(server, ids) == 0
    await library.changes.redo()
    await library.changes.redo()
    assert tagged(server, ids) == COUNT


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("how", ["stopped", "failed"])
async def test_what_was_archived_and_not_deleted_can_be_taken_back(
    library: Library, server: DemoServer, how: str
) -> None:
    ids = [AssetId(each) for each in many_assets(server, COUNT)]
    await library.sync.sweep()
    plan = await library.changes.plan(ids, Change(delete=True, archive_first=True))
    done = 0

    def tell(progress: BatchProgress) -> None:
        nonlocal done
        done = progress.done

    for number in range(3):
        server.faults.add(503, "DELETE", f"data_assets/{number:08x}*")
    stopping = (lambda: done >= COUNT - 2) if how == "stopped" else (lambda: False)
    half = await library.changes.apply(plan, progress=tell, stopping=stopping)
    server.faults.clear()
    gone = [each for each in ids if server.store.find(each) is None]
    assert gone
    assert half.failed
    foretold = await library.changes.plan_undo()
    report = await library.changes.undo()
    left = {result.asset_id: result for result in report.missed}
    assert set(left) == set(gone)
    assert {item.asset_id for item in foretold.missed} == set(gone)
    assert all("can't be undone" in str(result.error) for result in left.values())
    assert all(not server.store.get(each).archived for each in ids if each not in gone)
    assert await library.log.kept() == [], "nobody deletes them later"
    with pytest.raises(UndoRefused, match="can't be undone"):
        await library.changes.undo(half.batch_id)
    redone = await library.changes.redo()
    assert all(result.action == "archive" for result in redone.applied if not result.withdrawn)
    assert all(server.store.find(each) is None for each in gone)
    assert redone.of(State.SKIPPED) == ()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("how", ["stopped", "out of reach", "refused"])
async def test_a_redo_sends_only_what_the_undo_took_back(
    library: Library, server: DemoServer, how: str
) -> None:
    """What never was on the platform waits again, for who names it; and so however often."""
    ids = [AssetId(each) for each in many_assets(server, COUNT)]
    await library.sync.sweep()
    done = 0

    def tell(progress: BatchProgress) -> None:
        nonlocal done
        done = progress.done
        if done == 3 and how == "out of reach":
            server.stop()

    if how == "refused":
        for number in range(5):
            server.faults.add(403, "PUT", f"data_assets/{number:08x}*")
    plan = await library.changes.plan(ids, Change(add_tags=("new",)))
    await library.changes.apply(
        plan, progress=tell, stopping=lambda: how == "stopped" and done >= 3
    )
    server.start()
    server.faults.clear()
    there = tagged(server, ids)
    assert 0 < there < COUNT
    for _ in range(2):
        await library.changes.undo()
        assert tagged(server, ids) == 0
        foretold = await library.changes.plan_undo(purpose=Purpose.REDO)
        redone = await library.changes.redo()
        assert tagged(server, ids) == there
        assert sum(each.restores for each in foretold.items) == COUNT - there
        assert len(redone.restored) == COUNT - there
        assert report_code(redone) == 0
        line = summarize(redone, "")
        assert f"{COUNT - there} changes that the undo gave up wait again, unsent" in line
        assert f"coexplorer retry --batch {redone.batch_id}" in line
        with pytest.raises(UndoRefused):
            await library.changes.redo()
    await library.changes.resume((await library.log.batches())[0].id)
    assert tagged(server, ids) == COUNT
    await library.changes.undo()
    assert tagged(server, ids) == 0
