"""What every command does with marked assets: it acts on all of them, or says that it does not."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable

import pytest

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.models import Asset, AssetId, Record, SourceBucket
from coexplorer.tui import external
from coexplorer.tui.actions.clipboard import build_texts
from coexplorer.tui.app import CoexplorerApp
from coexplorer.tui.command_registry import COMMANDS, get_command
from coexplorer.tui.commands import MarkUse, Scope, Situation
from tests.support.server import COMBINED, DRAFT, OUTSIDE, RAW
from tests.support.tui import Running, running_app

MARKED = (OUTSIDE, COMBINED)
"""The first two rows; the cursor is then on the third, which is not marked."""


def acts_on_a_row(command_id: str) -> bool:
    """Tell whether a command needs a row: by its own reason, so that no list can forget one."""
    reason = get_command(command_id).why_disabled
    ready = Situation(connected=True, current=True, rows=3, can_repeat=True, been_elsewhere=True)
    empty = Situation(connected=True, rows=0, can_repeat=True, been_elsewhere=True)
    return not reason(ready) and bool(reason(empty))


@pytest.mark.parametrize("command", [c.id for c in COMMANDS if c.scope is Scope.MAIN])
def test_a_command_that_needs_a_row_says_what_it_makes_of_marks(command: str) -> None:
    if acts_on_a_row(command):
        assert get_command(command).marks is not MarkUse.NONE


async def choose(app: Running, command: str) -> None:
    """Run a command by its key, or from the palette if it has none."""
    if keys := get_command(command).keys:
        await app.press(keys[0])
    else:
        await app.press(":")
        await app.type(get_command(command).title)
        await app.press("enter")


async def mark_two(app: Running) -> None:
    await app.press("space", "space")
    await app.until_shown("2 marked")
    row = app.main.rows.current
    assert row is not None
    assert row.id == DRAFT


async def see_plan(app: Running) -> None:
    """A plan of the two that are marked is on the screen."""
    await app.until_shown(": 2 assets", "open data", "both recordings")
    assert "ophys_draft" not in app.text()


async def see_tag_asked(app: Running) -> None:
    await app.until(lambda: app.main.prompt.asking, "the question")
    await app.type("keep")
    await app.press("enter")
    await app.until(lambda: app.app.screen is not app.main, "the plan")
    await app.until(lambda: "2 assets" in app.text() or "2 left out" in app.text(), "both of them")


async def see_deletion(app: Running) -> None:
    await app.until_shown("These 2 assets will be deleted", "open data", "both recordings")


async def see_attach_asked(app: Running) -> None:
    await app.until_shown("attach to", "Spike sorting")
    await app.type("Spike")
    await app.press("enter")
    await see_plan(app)


async def see_transfer_asked(app: Running) -> None:
    await app.until_shown("transfer to, with {id}")
    await app.type("elsewhere/{id}")
    await app.press("enter")
    await app.until_shown("1 asset, 1 left out", "open data", "both recordings")


async def see_share_asked(app: Running) -> None:
    await app.until_shown("who can see 2 marked:", "everyone")


async def see_metadata_asked(app: Running) -> None:
    await app.until(lambda: app.main.prompt.asking, "the question")
    await app.type("age=3")
    await app.press("enter")
    await app.until(lambda: app.app.screen is not app.main, "the plan")
    await app.until(lambda: "2 assets" in app.text(), "both of them")


async def see_rename_asked(app: Running) -> None:
    await app.until_shown("rename which tag (2 marked)")
    await app.press("escape")


async def see_copies(app: Running) -> None:
    await app.until_shown("copy of 2 marked", "2 ids", "2 names", "2 links")


async def see_document(app: Running) -> None:
    assert app.main.targets() == list(MARKED)


async def see_repeated(app: Running) -> None:
    await see_plan(app)


ALL: dict[str, Callable[[Running], Awaitable[None]]] = {
    "edit.external": see_document,
    "asset.archive": see_plan,
    "asset.attach": see_attach_asked,
    "asset.transfer": see_transfer_asked,
    "asset.share": see_share_asked,
    "asset.metadata": see_metadata_asked,
    "tag.add": see_tag_asked,
    "tag.remove": see_tag_asked,
    "tag.rename": see_rename_asked,
    "triage.repeat": see_repeated,
    "asset.copy": see_copies,
    "asset.delete": see_deletion,
}
ONE = {
    "edit.start": "only this one; E edits all 2 marked",
    "edit.name": "only this one; E edits all 2 marked",
    "edit.description": "only this one; E edits all 2 marked",
    "edit.mount": "only this one; E edits all 2 marked",
    "edit.metadata": "only this one; E edits all 2 marked",
    "edit.tags": "only this one; + and - tag all 2 marked",
    "find.derived": "only this one, not the marked ones",
    "asset.open": "only this one, not the marked ones",
    "files.show": "only this one, not the marked ones",
}


def test_every_command_that_acts_on_marks_or_not_is_tried_here() -> None:
    assert set(ALL) == {c.id for c in COMMANDS if c.marks is MarkUse.ALL}
    assert set(ONE) == {c.id for c in COMMANDS if c.marks is MarkUse.ONE}


@pytest.mark.parametrize("command", ALL)
async def test_it_acts_on_all_that_are_marked(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setenv("EDITOR", "true")
    async with running_app(server, settings) as app:
        if command == "triage.repeat":
            await app.press("G", "a")
            await app.until(lambda: app.main.state.last_action is not None, "something to repeat")
            await app.press("g")
        await mark_two(app)
        if command != "edit.external":  # it takes the terminal: see test_external_editor
            await choose(app, command)
        await ALL[command](app)


@pytest.mark.parametrize("command", ONE)
async def test_it_says_that_it_is_about_one(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    monkeypatch.setattr(external, "has_browser", lambda: False)
    async with running_app(server, settings) as app:
        await mark_two(app)
        await choose(app, command)
        await app.until_shown(ONE[command])
        if get_command(command).group.value == "Edit in place":
            assert "2 marked  ctrl+s" not in app.text().replace(ONE[command], "")


async def test_marks_stay_for_a_second_change_and_go_with_what_is_deleted(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await mark_two(app)
        for key, tag in (("+", "new"), ("-", "new")):
            await app.press(key)
            await app.type(tag)
            await app.press("enter")
            await app.until_shown(f" tag {tag}: 2 assets")
            await app.press("y")
            await app.until_shown("2 done, 0 failed")
            await app.press("escape")
            await app.until_shown("2 marked")
            await app.until(lambda: any("still" in text for _, text in app.app.notices), "said")
        await app.press("-")
        await app.type("atlas")  # neither of them has it
        await app.settle()
        assert not [c for c in app.main.prompt._choices.choices if c.value == "atlas"]
        await app.press("escape")
        await app.until(lambda: not app.main.prompt.asking, "left")
        await app.press("D")
        await app.type("delete 2")
        await app.press("enter")
        await app.until_shown("archive and delete: 2 assets")
        await app.press("y")
        await app.until_shown("2 done, 0 failed")
        await app.press("escape")
        await app.until_gone("2 marked")
        assert not app.main.state.marked


@pytest.mark.parametrize("keys", ["_", "kk  "])
async def test_what_is_said_of_marks_is_gone_with_them(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, keys: str
) -> None:
    monkeypatch.setattr(CoexplorerApp, "NOTIFICATION_TIMEOUT", 600)
    async with running_app(server, settings) as app:
        await mark_two(app)
        await app.press("+")
        await app.type("new")
        await app.press("enter")
        await app.until_shown(" tag new: 2 assets")
        await app.press("y")
        await app.until_shown("2 done, 0 failed")
        await app.press("escape")
        await app.until_shown("still: _ unmarks them")
        await app.type(keys)
        await app.until_gone("still:")


def test_many_are_copied_a_line_each_and_attached_by_one_snippet() -> None:
    bucket = SourceBucket("raw", "aws", "a/1")
    first = Asset(id=AssetId("1"), name="two\nlines", mount="m", source=bucket, raw=b'{"id":"1"}')
    second = Asset(id=AssetId("2"), name="plain", raw=b'{"id":"2"}')
    texts = build_texts([Record(first), Record(second)], "https://co")
    assert texts["id"].text == "1\n2"
    assert texts["name"].text == "two lines\nplain"
    assert texts["link"].text.splitlines() == [
        "https://co/data-assets/1",
        "https://co/data-assets/2",
    ]
    assert (texts["S3 path"].text, texts["S3 path"].left_out) == ("s3://raw/a/1", 1)
    assert json.loads(texts["JSON"].text) == [{"id": "1"}, {"id": "2"}]
    assert json.loads(texts["attach snippet"].text) == {
        "data_assets": [{"id": "1", "mount": "m"}, {"id": "2", "mount": "plain"}]
    }
    assert build_texts([Record(first)], "https://co")["name"].text == "two\nlines"


async def test_marks_that_are_not_in_the_list_are_told_before_anything_is_done_to_them(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await mark_two(app)
        app.burst("/atlas\r")
        await app.until_shown("2 marked, 2 not in this list")
        await app.press("space")
        await app.until_shown("3 marked, 2 not in this list")
        await app.press("a")
        await app.until_shown("archive: 3 assets (2 not in the list)")
        await app.until(lambda: app.text().count("not in the list that is shown") == 2, "which")
        await app.press("escape", "D")
        await app.until_shown("2 assets of these not in the list that is shown")
        await app.press("escape", "escape")
        await app.until_gone("3 marked")


@pytest.mark.parametrize("key", ["a", "+keep\r"])
async def test_a_plan_says_what_changed_since_its_assets_were_marked(
    server: DemoServer, settings: Settings, key: str
) -> None:
    async with running_app(server, settings) as app:
        await mark_two(app)
        server.store.update(OUTSIDE, tags=("theirs",))
        await app.library.platform.fetch(AssetId(OUTSIDE))
        app.burst(key)
        await app.until_shown(": 2 assets", "changed since it was marked: tags")
        assert app.text().count("changed since") == 1


async def test_what_we_changed_ourselves_is_not_told(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await mark_two(app)
        await app.press("g")
        app.burst("r!\r")
        await app.until(lambda: app.stored(OUTSIDE).name == "open data!", "the name")
        await app.until_gone("↑")
        await app.press("a")
        await app.until_shown("archive: 2 assets", "open data!")
        assert "changed since" not in app.text()


async def test_what_left_the_search_since_it_was_marked_is_left_out_and_says_why(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.burst("/tag:raw\r*")
        await app.until_shown("1 marked")
        server.store.update(RAW, tags=("keep",))
        await app.library.platform.fetch(AssetId(RAW))
        await app.press("a")
        await app.until_shown("archive: 1 asset", "changed since it was marked: tags")
        await app.press("y")
        await app.until_shown("it no longer matches the query: its tags changed")
        assert not app.stored(RAW).archived


async def test_a_text_of_what_a_search_has_marked_is_judged_by_the_search_again(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(server, settings) as app:

        async def write(_before: str, text: str) -> external.Edited:
            return external.Edited(text.replace("ecephys_655019_2023", "mine_2023"), "")

        monkeypatch.setattr(app.app, "run_editor", write)
        app.burst("/tag:raw\r*")
        await app.until_shown("1 marked")
        await app.press("E")
        await app.until_shown("edit as text: 1 asset")
        server.store.update(RAW, tags=("keep",))
        await app.press("y")
        await app.until_shown("it no longer matches the query: its tags changed")
        assert not app.stored(RAW).name.startswith("mine")


async def test_deleting_what_a_search_has_marked_judges_it_by_the_search_again(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.burst("/tag:raw\r*")
        await app.until_shown("1 marked")
        server.store.update(RAW, tags=("keep",))
        await app.press("D")
        await app.until_shown("type delete:")
        await app.until_gone("Reading it")
        await app.type("delete")
        await app.press("enter")
        await app.until_shown("it no longer matches the query")
        assert app.server.store.find(RAW) is not None
