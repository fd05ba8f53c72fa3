"""Gates and the request log: what other tests drive and read the server with."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import anyio
import httpx
import pytest

from coexplorer.demo.server import DemoServer
from tests.support.http import open_http
from tests.support.patience import stretched
from tests.support.server import OLD, RAW


@pytest.fixture
def http(server: DemoServer) -> Iterator[httpx.Client]:
    with open_http(server) as client:
        yield client


def change(http: httpx.Client, name: str) -> httpx.Response:
    return http.put(f"data_assets/{RAW}", json={"name": name})


def test_request_held_before_has_changed_nothing(server: DemoServer, http: httpx.Client) -> None:
    with ThreadPoolExecutor() as pool, server.hooks.before("PUT", f"*/{RAW}") as gate:
        held = pool.submit(change, http, "mine")
        gate.wait()
        assert server.store.update(RAW, description="theirs").name != "mine"
        assert server.requests("PUT")[0].status is None
        gate.release()
        assert held.result(30).json()["description"] == "theirs"
    assert server.store.get(RAW).name == "mine"


def test_request_held_after_is_carried_out_and_not_answered(
    server: DemoServer, http: httpx.Client
) -> None:
    with ThreadPoolExecutor() as pool, server.hooks.after("PUT") as gate:
        held = pool.submit(change, http, "mine")
        gate.wait()
        assert server.store.get(RAW).name == "mine"
        assert not held.done()
        gate.release()
        assert held.result(30).status_code == 200


def test_gate_holds_one_request_of_its_kind_and_lets_others_pass(
    server: DemoServer, http: httpx.Client
) -> None:
    with ThreadPoolExecutor() as pool, server.hooks.before("PUT", f"*/{RAW}") as gate:
        held = pool.submit(change, http, "first")
        gate.wait()
        assert http.get(f"data_assets/{RAW}").status_code == 200
        assert http.put(f"data_assets/{OLD}", json={"name": "o"}).status_code == 200
        assert change(http, "second").status_code == 200
        gate.release()
        held.result(30)
    assert server.store.get(RAW).name == "first"


async def test_gate_is_waited_for_on_any_event_loop(server: DemoServer) -> None:
    me = (server.users[0].token, "")
    gate = server.hooks.before("GET")
    statuses = []

    async def ask() -> None:
        async with httpx.AsyncClient(auth=me, timeout=stretched(30)) as client:
            reply = await client.get(f"{server.url}/api/v1/data_assets/{RAW}")
            statuses.append(reply.status_code)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await gate.arrived()
        assert statuses == []
        gate.release()
    assert statuses == [200]


def test_gate_that_nobody_comes_to_times_out(server: DemoServer) -> None:
    with pytest.raises(TimeoutError):
        server.hooks.before("PUT").wait(timeout_s=0.01)


def test_stopping_breaks_a_held_request(server: DemoServer, http: httpx.Client) -> None:
    with ThreadPoolExecutor() as pool:
        gate = server.hooks.before("PUT")
        held = pool.submit(change, http, "mine")
        gate.wait()
        server.stop()
        assert isinstance(held.exception(30), httpx.RemoteProtocolError | httpx.ReadError)
    assert server.store.get(RAW).name != "mine"


def test_log_tells_what_came_without_the_token(server: DemoServer, http: httpx.Client) -> None:
    change(http, "x")
    http.get("data_assets/none?a=1")
    httpx.get(server.url + "/elsewhere")
    put, get, other = server.requests()
    assert (put.method, put.path, put.status) == ("PUT", f"/api/v1/data_assets/{RAW}", 200)
    assert put.body == b'{"name":"x"}'
    assert put.body_sha256 == hashlib.sha256(put.body).hexdigest()
    assert put.body_size == len(put.body)
    assert (get.query, get.status) == ("a=1", 404)
    assert [each.authorized for each in (put, get, other)] == [True, True, False]
    assert server.users[0].token not in repr([put, get, other])
    assert server.requests("PUT") == [put]
    assert server.requests(path="*/data_assets/*") == [put, get]


def test_log_wakes_who_waits_for_requests(server: DemoServer, http: httpx.Client) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(server.log.wait_for, 2, "PUT", answered=True)
        change(http, "one")
        change(http, "two")
        assert len(waiting.result(30)) == 2
    with pytest.raises(TimeoutError):
        server.log.wait_for(1, "DELETE", timeout_s=0.01)
    server.log.clear()
    assert server.requests() == []
