"""``kill -9`` at every step of an edit and within a bulk edit: what the next start knows."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import anyio
import anyio.to_thread
import msgspec
import pytest

from coexplorer.computations import Workplace, WorkplaceKind
from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.library import Library, background, settle
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import Entry, State
from coexplorer.library.events import RowsChanged
from coexplorer.models import AssetId
from coexplorer.query import parse_query
from tests.library.conftest import OpenSession, many_assets
from tests.support.patience import stretched
from tests.support.server import OLD, RAW, SESSION

ID = AssetId(RAW)

PROGRAM = """
import os, signal, sys
from pathlib import Path
import anyio, msgspec
from coexplorer.config import Paths, Settings
from coexplorer.config.tokens import GivenToken
from coexplorer.computations import Workplace, WorkplaceKind
from coexplorer.library import open_library
from coexplorer.library.attachments import Attaching
from coexplorer.library.context import Context
from coexplorer.library.bulk_change import Change
from coexplorer.library.journal import Journal
from coexplorer.library.journal_file import JournalFile
from coexplorer.models import AssetId, Secret
from coexplorer.query import parse_query
from coexplorer.sharing.changes import SharingChange

url, token, catalog, journal, task, die_in = sys.argv[1:]
settings = Settings(
    profile="test", base_url=url, domain="127.0.0.1",
    token_source=GivenToken("test", Secret(token)),
    catalog_path=Path(catalog), journal_path=Path(journal),
    paths=Paths(Path(catalog).parent, Path(catalog).parent, Path(catalog).parent),
    mount_folder=Path(catalog).parent,
)

