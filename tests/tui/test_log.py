from __future__ import annotations

import asyncio

import anyio
import msgspec
import pytest

from coexplorer.config import Settings
from coexplorer.demo.asset import Role
from coexplorer.demo.server import DemoServer
from coexplorer.errors import EditConflict, PlatformFault
from coexplorer.library import open_library
from coexplorer.library.bulk_change import Change
from coexplorer.library.entries import Action, EntryDraft
from coexplorer.library.log import Log
from coexplorer.library.results import EditResult
from coexplorer.models import AssetId
from coexplorer.tui.log_pages import PAGE
from coexplorer.tui.screens.log import LogScreen
from tests.support.server import COMBINED, OUTSIDE, VIEWED
from tests.support.tui import Running, running_app


async def make_refused(app: Running) -> None:
    """Have an edit refused, so that its text is kept."""
    await app.go_to("RNA-seq reference")
    await app.press("r")
    await app.type("!")
    await app.press("enter")
    await app.until_shown("refused: L")


@pytest.mark.command("log.open")
async def test_the_log_shows_what_was_done_and_what_was_refused(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("a")
        await app.until(lambda: app.stored(OUTSIDE).archived, "archived")
        await make_refused(app)
        await app.press("L")
        await app.until_shown("2 changes, 1 refused", "archive", "messages of this session")
        lines = [line for line in app.text().splitlines() if " tui " in line]
        assert "refused" in lines[0]
        assert "RNA-seq reference" in lines[0]
        assert "applied" in lines[1]
        await app.until_shown("- RNA-seq reference", "+ RNA-seq reference!", "r retry")
        await app.press("j")
        await app.until_gone("+ RNA-seq reference!")
        await app.until_gone("r retry")


@pytest.mark.command("log.retry")
async def test_a_refused_edit_is_sent_again(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await make_refused(app)
        server.store.update(VIEWED, roles={server.users[0].email: Role.EDITOR})
        await app.press("L")
        await app.until_shown("1 refused")
        await app.press("r")
        await app.until(lambda: app.stored(VIEWED).name == "RNA-seq reference!", "sent")
        await app.press("escape")
        await app.until_shown("RNA-seq reference!")
        assert not await app.library.log.kept()


@pytest.mark.command("log.discard")
async def test_a_refused_edit_is_given_up_and_its_text_stays_readable(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await make_refused(app)
        await app.press("L")
        await app.until_shown("1 refused")
        await app.press("x")
        await app.until_shown("discard name of RNA-seq reference")
        await app.press("n")
        await app.until_gone("discard name of RNA-seq reference")
        assert len(await app.library.log.kept()) == 1
        await app.press("x")
        await app.until_shown("discard name of RNA-seq reference")
        await app.press("y")
        await app.until_shown("discarded: name of", "+ RNA-seq reference!", "e edit")
        await app.until_gone("r retry")
        await app.press("x")
        await app.until_shown("is not waiting for anything")
        await app.press("e")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        editing = app.main.state.editing
        assert editing is not None
        assert editing.editor.mine.name == "RNA-seq reference!"
        assert editing.kept is None


@pytest.mark.command("log.edit")
async def test_a_refused_text_is_taken_up_again_in_the_fields(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await make_refused(app)
        await app.press("L")
        await app.until_shown("1 refused")
        await app.press("e")
        await app.until(
            lambda: (
                app.main.state.editing is not None
                and app.main.state.editing.editor.mine.name == "RNA-seq reference!"
            ),
            "the text in the fields",
        )
        # Until it is saved it is kept, and then it is sent as what it was: one line of the log.
        assert [entry.state for entry in await app.library.log.kept()] == ["refused"]
        server.store.update(VIEWED, roles={server.users[0].email: Role.EDITOR})
        await app.type("?")
        await app.press("enter")
        await app.until(lambda: app.stored(VIEWED).name == "RNA-seq reference!?", "sent")
        await app.until(lambda: app.main.state.editing is None, "closed")
        assert [entry.state for entry in await app.library.log.entries()] == ["applied"]


TOKEN_MAY_NOT = "The access token doesn't have permissions to perform the request"


@pytest.mark.parametrize(
    ("fault", "options", "said"),
    [
        (403, {}, "your token may not do this"),
        (403, {"message": "Forbidden: you can view this data asset"}, "it is yours"),
        (403, {"message": TOKEN_MAY_NOT}, "your token may not do this"),
        (404, {}, "says that it does not exist"),
        (409, {}, "kept as unsent"),
        (400, {"message": "the name is strange"}, "the name is strange"),
        (401, {}, "not signed in"),
        (500, {}, "kept as unsent"),
        (503, {}, "kept as unsent"),
        ("html", {}, "kept as unsent"),
        ("reset", {}, ""),
        ("lost", {}, ""),
        ("cut", {}, ""),
        ("short", {}, ""),
        ("silence", {}, "kept as unsent"),
    ],
)
@pytest.mark.usefixtures("soon_lost")
async def test_trouble_while_saving_loses_no_word(
    server: DemoServer, settings: Settings, fault: str | int, options: dict[str, str], said: str
) -> None:
    async with running_app(server, settings) as app:
        server.faults.add(fault, "PUT", **options)  # type: ignore[arg-type]  # by the fault's own options
        await app.press("r")
        await app.type("!")
        await app.press("enter")

        async def is_safe() -> bool:
            sent = app.stored(OUTSIDE).name == "open data!"
            kept = [
                e for e in await app.library.log.kept() if e.mine and e.mine.name == "open data!"
            ]
            return sent or bool(kept)

        await app.until(is_safe, "sent, or kept")
        if said:
            await app.until(
                lambda: said in " ".join(app.text().split()) or said in _said(app), said
            )


def _said(app: Running) -> str:
    return " ".join(text for _, text in app.app.notices)


def fill_journal(app: Running, batches: int, *, entries: int = 1) -> None:
    """Write down finished changes, each of a number of assets."""
    journal = app.library._context.journal
    for number in range(batches):
        drafts = [
            EntryDraft(AssetId(f"id-{number}-{each}"), f"asset {each}", Action.ARCHIVE)
            for each in range(entries)
        ]
        _, written = journal.begin(drafts, title=f"archive number {number}")
        with journal._file.transaction() as connection:
            connection.executemany(
                "UPDATE entries SET state = 'applied', settled_at = 1 WHERE id = ?",
                [(each,) for each in written],
            )


async def test_hundreds_of_changes_are_read_a_page_at_a_time_to_the_first(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        fill_journal(app, 2 * PAGE + 50)
        await app.press("L")
        await app.until_shown("Log: 450 changes", "archive number 449")
        for _ in range(4):
            await app.press("G")
        await app.until_shown("archive number 0 ")


@pytest.mark.command("log.unfold")
@pytest.mark.command("log.fold")
async def test_a_change_of_thousands_is_one_line_and_unfolds_to_its_last_asset(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        fill_journal(app, 1)
        fill_journal(app, 1, entries=5725)
        await app.press("L")
        await app.until_shown("Log: 2 changes", "5,725 applied", "Enter unfold")
        assert sum(" tui " in line for line in app.text().splitlines()) == 2
        await app.press("enter")
        await app.until_shown("▾", "asset 0", "asset 10", "Enter fold")
        log = app.app.screen
        assert isinstance(log, LogScreen)
        more = next(at for at, row in enumerate(log._rows) if row.more)
        log._list.move_to(more - 1)
        await app.until_shown("asset 199")
        await app.press("j")
        await app.until_shown("asset 200")
        await app.press("enter")
        await app.until_shown("change 2, ", "applied")
        await app.press("escape")
        await app.until_shown("asset 200")
        await app.press("left")
        await app.until_shown("▸", "5,725 applied")
        await app.until_gone("asset 200")


async def test_the_log_says_that_it_is_being_read(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate = asyncio.Event()
    original = Log.count_kept

    async def wait(log: Log) -> dict[str, int]:
        await gate.wait()
        return await original(log)

    async with running_app(server, settings) as app:
        monkeypatch.setattr(Log, "count_kept", wait)
        await app.press("L")
        await app.until_shown("Log: reading…")
        gate.set()
        await app.until_shown("Log: 0 changes", "nothing has been done here yet")


@pytest.mark.command("log.undo")
async def test_an_older_change_is_chosen_and_undone(server: DemoServer, settings: Settings) -> None:
    server.faults.add(404, "GET", "**/permissions")  # nobody tells who may only view what
    async with running_app(server, settings) as app:
        await app.press("*", "+")
        await app.type("bulk")
        await app.press("enter")
        await app.until_shown("add tag bulk: 8 assets")
        await app.press("y")
        await app.until_shown("7 done, 1 failed")
        await app.press("escape", "_", "g", "a")
        await app.until(lambda: app.stored(OUTSIDE).archived, "archived")
        await app.press("L")
        await app.until_shown("Log: 2 changes", "archive open data", "7 applied, 1 refused")
        await app.press("g")
        await app.until_shown("1 x refused: you can read but not change this asset")
        await app.press("u")
        await app.until_shown("undo: add tag bulk, 7 assets, today", "-bulk", "y do it")
        await app.press("y")
        await app.until_shown("7 done, 0 failed", "1 given up", "given up ")
        # The list's own undo would be about another change.
        await app.until_shown("u on its line in the log undoes it")
        assert not app.stored(OUTSIDE).tags
        assert app.stored(OUTSIDE).archived
        await app.press("escape")
        await app.until_shown("Log: 3 changes", "undo: add tag bulk", "(7 undone)")
        # The archive, a change of one asset, is undone where it stands.
        lines = [line for line in app.text().splitlines() if " tui " in line]
        at = next(i for i, line in enumerate(lines) if "archive open data" in line)
        await app.press("g", *("j" * at))
        await app.until_shown("u undo")
        await app.press("u")
        await app.until_shown("undone: archive open data")
        assert not app.stored(OUTSIDE).archived
        await app.press("u")
        await app.until_shown("is left to undo")


@pytest.mark.command("log.retry_all")
async def test_all_that_is_unsent_is_sent_by_one_key(
    server: DemoServer, settings: Settings
) -> None:
    server.faults.add(500, "PATCH", times=99)
    async with running_app(server, settings) as app:
        await app.press("a")
        await app.until_shown("1 unknown")
        await app.press("a")
        await app.until_shown("2 unknown")
        await app.press("L")
        await app.until_shown("Log: 2 changes, 2 unknown", "R retry all")
        server.faults.clear()
        await app.press("R")
        await app.until_shown("2 of 2 sent")
        await app.until_gone("2 unknown")
        assert app.stored(OUTSIDE).archived
        assert app.stored(COMBINED).archived


async def test_while_all_are_sent_the_log_shows_how_far_that_is(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.faults.add(500, "PATCH", times=99)
    gate = anyio.Event()
    async with running_app(server, settings) as app:
        for waiting in (1, 2, 3):
            await app.press("a")
            await app.until_shown(f"{waiting} unknown")
        await app.press("L")
        await app.until_shown("Log: 3 changes, 3 unknown")
        server.faults.clear()
        retry, begun = app.library.changes.retry, []

        async def retry_with_a_wait(entry_id: int) -> EditResult:
            begun.append(entry_id)
            if len(begun) > 1:
                await gate.wait()
            return await retry(entry_id)

        monkeypatch.setattr(app.library.changes, "retry", retry_with_a_wait)
        await app.press("R")
        await app.until_shown("Log: 3 changes, 2 unknown", "sending 2 of 3")
        gate.set()
        await app.until_shown("3 of 3 sent")
        await app.until_gone("unknown")


async def test_more_than_a_few_changes_are_sent_only_after_a_question(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        base = app.main.rows.current
        record = None if base is None else await app.library.assets.record(base.id)
        assert record is not None
        fields = record.asset.fields
        for number in range(6):
            mine = msgspec.structs.replace(fields, name=f"name {number}")
            await app.library.saves.keep(
                AssetId(f"other-{number}"), fields, mine, PlatformFault("it is down")
            )
        await app.press("L")
        await app.until_shown("6 unsent", "R retry all")
        await app.press("R")
        await app.until_shown("send 6 changes again")
        await app.press("n")
        await app.until_gone("send 6 changes again")
        assert len(await app.library.log.unsent()) == 6


async def test_a_change_of_many_is_sent_again_as_a_whole(
    server: DemoServer, settings: Settings
) -> None:
    server.faults.add(404, "GET", "**/permissions")  # nobody tells who may only view what
    async with running_app(server, settings) as app:
        await app.go_to("RNA-seq reference")
        await app.press("space", "g", "space", "+")
        await app.type("keep")
        await app.press("enter", "y")
        await app.until_shown("1 done, 1 failed")
        server.store.update(VIEWED, roles={server.users[0].email: Role.EDITOR})
        await app.press("escape", "L")
        await app.until_shown("Log: 1 change, 1 refused")
        await app.press("enter", "j", "k", "r")
        await app.until(lambda: "keep" in app.stored(VIEWED).tags, "sent")
        await app.until_shown("2 applied")


@pytest.mark.parametrize("then", ["enter", "escape"])
async def test_a_second_edit_goes_on_from_the_text_that_was_not_sent(
    server: DemoServer, settings: Settings, then: str
) -> None:
    async with running_app(server, settings) as app:
        name = app.stored(OUTSIDE).name
        server.faults.add(503, "*", "**")
        await app.press("r")
        await app.type(" one")
        await app.press("enter")
        await app.until_shown("kept as unsent")
        await app.until_shown("! ")
        await app.press("r")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        editing = app.main.state.editing
        assert editing is not None
        assert editing.editor.mine.name == f"{name} one"
        await app.until(
            lambda: any("unsent text of" in said for _, said in app.app.notices), "which text"
        )
        if then == "escape":
            await app.press("escape")
            await app.until(lambda: app.main.state.editing is None, "left without a question")
            (entry,) = await app.library.log.kept()
            assert entry.mine is not None
            assert entry.mine.name == f"{name} one"
            return
        await app.type(" two")
        await app.press("enter")
        await app.until(lambda: not app.main.state.in_flight.any, "nothing on its way")
        (entry,) = await app.library.log.kept()
        assert entry.mine is not None
        assert entry.mine.name == f"{name} one two"
        server.faults.clear()
        await app.press("r")
        await app.until(lambda: app.main.state.editing is not None, "the fields")
        await app.press("enter")
        await app.until(lambda: app.stored(OUTSIDE).name == f"{name} one two", "sent")
        assert not await app.library.log.kept()


@pytest.mark.parametrize("presses", [1, 2])
async def test_sending_all_again_stops_as_any_other_run_does(
    server: DemoServer, settings: Settings, presses: int
) -> None:
    server.faults.add(500, "PATCH", times=99)
    async with running_app(server, settings) as app:
        await app.press("a")
        await app.until_shown("1 unknown")
        await app.press("a")
        await app.until_shown("2 unknown")
        server.faults.clear()
        await app.press("L")
        await app.until_shown("Log: 2 changes, 2 ", "R retry all")
        with server.hooks.before("PATCH") as gate:
            await app.press("R")
            await gate.arrived()
            await app.until_shown("Esc stop")
            await app.press("escape")
            await app.until_shown("stopping after the request on its way")
            if presses > 1:
                await app.press("escape")
                await app.until_gone("stopping")
            gate.release()
        await app.until_shown("Log: 2 changes", "Esc close")
        assert len(server.log.find_all("PATCH")) >= 1
        if presses == 1:
            await app.until_shown("1 of 2 sent", "Log: 2 changes, 1 ")


@pytest.mark.parametrize("left_first", [True, False])
async def test_fields_opened_from_the_log_show_no_other_assets_facts(
    server: DemoServer, settings: Settings, *, left_first: bool
) -> None:
    """Below a text of an asset that is gone stands nothing of the one under the cursor."""
    async with running_app(server, settings) as app:
        await make_refused(app)
        server.store.delete(VIEWED)
        await app.library.sync.sweep(anew=True)
        await app.go_to("open data")
        await app.until_shown("created")
        if left_first:
            await app.press("e", "escape")
        await app.press("L")
        await app.until_shown("1 refused")
        await app.press("e")
        await app.until_shown("not in the catalog: deleted")
        editing = app.main.state.editing
        assert editing is not None
        assert editing.asset_id == VIEWED
        below = app.text().split("not in the catalog")[1]
        assert "created" not in below
        assert "── RNA-seq reference" in app.text()


@pytest.mark.command("log.unfold")
async def test_enter_shows_all_of_one_change_and_of_a_conflict_both_versions(
    server: DemoServer, settings: Settings
) -> None:
    """Also where the log has room for the beginning only; and the choice is sent."""
    words = "\n".join(f"line {at} of what I wrote" for at in range(12))
    base = server.store.get(OUTSIDE).name
    async with running_app(server, settings, size=(80, 24)) as app:
        record = await app.library.assets.record(AssetId(OUTSIDE))
        assert record is not None
        fields = record.asset.fields
        mine = msgspec.structs.replace(fields, name="my name")
        await app.library.changes.edit(
            AssetId(OUTSIDE), fields, msgspec.structs.replace(fields, description=words)
        )
        server.store.update(OUTSIDE, name="their name")
        with pytest.raises(EditConflict):
            await app.library.changes.edit(AssetId(OUTSIDE), fields, mine)
        await app.press("L")
        await app.until_shown("2 changes, 1 conflict", "Enter show", "Enter shows both versions")
        await app.press("ctrl+s")
        await app.until_shown("ctrl+s does nothing here", "Enter show")
        await app.press("j", "enter")
        await app.until_shown("change 1, today", f"id {OUTSIDE}", "+ line 0", "  line 11 of what")
        await app.press("escape")
        await app.until_shown("Log: 2 changes")
        await app.press("k", "enter")
        await app.until_shown(base, "their name", "my name", "name: not chosen (")
        await app.press("m", "ctrl+s")
        await app.until(lambda: app.stored(OUTSIDE).name == "my name", "my name is sent")
        assert app.stored(OUTSIDE).description == words
        await app.until_shown("my name")
        await app.press("L")
        await app.until_shown("Log: 2 changes ")
        await app.until_gone("conflict")


async def test_the_log_follows_what_others_do(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its cursor stays where it is; a text of one's own that is discarded there goes, too."""
    monkeypatch.setattr("coexplorer.tui.screens.log.FOLLOW_S", 0.05)
    async with running_app(server, settings) as app, open_library(settings, origin="cli") as other:
        await app.press("a")
        await app.until(lambda: app.stored(OUTSIDE).archived, "archived")
        await app.press("L")
        await app.until_shown("Log: 1 change", "archive")
        plan = await other.changes.plan(
            [AssetId(COMBINED), AssetId(VIEWED)], Change(add_tags=("theirs",))
        )
        await other.changes.apply(plan)
        await app.until_shown("Log: 2 changes", "add tag theirs")
        screen = app.app.screen
        assert isinstance(screen, LogScreen)
        row = screen._row
        assert row is not None
        assert row.batch is not None
        assert row.batch.title.startswith("archive")


async def test_a_discarded_text_is_left_again_without_a_question(
    server: DemoServer, settings: Settings
) -> None:
    """Nothing was typed, and the log still has it; what is typed then is asked about."""
    async with running_app(server, settings) as app:
        await make_refused(app)
        (kept,) = await app.library.log.kept()
        await app.library.changes.discard(kept.id)
        for typed in ("", "!"):
            await app.press("L")
            await app.until_shown("1 change")
            await app.press("e")
            await app.until(lambda: app.main.state.editing is not None, "the fields")
            if typed:
                await app.type(typed)
            await app.press("escape")
            if typed:
                await app.until_shown("leave without saving?")
                await app.press("y")
            await app.until(lambda: app.main.state.editing is None, "closed")
        assert not app.app.memory.edits.take()
