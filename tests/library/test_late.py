"""What was stopped on its way may arrive later: nobody says that it was not sent, or not made."""

from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import ApiError, Refused, UndoRefused
from coexplorer.library import Library, background, settle
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import MAY_COME, State
from coexplorer.models import AssetId, ComputationSource, NewAsset
from coexplorer.sharing.changes import SharingChange
from tests.library.test_attach import plan as plan_attaching
from tests.support.patience import stretched
from tests.support.server import DERIVED, FINISHED, OUTSIDE, RAW

SHARED = SharingChange({"everyone": "viewer"})
CAPTURED = NewAsset(
    name="Late", description="", mount="late", tags=(), source=ComputationSource(FINISHED)
)


async def change(library: Library, asset: str, change: Change) -> None:
    await library.changes.apply(await library.changes.plan([AssetId(asset)], change))


async def attach(library: Library, *, detach: bool) -> None:
    ids = [RAW] if detach else [DERIVED, OUTSIDE]
    await library.changes.apply(await plan_attaching(library, *ids, detach=detach))


async def create(library: Library) -> None:
    await library.creation.create(CAPTURED, sharing=SHARED)


Write = Callable[[Library], Coroutine[Any, Any, None]]
WRITES: dict[str, tuple[str, str, Write]] = {
    "edit": ("PUT", "*", lambda x: change(x, RAW, Change(add_tags=("late",)))),
    "share": ("POST", "*/permissions", lambda x: change(x, RAW, Change(sharing=SHARED))),
    "archive": ("PATCH", "*", lambda x: change(x, RAW, Change(archive=True))),
    "attach": ("POST", "*/*/data_assets", lambda x: attach(x, detach=False)),
    "detach": ("DELETE", "*/*/data_assets", lambda x: attach(x, detach=True)),
    "create": ("POST", "*/data_assets", create),
}


async def stop_on_its_way(
    library: Library, server: DemoServer, what: str
) -> Callable[[], Awaitable[None]]:
    """Cancel a write whose request has left; return what lets it arrive."""
    method, path, write = WRITES[what]
    gate = server.hooks.before(method, path)
    async with anyio.create_task_group() as group:
        group.start_soon(write, library)
        await gate.arrived()
        group.cancel_scope.cancel()
    before = len(server.requests(method, path, answered=True))

    async def arrive() -> None:
        gate.release()
        wait = partial(server.log.wait_for, before + 1, method, path, answered=True)
        await anyio.to_thread.run_sync(wait)

    return arrive


@pytest.mark.parametrize("what", WRITES)
async def test_what_was_stopped_on_its_way_is_unknown_until_it_arrives(
    library: Library, server: DemoServer, what: str
) -> None:
    await library.sync.sweep()
    arrive = await stop_on_its_way(library, server, what)
    (batch, *_) = await library.log.batches()
    await library.changes.settle()
    report = await library.changes.report(batch.id)
    assert report.results[0].state is State.UNKNOWN
    with pytest.raises(UndoRefused, match="still arrive"):
        await library.changes.undo()
    await arrive()
    done = await library.changes.resume(batch.id)
    assert {each.state for each in done.results} == {State.APPLIED}
    if what == "create":
        (made,) = [each for each in server.store.assets() if each.name == "Late"]
        assert made.everyone == "viewer", "what was to follow it is sent then"
    else:
        undone = await library.changes.undo(batch.id)
        assert {each.state for each in undone.results} == {State.APPLIED}


@pytest.mark.parametrize("what", WRITES)
async def test_what_has_not_arrived_in_time_was_not_sent(
    library: Library, server: DemoServer, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    await library.sync.sweep()
    await stop_on_its_way(library, server, what)
    server.stop()  # a request that a gate holds is never carried out
    server.start()
    monkeypatch.setattr(settle, "LATE_S", 0.0)
    settled = await library.changes.settle()
    wanted = State.REFUSED if what == "create" else State.STOPPED
    assert {each.state for each in settled} == {wanted}


async def test_a_create_is_looked_for_at_each_try_and_never_sent_again(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    arrive = await stop_on_its_way(library, server, "create")
    (made, shared) = await library.log.kept()
    for entry in (made, shared, made):
        with pytest.raises(ApiError, match=MAY_COME):
            await library.changes.retry(entry.id)
    with pytest.raises(ApiError, match=MAY_COME):
        await library.changes.discard(made.id)
    with pytest.raises(Refused, match=MAY_COME):
        await create(library)
    await arrive()
    assert (await library.changes.retry(made.id)).state is State.APPLIED
    assert (await library.changes.retry(shared.id)).state is State.APPLIED
    assert len(server.requests("POST", "*/v1/data_assets")) == 1
    assert await library.log.kept() == []


async def test_what_has_arrived_is_not_made_twice(library: Library, server: DemoServer) -> None:
    await library.sync.sweep()
    arrive = await stop_on_its_way(library, server, "create")
    await arrive()
    with pytest.raises(Refused, match="has made 'Late' already"):
        await create(library)
    await create(library)  # now its user knows
    assert len([each for each in server.store.assets() if each.name == "Late"]) == 2


@pytest.mark.parametrize("what", ["attach", "create"])
async def test_a_session_that_goes_on_sees_it_arrive(
    library: Library, server: DemoServer, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(background, "_LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(settle, "_LOOKS_AFTER_S", tuple(0.1 * n for n in range(1, 600)))
    await library.sync.sweep()
    arrive = await stop_on_its_way(library, server, what)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(library.run_background)
        await arrive()
        with anyio.fail_after(stretched(60)):
            while True:
                entries = await library.log.entries()
                if all(each.state in (State.APPLIED, State.STOPPED) for each in entries):
                    break
                await anyio.sleep(0.05)
        tasks.cancel_scope.cancel()
    assert State.APPLIED in {each.state for each in entries}
