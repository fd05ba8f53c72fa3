"""Keys that arrive in one packet, as on a slow link: each acts where it was meant to."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.errors import CatalogError
from coexplorer.models import AssetId
from coexplorer.query import Query
from coexplorer.tui.screens.help import HelpScreen
from coexplorer.tui.screens.key_queue import OPEN
from tests.support.server import COMBINED, DERIVED, OLD, OUTSIDE, RAW, THEIRS
from tests.support.tui import running_app


async def test_after_a_search_they_act_on_what_it_finds(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.burst("/atlas\ra")
        await app.until(lambda: app.stored(THEIRS).archived, "the atlas archived")
        assert not app.stored(OUTSIDE).archived


async def test_after_a_search_is_left_they_act_on_the_list(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.burst("/atlas\x1b?")
        await app.until(lambda: isinstance(app.app.screen, HelpScreen), "the help")
        assert not app.main.state.browsing.text


async def test_after_a_question_they_act_on_the_list(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.burst("+keep\rj.")
        await app.until(lambda: app.stored(OUTSIDE).tags == ("keep",), "the tag")
        await app.until(lambda: len(server.log.find_all("PUT")) > 1, "repeated, two rows on")
        assert not app.stored(COMBINED).tags


async def test_after_a_menu_they_act_on_the_list(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        app.burst("ynjj")
        await app.until(lambda: app.app.clipboard == "open data", "the name")
        await app.until(lambda: app.main.rows.cursor == 2, "two rows on")


async def test_after_an_edit_they_act_on_the_list(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        app.burst("r!\rja")
        await app.until(lambda: app.stored(OUTSIDE).name == "open data!", "the name")
        await app.until(lambda: app.stored(COMBINED).archived, "the next one archived")
        assert not app.stored(OUTSIDE).archived


async def test_after_fields_that_are_left_they_act_on_the_list(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.burst("r\x1bjj")
        await app.until(lambda: app.main.rows.cursor == 2, "two rows on")
        assert app.main.state.editing is None
        app.burst("rx\x1by")
        await app.until(lambda: app.main.state.editing is None, "thrown away")


async def test_after_the_tags_panel_they_act_on_what_was_chosen(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.burst("Tsorted\ra")
        await app.until(lambda: app.stored(DERIVED).archived, "the sorted one archived")
        assert not app.stored(OUTSIDE).archived


@pytest.mark.parametrize("typed", ["sorted", "nothing", "unread"])
async def test_enter_in_the_tags_panel_waits_for_tags_that_are_still_being_read(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, typed: str
) -> None:
    async with running_app(server, settings) as app:
        read, may_end = app.library.assets.tag_counts, anyio.Event()

        async def read_slowly(query: Query, *, any_case: bool) -> list[tuple[str, int]]:
            await may_end.wait()
            if typed == "unread":
                raise CatalogError("no such file", hint="look at the disk")
            return list(await read(query, any_case=any_case))

        monkeypatch.setattr(app.library.assets, "tag_counts", read_slowly)
        app.burst(f"T{typed}\rjj")
        await app.until_shown("loading…")
        await app.until_shown(typed)
        await app.settle()
        assert f"{typed}j" not in app.text()
        may_end.set()
        if typed == "sorted":
            await app.until(lambda: app.main.state.browsing.text == "tag:sorted", "narrowed")
            await app.until(lambda: app.app.screen is app.main, "the list")
        else:
            await app.until_shown(f"{typed}jj")  # they stay where they were typed
            await app.until_shown("no such file" if typed == "unread" else "no tag is chosen")


@pytest.mark.command("app.theme")
async def test_the_palette_opens_what_takes_the_rest(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.burst(":theme\rjj\rj")
        await app.until(lambda: app.app.theme == "high-contrast", "the third theme")
        await app.until(lambda: app.main.rows.cursor == 1, "one row on")


async def test_a_word_that_is_typed_over_is_the_one_that_is_saved(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.go_to("ecephys_655019_2023-04-03_18-17-07")
        app.burst("r\x15one\tin words\t\x15keep\r")
        await app.until(lambda: app.stored(RAW).name == "one", "the name")
        assert app.stored(RAW).tags == ("keep",)
        assert app.stored(RAW).description.startswith("in words")


async def test_a_tab_takes_the_completion_of_what_was_typed_before_it(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.burst("/ta\tsort\t\r")
        await app.until(lambda: app.main.state.browsing.text == "tag:sorted", "both completed")
        app.burst("\x1bt\x15eceph\t\tx\r")
        await app.until(
            lambda: app.stored(DERIVED).mount == "ecephys_655019_sortedx", "the next field"
        )
        assert app.stored(DERIVED).tags == ("ecephys",)


async def test_a_tab_waits_for_tags_that_are_still_being_read(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(server, settings) as app:
        read, asked, may_end = app.library.assets.tag_counts, 0, anyio.Event()

        async def read_slowly() -> dict[str, int]:
            nonlocal asked
            asked += 1
            await may_end.wait()
            return dict(await read())

        monkeypatch.setattr(app.library.assets, "tag_counts", read_slowly)
        app.burst("/tag:")
        await app.until(lambda: asked, "the tags are being read")
        for char in "sort":  # each begins to complete anew
            await app.press(char)
        app.burst("\t\r")
        await app.settle()
        assert app.main.search.typing
        may_end.set()
        await app.until(lambda: app.main.state.browsing.text == "tag:sorted", "completed")
        assert asked == 1


async def test_each_of_them_acts_on_the_row_that_it_was_typed_for(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        ids = [row.id for _, row in app.main.rows.windows.iter_known()]
        app.burst("aja+keep\rj.")
        await app.until(lambda: app.stored(ids[0]).archived, "the first one archived")
        await app.until(lambda: app.stored(ids[2]).archived, "the third one archived")
        await app.until(lambda: app.stored(ids[3]).tags[-1:] == ("keep",), "the fourth one")
        await app.until(lambda: app.stored(ids[5]).tags[-1:] == ("keep",), "the sixth one")
        assert not any(app.stored(each).archived for each in (ids[1], *ids[3:]))


async def test_a_range_and_all_of_the_list_are_marked_before_they_act(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.burst("jvjjva")
        await app.until_shown("archive: 3 assets")
        await app.press("escape")
        app.burst("_*a")
        changed = app.main.rows.windows.count - 1  # one is only viewed
        await app.until_shown(f"archive: {changed} assets, 1 left out")


async def test_an_undo_takes_the_change_that_is_still_on_its_way(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("+")
        await app.until_shown("add tag")
        await app.type("keep")
        await app.press("enter")
        await app.until(lambda: app.stored(OUTSIDE).tags == ("keep",), "the tag")
        await app.until_gone("↑")
        with server.hooks.before("PATCH") as gate:
            app.burst("gau")
            await app.until_shown("↑", "waiting for what is on its way")
            assert app.stored(OUTSIDE).tags == ("keep",)
            gate.release()
        await app.until_shown("undone: archive")
        await app.until_gone("waiting for what is on its way")
        assert app.stored(OUTSIDE).tags == ("keep",)
        assert not app.stored(OUTSIDE).archived
        app.burst("gaauu")
        await app.until(lambda: len(server.log.find_all("PATCH")) == 6, "two and back")
        # The server notes a request before it carries it out.
        await app.until(lambda: not app.stored(OUTSIDE).archived, "the first one back")
        await app.until(lambda: not app.stored(COMBINED).archived, "the second one back")


@pytest.mark.parametrize(
    "typed", [b"+zz\x1bj", b":\x1bj", b"p\x1bj", b"/zz\x1bj", b"T\x1bj", b"rQ\x1byj", b"dQ\x1byj"]
)
async def test_a_key_close_behind_esc_acts_on_what_esc_leads_to(
    server: DemoServer, settings: Settings, typed: bytes
) -> None:
    async with running_app(server, settings) as app:
        app.send(typed)
        await app.until(lambda: app.main.rows.cursor == 1, "one row on")
        assert app.app.screen is app.main
        assert not app.main.prompt.asking
        assert app.main.state.editing is None
        assert app.stored(OUTSIDE).name == "open data"


async def test_enter_close_behind_esc_deletes_nothing(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.main.state.marked.add(await app.library.assets.rows([AssetId(OLD)]))
        await app.press("D")
        await app.until_shown("Delete permanently")
        await app.type("delete")
        app.send(b"\x1b\r")
        await app.until(lambda: app.main.has_class("full"), "Enter opened the details")
        assert app.app.screen is app.main
    assert not server.log.find_all("DELETE")


@pytest.mark.parametrize("answer", [b"\x1b[?2004;1$y", b"\x1b[>84;0;0c", b"\x1b[200~x\x1b[201~"])
async def test_where_pastes_are_marked_all_else_is_keys(
    server: DemoServer, settings: Settings, answer: bytes
) -> None:
    names = {OUTSIDE: "open data one", COMBINED: "two", THEIRS: "three"}
    async with running_app(server, settings) as app:
        await app.press("j")
        app.send(answer)
        await app.until(lambda: app.app.brackets_pastes, "known")
        await app.until(lambda: app.app.screen.focused is app.main.rows, "the list")
        await app.press("g")
        app.send(b"r one\rjr\x15two words\rj")
        await app.until(lambda: app.stored(OUTSIDE).name == names[OUTSIDE], "the first name")
        await app.until(lambda: app.stored(COMBINED).name == "two words", "the second name")


@pytest.mark.parametrize(
    "keys", ["pzz\t", "Nrzzz\t\t", "Azz\t", "izz\t", "+zz\t", ":zz\t", "/zz\t"]
)
async def test_a_tab_typed_ahead_of_its_choices_lets_go_of_the_keys(
    server: DemoServer, settings: Settings, keys: str
) -> None:
    async with running_app(server, settings) as app:
        app.send(b"\x1b[?2004;1$y")
        await app.until(lambda: app.app.brackets_pastes, "known")
        app.burst(keys)
        await app.until(lambda: getattr(app.app.focused, "takes_keys", False), "a field")
        await app.until(lambda: not app.main.keys_wait, "keys go on")
        await app.press("escape")
        await app.until(lambda: not app.main.prompt.asking and not app.main.search.typing, "left")


async def test_news_of_where_the_focus_was_opens_nothing(
    server: DemoServer, settings: Settings
) -> None:
    """The list has it again, a key there opens fields, and only then is the first of it told."""
    async with running_app(server, settings) as app:
        main = app.main
        with app.app._context():
            main.set_focus(None)
            await app.settle()
            main.set_focus(main.rows)
            main.hold_keys(OPEN)
            await app.settle()
            assert main.keys_wait
            await main.search.open_field("")
            await app.until(lambda: not main.keys_wait, "what it opens")


async def test_lines_that_may_be_keys_are_not_saved_as_one_without_another_look(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        for key in ("enter", "ctrl+s"):
            await app.press("r")
            await app.until(lambda: app.main.state.editing is not None, "the fields")
            app.send(f" hum{key}\rjr hum2 words\rjr hum3 words\rj".encode())
            await app.until_shown(f"hum{key} jr hum2 words jr hum3")
            await app.press(key)
            await app.until_shown("joined with blanks")
            assert app.main.state.editing is not None
            assert "hum2" not in app.stored(OUTSIDE).name
            await app.press("escape", "y")
            await app.until(lambda: app.main.state.editing is None, "left")
            app.app.clear_notifications()
    assert not server.log.find_all("PATCH")


async def test_what_follows_dropped_words_is_no_command(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.send(b"r hum1 words\rjr hum2 words")
        app.send(b" z5")
        app.send(b"5\ra")
        await app.until_shown("nothing was pasted")
        await app.settle()
        assert app.main.state.editing is None
        assert not app.main.state.marked
        assert not app.stored(OUTSIDE).archived
        app.send(b"/atlas\r")
        await app.until(lambda: app.main.state.browsing.text == "atlas", "a search")


@pytest.mark.parametrize("sent", ["+aj_a", "eaj\ra", "tqqu", "pja\rq"])
async def test_what_follows_a_key_that_opened_nothing_is_no_command(
    server: DemoServer, settings: Settings, sent: str
) -> None:
    async with running_app(server, settings) as app:
        await app.press("/")
        await app.type("no such thing")
        await app.press("enter")
        await app.until_shown("no such thing")
        await app.until(lambda: app.main.rows.current is None, "an empty list")
        app.send(sent.encode())
        await app.until_shown("the list is empty")
        await app.settle()
        said = [text for _, text in app.app.notices if "list is empty" in text]
        assert len(said) == 1  # of the first key alone
        await app.press("escape")
        await app.until(lambda: app.main.rows.current is not None, "the list")
        assert not server.log.find_all("PATCH")


async def test_what_follows_fields_that_could_not_be_opened_is_no_command(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(server, settings) as app:

        async def gone(_asset_id: AssetId) -> None:
            await anyio.lowlevel.checkpoint()

        monkeypatch.setattr(app.library.assets, "record", gone)
        app.send(b"eaaj")
        await app.until_shown("this asset is gone")
        await app.settle()
        assert app.main.rows.cursor == 0
    assert not server.log.find_all("PATCH")


@pytest.mark.parametrize("typed", ["/my mouse\r", "/is:mine ecephys\r", "xyn\r"])
async def test_no_letter_of_what_was_typed_for_something_else_answers_a_question(
    server: DemoServer, settings: Settings, typed: str
) -> None:
    async with running_app(server, settings) as app:
        app.send(b"\x1b[?2004;1$y")
        await app.until(lambda: app.app.brackets_pastes, "known")
        await app.press("r")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        await app.type("_Q")
        await app.press("escape")
        await app.until(lambda: app.main.prompt.asking, "the question")
        app.burst(typed)
        await app.until(lambda: any("this asks first" in t for _, t in app.app.notices), "told")
        await app.settle()
        assert app.main.prompt.asking
        await app.press("escape")
        await app.until(lambda: not app.main.prompt.asking, "back in the fields")
        editing = app.main.state.editing
        assert editing is not None
        assert editing.editor.mine.name == "open data_Q"
    assert not server.log.find_all("PUT")
