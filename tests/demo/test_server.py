"""The server as a whole: starting, stopping, and what it keeps."""

import httpx

from coexplorer.demo.server import DemoServer
from tests.support.server import RAW


def test_server_answers_again_at_the_same_address_after_a_restart(server: DemoServer) -> None:
    address = f"{server.url}/api/v1/data_assets/{RAW}"
    auth = (server.users[0].token, "")
    assert httpx.get(address, auth=auth).json()["id"] == RAW
    server.stop()
    server.start()
    assert httpx.get(address, auth=auth).json()["id"] == RAW
