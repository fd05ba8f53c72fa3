"""How a reply begins: what is no HTTP, or puts the reply off again and again, is told and left."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.api import Client, Patience
from coexplorer.api.heads import Beginning, NoReply
from coexplorer.errors import ApiError, BadReply, Unreachable
from coexplorer.fields import Fields
from coexplorer.models import AssetId, Secret
from tests.support.rawserver import Asked, RawServer, head, raw_server, reply

A = AssetId("aaaaaaaa-0000-4000-8000-000000000001")
ASSET = {"id": A, "state": "ready", "name": "n", "description": "", "tags": [], "mount": "m"}
BEFORE = Fields("n", "", (), "m")
HASTE = Patience(attempts=2, connects=1, slow_downs=1, first_wait_s=0.001, longest_wait_s=0.001)
REQUEST = b"GET /api/v1/data_assets/1 HTTP/1.1\r\nHost: x\r\n\r\n"
NOTICES = [
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 102 Processing\n\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>; rel=preload\r\nX: y\r\n\r\n",
    b"HTTP/1.0 199 \r\n\r\n",
]
NO_HTTP = [
    random.Random(1).randbytes(3000),
    random.Random(2).randbytes(3),
    b"x" * 100,
    b"y" * 300_000,
    b"\0" * 500,
    b"\r\n\r\n",
    b"\x15\x03\x01\x00\x02\x02\x46",
    b"SSH-2.0-OpenSSH_9.6\r\n",
    b"220 mail.example.org ESMTP\r\n",
    b"<html>hello</html>",
    b"HTTP",
]


async def fetch(server: RawServer) -> None:
    async with Client(server.url, Secret("cop_t"), patience=HASTE) as client:
        await client.get(A)


def forever(asked: Asked) -> Iterable[bytes]:
    """Put the reply off for as long as anybody listens."""
    while True:
        yield NOTICES[0] * 1000


@pytest.mark.parametrize("notice", NOTICES, ids=range(len(NOTICES)))
async def test_a_reply_that_was_put_off_a_few_times_is_read(notice: bytes) -> None:
    with raw_server(lambda _: [notice * 10, reply(200, ASSET)]) as server:
        await fetch(server)


@pytest.mark.parametrize("notice", NOTICES, ids=range(len(NOTICES)))
async def test_a_reply_that_is_put_off_again_and_again_is_given_up(notice: bytes) -> None:
    with (
        raw_server(lambda _: [notice * 11, reply(200, ASSET)]) as server,
        pytest.raises(Unreachable, match="put off its reply more than 10 times"),
    ):
        await fetch(server)
    assert len(server.asked) == HASTE.attempts


async def test_nobody_listens_to_a_reply_that_is_put_off_forever() -> None:
    with raw_server(forever) as server, pytest.raises(Unreachable, match="put off its reply"):
        await fetch(server)
    assert len(server.asked) == HASTE.attempts


async def test_a_write_whose_reply_is_put_off_forever_has_an_unknown_outcome() -> None:
    with raw_server(forever) as server:
        async with Client(server.url, Secret("cop_t"), patience=HASTE) as client:
            with pytest.raises(ApiError) as caught:
                await client.update(A, Fields("new", "", (), "m"), before=BEFORE)
    assert caught.value.outcome_unknown


@pytest.mark.parametrize("says", NO_HTTP, ids=range(len(NO_HTTP)))
async def test_what_is_no_web_server_is_said_to_be_none(says: bytes) -> None:
    whole = says == b"HTTP"  # the start of a reply that breaks off
    said = "the connection broke" if whole else "what answers there is no web server"
    with raw_server(lambda _: [says]) as server, pytest.raises(Unreachable, match=said) as caught:
        await fetch(server)
    assert whole or "check the domain and its port" in caught.value.hint


async def test_a_storage_that_is_no_web_server_is_said_to_be_none() -> None:
    async def fetch_url() -> str:
        return f"{server.url}/storage"

    with raw_server(lambda _: [b"\x00\x01\x02"]) as server:
        async with Client(server.url, Secret("cop_t"), patience=HASTE) as client:
            with pytest.raises(Unreachable, match="no web server"):
                async with client.open_download(fetch_url):
                    pass


async def test_a_reply_in_crumbs_is_given_up() -> None:
    def answer(_: Asked) -> Iterable[bytes]:
        yield head(200, Transfer_Encoding="chunked")
        while True:
            yield b"1\r\n \r\n" * 1000

    with raw_server(answer) as server, pytest.raises(BadReply, match="pieces of a few bytes"):
        await fetch(server)


async def test_a_reply_in_small_pieces_is_read() -> None:
    body = reply(200, ASSET, chunked=True).partition(b"\r\n\r\n")[2]

    def answer(_: Asked) -> Iterable[bytes]:
        yield head(200, Transfer_Encoding="chunked")
        yield (b"20\r\n" + b" " * 32 + b"\r\n") * 11_000
        yield b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"

    with raw_server(answer) as server:
        await fetch(server)


@given(st.lists(st.sampled_from(NOTICES), max_size=12), st.data())
def test_notices_are_counted_however_they_arrive(notices: list[bytes], data: st.DataObject) -> None:
    beginning = Beginning()
    for _ in range(2):  # each request counts from zero
        beginning.note_sent(REQUEST)
        whole = b"".join(notices) + reply(200, b"HTTP/1.1 100 \r\n\r\n" * 20)
        given_up = False
        while whole:
            size = data.draw(st.integers(1, len(whole)))
            piece, whole = whole[:size], whole[size:]
            try:
                beginning.note_received(piece)
            except NoReply:
                given_up = True
                break
        assert given_up is (len(notices) > 10)


@given(st.binary(min_size=1, max_size=50))
def test_only_what_follows_a_request_is_looked_at(received: bytes) -> None:
    beginning = Beginning()
    beginning.note_received(received)
    beginning.note_sent(b"\x05\x01\x00")  # SOCKS
    beginning.note_received(received)
    beginning.note_sent(REQUEST)
    beginning.note_sent(b'{"name": "a body"}')
    if b"HTTP/".startswith(received[:5]):
        beginning.note_received(received)
    else:
        with pytest.raises(NoReply, match="no web server"):
            beginning.note_received(received)
