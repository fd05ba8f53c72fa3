"""What a storage does on a bad day, as a client of signed addresses sees it; files of any size."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest
from msgspec.structs import replace

from coexplorer.demo.faults import FaultKind, parse_script
from coexplorer.demo.faults.replies import OTHER_ETAG
from coexplorer.demo.samples import file_bytes
from coexplorer.demo.server import DemoServer
from tests.support.http import open_http
from tests.support.patience import stretched
from tests.support.server import RAW

VAST = "00000000-0000-4000-8000-0000000000fc"
HUGE, HUGE_BYTES = "recording.bin", 64_000_000_000
STORAGE = "/storage/**"
PART = {"Range": "bytes=32000000000-32000099999"}
CONTENT = file_bytes(VAST, HUGE, 32_000_000_000, 32_000_100_000)


@pytest.fixture
def http(server: DemoServer) -> Iterator[httpx.Client]:
    server.store.insert([replace(server.store.get(RAW), id=VAST)])
    with open_http(server) as client:
        yield client


@pytest.fixture
def url(http: httpx.Client) -> str:
    return ask_url(http)


def ask_url(http: httpx.Client, path: str = HUGE) -> str:
    reply = http.get(f"data_assets/{VAST}/files/urls", params={"path": path})
    address: str = reply.json()["download_url"]
    return address


def get_part(url: str, **headers: str) -> httpx.Response:
    return httpx.get(url, headers={**PART, **headers}, timeout=stretched(30))


def read_all(url: str) -> tuple[bytes, str]:
    """Read until the end or the error; return what came and the error's name."""
    received = b""
    with httpx.stream("GET", url, headers=PART, timeout=stretched(30)) as reply:
        try:
            for piece in reply.iter_raw():
                received += piece
        except httpx.HTTPError as error:
            return received, type(error).__name__
    return received, ""


@pytest.mark.parametrize(
    ("rule", "status", "code"),
    [
        ("403", 403, "AccessDenied"),
        ("403 code=InvalidObjectState", 403, "InvalidObjectState"),
        ("404", 404, "NoSuchKey"),
        ("412", 412, "PreconditionFailed"),
        ("416", 416, "InvalidRange"),
        ("503 retry-after=7", 503, "SlowDown"),
        ('400 code=ExpiredToken message="The provided token has expired."', 400, "ExpiredToken"),
    ],
)
def test_refusals_are_the_storages_own(
    server: DemoServer, url: str, rule: str, status: int, code: str
) -> None:
    [parsed] = parse_script(f"GET {STORAGE} {rule} times=1")
    server.faults.add(
        status,
        path=STORAGE,
        code=parsed.code,
        message=parsed.message,
        times=1,
        retry_after=parsed.retry_after,
    )
    reply = get_part(url)
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/xml")
    assert f"<Code>{code}</Code>" in reply.text
    assert (reply.headers.get("retry-after") == "7") == (status == 503)
    assert get_part(url).content == CONTENT


@pytest.mark.parametrize(
    ("options", "status", "told"),
    [
        ({}, 403, "<Code>AccessDenied</Code><Message>Request has expired</Message>"),
        ({"status": 400, "code": "ExpiredToken"}, 400, "<Code>ExpiredToken</Code>"),
    ],
)
def test_an_address_expires_and_a_new_one_is_good(
    server: DemoServer, http: httpx.Client, options: dict[str, object], status: int, told: str
) -> None:
    old = ask_url(http)
    server.faults.add(FaultKind.EXPIRE, path=STORAGE, after=2, **options)  # type: ignore[arg-type]
    replies = [get_part(old) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [206, 206, status, status]
    assert told in replies[-1].text
    assert get_part(ask_url(http)).content == CONTENT
    assert get_part(old).status_code == status


@pytest.mark.parametrize("size", [None, 0, 1000])
@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (FaultKind.RESET, "ReadError"),
        (FaultKind.SHORT, "RemoteProtocolError"),
        (FaultKind.CUT, ""),
    ],
)
def test_reply_breaks_off_and_the_rest_of_the_file_is_not_even_made(
    server: DemoServer, url: str, kind: FaultKind, error: str, size: int | None
) -> None:
    server.faults.add(kind, path=STORAGE, times=1, piece_bytes=size)
    expected = len(CONTENT) // 2 if size is None else size
    received, ended = read_all(url)
    assert ended == error
    assert CONTENT.startswith(received)
    assert len(received) <= expected
    assert kind is FaultKind.RESET or len(received) == expected  # a reset loses what is on its way
    assert read_all(url) == (CONTENT, "")


def test_whole_huge_file_can_break_off_too(server: DemoServer, url: str) -> None:
    server.faults.add(FaultKind.SHORT, path=STORAGE, times=1, piece_bytes=500)
    with httpx.stream("GET", url, timeout=stretched(30)) as reply:
        assert reply.headers["content-length"] == str(HUGE_BYTES)
        with pytest.raises(httpx.RemoteProtocolError):
            reply.read()


