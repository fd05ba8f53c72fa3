"""Each fault as a client sees it, over real connections to a real server."""

import inspect
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from email.utils import parsedate_to_datetime
from pathlib import Path

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from coexplorer.demo import faults
from coexplorer.demo.faults import (
    FaultKind,
    FaultMiddleware,
    FaultPlan,
    FaultProtocol,
    FaultScriptError,
    parse_script,
)
from coexplorer.demo.faults.connection import EXTENSION
from coexplorer.demo.server import DemoServer
from tests.support.pages import ROOT
from tests.support.patience import stretched
from tests.support.server import RAW

NOW = 1_700_000_000.0
ASSET = {"id": "a1", "name": "ecephys_655019", "description": "x" * 2000}


class Platform:
    """A very small platform, with the faults before it."""

    def __init__(self) -> None:
        self.plan = FaultPlan(clock=lambda: NOW)
        self.writes = 0
        self.pages = 0
        routes = [
            Route("/api/v1/data_assets/search", self.search, methods=["POST"]),
            Route("/api/v1/data_assets/{id}", self.get_asset, methods=["GET"]),
            Route("/api/v1/data_assets/{id}", self.put_asset, methods=["PUT"]),
            Route("/api/v1/gone", self.reset_twice, methods=["GET"]),
        ]
        config = uvicorn.Config(
            FaultMiddleware(Starlette(routes=routes), self.plan),
            http=FaultProtocol,
            lifespan="off",
            log_config=None,
        )
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/api/v1/"
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, args=([self.listener],))

    async def get_asset(self, _request: Request) -> Response:
        return JSONResponse(ASSET)

    async def put_asset(self, request: Request) -> Response:
        await request.body()
        self.writes += 1
        return JSONResponse(ASSET)

    async def reset_twice(self, request: Request) -> Response:
        connection = request.scope["extensions"][EXTENSION]
        await connection.hang_up()
        await connection.reset()
        self.writes += 1
        return Response()

    async def search(self, _request: Request) -> Response:
        self.pages += 1
        page = {"results": [], "has_more": self.pages < 3, "next_token": f"t{self.pages}"}
        return JSONResponse(page)

    def stop(self) -> None:
        self.server.should_exit = True
        self.thread.join(30)
        assert not self.thread.is_alive()


@pytest.fixture
def platform() -> Iterator[Platform]:
    platform = Platform()
    platform.thread.start()
    try:
        yield platform
    finally:
        platform.stop()


@pytest.fixture
def client(platform: Platform) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=platform.url, timeout=stretched(30), auth=("cop_a", "")) as client:
        yield client


def read_until_reset(platform: Platform, request: str) -> tuple[bytes, bool]:
    """Send a request on a bare socket; return what came and whether it ended in ECONNRESET."""
    with closing(
        socket.create_connection(("127.0.0.1", platform.port), timeout=stretched(30))
    ) as raw:
        raw.sendall(f"{request} HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n".encode())
        received = b""
        try:
            while piece := raw.recv(65536):
                received += piece
        except ConnectionResetError:
            return received, True
        return received, False


def test_a_connection_that_is_gone_already_can_be_reset(platform: Platform) -> None:
    assert read_until_reset(platform, "GET /api/v1/gone") == (b"", False)
    platform.stop()
    assert platform.writes == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 502, 503, 504])
def test_status_is_answered_with_a_message_and_nothing_is_carried_out(
    platform: Platform, client: httpx.Client, status: int
) -> None:
    platform.plan.add(status, "PUT", "data_assets/*", times=1)
    reply = client.put("data_assets/a1", json={"name": "n"})
    assert reply.status_code == status
    assert set(reply.json()) == {"message"}
    assert platform.writes == 0
    assert client.put("data_assets/a1", json={"name": "n"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ('["the asset is in use", "the id is unknown"]', "application/json"),
        ("upstream is away", "text/plain; charset=utf-8"),
        ('{"errors": [{"title": "no"}]}', "application/json"),
    ],
)
def test_refusal_can_have_any_body(
    platform: Platform, client: httpx.Client, body: str, kind: str
) -> None:
    [rule] = parse_script(f"POST ** 400 body='{body}'")
    platform.plan.add(rule.status, rule.method, rule.path, body=rule.body)
    reply = client.post("data_assets/search", json={})
    assert (reply.status_code, reply.text, reply.headers["content-type"]) == (400, body, kind)


