"""Whatever a server sends, this machine keeps little of it and waits only a limited time."""

import contextlib
import functools
import gzip
import json
import re
import subprocess
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Awaitable, Callable, Iterable, Iterator

import anyio
import pytest

from coexplorer.api import Bounds, Client, Patience, Timeouts
from coexplorer.api.file_replies import read_folder
from coexplorer.api.refusal_text import find_message, find_page_title
from coexplorer.api.wire import parse_envelope, parse_ids, parse_rows
from coexplorer.errors import ApiError, BadReply, PlatformFault, Rejected, Unreachable
from coexplorer.fields import Fields
from coexplorer.models import (
    AssetId,
    AwsSource,
    Dialect,
    FileEntry,
    NewAsset,
    SearchRequest,
    Secret,
)
from tests.support.rawserver import Asked, RawServer, head, raw_server, reply

A = AssetId("a1")
ASSET = {"id": "a1", "name": "n", "state": "ready"}
HASTE = Patience(attempts=2, connects=1, slow_downs=2, first_wait_s=0.001, longest_wait_s=0.001)
SMALL = Bounds(asset_bytes=1_000_000, row_bytes=1_000, error_bytes=10_000)
MEGABYTE = b"x" * 1_000_000


@contextlib.contextmanager
def platform(
    answer: Callable[[Asked], Iterable[bytes]], timeouts: Timeouts | None = None
) -> Iterator[tuple[RawServer, Client]]:
    with raw_server(answer) as server:
        yield (
            server,
            Client(
                server.url,
                Secret("cop_t"),
                patience=HASTE,
                bounds=SMALL,
                timeouts=timeouts or Timeouts(),
            ),
        )


def endless(status: int, **headers: str) -> Callable[[Asked], Iterator[bytes]]:
    def answer(_asked: Asked) -> Iterator[bytes]:
        yield head(status, Transfer_Encoding="chunked", **headers)
        while True:
            yield b"f4240\r\n" + MEGABYTE + b"\r\n"

    return answer


def bomb(status: int, layers: int, encoding: str) -> Callable[[Asked], Iterator[bytes]]:
    """Send 300 MB of blanks, packed so often."""

    def answer(_asked: Asked) -> Iterator[bytes]:
        yield reply(status, pack_blanks(layers), Content_Encoding=encoding)

    return answer


@functools.cache
def pack_blanks(layers: int) -> bytes:
    """Pack 300 MB of blanks; seconds of CPU, which only who runs these tests shall spend."""
    if layers > 1:
        return gzip.compress(pack_blanks(layers - 1))
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join(packer.compress(b" " * 1_000_000) for _ in range(300)) + packer.flush()


@pytest.fixture(scope="module")
def _packed() -> None:
    """Pack before anybody waits for it."""
    pack_blanks(2)


@contextlib.contextmanager
def little_memory() -> Iterator[None]:
    """Fail where Python's own objects took more than 30 MB at any moment."""
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 30_000_000


@pytest.mark.usefixtures("_packed")
@pytest.mark.parametrize(
    "answer",
    [
        endless(200),
        lambda _asked: [head(200, Content_Length=str(10**12)), *[MEGABYTE] * 100],
        lambda _asked: [head(200), *[MEGABYTE] * 100],
        bomb(200, 1, "gzip"),
        bomb(200, 2, "gzip, gzip"),
        bomb(200, 2, "gzip"),
        lambda _asked: [reply(200, b"\x1f\x8b" + MEGABYTE[:1000], Content_Encoding="gzip")],
        lambda _asked: [reply(200, gzip.compress(b'{"id":"a1"}')[:-9], Content_Encoding="gzip")],
        lambda _asked: [reply(200, b"x", Content_Encoding="br")],
    ],
    ids=[
        "chunks",
        "announced",
        "unannounced",
        "bomb",
        "layers",
        "hidden layers",
        "broken",
        "short",
        "br",
    ],
)
async def test_a_reply_without_end_is_a_bad_reply(
    answer: Callable[[Asked], Iterable[bytes]],
) -> None:
    with platform(answer) as (_, client):
        async with client:
            with little_memory(), pytest.raises(BadReply):
                await client.get(A)


@pytest.mark.usefixtures("_packed")
@pytest.mark.parametrize(
    "answer",
    [endless(400), bomb(400, 1, "gzip"), bomb(400, 2, "gzip,gzip")],
    ids=["chunks", "bomb", "layers"],
)
async def test_a_refusal_without_end_is_cut(answer: Callable[[Asked], Iterable[bytes]]) -> None:
    with platform(answer) as (_, client):
        async with client:
            with little_memory(), pytest.raises(Rejected):
                await client.get(A)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "GZIP"])
async def test_a_packed_reply_is_read(encoding: str) -> None:
    packed = gzip.compress(b'{"id":"a1","name":"n","state":"ready"}')
    with platform(lambda _: [reply(200, packed, Content_Encoding=encoding)]) as (server, client):
        async with client:
            assert (await client.get(A)).name == "n"
    assert server.asked[0].headers["accept-encoding"] == "gzip"


