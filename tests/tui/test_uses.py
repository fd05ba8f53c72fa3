"""What uses assets, in the app: plans, the question before a delete, and opened details."""

from __future__ import annotations

import pytest

from coexplorer.config import Settings
from coexplorer.demo.server import DemoServer
from coexplorer.tui import asking_uses
from coexplorer.tui.feeds import details
from tests.library.conftest import many_assets
from tests.support.tui import Running, running_app

SEARCH = "*capsules/search"


async def find(app: Running, query: str) -> None:
    await app.press("/")
    app.burst(f"{query}\r")
    await app.settle()


async def test_a_plan_says_it_by_itself_and_asks_again_for_what_is_not_known(
    server: DemoServer, settings: Settings
) -> None:
    server.faults.add(403, "POST", "*pipelines/search")
    async with running_app(server, settings) as app:
        await find(app, "ecephys")
        await app.press("*", "a")
        await app.until_shown("capsule 'Spike sorting'", "which pipelines use it is not known")
        await app.until_shown("U asks again")
        assert "nothing that you can see" not in app.text()
        server.faults.clear()
        await app.press("U")
        await app.until_shown("pipeline 'Sort and curate'", "nothing that you can see uses it")
        await app.press("y")
        await app.until_shown("2 done, 0 failed")


@pytest.mark.command("plan.uses")
async def test_many_are_asked_about_on_request_and_the_question_stops_with_esc(
    server: DemoServer, settings: Settings
) -> None:
    many_assets(server, 30)
    async with running_app(server, settings) as app:
        await find(app, "session")
        await app.press("*", "a")
        await app.until_shown("what uses these 30 assets was not asked; U asks")
        assert not server.requests("POST", SEARCH)
        with server.hooks.before("POST", "*pipelines/search"):
            await app.press("U")
            await app.until_shown("asking what uses them: 29 of 30", "Esc stops asking")
            await app.press("escape")
            await app.until_shown("nothing that you can see uses 29 of them; 1 not asked about")
        await app.press("U")
        await app.until_shown("nothing that you can see uses 30 of them")
        await app.press("escape")
        await app.until(lambda: app.app.screen is app.main, "the list")
    assert not server.requests("PATCH")


async def test_a_question_says_of_how_many_there_is_no_answer(
    server: DemoServer, settings: Settings
) -> None:
    many_assets(server, 30)
    async with running_app(server, settings) as app:
        await find(app, "session")
        await app.press("*", "a")
        await app.until_shown("what uses these 30 assets was not asked; U asks")
        server.faults.add(403, "POST", "*pipelines/search")
        with server.hooks.before("POST", "*capsules/search"):
            await app.press("U")
            await app.until_shown("asking what uses them: 29 of 30, 29 not known", "stops asking")
            await app.press("escape")
            await app.until_shown("what uses 29 of them is not known; 1 not asked about")


async def test_the_question_before_a_delete_says_it(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await find(app, "ecephys")
        await app.go_to("ecephys_655019_2023-04-03_18-17-07")
        await app.press("D")
        await app.until_shown("Used by", "Spike sorting", "type delete")
        await app.press("escape")
        await app.until(lambda: app.app.screen is app.main, "the list")
        await app.press("*", "D")
        await app.until_shown("1 of 2 is used", "in use", "type delete 2")
        await app.press("escape")


async def test_opened_details_say_it_once_they_stand_still(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(details, "STILL_S", 0.3)
    async with running_app(server, settings) as app:
        await find(app, "ecephys")
        assert not server.requests("POST", SEARCH)
        await app.press("enter")
        await app.until_shown("nothing that you can see uses it (asked just now)")
        server.faults.add(403, "POST", "*/search")
        await app.go_to("ecephys_655019_2023-04-03_18-17-07")
        await app.until_shown("what uses it is not known", "(asked just now)")
        assert len(server.requests("POST", SEARCH)) == 2
        await app.go_to("ecephys_655019_2023-04-03_18-17-07_sorted_2023-04-09_22-10-11")
        await app.until_shown("nothing that you can see uses it (asked just now)")
        assert len(server.requests("POST", SEARCH)) == 2


async def test_what_goes_wrong_is_said_while_it_is_asked(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Long before all tries are used up: in a plan, in a question, in opened details."""
    monkeypatch.setattr(details, "STILL_S", 0.1)
    many_assets(server, 30)
    server.faults.add(503, "POST", "*capsules/search", retry_after=30)
    async with running_app(server, settings) as app:
        await find(app, "session")
        await app.press("*", "a")
        await app.until_shown("what uses these 30 assets was not asked; U asks")
        await app.press("U")
        await app.until_shown("asking what uses them: 0 of 30", "503", "trying again")
        await app.press("escape", "escape")
        await app.until(lambda: app.app.screen is app.main, "the list")
        await app.press("escape", "escape")
        await app.until(lambda: not app.main.state.browsing.text, "no search")
        await find(app, "ecephys")
        await app.until_shown("2 of 39")
        await app.press("D")
        await app.until_shown("Asking what uses it…", "503", "trying again")
        await app.press("escape")
        await app.until(lambda: app.app.screen is app.main, "the list")
        await app.press("enter")
        await app.until_shown("asking the platform…", "503", "trying again")


async def test_a_plan_that_waits_no_longer_says_what_went_wrong(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking_uses, "WAIT_UNBIDDEN_S", 0.5)
    server.faults.add(503, "POST", "*capsules/search", retry_after=30)
    async with running_app(server, settings) as app:
        await find(app, "ecephys")
        await app.press("*", "a")
        await app.until_shown("what uses it is not known", "did not answer within", "503")
