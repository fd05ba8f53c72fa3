"""Sessions: what they open, what they import, what they report while they work."""

import subprocess
import sys

import anyio
import msgspec
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import EditConflict
from coexplorer.library import Library, background, create
from coexplorer.library.events import (
    BUFFERED_EVENTS,
    AssetSettled,
    EditApplied,
    EditFailed,
    EditStarted,
    Event,
    EventBus,
    EventsDropped,
    RateLimitWaited,
    RowsChanged,
    SyncFailed,
    SyncFinished,
)
from coexplorer.models import AssetId
from coexplorer.query import parse_query
from tests.library.conftest import OpenSession
from tests.support.patience import stretched
from tests.support.server import DRAFT, RAW

ID = AssetId(RAW)


def test_importing_the_library_brings_neither_http_nor_widgets() -> None:
    script = (
        "import sys, coexplorer.library;"
        "print(*{'httpx', 'textual', 'trio', 'asyncio', 'coexplorer.api'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert done.stdout.split() == []


async def test_session_asks_the_network_for_nothing_by_itself(
    library: Library, server: DemoServer
) -> None:
    await library.status()
    await library.assets.count(parse_query(""))
    await library.log.entries()
    assert server.requests() == []


async def test_edit_tells_that_it_began_and_how_it_ended(
    library: Library, server: DemoServer
) -> None:
    base = (await library.platform.fetch(ID)).asset.fields
    with library.subscribe() as events:
        await library.changes.edit(ID, base, msgspec.structs.replace(base, name="New"))
        with pytest.raises(EditConflict):
            await library.changes.edit(ID, base, msgspec.structs.replace(base, name="Newer"))
        seen = [events.receive_nowait() for _ in range(events.statistics().current_buffer_used)]
    told = [type(event) for event in seen if not isinstance(event, RowsChanged)]
    assert told == [EditStarted, EditApplied, EditStarted, EditFailed]


async def test_waiting_for_the_rate_limit_is_told(library: Library, server: DemoServer) -> None:
    server.faults.add(429, "GET", f"data_assets/{RAW}", times=1, retry_after=0)
    with library.subscribe() as events:
        await library.platform.fetch(ID)
        assert isinstance(events.receive_nowait(), RateLimitWaited)


async def test_other_session_sees_an_edit_in_its_catalog(open_session: OpenSession) -> None:
    async with open_session(origin="tui") as one, open_session(origin="mount") as other:
        await one.sync.sweep()
        version = await other.assets.data_version()
        base = (await one.platform.fetch(ID)).asset.fields
        await one.changes.edit(ID, base, msgspec.structs.replace(base, name="Through the mount"))
        assert await other.assets.data_version() > version
        newest, changed = await other.assets.changed_since(version)
        assert (newest, changed) == (await other.assets.data_version(), [ID])
        assert await other.assets.count(parse_query('name:"Through the mount"')) == 1
        (entry,) = await other.log.entries()
        assert entry.origin == "tui"


async def test_background_syncs_first_and_settles_what_an_earlier_session_left(
    open_session: OpenSession, server: DemoServer
) -> None:
    async with open_session() as library:
        base = (await library.platform.fetch(ID)).asset.fields
        gate = server.hooks.after("PUT")
        async with anyio.create_task_group() as group:
            mine = msgspec.structs.replace(base, name="Left unknown")
            group.start_soon(library.changes.edit, ID, base, mine)
            await gate.arrived()
            group.cancel_scope.cancel()
        gate.release()
    async with open_session() as library, anyio.create_task_group() as group:
        with library.subscribe() as events, anyio.fail_after(stretched(30)):
            group.start_soon(library.run_background)
            awaited: set[type[Event]] = {SyncFinished, EditApplied}
            while awaited:
                awaited.discard(type(await events.receive()))
        assert await library.log.unsent() == []
        assert await library.assets.count(parse_query("is:any")) == server.store.count()
        group.cancel_scope.cancel()


async def test_drafts_are_watched_in_the_background(
    library: Library, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(create, "FIRST_POLL_S", 0.01)
    monkeypatch.setattr(background, "_LOOK_EVERY_S", 0.01)
    await library.sync.sweep()
    gate = server.hooks.before("GET", f"*/{DRAFT}")
    async with anyio.create_task_group() as group:
        with library.subscribe() as events, anyio.fail_after(stretched(30)):
            group.start_soon(library.run_background)
            await gate.arrived()
            server.store.update(DRAFT, state="failed", failure_reason="Access denied")
            gate.release()
            while await events.receive() != AssetSettled(AssetId(DRAFT), "failed"):
                pass
        group.cancel_scope.cancel()
    record = await library.assets.record(AssetId(DRAFT))
    assert record is not None
    assert record.asset.failure_reason == "Access denied"


async def test_failure_in_the_background_is_told_and_ends_nothing(
    library: Library, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(background, "REFRESH_EVERY_S", 0.01)
    server.faults.add(401, "POST", times=1)
    async with anyio.create_task_group() as group:
        with library.subscribe() as events, anyio.fail_after(stretched(30)):
            group.start_soon(library.run_background)
            awaited: list[type[Event]] = [SyncFailed, SyncFinished]
            while awaited:
                if type(await events.receive()) is awaited[0]:
                    awaited.pop(0)
        group.cancel_scope.cancel()
    assert await library.assets.count(parse_query("is:any")) == server.store.count()


async def test_draft_that_becomes_ready_is_noticed(library: Library, server: DemoServer) -> None:
    await library.sync.sweep()
    server.store.update(DRAFT, state="ready")
    with library.subscribe() as events:
        record = await library.creation.wait_ready(AssetId(DRAFT))
        assert record.asset.state == "ready"
        seen = [events.receive_nowait() for _ in range(events.statistics().current_buffer_used)]
    assert AssetSettled(AssetId(DRAFT), "ready") in seen


async def test_slow_listener_loses_events_and_is_told() -> None:
    bus = EventBus()
    with bus.subscribe() as slow, bus.subscribe() as quick:
        for number in range(BUFFERED_EVENTS + 10):
            bus.publish(SyncFinished(complete=True, total=number))
            assert isinstance(quick.receive_nowait(), SyncFinished)
        seen: list[Event] = [slow.receive_nowait() for _ in range(BUFFERED_EVENTS)]
        bus.publish(RowsChanged())
        assert slow.receive_nowait() == EventsDropped()
        assert slow.receive_nowait() == RowsChanged()
    assert seen[-1] == SyncFinished(complete=True, total=BUFFERED_EVENTS - 1)


async def test_listener_that_closed_its_end_disturbs_nobody() -> None:
    bus = EventBus()
    with bus.subscribe() as gone, bus.subscribe() as other:
        gone.close()
        bus.publish(RowsChanged())
        assert other.receive_nowait() == RowsChanged()
