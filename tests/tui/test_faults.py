"""Every network fault at every kind of write: it is done, or it is reported and kept."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from coexplorer.config import Settings
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.buckets import SAMPLE_PREFIX, SAMPLE_PUBLIC, ensure_sample_buckets
from coexplorer.demo.server import DemoServer
from coexplorer.library.entries import KEPT, State
from coexplorer.tui.screens.create import CreateScreen
from coexplorer.tui.screens.plan import PlanScreen
from coexplorer.tui.screens.signin import SignInScreen
from coexplorer.tui.widgets.field import Field
from tests.support.server import COMBINED, OUTSIDE, VIEWED
from tests.support.tui import Running, running_app

FAULTS = (
    *(400, 401, 403, 404, 409, 429, 500, 503),
    *("html", "reset", "lost", "cut", "short", "silence"),
)
NAMES = {OUTSIDE: "open data", COMBINED: "both recordings"}


@pytest.fixture(params=FAULTS)
def fault(request: pytest.FixtureRequest, soon_lost: None) -> str | int:
    """Each fault, one after the other; silence is taken for a loss soon."""
    assert isinstance(request.param, str | int)
    return request.param


async def leave_sign_in(app: Running) -> None:
    """Leave the question for a token, if the fault brought it up."""
    if isinstance(app.app.screen, SignInScreen):
        await app.press("escape")
        await app.until(lambda: not isinstance(app.app.screen, SignInScreen), "back again")


def is_settled(app: Running, asset_id: str) -> Callable[[], Awaitable[bool]]:
    """Tell whether nothing of an asset is on its way, and why not is said and kept."""

    async def check() -> bool:
        if app.main.rows.windows.ahead or app.main.state.in_flight.any:
            return False
        entry = next((e for e in await app.library.log.entries() if e.asset_id == asset_id), None)
        if entry is None or entry.state not in KEPT:
            return entry is not None
        return bool(app.app.notices) or isinstance(app.app.screen, SignInScreen)

    return check


async def test_an_archiving_is_done_or_kept_and_the_list_tells_the_truth(
    server: DemoServer, settings: Settings, fault: str | int
) -> None:
    async with running_app(server, settings) as app:
        server.faults.add(fault, "PATCH")
        await app.press("a")
        await app.until(is_settled(app, OUTSIDE), "done, or said and kept")
        await leave_sign_in(app)
        server.faults.clear()
        done = app.stored(OUTSIDE).archived
        entry = next(e for e in await app.library.log.entries() if e.asset_id == OUTSIDE)
        assert done or entry.state in KEPT
        if entry.state not in KEPT:
            await app.until_gone("open data")
        else:
            await app.until_shown("open data")
            told = "in conflict" if entry.state is State.CONFLICT else entry.state
            await app.until_shown(f"1 {told} (L)")
            await app.library.changes.retry(entry.id)
            assert app.stored(OUTSIDE).archived


async def test_a_bulk_edit_says_of_each_asset_what_became_of_it(
    server: DemoServer, settings: Settings, fault: str | int
) -> None:
    async with running_app(server, settings) as app:
        server.faults.add(fault, "PUT", nth=1)
        await app.press("space", "space", "+")
        await app.until_shown("add tag")
        await app.type("keep")
        await app.press("enter")
        await app.until_shown("add tag keep: 2 assets")
        await app.press("y")
        await app.until_shown(" done, ", " left out")
        kept = await app.library.log.kept()
        pending = {entry.asset_id for entry in kept}
        for asset_id, name in NAMES.items():
            assert name in app.text()
            assert ("keep" in app.stored(asset_id).tags) or asset_id in pending
        if any(entry.state is State.REFUSED for entry in kept):
            await app.until_shown("1 done, 1 failed", "refused changes stay in the log")
            for entry in kept:
                await app.library.changes.retry(entry.id)
        elif pending:
            await app.until_shown("1 done, 1 failed", "r retries the failed ones")
            await app.press("r")
            await app.until_shown("2 done, 0 failed")
        assert all("keep" in app.stored(asset_id).tags for asset_id in NAMES)
        assert not await app.library.log.kept()


async def test_a_deletion_is_done_or_said(
    server: DemoServer, settings: Settings, fault: str | int
) -> None:
    async with running_app(server, settings) as app:
        server.faults.add(fault, "DELETE")
        await app.press("D")
        await app.until_shown("This asset will be deleted", "type delete:", "Esc close")
        await app.type("delete")
        await app.press("enter")
        await app.until(
            lambda: app.app.notices or isinstance(app.app.screen, SignInScreen), "the end of it"
        )
        await leave_sign_in(app)
        said = " ".join(text for _, text in app.app.notices)
        entry = next((e for e in await app.library.log.entries() if e.asset_id == OUTSIDE), None)
        if "deleted open data" in said:
            assert server.store.find(OUTSIDE) is None
        else:
            # Whether it is gone may be unknown: then the log keeps it as unknown.
            assert entry is not None
            assert entry.state in KEPT
            assert said or fault == 401


async def test_a_creation_is_done_once_or_its_form_keeps_what_was_typed(
    server: DemoServer, settings: Settings, fault: str | int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("coexplorer.library.create.FIRST_POLL_S", 0.05)
    ensure_sample_buckets(server.data)
    async with running_app(server, settings) as app:
        server.faults.add(fault, "POST", "data_assets")
        await app.press("N", "enter")
        await app.until_shown("New asset")
        for name, text in (
            ("name", "new one"),
            ("bucket", SAMPLE_PUBLIC),
            ("prefix", SAMPLE_PREFIX),
        ):
            field = next(f for f in app.app.screen.query(Field) if f.field_name == name)
            app.app.screen.set_focus(field)
            app.paste(text)
            await app.until(lambda field=field, text=text: field.value == text, text)  # type: ignore[misc]
        screen = app.app.screen
        assert isinstance(screen, CreateScreen)
        await app.press("ctrl+s")
        await app.until_shown("ctrl+s again sends it without")
        await app.press("ctrl+s")
        await app.until(lambda: not screen.busy, "the end of it")
        await leave_sign_in(app)
        made = [asset for asset in server.store.assets() if asset.name == "new one"]
        assert len(made) <= 1
        assert "new one" in app.text()
        if not made:
            assert SAMPLE_PREFIX in app.text()
            server.faults.clear()
            await app.press("ctrl+s")
            # What may have been made is not made again as long as it may still arrive.
            unsure = fault in (500, 503, "html", "silence")
            await app.until_shown("it may still arrive" if unsure else "new one is ready")
        await app.press("escape")


async def test_a_bulk_edit_is_stopped_in_the_middle_and_taken_up_again(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        await app.press("*", "+")
        await app.until_shown("add tag")
        await app.type("keep")
        await app.press("enter")
        await app.until_shown("add tag keep: 7 assets, 1 left out")
        with server.hooks.before("PUT") as gate:
            await app.press("y")
            await app.until_shown(" of 7")
            await app.press("escape")
            await app.until_shown("stopping after the requests on their way", "Esc again")
            await app.press("escape")
            await app.until_shown(" not sent", "r goes on")
            gate.release()
        assert isinstance(app.app.screen, PlanScreen)
        assert any("keep" not in app.stored(row).tags for row in app.main.state.marked)
        await app.press("r")
        await app.until_shown("7 done, 0 failed")
        left = [row for row in app.main.state.marked if "keep" not in app.stored(row).tags]
        assert left == [VIEWED]


async def test_the_header_says_that_the_platform_takes_long_as_long_as_it_does(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        rule = server.faults.add("silence", "PATCH", times=1)
        await app.press("a")
        await app.until(lambda: rule.struck == 1, "it is asked")
        await app.until_shown("waiting for the platform, 4 s")
        server.faults.release()
        await app.until_gone("waiting for the platform")
        assert app.stored(OUTSIDE).archived


@pytest.mark.parametrize("again", ["a", "+keep\r", "r!\r"])
async def test_a_refusal_goes_with_the_next_success_of_the_same_asset_only(
    server: DemoServer, settings: Settings, again: str
) -> None:
    async with running_app(server, settings) as app:
        row = app.main.rows.current
        assert row is not None
        server.faults.add(400, "PATCH")
        await app.press("a")
        await app.until(lambda: [n.severity for n in app.app._notifications] == ["error"], "it")
        server.faults.clear()
        await app.press("g", "j", "a")
        await app.until(lambda: app.stored(COMBINED).archived, "another one")
        await app.until_gone("↑")
        assert [n.severity for n in app.app._notifications] == ["error"]
        await app.press("g")
        app.burst(again)
        await app.until(lambda: not app.app._notifications, "the refusal gone")


async def test_a_failure_goes_with_the_next_success_of_the_same_action(
    server: DemoServer, settings: Settings
) -> None:
    async with running_app(server, settings) as app:
        server.faults.add(500, "*")
        await app.press("R")
        await app.until(lambda: [n.severity for n in app.app._notifications] == ["error"], "it")
        server.faults.clear()
        await app.press("R")
        await app.until_shown(" gone")
        await app.until(
            lambda: [n.severity for n in app.app._notifications] == ["information"], "gone"
        )


async def test_what_the_platform_did_not_show_is_said_once_and_marked_in_the_header(
    server: DemoServer, settings: Settings
) -> None:
    server.store.insert(
        [StoredAsset(id="../x", name="bad", owner=server.users[0].email, created=1)]
    )
    async with running_app(server, settings) as app:
        await app.until_shown("9 assets · incomplete (L)")
        for _ in range(2):
            await app.library.sync.sweep()
            await app.main.feeds.load_status()
        said = "left out 1 row of the platform's that could not be used"
        assert [text for _, text in app.app.notices].count(said) == 1
        server.store.delete("../x")
        await app.library.sync.sweep()
        await app.main.feeds.load_status()
        await app.until_gone("incomplete")
