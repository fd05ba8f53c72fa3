from __future__ import annotations

import contextlib
import sqlite3

import pytest

from coexplorer.config import Settings
from coexplorer.demo.asset import Role, StoredAsset
from coexplorer.demo.hooks import Gate
from coexplorer.demo.server import DemoServer
from coexplorer.library.bulk import CONCURRENCY
from coexplorer.library.entries import State
from coexplorer.models import AssetId
from tests.support.server import COMBINED, OUTSIDE, VIEWED, make_id
from tests.support.tui import Running, running_app


@pytest.mark.command("plan.apply")
async def test_marked_assets_are_changed_as_a_plan_with_a_diff(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("space", "space", "+")
        await app.until_shown("add tag")
        await app.type("keep")
        await app.press("enter")
        await app.until_shown("add tag keep: 2 assets", "+keep", "open data", "both recordings")
        assert app.stored(OUTSIDE).tags == ()
        await app.press("y")
        await app.until_shown("2 done, 0 failed, 0 left out", "u undoes all of it")
        assert app.stored(OUTSIDE).tags == app.stored(COMBINED).tags == ("keep",)
        await app.press("escape")
        await app.until_shown("keep", "1 All 8")
        assert len(app.main.state.marked) == 2
        await app.press("u")
        await app.until_shown("undo: add tag keep, 2 assets, today", "-keep", "open data")
        assert app.stored(OUTSIDE).tags == ("keep",)
        await app.press("y")
        await app.until_shown("2 done, 0 failed", "ctrl+r does it again")
        assert not app.stored(OUTSIDE).tags
        assert not app.stored(COMBINED).tags


async def test_a_plan_that_is_left_sends_nothing(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press("*", "a")
        await app.until_shown("archive: 7 assets, 1 left out")
        await app.press("escape")
        await app.until_shown("8 marked")
        assert not server.log.find_all("PATCH")


@pytest.mark.command("plan.retry")
@pytest.mark.parametrize("fault", [403, 503])
async def test_what_failed_is_shown_first_and_tried_again_unless_it_was_refused(
    server: DemoServer, settings: Settings, fault: int
) -> None:
    server.store.update(VIEWED, roles={server.users[0].email: Role.EDITOR})
    async with running_app(server, settings) as app:
        server.faults.add(fault, "PUT", f"data_assets/{VIEWED}")
        await app.go_to("RNA-seq reference")
        await app.press("space", "g", "space", "+")
        await app.until_shown("add tag")
        await app.type("keep")
        await app.press("enter", "y")
        refused = fault == 403
        again = "refused changes stay" if refused else "r retries the failed"
        await app.until_shown("1 done, 1 failed", "RNA-seq reference", again)
        server.faults.clear()
        await app.press("r")
        if refused:
            await app.press("escape")
            await app.until_gone("1 done, 1 failed")
            assert "keep" not in app.stored(VIEWED).tags
            return
        await app.until_shown("2 done, 0 failed")
        assert "keep" in app.stored(VIEWED).tags


async def test_what_changes_while_a_delete_is_confirmed_is_shown_again(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("D")
        await app.until_shown("Type delete and press Enter")
        await app.settle()
        await app.until_shown("open data")
        await app.type("delete")
        server.store.update(OUTSIDE, name="the only copy")
        await app.press("enter")
        await app.until_shown("the only copy", "Type delete and press Enter")
        assert server.store.find(OUTSIDE) is not None
        await app.type("delete")
        await app.press("enter")
        await app.until(lambda: server.store.find(OUTSIDE) is None, "deleted")


async def test_many_are_deleted_after_a_typed_confirmation(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("space", "space", "D")
        await app.until_shown("These 2 assets", "Type delete 2")
        await app.type("delete 2")
        await app.press("enter")
        await app.until_shown("archive first", "delete permanently")
        await app.press("y")
        await app.until_shown("2 done", "this can't be undone")
        assert "undoes" not in app.text()
        assert server.store.find(OUTSIDE) is None
        assert server.store.find(COMBINED) is None


def add_assets(server: DemoServer) -> None:
    """Replace the assets with 20 that the first user may change."""
    server.store.clear()
    me = server.users[0].email
    server.store.insert(
        [StoredAsset(id=make_id(n), name=f"asset {n}", owner=me, created=n) for n in range(1, 21)]
    )


async def tag_all(app: Running) -> None:
    """Begin to tag every asset with ``keep``."""
    await app.press("*", "+")
    await app.until_shown("add tag")
    await app.type("keep")
    await app.press("enter")
    await app.until_shown("add tag keep: 20 assets")
    await app.press("y")


@pytest.mark.command("screen.close")
async def test_a_plan_that_is_stopped_ends_what_is_on_its_way_and_begins_nothing_more(
    server: DemoServer, settings: Settings
) -> None:
    add_assets(server)
    async with running_app(server, settings) as app:
        gates = [server.hooks.before("PUT") for _ in range(CONCURRENCY)]
        await tag_all(app)
        for gate in gates:
            await gate.arrived()
        await app.until_shown("Esc stop")
        await app.press("escape")
        await app.until_shown("stopping after the requests on their way")
        for gate in gates:
            gate.release()
        await app.until_shown("stopped: 8 done, 12 not sent", "r goes on", "r go on  Esc close")
        assert sum(asset.tags == ("keep",) for asset in server.store.assets()) == CONCURRENCY
        assert {entry.state for entry in await app.library.log.kept()} == {State.STOPPED}
        assert not await app.library.log.unsent()
        await app.press("r")
        await app.until_shown("20 done, 0 failed")
        assert len(server.log.find_all("PUT")) == 20


@pytest.mark.parametrize("arrived", [0, 1, 3, 8])
@pytest.mark.parametrize("key", ["escape", "ctrl+c", "q"])
async def test_a_plan_that_is_cancelled_counts_what_has_arrived(
    server: DemoServer, settings: Settings, arrived: int, key: str
) -> None:
    add_assets(server)
    async with running_app(server, settings) as app:
        after = [server.hooks.after("PUT") for _ in range(arrived)]
        before = [server.hooks.before("PUT") for _ in range(CONCURRENCY - arrived)]
        await tag_all(app)
        for gate in (*after, *before):
            await gate.arrived()
        await app.press(key)
        await app.until_shown("stopping after the requests on their way")
        await app.press(key)
        for gate in after:
            gate.release()
        coming = f", {CONCURRENCY - arrived} that may have arrived" if arrived < CONCURRENCY else ""
        await app.until_shown(
            f"stopped: {arrived} done, {20 - CONCURRENCY} not sent{coming}", "r goes on"
        )
        assert sum(asset.tags == ("keep",) for asset in server.store.assets()) == arrived
        for gate in before:
            gate.release()
        await app.press("r")
        await app.until_shown("20 done, 0 failed")
        assert all(asset.tags == ("keep",) for asset in server.store.assets())


@pytest.mark.parametrize("presses", [1, 2])
async def test_a_plan_that_is_stopped_while_it_is_written_down_has_sent_nothing(
    server: DemoServer, settings: Settings, presses: int
) -> None:
    add_assets(server)
    async with running_app(server, settings) as app:
        await app.library.log.ensure_journal()
        with contextlib.closing(sqlite3.connect(settings.journal_path)) as other:
            other.execute("BEGIN IMMEDIATE")
            await tag_all(app)
            await app.until_shown("Esc stop")
            for _ in range(presses):
                await app.press("escape")
            other.rollback()
        await app.until_shown("stopped: 0 done, 20 not sent", "r goes on")
        assert not server.log.find_all("PUT")
        assert {entry.state for entry in await app.library.log.kept()} == {State.STOPPED}
        await app.press("r")
        await app.until_shown("20 done, 0 failed")


async def test_what_is_left_of_a_stopped_plan_is_given_up_at_once(
    server: DemoServer, settings: Settings
) -> None:
    add_assets(server)
    async with running_app(server, settings, size=(40, 12)) as app:
        gates = [server.hooks.before("PUT") for _ in range(CONCURRENCY)]
        await tag_all(app)
        await gates[0].arrived()
        await app.until_shown("░ 0 of 20")
        await app.press("escape")
        for gate in gates:
            await gate.arrived()
            gate.release()
        await app.until_shown("stopped: 8 done, 12 not sent")
        await app.press("escape", "L")
        await app.until_shown("12 stopped")
        await app.press("enter")
        await app.until_shown("stopped     +keep")
        await app.press("j", "x")
        await app.until_shown("discard")
        await app.press("y")
        await app.until_shown("11 stopped")
        await app.press("k", "x")
        await app.until_shown("discard all 11")
        await app.press("a")
        await app.until_gone("11 stopped")
        assert not await app.library.log.kept()
        await app.press("escape")
        await app.until_gone("Log: ")
        await app.until_gone("unsent")


async def test_what_a_search_has_marked_must_be_in_it_still(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("space", "*", "+")  # the first one is marked by hand
        await app.until_shown("add tag")
        await app.type("keep")
        await app.press("enter")
        await app.until_shown("add tag keep: 7 assets, 1 left out")
        server.store.update(OUTSIDE, archived=True)
        server.store.update(COMBINED, archived=True)
        await app.press("y")
        await app.until_shown(" 2 left out")
        assert app.stored(OUTSIDE).tags == ("keep",)
        assert app.stored(COMBINED).tags == ()
        await app.press("escape")
        # What was changed here may no longer match, and is marked anyway.
        marks = app.main.state.marked
        await app.until(lambda: len(marks) - len(marks.fits) > 1, "marks that are meant")
        assert AssetId(COMBINED) in marks.fits


async def retry_what_was_stopped(app: Running, server: DemoServer) -> list[Gate]:
    """Stop a plan after 8 of 20, and retry the rest from the log; return its requests, held."""
    gates = [server.hooks.before("PUT") for _ in range(CONCURRENCY)]
    await tag_all(app)
    await gates[0].arrived()
    await app.press("escape")
    for gate in gates:
        await gate.arrived()
        gate.release()
    await app.until_shown("stopped: 8 done, 12 not sent")
    await app.press("escape", "L")
    await app.until_shown("12 stopped")
    gates = [server.hooks.before("PUT") for _ in range(CONCURRENCY)]
    await app.press("r")
    for gate in gates:
        await gate.arrived()
    return gates


@pytest.mark.parametrize("key", ["escape", "q"])
async def test_a_retry_from_the_log_stops_as_any_other_run_does(
    server: DemoServer, settings: Settings, key: str
) -> None:
    add_assets(server)
    async with running_app(server, settings) as app:
        gates = await retry_what_was_stopped(app, server)
        await app.until_shown("Esc stop")
        await app.press(key)
        await app.until_shown("stopping after the requests on their way")
        for gate in gates:
            gate.release()
        await app.until_shown("stopped: 16 done, 4 not sent")
        await app.press("escape")
        await app.until_shown("Log: 1 change, 4 stopped", "16 applied; stopped, 4 not sent")


async def test_a_retry_that_is_cut_off_leaves_a_log_that_agrees_with_itself(
    server: DemoServer, settings: Settings
) -> None:
    add_assets(server)
    async with running_app(server, settings) as app:
        gates = await retry_what_was_stopped(app, server)
        await app.press("escape", "escape", "escape")
        for gate in gates:
            gate.release()

        async def agrees() -> bool:
            (batch,) = await app.library.log.batches()
            return batch.outcome in app.text() and "planned" not in batch.outcome

        await app.until(agrees, "the log as the journal has it")
