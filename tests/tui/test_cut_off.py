"""A change of many that is cut off: the journal has its text, the terminal says how far it got."""

from __future__ import annotations

import signal
from contextlib import nullcontext
from pathlib import Path

import pytest

from coexplorer.config import Settings
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer
from coexplorer.library.bulk import CONCURRENCY
from coexplorer.tui.memory import Memory
from tests.support.server import OUTSIDE, make_id
from tests.support.tui import running_app
from tests.tui.test_program import open_program

COUNT = 12


@pytest.fixture
def editor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Put an editor in force that gives every asset another name."""
    script = tmp_path / "editor.sh"
    script.write_text('#!/bin/sh\nsed -i "s/asset /renamed /" "$1"\n')
    script.chmod(0o700)
    monkeypatch.setenv("VISUAL", str(script))


@pytest.fixture
def many(server: DemoServer) -> None:
    server.store.clear()
    me = server.users[0].email
    server.store.insert(
        [
            StoredAsset(id=make_id(n), name=f"asset {n}", owner=me, created=n)
            for n in range(1, COUNT + 1)
        ]
    )


@pytest.mark.usefixtures("editor", "many")
@pytest.mark.parametrize("presses", [1, 2])
async def test_a_text_is_no_draft_once_its_plan_is_written_down(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch, presses: int
) -> None:
    async with running_app(server, settings) as app:
        monkeypatch.setattr(app.app, "suspend", nullcontext)  # there is no terminal to give away
        gates = [server.hooks.before("PUT") for _ in range(CONCURRENCY)]
        await app.press("*", "E")
        await app.until_shown("renamed 1", f"{COUNT} assets")
        assert Memory(settings.journal_path).texts.take()
        await app.press("y")
        for gate in gates:
            await gate.arrived()
        assert not Memory(settings.journal_path).texts.take()
        for _ in range(presses):
            await app.press("escape")
        for gate in gates:
            gate.release()
        await app.until_shown("stopped: ", "not sent")
    assert not Memory(settings.journal_path).texts.take()


async def test_a_draft_that_was_sent_or_is_kept_is_not_offered(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        server.faults.add(503, "*", "**")
        await app.press("r")
        await app.type(" kept")
        draft = Memory(settings.journal_path)
        (_, typed), *_ = draft.edits.take()
        await app.press("enter")
        await app.until_shown("kept as unsent")
        server.faults.clear()
    draft.edits.save(typed)  # as an app leaves it that is killed before it can drop it
    async with running_app(server, settings) as app:
        await app.until(lambda: not Memory(settings.journal_path).edits.take(), "dropped")
        assert "you were editing" not in app.text()
        (entry,) = await app.library.log.kept()
        await app.library.changes.retry(entry.id)
        assert app.stored(OUTSIDE).name.endswith(" kept")
    draft.edits.save(typed)
    async with running_app(server, settings) as app:
        await app.until(lambda: not Memory(settings.journal_path).edits.take(), "dropped")
        assert "you were editing" not in app.text()


@pytest.mark.usefixtures("editor", "many")
async def test_a_text_that_is_offered_shows_only_what_is_not_done(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        changes = app.library.changes
        before = await changes.document("")
        after = before.replace("asset ", "renamed ")
        assert len((await changes.plan_document(before, after)).todo) == COUNT
        half = before.replace("asset 1", "renamed 1")  # 1, 10, 11 and 12
        await changes.apply(await changes.plan_document(before, half))
        plan = await changes.plan_document(before, after)
        assert len(plan.todo) == COUNT - 4
        assert all(item.needless for item in plan.skipped)
        await changes.apply(plan)
        plan = await changes.plan_document(before, after)
        assert not plan.todo
        assert not plan.missed


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_the_terminal_says_how_far_a_change_got_that_a_signal_cut_off(
    server: DemoServer, number: signal.Signals
) -> None:
    with open_program(server, columns=100, rows=34) as session:
        session.wait_for("asset 1")
        gates = [server.hooks.before("PUT") for _ in range(CONCURRENCY)]
        session.write("*+")
        session.wait_for("add tag")
        session.write("keep\r")
        session.wait_for(f"add tag keep: {COUNT} assets")
        session.write("y")
        session.wait_for(f"0 of {COUNT}")
        written = len(session.output)
        session.kill(number)
        session.wait_exit()
        for gate in gates:
            gate.release()
        said = session.output[written:]
        assert f"{COUNT} of {COUNT} assets not done".encode() in said
        assert b"coexplorer retry --batch 1" in said
        assert session.modes_left_on() == []
