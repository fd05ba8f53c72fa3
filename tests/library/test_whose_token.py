"""Sessions of a profile whose token program may print another person's token."""

import shlex
from collections.abc import Callable
from pathlib import Path

import anyio
import msgspec
import pytest

from coexplorer.config import Settings, find_paths, load_settings
from coexplorer.config.people import load_people
from coexplorer.demo.server import DemoServer
from coexplorer.errors import NotSignedIn, OtherPerson
from coexplorer.fields import Fields
from coexplorer.library import Library, open_library
from coexplorer.library.entries import State
from coexplorer.models import AssetId
from tests.support.patience import stretched
from tests.support.server import RAW as RAW_ID

RAW = AssetId(RAW_ID)

Print = Callable[[str], None]


@pytest.fixture
def print_token(server: DemoServer, tmp_path: Path) -> Print:
    """A profile whose program prints what it is told, the first person's token to begin with."""
    place, config = tmp_path / "token", find_paths().config_file
    config.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    config.touch(0o600)
    command = f"cat {shlex.quote(str(place))}"
    config.write_text(
        f"[profiles.lab]\ndomain = \"{server.url}\"\ntoken_command = '''{command}'''\n"
    )
    place.write_text(server.users[0].token)

    def print_token(token: str) -> None:
        place.write_text(token)

    return print_token


def find_profile() -> Settings:
    return load_settings(profile="lab")


async def rename(library: Library, name: str) -> str:
    base = (await library.platform.fetch(RAW)).asset.fields
    return (await library.changes.edit(RAW, base, msgspec.structs.replace(base, name=name))).state


async def test_a_session_goes_on_with_the_token_that_it_began_with(
    server: DemoServer, print_token: Print
) -> None:
    me, colleague = server.users[:2]
    async with open_library(find_profile(), origin="cli") as library:
        await library.sync.sweep()
    async with open_library(find_profile(), origin="tui") as library:
        print_token(colleague.token)
        assert await rename(library, "mine") == State.APPLIED
        assert await library.platform.find_other() is None, "nobody has proven it"
        async with open_library(find_profile(), origin="cli") as theirs:
            assert theirs.settings.journal_path != library.settings.journal_path
        assert isinstance(await library.platform.find_other(), OtherPerson)
        server.sign_in.expire(me.token)
        with pytest.raises(OtherPerson):
            await library.platform.sign_in_again()
        base = Fields("mine")
        with pytest.raises(NotSignedIn):
            await library.changes.edit(RAW, base, Fields("kept"))
    async with open_library(find_profile(), origin="cli") as theirs:
        assert not await theirs.log.kept()
        assert not await theirs.log.entries()
    print_token(server.sign_in.issue(me))
    async with open_library(find_profile(), origin="cli") as library:
        (entry,) = await library.log.kept()
        await library.changes.retry(entry.id)
    assert server.store.get(RAW).name == "kept"


async def test_what_meets_another_persons_token_is_sent_by_nothing_unasked(
    server: DemoServer, print_token: Print
) -> None:
    """The program fails at the start, so nobody knows who types; then it prints the other's."""
    async with open_library(find_profile(), origin="cli") as library:
        await library.sync.sweep()
    print_token("")
    async with open_library(find_profile(), origin="tui") as library:
        (record,) = await library.assets.records([RAW])
        print_token(server.users[1].token)
        base = record.asset.fields
        with pytest.raises(OtherPerson):
            await library.changes.edit(RAW, base, msgspec.structs.replace(base, name="whose"))
        (entry,) = await library.log.kept()
        assert entry.state == State.REFUSED
    async with open_library(find_profile(), origin="cli") as theirs:
        assert not await theirs.log.entries()
    assert server.store.get(RAW).name == base.name


async def test_a_sign_in_beside_an_open_session_is_noticed(server: DemoServer) -> None:
    me, colleague = (user.token for user in server.users[:2])
    config = find_paths().config_file
    config.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    config.touch(0o600)

    def write(token: str) -> None:
        config.write_text(f'[profiles.lab]\ndomain = "{server.url}"\ntoken = "{token}"\n')

    write(me)
    async with open_library(find_profile(), origin="tui") as library:
        await library.sync.sweep()
    async with open_library(find_profile(), origin="tui") as library:
        assert await library.platform.find_other() is None
        env = {"CODEOCEAN_DOMAIN": server.url, "CODEOCEAN_TOKEN": colleague}
        async with open_library(load_settings(env=env), origin="cli") as other:
            await other.platform.ping()
        assert await library.platform.find_other() is None, "a token of their own is no matter"
        write(colleague)
        async with open_library(find_profile(), origin="cli") as other:
            await other.platform.ping()
        assert isinstance(await library.platform.find_other(), OtherPerson)
        write(me)
        assert await library.platform.find_other() is None


async def test_the_first_person_is_written_down_while_their_app_is_open(
    server: DemoServer, print_token: Print
) -> None:
    async with open_library(find_profile(), origin="tui") as library:
        path = library.settings.people_file
        assert path is not None
        async with anyio.create_task_group() as group:
            group.start_soon(library.run_background)
            with anyio.fail_after(stretched(30)):
                while not load_people(path).persons:  # noqa: ASYNC110 - a file tells
                    await anyio.sleep(0.02)
            group.cancel_scope.cancel()
        print_token(server.users[1].token)
        async with open_library(find_profile(), origin="cli") as theirs:
            assert (await theirs.status()).total == 0
            assert theirs.settings.person == 1
