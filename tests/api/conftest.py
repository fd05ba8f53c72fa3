"""Clients of the embedded server."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from coexplorer.api import Client, Patience
from coexplorer.demo.server import DemoServer
from coexplorer.models import Secret
from tests.support.server import running_server

IMPATIENT = Patience(attempts=3, connects=2, slow_downs=2, first_wait_s=0.001, longest_wait_s=0.01)
"""The waits themselves are tested by a virtual clock."""


def connect(server: DemoServer, user: int = 0) -> Client:
    """Build a client of a user of the server, which does not wait long."""
    return Client(server.url, Secret(server.users[user].token), patience=IMPATIENT)


@pytest.fixture(params=["legacy", "current"])
def either_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DemoServer]:
    """A server of each dialect in turn."""
    with running_server(tmp_path / "either-server", request.param) as running:
        yield running


@pytest.fixture
async def client(server: DemoServer) -> AsyncIterator[Client]:
    """The first user, on a platform of today."""
    async with connect(server) as connected:
        yield connected


@pytest.fixture
async def either_client(either_server: DemoServer) -> AsyncIterator[Client]:
    """The first user, on a platform of each dialect in turn."""
    async with connect(either_server) as connected:
        yield connected
