"""``A``: where to is asked, this workstation first; then a plan, and an undo takes it back."""

import sys

import pytest

from benchmarks.pty_session import Session
from coexplorer.computations import Capsule, WorkplaceKind
from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.tui.actions.attaching import offer_workplaces
from tests.support.server import COMBINED, MY_CAPSULE, OUTSIDE, RAW, SESSION
from tests.support.tui import Running, running_app


def in_session(app: Running) -> set[str]:
    found = app.server.store.workshop.find_computation(SESSION)
    assert found is not None
    return {each.id for each in found.data_assets}


def in_capsule(app: Running) -> set[str]:
    found = app.server.store.workshop.find_capsule(MY_CAPSULE)
    assert found is not None
    return {each.id for each in found.attached}


@pytest.mark.command("asset.attach")
async def test_marked_ones_are_attached_to_this_workstation_and_taken_back(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CO_COMPUTATION_ID", SESSION)
    server.mounting_s = 0.5
    async with running_app(server, settings) as app:
        await app.press("space", "space", "A")
        await app.until_shown("attach to", "this workstation", "Spike sorting")
        await app.press("enter")
        await app.until_shown("2 assets", "attach to workstation", "folder")
        await app.press("y")
        await app.until(lambda: in_session(app) == {RAW, OUTSIDE, COMBINED}, "attached")
        await app.until_shown("2 done")
        await app.press("escape")
        await app.until_shown("mounted: 2 assets")
        await app.press("A")
        await app.until_shown("attach to", "this workstation", "attached already: detach")
        await app.press("enter")
        await app.until_shown("detach from workstation", "y do it")
        await app.press("escape")
        await app.press("u")
        await app.until_shown("undo: attach to workstation")
        await app.press("y")
        await app.until(lambda: in_session(app) == {RAW}, "taken back")


async def test_a_capsule_is_found_as_its_name_is_typed_and_detached_from(
    server: DemoServer, settings: Settings
) -> None:
    server.store.workshop.update_computation(SESSION, state="completed", end_status="stopped")
    async with running_app(server, settings) as app:
        server.store.update(OUTSIDE, mount="")
        await app.library.sync.sweep()
        await app.press("A")
        await app.until_shown("attach to", "Spike sorting")
        await app.type("spike")
        await app.until_shown("Spike sorting")
        await app.press("enter")
        await app.until_shown("no mount folder")
        await app.type("open")
        await app.press("enter")
        await app.until_shown("attach to capsule 'Spike sorting'", "open")
        await app.press("y")
        await app.until(lambda: in_capsule(app) == {RAW, OUTSIDE}, "attached")
        await app.until_shown("1 done")
        await app.press("escape")
        await app.until_gone("1 done")
        await app.press("A")
        await app.until_shown("attach to", "Spike sorting")
        await app.type("spike")
        await app.press("enter")
        await app.until_shown("already", "detach")
        await app.press("y")
        await app.until_shown("detach from capsule")
        await app.press("y")
        await app.until(lambda: in_capsule(app) == {RAW}, "detached")


async def test_a_name_that_nothing_has_is_asked_for_again(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        app.burst("Anosuch\ra")
        await app.until_shown("there is no capsule", "attach to")
        await app.until_shown("attach to a")
        await app.press("escape")
    assert not server.requests("PATCH")


def test_it_works_in_a_terminal(server: DemoServer) -> None:
    env = {"CODEOCEAN_DOMAIN": server.url, "CODEOCEAN_TOKEN": server.users[0].token}
    command = [sys.executable, "-m", "coexplorer"]
    environment = {**env, "COLORTERM": "", "CO_COMPUTATION_ID": SESSION}
    with Session(command, columns=100, rows=30, env=environment) as session:
        session.wait_for("open data")
        session.wait_for("synced")
        session.press("A")
        session.wait_for("this workstation")
        session.press("\r")
        session.wait_for("y do it")
        session.press("y")
        session.wait_for("1 done")
    found = server.store.workshop.find_computation(SESSION)
    assert found is not None
    assert [each.id for each in found.data_assets] == [RAW, OUTSIDE]


def test_what_is_offered() -> None:
    capsules = [
        Capsule(id="1", kind=WorkplaceKind.CAPSULE, name="Sort", last_accessed=1),
        Capsule(id="2", kind=WorkplaceKind.PIPELINE, name="Sort and curate", last_accessed=2),
    ]
    assert [each.value for each in offer_workplaces("here", capsules, "")] == ["here", "2", "1"]
    assert [each.value for each in offer_workplaces("here", capsules, "CUR")] == ["2"]
    assert [each.value for each in offer_workplaces("", capsules, "this")] == []