def test_retry_after_is_given_in_seconds_or_as_a_date(
    platform: Platform, client: httpx.Client
) -> None:
    platform.plan.add(429, nth=1, retry_after=7)
    platform.plan.add(503, nth=2, retry_after="date+60")
    assert client.get("data_assets/a1").headers["retry-after"] == "7"
    date = parsedate_to_datetime(client.get("data_assets/a1").headers["retry-after"])
    assert date.timestamp() == NOW + 60


def test_reset_comes_in_the_middle_of_the_reply(platform: Platform) -> None:
    platform.plan.add(FaultKind.RESET)
    received, was_reset = read_until_reset(platform, "GET /api/v1/data_assets/a1")
    head, _, body = received.partition(b"\r\n\r\n")
    whole = len(JSONResponse(ASSET).body)
    assert was_reset
    assert f"content-length: {whole}".encode() in head
    assert len(body) == whole // 2


def test_lost_write_is_carried_out_and_nothing_of_its_reply_arrives(platform: Platform) -> None:
    platform.plan.add(FaultKind.LOST, "PUT", nth=1)
    assert read_until_reset(platform, "PUT /api/v1/data_assets/a1") == (b"", True)
    assert platform.writes == 1


def test_reset_is_a_read_error_for_an_http_client(platform: Platform, client: httpx.Client) -> None:
    platform.plan.add(FaultKind.LOST, nth=1)
    platform.plan.add(FaultKind.RESET, nth=2)
    for _ in range(2):
        with pytest.raises(httpx.ReadError):
            client.get("data_assets/a1")
    assert client.get("data_assets/a1").json() == ASSET


def test_short_reply_ends_in_good_order_before_what_was_announced(
    platform: Platform, client: httpx.Client
) -> None:
    platform.plan.add(FaultKind.SHORT)
    received, was_reset = read_until_reset(platform, "GET /api/v1/data_assets/a1")
    assert not was_reset
    assert len(received.partition(b"\r\n\r\n")[2]) == len(JSONResponse(ASSET).body) // 2
    with pytest.raises(httpx.RemoteProtocolError):
        client.get("data_assets/a1")


def test_cut_reply_is_rightly_announced_and_no_json(
    platform: Platform, client: httpx.Client
) -> None:
    platform.plan.add(FaultKind.CUT)
    reply = client.get("data_assets/a1")
    assert reply.status_code == 200
    assert int(reply.headers["content-length"]) == len(reply.content) > 0
    with pytest.raises(json.JSONDecodeError):
        reply.json()


@pytest.mark.parametrize("status", [200, 502])
def test_html_comes_in_place_of_json(platform: Platform, client: httpx.Client, status: int) -> None:
    platform.plan.add(FaultKind.HTML, status=status)
    reply = client.put("data_assets/a1", json={})
    assert reply.status_code == status
    assert reply.headers["content-type"].startswith("text/html")
    assert "<title>" in reply.text
    assert platform.writes == 0


def test_drip_sends_the_whole_reply_piece_by_piece(
    platform: Platform, client: httpx.Client
) -> None:
    platform.plan.add(FaultKind.DRIP, seconds=0.01, piece_bytes=200)
    with client.stream("GET", "data_assets/a1") as reply:
        pieces = list(reply.iter_raw())
    assert json.loads(b"".join(pieces)) == ASSET
    assert len(pieces) > 2


def test_silence_lasts_until_released_and_then_the_request_is_carried_out(
    platform: Platform, client: httpx.Client
) -> None:
    silence = platform.plan.add(FaultKind.SILENCE, "PUT")
    replies: list[httpx.Response] = []
    waiting = threading.Thread(target=lambda: replies.append(client.put("data_assets/a1", json={})))
    waiting.start()
    platform.plan.wait_struck(silence)
    assert platform.writes == 0
    platform.plan.release()
    waiting.join(30)
    assert [reply.status_code for reply in replies] == [200]
    assert platform.writes == 1


