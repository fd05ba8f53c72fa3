from __future__ import annotations

import anyio
import pytest

from coexplorer.config import Settings
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer
from coexplorer.library.events import RowsChanged
from coexplorer.models import AssetId, Row
from coexplorer.query import Query
from coexplorer.tui.windows import BLOCK
from tests.support.server import COMBINED, OUTSIDE, THEIRS
from tests.support.tui import Running, running_app


def add_assets(server: DemoServer, count: int) -> None:
    me = server.users[0].email
    server.store.insert(
        StoredAsset(
            id=f"{number:08x}-2222-4000-8000-{number:012x}",
            name=f"session {number:05}",
            owner=me,
            created=1_600_000_000 + number,
            tags=("bulk",),
            mount=f"session_{number}",
        )
        for number in range(count)
    )


def name_of(running: Running) -> str:
    row = running.main.rows.current
    assert row is not None
    return row.name


async def test_the_list_shows_what_is_known_newest_first(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.until_shown("open data", "1 All 8", "8 Archived 1", "synced", "Name")
        lines = app.text().splitlines()
        rows = [line for line in lines if "20" in line and "dataset" in line]
        assert "open data" in rows[0]
        assert "behavior_2019" not in app.text()


@pytest.mark.command(
    "move.down", "move.up", "move.top", "move.bottom", "move.half_down", "move.half_up"
)
async def test_keys_move_the_cursor(server: DemoServer, settings: Settings) -> None:
    add_assets(server, 300)
    async with running_app(server, settings) as app:
        rows = app.main.rows
        await app.press("j", "down", "k")
        assert rows.cursor == 1
        await app.press("G")
        assert rows.cursor == rows.windows.count - 1
        await app.until_shown("session 00000")
        await app.press("g")
        assert rows.cursor == 0
        await app.press("ctrl+d")
        assert rows.cursor == rows.page_rows // 2
        await app.press("ctrl+u")
        assert rows.cursor == 0


@pytest.mark.command("move.page_down", "move.page_up")
async def test_pages_of_a_long_list_are_read_when_they_are_seen(
    server: DemoServer, settings: Settings
) -> None:
    add_assets(server, 1000)
    async with running_app(server, settings) as app:
        rows = app.main.rows
        for _ in range(40):
            await app.press("pagedown")
        name = f"session {1000 - (rows.cursor - 8) - 1:05}"
        await app.until(lambda: rows.current is not None and rows.current.name == name, name)
        await app.until_shown(name)
        await app.press("pageup")
        await app.until(lambda: rows.current is not None, "the page before")


@pytest.mark.command("find.search", "find.clear")
async def test_search_filters_while_it_is_typed_and_escape_clears(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("/")
        await app.type("ecephys")
        await app.until_shown("2 of 9")
        await app.press("enter")
        assert app.main.focused is app.main.rows
        assert app.main.state.browsing.text == "ecephys"
        await app.press("escape")
        await app.until_shown("1 All 8")
        await app.until(lambda: app.main.rows.windows.count == 8, "all again")


async def test_keys_typed_ahead_reach_the_field_that_they_open(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.pilot.press("/", *"atlas")
        await app.until(lambda: app.main.state.browsing.text == "atlas", "the whole word")
        await app.until_shown("1 of 9")


async def test_a_mistake_is_shown_and_the_rest_still_filters(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("/")
        await app.type("ecephys size:>ten")
        await app.until_shown("size: expected", "2 of 9")
        lines = app.text().splitlines()
        typed = next(y for y, line in enumerate(lines) if line.startswith("/ ecephys"))
        place = lines[typed].index(">ten")
        assert lines[typed + 1].startswith(" " * place + "^^^^ size: expected")
        await app.press("enter", "*")
        await app.until_shown("Mark all of the list: the search has a mistake")
        assert not app.main.state.marked


async def test_what_to_write_instead_of_a_mistake_is_shown(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("/")
        await app.type("name:HCR_*")
        await app.until_shown("name: a * without quotes", "for a pattern write name:glob(HCR_*)")
        await app.press("ctrl+u")
        await app.type("has:foo")
        await app.until_shown("has: there is no field 'foo'", 'asked for in quotes, has:"foo"')


async def test_fields_and_tags_are_completed(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press("/")
        await app.type("ta")
        await app.until_shown("tag:")
        await app.press("tab")
        await app.type("ec")
        await app.until_shown("  ecephys")
        await app.press("tab", "enter")
        await app.until(lambda: app.main.state.browsing.text == "tag:ecephys", "the tag taken")
        await app.until_shown("2 of 9")


async def test_up_brings_earlier_searches_back(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press("/")
        await app.type("atlas")
        await app.press("enter", "escape", "/", "up")
        await app.until_shown("▸ atlas")
        await app.press("enter")
        await app.until(lambda: app.main.state.browsing.text == "atlas", "the earlier search")


@pytest.mark.command("find.sort", "find.reverse")
async def test_the_order_is_chosen_and_reversed_and_the_cursor_stays_on_its_asset(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.go_to("Zebrafish atlas")
        await app.press("s")
        await app.until_shown("sort by")
        await app.press("n")
        await app.until_shown("Name↑")
        await app.until(lambda: name_of(app) == "Zebrafish atlas", "the same asset")
        assert app.main.rows.cursor == 7
        await app.press("S")
        await app.until_shown("Name↓")
        await app.until(lambda: app.main.rows.cursor == 0, "now the first")
        assert name_of(app) == "Zebrafish atlas"


@pytest.mark.command(
    "view.1", "view.2", "view.3", "view.4", "view.5", "view.6", "view.7", "view.8", "view.9"
)
async def test_views_are_opened_by_their_numbers(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        rows = app.main.rows
        counts = {"2": 6, "3": 2, "4": 1, "5": 1, "6": 1, "8": 1, "1": 8}
        for key, count in counts.items():
            await app.press(key)
            await app.until(lambda: rows.windows.count == count, f"view {key}")  # noqa: B023  awaited at once
        await app.press("7")
        assert app.main.state.browsing.text == "used:never"
        await app.press("9")
        await app.until_shown("there is no view 9")


@pytest.mark.command("view.save")
async def test_a_search_is_saved_as_a_view(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press("/")
        await app.type("atlas")
        await app.press("enter", "w")
        await app.until_shown("save this search as")
        await app.type("maps")
        await app.press("enter")
        await app.until_shown("[9 maps 1]")
        await app.press("1", "9")
        await app.until(lambda: app.main.state.browsing.text == "atlas", "the view's search")


@pytest.mark.command("move.back")
async def test_back_swaps_the_last_two_places(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.go_to("Zebrafish atlas")
        await app.press("2")
        await app.until(lambda: app.main.rows.windows.count == 6, "my assets")
        await app.press("'")
        await app.until(lambda: app.main.rows.windows.count == 8, "all assets")
        await app.until(lambda: name_of(app) == "Zebrafish atlas", "the asset that was left")
        await app.press("'")
        await app.until(lambda: app.main.rows.windows.count == 6, "my assets again")


@pytest.mark.command("details.open", "details.resize", "details.beside")
async def test_details_follow_the_cursor_and_change_their_size(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings, size=(170, 40)) as app:
        await app.go_to("ecephys_655019_2023-04-03_18-17-07")
        await app.until_shown("Raw Neuropixels recording.", "ecephys  raw")
        await app.press("enter")
        await app.until_shown("subject id", "655019", "institute-raw")
        await app.press("enter")
        await app.until_shown("Name")
        sizes = []
        for _ in range(4):
            await app.press("z")
            sizes.append(app.main.size_name)
        assert sizes == ["tall", "full", "hidden", "small"]
        await app.press("Z")
        assert app.main.has_class("beside")
        await app.until_shown("Raw Neuropixels recording.")


@pytest.mark.command("pane.next", "pane.previous")
async def test_panes_take_turns(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.press("l")
        assert app.main.details.has_focus
        await app.press("h")
        assert app.main.rows.has_focus


@pytest.mark.command("mark.toggle", "mark.range", "mark.all", "mark.none")
async def test_marks_are_set_one_by_one_by_range_and_all(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("space", "space")
        await app.until_shown("2 marked", "●")
        await app.press("g", "space")
        assert len(app.main.state.marked) == 1
        await app.press("g", "v", "j", "j", "v")
        await app.until_shown("3 marked")
        await app.press("*")
        await app.until_shown("8 marked")
        await app.press("_")
        await app.until_gone("marked")
        assert not app.main.state.marked


@pytest.mark.parametrize("size", [(120, 36), (80, 24), (40, 12)])
async def test_nothing_breaks_at_any_size(
    server: DemoServer, settings: Settings, size: tuple[int, int]
) -> None:
    async with running_app(server, settings, size=size) as app:
        await app.until_shown("open data", "Name", "/")
        lines = app.text().splitlines()
        assert len(lines) == size[1]
        await app.press("enter")
        await app.until_shown("name         open data")


async def test_a_narrower_terminal_is_fitted_to(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await app.pilot.resize_terminal(60, 15)
        await app.until(lambda: len(app.text().splitlines()) == 15, "the new size")
        await app.until_shown("open data", "Size")


async def test_keys_pressed_while_the_list_is_read_anew_are_not_undone(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(server, settings) as app:
        reading, go_on = anyio.Event(), anyio.Event()
        window = app.library.assets.window

        async def read_slowly(query: Query, *, offset: int, limit: int) -> list[Row]:
            reading.set()
            await go_on.wait()
            return await window(query, offset=offset, limit=limit)

        row = app.main.rows.current
        assert row is not None
        monkeypatch.setattr(app.library.assets, "window", read_slowly)
        app.main.feeds.list.load()
        await reading.wait()
        await app.press("j", "j", "j")
        assert app.main.rows.cursor == 3
        go_on.set()
        lists = [worker for worker in app.app.workers if worker.name == "list"]
        assert lists
        await app.app.workers.wait_for_complete(lists)
        assert app.main.rows.cursor == 3


class Slow:
    """Something of the library that goes on when the test says so."""

    def __init__(self, app: Running, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        self.begun, self.go_on = anyio.Event(), anyio.Event()
        original = getattr(app.library.assets, name)

        async def wait(*args: object, **kwargs: object) -> object:
            self.begun.set()
            await self.go_on.wait()
            return await original(*args, **kwargs)

        monkeypatch.setattr(app.library.assets, name, wait)


async def test_keys_pressed_before_a_reload_has_begun_are_not_undone(
    server: DemoServer, settings: Settings
) -> None:
    add_assets(server, 300)
    async with running_app(server, settings) as app:
        rows = app.main.rows
        app.main.feeds.list.load()
        rows.move_by(200)  # before the reload's worker had its first turn
        await app.app.workers.wait_for_complete(
            [worker for worker in app.app.workers if worker.name == "list"]
        )
        assert rows.cursor == 200


async def test_keys_pressed_over_rows_that_are_gone_end_on_the_asset_that_was_seen(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(server, settings) as app:
        slow = Slow(app, monkeypatch, "window")
        await app.library.changes.archive(AssetId(COMBINED))
        app.main.feeds.list.load()
        await slow.begun.wait()
        await app.press("j", "j")
        assert name_of(app) == "ophys_draft"
        slow.go_on.set()
        await app.until_gone("both recordings")
        assert name_of(app) == "ophys_draft"
        assert app.main.rows.cursor == 1


async def test_a_reload_that_follows_another_list_goes_where_that_was_to_go(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(server, settings) as app:
        await app.go_to("Zebrafish atlas")
        slow = Slow(app, monkeypatch, "window")
        await app.press("2")
        await slow.begun.wait()
        app.main.feeds.list.load()  # as changes from elsewhere do
        slow.go_on.set()
        await app.until(lambda: app.main.rows.windows.count == 6, "my assets")
        assert app.main.rows.cursor == 0


async def test_keys_wait_for_the_list_that_they_are_meant_for(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_app(server, settings) as app:
        slow = Slow(app, monkeypatch, "window")
        await app.press("/")
        await app.type("atlas")
        await app.press("enter", "a")
        assert name_of(app) == "open data"  # what is still shown is not what was searched for
        slow.go_on.set()
        await app.until(lambda: app.stored(THEIRS).archived, "the atlas archived")
        assert not app.stored(OUTSIDE).archived


async def test_the_cursor_stays_at_the_end_when_the_last_block_is_gone(
    server: DemoServer, settings: Settings
) -> None:
    add_assets(server, BLOCK + 1 - 8)
    async with running_app(server, settings) as app:
        rows = app.main.rows
        await app.press("G")
        await app.until(lambda: rows.cursor == BLOCK and rows.current is not None, "the last row")
        await app.press("a")
        await app.until(lambda: rows.windows.count == BLOCK, "one less")
        assert rows.cursor == BLOCK - 1


async def test_rows_that_were_read_for_an_earlier_list_are_not_shown_in_the_next(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_assets(server, 300)
    async with running_app(server, settings) as app:
        rows = app.main.rows
        await app.until(lambda: rows.windows.find(0), "the list")
        read = await app.library.assets.window(app.main.state.browsing.query, offset=0, limit=BLOCK)
        slow = Slow(app, monkeypatch, "window")

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(app.main.feeds.list.load_rows, BLOCK, BLOCK)
            await slow.begun.wait()
            rows.show_list(301, read)
            slow.go_on.set()
        assert rows.windows.find(BLOCK) is None


async def test_changes_are_shown_while_more_of_them_come(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.library.changes.archive(AssetId(COMBINED))

        def is_shown() -> bool:
            app.main.news.take(RowsChanged())  # faster than they are shown
            text = app.text()
            return "both recordings" not in text and "[1 All 7]" in text

        await app.until(is_shown, "the archived asset gone, and the view's count less")


async def test_back_returns_from_the_ends_of_the_list(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("j", "j", "G")
        assert app.main.rows.cursor == 7
        await app.press("'")
        await app.until(lambda: app.main.rows.cursor == 2, "where G was pressed")
        await app.press("'")
        await app.until(lambda: app.main.rows.cursor == 7, "the end again")
        await app.press("g", "'")
        await app.until(lambda: app.main.rows.cursor == 7, "where g was pressed")


async def test_what_a_search_finds_is_shown_before_it_is_counted(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_assets(server, BLOCK + 20)
    async with running_app(server, settings) as app:
        rows = app.main.rows
        slow = Slow(app, monkeypatch, "count")
        await app.press("/")
        await app.type("state:ready")
        await slow.begun.wait()
        await app.until(lambda: rows.windows.count == BLOCK, "the first rows")
        assert rows.current is not None
        slow.go_on.set()
        await app.until(lambda: rows.windows.count > BLOCK, "the count")
        found = await app.library.assets.count(app.main.state.browsing.query)
        assert rows.windows.count == found
        await app.press("enter", "G")
        await app.until(lambda: rows.cursor == found - 1, "the last row")


async def test_keys_that_go_beyond_the_rows_at_hand_are_not_undone_by_reading_anew(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_assets(server, 4 * BLOCK)
    async with running_app(server, settings) as app:
        rows = app.main.rows
        await app.until(lambda: rows.windows.count > 4 * BLOCK, "the list")
        slow = Slow(app, monkeypatch, "window")
        app.main.feeds.list.load()  # as changes from elsewhere do
        await slow.begun.wait()
        await app.press("G")
        assert rows.current is None  # it is not read yet
        slow.go_on.set()
        last = rows.windows.count - 1
        await app.until(lambda: rows.windows.find(last) is not None, "the last rows")
        await app.settle()
        assert rows.cursor == last


async def test_a_search_that_is_opened_again_takes_another_term(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        for term in ("tag:ecephys", "tag:raw"):
            await app.press("/")
            await app.type(term)
            await app.press("enter")
        assert app.main.state.browsing.text == "tag:ecephys tag:raw"
        await app.press("/", "enter")
        assert app.main.state.browsing.text == "tag:ecephys tag:raw"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ('-has:"subjct id"', "subject id"),  # finds everything
        ('type:"foo"', "no asset has the type"),
        ("atlas OR raw", "looked for as a word"),
    ],
)
async def test_a_search_that_cant_be_meant_so_is_told(
    server: DemoServer, settings: Settings, typed: str, told: str
) -> None:
    async with running_app(server, settings) as app:
        await app.press("/")
        await app.type(typed)
        await app.press("enter")
        await app.until(lambda: any(told in text for _, text in app.app.notices), told)
        await app.press("/", "ctrl+u")
        await app.type("atlas")
        await app.press("enter")
        await app.until(lambda: app.main.rows.windows.count == 1, "the one")
        await app.until(lambda: not app.app._notifications, "told no longer")
