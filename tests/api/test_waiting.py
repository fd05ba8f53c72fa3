"""Backoff, time-outs and deadlines, by a virtual clock and a made-up network."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from email.utils import formatdate
from functools import partial

import anyio
import httpx
import pytest
import trio.testing

from coexplorer.api import Client, Patience, Timeouts
from coexplorer.errors import (
    BadReply,
    Conflict,
    NoLongerFits,
    NotSignedIn,
    PlatformFault,
    RateLimited,
    Unreachable,
)
from coexplorer.fields import Fields, replace_values
from coexplorer.models import Asset, AssetId, AwsSource, Dialect, NewAsset, SearchRequest, Secret
from tests.support.http import unread

ASSET = {"id": "a1", "name": "n", "state": "ready"}
A1 = AssetId("a1")
NEW = NewAsset(name="n", description="", mount="m", tags=(), source=AwsSource("b"))
Answer = Callable[[httpx.Request], httpx.Response | Awaitable[httpx.Response]]


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, object]]:
    """Only trio has a clock that jumps."""
    return "trio", {"clock": trio.testing.MockClock(autojump_threshold=0)}


class Network(httpx.AsyncBaseTransport):
    """Answers with each of `answers` in turn, the last one forever, and notes when."""

    def __init__(self, *answers: httpx.Response | Exception | Answer) -> None:
        self.answers = list(answers)
        self.asked_at: list[float] = []
        self.requests: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked_at.append(anyio.current_time())
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        result = answer if isinstance(answer, httpx.Response) else answer(request)
        response = result if isinstance(result, httpx.Response) else await result
        return response if isinstance(response.stream, Slow) else unread(response)

    @property
    def gaps(self) -> list[float]:
        pairs = zip(self.asked_at, self.asked_at[1:], strict=False)
        return [later - earlier for earlier, later in pairs]


def connect(
    network: Network, *, timeouts: Timeouts | None = None, patience: Patience | None = None
) -> Client:
    return Client(
        "http://127.0.0.1:1",
        Secret("cop_test"),
        carrier=network,
        timeouts=timeouts or Timeouts(),
        patience=patience or Patience(),
    )


def answer(status: int, json: object = ASSET, **headers: str) -> Callable[..., httpx.Response]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda _request: httpx.Response(status, json=json, headers=named)


async def test_rate_limited_request_waits_as_told() -> None:
    network = Network(answer(429, Retry_After="7"), answer(200))
    waits: list[tuple[float, str]] = []
    async with connect(network) as client:
        client.on_wait = lambda seconds, reason: waits.append((seconds, reason))
        assert (await client.get(A1)).name == "n"
    assert 7 <= network.gaps[0] <= 7.5
    assert [reason for _seconds, reason in waits] == ["the platform asks us to slow down"]
    assert waits[0][0] == pytest.approx(network.gaps[0])


async def test_rate_limited_request_waits_until_the_date_by_the_platforms_clock() -> None:
    theirs = 1_000_000_000.0
    refusal = answer(
        429, Date=formatdate(theirs, usegmt=True), Retry_After=formatdate(theirs + 40, usegmt=True)
    )
    network = Network(refusal, answer(200))
    async with connect(network) as client:
        await client.get(A1)
    assert 39 <= network.gaps[0] <= 41


async def test_rate_limit_beyond_the_deadline_is_reported_at_once() -> None:
    network = Network(answer(429, Retry_After="3600"))
    async with connect(network) as client:
        with pytest.raises(RateLimited) as caught:
            await client.get(A1)
    assert caught.value.retry_after_s == 3600
    assert "in 60 minutes" in caught.value.hint
    assert network.gaps == []


async def test_writes_wait_for_the_rate_limit_too_since_nothing_was_done() -> None:
    network = Network(answer(429, Retry_After="1"), answer(200))
    async with connect(network) as client:
        await client.create(NEW)
    assert [request.method for request in network.requests] == ["POST", "POST"]


async def test_platform_fault_is_retried_with_growing_waits() -> None:
    network = Network(answer(503))
    async with connect(network) as client:
        with pytest.raises(PlatformFault) as caught:
            await client.get(A1)
    assert caught.value.status == 503
    assert len(network.gaps) == 4
    for nth, gap in enumerate(network.gaps):
        assert 0.5 * 2**nth * 0.5 <= gap <= 0.5 * 2**nth


async def test_platform_fault_may_tell_when_to_come_back() -> None:
    network = Network(answer(503, Retry_After="20"), answer(200))
    async with connect(network) as client:
        await client.get(A1)
    assert 20 <= network.gaps[0] <= 20.5


async def test_no_connection_is_reported_soon() -> None:
    network = Network(httpx.ConnectError("[Errno 111] Connection refused"))
    async with connect(network) as client:
        with pytest.raises(Unreachable, match="Connection refused") as caught:
            await client.create(NEW)
    assert not caught.value.outcome_unknown
    assert len(network.requests) == 3
    assert network.asked_at[-1] - network.asked_at[0] < 2


async def test_a_certificate_that_is_not_trusted_is_not_retried() -> None:
    network = Network(httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed"))
    async with connect(network) as client:
        with pytest.raises(Unreachable, match="CERTIFICATE_VERIFY_FAILED"):
            await client.get(A1)
    assert len(network.requests) == 1


async def test_refusals_are_not_retried() -> None:
    network = Network(answer(401))
    async with connect(network) as client:
        with pytest.raises(NotSignedIn):
            await client.get(A1)
    assert len(network.requests) == 1


async def test_a_reply_that_makes_no_sense_is_asked_for_again() -> None:
    network = Network(answer(200, [1]), answer(200, "x"), answer(200))
    async with connect(network) as client:
        assert (await client.get(A1)).name == "n"


async def never(_request: httpx.Request) -> httpx.Response:
    await anyio.sleep_forever()
    raise AssertionError


class Slow(httpx.AsyncByteStream):
    """A body in pieces, some seconds before each."""

    def __init__(self, body: bytes, piece: int, seconds: float) -> None:
        self._body = body
        self._piece = piece
        self._seconds = seconds
        self._closed = False

    async def aclose(self) -> None:
        self._closed = True

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), self._piece):
            await anyio.sleep(0 if self._closed else self._seconds)
            if self._closed:
                return
            yield self._body[start : start + self._piece]


def drip(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=Slow(b" " * 100_000, 1, 1.0))


def silent_later(_request: httpx.Request) -> httpx.Response:
    return httpx.Response(200, stream=Slow(b" " * 100_000, 50_000, 1000.0))


async def test_an_attempt_ends_however_slowly_the_reply_drips() -> None:
    network = Network(never, answer(200))
    async with connect(network, timeouts=Timeouts(asset_s=100, read_s=100, silent_s=200)) as client:
        await client.get(A1)
    assert 100 <= network.gaps[0] <= 101


async def test_the_whole_call_has_a_deadline() -> None:
    network = Network(never)
    async with connect(
        network, timeouts=Timeouts(asset_s=100, read_s=100, silent_s=200, call_s=150)
    ) as client:
        start = anyio.current_time()
        with pytest.raises(Unreachable, match="no complete answer within"):
            await client.get(A1)
    assert anyio.current_time() - start == pytest.approx(150, abs=0.1)
    assert len(network.requests) == 2


READS: dict[str, Callable[[Client], Awaitable[object]]] = {
    "get": lambda client: client.get(A1),
    "urls": lambda client: client.file_urls(A1, "f"),
    "sharing": lambda client: client.sharing(A1),
    "row": lambda client: client.search(SearchRequest(), limit=1),
    "rows": lambda client: client.search(SearchRequest(), limit=100),
    "page": lambda client: client.search(SearchRequest(), limit=1000),
    "folder": lambda client: client.list_files(A1),
}


@pytest.mark.parametrize("dialect", [Dialect.CURRENT, None])
@pytest.mark.parametrize("what", READS)
async def test_a_platform_that_says_nothing_is_given_up_within_a_minute(
    what: str, dialect: Dialect | None
) -> None:
    network = Network(never)
    client = Client("http://127.0.0.1:1", Secret("t"), carrier=network, dialect=dialect)
    async with client:
        start = anyio.current_time()
        with pytest.raises(Unreachable) as caught:
            await READS[what](client)
        waited_s = anyio.current_time() - start
    assert 35 < waited_s < 60
    told = f"the platform can't be reached: there was no complete answer within {waited_s:.0f} s"
    assert caught.value.message == told


async def test_a_platform_that_answers_others_is_asked_as_often_as_ever() -> None:
    """It is slow, and not dead."""
    stuck = 0

    def reply_to(request: httpx.Request) -> httpx.Response | Awaitable[httpx.Response]:
        nonlocal stuck
        if request.url.path.endswith("/a1"):
            stuck += 1
            return never(request) if stuck < 3 else httpx.Response(200, json=ASSET)
        return httpx.Response(200, json={**ASSET, "id": "a2"})

    async with connect(Network(reply_to)) as client, anyio.create_task_group() as group:

        async def ask_now_and_then() -> None:
            while True:
                await anyio.sleep(5)
                await client.get(AssetId("a2"))

        group.start_soon(ask_now_and_then)
        assert (await client.get(A1)).name == "n"
        group.cancel_scope.cancel()
    assert stuck == 3


async def test_a_slow_first_answer_is_waited_for() -> None:
    async def late(_request: httpx.Request) -> httpx.Response:
        await anyio.sleep(50)
        return httpx.Response(200, json={"results": [ASSET]})

    client = Client(
        "http://127.0.0.1:1", Secret("t"), carrier=Network(late), dialect=Dialect.CURRENT
    )
    async with client:
        (asset,) = (await client.search(SearchRequest())).results
    assert asset.id == A1


async def test_people_see_one_clock_for_all_tries() -> None:
    network = Network(never)
    seen: list[float] = []
    async with connect(network) as client:

        async def watch() -> None:
            while True:
                wait = client.waits.find()
                if wait is not None and not wait.reason:
                    seen.append(wait.seconds)
                await anyio.sleep(1)

        async with anyio.create_task_group() as group:
            group.start_soon(watch)
            with pytest.raises(Unreachable):
                await client.get(A1)
            group.cancel_scope.cancel()
        assert seen == sorted(seen)
        assert seen[-1] > 30
        await anyio.sleep(60)
        assert client.waits.find() is None
        for is_answered in (False, True):
            network.answers = [answer(200), never] if is_answered else [never]
            if is_answered:
                await client.get(A1)
            async with anyio.create_task_group() as later:
                later.start_soon(client.get, A1)
                await anyio.sleep(4)
                wait = client.waits.find()
                assert wait is not None
                assert wait.seconds == pytest.approx(4, abs=0.5)
                later.cancel_scope.cancel()


@pytest.mark.parametrize(
    ("use", "most_s"),
    [
        *((READS[what], 70) for what in ("get", "urls", "sharing", "row")),
        (READS["page"], 250),
        (READS["folder"], 200),
        (lambda client: client.archive(A1, archived=True), 200),
        (lambda client: client.delete(A1), 200),
    ],
    ids=["get", "urls", "sharing", "row", "page", "folder", "archive", "delete"],
)
@pytest.mark.parametrize("how", ["drip", "silent later"])
async def test_nobody_waits_longer_than_what_was_asked_for_may_take(
    use: Callable[[Client], Awaitable[object]], most_s: float, how: str
) -> None:
    """Neither for a byte a second nor for a reply that stops: `read_s` ends that sooner still."""
    answers: dict[str, Answer] = {"drip": drip, "silent later": silent_later}
    network = Network(answers[how])
    async with connect(network) as client:
        client.on_wait = None
        start = anyio.current_time()
        with pytest.raises(Unreachable):
            await use(client)
    assert anyio.current_time() - start < most_s


async def test_a_page_that_comes_slowly_but_steadily_is_read() -> None:
    page = json.dumps({"results": [ASSET], "x": "y" * 200_000}).encode()
    network = Network(lambda _: httpx.Response(200, stream=Slow(page, 2000, 1.0)))
    client = Client("http://127.0.0.1:1", Secret("t"), carrier=network, dialect=Dialect.CURRENT)
    async with client:
        (asset,) = (await client.search(SearchRequest())).results
    assert asset.id == A1
    assert anyio.current_time() > 99


async def test_a_write_that_times_out_has_an_unknown_outcome() -> None:
    network = Network(never)
    async with connect(network, timeouts=Timeouts(write_s=10)) as client:
        with pytest.raises(Unreachable) as caught:
            await client.update(A1, Fields("new"), before=Fields("old"))
    assert caught.value.outcome_unknown


async def test_a_write_whose_state_is_seen_unchanged_is_known_not_to_be_done() -> None:
    network = Network(
        lambda request: httpx.Response(503 if request.method == "PUT" else 200, json=ASSET)
    )
    async with connect(network, patience=Patience(attempts=3)) as client:
        with pytest.raises(PlatformFault) as caught:
            await client.update(A1, Fields("new"), before=Fields("n"))
    assert not caught.value.outcome_unknown
    methods = [request.method for request in network.requests]
    assert methods == ["PUT", "GET", *["GET", "PUT", "GET"] * 2]  # after each wait it is read again


async def test_no_more_requests_are_under_way_than_allowed() -> None:
    under_way, most = 0, 0

    async def slow(_request: httpx.Request) -> httpx.Response:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await anyio.sleep(1)
        under_way -= 1
        return httpx.Response(200, json=ASSET)

    network = Network(slow)
    async with connect(network) as client, anyio.create_task_group() as group:
        for _ in range(20):
            group.start_soon(client.get, A1)
    assert most == 8


async def test_waiting_does_not_keep_others_from_asking() -> None:
    network = Network(answer(429, Retry_After="50"), answer(200))
    client = Client("http://127.0.0.1:1", Secret("t"), carrier=network, concurrency=1)
    async with client, anyio.create_task_group() as group:
        group.start_soon(client.get, A1)
        await trio.testing.wait_all_tasks_blocked()
        await client.get(A1)
        assert network.gaps == [0.0]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_elsewhere_is_not_followed(status: int) -> None:
    network = Network(answer(status, Location="http://127.0.0.1:2/api/v1/data_assets/a1"))
    async with connect(network) as client:
        with pytest.raises(BadReply, match=r"redirects to another address, http://127\.0\.0\.1:2"):
            await client.get(A1)
    assert len(network.requests) == 1


async def test_a_redirect_within_the_platform_is_followed_with_the_token() -> None:
    network = Network(answer(308, Location="/api/v1/data_assets/a1/"), answer(200))
    async with connect(network) as client:
        await client.get(A1)
    assert network.requests[1].url.path == "/api/v1/data_assets/a1/"
    assert network.requests[1].headers["authorization"].startswith("Basic ")


async def test_a_redirect_never_turns_a_write_into_a_reading() -> None:
    network = Network(answer(302, Location="/elsewhere"))
    async with connect(network) as client:
        with pytest.raises(BadReply, match="redirects a request that is not a read"):
            await client.delete(A1)
    assert len(network.requests) == 1


async def test_redirects_in_a_circle_end() -> None:
    network = Network(answer(302, Location="/api/v1/data_assets/a1"))
    async with connect(network) as client:
        with pytest.raises(BadReply, match="in circles"):
            await client.get(A1)
    assert len(network.requests) == 4


class Platform(Network):
    """One asset that is really read and written, after the troubles of writes and of readings."""

    def __init__(self, *troubles: httpx.Response | Exception, reading: int = 0) -> None:
        super().__init__(self.carry_out)
        self.asset: dict[str, object] = {**ASSET, "description": "", "tags": ["a"]}
        self.troubles = list(troubles)
        self.reading = reading

    def carry_out(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            self.reading -= 1
            gone = self.asset.get("gone")
            return httpx.Response(
                429 if self.reading >= 0 else 404 if gone else 200, json=self.asset
            )
        if self.troubles:
            trouble = self.troubles.pop(0)
            if isinstance(trouble, Exception):
                raise trouble
            return trouble
        if request.method == "PUT":
            self.asset |= json.loads(request.content)
            return httpx.Response(200, json=self.asset)
        self.asset |= {"gone": True} if request.method == "DELETE" else {"archived": True}
        return httpx.Response(204)

    @property
    def methods(self) -> list[str]:
        return [request.method for request in self.requests]


SLOW_DOWN = httpx.Response(429, headers={"Retry-After": "20"})
DOWN = httpx.Response(503, headers={"Retry-After": "20"})
RESET = httpx.ReadError("[Errno 104] Connection reset by peer")
NO_WAY = httpx.ConnectError("[Errno 111] Connection refused")
TROUBLES = pytest.mark.parametrize(
    "trouble", [SLOW_DOWN, DOWN, RESET, NO_WAY], ids=["429", "503", "reset", "no way"]
)
BEFORE, MINE = Fields("n", "", ("a",)), Fields("n", "mine", ("a",))


@TROUBLES
@pytest.mark.parametrize("theirs", [{"description": "theirs"}, {"name": "theirs"}, {"tags": ["b"]}])
async def test_an_update_goes_over_nothing_that_came_while_it_waited(
    trouble: httpx.Response | Exception, theirs: dict[str, object]
) -> None:
    network = Platform(trouble)
    async with connect(network) as client:
        client.on_wait = lambda *_: network.asset.update(theirs)
        with pytest.raises(Conflict):
            await client.update(A1, MINE, before=BEFORE)
    assert network.methods.count("PUT") == 1
    assert theirs.items() <= network.asset.items()


@TROUBLES
async def test_a_repeated_update_is_sent_right_after_a_reading(
    trouble: httpx.Response | Exception,
) -> None:
    network = Platform(trouble)
    async with connect(network) as client:
        assert (await client.update(A1, MINE, before=BEFORE)).description == "mine"
    assert network.methods[-2:] == ["GET", "PUT"]
    assert network.gaps[-1] == 0
    assert network.methods.count("PUT") == 2


async def test_custom_metadata_is_not_gone_over_either() -> None:
    network = Platform(SLOW_DOWN)
    network.asset["custom_metadata"] = {"a": "1"}
    async with connect(network) as client:
        client.on_wait = lambda *_: network.asset.update(custom_metadata={"a": "1", "b": "2"})
        before = replace_values(BEFORE, {"metadata": {"a": "1"}})
        mine = replace_values(BEFORE, {"metadata": {"a": "3"}})
        with pytest.raises(Conflict):
            await client.update(A1, mine, before=before)
    assert network.asset["custom_metadata"] == {"a": "1", "b": "2"}


async def test_an_update_without_trouble_is_one_request() -> None:
    network = Platform()
    async with connect(network) as client:
        await client.update(A1, MINE, before=BEFORE)
    assert network.methods == ["PUT"]


async def test_a_reading_before_a_repeated_update_may_have_trouble_itself() -> None:
    network = Platform(SLOW_DOWN, reading=2)
    async with connect(network) as client:
        await client.update(A1, MINE, before=BEFORE)
    assert network.methods == ["PUT", "GET", "GET", "GET", "PUT"]


@pytest.mark.parametrize("age_s", [0.0, 0.9, 1.1, 500.0])
async def test_what_was_read_a_while_ago_is_read_again_before_it_is_updated(age_s: float) -> None:
    network = Platform()
    async with connect(network) as client:
        await anyio.sleep(600)
        await client.update(A1, MINE, before=BEFORE, read_at=anyio.current_time() - age_s)
    assert network.methods == (["PUT"] if age_s < 1 else ["GET", "PUT"])


async def test_an_update_that_waited_for_its_turn_is_sent_right_after_a_reading() -> None:
    network = Platform()

    async def slow(request: httpx.Request) -> httpx.Response:
        await anyio.sleep(5 if request.url.path.endswith("slow") else 0)
        return network.carry_out(request)

    network.answers = [slow]
    client = Client("http://127.0.0.1:1", Secret("t"), carrier=network, concurrency=1)
    async with client, anyio.create_task_group() as group:
        group.start_soon(client.get, AssetId("slow"))
        await trio.testing.wait_all_tasks_blocked()
        await client.update(A1, MINE, before=BEFORE)
        assert network.methods == ["GET", "GET", "PUT"]
        group.cancel_scope.cancel()


async def refuse(_asset: Asset, _maybe_done: bool) -> None:  # noqa: FBT001 # a `Judge`
    raise NoLongerFits("it is not what it was")


async def accept(_asset: Asset, _maybe_done: bool) -> None:  # noqa: FBT001 # likewise
    return


@TROUBLES
@pytest.mark.parametrize("method", ["DELETE", "PATCH"])
async def test_a_repeated_delete_or_archive_is_judged_again(
    trouble: httpx.Response | Exception, method: str
) -> None:
    for judge in (refuse, accept):
        network = Platform(trouble)
        async with connect(network) as client:
            deletes = method == "DELETE"
            write = partial(
                client.delete if deletes else partial(client.archive, archived=True), A1
            )
            if judge is refuse:
                with pytest.raises(NoLongerFits):
                    await write(judge=judge)
                assert network.methods == [method, "GET"]
            else:
                await write(judge=judge)
                assert network.methods == [method, "GET", method]


async def test_a_delete_whose_reply_was_lost_is_done_when_nothing_is_there_to_judge() -> None:
    network = Platform(RESET)
    async with connect(network) as client:
        client.on_wait = lambda *_: network.asset.update(gone=True)
        await client.delete(A1, judge=refuse)
    assert network.methods == ["DELETE", "GET"]
