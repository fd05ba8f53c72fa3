"""What `u` and ctrl+r undo at once, what they name first, and that one press is one undo."""

from __future__ import annotations

import pytest

from coexplorer.config import Settings
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer
from coexplorer.library.bulk import CONCURRENCY
from coexplorer.library.entries import Action, State
from coexplorer.library.results import EditResult
from coexplorer.models import AssetId
from coexplorer.tui.recent_changes import RecentChanges
from tests.support.server import COMBINED, OUTSIDE, RAW, make_id
from tests.support.tui import Running, running_app


async def archive_here(app: Running) -> None:
    await app.press("g", "a")
    await app.until(lambda: app.stored(OUTSIDE).archived, "archived")
    await app.until_gone("↑")


async def until_said(app: Running, text: str) -> None:
    """Wait for a notification: on the screen it is wrapped."""
    await app.until(lambda: any(text in said for _, said in app.app.notices), text)


async def test_a_change_of_an_earlier_session_is_named_before_it_is_undone(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await archive_here(app)
    async with running_app(server, settings) as app:
        await app.press("u")
        await app.until_shown("undo: archive open data, today ")
        await app.press("escape")
        await app.until_gone("undo: archive open data")
        assert app.stored(OUTSIDE).archived
        await app.press("u")
        await app.until_shown("undo: archive open data, today ")
        await app.press("y")
        await app.until_shown("undone: archive open data")
        assert not app.stored(OUTSIDE).archived
        # What was just undone here is done again at once.
        await app.press("ctrl+r")
        await app.until_shown("done again: archive open data")
        assert app.stored(OUTSIDE).archived


async def test_after_something_that_was_refused_an_older_change_is_not_undone_unasked(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await archive_here(app)
        await app.go_to("RNA-seq reference")
        await app.press("a")
        await app.until_shown("you can read but not change this asset")
        await app.press("u")
        await app.until_shown("undo: archive open data, today ")
        await app.press("n")
        await app.until_gone("undo: archive open data")
        assert app.stored(OUTSIDE).archived


async def test_a_change_that_was_not_sent_is_named_and_given_up(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await archive_here(app)
        await app.go_to("ecephys_655019_2023-04-03_18-17-07")
        server.faults.add(503, "*", "**")
        await app.press("+")
        await app.type("later")
        await app.press("enter")
        await app.until_shown("unsent")
        server.faults.clear()
        await app.press("u")
        await app.until_shown("which is not on the platform?")
        await app.press("y")
        await until_said(app, "given up, as the platform did not have it")
        await app.until(lambda: not app.main.state.in_flight.any, "nothing on its way")
        assert app.stored(OUTSIDE).archived


async def test_a_change_that_changed_nothing_does_not_hand_its_undo_to_another_one(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await archive_here(app)
        await app.go_to("ecephys_655019_2023-04-03_18-17-07")
        await app.press("+")
        await app.type("raw")
        await app.press("enter")
        await app.until(lambda: not app.main.state.in_flight.any, "nothing on its way")
        await app.press("u")
        await app.until_shown("undo: archive open data, today ")


async def test_a_second_press_while_an_undo_runs_is_not_a_second_undo(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await archive_here(app)
        await app.press("g", "a")
        await app.until(lambda: app.stored(COMBINED).archived, "archived")
        await app.until_gone("↑")
        with server.hooks.before("PATCH") as gate:
            await app.press("u")
            await gate.arrived()
            await app.until_shown("undo: archive both recordings")  # in the header
            await app.press("u")
            await until_said(app, "one press is enough")
            gate.release()
        await app.until_shown("undone: archive both recordings")
        assert not app.stored(COMBINED).archived
        assert app.stored(OUTSIDE).archived
        await app.press("u")
        await app.until_shown("undone: archive open data")
        assert not app.stored(OUTSIDE).archived


@pytest.mark.command("change.redo")
async def test_a_redo_leaves_a_name_that_changed_elsewhere_and_keeps_the_text_in_conflict(
    server: DemoServer, settings: Settings
) -> None:
    async def rename(app: Running, name: str) -> None:
        await app.press("r")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        await app.press("ctrl+u")
        await app.type(name)

    async with running_app(server, settings) as app:
        await rename(app, "one")
        await app.press("enter")
        await app.until(lambda: app.stored(OUTSIDE).name == "one", "renamed")
        await app.until_gone("↑")
        await app.press("u")
        await until_said(app, "undone: ")
        await rename(app, "typed with care")
        server.store.update(OUTSIDE, name="theirs")
        await app.press("enter")
        await app.until_shown("changed elsewhere")
        await app.press("escape")
        await until_said(app, "kept as unsent")
        await app.press("ctrl+r")
        await app.until_shown("redo: edit name")
        await app.press("escape")
        assert [e.state for e in await app.library.log.kept()] == [State.CONFLICT]
        await app.press("ctrl+r")
        await app.until_shown("redo: edit name")
        assert "it replaces your" not in app.text()
        await app.press("y")
        await until_said(
            app, "nothing was done again: left alone, because it was changed elsewhere"
        )
        kept = await app.library.log.kept()
        assert [(e.state, e.mine and e.mine.name) for e in kept] == [
            (State.CONFLICT, "typed with care")
        ]
        assert app.stored(OUTSIDE).name == "theirs"


async def test_a_redo_that_replaces_a_change_that_was_refused_names_it_first_and_after(
    server: DemoServer, settings: Settings
) -> None:
    async def add_tag(app: Running) -> None:
        await app.press("g", "+")
        await app.until_shown("add tag")
        await app.type("keep")
        await app.press("enter")

    async with running_app(server, settings) as app:
        await add_tag(app)
        await app.until(lambda: "keep" in app.stored(OUTSIDE).tags, "the tag")
        await app.until_gone("↑")
        await app.press("u")
        await until_said(app, "undone: ")
        server.faults.add(403, "PUT", times=1)
        await add_tag(app)
        await until_said(app, "you can read but not change this asset")
        await app.press("ctrl+r")
        await app.until_shown("redo: edit tags", "it replaces your +keep of open data, not on the")
        await app.press("escape")
        assert [e.state for e in await app.library.log.kept()] == [State.REFUSED]
        await app.press("ctrl+r")
        await app.until_shown("it replaces your +keep of open data, not on the")
        await app.press("y")
        await until_said(app, "done again: edit tags of open data")
        await until_said(app, "replaced: your +keep of open data, which the log keeps")
        assert "keep" in app.stored(OUTSIDE).tags
        assert not await app.library.log.kept()


async def test_an_undo_of_many_has_a_bar_can_be_stopped_and_names_what_it_left(
    server: DemoServer, settings: Settings
) -> None:
    server.store.clear()
    me = server.users[0].email
    server.store.insert(
        [StoredAsset(id=make_id(n), name=f"asset {n}", owner=me, created=n) for n in range(1, 21)]
    )
    async with running_app(server, settings) as app:
        await app.press("*", "+")
        await app.type("keep")
        await app.press("enter")
        await app.until_shown("add tag keep: 20 assets")
        await app.press("y")
        await app.until_shown("20 done")
        await app.press("escape")
        server.store.update(make_id(20), tags=("theirs",))
        await app.press("u")
        await app.until_shown("undo: add tag keep, 20 assets, today")
        gates = [server.hooks.before("PUT") for _ in range(CONCURRENCY)]
        await app.press("y")
        await gates[-1].arrived()
        await app.until_shown("of 20", "░")
        await app.press("u")
        await app.press("escape")
        await app.until_shown("stopping")
        for gate in gates:
            gate.release()
        await app.until_shown("not sent")
        kept = await app.library.log.kept()
        assert kept
        await app.press("r")
        await app.until_shown("0 failed")
        assert not any("keep" in asset.tags for asset in server.store.assets())
        assert len(await app.library.log.batches()) == 2
        await app.press("escape", "ctrl+r")
        await app.until_shown("redo: add tag keep,")


async def test_a_delete_can_not_be_undone_and_the_change_before_it_is_named(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.go_to("ecephys_655019_2023-04-03_18-17-07")
        await app.press("a")
        await app.until(lambda: app.stored(RAW).archived, "archived")
        await app.press("g", "D")
        await app.type("delete")
        await app.press("enter")
        await app.until_shown("deleted open data")
        await app.press("u")
        await until_said(app, "can't be undone: the change before it: archive ecephys_655019")
        assert app.stored(RAW).archived


def made(batch: int, state: State = State.APPLIED) -> EditResult:
    return EditResult(batch, batch, AssetId("a"), "a", Action.EDIT, state)


@pytest.mark.parametrize("failure", [None, made(9, State.UNCHANGED), made(9, State.SKIPPED)])
def test_only_what_went_well_since_the_last_failure_is_meant(failure: EditResult | None) -> None:
    recent = RecentChanges()
    assert not recent.means_undo(1)
    recent.note(made(3))
    recent.note(made(2))  # an answer may come late
    assert recent.means_undo(3)
    assert recent.means_undo(2)
    recent.note(failure)
    assert not recent.means_undo(3)
    recent.note(made(5))
    assert recent.means_undo(5)
    recent.note_undo(5, by=6)
    assert not recent.means_undo(5)
    assert not recent.means_undo(3)
    assert recent.means_redo(6)
    recent.note_redo(6, by=7)
    assert recent.means_undo(7)
    assert not recent.means_redo(6)
    recent.note_undo(7, by=8)
    recent.note(made(10))
    assert not recent.means_redo(8)
