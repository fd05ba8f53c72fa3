"""Sweeps and refreshes against the embedded server."""

import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import anyio
import msgspec
import pytest

from coexplorer.api import paging
from coexplorer.catalog import Catalog, preparing, sweeps
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.faults import FaultKind
from coexplorer.demo.hooks import Gate
from coexplorer.demo.server import DemoServer
from coexplorer.errors import NotSignedIn, Refused, Unreachable
from coexplorer.library import Library, open_library, sweep_plan, sync
from coexplorer.library.events import RowsChanged, SyncFinished, SyncProgressed
from coexplorer.library.results import SyncReport
from coexplorer.library.sweep import Sweep
from coexplorer.models import AssetId
from coexplorer.query import parse_query
from tests.library.conftest import OpenSession, build_settings, many_assets
from tests.support.patience import stretched
from tests.support.server import COMBINED, OLD, RAW, THEIRS, VIEWED

EVERYTHING = parse_query("is:any")
SEARCH = "**/data_assets/search"


async def known(library: Library) -> set[str]:
    return set(await library.assets.ids(EVERYTHING))


async def test_sweep_finds_everything_and_what_the_objects_lack(
    library: Library, server: DemoServer
) -> None:
    report = await library.sync.sweep()
    assert (report.complete, report.total, report.removed) == (True, server.store.count(), 0)
    mine, theirs, old = [
        each.membership
        for each in await library.assets.records([AssetId(asset) for asset in (RAW, THEIRS, OLD)])
    ]
    assert (mine.archived, mine.favorite, mine.mine) == (False, True, True)
    assert (theirs.mine, theirs.shared, theirs.favorite) == (False, True, False)
    assert old.archived
    status = await library.status()
    assert (status.complete, status.count_text) == (True, str(server.store.count()))
    assert status.synced_at is not None


async def test_first_rows_are_there_while_the_rest_is_still_asked_for(
    library: Library, server: DemoServer
) -> None:
    many_assets(server, 2500)
    with library.subscribe() as events:
        dialect = server.hooks.before("POST", "*/search")
        async with anyio.create_task_group() as group:
            group.start_soon(library.sync.sweep)
            await dialect.arrived()
            first = server.hooks.before("POST", "*/search")
            dialect.release()
            await first.arrived()
            rest = server.hooks.before("POST", "*/search")
            first.release()
            await rest.arrived()
            with anyio.fail_after(stretched(30)):
                while not isinstance(await events.receive(), RowsChanged):
                    pass
            assert await library.assets.count(EVERYTHING) == 100
            rest.release()
    assert (await library.status()).total == server.store.count()


@pytest.mark.parametrize(
    ("types", "complete"),
    [
        (("dataset",), True),
        (("dataset", "result"), True),
        (("dataset", "dataset"), False),
    ],
)
async def test_wall_is_got_round_or_the_count_says_at_least(
    legacy_server: DemoServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    types: tuple[str, ...],
    *,
    complete: bool,
) -> None:
    """Both ends of a sort reach twice as far; types multiply that; beyond it nobody knows."""
    monkeypatch.setattr(paging, "WALL", 1000)
    legacy_server.store.delete(COMBINED)  # a type that this platform can't be asked for
    count = len(types) * 1300
    for place, kind in enumerate(types):
        many_assets(legacy_server, 1300, first=place * 1300, type=kind)
    async with open_library(build_settings(legacy_server, tmp_path), origin="cli") as library:
        report = await library.sync.sweep()
        status = await library.status()
        mine = await library.assets.count(parse_query("is:mine"))
        gone = f"{5:08x}-1111-4000-8000-{5:012x}"
        legacy_server.store.delete(gone)
        again = await library.sync.sweep()
    assert report.complete is complete
    assert (report.seen >= count + 8) is complete
    assert (mine >= count) is complete
    assert (report.gaps == ()) is complete
    assert report.seen > 1000
    assert status.count_text.startswith("at least") is not complete
    assert again.removed == int(complete)


async def test_progress_counts_up_to_the_end(library: Library, server: DemoServer) -> None:
    with library.subscribe() as events:
        await library.sync.sweep()
        seen = []
        while events.statistics().current_buffer_used:
            seen.append(events.receive_nowait())
    progress = [event for event in seen if isinstance(event, SyncProgressed)]
    assert {event.stage for event in progress} == {
        "assets",
        "archived",
        "favorites",
        "owned",
        "shared",
    }
    assert progress[-1].rows == server.store.count()
    assert isinstance(seen[-1], SyncFinished)


