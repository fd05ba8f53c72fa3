"""Files from signed addresses: whole, in part, resumed, and never glued from two versions."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from coexplorer.api import Client
from coexplorer.api.download import Extent, parse_extent
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.faults import FaultKind
from coexplorer.demo.server import DemoServer
from coexplorer.errors import (
    ApiError,
    BadReply,
    Conflict,
    NotFound,
    PlatformFault,
    RateLimited,
    Rejected,
    Unreachable,
)
from coexplorer.models import AssetId, Secret
from tests.api.conftest import IMPATIENT, connect
from tests.support.server import make_id, running_server

MADE = AssetId(make_id(77))
CONTENT = bytes(range(256)) * 4000
STORAGE = "/storage/**"


def fill(server: DemoServer) -> Path:
    """Give the server an asset with real files, and return their folder."""
    folder = server.data / "contents" / MADE
    folder.mkdir()
    (folder / "café #1?.bin").write_bytes(CONTENT)
    (folder / "empty").write_bytes(b"")
    owner = server.users[0].email
    asset = StoredAsset(
        id=MADE, name="made", owner=owner, created=1_700_000_000, folder=f"contents/{MADE}"
    )
    server.store.insert([asset])
    return folder


@pytest.fixture
def folder(server: DemoServer) -> Path:
    return fill(server)


def asking(client: Client, path: str = "café #1?.bin") -> Callable[[], Awaitable[str]]:
    async def fetch_url() -> str:
        return (await client.file_urls(MADE, path)).download_url

    return fetch_url


async def read(
    client: Client, path: str = "café #1?.bin", *, start: int = 0, stop: int | None = None
) -> bytes:
    async with client.open_download(asking(client, path), start=start, stop=stop) as download:
        return b"".join([chunk async for chunk in download])


@pytest.mark.usefixtures("folder")
async def test_a_file_is_read_whole_and_without_the_token(
    server: DemoServer, client: Client
) -> None:
    async with client.open_download(asking(client)) as download:
        assert download.total_bytes == len(CONTENT)
        assert download.etag
        assert b"".join([chunk async for chunk in download]) == CONTENT
        assert download.position == len(CONTENT)
    (request,) = server.requests("GET", "/storage/*")
    assert not request.authorized


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("start", "stop"),
    [(0, 1), (5, 10), (len(CONTENT) - 3, None), (0, None), (10, len(CONTENT) + 99)],
)
async def test_a_part_of_a_file_is_read(client: Client, start: int, stop: int | None) -> None:
    assert await read(client, start=start, stop=stop) == CONTENT[start:stop]


@pytest.mark.usefixtures("folder")
async def test_an_empty_file_and_an_empty_rest_are_read(client: Client) -> None:
    assert await read(client, "empty") == b""
    assert await read(client, start=len(CONTENT)) == b""


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("fault", [FaultKind.SHORT, FaultKind.RESET, FaultKind.LOST, 503])
async def test_a_broken_download_goes_on_where_it_ended(
    server: DemoServer, client: Client, fault: int | FaultKind
) -> None:
    server.faults.add(fault, "GET", STORAGE, times=2)
    assert await read(client) == CONTENT
    ranges = [request.headers.get("range", "") for request in server.requests("GET", "/storage/*")]
    assert len(ranges) == 3
    if fault is FaultKind.SHORT:  # everything before the end had arrived
        assert len({each for each in ranges if each}) == 2


@pytest.mark.usefixtures("folder")
async def test_a_download_that_never_goes_on_ends(server: DemoServer, client: Client) -> None:
    server.faults.add(503, "GET", STORAGE)
    with pytest.raises(PlatformFault, match="503"):
        await read(client)
    assert len(server.requests("GET", "/storage/*")) == IMPATIENT.attempts
    server.faults.clear()
    for fault, bytes_sent in ((FaultKind.LOST, 1), (FaultKind.SHORT, 500), (FaultKind.RESET, 1000)):
        server.faults.clear()
        server.faults.add(fault, "GET", STORAGE, piece_bytes=bytes_sent)
        with pytest.raises(Unreachable, match=r"^the file's storage") as raised:
            await read(client)
        assert raised.value.of_storage
        assert "domain" not in raised.value.hint


@pytest.mark.usefixtures("folder")
async def test_an_address_that_expired_is_asked_for_again(
    server: DemoServer, client: Client
) -> None:
    server.faults.add(403, "GET", STORAGE, times=1)
    assert await read(client) == CONTENT
    assert len(server.requests("GET", "*/files/urls")) == 2


async def test_a_file_that_changed_meanwhile_is_not_glued(
    server: DemoServer, client: Client, folder: Path
) -> None:
    server.faults.add(FaultKind.SHORT, "GET", STORAGE, times=1)

    async def read_while_it_changes() -> None:
        async with client.open_download(asking(client)) as download:
            await anext(download)
            (folder / "café #1?.bin").write_bytes(b"other" * len(CONTENT))
            async for _chunk in download:
                pass

    with pytest.raises(Conflict, match="the file changed"):
        await read_while_it_changes()


async def test_a_part_of_an_earlier_session_must_be_of_the_same_file(
    client: Client, folder: Path
) -> None:
    async with client.open_download(asking(client)) as download:
        etag = download.etag
    async with client.open_download(asking(client), start=100, etag=etag) as download:
        assert b"".join([chunk async for chunk in download]) == CONTENT[100:]
    (folder / "café #1?.bin").write_bytes(b"other")
    with pytest.raises(Conflict) as caught:
        async with client.open_download(asking(client), start=100, etag=etag):
            pass
    assert caught.value.hint


async def test_a_part_that_is_longer_than_the_file_is_no_part_of_it(
    client: Client, folder: Path
) -> None:
    (folder / "café #1?.bin").write_bytes(b"short")
    with pytest.raises(Conflict):
        await read(client, start=100)


@pytest.mark.usefixtures("folder")
async def test_a_file_that_is_not_there_is_named(server: DemoServer, client: Client) -> None:
    with pytest.raises(NotFound, match="no such file"):
        await read(client, "nothing")
    server.faults.add(404, "GET", STORAGE)
    with pytest.raises(NotFound, match="no such file"):
        await read(client)


@pytest.mark.parametrize(
    "url",
    ["http://storage.example.org/x", "ftp://x/y", "nonsense", "http://[", "http://localhost/\x00"],
)
async def test_an_address_that_anybody_could_read_is_refused(client: Client, url: str) -> None:
    async def fetch_url() -> str:
        return url

    with pytest.raises(BadReply, match="no usable address for this file"):
        async with client.open_download(fetch_url):
            pass


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("/files/a", "it is not a whole one, with https:// and a host"),
        ("storage/a?b:c", "it is not a whole one, with https:// and a host"),
        ("https://x/" + "a" * 100_000, "it has 100,010 characters"),
        ("https://x/a\nb", "it holds a line break or another sign"),
        ("ftp://x/y", "it is not one of the web"),
        ("https:///y", "it names no host"),
    ],
)
async def test_what_is_wrong_with_an_address_is_said(client: Client, url: str, told: str) -> None:
    async def fetch_url() -> str:
        return url

    with pytest.raises(BadReply) as caught:
        async with client.open_download(fetch_url):
            pass
    assert told in caught.value.message


UNSIGNED = (
    b"<Error><Code>SignatureDoesNotMatch</Code><Message>The signature is wrong</Message></Error>"
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "told", "asked"),
    [
        (401, b"", PlatformFault, "refuses the address that the platform gave (status 401)", 2),
        (403, UNSIGNED, PlatformFault, "gave (status 403): The signature is wrong", 2),
        (400, b"", PlatformFault, "refuses the address that the platform gave (status 400)", 2),
        (403, b"<html><title>Blocked</title>", BadReply, "a web page (status 403): Blocked", 2),
        (204, b"", BadReply, "answered with status 204 instead of the file", 1),
        (304, b"", BadReply, "answered with status 304 instead of the file", 1),
        (416, b"", BadReply, "has no such part of the file", 1),
        (404, b"", NotFound, "has no such file", 1),
        (418, b"", Rejected, "refused this (status 418)", 1),
        (503, b"", PlatformFault, "failed with status 503", IMPATIENT.attempts),
        (429, b"", RateLimited, "asks us to slow down", IMPATIENT.slow_downs + 1),
    ],
)
async def test_what_the_storage_says_is_not_told_as_the_platforms(
    status: int, body: bytes, kind: type[ApiError], told: str, asked: int
) -> None:
    addresses = []

    async def fetch_url() -> str:
        addresses.append("http://127.0.0.1:1/file")
        return addresses[-1]

    async def parts() -> AsyncIterator[bytes]:
        yield body

    carrier = httpx.MockTransport(lambda _: httpx.Response(status, content=parts()))
    token = Secret("cop_t")
    async with Client("http://127.0.0.1:1", token, carrier=carrier, patience=IMPATIENT) as client:
        with pytest.raises(ApiError) as caught:
            async with client.open_download(fetch_url):
                pass
    assert type(caught.value) is kind
    assert caught.value.message.startswith("the file's storage ")
    assert told in caught.value.message
    assert "sign in" not in caught.value.hint
    assert "token" not in caught.value.hint
    assert len(addresses) == asked


@pytest.mark.usefixtures("folder")
async def test_a_download_that_is_left_early_harms_nobody(client: Client) -> None:
    async with client.open_download(asking(client)) as download:
        await anext(download)
    assert await read(client) == CONTENT


async def test_files_of_old_platforms_are_read(tmp_path: Path) -> None:
    with running_server(tmp_path / "old", "legacy") as server:
        fill(server)
        async with connect(server) as client:
            assert await read(client) == CONTENT


async def read_made_up(status: int, headers: dict[str, str], start: int, stop: int | None) -> bytes:
    """Read from a storage that always answers the same."""

    async def fetch_url() -> str:
        return "http://127.0.0.1:1/file"

    async def body() -> AsyncIterator[bytes]:
        yield b"0123"
        yield b"456789"

    carrier = httpx.MockTransport(
        lambda _request: httpx.Response(status, headers=headers, content=body())
    )
    token = Secret("cop_t")
    async with (
        Client("http://127.0.0.1:1", token, carrier=carrier, patience=IMPATIENT) as client,
        client.open_download(fetch_url, start=start, stop=stop) as download,
    ):
        return b"".join([chunk async for chunk in download])


@pytest.mark.parametrize(("start", "stop"), [(0, None), (6, None), (3, 7), (0, 2)])
async def test_a_storage_that_knows_no_ranges_is_read_past_what_is_there(
    start: int, stop: int | None
) -> None:
    headers = {"Content-Length": "10"}
    assert await read_made_up(200, headers, start, stop) == b"0123456789"[start:stop]


async def test_a_file_of_unknown_size_is_read_to_its_end() -> None:
    assert await read_made_up(200, {}, 0, None) == b"0123456789"


@pytest.mark.parametrize("content_range", ["bytes 7-9/10", "lines 1-2/3", ""])
async def test_another_part_than_was_asked_for_is_refused(content_range: str) -> None:
    headers = {"Content-Range": content_range}
    with pytest.raises(BadReply, match="the file's storage makes no sense"):
        await read_made_up(206, headers, 2, None)


@pytest.mark.parametrize("mark", [{"ETag": '"1"'}, {"Last-Modified": "Sun, 06 Nov 1994 08:49:37"}])
async def test_a_file_shorter_than_announced_is_reported(mark: dict[str, str]) -> None:
    with pytest.raises(Unreachable, match="stopped before the end"):
        await read_made_up(200, {"Content-Length": "12", **mark}, 0, None)


async def test_no_two_parts_are_glued_that_nobody_knows_to_be_of_one_version() -> None:
    with pytest.raises(Conflict, match="names no version"):
        await read_made_up(200, {"Content-Length": "12"}, 0, None)


@pytest.mark.parametrize(
    ("status", "content_range", "length", "extent"),
    [
        (200, "", "12", Extent(0, 12)),
        (200, "", "", Extent(0, None)),
        (206, "bytes 5-9/12", "5", Extent(5, 12)),
        (206, "bytes 5-9/*", "5", Extent(5, None)),
    ],
)
def test_a_reply_tells_which_bytes_it_carries(
    status: int, content_range: str, length: str, extent: Extent
) -> None:
    assert parse_extent(status, content_range, length) == extent


def test_a_part_that_does_not_say_which_is_refused() -> None:
    with pytest.raises(ValueError, match="which"):
        parse_extent(206, "", "5")
