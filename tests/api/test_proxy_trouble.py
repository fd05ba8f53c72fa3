"""Proxies that accept a connection and then do nothing: named as the cause, never waited for long.

Real sockets on this machine; the platform behind them is never reached.
"""

from __future__ import annotations

import socket
import threading
from contextlib import closing, suppress

import anyio
import httpx
import pytest

from coexplorer.api.failures import Failure, FailureKind
from coexplorer.api.network import RAISED, Network, build_limits

URL = "https://codeocean.example.org/api/v1/data_assets"
KINDS = ("HTTPS_PROXY=http", "https_proxy=http", "ALL_PROXY=socks5", "all_proxy=socks5h")
LONGEST_S = 60


class Odd:
    """Listens, and answers whatever it is asked with the same bytes; none: never answers."""

    def __init__(self, says: bytes | None) -> None:
        self._says = says
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.place = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._held: list[socket.socket] = []
        self._thread = threading.Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self._held.append(connection)
                if self._says is not None:
                    connection.recv(65536)
                    connection.sendall(self._says)
                    connection.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for connection in self._held:
            connection.close()


async def fail(environment: dict[str, str]) -> Failure:
    """Send a request that waits forever for a reply, and a moment for a connection."""
    network = Network(build_limits(2), environment)
    request = httpx.Request(
        "GET", URL, extensions={"timeout": {"connect": 0.3, "read": None, "write": None}}
    )
    async with network:
        with anyio.fail_after(LONGEST_S):
            try:
                await network.handle_async_request(request)
            except RAISED as error:
                return network.describe(error, URL, writes=True)
    raise AssertionError


@pytest.fixture(params=KINDS)
def variable(request: pytest.FixtureRequest) -> tuple[str, str]:
    name, _, scheme = str(request.param).partition("=")
    return name, scheme


async def test_silent_proxy_is_named_within_the_time_for_a_connection(
    variable: tuple[str, str],
) -> None:
    name, scheme = variable
    with closing(Odd(None)) as proxy:
        failure = await fail({name: f"{scheme}://{proxy.place}"})
    assert failure.kind is FailureKind.UNSENT
    assert f"the proxy {proxy.place} did not answer" in failure.error.message
    assert f"check {name}" in failure.error.hint
    assert not failure.error.outcome_unknown


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\xff\xfe\x00\x00" * 9,
        b"HTTP/1.1 ",
        b"\x00\x5a",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    ],
)
async def test_proxy_that_talks_nonsense_is_named(variable: tuple[str, str], says: bytes) -> None:
    name, scheme = variable
    with closing(Odd(says)) as proxy:
        failure = await fail({name: f"{scheme}://me:geheim@{proxy.place}"})
    assert f"the proxy {proxy.place}" in failure.error.message
    assert name in failure.error.hint
    assert "geheim" not in failure.error.message + failure.error.hint
    assert not failure.error.outcome_unknown


@pytest.mark.parametrize("host", ["a..b", "x" * 70 + ".org", "xn--a-\u00e4", "\u2603" * 70])
async def test_name_that_no_proxy_can_have_is_told_with_its_variable(host: str) -> None:
    failure = await fail({"HTTPS_PROXY": f"http://me:geheim@{host}:1"})
    assert "HTTPS_PROXY" in failure.error.message + failure.error.hint
    assert "geheim" not in failure.error.message + failure.error.hint
