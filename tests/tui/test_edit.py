from __future__ import annotations

import pytest

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.tui.memory import Memory
from coexplorer.tui.widgets.fields import FieldsEditor
from tests.support.disk import no_room_on_the_disk
from tests.support.server import FAILED, OUTSIDE, RAW, THEIRS, VIEWED
from tests.support.tui import Running, running_app

NAME = "ecephys_655019_2023-04-03_18-17-07"


def editor_of(app: Running) -> FieldsEditor:
    editing = app.main.state.editing
    assert editing is not None
    return editing.editor


async def add_mark(app: Running) -> None:
    """Save the name with an exclamation mark behind it."""
    await app.press("r")
    await app.type("!")
    await app.press("enter")


@pytest.mark.command("edit.name")
async def test_a_name_is_edited_in_place_and_saved_by_enter(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await add_mark(app)
        await app.until(lambda: app.stored(OUTSIDE).name == "open data!", "the new name")
        await app.until_shown("open data!")
        assert app.main.rows.has_focus
        assert app.main.state.editing is None


@pytest.mark.command("edit.start", "edit.save")
async def test_all_fields_are_saved_by_one_request(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        server.log.clear()
        await app.press("e")
        await app.type("2")
        await app.press("tab")
        await app.type("*new*")
        await app.press("tab")
        await app.type("keep, raw")
        await app.press("tab", "end")
        await app.type("2")
        await app.press("ctrl+s")
        await app.until(lambda: app.stored(OUTSIDE).name == "open data2", "the new name")
        stored = app.stored(OUTSIDE)
        assert stored.description == "*new*"
        assert set(stored.tags) == {"keep", "raw"}
        assert stored.mount == "open2"
        assert len(server.log.find_all("PUT")) == 1


@pytest.mark.command("edit.description")
async def test_a_description_keeps_its_lines(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press("d")
        await app.type("one")
        await app.press("enter")
        await app.type("two")
        await app.press("ctrl+s")
        await app.until(lambda: app.stored(OUTSIDE).description == "one\ntwo", "two lines")


async def test_the_tags_end_in_a_comma_only_while_another_one_can_be_typed(
    server: DemoServer, settings: Settings
) -> None:
    server.store.update(OUTSIDE, tags=["raw", "pilot"])
    async with running_app(server, settings) as app:
        await app.press("e")
        await app.until_shown("raw, pilot")
        await app.until_gone("pilot,")
        await app.press("tab", "tab")
        await app.until_shown("raw, pilot,")
        await app.press("tab")
        await app.until_gone("pilot,")
        await app.press("ctrl+s")
        await app.until(lambda: app.main.state.editing is None, "closed")
    assert server.log.find_all("PUT") == []


@pytest.mark.command("edit.tags", "edit.mount")
async def test_tags_are_completed_and_a_mount_is_edited(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("t")
        await app.type("ece")
        await app.until_shown("ecephys    ")
        await app.press("tab", "enter")
        await app.until(lambda: app.stored(OUTSIDE).tags == ("ecephys",), "the tag")
        await app.press("m")
        await app.type("x")
        await app.press("enter")
        await app.until(lambda: app.stored(OUTSIDE).mount == "openx", "the mount")


@pytest.mark.command("edit.leave")
async def test_leaving_asks_only_when_something_was_typed(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("r", "escape")
        await app.until(lambda: app.main.state.editing is None, "left at once")
        await app.press("r")
        await app.type("x")
        await app.press("escape")
        await app.until_shown("leave without saving?")
        await app.press("n")
        await app.until(lambda: not app.main.prompt.asking, "the question gone")
        assert editor_of(app).typed
        await app.press("escape")
        await app.until_shown("leave without saving?")
        await app.press("y")
        await app.until(lambda: app.main.state.editing is None, "left")
        assert app.stored(OUTSIDE).name == "open data"


async def test_what_a_field_refuses_is_told_at_it_until_it_is_right(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("r", "ctrl+u", "tab", "tab", "tab", "ctrl+u")
        await app.type("/data")
        wrong = ("it can't be empty", "expected a folder name without a leading /: '/data'")
        for key in ("enter", "ctrl+s"):
            await app.press(key)
            await app.until_shown(*wrong)
            assert getattr(app.app.focused, "field_name", "") == "name"
        await app.type("n")
        await app.until_gone(wrong[0])
        assert wrong[1] in app.text()
        await app.press("tab", "tab", "tab", "ctrl+u")
        await app.type("a/../b")
        assert "expected a" not in app.text()  # while it is typed, nothing is said
        await app.press("enter")
        await app.until_shown("expected a relative folder name: 'a/../b'")
        await app.press(*["backspace"] * 5)
        await app.until_gone("expected a")
        assert not app.app.notices
        await app.press("enter")
        await app.until(lambda: app.stored(OUTSIDE).mount == "a", "saved")
        assert app.stored(OUTSIDE).name == "n"


async def test_a_refused_edit_returns_with_its_reason_and_the_text_is_kept(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.go_to("RNA-seq reference")
        await add_mark(app)
        await app.until_shown("you can read but not change this asset", "refused: L")
        await app.until(
            lambda: (row := app.main.rows.current) and row.name == "RNA-seq reference", "the old"
        )
        assert app.stored(VIEWED).name == "RNA-seq reference"
        entries = await app.library.log.kept()
        assert [entry.mine.name for entry in entries if entry.mine] == ["RNA-seq reference!"]


async def test_the_row_shows_the_edit_while_it_is_on_its_way(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        with server.hooks.before("PUT") as gate:
            await add_mark(app)
            await app.until_shown("↑ open data!", "── ↑ open data!", "name         open data!")
            assert app.stored(OUTSIDE).name == "open data"
            gate.release()
            await app.until(lambda: app.stored(OUTSIDE).name == "open data!", "sent")
        await app.until_gone("↑")


async def test_after_a_refusal_list_and_details_show_what_is_true(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.go_to("RNA-seq reference")
        with server.hooks.before("PUT") as gate:
            await add_mark(app)
            await app.until_shown("↑ RNA-seq reference!", "name         RNA-seq reference!")
            gate.release()
            await app.until_gone("↑")
        await app.until_shown("── RNA-seq reference ──", "refused: L")
        await app.until_gone("RNA-seq reference!")


async def test_of_two_edits_of_one_asset_the_later_is_shown_until_both_have_ended(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        with server.hooks.before("PUT") as gate:
            await add_mark(app)
            await app.until_shown("↑ open data!")
            await add_mark(app)
            await app.until_shown("↑ open data!!", "name         open data!!")
            gate.release()
            await app.until(lambda: app.stored(OUTSIDE).name == "open data!!", "both sent")
        await app.until_gone("↑")
        await app.until_shown("  open data!! ", "name         open data!!")


async def test_a_refused_archiving_is_taken_back_though_an_edit_is_on_its_way(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.go_to("RNA-seq reference")
        with server.hooks.before("PUT") as put:
            with server.hooks.before("PATCH") as patch:
                await app.press("a")
                await app.until(lambda: _shown_archived(app, VIEWED), "archived ahead")
                await app.press("k")
                await add_mark(app)
                await app.until_shown("↑ RNA-seq reference!")
                assert _shown_archived(app, VIEWED)
                patch.release()
            await app.until(lambda: not _shown_archived(app, VIEWED), "refused")
            await app.until_shown("↑ RNA-seq reference!")
            put.release()
        await app.until_gone("↑")
        assert not app.stored(VIEWED).archived


def _shown_archived(app: Running, asset_id: str) -> bool:
    rows = app.main.rows.windows.iter_known()
    return any(row.archived for _, row in rows if row.id == asset_id)


async def test_hostile_text_is_shown_harmless_and_saved_as_it_was(
    server: DemoServer, settings: Settings
) -> None:
    name = "evil\x1b[31m \u202egpj [bold]x[/] [/v1]\u0301"
    tags = ("a\nb", "[/red]")
    server.store.update(FAILED, name=name, tags=tags, description="\x1b]0;owned\x07" + "z" * 10_000)
    async with running_app(server, settings) as app:
        await app.until_shown("evil\\x1b[31m \\u202egpj [bold]x[/] [/v1]")
        for row_index in range(app.main.rows.windows.count):
            app.main.rows.move_to(row_index)
            if (row := app.main.rows.current) and row.id == FAILED:
                break
        await app.until_shown("\\x1b]0;owned\\x07")
        await app.press("m")
        await app.type("2")
        await app.press("enter")
        await app.until(lambda: app.stored(FAILED).mount == "ophys_failed2", "the mount")
        assert app.stored(FAILED).name == name
        assert set(app.stored(FAILED).tags) == set(tags)
        assert "\x1b" not in app.text()
        assert "\u202e" not in app.text()


async def test_an_edit_by_somebody_else_meanwhile_is_merged(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.go_to(NAME)
        await app.press("r")
        server.store.update(RAW, description="theirs", tags=("ecephys", "theirs"))
        await app.type("!")
        await app.press("enter")
        await app.until(lambda: app.stored(RAW).name == f"{NAME}!", "my name")
        assert app.stored(RAW).description == "theirs"
        assert "theirs" in app.stored(RAW).tags


async def test_what_was_typed_when_the_app_ended_is_offered_again(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coexplorer.tui.terminal.bursts.PAUSE_S", 0.0)  # Enter is meant
    async with running_app(server, settings) as app:
        await app.press("r")
        await app.type(" v2")
        await app.until(lambda: editor_of(app).mine.name == "open data v2", "typed")
        await app.settle()
    assert Memory(settings.journal_path).edits.take()
    async with running_app(server, settings) as app:
        await app.until_shown("you were editing open data, today ", "go on")
        await app.press("x")
        await app.until(lambda: any("Enter takes" in text for _, text in app.app.notices), "keys")
        await app.press("enter")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        app.main.rows.move_to(4)  # as where others have made newer assets since
        await app.press("enter")
        await app.until(lambda: app.stored(OUTSIDE).name == "open data v2", "saved at last")
        said = "saved: open data v2"
        await app.until(lambda: said in [text for _, text in app.app.notices], said)
        await app.until(lambda: (row := app.main.rows.current) and row.id == OUTSIDE, "its row")
        await app.until(lambda: not Memory(settings.journal_path).edits.take(), "no draft left")


async def test_the_answer_to_one_edit_leaves_the_draft_of_the_next(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        with server.hooks.before("PUT") as gate:
            await add_mark(app)
            await app.until_shown("↑ open data!")
            await app.press("j", "r")
            await app.type(" v2")
            await app.until(lambda: editor_of(app).typed, "typed")
            await app.settle()
            gate.release()
            await app.until_gone("↑")
        drafts = Memory(settings.journal_path).edits.take()
        assert [draft.mine.name for _, draft in drafts] == ["both recordings v2"]
        await app.press("escape")
        await app.until_shown("leave without saving?")
        await app.press("y")
        await app.until(lambda: not Memory(settings.journal_path).edits.take(), "given up")


async def test_what_is_typed_behind_the_tags_is_another_tag(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.go_to("Zebrafish atlas")
        await app.press("t", "escape")
        await app.until(lambda: app.main.state.editing is None, "left: nothing was typed")
        await app.press("t")
        await app.type("keep")
        await app.press("enter")
        await app.until(lambda: app.stored(THEIRS).tags == ("atlas", "keep"), "both tags")


async def test_a_click_behind_the_tags_goes_on_with_another_tag(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.go_to("Zebrafish atlas")
        await app.press("r")
        tags = editor_of(app).query_one("#field-tags")
        await app.until(lambda: tags.size.width > 2, "laid out")
        await app.pilot.click(tags, offset=(tags.size.width - 2, 0))
        await app.until(lambda: tags.has_focus, "the tags")
        await app.type("keep")
        await app.press("enter")
        await app.until(lambda: app.stored(THEIRS).tags == ("atlas", "keep"), "both tags")


async def test_the_end_of_a_long_text_is_seen_where_it_is_typed(
    server: DemoServer, settings: Settings
) -> None:
    server.store.update(OUTSIDE, name="long " * 40, description="word" * 60)
    async with running_app(server, settings, size=(80, 24)) as app:
        await app.press("r")
        await app.type("the-end")
        await app.until_shown("long the-end")
        await app.press("escape", "y")
        await app.until(lambda: app.main.state.editing is None, "closed")
        await app.press("d")
        await app.type("the-end")
        await app.until_shown("the-end")


@pytest.mark.parametrize(("key", "field"), [("r", "name"), ("d", "description"), ("t", "tags")])
async def test_what_could_not_be_written_down_stays_in_its_field(
    server: DemoServer, settings: Settings, key: str, field: str
) -> None:
    async with running_app(server, settings) as app:
        server.log.clear()
        await app.press(key)
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        await app.type("kept")
        with no_room_on_the_disk():
            await app.press("ctrl+s")
            await app.until(
                lambda: any("nothing was sent" in t for _, t in app.app.notices), "told"
            )
            await app.until(lambda: app.main.state.editing is not None, "the fields again")
            assert "kept" in str(getattr(editor_of(app).mine, field))
            assert editor_of(app).at == field
        assert server.log.find_all("PUT") == []
        await app.press("ctrl+s")
        await app.until(lambda: "kept" in str(getattr(app.stored(OUTSIDE), field)), "saved at last")


async def test_a_tag_that_could_not_be_written_down_is_asked_for_again(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("+")
        await app.until_shown("add tag")
        await app.type("keep, more")
        with no_room_on_the_disk():
            await app.press("enter")
            await app.until(
                lambda: any("nothing was sent" in t for _, t in app.app.notices), "told"
            )
            await app.until_shown("add tag", "keep, more")
        await app.press("enter")
        await app.until(lambda: set(app.stored(OUTSIDE).tags) == {"keep", "more"}, "the tags")


async def test_a_draft_comes_back_in_the_field_it_was_in(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("t")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        await app.type("keep")
        await app.until(lambda: editor_of(app).mine.tags == ("keep",), "typed")
        await app.settle()
    async with running_app(server, settings) as app:
        await app.until_shown("you were editing open data")
        await app.press("j", "j", "enter", "enter")  # as if they were for the list
        await app.until(lambda: not app.main.prompt.asking, "answered")
        assert Memory(settings.journal_path).edits.take()
    async with running_app(server, settings) as app:
        await app.until_shown("you were editing open data")
        await app.press("enter")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        assert editor_of(app).at == "tags"
        await app.type("2")
        await app.press("enter")
        await app.until(lambda: set(app.stored(OUTSIDE).tags) == {"keep", "2"}, "another tag")
        assert app.stored(OUTSIDE).name == "open data"


async def test_a_draft_is_thrown_away_only_when_it_is_said_twice(
    server: DemoServer, settings: Settings
) -> None:
    memory = Memory(settings.journal_path)
    async with running_app(server, settings) as app:
        await app.press("r")
        await app.type("!")
        await app.settle()
    async with running_app(server, settings) as app:
        await app.until_shown("you were editing open data")
        await app.press("up", "enter")
        await app.until_shown("throw it away")
        assert memory.edits.take()
        await app.press("y")
        await app.until(lambda: not memory.edits.take(), "gone")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("  new  ", True),
        ("new\u3000", True),
        ("new\xa0", True),
        ("new", False),
        ("new name", False),
    ],
)
async def test_blanks_that_are_left_out_around_a_name_are_named(
    server: DemoServer, settings: Settings, typed: str, *, said: bool
) -> None:
    async with running_app(server, settings) as app:
        await app.press("r", "ctrl+u")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        app.paste(typed)
        await app.settle()
        await app.press("enter")
        await app.until(lambda: app.stored(OUTSIDE).name == typed.strip(), "the name")
        await app.until_gone("↑")
        notices = [text for _, text in app.app.notices]
        assert notices == (["left out the spaces around the name"] if said else [])


async def test_blanks_around_a_name_alone_are_nothing_to_save(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("r")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        await app.type("  ")
        await app.press("enter")
        await app.until(lambda: app.main.state.editing is None, "closed")
        assert not server.requests("PUT")


async def test_keys_go_to_the_start_and_the_end_of_a_long_description(
    server: DemoServer, settings: Settings
) -> None:
    server.store.update(OUTSIDE, description="line\n" * 60 + "last")
    async with running_app(server, settings) as app:
        await app.press("d")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        await app.press("ctrl+home")
        await app.type("first ")
        await app.press("ctrl+end")
        await app.type(" of all")
        await app.press("ctrl+s")
        wanted = "first " + "line\n" * 60 + "last of all"
        await app.until(lambda: app.stored(OUTSIDE).description == wanted, "both ends")
