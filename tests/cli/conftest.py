"""Commands against a real server; after each test nothing may have said or kept a token."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from coexplorer.demo.server import DemoServer
from tests.support.program import Program, find_leaks


@pytest.fixture
def program(server: DemoServer, tmp_path: Path) -> Iterator[Program]:
    """The command line, signed in as the first user of a server of today."""
    yield from _watched(server, tmp_path)


@pytest.fixture
def legacy_program(legacy_server: DemoServer, tmp_path: Path) -> Iterator[Program]:
    """The same on a server of the v2.10 manual."""
    yield from _watched(legacy_server, tmp_path)


@pytest.fixture(params=["current", "legacy"])
def any_program(
    request: pytest.FixtureRequest, server: DemoServer, legacy_server: DemoServer, tmp_path: Path
) -> Iterator[Program]:
    """The same on both."""
    yield from _watched(server if request.param == "current" else legacy_server, tmp_path)


def _watched(server: DemoServer, tmp_path: Path) -> Iterator[Program]:
    program = Program(server)
    yield program
    for user in server.users:
        for token in (user.token, user.read_token):
            assert not [text for text in program.said if token in text], "a token was printed"
            leaks = find_leaks(token, tmp_path / "home")
            assert [path.name for path in leaks if path.name != "config.toml"] == []
