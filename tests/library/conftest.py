"""Sessions of the library at an embedded server."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Literal

import msgspec
import pytest

from coexplorer.config import Paths, Settings
from coexplorer.config.tokens import GivenToken
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer
from coexplorer.library import Library, open_library
from coexplorer.models import Secret

Person = Literal["me", "colleague"]
OpenSession = Callable[..., AbstractAsyncContextManager[Library]]


def build_settings(
    server: DemoServer, folder: Path, person: Person = "me", *, machine: str = "here"
) -> Settings:
    """Return the settings of a person at one of their machines."""
    user = server.users[0 if person == "me" else 1]
    place = folder / machine / person
    return Settings(
        profile="test",
        base_url=server.url,
        domain="127.0.0.1",
        token_source=GivenToken("test", Secret(user.token)),
        catalog_path=place / "catalog.sqlite3",
        journal_path=place / "journal.sqlite3",
        paths=Paths(place / "config", place / "cache", place / "state"),
        mount_folder=place / "mount",
    )


@pytest.fixture
def settings(server: DemoServer, tmp_path: Path) -> Settings:
    return build_settings(server, tmp_path)


@pytest.fixture
def open_session(server: DemoServer, tmp_path: Path) -> OpenSession:
    """Open sessions: of a person, at a machine."""

    @asynccontextmanager
    async def open_one(
        person: Person = "me",
        *,
        machine: str = "here",
        origin: Literal["cli", "tui", "mount"] = "cli",
        offline: bool = False,
    ) -> AsyncIterator[Library]:
        settings = build_settings(server, tmp_path, person, machine=machine)
        async with open_library(settings, origin=origin, offline=offline) as library:
            yield library

    return open_one


@pytest.fixture
async def library(open_session: OpenSession) -> AsyncIterator[Library]:
    async with open_session() as opened:
        yield opened


def many_assets(server: DemoServer, count: int, *, first: int = 0, **changes: object) -> list[str]:
    """Put assets of the first user on the server; return their ids, oldest first."""
    me = server.users[0].email
    assets = [
        StoredAsset(
            id=f"{number:08x}-1111-4000-8000-{number:012x}",
            name=f"session {number:05}",
            owner=me,
            created=1_600_000_000 + number,
            tags=("bulk",),
            mount=f"session_{number}",
        )
        for number in range(first, first + count)
    ]
    server.store.insert(msgspec.structs.replace(asset, **changes) for asset in assets)
    return [asset.id for asset in assets]
