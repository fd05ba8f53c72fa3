"""The screens that cover the main one, in the three sizes of the design."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import msgspec
import pytest

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.tui.keys import show_key
from coexplorer.tui.widgets.choices import NOTHING
from tests.support.server import OUTSIDE
from tests.support.tui import Running, running_app

SIZES = [(120, 36), (80, 24), (40, 12)]


async def show_plan(app: Running) -> None:
    await app.press("space", "space", "a")
    await app.until_shown("archive: 2 assets")
    await app.until_shown("y do it", "Esc close")


async def show_log(app: Running) -> None:
    await app.press("a")
    await app.until(lambda: app.stored(OUTSIDE).archived, "archived")
    await app.press("L")
    await app.until_shown("Log: 1 change", "applied", "Esc close")


async def show_conflict(app: Running) -> None:
    await app.press("r")
    await app.until(lambda: app.main.state.editing is not None, "the fields")
    app.server.store.update(OUTSIDE, name="open data theirs")
    await app.type(" mine")
    await app.press("enter")
    await app.until_shown("was changed", "t theirs", "m mine")
    await app.until_shown("open data theirs", "open data mine")


async def show_form(app: Running) -> None:
    await app.press("N", "enter")
    await app.until_shown("New asset", "name", "mount", "tags")
    for _ in range(8):
        await app.press("tab")
    await app.until_shown("prefix", "ctrl+s")


async def until_read(app: Running, *sentences: str) -> None:
    """Wait until whole sentences are shown, in however many lines."""
    await app.until(
        lambda: all(each in " ".join(app.text().split()) for each in sentences),
        f"{sentences} in whole",
    )


async def show_sign_in(app: Running) -> None:
    await app.press(":")
    await app.type("sign in")
    await app.press("enter")
    await app.until_shown("Sign in to", "token", "ctrl+s")
    make = "Make a token in your account's settings on 127.0.0.1."
    await until_read(app, make, "What you were typing is kept.")


async def show_help(app: Running) -> None:
    await app.press("?")
    await app.until_shown("── Keys", "Move to the next", "Esc close")


async def show_tags(app: Running) -> None:
    await app.press("T")
    await app.until_shown("ecephys", "atlas")


async def show_confirmation(app: Running) -> None:
    await app.press("D")
    await app.until_shown("This asset will be deleted", "type delete:")


SCREENS = {
    "plan": show_plan,
    "log": show_log,
    "conflict": show_conflict,
    "form": show_form,
    "sign in": show_sign_in,
    "help": show_help,
    "tags": show_tags,
    "confirmation": show_confirmation,
}


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("show", SCREENS.values(), ids=SCREENS)
async def test_every_screen_fits(
    server: DemoServer,
    settings: Settings,
    show: Callable[[Running], Awaitable[None]],
    size: tuple[int, int],
) -> None:
    async with running_app(server, settings, size=size) as app:
        await show(app)
        await app.press("escape")
        await app.until(lambda: app.app.screen is app.main, "back on the list")


async def test_versions_in_conflict_are_broken_between_words(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("d")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        app.server.store.update(OUTSIDE, description="extraordinarily long words " * 3)
        await app.type("mine")
        await app.press("ctrl+s")
        await app.until_shown("changed elsewhere")
        await app.until(lambda: app.text().count("extraordinarily long words") == 3, "whole words")


async def test_fields_on_a_low_screen_are_followed_by_the_other_facts_alone(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings, size=(80, 32)) as app:
        await app.press("enter")
        await app.until_shown("created  ")
        await app.press("escape", "e")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        await app.until(lambda: app.text().count("\nmount  ") == 1, "each field once")
        await app.until_shown("state  ")


@pytest.mark.parametrize("size", [(80, 24), (120, 18), (40, 12), (80, 20)])
async def test_each_field_is_on_the_screen_while_it_is_typed_into(
    server: DemoServer, settings: Settings, size: tuple[int, int]
) -> None:
    async with running_app(server, settings, size=size) as app:
        await app.press("e")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        editing = app.main.state.editing
        assert editing
        fields = list(editing.editor.query("Field, DescriptionArea"))
        assert len(fields) > 8, "with the keys of custom metadata"
        for number, field in enumerate(fields):
            assert app.app.focused is field
            await app.type(f"<{number}>")
            await app.until_shown(f"<{number}>")
            await app.press("tab")


@pytest.mark.parametrize("key", ["r", "d", "t", "m"])
async def test_fields_stay_and_keep_the_keys_whatever_becomes_of_the_size(
    server: DemoServer, settings: Settings, key: str
) -> None:
    field = {"r": "name", "d": "description", "t": "tags", "m": "mount"}[key]
    async with running_app(server, settings) as app:
        await app.press(key)
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        await app.type("1")
        for number, size in enumerate([(120, 24), (120, 18), (40, 8), (120, 36), (200, 50)], 2):
            await app.pilot.resize_terminal(*size)
            await app.type(str(number))
            focused = app.app.focused
            assert focused is not None
            assert focused.id == f"field-{field}"
            assert focused.region.height > 0
            assert focused.region.bottom <= size[1]
        await app.press("ctrl+s")
        await app.until(lambda: app.main.state.editing is None, "saved")
        await app.until(lambda: "123456" in str(getattr(app.stored(OUTSIDE), field)), "all keys")
        assert app.main.rows.has_focus
        await app.until_shown("state ready")


async def test_after_fields_the_details_are_as_the_size_wants_them(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("r")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        await app.pilot.resize_terminal(80, 24)
        await app.press("escape")
        await app.until(lambda: app.main.state.editing is None, "left")
        assert app.main.size_name == "hidden"
        await app.press("r")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        await app.pilot.resize_terminal(120, 36)
        await app.press("escape")
        await app.until(lambda: app.main.state.editing is None, "left")
        assert app.main.size_name == "small"


@pytest.mark.parametrize(("opens", "before"), [(("enter",), (200, 50)), ("zz", (120, 36))])
async def test_details_that_were_opened_stay_open_whatever_becomes_of_the_size(
    server: DemoServer, settings: Settings, opens: Sequence[str], before: tuple[int, int]
) -> None:
    async with running_app(server, settings, size=before) as app:
        await app.press(*opens)
        await app.until(lambda: app.main.size_name == "full", "full")
        for size in ((80, 24), (60, 15), before):
            await app.pilot.resize_terminal(*size)
            await app.settle()
            assert app.main.size_name == "full"
            assert app.main.details.region.height >= size[1] - 6
        assert app.app.focused is app.main.details
        await app.press("+")
        await app.until_shown("add tag")
        await app.type("ke")
        await app.pilot.resize_terminal(80, 24)
        await app.type("ep")
        await app.press("enter")
        await app.until(lambda: app.stored(OUTSIDE).tags == ("keep",), "the tag")


@pytest.mark.parametrize("closes", ["enter", "escape"])
@pytest.mark.parametrize(
    ("size", "before", "behind"),
    [((120, 36), "z", "tall"), ((120, 36), "zzz", "hidden"), ((80, 24), "z", "small")],
)
async def test_behind_full_details_is_what_was_there_before(
    server: DemoServer,
    settings: Settings,
    size: tuple[int, int],
    before: str,
    behind: str,
    closes: str,
) -> None:
    async with running_app(server, settings, size=size) as app:
        await app.press(*before)
        assert app.main.size_name == behind
        for _ in range(2):
            await app.press("enter")
            await app.until(lambda: app.main.size_name == "full", "full")
            await app.press(closes)
            await app.until(lambda: app.main.size_name == behind, behind)


async def test_a_short_list_leaves_its_room_to_the_details_of_a_low_screen(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings, size=(80, 24)) as app:
        assert app.main.size_name == "hidden"
        await app.press("/")
        await app.type("open da")
        await app.until(lambda: app.main.rows.windows.count == 1, "one")
        assert app.main.size_name == "hidden", "nothing jumps while it is typed"
        await app.press("enter")
        await app.until_shown("open data", "source aws")
        assert app.main.rows.region.height > app.main.rows.windows.count
        await app.press("escape")
        await app.until(lambda: app.main.size_name == "hidden", "a long list again")
        await app.press("z")
        assert app.main.size_name == "small"
        await app.press("6")
        await app.until(lambda: app.main.rows.windows.count == 1, "one")
        await app.press("z", "z", "z")
        assert app.main.size_name == "hidden", "as the user wants it"
        await app.press("1", "6")
        await app.until(lambda: app.main.rows.windows.count == 1, "one")
        assert app.main.size_name == "hidden"


async def test_a_question_keeps_the_keys_when_the_size_changes(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("+")
        await app.until_shown("add tag")
        await app.type("ke")
        await app.pilot.resize_terminal(60, 20)
        await app.type("ep")
        await app.press("enter")
        await app.until(lambda: app.stored(OUTSIDE).tags == ("keep",), "the tag")


@pytest.mark.parametrize("key", ["N", "Q"])
async def test_an_empty_list_says_which_key_makes_an_asset(
    server: DemoServer, settings: Settings, key: str
) -> None:
    server.store.clear()
    own = msgspec.structs.replace(settings, keys={"asset.create": (key,)})
    async with running_app(server, own, synced=False) as app:
        await app.library.sync.sweep()
        await app.until_shown(f"There are no assets yet. {key} makes one.")


@pytest.mark.parametrize("key", ["escape", "X"])
async def test_an_empty_search_says_which_key_clears_it(
    server: DemoServer, settings: Settings, key: str
) -> None:
    own = msgspec.structs.replace(settings, keys={"find.clear": (key,)})
    async with running_app(server, own) as app:
        await app.press("/")
        await app.type("zzz-nothing")
        await app.until_shown("Nothing matches the search. Esc clears it.")
        await app.press("enter")
        await app.until_shown(f"Nothing matches the search. {show_key(key)} clears it.")
        await app.press(key)
        await app.until_gone("Nothing matches")


async def test_a_menu_without_a_choice_says_so(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press(":")
        await app.type("zzz")
        await app.until_shown(NOTHING)
