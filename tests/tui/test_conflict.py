from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.errors import EditConflict
from coexplorer.fields import Fields, replace_values
from coexplorer.models import AssetId
from tests.support.server import COMBINED, OUTSIDE
from tests.support.tui import Running, running_app


async def edit_against(app: Running, key: str, text: str, **theirs: object) -> None:
    """Edit a field while somebody else changes the same one."""
    await app.press(key)
    await app.until(lambda: app.main.state.editing is not None, "the fields")
    app.server.store.update(OUTSIDE, **theirs)
    await app.type(text)
    await app.press("ctrl+s")
    await app.until_shown("changed elsewhere")
    # While it waits for a choice nothing is on its way.
    assert not app.main.rows.windows.ahead


@pytest.mark.command("conflict.mine", "conflict.save")
async def test_three_versions_stand_beside_each_other_and_mine_is_taken(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await edit_against(app, "r", " mine", name="open data theirs")
        await app.until_shown("▸ name")
        await app.until_shown("before", "theirs", "mine", "open data theirs", "open data mine")
        await app.press("ctrl+s")
        await app.until_shown("choose for the name first")
        await app.press("m")
        await app.until_shown("name: mine")
        await app.press("ctrl+s")
        await app.until(lambda: app.stored(OUTSIDE).name == "open data mine", "mine")
        await app.until_shown("open data mine")
        await app.until(_nothing_unsent(app), "nothing left unsent")


@pytest.mark.command("conflict.theirs")
async def test_theirs_is_taken(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await edit_against(app, "d", "mine", description="theirs")
        await app.press("t")
        await app.until_shown("description: theirs")
        await app.press("ctrl+s")
        await app.until(_nothing_unsent(app), "nothing left unsent")
        assert app.stored(OUTSIDE).description == "theirs"


@pytest.mark.command("conflict.edit")
async def test_a_third_version_is_written(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await edit_against(app, "r", " mine", name="open data theirs")
        await app.press("e")
        await app.until(lambda: app.app.focused is not None and app.app.focused.id is None, "field")
        await app.type(" and theirs")
        await app.press("enter")
        await app.until_shown("name: open data mine and theirs")
        await app.press("ctrl+s")
        await app.until(lambda: app.stored(OUTSIDE).name == "open data mine and theirs", "both")


@pytest.mark.parametrize(
    ("key", "theirs"), [("r", {"name": "theirs"}), ("d", {"description": "theirs"})]
)
async def test_a_third_version_that_is_left_is_there_again(
    server: DemoServer, settings: Settings, key: str, theirs: dict[str, str]
) -> None:
    async with running_app(server, settings) as app:
        await edit_against(app, key, "mine", **theirs)
        await app.press("e")
        await app.type(" and more")
        await app.until_shown("mine and more")
        await app.press("escape")
        await app.until_gone("mine and more")
        await app.press("e")
        await app.until_shown("mine and more")
        await app.press("ctrl+s", "ctrl+s")
        field = next(iter(theirs))
        await app.until(
            lambda: getattr(app.stored(OUTSIDE), field).endswith("mine and more"), "the third"
        )


async def test_a_conflict_that_is_left_keeps_the_text_as_unsent(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings, size=(80, 24)) as app:
        await edit_against(app, "r", " mine", name="open data theirs")
        await app.press("escape")
        await app.until_shown("your text is kept as unsent", "1 in conflict")
        assert app.stored(OUTSIDE).name == "open data theirs"


@pytest.mark.parametrize("chosen", [True, False], ids=["chosen", "half typed"])
@pytest.mark.parametrize(("key", "field"), [("r", "name"), ("d", "description")])
async def test_a_third_version_is_kept_as_unsent_when_the_conflict_is_left(
    server: DemoServer,
    settings: Settings,
    key: str,
    field: str,
    *,
    chosen: bool,
) -> None:
    async with running_app(server, settings) as app:
        await edit_against(app, key, " mine"[key == "d" :], **{field: "theirs"})
        await app.press("e")
        await app.type(" and third")
        drafts = app.app.memory.edits.take()
        assert [str(getattr(d.mine, field)).endswith("mine and third") for _, d in drafts] == [True]
        if chosen:
            await app.press("ctrl+s")
            await app.until_shown(f"{field}:")
        else:
            await app.press("escape")
        await app.press("escape")
        await app.until_shown("your text is kept as unsent", "1 in conflict")
        [entry] = await app.library.log.unsent()
        assert str(getattr(entry.mine, field)).endswith("mine and third")
        assert not app.app.memory.edits.take()
        # It is taken up from there, sent as the same entry, and nothing else is left in the log.
        await app.press("L")
        await app.until_shown("Log: 1 change")
        await app.press("e")
        await app.until_shown("mine and third")
        await app.type("!")
        await app.press("ctrl+s")
        await app.until_shown("changed elsewhere")
        await app.press("m", "ctrl+s")
        sent = {"open data mine and third!", "!mine and third"}  # a text is edited from its start
        await app.until(lambda: getattr(app.stored(OUTSIDE), field) in sent, "sent")
        await app.until(_nothing_unsent(app), "nothing left unsent")
        assert [each.state for each in await app.library.log.entries()] == ["applied"]


@pytest.mark.parametrize(("key", "field"), [("r", "name"), ("d", "description")])
async def test_a_third_version_outlives_the_app(
    server: DemoServer, settings: Settings, key: str, field: str
) -> None:
    async with running_app(server, settings) as app:
        await edit_against(app, key, "mine", **{field: "theirs"})
        await app.press("e")
        await app.type(" and third")
        await app.until_shown("mine and third")
        # The app ends here, without a word.
    async with running_app(server, settings) as app:
        await app.until_shown("you were editing open data")
        await app.press("enter")
        await app.until_shown("mine and third")
        await app.press("ctrl+s")
        await app.until_shown("changed elsewhere")
        await app.press("m", "ctrl+s")
        await app.until(lambda: getattr(app.stored(OUTSIDE), field).endswith("and third"), "sent")
        await app.until(_nothing_unsent(app), "nothing left unsent")


async def test_rounds_of_a_conflict_leave_one_line_in_the_log(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await edit_against(app, "r", " mine", name="theirs")
        for text in ("1", "2"):
            await app.press("escape")
            await app.until_shown("kept as unsent")
            await app.press("L")
            await app.until_shown("Log: 1 change")
            await app.press("e")
            await app.until(lambda: app.main.state.editing is not None, "the fields")
            await app.type(text)
            await app.press("enter")
            await app.until_shown("changed elsewhere")
        await app.press("escape")
        await app.until_shown("kept as unsent")
        assert [(e.state, e.mine and e.mine.name) for e in await app.library.log.entries()] == [
            ("conflict", "open data mine12")
        ]


async def test_while_a_third_version_is_typed_no_key_is_offered_that_is_text(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await edit_against(app, "r", " mine", name="theirs")
        await app.until_shown("t theirs", "m mine")
        await app.press("e")
        await app.until(lambda: "m mine" not in app.text().splitlines()[-1], "its own footer")
        await app.press("escape")
        await app.until(lambda: "m mine" in app.text().splitlines()[-1], "the keys again")


@pytest.mark.parametrize(("key", "field"), [("r", "name"), ("d", "description")])
async def test_it_says_who_changed_it_as_far_as_that_is_known(
    server: DemoServer, settings: Settings, key: str, field: str
) -> None:
    async with running_app(server, settings) as app:
        await edit_against(app, key, "mine", **{field: "theirs"})
        await app.until_shown(f"The {field} of open data was changed elsewhere")
        await app.press("t", "ctrl+s")
        await app.until(_nothing_unsent(app), "nothing left unsent")
        await app.until_gone("changed elsewhere")
        before = (await app.library.platform.fetch(AssetId(OUTSIDE))).asset.fields
        await app.press(key)
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        done = await app.library.changes.edit(
            AssetId(OUTSIDE), before, replace_values(before, {field: "another"})
        )
        await app.type("mine again")
        await app.press("ctrl+s")
        number = done.batch_id
        await app.until_shown(f"You changed the {field} of", f"elsewhere (change {number})")


@pytest.mark.parametrize("columns", [60, 80, 120])
async def test_who_changed_it_is_said_whole_however_long_the_name_is(
    server: DemoServer, settings: Settings, columns: int
) -> None:
    server.store.update(OUTSIDE, name="recording of a long night " * 4)
    async with running_app(server, settings, size=(columns, 24)) as app:
        await app.press("g", "d")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        server.store.update(OUTSIDE, description="theirs")
        await app.type("mine")
        await app.press("ctrl+s")
        await app.until_shown("The description of record", " was changed elsewhere ─")


def test_several_changes_of_the_same_user_are_named_in_the_plural() -> None:
    nothing = Fields("a")
    error = EditConflict(
        AssetId("a"), ["name", "tags"], base=nothing, mine=nothing, theirs=nothing, own=[3, 5, 3]
    )
    assert error.tell("a") == "you changed the name and tags of a elsewhere (changes 3 and 5)"


def _nothing_unsent(app: Running) -> Callable[[], Awaitable[bool]]:
    async def check() -> bool:
        return not await app.library.log.unsent()

    return check


async def test_it_waits_for_the_end_of_what_is_typed_meanwhile(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("r")
        app.server.store.update(OUTSIDE, name="theirs")
        await app.type(" mine")
        with server.hooks.before("GET", "*/data_assets/*") as gate:
            await app.press("enter")
            await app.until(lambda: app.main.state.editing is None, "on its way")
            await app.press("j", "r")
            await app.type("1")
            gate.release()
            await app.until_shown("changed elsewhere: choose")
        await app.type("2")
        # Nor does it come between the keys that follow, which would choose.
        await app.press("enter", "g", "j", "k", "j")
        assert app.app.screen is app.main
        await app.until(lambda: app.app.screen is not app.main, "the conflict")
        await app.press("w", "z", "x")
        await app.until_shown("x does nothing here")
        said = [each for each in app.app._notifications if "nothing here" in each.message]
        assert len(said) == 1
        await app.press("m", "ctrl+s")
        await app.until(lambda: app.stored(OUTSIDE).name == "open data mine", "mine")
        await app.until(lambda: app.stored(COMBINED).name == "both recordings12", "the other one")
