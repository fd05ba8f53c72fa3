from __future__ import annotations

import msgspec
import pytest

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.models import AssetId
from coexplorer.tui.app import CoexplorerApp
from tests.support.server import COMBINED, DRAFT, OUTSIDE, THEIRS, VIEWED
from tests.support.tui import running_app


@pytest.mark.command("asset.archive", "triage.repeat")
async def test_archiving_moves_on_and_is_repeated_on_the_next(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("a")
        await app.until(lambda: app.stored(OUTSIDE).archived, "archived")
        await app.until_gone("open data")
        await app.go_to("both recordings")
        await app.press(".")
        await app.until(lambda: app.stored(COMBINED).archived, "the next one too")
        await app.press("8")
        await app.until_shown("both recordings", "archived")
        await app.go_to("both recordings")
        await app.press("a")
        await app.until(lambda: not app.stored(COMBINED).archived, "back again")


@pytest.mark.command("tag.add", "tag.remove")
async def test_tags_are_added_and_removed_by_one_key_each(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("+")
        await app.until_shown("add tag", "ecephys")
        await app.type("keep")
        await app.press("enter")
        await app.until(lambda: app.stored(OUTSIDE).tags == ("keep",), "the tag")
        await app.until(lambda: app.main.rows.cursor == 1, "moved on")
        await app.press("+")
        await app.until_shown("add tag")
        await app.press("down")
        await app.until_shown("▸ keep")  # the one that was used last is the first
        await app.press("enter")
        await app.until(lambda: app.stored(COMBINED).tags == ("keep",), "the tag used last")
        await app.go_to("open data")
        await app.press("-")
        await app.until_shown("remove tag")
        await app.press("down", "enter")
        await app.until(lambda: not app.stored(OUTSIDE).tags, "no tag")


async def test_a_key_of_the_users_own_tags_and_moves_on(
    server: DemoServer, settings: Settings
) -> None:
    own = msgspec.structs.replace(settings, actions={"K": "+keep", "x": "archive", "j": "+no"})
    async with running_app(server, own) as app:
        await app.until_shown("key j already belongs to Down")
        await app.press("K")
        await app.until(lambda: app.stored(OUTSIDE).tags == ("keep",), "the tag")
        await app.press("x")
        await app.until(lambda: app.stored(COMBINED).archived, "archived")


async def test_a_refused_triage_says_why_and_the_row_returns(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.go_to("RNA-seq reference")
        await app.press("a")
        await app.until_shown("you can read but not change this asset")
        await app.until_shown("RNA-seq reference")
        assert not app.stored(VIEWED).archived


async def test_the_same_refusal_again_is_counted_in_place_of_a_row_of_notifications(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CoexplorerApp, "NOTIFICATION_TIMEOUT", 60)
    async with running_app(server, settings) as app:
        for times in ("", "(2 times)", "(3 times)"):
            await app.go_to("RNA-seq reference")
            await app.press("a")
            await app.until_shown("you can read but not change this asset", times)
            await app.until_gone("↑")
        assert app.text().count("you can read but not change this asset") == 1


@pytest.mark.command("change.undo", "change.redo")
async def test_a_change_is_undone_and_done_again(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press("r")
        await app.type("!")
        await app.press("enter")
        await app.until(lambda: app.stored(OUTSIDE).name == "open data!", "the new name")
        await app.until_gone("↑")
        await app.press("u")
        await app.until(lambda: app.stored(OUTSIDE).name == "open data", "the old name")
        await app.until_gone("open data!")
        await app.press("ctrl+r")
        await app.until(lambda: app.stored(OUTSIDE).name == "open data!", "the new name again")


async def test_nothing_to_undo_is_said(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press("u")
        await app.until_shown("nothing to undo")


async def test_another_apps_change_appears_and_the_cursor_stays_on_its_asset(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as first:
        await first.go_to("Zebrafish atlas")
        assert first.main.rows.cursor == 5
        async with running_app(server, settings, synced=False) as second:
            await second.go_to("open data")
            await second.press("a")
            await second.until(lambda: second.stored(OUTSIDE).archived, "archived")
        await first.press("R")
        await first.until(lambda: first.main.rows.windows.count == 7, "one less")
        row = first.main.rows.current
        assert row is not None
        assert row.id == THEIRS


async def test_an_asset_that_is_made_ready_meanwhile_is_told(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        server.store.update(DRAFT, state="ready", size=10, files=1)
        await app.main.tell_settled(AssetId(DRAFT), "ready")
        await app.until_shown("ophys_draft is ready")


@pytest.mark.parametrize("keys", ["a", "+new\r", ":rename a tag\rgenomics\r\x15rna\r"])
async def test_what_is_only_viewed_is_left_out_of_a_plan_beforehand(
    server: DemoServer, settings: Settings, keys: str
) -> None:
    server.store.update(OUTSIDE, tags=("genomics",))
    server.store.update(THEIRS, tags=("genomics",))
    chosen = OUTSIDE, VIEWED, THEIRS
    async with running_app(server, settings) as app:
        app.main.state.marked.add(await app.library.assets.rows([AssetId(i) for i in chosen]))
        app.main.show_marks()
        app.send(keys.encode())
        await app.until_shown("2 assets, 1 left out", "you can view it, but not change it")
        if keys != "a":
            await app.until_shown("1 asset not yours to change: left out")
        await app.press("y")
        await app.until_shown("2 done, 0 failed")
        changed = server.log.find_all("PATCH" if keys == "a" else "PUT")
        assert not [each for each in changed if VIEWED in each.path]
        assert len(changed) == 2


async def test_where_nobody_tells_who_may_change_what_the_plan_has_all(
    server: DemoServer, settings: Settings
) -> None:
    chosen = OUTSIDE, VIEWED
    async with running_app(server, settings) as app:
        app.main.state.marked.add(await app.library.assets.rows([AssetId(i) for i in chosen]))
        server.faults.add(404, "GET", "**/permissions")
        app.send(b"+new\r")
        await app.until_shown("add tag new: 2 assets")