async def test_a_long_write_that_is_answered_without_end_has_an_unknown_outcome() -> None:
    with platform(endless(200)) as (_, client):
        async with client:
            with pytest.raises(BadReply) as caught:
                await client.archive(A, archived=True)
    assert caught.value.outcome_unknown


@pytest.mark.parametrize(
    ("use", "most"),
    [
        (lambda client: client.get(A), 4_200_000),
        (lambda client: client.file_urls(A, "f"), 4_200_000),
        (lambda client: client.metadata_schema(), 4_200_000),
        (lambda client: client.fetch_dialect(), 13_000_000),  # three rows
        (lambda client: client.search(SearchRequest(), limit=100), 50_000_000),
        (lambda client: client.search(SearchRequest()), 150_000_000),
        (lambda client: client.list_files(A), 37_000_000),
    ],
    ids=["get", "urls", "schema", "one row", "100 rows", "1000 rows", "folder"],
)
async def test_no_more_is_read_than_what_was_asked_for_can_take(
    use: Callable[[Client], Awaitable[object]], most: int
) -> None:
    """Without settings of a test's own."""
    with raw_server(endless(200)) as server:
        client = Client(server.url, Secret("cop_t"), dialect=Dialect.CURRENT)
        async with client:
            with pytest.raises(BadReply, match="longer than") as caught:
                await use(client)
    told = re.search(r"[\d,]+", caught.value.message)
    assert told is not None
    assert int(told[0].replace(",", "")) <= most


