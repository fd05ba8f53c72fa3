"""Renaming a tag: from the palette and among the tags, over marks, a search, or all assets."""

from __future__ import annotations

import pytest

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from tests.support.server import COMBINED, DERIVED, OLD, OUTSIDE, RAW
from tests.support.tui import Running, running_app


async def from_palette(app: Running, old: str, scope: str) -> None:
    await app.press(":")
    await app.type("rename a tag")
    await app.press("enter")
    await app.until_shown(f"rename which tag ({scope})")
    await app.type(old)
    await app.press("enter")
    await app.until_shown(f"rename {old} to ({scope})")


@pytest.mark.command("tag.rename")
async def test_a_tag_is_renamed_everywhere_in_one_change_and_one_undo(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await from_palette(app, "raw", "all assets")
        await app.press("enter")
        await app.until_shown("that is its name already")
        await app.press("ctrl+u")
        await app.type("a, b")
        await app.press("enter")
        await app.until_shown("one tag, please")
        await app.until(lambda: app.main.prompt.asking, "the question again")
        await app.press("ctrl+u")
        await app.type("unsorted")
        await app.press("enter")
        await app.until_shown("2 assets", "rename tag raw to unsorted")
        await app.press("y")
        await app.until_shown("2 done, 0 failed")
        assert set(app.stored(RAW).tags) == {"ecephys", "unsorted"}
        assert set(app.stored(OLD).tags) == {"behavior", "unsorted"}, "an archived one, too"
        await app.press("escape", "u")
        await app.until_shown("y do it")
        await app.press("y")
        await app.until_shown("2 done, 0 failed")
        assert "raw" in app.stored(RAW).tags
        assert "raw" in app.stored(OLD).tags


@pytest.mark.command("tags.rename")
async def test_among_the_tags_a_key_renames_all_spellings_in_the_search_even_typed_ahead(
    server: DemoServer, settings: Settings
) -> None:
    server.store.update(DERIVED, tags=("RAW", "sorted"))
    server.store.update(COMBINED, tags=("Raw",))
    async with running_app(server, settings) as app:
        app.burst("/ecephys_\r")
        await app.until(lambda: app.main.rows.windows.count == 2, "both")
        await app.press("T")
        await app.until_shown("2  raw", "ctrl+r rename")
        app.burst("ra")
        app.send(b"\x12\x15first\r")
        await app.until_shown("2 assets", "rename tags", "to first")
        await app.press("y")
        await app.until_shown("2 done, 0 failed")
        assert set(app.stored(RAW).tags) == {"ecephys", "first"}
        assert set(app.stored(DERIVED).tags) == {"sorted", "first"}
        assert app.stored(COMBINED).tags == ("Raw",), "not in the search"


async def test_over_marks_only_those_that_have_the_tag_are_in_the_plan(
    server: DemoServer, settings: Settings
) -> None:
    server.store.update(OUTSIDE, tags=("raw", "keep"))
    async with running_app(server, settings) as app:
        await app.press("space", "space")
        await from_palette(app, "raw", "2 marked")
        await app.press("ctrl+u")
        await app.type("keep")
        await app.press("enter")
        await app.until_shown("1 asset")
        await app.press("y")
        await app.until_shown("1 done, 0 failed")
        assert app.stored(OUTSIDE).tags == ("keep",)
        assert "raw" in app.stored(RAW).tags
        await app.press("escape", "T")
        await app.until_shown("1  atlas")
        await app.type("atlas")
        await app.press("ctrl+r")
        await app.until_shown("rename atlas to")
        await app.press("ctrl+u")
        await app.type("new")
        await app.press("enter")
        await app.until_shown("no asset among the 2 marked has the tag atlas")
