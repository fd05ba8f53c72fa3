"""Switching to another token while the session stays open."""

from pathlib import Path

import msgspec
import pytest

from coexplorer.config.tokens import GivenToken, ReadAgain, TokenFile
from coexplorer.demo.server import DemoServer
from coexplorer.errors import ConfigError, NotSignedIn, Unreachable
from coexplorer.library import open_library
from coexplorer.models import Secret
from tests.library.conftest import build_settings


async def test_session_takes_the_token_that_is_there_now(
    server: DemoServer, tmp_path: Path
) -> None:
    first, second = (user.token for user in server.users[:2])
    place = tmp_path / "token"
    place.write_text(first)
    place.chmod(0o600)
    source = ReadAgain(GivenToken("first", Secret(first)), lambda: TokenFile(place))
    settings = msgspec.structs.replace(build_settings(server, tmp_path), token_source=source)
    async with open_library(settings, origin="mount") as library:
        await library.platform.ping()
        server.sign_in.expire(first)
        with pytest.raises(NotSignedIn):
            await library.platform.ping()

        with pytest.raises(NotSignedIn):
            await library.platform.sign_in_again()  # the same one
        before = len(server.requests())
        assert not await library.platform.sign_in_again()
        assert len(server.requests()) == before, "it was refused: nobody is asked again"

        place.write_text(second)
        assert await library.platform.sign_in_again()
        await library.platform.ping()

        place.unlink()
        with pytest.raises(ConfigError, match="can't be read"):
            await library.platform.sign_in_again()
        await library.platform.ping()


async def test_ping_notes_whether_the_platform_can_be_reached(
    server: DemoServer, tmp_path: Path
) -> None:
    async with open_library(build_settings(server, tmp_path), origin="mount") as library:
        await library.platform.ping()
        assert not (await library.status()).offline
        server.stop()
        with pytest.raises(Unreachable):
            await library.platform.ping()
        assert (await library.status()).offline