UNFOLD = """
import resource, sys
from contextlib import suppress
from coexplorer.api.file_replies import read_folder
from coexplorer.api.wire import parse_envelope, parse_ids, parse_rows
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for piece in (b"{}", b'{"a":0}', b"[[]]"):
    many = b"[" + (piece + b",") * (8_000_000 // (len(piece) + 1)) + piece + b"]"
    for body in (
        b'{"results":' + many + b"}",
        b'{"x":' + many + b',"hasMore":"no","results":[]}',
        b'{"has_more":"no","results":[{"id":"a","x":' + many + b"}]}",
    ):
        with suppress(ValueError):
            rows = parse_envelope(body).rows
            assert len(rows) <= 1000
            assert parse_rows(rows) == () == parse_ids(rows)
    with suppress(ValueError):
        read_folder("")(b'{"items":' + many + b"}")
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_what_is_made_of_small_pieces_is_not_unfolded() -> None:
    """8 MB of them would take 200 to 400 MB in memory."""
    done = subprocess.run([sys.executable, "-c", UNFOLD], capture_output=True, check=True)
    assert int(done.stdout) < 100_000


def test_a_page_with_large_rows_is_read_all_the_same() -> None:
    text = "a, b, c, " * 3000
    rows = [{"id": f"a{nth}", "name": "n", "description": text} for nth in range(1000)]
    page = json.dumps({"results": rows, "has_more": True, "next_token": "t"}).encode()
    envelope = parse_envelope(page)
    assert (envelope.has_more, envelope.next_token) == (True, "t")
    assert len(parse_rows(envelope.rows)) == len(parse_ids(envelope.rows)) == 1000


def test_a_long_folder_is_read() -> None:
    items = [
        {"name": f"f{nth}", "path": f"d/f{nth}", "type": "file", "size": nth}
        for nth in range(100_000)
    ]
    body = json.dumps({"items": items, "has_more": True}).encode()
    folder = read_folder("d")(body)
    assert len(folder.entries) == 100_000
    assert folder.entries[7] == FileEntry("f7", "d/f7", is_folder=False, size_bytes=7)
    assert folder.has_more


# --- Files


async def download(client: Client, url: str, most: int | None = None) -> bytes:
    async def fetch_url() -> str:
        return url

    async with client, client.open_download(fetch_url, most=most) as download:
        return b"".join([chunk async for chunk in download])


async def test_a_file_is_read_no_further_than_was_announced() -> None:
    with platform(endless(200)) as (server, client), little_memory():
        assert await download(client, server.url, most=11) == b"x" * 11


@pytest.mark.parametrize("status", [400, 403, 404, 500])
async def test_a_storages_refusal_is_cut(status: int) -> None:
    with (
        platform(endless(status)) as (server, client),
        little_memory(),
        pytest.raises(ApiError),
    ):
        await download(client, server.url)


async def test_a_storage_that_sends_next_to_nothing_is_given_up() -> None:
    def drip(_asked: Asked) -> Iterator[bytes]:
        yield head(200, Content_Length="1000000", ETag='"1"')
        while True:
            yield b"x"
            stop.wait(0.01)

    stop = threading.Event()
    with (
        platform(drip, Timeouts(file_s=0.2, call_s=5.0)) as (server, client),
        pytest.raises(Unreachable, match="next to nothing"),
    ):
        await download(client, server.url)
    stop.set()


async def test_a_storage_that_does_not_answer_is_given_up() -> None:
    stop = threading.Event()

    def silent(_asked: Asked) -> Iterator[bytes]:
        stop.wait()
        yield b""

    with platform(silent, Timeouts(file_s=0.1)) as (server, client):
        with pytest.raises(Unreachable, match="no answer within"):
            await download(client, server.url)
        stop.set()


async def test_a_byte_between_breaks_is_no_progress() -> None:
    def one_byte(asked: Asked) -> Iterator[bytes]:
        start = int(asked.headers.get("range", "bytes=0-")[6:].rstrip("-"))
        status = 206 if start else 200
        yield head(
            status,
            Content_Length=str(1000 - start),
            Content_Range=f"bytes {start}-999/1000",
            ETag='"1"',
        )
        yield b"x"

    with platform(one_byte) as (server, client), pytest.raises(Unreachable):
        await download(client, server.url)
    assert len(server.asked) == HASTE.attempts


async def test_a_remote_platform_sends_nobody_to_this_machine() -> None:
    """It could read what other programs here serve without asking for a password."""
    with raw_server(lambda _: [reply(200, b"private")]) as server:
        for host in ("127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "0"):
            client = Client("https://platform.invalid", Secret("cop_t"), patience=HASTE)
            with pytest.raises(BadReply, match="leads to this machine"):
                await download(client, f"http://{host}:{server.port}/f")
            client = Client("https://platform.invalid", Secret("cop_t"), patience=HASTE)
            with pytest.raises(BadReply, match="leads to this machine"):
                await download(client, f"https://{host}:{server.port}/f")
    assert not server.asked


async def test_no_cookie_is_kept() -> None:
    cookie = reply(200, ASSET, Set_Cookie="session=1; Path=/")
    with platform(lambda _: [cookie]) as (server, client):
        async with client:
            await client.get(A)
            await client.get(A)
    assert [each.headers.get("cookie") for each in server.asked] == [None, None]


# --- Waiting


@pytest.mark.parametrize("wait", ["999999999", "-1", "NaN", "inf", "1e9", "9" * 5000, "soon"])
@pytest.mark.parametrize("status", [429, 503])
async def test_no_platform_makes_anybody_wait_beyond_the_calls_deadline(
    wait: str, status: int
) -> None:
    def answer(asked: Asked) -> Iterable[bytes]:
        if asked.method == "GET" and asked.path != "/storage":
            return [reply(200, {**ASSET, "name": "before"})]
        return [reply(status, Retry_After=wait)]

    new = NewAsset(name="n", description="", mount="m", tags=(), source=AwsSource("b"))
    with platform(answer, Timeouts(call_s=20.0)) as (server, client), anyio.fail_after(60):
        async with client:
            for use in (
                lambda: client.update(A, Fields("after"), before=Fields("before")),
                lambda: client.create(new),
                lambda: client.archive(A, archived=True),
                lambda: client.search(SearchRequest()),
                lambda: client.list_files(A),
            ):
                with pytest.raises(ApiError):
                    await use()
            with pytest.raises(ApiError):
                async with client.open_download(lambda: _url(server)):
                    pass


async def _url(server: RawServer) -> str:
    return f"{server.url}/storage"


# --- Texts


def comments(count: int) -> bytes:
    return b"<!-- x -->" * count


HARD_BODIES = [
    comments(100_000),
    comments(28) + b"nothing",
    b"<!--" * 100_000,
    b"<?xml " * 100_000,
    b"<Error>" * 200_000,
    b"<Error>" + b"<Message>" * 200_000,
    b"<Error><Message>" + b"</Message" * 200_000,
    b" " * 2_000_000,
    b"\n\t" * 1_000_000 + b"x",
    b"<html><title>" + b"<title" * 200_000,
    b"<html>" + b"<" * 1_000_000,
    b"<html><body>" + b"<b" * 500_000,
    b"<html><h1>" + b"</h1" * 200_000,
    b"[" * 500_000,
    b'{"message":' * 100_000,
    b'["' * 100_000 + b'"]' * 100_000,
    b'{"errors":[' * 300 + b'"x"' + b"]}" * 300,
    b"&" * 1_000_000,
    b"<html><title>" + b"&amp" * 200_000,
    b"9" * 1_000_000,
    b'{"message":' + b"9" * 100_000 + b"}",
    b"\xff" * 1_000_000,
    b"\\u0000" * 200_000,
    "\u0130".encode() * 200_000,
    b"<html><title>" + "\u0130".encode() * 200_000,
]


@pytest.mark.parametrize("body", HARD_BODIES, ids=range(len(HARD_BODIES)))
def test_a_strangers_text_is_read_in_time_however_it_is_made(body: bytes) -> None:
    """Each takes milliseconds; what is quadratic would take minutes, the exponential forever."""
    for read in (find_message, find_page_title):
        line = read(body)
        assert line.isprintable()
        assert len(line) <= 200


async def test_a_platform_that_keeps_failing_is_told_in_one_line_whatever_it_says() -> None:
    with platform(lambda _: [reply(500, b"<Error>" * 10_000)]) as (_, client):
        async with client:
            with pytest.raises(PlatformFault) as caught:
                await client.get(A)
    assert len(str(caught.value)) < 300
