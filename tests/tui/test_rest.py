from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import anyio
import msgspec
import pytest

from coexplorer.config import Settings
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer
from coexplorer.query import Query
from coexplorer.tui import external
from coexplorer.tui.actions import clipboard
from coexplorer.tui.screens.tags import TagsScreen
from tests.support.server import COMBINED, OUTSIDE, RAW, THEIRS
from tests.support.tui import running_app


@pytest.mark.command("app.help", "screen.close")
async def test_help_shows_every_key_and_the_users_own(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings, size=(120, 120)) as app:
        await app.press("?")
        await app.until_shown(
            "Archive assets that are not archived", "Favorites can be shown", "ctrl+r"
        )
        await app.press("escape")
        await app.until_shown("open data")


@pytest.mark.command("app.palette")
async def test_the_palette_finds_a_command_by_its_words_and_runs_it(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press(":")
        await app.type("reverse")
        await app.until_shown("▸ Reverse the order")
        await app.press("enter")
        await app.until_shown("Created↑")


@pytest.mark.command("find.derived")
async def test_what_was_made_from_an_asset_is_found_by_any_of_its_words(
    server: DemoServer, settings: Settings
) -> None:
    for word in ("lineage", "derived", "made from"):
        async with running_app(server, settings) as app:
            await app.press("/")
            await app.type(f"id:{RAW}")
            await app.press("enter")
            await app.until(lambda a=app: a.main.rows.windows.count == 1, "the one")  # type: ignore[misc]
            await app.press(":")
            await app.type(word)
            await app.until_shown("▸ What was made from it")
            await app.press("enter")
            await app.until_shown(f"contained_data_id:{RAW[:8]}")
            await app.until(lambda a=app: a.main.rows.windows.count == 2, "both")  # type: ignore[misc]
            await app.press("'")
            await app.until_shown(f"id:{RAW}")


async def test_the_theme_is_chosen_and_remembered(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press("ctrl+p")
        await app.type("theme")
        await app.press("enter")
        await app.until_shown("textual-light")
        await app.press("down", "enter")
        await app.until(lambda: app.app.theme == "textual-light", "the light theme")
    async with running_app(server, settings, synced=False) as app:
        assert app.app.theme == "textual-light"


@pytest.mark.command("asset.copy", "asset.open")
async def test_what_is_copied_goes_to_the_clipboard(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "1 2 3 4")
    async with running_app(server, settings) as app:
        await app.go_to("ecephys_655019_2023-04-03_18-17-07")
        for key, copied in (
            ("i", RAW),
            ("n", "ecephys_655019_2023-04-03_18-17-07"),
            ("l", f"{server.url}/data-assets/{RAW}"),
            ("s", "s3://institute-raw/ecephys_655019_2023-04-03_18-17-07"),
        ):
            await app.press("y")
            await app.until_shown("attach snippet")
            await app.press(key)
            await app.until(lambda: app.app.clipboard == copied, copied)  # noqa: B023  awaited at once
        await app.press("o")
        await app.until(lambda: app.app.clipboard.endswith(RAW), "the link, over SSH")


async def test_the_copied_json_is_the_platforms_own(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        record = await app.library.assets.record(app.main.rows.current.id)  # type: ignore[union-attr]  # it is shown
        assert record is not None
        texts = clipboard.build_texts([record], server.url)
        assert f'"id": "{OUTSIDE}"' in texts["JSON"].text
        assert f'"id":"{OUTSIDE}"' in texts["attach snippet"].text


@pytest.mark.command("sync.refresh")
async def test_refresh_brings_what_is_new(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        server.store.insert(
            [
                StoredAsset(
                    id="0000ffff-0000-4000-8000-000000000000",
                    name="just made",
                    owner=server.users[0].email,
                    created=1_790_000_000,
                )
            ]
        )
        server.store.update(RAW, name="renamed by a colleague")
        await app.press("R")
        await app.until_shown("just made", "renamed by a colleague")


@pytest.mark.command("list.columns")
async def test_columns_are_put_in_and_taken_out(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press(",")
        await app.until_shown("columns (Esc ends)", "[x] Type", "[ ] Last used")
        await app.press("j", "enter")
        await app.until_shown("[ ] Type")
        await app.press("escape")
        await app.until(lambda: not app.main.prompt.asking, "the menu gone")
        assert "type" not in app.main.rows.columns
        assert "dataset" not in app.text().split("──")[0]


@pytest.mark.command("mount.toggle")
async def test_mounting_says_why_it_can_not_be_done_here(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    async with running_app(server, settings) as app:
        await app.press("M")
        await app.until_shown("the mount needs FUSE")


@pytest.mark.command("app.redraw", "app.quit")
async def test_the_screen_is_painted_again_and_the_app_is_left(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("ctrl+l")
        await app.until_shown("open data")
        await app.pilot.press("q")
        await app.until(lambda: app.app._exit, "the end")


@pytest.mark.command("tags.open")
async def test_the_tags_panel_narrows_the_list(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press("T")
        await app.until_shown("2  ecephys", "1  atlas")
        await app.type("atl")
        await app.until_gone("2  ecephys")
        await app.press("enter")
        await app.until(lambda: app.main.state.browsing.text == "tag:atlas", "the search")
        await app.until_shown("1 of 9")


async def test_tags_that_are_typed_before_they_are_read_are_looked_for_again(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = anyio.Event()
    async with running_app(server, settings) as app:
        count = app.library.assets.tag_counts

        async def count_later(query: Query, *, any_case: bool) -> list[tuple[str, int]]:
            await gate.wait()
            return await count(query, any_case=any_case)

        monkeypatch.setattr(app.library.assets, "tag_counts", count_later)
        await app.press("T")
        await app.until_shown("loading…")
        await app.type("ATL")
        assert "nothing fits" not in app.text()
        gate.set()
        await app.until_shown("▸       1  atlas")
        await app.type("zz")
        await app.until_shown("nothing fits")
        await app.press("enter")
        await app.until(lambda: any("nothing fits" in text for _, text in app.app.notices), "why")
        assert isinstance(app.app.screen, TagsScreen)
        await app.press("backspace", "backspace", "enter")
        await app.until(lambda: app.main.state.browsing.text == "tag:atlas", "the search")


async def test_a_tag_that_is_chosen_in_a_search_narrows_it_to_the_number_that_was_counted(
    server: DemoServer, settings: Settings
) -> None:
    server.store.update(RAW, tags=("raw", "ecephys"))
    server.store.update(THEIRS, tags=("RAW", "atlas"))
    server.store.update(COMBINED, tags=("Raw", "raw", "with, comma"))
    async with running_app(server, settings) as app:

        async def choose(typed: str, counted: str, *shown: str) -> None:
            await app.press("T")
            await app.until_shown("tags")
            await app.type(typed)
            await app.until_shown(counted)
            await app.press("enter")
            await app.until_shown(*shown)

        await choose("raw", "3  raw", "/ tag:raw ", "3 of 9")
        await choose("comma", "1  with, comma", 'tag:all(raw,"with, comma")', "1 of 9")


@pytest.mark.command("asset.delete")
async def test_delete_wants_its_words_and_archives_first(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("D")
        await app.until_shown("This cannot be undone", "open data", "Type delete")
        await app.type("yes")
        await app.press("enter")
        await app.until_shown("that does not match")
        assert server.store.find(OUTSIDE) is not None
        await app.press("ctrl+u")
        await app.type("delete")
        await app.until_gone("that does not match")
        await app.press("enter")
        await app.until(lambda: server.store.find(OUTSIDE) is None, "gone")
        await app.until_gone("  open data  ")


async def test_a_delete_that_only_an_owner_may_says_that_the_asset_is_archived_now(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.go_to("Zebrafish atlas")
        await app.press("D")
        await app.until_shown("This cannot be undone", "Type delete")
        await app.type("delete")
        await app.press("enter")
        end = "it is archived now, not deleted"
        await app.until(lambda: any(end in said for _, said in app.app.notices), end)
        (said,) = [said for _, said in app.app.notices if end in said]
    assert "you may not delete this asset: only an owner" in said
    assert "read but not change" not in said
    assert server.store.get(THEIRS).archived


async def test_delete_says_that_files_on_external_storage_stay(
    server: DemoServer, settings: Settings
) -> None:
    server.store.update(OUTSIDE, size=230_000_000_000, files=391)
    async with running_app(server, settings) as app:
        await app.press("D")
        await app.until_shown("Its files stay in open-data: external storage")
        assert "deleted:" not in app.text()
        assert "391" not in app.text()


async def test_delete_shows_what_the_platform_has_now(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        server.store.update(OUTSIDE, name="IMPORTANT keep", description="Not to be deleted.")
        gate = server.hooks.before("GET")
        await app.press("D")
        await gate.arrived()
        await app.until_shown("open data", "Reading it from the platform")
        await app.type("delete")
        await app.press("enter")
        await app.until_shown("it is still being read")
        gate.release()
        await app.until_shown(
            "IMPORTANT keep", "Not to be deleted.", "Changed since the list was read: name, desc"
        )
        await app.until_shown("look again")
        assert server.store.find(OUTSIDE) is not None
        await app.press("enter")
        await app.until(lambda: server.store.find(OUTSIDE) is None, "gone")


@pytest.mark.parametrize("marks", [0, 2])
async def test_what_changed_while_the_dialog_stood_is_not_deleted(
    server: DemoServer, settings: Settings, marks: int
) -> None:
    async with running_app(server, settings, size=(120, 40)) as app:
        await app.press(*["space"] * marks, "D")
        await app.until_shown("be deleted. This cannot be undone.")
        await app.until_gone("Reading")
        server.store.update(OUTSIDE, name="GOLD do not delete", tags=("keep",))
        await app.type("delete 2" if marks else "delete")
        await app.press("enter")
        if marks:
            await app.until_shown("y do it")
            await app.press("y")
        await app.until_shown("its name and tags were changed elsewhere since")
        assert server.store.find(OUTSIDE) is not None
        assert not server.store.get(OUTSIDE).archived


@pytest.mark.parametrize("size", [(40, 12), (80, 24), (120, 36)])
async def test_the_words_can_be_typed_on_a_small_screen(
    server: DemoServer, settings: Settings, size: tuple[int, int]
) -> None:
    server.store.update(OUTSIDE, description="Many words. " * 500, tags=("a", "b"))
    async with running_app(server, settings, size=size) as app:
        for marks, words in ((0, "delete"), (8, "delete 8")):
            await app.press("g", *["space"] * marks, "D")
            await app.until_shown("will be deleted", f" type {words}:")
            await app.until_gone("Reading")
            assert f" type {words}:" in app.text()
            assert "This cannot be undone." in " ".join(app.text().split())
            await app.press("escape")
            await app.until_gone("will be deleted")


async def test_words_that_are_entered_early_count_when_all_is_as_it_was_shown(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        gate = server.hooks.before("GET")
        await app.press("D")
        await app.type("delete")
        await app.press("enter")
        await gate.arrived()
        assert server.store.find(OUTSIDE) is not None
        gate.release()
        await app.until(lambda: server.store.find(OUTSIDE) is None, "gone")


async def test_delete_says_what_is_gone_already_and_what_can_not_be_read(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        server.store.delete(OUTSIDE)
        await app.press("D")
        await app.until_shown("This asset is no longer on the platform")
        await app.press("escape")
        await app.until_gone("open data")
        server.store.update(COMBINED, name="both of them")
        server.faults.add(403, "GET", path=f"/api/v1/data_assets/{RAW}")
        await app.press("space")  # both recordings
        await app.go_to("ecephys_655019_2023-04-03_18-17-07")
        await app.press("space", "D")
        await app.until_shown(
            "These 2 assets will be deleted",
            "The files of 1 asset are deleted: 1,021 files, 1.2 TB.",
            "1 asset combines others",
            "both of them",
            "changed since: name",
            "1 asset could not be read now",
        )


@pytest.mark.command("sync.sweep")
async def test_a_sweep_reads_everything_again_and_says_what_is_gone(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        server.store.delete(OUTSIDE)
        await app.press(":")
        await app.type("sweep")
        await app.press("enter")
        await app.until_shown("(all), 1 gone")
        await app.until_gone("open data")


async def test_help_is_read_to_its_end_by_keys_and_cut_off_nowhere(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings, size=(40, 12)) as app:
        await app.press("?")
        await app.until_shown("Move to the next asset.")
        await app.press("G")
        await app.until_shown("is:any.")
        assert "…" not in app.text().replace("1 … 9", "")
        await app.press("g")
        await app.until_shown("Move to the next asset.")


async def test_a_footer_without_room_keeps_the_way_to_all_keys(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings, size=(40, 12)) as app:
        await app.until_shown("/ search", "? help")


async def test_tags_are_counted_of_what_is_found_beside_the_list(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("/")
        await app.type("sorted")
        await app.press("enter", "T")
        await app.until_shown("3 tags of what is found", "1  Derived", "ecephys_655019")


@pytest.mark.parametrize(
    ("env", "platform", "opens"),
    [
        ({"DISPLAY": ":0"}, "linux", True),
        ({"WAYLAND_DISPLAY": "wayland-0"}, "linux", True),
        ({}, "darwin", True),
        ({}, "linux", False),
        ({"DISPLAY": ":10", "SSH_CONNECTION": "1 2 3 4"}, "linux", False),
        ({"SSH_TTY": "/dev/pts/1"}, "darwin", False),
    ],
)
def test_a_browser_is_opened_only_beside_the_app(
    env: dict[str, str], platform: str, *, opens: bool
) -> None:
    assert external.has_browser(env, platform) is opens


async def test_what_is_copied_inside_tmux_is_handed_to_it(
    server: DemoServer, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmux, socket = shutil.which("tmux"), str(tmp_path / "tmux")
    if tmux is None:
        pytest.skip("there is no tmux here")

    async def ask(*args: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *(tmux, "-S", socket, "-f", "/dev/null", *args), stdout=asyncio.subprocess.PIPE
        )
        return (await process.communicate())[0].decode()

    await ask("new-session", "-d")
    try:
        monkeypatch.setenv("TMUX", f"{socket},1,0")
        async with running_app(server, settings) as app:
            await app.press("y")
            await app.until_shown("attach snippet")
            await app.press("n")
            await app.until_shown("copied the name")
        assert await ask("show-buffer") == "open data"
    finally:
        await ask("kill-server")


async def test_without_colours_the_cursor_stays_visible(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with running_app(server, settings) as app:
        assert app.app.theme == "ansi-dark"
        await app.press(":")
        await app.type("theme")
        await app.press("enter")
        await app.until_shown("without colors (NO_COLOR)")
        assert app.app.theme == "ansi-dark"


@pytest.mark.command("app.suspend", "app.redraw")
async def test_what_works_anywhere_works_in_fields(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        for keys in ("/", "r", "d", "?"):
            await app.press(keys)
            await app.press("ctrl+z")
            await app.until_shown("there is no shell to go back to here")
            app.app.clear_notifications()
            await app.press("ctrl+l")
            await app.press("escape")


async def test_a_printable_key_that_works_anywhere_is_a_letter_in_fields(
    server: DemoServer, settings: Settings
) -> None:
    settings = msgspec.structs.replace(settings, keys={"app.suspend": ("B",)})
    async with running_app(server, settings) as app:
        await app.press("/")
        await app.press("B")
        await app.until_shown("/ B")
        assert "no shell" not in app.text()
        await app.press("escape")
        await app.press("B")
        await app.until_shown("there is no shell to go back to here")