def die(*_args, **_kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

if die_in == "remember":
    Context.remember = die
elif die_in == "commit":
    JournalFile.transaction = die
elif die_in:
    setattr(Journal, die_in, die)

async def main():
    async with open_library(settings, origin="mount") as library:
        if task == "bulk":
            plan = await library.changes.plan("tag:bulk sort:created", Change(add_tags=("new",)))
            await library.changes.apply(plan)
        elif task == "share":
            shared = Change(sharing=SharingChange({"everyone": "viewer"}))
            plan = await library.changes.plan("tag:bulk sort:created", shared)
            await library.changes.apply(plan)
        elif task == "attach":
            place = Workplace(WorkplaceKind.COMPUTATION, "session-1")
            attached = Change(attaching=Attaching(place, "it"))
            plan = await library.changes.plan("tag:bulk sort:created", attached)
            await library.changes.apply(plan)
        elif task == "undo":
            await library.changes.undo()
        elif task == "redo":
            await library.changes.redo()
        elif task.startswith("archive "):
            await library.changes.archive(AssetId(task.split()[1]))
        elif task.startswith("delete "):
            await library.changes.delete(AssetId(task.split()[1]))
        elif task.startswith("share "):
            shared = Change(sharing=SharingChange({"everyone": "viewer"}))
            plan = await library.changes.plan([AssetId(task.split()[1])], shared)
            await library.changes.apply(plan)
        else:
            record = await library.assets.record(AssetId(task))
            base = record.asset.fields
            mine = msgspec.structs.replace(base, name="My words", tags=("mine",))
            await library.changes.edit(AssetId(task), base, mine)

anyio.run(main)
"""


class Victim:
    """One of our processes that edits, to be killed."""

    def __init__(self, settings: Settings, server: DemoServer, task: str, die_in: str = "") -> None:
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                PROGRAM,
                server.url,
                server.users[0].token,
                settings.catalog_path,
                settings.journal_path,
                task,
                die_in,
            ]
        )

    async def kill(self) -> None:
        os.kill(self._process.pid, signal.SIGKILL)
        await self.died()

    async def died(self) -> None:
        with anyio.fail_after(stretched(60)):
            code = await anyio.to_thread.run_sync(self._process.wait, abandon_on_cancel=True)
        assert code == -signal.SIGKILL

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture
def victims() -> Iterator[list[Victim]]:
    started: list[Victim] = []
    yield started
    for victim in started:
        victim.close()


async def known_before(open_session: OpenSession) -> None:
    async with open_session() as library:
        await library.sync.sweep()


async def pending(library: Library) -> Entry:
    (entry,) = await library.log.unsent()
    assert entry.origin == "mount"
    assert entry.mine is not None
    assert (entry.mine.name, entry.mine.tags) == ("My words", ("mine",))
    return entry


@pytest.mark.parametrize(
    ("moment", "method", "found", "settled"),
    [
        ("before", "GET", State.UNSENT, None),
        ("after", "GET", State.UNSENT, None),
        ("before", "PUT", State.UNKNOWN, State.UNSENT),
        ("after", "PUT", State.UNKNOWN, State.APPLIED),
    ],
)
async def test_killed_while_a_request_is_under_way(
    open_session: OpenSession,
    server: DemoServer,
    settings: Settings,
    victims: list[Victim],
    moment: str,
    method: str,
    found: State,
    settled: State | None,
) -> None:
    await known_before(open_session)
    make = server.hooks.before if moment == "before" else server.hooks.after
    gate = make(method, f"*/{RAW}")
    victims.append(Victim(settings, server, RAW))
    await gate.arrived()
    await victims[0].kill()
    async with open_session() as library:
        assert (await pending(library)).state is found
        after = await library.changes.settle()
        assert [entry.state for entry in after] == ([settled] if settled else [])
        if settled is not State.APPLIED:
            assert server.store.get(RAW).name != "My words"
            gate.release()
            (entry,) = await library.log.unsent()
            await library.changes.retry(entry.id)
        assert await library.log.unsent() == []
    stored = server.store.get(RAW)
    assert (stored.name, stored.tags) == ("My words", ("mine",))


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    ("look", "between"),
    [("sweep", ""), ("fetch", ""), ("edit", ""), ("retry", ""), ("sweep", "A third name")],
)
async def test_a_request_that_arrives_after_a_look_is_settled_by_the_next(
    open_session: OpenSession,
    server: DemoServer,
    settings: Settings,
    victims: list[Victim],
    look: str,
    between: str,
) -> None:
    await known_before(open_session)
    before = server.store.get(RAW)
    gate = server.hooks.before("PUT", f"*/{RAW}")
    victims.append(Victim(settings, server, RAW))
    await gate.arrived()
    await victims[0].kill()
    if between:
        server.store.update(RAW, name=between)
    async with open_session() as library:
        (entry,) = await library.changes.settle()
        assert entry.state is (State.CONFLICT if between else State.UNSENT)
        done = server.hooks.after("PUT", f"*/{RAW}")
        gate.release()  # a proxy had held it back
        await done.arrived()
        done.release()
        assert server.store.get(RAW).name == "My words"
        if look == "sweep":
            await library.sync.sweep()
        elif look == "fetch":
            await library.platform.fetch(ID)
        elif look == "edit":
            fields = (await library.platform.fetch(ID)).asset.fields
            other = msgspec.structs.replace(fields, description="Other words")
            await library.changes.edit(ID, fields, other)
            assert await library.log.unsent() == []
            await library.changes.undo()
        else:
            await library.changes.retry(entry.id)
    async with open_session(offline=True) as library:
        assert await library.log.unsent() == []
        found = await library.log.entries_of(entry.batch_id)
        assert [each.state for each in found] == [State.APPLIED]
    async with open_session() as library:
        await library.changes.undo(entry.batch_id)
    stored = server.store.get(RAW)
    assert (stored.name, set(stored.tags)) == (before.name, set(before.tags))


@pytest.mark.parametrize(
    ("die_in", "found", "settled"),
    [
        ("commit", None, None),
        ("entries_of", State.UNSENT, None),
        ("intend", State.UNSENT, None),
        ("settle", State.UNKNOWN, State.APPLIED),
    ],
)
async def test_killed_while_the_journal_is_written(
    open_session: OpenSession,
    server: DemoServer,
    settings: Settings,
    victims: list[Victim],
    die_in: str,
    found: State | None,
    settled: State | None,
) -> None:
    await known_before(open_session)
    before = server.store.get(RAW)
    victims.append(Victim(settings, server, RAW, die_in))
    await victims[0].died()
    async with open_session() as library:
        if found is None:
            assert await library.log.entries() == []
        else:
            assert (await pending(library)).state is found
        assert [entry.state for entry in await library.changes.settle()] == (
            [settled] if settled else []
        )
    if settled is not State.APPLIED:
        assert server.requests("PUT") == []
        assert server.store.get(RAW) == before


async def test_killed_before_the_catalog_knows(
    open_session: OpenSession, server: DemoServer, settings: Settings, victims: list[Victim]
) -> None:
    await known_before(open_session)
    victims.append(Victim(settings, server, RAW, "remember"))
    await victims[0].died()
    async with open_session(offline=True) as library, anyio.create_task_group() as tasks:
        shown = await library.assets.record(ID)
        assert shown is not None
        assert shown.asset.name != "My words"
        with library.subscribe() as events:
            tasks.start_soon(library.run_background)
            with anyio.fail_after(stretched(60)):
                async for event in events:
                    if event == RowsChanged((ID,)):
                        break
        shown = await library.assets.record(ID)
        assert shown is not None
        assert (shown.asset.name, shown.asset.tags) == ("My words", ("mine",))
        fields = shown.asset.fields
        tasks.cancel_scope.cancel()
    async with open_session() as library:
        again = msgspec.structs.replace(fields, name="Other words")
        await library.changes.edit(ID, fields, again)
    assert server.store.get(RAW).name == "Other words"


@pytest.mark.parametrize("moment", ["after", "before"])
@pytest.mark.parametrize(
    ("task", "method"),
    [(f"archive {RAW}", "PATCH"), (f"delete {OLD}", "DELETE"), (f"share {RAW}", "POST")],
)
async def test_a_session_that_goes_on_notices_what_a_killed_one_sent(
    open_session: OpenSession,
    server: DemoServer,
    settings: Settings,
    victims: list[Victim],
    monkeypatch: pytest.MonkeyPatch,
    task: str,
    method: str,
    moment: str,
) -> None:
    monkeypatch.setattr(background, "_LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(settle, "_LOOKS_AFTER_S", (0.1, 0.5, 1.0, 2.0, 5.0, 20.0))
    await known_before(open_session)
    path = f"*/{task.split()[1]}*"
    gate = (server.hooks.before if moment == "before" else server.hooks.after)(method, path)
    async with open_session() as library, anyio.create_task_group() as tasks:
        tasks.start_soon(library.run_background)

        async def reached(state: State) -> Entry:
            with anyio.fail_after(stretched(60)):
                while True:
                    (entry,) = await library.log.entries_about(AssetId(task.split()[1]))
                    if entry.state is state:
                        return entry
                    await anyio.sleep(0.05)

        victims.append(Victim(settings, server, task))
        await gate.arrived()
        await victims[0].kill()
        if moment == "before":  # it arrives only when somebody has looked
            assert (await reached(State.UNSENT)).reason == "it did not reach the platform"
            gate.release()
        await reached(State.APPLIED)
        shown = await library.assets.record(AssetId(task.split()[1]))
        if method == "PATCH":
            assert shown is not None
            assert shown.membership.archived
        elif method == "DELETE":
            assert shown is None
        else:
            assert server.store.get(RAW).everyone == "viewer"
        tasks.cancel_scope.cancel()


@pytest.mark.parametrize("anyio_backend", ["trio"])
@pytest.mark.parametrize(("task", "write"), [("bulk", "PUT */{}"), ("share", "POST */{}/perm*")])
async def test_killed_in_the_middle_of_a_bulk_of_200(
    open_session: OpenSession,
    server: DemoServer,
    settings: Settings,
    victims: list[Victim],
    task: str,
    write: str,
) -> None:
    def is_done(asset: str) -> bool:
        stored = server.store.get(asset)
        return "new" in stored.tags if task == "bulk" else stored.everyone == "viewer"

    method, path = write.split()
    ids = many_assets(server, 200)
    await known_before(open_session)
    gate = server.hooks.before(method, path.format(ids[100]))
    victims.append(Victim(settings, server, task))
    await gate.arrived()
    await victims[0].kill()
    server.stop()  # whatever was under way is done or broken off now
    server.start()
    async with open_session() as library:
        (batch,) = await library.log.batches()
        report = await library.changes.report(batch.id)
        assert len(report.results) == 200
        sure = {State.APPLIED: True, State.UNSENT: False}
        for result in report.results:
            assert result.state in (*sure, State.UNKNOWN)
            if result.state in sure:
                assert is_done(result.asset_id) is sure[result.state]
        assert len(report.applied) >= 80
        assert len(report.of(State.UNKNOWN)) >= 1
        for entry in await library.changes.settle():
            arrived = State.APPLIED if is_done(entry.asset_id) else State.UNSENT
            assert entry.state is arrived
        server.log.clear()
        done = await library.changes.resume(batch.id)
        assert len(done.applied) == 200
        assert len(server.requests(method, path.format("*"))) < 120
        assert all(map(is_done, ids))
        assert len((await library.changes.undo()).applied) == 200
        assert not any(map(is_done, ids))


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize(
    ("die_in", "gate", "unknown", "arrived"),
    [
        ("entries_of", "", 0, 0),
        ("intend_together", "", 0, 0),
        ("", "before", 100, 0),
        ("", "after", 100, 100),
        ("settle_together", "", 100, 100),
    ],
)
async def test_killed_at_each_step_of_attaching_200(
    open_session: OpenSession,
    server: DemoServer,
    settings: Settings,
    victims: list[Victim],
    die_in: str,
    gate: str,
    unknown: int,
    arrived: int,
) -> None:
    ids = set(many_assets(server, 200))
    await known_before(open_session)
    path = f"*/{SESSION}/data_assets"
    waiting = getattr(server.hooks, gate)("POST", path) if gate else None
    victims.append(Victim(settings, server, "attach", die_in))
    if waiting is not None:
        await waiting.arrived()
        await victims[0].kill()
    else:
        await victims[0].died()
    server.stop()
    server.start()
    server.log.clear()
    place = Workplace(WorkplaceKind.COMPUTATION, SESSION)

    async def count(library: Library) -> int:
        return len(ids & {each.id for each in await library.workplaces.attached(place)})

    async with open_session() as library:
        (batch,) = await library.log.batches()
        report = await library.changes.report(batch.id)
        assert len(report.of(State.UNKNOWN)) == unknown
        assert len(report.of(State.UNSENT)) == 200 - unknown
        assert await count(library) == arrived
        await library.changes.settle()
        settled = await library.changes.report(batch.id)
        assert len(settled.of(State.APPLIED)) == arrived
        assert len(settled.of(State.UNSENT)) == 200 - unknown
        assert len(settled.of(State.UNKNOWN)) == unknown - arrived, "they may still arrive"
        done = await library.changes.resume(batch.id)
        assert len(done.of(State.APPLIED)) == 200
        assert len(server.requests("POST", path)) == 2 - arrived // 100, "nothing is sent twice"
        assert await count(library) == 200
        assert len((await library.changes.undo()).applied) == 200
        assert await count(library) == 0


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
@pytest.mark.parametrize("go_on", ["again", "retry", "resume"])
@pytest.mark.parametrize("task", ["undo", "redo"])
@pytest.mark.parametrize("when", ["before", "after"])
async def test_an_undo_that_was_killed_in_the_middle_goes_on(
    open_session: OpenSession,
    server: DemoServer,
    settings: Settings,
    victims: list[Victim],
    task: str,
    go_on: str,
    when: str,
) -> None:
    ids = many_assets(server, 30)
    async with open_session() as library:
        await library.sync.sweep()
        change = Change(add_tags=("new",))
        await library.changes.apply(await library.changes.plan(parse_query("tag:bulk"), change))
        if task == "redo":
            await library.changes.undo()
    gate = getattr(server.hooks, when)("PUT", f"*/{ids[15]}")
    victims.append(Victim(settings, server, task))
    await gate.arrived()
    await victims[0].kill()
    server.stop()  # whatever was under way is done or broken off now
    server.start()
    server.log.clear()
    async with open_session() as library:
        (last, *_) = await library.log.batches()
        report = await library.changes.report(last.id)
        assert 0 < len(report.applied) < 30
        if go_on == "again":
            await (library.changes.undo() if task == "undo" else library.changes.redo())
        elif go_on == "resume":
            await library.changes.resume(last.id)
        else:
            for entry in await library.log.unsent():
                await library.changes.retry(entry.id)
        assert all(("new" in server.store.get(asset).tags) is (task == "redo") for asset in ids)
        assert len(server.requests("PUT")) <= 30 - len(report.applied), "nothing is sent twice"
        assert await library.log.kept() == []
        # It is one change, and one step takes all of it back.
        assert (await library.log.batches())[0].id == last.id
        assert (await library.log.batch(last.id)).outcome == "30 applied"
        await (library.changes.redo() if task == "undo" else library.changes.undo())
        assert all(("new" in server.store.get(asset).tags) is (task == "undo") for asset in ids)


async def test_plan_of_a_dead_session_stays_readable(
    open_session: OpenSession, server: DemoServer, settings: Settings, victims: list[Victim]
) -> None:
    many_assets(server, 20)
    await known_before(open_session)
    victims.append(Victim(settings, server, "bulk", "entries_of"))
    await victims[0].died()
    async with open_session(offline=True) as library:
        entries = await library.log.unsent()
        assert len(entries) == 20
        assert {entry.state for entry in entries} == {State.UNSENT}
        for entry in entries:
            assert entry.base is not None
            assert entry.mine == msgspec.structs.replace(entry.base, tags=("bulk", "new"))
