"""Notices never stand on what is being edited."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual.geometry import Region
from textual.widgets._toast import Toast

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.tui.app import CoexplorerApp
from coexplorer.tui.notice_place import LEAST, find_place
from tests.support.server import OUTSIDE
from tests.support.tui import Running, running_app

LONG = "the platform said no, and this sentence about it takes more than one line: " * 2


@given(
    st.integers(1, 80),
    st.lists(st.tuples(st.integers(-5, 90), st.integers(1, 40)), max_size=6),
    st.integers(-3, 90),
)
@example(24, [(3, 20)], 10)
@example(24, [(0, 24)], 22)
@example(2, [(0, 1)], 0)
def test_a_place_is_on_the_screen_and_on_nothing_that_is_edited(
    height: int, sized: list[tuple[int, int]], cursor: int
) -> None:
    edited = [(start, start + lines) for start, lines in sized]
    place = find_place(height, edited, cursor)
    stop = height - place.below
    start = stop - place.lines
    taken = {line for first, after in edited for line in range(first, after)}
    free = [line not in taken for line in range(height - 1)]
    has_room = any(all(free[at : at + LEAST]) for at in range(len(free) - LEAST + 1))
    if has_room:
        assert 0 <= start < stop <= height - 1
        assert not taken & {*range(start, stop)}
    elif height > 2 * LEAST:
        assert 0 <= start < stop <= height - 1
        assert cursor not in range(start, stop)


def test_without_anything_that_is_edited_notices_stand_above_the_keys() -> None:
    assert find_place(24, [], 24).below == 1


async def open_conflict(app: Running) -> None:
    await app.press("r")
    await app.until(lambda: app.main.state.editing is not None, "the fields")
    app.server.store.update(OUTSIDE, name="theirs")
    await app.type(" mine")
    await app.press("ctrl+s")
    await app.until_shown("changed elsewhere")
    await app.press("e")
    await app.until_shown("open data mine")


async def open_conflict_of_text(app: Running) -> None:
    await app.press("d")
    await app.until(lambda: app.main.state.editing is not None, "the fields")
    app.server.store.update(OUTSIDE, description="theirs\n" * 12)
    await app.type("mine")
    await app.press("ctrl+s")
    await app.until_shown("changed elsewhere")
    await app.press("e")
    await app.type("\n" * 12)


async def open_fields(app: Running) -> None:
    await app.press("e", "tab")
    await app.until(lambda: app.main.state.editing is not None, "the fields")


async def open_last_field(app: Running) -> None:
    await app.press("m")
    await app.until(lambda: app.main.state.editing is not None, "the fields")


async def open_search(app: Running) -> None:
    await app.press("/")
    await app.type("tag:")


async def open_prompt(app: Running) -> None:
    await app.press("+")
    await app.until_shown("add tag")
    await app.type("r")


async def open_question(app: Running) -> None:
    await app.press("e")
    await app.type("more")
    await app.press("escape")
    await app.until_shown("go on editing")


async def open_form(app: Running) -> None:
    await app.press("N", "enter")
    await app.until_shown("bucket")


async def open_delete(app: Running) -> None:
    await app.press("D")
    await app.until_shown("Delete permanently")
    await app.type("del")


async def open_tags(app: Running) -> None:
    await app.press("T")
    await app.until_shown("ecephys")
    await app.type("e")


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (60, 16)])
@pytest.mark.parametrize(
    "opens",
    [
        open_conflict,
        open_conflict_of_text,
        open_fields,
        open_last_field,
        open_search,
        open_prompt,
        open_question,
        open_form,
        open_delete,
        open_tags,
    ],
)
async def test_no_notice_covers_the_field_that_is_typed_in(
    server: DemoServer,
    settings: Settings,
    opens: Callable[[Running], Awaitable[None]],
    size: tuple[int, int],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(CoexplorerApp, "NOTIFICATION_TIMEOUT", 600)  # none goes between two looks
    async with running_app(server, settings, size=size) as app:
        # What is said before it is opened moves away, too.
        app.app.say(f"earlier: {LONG}", severity="warning")
        await opens(app)
        for number in range(3):
            app.app.say(f"{number}: {LONG}", severity="error")
        await app.until(lambda: len(find_notices(app)) > 0, "notices")
        await app.until(lambda: not find_covered(app), "the field is free")
        await app.settle()
        assert not find_covered(app)


def find_notices(app: Running) -> list[Region]:
    screen = app.app.screen
    # One that is new, or just goes, has no place.
    laid_out = [each for each in screen.query(Toast) if each in screen._compositor.full_map]
    places = [screen.find_widget(each).visible_region for each in laid_out]
    return [place for place in places if place]


def find_covered(app: Running) -> list[Region]:
    """Return the notices that stand on the line of the cursor, or on a field of one line."""
    focused = app.app.focused
    if focused is None or not find_notices(app):
        return [Region()]
    line = app.app.find_cursor().y
    return [place for place in find_notices(app) if place.y <= line < place.bottom]


async def stand_in_conflict(app: Running) -> None:
    await app.press("r")
    await app.until(lambda: app.main.state.editing is not None, "the fields")
    app.server.store.update(OUTSIDE, name="theirs")
    await app.type(" mine")
    await app.press("ctrl+s")
    await app.until_shown("changed elsewhere")
    await app.press("ctrl+s")


async def send_two_tags(app: Running) -> None:
    await app.press("T")
    await app.until_shown("1  atlas")
    await app.press("ctrl+r")
    await app.until_shown("rename ")
    await app.press("ctrl+u")
    await app.type("a, b")
    await app.press("enter")


async def rename_to_one(app: Running) -> None:
    await app.until(lambda: app.main.prompt.asking, "the question again")
    await app.press("ctrl+u")
    await app.type("better")
    await app.press("enter")
    await app.until_shown("y do it")


async def look_into_the_log(app: Running) -> None:
    await app.press("a")
    await app.until(lambda: app.stored(OUTSIDE).archived, "archived")
    await app.press("L")
    await app.until_shown("Log: 1 change", "applied")


async def retry_in_the_log(app: Running) -> None:
    await look_into_the_log(app)
    app.app.screen.perform("log.retry")  # type: ignore[attr-defined]  # a CommandScreen


async def press_nothing_in_the_log(app: Running) -> None:
    await look_into_the_log(app)
    await app.press("%")


async def paste(app: Running) -> None:
    app.paste("some words")


async def repeat_after_an_action(app: Running) -> None:
    await app.press("a")
    await app.until(lambda: app.stored(OUTSIDE).archived, "archived")
    await app.press(".")


def by(*keys: str) -> Callable[[Running], Awaitable[None]]:
    async def press(app: Running) -> None:
        await app.press(*keys)

    return press


@pytest.mark.parametrize(
    ("say", "told", "end"),
    [
        pytest.param(by("s", "%"), "this asks first", by("escape"), id="menu left"),
        pytest.param(by("s", "%"), "this asks first", by("down", "enter"), id="menu answered"),
        pytest.param(send_two_tags, "one tag, please", rename_to_one, id="answer"),
        pytest.param(stand_in_conflict, "choose for the name first", by("m"), id="chosen"),
        pytest.param(stand_in_conflict, "choose for the name first", by("escape"), id="left"),
        pytest.param(retry_in_the_log, "is not waiting", by("escape"), id="screen left"),
        pytest.param(press_nothing_in_the_log, "does nothing here", by("escape"), id="keys"),
        pytest.param(paste, "open a field first", by("/"), id="field opened"),
        pytest.param(by("r", "ctrl+c"), "nothing is selected", by("escape"), id="field left"),
        pytest.param(by("."), "Repeat", repeat_after_an_action, id="command runs"),
    ],
)
async def test_what_is_said_of_a_state_goes_with_the_state(
    server: DemoServer,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    say: Callable[[Running], Awaitable[None]],
    told: str,
    end: Callable[[Running], Awaitable[None]],
) -> None:
    monkeypatch.setattr(CoexplorerApp, "NOTIFICATION_TIMEOUT", 3600)
    monkeypatch.setattr("coexplorer.tui.terminal.bursts.PAUSE_S", 0.0)  # each key is meant
    async with running_app(server, settings) as app:
        await say(app)
        await app.until(lambda: is_told(app, told), "told")
        await end(app)
        await app.until(lambda: not is_told(app, told), "gone")


def is_told(app: Running, text: str) -> bool:
    return any(text in each.message for each in app.app._notifications)
