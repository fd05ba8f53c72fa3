"""What is confirmed is what was shown: no plan does more than it said, whatever came in between."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from functools import partial

import anyio
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import JournalError, StillSending, UndoRefused
from coexplorer.library import Library
from coexplorer.library.bulk import CONCURRENCY
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import State
from coexplorer.library.results import BatchProgress
from coexplorer.query import parse_query
from tests.library.conftest import OpenSession, many_assets
from tests.support.disk import no_room_on_the_disk
from tests.support.patience import stretched

COUNT = 30


def count_new(server: DemoServer) -> int:
    return sum("new" in each.tags for each in server.store.assets())


async def tag_some(library: Library, server: DemoServer) -> int:
    """Tag some of many assets and stop; return the change."""
    many_assets(server, COUNT)
    await library.sync.sweep()
    done = 0

    def tell(progress: BatchProgress) -> None:
        nonlocal done
        done = progress.done

    plan = await library.changes.plan(parse_query("tag:bulk"), Change(add_tags=("new",)))
    report = await library.changes.apply(plan, progress=tell, stopping=lambda: done >= 3)
    assert len(report.stopped) > 0
    return report.batch_id


async def resume(other: Library, batch: int) -> None:
    await other.changes.resume(batch)


async def discard(other: Library, batch: int) -> None:
    await other.changes.discard_batch(batch)


async def undo(other: Library, batch: int) -> None:
    await other.changes.undo(batch)


@pytest.mark.parametrize("meanwhile", [resume, discard, undo])
async def test_an_undo_takes_back_what_its_plan_showed_and_nothing_else(
    library: Library,
    server: DemoServer,
    open_session: OpenSession,
    meanwhile: Callable[[Library, int], Awaitable[None]],
) -> None:
    batch = await tag_some(library, server)
    before = count_new(server)
    async with open_session() as other:
        plan = await other.changes.plan_undo(batch, look=False)
        shown = [item for item in plan.todo if not item.withdraws]
        assert len(shown) == before
        await meanwhile(library, batch)
        server.log.clear()
        if meanwhile is undo:
            with pytest.raises(UndoRefused):
                await other.changes.apply(plan)
            assert not server.log.find_all("PUT")
            return
        report = await other.changes.apply(plan)
        assert len(server.log.find_all("PUT")) == before
        assert {each.asset_id for each in report.applied} == {item.asset_id for item in shown}
        assert report.notes
        if meanwhile is resume:
            assert count_new(server) == COUNT - before
            again = await other.changes.plan_undo(batch, look=False)
            assert len(again.todo) == COUNT - before
        else:
            assert count_new(server) == 0


@pytest.mark.parametrize("running", ["edit", "retry", "undo"])
async def test_what_another_window_is_still_sending_is_not_undone_in_part(
    library: Library, server: DemoServer, open_session: OpenSession, running: str
) -> None:
    """Else what it goes on to send would stay, though an undo was told to be done."""
    shown, newest = None, 0
    async with open_session() as other:
        if running == "edit":
            many_assets(server, COUNT)
            await library.sync.sweep()
            plan = await library.changes.plan(parse_query("tag:bulk"), Change(add_tags=("new",)))
            send = partial(library.changes.apply, plan)
        else:
            batch = await tag_some(library, server)
            if running == "retry":
                shown = await other.changes.plan_undo(batch, look=False)
            else:
                await library.changes.resume(batch)
            again = library.changes.resume if running == "retry" else library.changes.undo
            send = partial(again, batch)
        early, late = (
            [server.hooks.before("PUT") for _ in range(CONCURRENCY)] for _ in ("first", "later")
        )
        with anyio.fail_after(stretched(60)):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                for gates in (early, late):
                    for gate in gates:
                        await gate.arrived()
                    newest = (await other.log.batches(limit=1))[0].id
                    puts = len(server.log.find_all("PUT"))
                    for press in (other.changes.undo, other.changes.plan_undo):
                        with pytest.raises(
                            StillSending, match=rf"{newest} .*: \d+ of {COUNT} to go"
                        ):
                            await press(newest)
                    if shown is not None:
                        with pytest.raises(StillSending):
                            await other.changes.apply(shown)
                    assert len(server.log.find_all("PUT")) == puts
                    for gate in gates:
                        gate.release()
        report = await other.changes.undo(newest)
        assert len(report.applied) == COUNT
    assert count_new(server) == (COUNT if running == "undo" else 0)


@pytest.mark.parametrize("task", ["resume", "discard"])
async def test_what_is_left_is_sent_or_given_up_only_as_far_as_it_was_shown(
    library: Library, server: DemoServer, task: str
) -> None:
    batch = await tag_some(library, server)
    stopped = [e for e in await library.log.kept() if e.state is State.STOPPED]
    shown, before = stopped[:4], count_new(server)
    if task == "resume":
        await library.changes.resume(batch, only={each.asset_id for each in shown})
        assert count_new(server) == before + len(shown)
    else:
        assert await library.changes.discard_batch(batch, {each.id for each in shown}) == len(shown)
    left = [each.id for each in await library.log.kept()]
    assert left == [each.id for each in stopped[4:]]


@pytest.mark.parametrize("after", [0, 3, 12])
async def test_one_retry_with_room_sends_what_a_full_disk_held_back(
    library: Library, server: DemoServer, after: int
) -> None:
    many_assets(server, COUNT)
    await library.sync.sweep()
    plan = await library.changes.plan(parse_query("tag:bulk"), Change(add_tags=("new",)))

    def fill(progress: BatchProgress) -> None:
        if progress.done >= after:
            disk.enter_context(no_room_on_the_disk())

    with contextlib.ExitStack() as disk:
        report = await library.changes.apply(plan, progress=fill)
        done = len(report.applied)
        assert done >= after
        assert count_new(server) >= done
        with contextlib.suppress(JournalError):
            await library.changes.resume(report.batch_id)
        still = await library.changes.report(report.batch_id)
        assert len(still.applied) >= done, "what was done stays done"
        told = {each.error.message for each in still.waiting if each.error is not None}
        assert not any("another process" in text for text in told), told
    await library.log.catch_up()
    (batch,) = await library.log.batches()
    assert not batch.counts.get(State.PLANNED)
    assert batch.kept >= COUNT - done - CONCURRENCY
    again = await library.changes.resume(report.batch_id)
    assert len(again.applied) == COUNT
    assert 0 < len(again.news.applied) <= COUNT - after, "what was done before was told then"
    assert len((await library.changes.report(report.batch_id)).applied) == COUNT
    assert count_new(server) == COUNT
