"""Plain HTTP to the embedded server, without any of the client's code."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx

from coexplorer.demo.server import DemoServer
from tests.support.patience import stretched


class _Bytes(httpx.AsyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self._content


def unread(response: httpx.Response) -> httpx.Response:
    """Return a made-up response as one from a network is: its body is still to be read."""
    headers = [(k, v) for k, v in response.headers.raw if k.lower() != b"content-encoding"]
    return httpx.Response(response.status_code, headers=headers, stream=_Bytes(response.content))


def open_http(server: DemoServer, *, user: int = 0, read_only: bool = False) -> httpx.Client:
    """Return a client that signs in as one of the users; addresses are below ``/api/v1/``."""
    who = server.users[user]
    token = who.read_token if read_only else who.token
    return httpx.Client(base_url=f"{server.url}/api/v1/", auth=(token, ""), timeout=stretched(30))
