"""The parts of httpx that we rely on: these tests name what a newer version changed."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from pathlib import Path

import httpcore
import httpx
import pytest

ROOT = Path(__file__).parents[2]

NAMES = {
    "AsyncBaseTransport",
    "AsyncByteStream",
    "AsyncClient",
    "AsyncHTTPTransport",
    "Auth",
    "ConnectError",
    "ConnectTimeout",
    "HTTPError",
    "InvalidURL",
    "Limits",
    "LocalProtocolError",
    "NetworkError",
    "PoolTimeout",
    "Proxy",
    "ProxyError",
    "RemoteProtocolError",
    "Request",
    "Response",
    "StreamError",
    "Timeout",
    "TimeoutException",
    "TransportError",
    "UnsupportedProtocol",
    "URL",
}
"""All that `coexplorer.api` takes from httpx."""

TREE = [
    (httpx.ConnectTimeout, httpx.TimeoutException),
    (httpx.PoolTimeout, httpx.TimeoutException),
    (httpx.TimeoutException, httpx.TransportError),
    (httpx.ConnectError, httpx.NetworkError),
    (httpx.NetworkError, httpx.TransportError),
    (httpx.ProxyError, httpx.TransportError),
    (httpx.LocalProtocolError, httpx.TransportError),
    (httpx.RemoteProtocolError, httpx.TransportError),
    (httpx.UnsupportedProtocol, httpx.TransportError),
    (httpx.TransportError, httpx.HTTPError),
]

PARAMETERS: list[tuple[Callable[..., object], set[str]]] = [
    (httpx.AsyncClient, {"auth", "headers", "timeout", "cookies", "trust_env", "transport"}),
    (httpx.AsyncClient.build_request, {"method", "url", "params", "content", "headers"}),
    (httpx.AsyncClient.send, {"request", "stream", "auth", "follow_redirects"}),
    (httpx.AsyncHTTPTransport, {"verify", "trust_env", "limits", "proxy"}),
    (httpx.AsyncBaseTransport.handle_async_request, {"request"}),
    (httpx.Proxy, {"url", "auth", "ssl_context"}),
    (httpx.Limits, {"max_connections", "max_keepalive_connections", "keepalive_expiry"}),
    (httpx.Timeout, {"timeout", "connect", "read", "write", "pool"}),
]


def test_the_list_is_all_that_is_used() -> None:
    used = set()
    for path in (ROOT / "coexplorer" / "api").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                used |= {node.attr} if node.value.id == "httpx" else set()
    assert used == NAMES


@pytest.mark.parametrize("name", sorted(NAMES))
def test_httpx_still_has_what_is_taken_from_it(name: str) -> None:
    assert hasattr(httpx, name)


@pytest.mark.parametrize(("kind", "parent"), TREE, ids=[kind.__name__ for kind, _ in TREE])
def test_errors_are_still_told_apart_by_their_kind(kind: type, parent: type) -> None:
    assert issubclass(kind, parent)


@pytest.mark.parametrize(
    ("function", "parameters"), PARAMETERS, ids=[each.__qualname__ for each, _ in PARAMETERS]
)
def test_httpx_still_takes_what_it_is_given(
    function: Callable[..., object], parameters: set[str]
) -> None:
    assert parameters <= set(inspect.signature(function).parameters)


@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:1", "socks5://127.0.0.1:1"])
def test_connections_are_still_made_by_what_can_be_replaced(proxy: str | None) -> None:
    """Nothing else tells what comes before a reply: `coexplorer.api.heads`."""
    pool = httpx.AsyncHTTPTransport(proxy=proxy)._pool
    assert isinstance(pool._network_backend, httpcore.AsyncNetworkBackend)


def test_a_reply_is_still_read_as_it_came() -> None:
    assert inspect.isasyncgenfunction(httpx.Response.aiter_raw)
    assert inspect.iscoroutinefunction(httpx.Response.aclose)
