"""A reply belongs to its request: one asset is never taken for another."""

import contextlib
import json
import time
from collections.abc import Awaitable, Callable, Iterator

import pytest

from coexplorer.api import Client, Patience
from coexplorer.errors import ApiError, BadReply, Unreachable
from coexplorer.fields import Fields
from coexplorer.models import AssetId, AwsSource, NewAsset, SearchRequest, Secret
from tests.support.rawserver import Asked, RawServer, raw_server, reply

A = AssetId("aaaaaaaa-0000-4000-8000-000000000001")
B = AssetId("bbbbbbbb-0000-4000-8000-000000000002")
ASSET_B = {
    "id": B,
    "state": "ready",
    "name": "theirs",
    "description": "B",
    "tags": ["b"],
    "mount": "b",
}
ASSET_A = {
    "id": A,
    "state": "ready",
    "name": "mine",
    "description": "A",
    "tags": ["a"],
    "mount": "a",
}
BEFORE = Fields("mine", "A", ("a",), "a")
MEANT = Fields("new", "A", ("a",), "a")
NEW = NewAsset(name="new", description="", mount="m", tags=(), source=AwsSource("b"))
HASTE = Patience(attempts=3, connects=1, slow_downs=1, first_wait_s=0.001, longest_wait_s=0.001)

Use = Callable[[Client], Awaitable[object]]


@contextlib.contextmanager
def platform(answer: Callable[[Asked], bytes]) -> Iterator[tuple[RawServer, Client]]:
    with raw_server(lambda asked: [answer(asked)]) as server:
        yield server, Client(server.url, Secret("cop_t"), patience=HASTE)


async def fails(client: Client, use: Use) -> ApiError:
    async with client:
        with pytest.raises(BadReply) as caught:
            await use(client)
    return caught.value


async def test_another_asset_than_was_asked_for_is_no_answer() -> None:
    with platform(lambda _: reply(200, ASSET_B)) as (server, client):
        error = await fails(client, lambda client: client.get(A))
    assert "another asset" in str(error)
    assert len(server.asked) == HASTE.attempts  # a cache may know better the next time


async def test_a_reply_that_is_right_at_the_second_try_is_taken() -> None:
    replies = iter([reply(200, ASSET_B), reply(200, ASSET_A)])
    with platform(lambda _: next(replies)) as (_, client):
        async with client:
            assert (await client.get(A)).id == A


@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.update(A, MEANT, before=BEFORE),
        lambda client: client.archive(A, archived=True),
        lambda client: client.delete(A),
    ],
    ids=["update", "archive", "delete"],
)
async def test_a_write_that_is_answered_with_another_asset_has_an_unknown_outcome(use: Use) -> None:
    with platform(lambda _: reply(200, ASSET_B)) as (_, client):
        error = await fails(client, use)
    assert error.outcome_unknown


async def test_an_update_is_settled_by_a_reading_of_the_right_asset_alone() -> None:
    state = dict(ASSET_A)
    readings = iter([ASSET_B, None, None, None])

    def answer(asked: Asked) -> bytes:
        if asked.method == "PUT":
            state.update(json.loads(asked.body))
            return reply(200, ASSET_B)
        return reply(200, next(readings) or state)

    with platform(answer) as (server, client):
        async with client:
            asset = await client.update(A, MEANT, before=BEFORE)
    assert asset.fields.same_as(MEANT)
    assert [each.method for each in server.asked] == ["PUT", "GET", "GET"]


async def test_a_create_is_not_answered_by_an_asset_that_was_there() -> None:
    old = {**ASSET_B, "created": 1_600_000_000}

    def answer(asked: Asked) -> bytes:
        searches = asked.path.endswith("/search")
        return reply(200, {"has_more": False, "results": [old]} if searches else old)

    with platform(answer) as (server, client):
        error = await fails(client, lambda client: client.create(NEW))
    assert error.outcome_unknown
    assert [each.path for each in server.asked].count("/api/v1/data_assets") == 1