def test_stalled_reply_goes_on_when_released_and_hinders_nobody(
    server: DemoServer, url: str
) -> None:
    stall = server.faults.add(FaultKind.STALL, path=STORAGE, times=1, piece_bytes=1000)
    received, half_way = list[bytes](), threading.Event()

    def read() -> None:
        with httpx.stream("GET", url, headers=PART, timeout=stretched(30)) as reply:
            for piece in reply.iter_raw():
                received.append(piece)
                half_way.set()

    reading = threading.Thread(target=read)
    reading.start()
    server.faults.wait_struck(stall)
    assert half_way.wait(stretched(30))
    assert b"".join(received) == CONTENT[:1000]
    assert get_part(url).content == CONTENT
    server.faults.release()
    reading.join(stretched(30))
    assert b"".join(received) == CONTENT


@pytest.mark.parametrize("kind", [FaultKind.DRIP, FaultKind.RATE])
def test_slow_reply_is_whole_and_in_pieces(server: DemoServer, url: str, kind: FaultKind) -> None:
    size = 20_000 if kind is FaultKind.DRIP else 50_000_000
    server.faults.add(kind, path=STORAGE, seconds=0.001, piece_bytes=size)
    with httpx.stream("GET", url, headers=PART, timeout=stretched(30)) as reply:
        pieces = list(reply.iter_raw())
    assert b"".join(pieces) == CONTENT
    assert len(pieces) >= 2


def test_range_is_ignored(server: DemoServer, http: httpx.Client) -> None:
    url = ask_url(http, "README.md")
    whole = httpx.get(url).content
    server.faults.add(FaultKind.NO_RANGE, path=STORAGE, times=1)
    reply = httpx.get(url, headers={"Range": "bytes=3-5"})
    assert (reply.status_code, reply.content) == (200, whole)
    assert "content-range" not in reply.headers
    assert httpx.get(url, headers={"Range": "bytes=3-5"}).content == whole[3:6]


def test_part_comes_as_if_it_were_the_whole(server: DemoServer, url: str) -> None:
    server.faults.add(FaultKind.RANGE_200, path=STORAGE, times=1)
    reply = get_part(url)
    assert (reply.status_code, reply.content) == (200, CONTENT)
    assert reply.headers["content-range"] == f"bytes 32000000000-32000099999/{HUGE_BYTES}"


@pytest.mark.parametrize(
    ("asked", "first", "last"),
    [("bytes=5-9", 6, 10), ("bytes=63999999990-", 63_999_999_991, HUGE_BYTES - 1)],
)
def test_another_part_comes_than_was_asked_for(
    server: DemoServer, url: str, asked: str, first: int, last: int
) -> None:
    server.faults.add(FaultKind.WRONG_RANGE, path=STORAGE, times=1)
    reply = httpx.get(url, headers={"Range": asked})
    assert reply.status_code == 206
    assert reply.content == file_bytes(VAST, HUGE, first, last + 1)
    assert reply.headers["content-range"] == f"bytes {first}-{last}/{HUGE_BYTES}"


def test_file_has_another_version_all_of_a_sudden(server: DemoServer, url: str) -> None:
    tag = get_part(url).headers["etag"]
    assert get_part(url, **{"If-Match": tag}).status_code == 206
    server.faults.add(FaultKind.ETAG, path=STORAGE, after=1)
    assert get_part(url).headers["etag"] == tag
    assert get_part(url).headers["etag"] == OTHER_ETAG != tag
    assert get_part(url, **{"If-Match": tag}).status_code == 412
    assert get_part(url, **{"If-Match": OTHER_ETAG}).status_code == 206
    assert get_part(url, **{"If-Range": OTHER_ETAG}).status_code == 206
    with httpx.stream("GET", url, headers={**PART, "If-Range": tag}) as reply:
        assert (reply.status_code, reply.headers["etag"]) == (200, OTHER_ETAG)


def test_conditions(url: str) -> None:
    first = get_part(url)
    tag, date = first.headers["etag"], first.headers["last-modified"]
    earlier, later = "Sat, 01 Jan 2000 00:00:00 GMT", "Fri, 01 Jan 2100 00:00:00 GMT"
    for headers, status in (
        ({"If-Match": tag}, 206),
        ({"If-Match": f'"no", {tag}'}, 206),
        ({"If-Match": '"no"'}, 412),
        ({"If-None-Match": tag}, 304),
        ({"If-None-Match": '"no"'}, 206),
        ({"If-Modified-Since": date}, 304),
        ({"If-Modified-Since": earlier}, 206),
        ({"If-Unmodified-Since": earlier}, 412),
        ({"If-Unmodified-Since": later}, 206),
        ({"If-Unmodified-Since": "soon"}, 206),
    ):
        assert get_part(url, **headers).status_code == status, headers


def test_signed_address_is_for_get_alone(url: str) -> None:
    assert httpx.head(url).status_code == 403
