"""What its user stopped is never sent unasked, wherever it was stopped; naming it goes on."""

from collections.abc import Callable

import anyio
import anyio.from_thread
import anyio.lowlevel
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.library import Library
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import PENDING, State
from coexplorer.library.journal import Journal
from coexplorer.library.results import BatchProgress
from coexplorer.query import parse_query
from tests.library.conftest import OpenSession, many_assets
from tests.support.patience import stretched

COUNT = 30


async def plan_and_apply(
    library: Library, task: str, *, stop: Callable[[], None], after: int
) -> None:
    """Change many assets, or take that back, and stop after so many of them."""

    def tell(progress: BatchProgress) -> None:
        if progress.done >= after:
            stop()

    if task == "undo":
        await library.changes.undo(progress=tell)
    elif task == "resume":
        await library.changes.resume((await library.log.batches())[0].id, progress=tell)
    else:
        plan = await library.changes.plan(parse_query("tag:bulk"), Change(add_tags=("new",)))
        await library.changes.apply(plan, progress=tell)


async def prepare(library: Library, server: DemoServer, task: str) -> None:
    await library.sync.sweep()
    if task == "undo":
        plan = await library.changes.plan(parse_query("tag:bulk"), Change(add_tags=("new",)))
        await library.changes.apply(plan)
    elif task == "resume":
        plan = await library.changes.plan(parse_query("tag:bulk"), Change(add_tags=("new",)))
        server.stop()
        await library.changes.apply(plan)
        server.start()


@pytest.mark.parametrize("task", ["bulk", "undo", "resume"])
@pytest.mark.parametrize("how", ["written down", "cancelled", "begun"])
async def test_what_was_stopped_waits_for_nobody_until_it_is_named(
    open_session: OpenSession,
    server: DemoServer,
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    how: str,
) -> None:
    many_assets(server, COUNT)
    async with open_session() as library:
        await prepare(library, server, task)
        server.log.clear()
        with anyio.CancelScope() as scope, anyio.fail_after(stretched(60)):
            if how == "written down":
                _cancel_after(monkeypatch, "claim" if task == "resume" else "begin", scope)
            after = {"written down": COUNT + 1, "cancelled": 5, "begun": 0}[how]
            await plan_and_apply(library, task, stop=scope.cancel, after=after)
        monkeypatch.undo()
        assert scope.cancelled_caught
    server.stop()  # what was on its way is done or broken off now
    server.start()
    async with open_session() as library:
        (stopped, *_) = await library.log.batches()
        assert stopped.counts.get(State.STOPPED)
        assert not stopped.counts.get(State.UNSENT)
        assert f"stopped, {stopped.counts[State.STOPPED]} not sent" in stopped.outcome
        await library.changes.settle()
        status = await library.status()
        assert all(entry.state is not State.STOPPED for entry in await library.log.unsent())
        assert all(entry.state in PENDING for entry in await library.log.unsent())
        assert status.stopped >= stopped.counts[State.STOPPED], "what did not arrive is stopped too"
        (settled, *_) = await library.log.batches()
        report = await library.changes.resume(stopped.id)
        assert len(report.applied) == COUNT
        assert len(report.news.applied) == COUNT - settled.counts.get(State.APPLIED, 0)
        assert await library.log.kept() == []
        wanted = task != "undo"
        assert all(
            ("new" in each.tags) is wanted for each in server.store.assets() if "bulk" in each.tags
        )


@pytest.mark.parametrize("task", ["bulk", "undo"])
async def test_a_stop_that_lets_what_is_on_its_way_end_is_a_stop_too(
    library: Library, server: DemoServer, task: str
) -> None:
    many_assets(server, COUNT)
    await prepare(library, server, task)
    done = 0

    def tell(progress: BatchProgress) -> None:
        nonlocal done
        done = progress.done

    if task == "undo":
        report = await library.changes.undo(progress=tell, stopping=lambda: done >= 3)
    else:
        plan = await library.changes.plan(parse_query("tag:bulk"), Change(add_tags=("new",)))
        report = await library.changes.apply(plan, progress=tell, stopping=lambda: done >= 3)
    assert len(report.applied) + len(report.stopped) == COUNT
    assert len(report.applied) >= 3
    assert await library.log.unsent() == []
    await library.changes.undo(report.batch_id)
    assert await library.log.kept() == [], "what takes it back gives up what was not sent of it"
    if task == "undo":
        return
    redone = await library.changes.redo()
    done_again = [each for each in redone.applied if each.state is State.APPLIED]
    assert len(done_again) == len(report.applied), "a redo does nothing that was never done"


def _cancel_after(monkeypatch: pytest.MonkeyPatch, method: str, scope: anyio.CancelScope) -> None:
    """Cancel as soon as a write of the journal is done, still in its thread."""
    real, token = getattr(Journal, method), anyio.lowlevel.current_token()

    def write(self: Journal, *args: object, **kwargs: object) -> object:
        written = real(self, *args, **kwargs)
        anyio.from_thread.run_sync(scope.cancel, token=token)
        return written

    monkeypatch.setattr(Journal, method, write)


@pytest.mark.parametrize("task", ["bulk", "undo", "resume"])
async def test_whoever_stops_a_change_has_its_number_once_it_is_written_down(
    library: Library, server: DemoServer, monkeypatch: pytest.MonkeyPatch, task: str
) -> None:
    many_assets(server, 3)
    await prepare(library, server, task)
    heard: list[int] = []
    with anyio.CancelScope() as scope:
        _cancel_after(monkeypatch, "claim" if task == "resume" else "begin", scope)

        def tell(progress: BatchProgress) -> None:
            heard.append(progress.batch_id)

        if task == "undo":
            await library.changes.undo(progress=tell)
        elif task == "resume":
            await library.changes.resume((await library.log.batches())[0].id, progress=tell)
        else:
            plan = await library.changes.plan(parse_query("tag:bulk"), Change(add_tags=("new",)))
            await library.changes.apply(plan, progress=tell)
    assert scope.cancelled_caught
    monkeypatch.undo()
    (batch, *_) = await library.log.batches()
    assert heard == [batch.id]