OTHER = f"/api/v1/data_assets/{B}"
PLACES = [
    OTHER,
    f"/proxy{OTHER}",
    f"/api/v1/data_assets/{A}/../{B}",
    f"/api/v1/data_assets/{A}?archive=false",
    "/sign-in",
    "/api/v1/data_assets",
    "//127.0.0.2/api/v1/data_assets/" + A,
]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", PLACES)
async def test_no_write_is_carried_to_another_place(status: int, place: str) -> None:
    def answer(asked: Asked) -> bytes:
        if asked.path == f"/api/v1/data_assets/{A}" and asked.method != "GET":
            return reply(status, Location=place)
        return reply(200, ASSET_A)

    with platform(answer) as (server, client):
        async with client:
            with contextlib.suppress(ApiError):
                await client.update(A, MEANT, before=BEFORE)
            with pytest.raises(BadReply):
                await client.delete(A)
    written = {each.path for each in server.asked if each.method != "GET"}
    assert written == {f"/api/v1/data_assets/{A}"}


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
@pytest.mark.parametrize("place", PLACES)
async def test_no_reading_is_led_to_another_asset(status: int, place: str) -> None:
    def answer(asked: Asked) -> bytes:
        first = asked.target == f"/api/v1/data_assets/{A}"
        return reply(status, Location=place) if first else reply(200, ASSET_A)

    with platform(answer) as (server, client):
        await fails(client, lambda client: client.get(A))
    assert len(server.asked) == 1


async def test_the_address_of_a_file_is_not_that_of_another_asset() -> None:
    def answer(asked: Asked) -> bytes:
        if A in asked.path:
            return reply(302, Location=f"{OTHER}/files/urls?path=f")
        return reply(200, {"download_url": "http://127.0.0.1/other"})

    with platform(answer) as (_, client):
        await fails(client, lambda client: client.file_urls(A, "f"))


async def test_a_write_that_is_shown_elsewhere_may_have_been_done() -> None:
    """303, and in practice 302, answer a form that was taken."""
    with platform(lambda _: reply(303, Location="/done")) as (_, client):
        error = await fails(client, lambda client: client.archive(A, archived=True))
    assert error.outcome_unknown
    with platform(lambda _: reply(307, Location="/elsewhere")) as (_, client):
        error = await fails(client, lambda client: client.archive(A, archived=True))
    assert not error.outcome_unknown


async def test_a_slash_at_the_end_and_a_prefix_are_followed() -> None:
    def answer(asked: Asked) -> bytes:
        if asked.path.startswith("/api/v1/") and not asked.path.endswith("/"):
            return reply(308, Location=f"/prefix{asked.path}/")
        return reply(200, ASSET_A)

    with platform(answer) as (_, client):
        async with client:
            assert (await client.get(A)).id == A


@pytest.mark.parametrize(
    "part",
    [
        {"id": A},
        {"id": A, "name": "mine", "mount": "a"},
        {"id": A, "name": "mine", "description": "A", "tags": ["a"], "created": None},
    ],
)
async def test_a_part_of_an_asset_is_no_answer(part: dict[str, object]) -> None:
    """An edit sends back what it has read: what the answer lost would be emptied."""
    with platform(lambda _: reply(200, part)) as (_, client):
        await fails(client, lambda client: client.get(A))


# --- What is no clear answer

UNCLEAR = [202, 205, 206, 207, 226]


@pytest.mark.parametrize("status", UNCLEAR)
@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.update(A, MEANT, before=BEFORE),
        lambda client: client.archive(A, archived=True),
        lambda client: client.delete(A),
        lambda client: client.create(NEW),
    ],
    ids=["update", "archive", "delete", "create"],
)
async def test_a_promise_or_a_part_does_not_say_that_a_write_was_done(
    status: int, use: Use
) -> None:
    def answer(asked: Asked) -> bytes:
        if asked.path.endswith("/search"):
            return reply(200, {"has_more": False, "results": []})
        if asked.method == "GET":
            return reply(500)
        return reply(status, ASSET_A if status != 205 else b"")

    with platform(answer) as (_, client):
        error = await fails(client, use)
    assert error.outcome_unknown
    assert error.hint


