from __future__ import annotations

import pytest

from coexplorer.config import Settings
from coexplorer.demo.asset import Role
from coexplorer.demo.server import DemoServer
from tests.support.server import OUTSIDE, VIEWED
from tests.support.tui import Running, running_app


async def make_refused(app: Running) -> None:
    """Have an edit refused, so that its text is kept."""
    await app.go_to("RNA-seq reference")
    await app.press("r")
    await app.type("!")
    await app.press("enter")
    await app.until_shown("kept as refused")


@pytest.mark.command("log.open")
async def test_the_log_shows_what_was_done_and_what_was_refused(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("a")
        await app.until(lambda: app.stored(OUTSIDE).archived, "archived")
        await make_refused(app)
        await app.press("L")
        await app.until_shown("2 changes, 1 refused", "archive", "said in this session")
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
        assert not await app.library.kept()


@pytest.mark.command("log.discard")
async def test_a_refused_edit_is_given_up_and_its_text_stays_readable(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await make_refused(app)
        await app.press("L")
        await app.until_shown("1 refused")
        await app.press("x")
        await app.until_shown("discarded", "+ RNA-seq reference!")
        await app.press("x")
        await app.until_shown("does not wait for anything")


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
                app.main.editing is not None
                and app.main.editing.editor.mine.name == "RNA-seq reference!"
            ),
            "the text in the fields",
        )
        assert not await app.library.kept()


TOKEN_MAY_NOT = "The access token doesn't have permissions to perform the request"


@pytest.mark.parametrize(
    ("fault", "options", "said"),
    [
        (403, {}, "you can read but not change"),
        (403, {"message": "Forbidden: you can view this data asset"}, "ask its owner"),
        (403, {"message": TOKEN_MAY_NOT}, "your token may not do this"),
        (404, {}, "no such asset, though"),
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
            kept = [e for e in await app.library.kept() if e.mine and e.mine.name == "open data!"]
            return sent or bool(kept)

        await app.until(is_safe, "sent, or kept")
        if said:
            await app.until(
                lambda: said in " ".join(app.text().split()) or said in _said(app), said
            )


def _said(app: Running) -> str:
    return " ".join(text for _, text in app.app.notices)


async def test_a_log_that_is_cut_says_so_and_still_counts_all_that_waits(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coexplorer.tui.screens.log.MOST_ENTRIES", 1)
    server.faults.add(500, "PATCH")
    async with running_app(server, settings) as app:
        await app.press("a")
        await app.until_shown("1 unsent")
        await app.press("a")
        await app.until_shown("2 unsent")
        await app.press("L")
        await app.until_shown("Log: the last 1 change, 2 unsent")
