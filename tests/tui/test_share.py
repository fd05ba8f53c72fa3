"""``p``: who can see an asset is shown, and changed after a plan; so it is for marked ones."""

import pytest

from coexplorer.config import Settings
from coexplorer.demo.people import PEOPLE
from coexplorer.demo.server import DemoServer
from coexplorer.sharing.roles import Sharing
from coexplorer.tui.actions import sharing as sharing_actions
from coexplorer.tui.actions.sharing import offer_sharing, sum_up
from coexplorer.tui.app import CoexplorerApp
from tests.support.server import COMBINED, OUTSIDE
from tests.support.tui import running_app

MAYA, JONAS, PRIYA = (email for email, _ in PEOPLE)


@pytest.mark.command("asset.share")
async def test_who_can_see_an_asset_is_shown_and_changed_and_undone(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("p")
        await app.until_shown("who can see it:", MAYA, "owner", "everyone")
        await app.type("jonas")
        await app.press("enter")  # the only one that is called so
        await app.until_shown(f"{JONAS}:", "can read and change it")
        await app.press("enter")
        await app.until_shown("which role? Type or choose one: owner, editor")
        await app.type("edi")
        await app.press("enter")
        await app.until_shown("1 asset", "none → editor", "open data")
        await app.press("y")
        await app.until(lambda: JONAS in app.stored(OUTSIDE).roles, "shared")
        await app.until_shown("1 done", "then u undoes all of it")
        await app.press("escape")
        await app.until_gone("1 done")
        await app.press("p")
        await app.until_shown(JONAS, "editor")
        await app.type(f"{JONAS}:reader")
        await app.press("enter")
        await app.until_shown("a user can be owner, editor, viewer or none, not 'reader'")
        await app.press("ctrl+u")
        await app.type(f"{JONAS}:edypeveryone:viewer")
        await app.press("enter")
        await app.until_shown("expected one name before the role")
        await app.press("escape")
        await app.until_gone("who can see it")
        await app.press("u")  # just made here, of one asset: nobody is asked
        await app.until(lambda: JONAS not in app.stored(OUTSIDE).roles, "undone")


async def test_marked_ones_are_shared_after_a_plan_and_what_was_left_out_is_said(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("space", "space", "p")
        await app.until_shown(
            "who can see 2 marked:", MAYA, "owner: all 2", "everyone", "no access"
        )
        await app.type("everyone:viewer, Nobodies:viewer")
        await app.press("enter")
        await app.until_shown("2 assets", "none → viewer")
        await app.press("y")
        both = (OUTSIDE, COMBINED)
        await app.until(lambda: {app.stored(each).everyone for each in both} == {"viewer"}, "done")
        await app.until_shown("2 done", "Nobodies is not known there")


async def test_a_question_about_many_waits_for_no_answer_and_asks_about_a_part_of_very_many(
    server: DemoServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CoexplorerApp, "NOTIFICATION_TIMEOUT", 600)
    monkeypatch.setattr(sharing_actions, "MOST_ASKED", 2)
    path = "data_assets/*/permissions"
    async with running_app(server, settings) as app:
        server.faults.add("silence", "GET", path)
        await app.press("space", "space", "space", "p")
        await app.until_shown(
            "who can see 2 of 3 marked:", "everyone", "not asked who can see the other 1"
        )
        await app.until(
            lambda: len(server.requests("GET", "*/permissions")) == 2, "two asked about"
        )
        assert "all 2" not in app.text()
        await app.type("everyone:nobody")
        await app.press("enter")
        await app.until_shown("everyone can be viewer")
        await app.press("escape")
        await app.until_gone("who can see 2 of 3 marked:")
        reading = [each for each in app.main.workers if each.name == "who can see them"]
        await app.until(lambda: all(each.is_finished for each in reading), "no longer asked")
        assert len(server.requests("GET", "*/permissions")) == 2
        server.faults.clear()
        server.faults.add(403, "GET", path, nth=1)
        await app.press("p")
        await app.until_shown("owner: all 1", "who can see 1 of 2 is not known")


def test_roles_in_several_assets_are_counted() -> None:
    seen = [
        Sharing({MAYA: "owner"}, {"Imaging": "viewer"}, "viewer"),
        Sharing({MAYA: "owner", JONAS: "viewer"}, {"Imaging": "editor"}),
        Sharing({MAYA.upper(): "owner", PRIYA: "viewer", JONAS: "viewer"}, {"imaging": "editor"}),
    ]
    offered = offer_sharing(seen, ["new@example.org"], "", counted=True)
    assert [(each.text, each.help) for each in offered] == [
        ("everyone", "viewer: 1 of 3"),
        ("Imaging", "group, viewer: 1 of 3, editor: 1 of 3"),
        ("imaging", "group, editor: 1 of 3"),
        (MAYA, "owner: all 3"),
        (JONAS, "viewer: 2 of 3"),
        (PRIYA, "viewer: 1 of 3"),
        ("new@example.org", "no access"),
    ]
    assert sum_up([]) == []


def test_names_and_roles_are_offered() -> None:
    sharing = Sharing({MAYA: "owner"}, {"Imaging": "viewer"})
    offered = offer_sharing([sharing], [MAYA, JONAS], "")
    assert [(each.value, each.help) for each in offered] == [
        ("Imaging:", "group, viewer"),
        (f"{MAYA}:", "owner"),
        ("everyone:", "no access"),
        (f"{JONAS}:", "no access"),
    ]
    typed = "Imaging:none, jon"
    assert [each.value for each in offer_sharing([sharing], [JONAS], typed)] == [
        f"Imaging:none, {JONAS}:"
    ]
    roles = offer_sharing([], [], "everyone:")
    assert [each.text for each in roles] == ["viewer", "discoverable", "none"]