@pytest.mark.parametrize("status", UNCLEAR)
async def test_a_part_is_no_answer_to_a_reading(status: int) -> None:
    page = {"has_more": False, "results": [ASSET_A]}
    with platform(lambda _: reply(status, ASSET_A)) as (_, client):
        await fails(client, lambda client: client.get(A))
    with platform(lambda _: reply(status, page)) as (_, client):
        await fails(client, lambda client: client.search(SearchRequest()))
    with platform(lambda _: reply(status, {"items": []})) as (_, client):
        await fails(client, lambda client: client.list_files(A))


@pytest.mark.parametrize("status", [300, 302, 303, 304, 305, 399])
async def test_a_redirect_to_nowhere_is_no_refusal(status: int) -> None:
    """The platform says that something was done, or is elsewhere, and nobody knows where."""
    with platform(lambda _: reply(status)) as (_, client):
        error = await fails(client, lambda client: client.archive(A, archived=True))
        assert error.outcome_unknown
    with platform(lambda _: reply(status)) as (_, client):
        await fails(client, lambda client: client.get(A))


NO_HTTP = [
    b"HTTP/1.1 000 X\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhello",
    b"HTTP/1.1 \xff\xfe\r\n\r\n",
    reply(302, Location="http://[::1"),
]


@pytest.mark.parametrize("answer", NO_HTTP, ids=range(len(NO_HTTP)))
async def test_what_is_not_http_is_said_to_be_that(answer: bytes) -> None:
    with platform(lambda _: answer) as (_, client):
        async with client:
            with pytest.raises(Unreachable, match="not valid HTTP"):
                await client.get(A)


@pytest.mark.parametrize(
    ("body", "said"),
    [(b"", "it is empty"), (b" \n", "it is empty"), (b"hello", "not JSON"), (b"{", "not JSON")],
)
async def test_what_makes_no_sense_is_told_plainly(body: bytes, said: str) -> None:
    with platform(lambda _: reply(200, body)) as (_, client):
        error = await fails(client, lambda client: client.get(A))
    assert error.message.endswith(said)


async def test_an_update_that_was_promised_is_believed_when_it_is_read() -> None:
    state = dict(ASSET_A)

    def answer(asked: Asked) -> bytes:
        if asked.method == "PUT":
            state.update(json.loads(asked.body))
            return reply(202, state)
        return reply(200, state)

    with platform(answer) as (server, client):
        async with client:
            assert (await client.update(A, MEANT, before=BEFORE)).fields.same_as(MEANT)
    assert [each.method for each in server.asked] == ["PUT", "GET"]


@pytest.mark.parametrize(
    "other",
    [
        {"name": "another"},
        {"mount": "other"},
        {"tags": ["theirs"]},
        {"name": "NEW"},
        {"tags": ["b", "a"], "mount": "x"},
    ],
)
async def test_a_create_is_not_answered_by_another_new_asset(other: dict[str, object]) -> None:
    """Somebody else's, made at the same moment, in a reply or a list that was mixed up."""
    theirs = {**ASSET_B, "created": int(time.time()), "name": "new", "mount": "m", "tags": []}
    theirs |= other

    def answer(asked: Asked) -> bytes:
        searches = asked.path.endswith("/search")
        return reply(200, {"has_more": False, "results": [theirs]} if searches else theirs)

    with platform(answer) as (server, client):
        error = await fails(client, lambda client: client.create(NEW))
    assert error.outcome_unknown
    assert [each.path for each in server.asked].count("/api/v1/data_assets") == 1


async def test_a_create_that_was_answered_with_another_asset_is_found() -> None:
    made = {**ASSET_A, "created": int(time.time()), "name": "new", "mount": "m", "tags": []}

    def answer(asked: Asked) -> bytes:
        searches = asked.path.endswith("/search")
        return reply(200, {"has_more": False, "results": [ASSET_B, made]} if searches else ASSET_B)

    with platform(answer) as (_, client):
        async with client:
            assert (await client.create(NEW)).id == A
