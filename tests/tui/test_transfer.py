"""Transfers in the app: asked where to, planned, carried out once, waited for, also once more."""

import pytest

from coexplorer.config import Settings
from coexplorer.demo.hooks import TRANSFER
from coexplorer.demo.server import DemoServer
from tests.support.server import DERIVED
from tests.support.tui import Running, running_app


async def open_question(app: Running) -> None:
    stored = app.stored(DERIVED)
    await app.go_to(stored.name)
    await app.press(":")
    await app.type("Transfer the files")
    await app.press("enter")


async def begin(app: Running, place: str) -> None:
    await open_question(app)
    await app.until_shown("transfer to s3://")
    await app.type(place)
    await app.press("enter")


@pytest.mark.command("asset.transfer")
@pytest.mark.parametrize("bucket", ["elsewhere", "nowhere"])
async def test_it_is_sent_once_and_waited_for_also_in_the_next_session(
    server: DemoServer, settings: Settings, bucket: str
) -> None:
    server.admins = frozenset({server.users[0].email})
    server.make_bucket("elsewhere")
    with server.hooks.before(TRANSFER) as gate:
        async with running_app(server, settings) as app:
            await begin(app, "/x")
            await app.until_shown("expected s3://BUCKET/PREFIX")
            await app.press("ctrl+u")
            await app.type(f"s3://{bucket}/x")
            await app.press("enter")
            await app.until_shown("can't be undone", f"s3://{bucket}/x", "y do it")
            assert not server.requests("POST", "*/transfer")
            await app.press("y")
            await app.until_shown("1 done", "this can't be undone")
            await app.press("escape")
            await app.until_shown("the platform moves the files of 1 asset")
        async with running_app(server, settings) as app:
            await open_question(app)
            await app.until_shown("a transfer was begun", "wait for it")
            await app.press("y")
            await app.until_shown("the platform moves the files of 1 asset")
            gate.release()
            if bucket == "elsewhere":
                await app.until_shown("transferred: 1 asset")
            else:
                await app.until_shown("1 of 1 not transferred", "NoSuchBucket")
    assert len(server.requests("POST", "*/transfer")) == 1


async def test_who_is_no_administrator_is_told(server: DemoServer, settings: Settings) -> None:
    async with running_app(server, settings) as app:
        await begin(app, "elsewhere/x")
        await app.until_shown("y do it")
        await app.press("y")
        await app.until_shown("only administrators of the platform can transfer assets")