async def test_row_goes_only_when_the_platform_says_that_it_is_gone(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    server.store.delete(VIEWED)
    report = await library.sync.sweep()
    assert report.removed == 1
    assert VIEWED not in await known(library)
    assert server.requests("GET", f"*/{VIEWED}")


async def test_row_goes_where_the_platform_answers_401_for_what_is_gone(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    server.store.delete(VIEWED)
    server.faults.add(FaultKind.STATUS, "GET", f"data_assets/{VIEWED}", status=401)
    report = await library.sync.sweep()
    assert (report.complete, report.removed) == (True, 1)
    assert VIEWED not in await known(library)


async def test_token_that_expires_in_a_sweep_makes_nothing_gone(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    server.store.delete(VIEWED)
    gate = server.hooks.before("GET", f"*/{VIEWED}")

    async def sync_in_vain() -> None:
        with pytest.raises(NotSignedIn):
            await library.sync.sweep()

    async with anyio.create_task_group() as group:
        group.start_soon(sync_in_vain)
        await gate.arrived()
        server.sign_in.expire(server.users[0].token)
        gate.release()
    assert VIEWED in await known(library)


async def test_living_row_that_a_sweep_missed_stays(library: Library, server: DemoServer) -> None:
    """Somebody deletes on page one while page two is asked for: offsets shift, a row slips away."""
    ids = many_assets(server, 1500)
    await library.sync.sweep()
    everything = await known(library)
    gate = server.hooks.after("POST", "*/search")
    async with anyio.create_task_group() as group:
        group.start_soon(library.sync.sweep)
        await gate.arrived()
        for doomed in ids[:5]:
            server.store.delete(doomed)
        server.store.insert([new_asset(server, "born during the sweep")])
        gate.release()
    living = {asset.id for asset in server.store.assets()}
    assert (everything & living) <= await known(library)


async def test_sweeps_while_assets_come_and_go_never_lose_a_living_row(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 2200)
    await library.sync.sweep()
    doomed = iter(ids[::7])
    for number in range(3):
        gates = [server.hooks.after("POST", "*/search") for _ in range(4)]

        async def disturb(gates: list[Gate], number: int) -> None:
            for place, gate in enumerate(gates):
                await gate.arrived()
                for _ in range(8):
                    server.store.delete(next(doomed))
                server.store.insert([new_asset(server, f"new {number}.{place}")])
                gate.release()

        async with anyio.create_task_group() as group:
            group.start_soon(disturb, gates, number)
            before = await known(library)
            await library.sync.sweep()
        living = {asset.id for asset in server.store.assets()}
        assert before & living <= await known(library)
    server.hooks.release_all()
    await library.sync.sweep()
    assert await known(library) == {asset.id for asset in server.store.assets()}


async def test_everything_vanished_is_looked_at_twice_and_then_refused(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    everything = await known(library)
    assets = server.store.assets()
    server.store.clear()
    server.log.clear()
    with pytest.raises(Refused, match="vanished"):
        await library.sync.sweep()
    assert await known(library) == everything
    assert len(server.requests("POST", "*/search")) == 4
    server.store.insert(assets[:2])
    report = await library.sync.sweep(force=True)
    assert report.removed == len(everything) - 2
    assert await known(library) == {asset.id for asset in assets[:2]}


async def test_a_forced_sweep_asks_for_a_sample_of_many_that_vanished(
    library: Library, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A platform that invented a million assets would cost a million requests."""
    monkeypatch.setattr(sweep_plan, "MOST_ASKED", 10)
    ids = many_assets(server, 45)
    await library.sync.sweep()
    everything = await known(library)
    for asset_id in ids:
        server.store.delete(asset_id)
    server.log.clear()
    report = await library.sync.sweep(force=True)
    assert report.removed == 45
    assert await known(library) == everything - set(ids)
    assert len(server.requests("GET", "**/data_assets/*")) == 9


async def test_a_sample_of_which_some_live_removes_nothing(
    library: Library, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweep_plan, "MOST_ASKED", 10)
    ids = many_assets(server, 45)
    await library.sync.sweep()
    everything = await known(library)
    assets = server.store.assets()
    for asset_id in ids:
        server.store.delete(asset_id)
    real = Sweep.find_gone

    async def find_gone(sweep: Sweep, asked: Sequence[AssetId]) -> list[AssetId] | None:
        """A search that lags: the assets are back when they are asked for."""
        server.store.insert(each for each in assets if each.id == asked[3])
        return await real(sweep, asked)

    monkeypatch.setattr(Sweep, "find_gone", find_gone)
    with pytest.raises(Refused, match="1 of 9 assets that the platform no longer lists still"):
        await library.sync.sweep(force=True)
    assert await known(library) == everything


async def test_hiccup_in_which_everything_vanished_passes_at_the_second_look(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    everything = await known(library)
    assets = server.store.assets()
    server.store.clear()
    gate = server.hooks.after("POST", "*/search")
    async with anyio.create_task_group() as group:
        group.start_soon(library.sync.sweep)
        await gate.arrived()
        second = server.hooks.before("POST", "*/search")
        gate.release()
        await second.arrived()  # the archived ones, still of the first look
        third = server.hooks.before("POST", "*/search")
        second.release()
        await third.arrived()
        server.store.insert(assets)
        third.release()
    assert await known(library) == everything


@pytest.mark.parametrize("fault", ["no-token", "same-token"])
async def test_walk_that_the_platform_breaks_off_removes_nothing(
    library: Library, server: DemoServer, fault: str
) -> None:
    many_assets(server, 1500)
    await library.sync.sweep()
    everything = await known(library)
    server.store.delete(VIEWED)
    server.faults.add(fault, "POST", SEARCH)
    report = await library.sync.sweep()
    assert (report.complete, report.removed) == (False, 0)
    assert await known(library) == everything
    assert (await library.status()).count_text.startswith("at least")


async def test_refresh_reads_newest_pages_until_nothing_is_new(
    library: Library, server: DemoServer
) -> None:
    many_assets(server, 300)
    await library.sync.sweep()
    server.store.insert([new_asset(server, f"new {number}") for number in range(3)])
    server.log.clear()
    report = await library.sync.refresh()
    assert report.total == server.store.count()
    assert len(server.requests("POST", "*/search")) == 2
    assert await library.assets.count(parse_query("name:new")) == 3


async def test_catching_up_sees_what_others_changed_and_deleted(
    library: Library, server: DemoServer
) -> None:
    old = many_assets(server, 300)[0]
    await library.sync.sweep()
    server.store.update(old, tags=("keep",))
    server.store.delete(VIEWED)
    await library.sync.refresh()
    assert await library.assets.ids(parse_query("tag:keep")) == []
    report = await library.sync.catch_up()
    assert (report.complete, report.removed) == (True, 1)
    assert await library.assets.ids(parse_query("tag:keep")) == [old]


async def test_catching_up_does_not_make_do_with_a_sweep_that_was_begun_before(
    open_session: OpenSession, server: DemoServer
) -> None:
    async with open_session(origin="tui") as one, open_session(origin="cli") as other:
        await one.sync.sweep()
        async with anyio.create_task_group() as group:
            first = server.hooks.before("POST", "*/search")
            group.start_soon(one.sync.sweep)
            await first.arrived()
            second = server.hooks.before("POST", "*/search")
            first.release()
            await second.arrived()  # what is not archived was read by now
            server.store.update(RAW, tags=("keep",))
            asked = len(server.requests())
            group.start_soon(other.sync.catch_up)
            with anyio.fail_after(stretched(30)):
                while len(server.requests()) == asked:  # noqa: ASYNC110 - the server has no events
                    await anyio.sleep(0.01)
            second.release()
        assert await other.assets.ids(parse_query("tag:keep")) == [RAW]


async def test_many_questions_for_news_take_one_more_sweep(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    server.log.clear()
    await library.sync.catch_up()
    one = len(server.requests())
    server.log.clear()
    async with anyio.create_task_group() as group:
        for _ in range(6):
            group.start_soon(library.sync.catch_up)
    assert len(server.requests()) < 3 * one


async def test_fresh_catalog_is_left_alone(library: Library, server: DemoServer) -> None:
    assert await library.sync.ensure_fresh() is not None
    asked = len(server.requests())
    assert await library.sync.ensure_fresh() is None
    assert len(server.requests()) == asked
    assert await library.sync.ensure_fresh(max_age_s=0.0) is not None


async def test_one_process_sweeps_and_the_other_waits_for_its_result(
    open_session: OpenSession, server: DemoServer
) -> None:
    async with open_session(origin="tui") as one, open_session(origin="cli") as other:
        gate = server.hooks.before("POST", "*/search")
        reports = {}

        async def sweep(name: str, library: Library) -> None:
            reports[name] = await library.sync.sweep()

        async with anyio.create_task_group() as group:
            group.start_soon(sweep, "one", one)
            await gate.arrived()
            group.start_soon(sweep, "other", other)
            await anyio.wait_all_tasks_blocked()
            gate.release()
        assert reports["one"].by_other is False
        assert reports["other"].by_other is True
        assert reports["other"].total == server.store.count()
        assert await known(other) == await known(one)


async def test_place_of_a_sweeper_that_was_cancelled_is_free_at_once(
    open_session: OpenSession, server: DemoServer
) -> None:
    async with open_session() as one, open_session() as other:
        gate = server.hooks.before("POST", "*/search")
        async with anyio.create_task_group() as group:
            group.start_soon(one.sync.sweep)
            await gate.arrived()
            group.cancel_scope.cancel()
        gate.release()
        report = await other.sync.sweep()
        assert not report.by_other


async def test_place_of_a_sweeper_that_died_is_taken_over(
    open_session: OpenSession, server: DemoServer
) -> None:
    async with open_session() as library:
        catalog = library._context.catalog
        died_at = time.time() - sweeps.STALE_AFTER_S
        assert catalog.acquire_sweep("a dead process", now=died_at, stale_after_s=1)
        report = await library.sync.sweep()
        assert not report.by_other
        assert report.complete
        assert await known(library) == {asset.id for asset in server.store.assets()}


async def test_whoever_waits_for_a_sweep_never_waits_for_its_writes(
    open_session: OpenSession, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A first sweep writes page after page, for minutes: who wants to write waits in vain."""
    monkeypatch.setattr(preparing, "BUSY_TIMEOUT_S", 0.01)
    reports: dict[str, SyncReport] = {}

    async def sweep(name: str, library: Library) -> None:
        reports[name] = await library.sync.sweep()

    async with open_session() as one, open_session() as other:
        with server.hooks.before("POST", "*/search") as gate:
            async with anyio.create_task_group() as group:
                group.start_soon(sweep, "one", one)
                await gate.arrived()
                with other.subscribe() as events, one._context.catalog._connections.writing():
                    group.start_soon(sweep, "other", other)
                    async for event in events:
                        if event == SyncProgressed("by another process", 0, 0):
                            break
                gate.release()
        assert reports["other"].by_other
        assert await known(other) == await known(one)


async def test_sweeper_whose_place_was_taken_stops(
    open_session: OpenSession, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sync, "HEARTBEAT_S", 0.01)
    async with open_session() as library:
        catalog = library._context.catalog
        with server.hooks.before("POST", "*/search") as gate:
            async with anyio.create_task_group() as group:
                group.start_soon(take_over, catalog, gate)
                with pytest.raises(Refused, match="another process has taken over the sweep"):
                    await library.sync.sweep()
        assert catalog.sync_state().sweeper == "the other"
        assert catalog.sync_state().synced_at is None


async def take_over(catalog: Catalog, gate: Gate) -> None:
    """Behave as a process does whose clock says that the sweeper is long dead."""
    await gate.arrived()
    later = time.time() + 10 * sweeps.STALE_AFTER_S
    assert catalog.acquire_sweep("the other", now=later, stale_after_s=sweeps.STALE_AFTER_S)


async def test_offline_session_shows_what_was_known(
    open_session: OpenSession, server: DemoServer
) -> None:
    async with open_session() as library:
        await library.sync.sweep()
    server.stop()
    async with open_session(offline=True) as library:
        assert await library.assets.count(EVERYTHING) == server.store.count()
        assert (await library.status()).offline
        with pytest.raises(Unreachable):
            await library.sync.sweep()


async def test_token_that_is_refused_is_an_error_and_removes_nothing(
    library: Library, server: DemoServer
) -> None:
    await library.sync.sweep()
    everything = await known(library)
    server.faults.add(401, "POST", SEARCH)
    with pytest.raises(NotSignedIn):
        await library.sync.sweep()
    assert await known(library) == everything


async def test_catalog_of_garbage_is_bypassed_with_one_line(
    open_session: OpenSession, server: DemoServer
) -> None:
    async with open_session() as library:
        path = library.settings.catalog_path
    path.unlink()
    path.mkdir()
    async with open_session() as library:
        await library.sync.sweep()
        assert await library.assets.count(EVERYTHING) == server.store.count()
        problem = (await library.status()).catalog_problem
        assert problem
        assert "\n" not in problem


def new_asset(server: DemoServer, name: str) -> StoredAsset:
    template = server.store.assets()[0]
    return msgspec.structs.replace(
        template,
        id=f"ffffffff-0000-4000-8000-{zlib.crc32(name.encode()):012x}",
        name=name,
        created=1_900_000_000,
        tags=(),
        state="ready",
    )


async def test_search_of_the_platform_tells_when_not_all_was_shown(
    legacy_server: DemoServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "WALL", 1000)
    many_assets(legacy_server, 1300)
    async with open_library(build_settings(legacy_server, tmp_path), origin="cli") as library:
        every = await library.platform.find(parse_query("-tag:nothing"))
        some = await library.platform.find(parse_query("-tag:nothing"), offset=5, limit=10)
    assert every.incomplete
    assert len(every.assets) >= 1000
    assert some.assets == every.assets[5:15]
    assert not some.incomplete


async def test_search_of_the_platform_judges_every_page(
    library: Library, server: DemoServer
) -> None:
    ids = many_assets(server, 2300)
    wanted = sorted(ids[::3])
    for asset_id in wanted:
        server.store.update(asset_id, tags=("bulk", "third"))

    plain = await library.platform.find(parse_query("tag:bulk -tag:other tag:all(third)"))
    in_order = await library.platform.find(parse_query("-tag:x tag:all(third) sort:name"), limit=5)

    assert sorted(asset.id for asset in plain.assets) == wanted
    assert [asset.id for asset in in_order.assets] == wanted[:5]