def test_client_that_gives_up_in_silence_sees_a_timeout_and_nothing_is_carried_out(
    platform: Platform, client: httpx.Client
) -> None:
    platform.plan.add(FaultKind.SILENCE, "PUT")
    with pytest.raises(httpx.ReadTimeout):
        client.put("data_assets/a1", json={}, timeout=0.2)
    platform.plan.clear()
    assert client.get("data_assets/a1").status_code == 200
    assert platform.writes == 0


def test_server_stops_in_the_middle_of_a_silence(server: DemoServer) -> None:
    silence = server.faults.add(FaultKind.SILENCE)
    address = ("127.0.0.1", int(server.url.rpartition(":")[2]))
    with closing(socket.create_connection(address, timeout=stretched(30))) as raw:
        raw.sendall(b"GET /api/v1/data_assets/a1 HTTP/1.1\r\nhost: x\r\n\r\n")
        server.faults.wait_struck(silence)
        server.stop()
        assert raw.recv(1) == b""


def test_demo_server_carries_out_a_write_whose_reply_is_lost(server: DemoServer) -> None:
    server.faults.add(FaultKind.LOST, "PUT", "data_assets/*", nth=1)
    address, auth = f"{server.url}/api/v1/data_assets/{RAW}", (server.users[0].token, "")
    with pytest.raises(httpx.ReadError):
        httpx.put(address, auth=auth, json={"name": "renamed", "description": ""})
    assert httpx.get(address, auth=auth).json()["name"] == "renamed"


def test_latency_delays_and_leaves_the_request_to_the_other_rules(
    platform: Platform, client: httpx.Client
) -> None:
    platform.plan.add(FaultKind.LATENCY, seconds=0.05)
    platform.plan.add(503, nth=2)
    replies = [client.get("data_assets/a1") for _ in range(2)]
    assert [reply.status_code for reply in replies] == [200, 503]
    assert replies[0].elapsed.total_seconds() >= 0.05


def test_what_has_arrived_is_carried_out_though_its_client_has_gone(
    platform: Platform, client: httpx.Client
) -> None:
    platform.plan.add(FaultKind.LATENCY, "PUT", seconds=0.3)
    with pytest.raises(httpx.ReadTimeout):
        client.put("data_assets/a1", json={"name": "late"}, timeout=0.05)
    until = time.monotonic() + stretched(30)
    while not platform.writes and time.monotonic() < until:
        time.sleep(0.01)
    assert platform.writes == 1


def test_token_expires_after_its_requests_until_renewed(
    platform: Platform, client: httpx.Client
) -> None:
    platform.plan.add(FaultKind.EXPIRE, after=2)
    statuses = [client.get("data_assets/a1").status_code for _ in range(4)]
    assert statuses == [200, 200, 401, 401]
    assert client.get("data_assets/a1", auth=("cop_b", "")).status_code == 200
    platform.plan.renew()
    assert client.get("data_assets/a1").status_code == 200


def test_expired_token_is_good_again_after_so_many_refusals(
    platform: Platform, client: httpx.Client
) -> None:
    platform.plan.add(FaultKind.EXPIRE, after=2, renew=1)
    statuses = [client.get("data_assets/a1").status_code for _ in range(6)]
    assert statuses == [200, 200, 401, 200, 200, 401]


def test_search_repeats_its_token_for_ever(platform: Platform, client: httpx.Client) -> None:
    platform.plan.add(FaultKind.SAME_TOKEN, "POST", "data_assets/search")
    pages = [client.post("data_assets/search", json={}).json() for _ in range(4)]
    assert [(page["has_more"], page["next_token"]) for page in pages] == [(True, "t1")] * 4


def test_search_promises_more_without_a_token(platform: Platform, client: httpx.Client) -> None:
    platform.plan.add(FaultKind.NO_TOKEN, "POST", "data_assets/search")
    page = client.post("data_assets/search", json={}).json()
    assert page == {"results": [], "has_more": True}


