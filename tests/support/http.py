"""Plain HTTP to the embedded server, without a line of the client's."""

from __future__ import annotations

import httpx

from coexplorer.demo.server import DemoServer
from tests.support.patience import stretched


def open_http(server: DemoServer, *, user: int = 0, read_only: bool = False) -> httpx.Client:
    """Return a client that signs in as one of the users; addresses are below ``/api/v1/``."""
    who = server.users[user]
    token = who.read_token if read_only else who.token
    return httpx.Client(base_url=f"{server.url}/api/v1/", auth=(token, ""), timeout=stretched(30))
