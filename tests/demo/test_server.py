"""The server as a whole: starting, stopping, and what it keeps."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from msgspec.structs import replace

from coexplorer.demo.faults import FaultProtocol
from coexplorer.demo.server import DemoServer
from coexplorer.errors import FileTrouble
from tests.support.http import open_http
from tests.support.server import RAW, make_id


def test_server_answers_again_at_the_same_address_after_a_restart(server: DemoServer) -> None:
    address = f"{server.url}/api/v1/data_assets/{RAW}"
    auth = (server.users[0].token, "")
    assert httpx.get(address, auth=auth).json()["id"] == RAW
    server.stop()
    server.start()
    assert httpx.get(address, auth=auth).json()["id"] == RAW


def test_port_that_is_taken_is_an_error(tmp_path: Path, server: DemoServer) -> None:
    port = int(server.url.rpartition(":")[2])
    taken = DemoServer(tmp_path / "second", port=port)
    with closing(taken), pytest.raises(FileTrouble, match="in use"):
        taken.start()


def test_replies_are_sent_without_waiting_for_an_acknowledgement(
    server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    connection_made = FaultProtocol.connection_made

    def note(self: FaultProtocol, transport: asyncio.Transport) -> None:
        connection = transport.get_extra_info("socket")
        seen.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        connection_made(self, transport)

    monkeypatch.setattr(FaultProtocol, "connection_made", note)
    httpx.get(server.url)
    assert seen
    assert all(seen)


def test_stopping_twice_and_starting_twice_is_harmless(server: DemoServer) -> None:
    server.start()
    server.stop()
    server.stop()
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_old_platform_stops_at_its_wall(legacy_server: DemoServer) -> None:
    raw = legacy_server.store.get(RAW)
    legacy_server.store.insert(replace(raw, id=f"copy-{number}") for number in range(10_020))
    with open_http(legacy_server) as http:
        pages = {
            query: http.get(f"data_assets?{query}")
            for query in ("start=8000&limit=1000", "start=9000&limit=1000", "start=9995&limit=20")
        }
        behind = http.get("data_assets?start=10000&limit=20")
        far_behind = http.get("data_assets", params={"start": 10**30})
    told = {
        query: (len(page.json()["results"]), page.json()["has_more"])
        for query, page in pages.items()
    }
    assert told == {
        "start=8000&limit=1000": (1000, True),
        "start=9000&limit=1000": (1000, False),
        "start=9995&limit=20": (5, False),
    }
    # Not a word says that there is more.
    assert behind.json() == far_behind.json() == {"has_more": False, "results": []}


def test_colleague_at_work_in_other_threads_loses_nothing(server: DemoServer) -> None:
    def tag(number: int) -> None:
        server.store.update(make_id(1 + number % 9), mount=f"mount-{number}")

    with ThreadPoolExecutor(4) as pool, open_http(server) as http:
        work = pool.map(tag, range(90))
        for _ in range(10):
            assert len(http.post("data_assets/search").json()["results"]) == 9
        list(work)
    assert {asset.mount for asset in server.store.assets()} <= {f"mount-{n}" for n in range(90)}


PROGRAM = """
import sys
from pathlib import Path
from coexplorer.demo.server import DemoServer, run_until_signalled
server = DemoServer(Path(sys.argv[1]))
run_until_signalled(server, lambda: print(server.url, server.users[0].token, flush=True))
print("closed")
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_main_program_runs_until_it_is_signalled(tmp_path: Path, number: signal.Signals) -> None:
    program = [sys.executable, "-c", PROGRAM, str(tmp_path / "data")]
    with subprocess.Popen(program, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url, token = process.stdout.readline().split()
        reply = httpx.post(f"{url}/api/v1/data_assets/search", auth=(token, ""), json={})
        assert reply.json() == {"has_more": False, "results": []}
        process.send_signal(number)
        assert process.stdout.read() == "closed\n"
        assert process.wait(30) == 0