def test_every_and_after_and_times_choose_the_requests(
    platform: Platform, client: httpx.Client
) -> None:
    platform.plan.add(500, after=1, every=2, times=2)
    statuses = [client.get("data_assets/a1").status_code for _ in range(8)]
    assert statuses == [200, 200, 500, 200, 500, 200, 200, 200]


def test_star_stays_within_a_segment_and_two_do_not() -> None:
    plan = FaultPlan()
    one = plan.add(500, "GET", "data_assets/*")
    two = plan.add(500, "GET", "data_assets/**")
    whole = plan.add(500, "GET", "/elsewhere")
    for path in ("/api/v1/data_assets/a", "/api/v1/data_assets/a/files", "/elsewhere", "/x"):
        plan.judge("GET", path)
    plan.judge("PUT", "/api/v1/data_assets/a")
    assert (one.matched, two.matched, whole.matched) == (1, 2, 1)


def test_removed_rule_strikes_no_more() -> None:
    plan = FaultPlan()
    rule = plan.add(500)
    assert plan.judge("GET", "/api/v1/data_assets").rule is rule
    plan.remove(rule)
    assert plan.judge("PUT", "/api/v1/data_assets").rule is None
    plan.wait_struck(rule)
    with pytest.raises(TimeoutError, match="the status struck 1 times, not 2"):
        plan.wait_struck(rule, 2, timeout_s=0.01)


@pytest.mark.parametrize("kind", sorted(set(FaultKind) - {FaultKind.STATUS}))
def test_each_fault_is_done_and_described(kind: FaultKind) -> None:
    done = [Path(inspect.getfile(each)).read_text("utf-8") for each in (FaultMiddleware, FaultPlan)]
    done_by = [code.split("class FaultKind")[-1] for code in done]
    assert any(f"FaultKind.{kind.name}" in code for code in done_by), "FaultMiddleware does it"
    assert f"``{kind}``" in (faults.__doc__ or ""), "say what it does at the head of the package"
    page = (ROOT / "docs" / "embedded.md").read_text("utf-8")
    assert f"`{kind}`" in page, "docs/embedded.md has a row for each"


def test_script_reads_as_the_same_rules() -> None:
    script = """
    # trouble for everybody
    GET data_assets/* 503 times=2   # twice
    * ** 429 retry-after=date+2 every=10 message="slow down, please"
    POST data_assets/search latency seconds=0.5
    GET ** drip bytes=10 nth=3
    * ** html status=502 after=4
    * ** expire after=5 renew=1
    """
    refused, limited, slow, drip, page, expired = parse_script(script)
    assert (refused.kind, refused.status, refused.times) == (FaultKind.STATUS, 503, 2)
    assert (limited.status, limited.every, limited.message) == (429, 10, "slow down, please")
    assert limited.build_retry_after(NOW) == "Tue, 14 Nov 2023 22:13:22 GMT"
    assert (slow.kind, slow.seconds, slow.path) == (FaultKind.LATENCY, 0.5, "data_assets/search")
    assert (drip.kind, drip.piece_bytes, drip.nth) == (FaultKind.DRIP, 10, 3)
    assert (page.kind, page.status, page.after) == (FaultKind.HTML, 502, 4)
    assert (expired.kind, expired.after, expired.renew) == (FaultKind.EXPIRE, 5, 1)


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("GET data_assets", "expected METHOD PATH FAULT"),
        ("GET ** explode", "unknown fault 'explode'"),
        ("GET ** 999", "999 is not a status"),
        ("GET ** 500 often", "unknown option 'often'"),
        ("GET ** 500 nth=0", "nth needs a whole number"),
        ("GET ** 500 times=-1", "times needs a whole number"),
        ("GET ** 429 retry-after=soon", "could not convert"),
        ('GET ** 500 message="open', "No closing quotation"),
    ],
)
def test_bad_line_is_named(line: str, complaint: str) -> None:
    with pytest.raises(FaultScriptError, match=r"^line 2: ") as caught:
        parse_script(f"# a script\n{line}\n")
    assert complaint in str(caught.value)
