"""Files of external assets: from their bucket, with the user's own credentials, never the token."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager, nullcontext
from pathlib import Path

import anyio
import pytest
from msgspec.structs import replace

from coexplorer.config import S3Settings
from coexplorer.demo.asset import Bucket
from coexplorer.demo.samples import file_bytes, file_tree
from coexplorer.demo.server import DemoServer
from coexplorer.errors import Conflict, Forbidden, NotFound, Refused, Rejected, Unreachable
from coexplorer.library import Library, open_library
from coexplorer.models import AssetId
from tests.library.conftest import build_settings
from tests.support.server import OUTSIDE

Connect = Callable[..., AbstractAsyncContextManager[Library]]

OPEN, PRIVATE = "neuro-open-data", "institute-private"
SAMPLE = AssetId("00000000-0000-4000-8000-000000000300")
NASTY = AssetId("00000000-0000-4000-8000-00000000030b")
MINE = AssetId("00000000-0000-4000-8000-000000000777")
KEYS = ("AKIAOFTHEBUCKET", "its/secret+key")
TEXT = "this is one of ours\n"


@pytest.fixture
def folder(server: DemoServer) -> Path:
    """The folder of `MINE` in a private bucket; the sample assets are in a public one."""
    outside = server.store.get(OUTSIDE)
    places = ((SAMPLE, OPEN, "ecephys"), (NASTY, OPEN, "nasty/one"), (MINE, PRIVATE, "in"))
    server.store.insert(
        replace(outside, id=each, source=Bucket(bucket, "aws", prefix, external=True))
        for each, bucket, prefix in places
    )
    folder = server.make_bucket(PRIVATE, keys=KEYS) / "in"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "a.txt").write_text(TEXT)
    (folder / "big.bin").write_bytes(bytes(range(256)) * 8192)
    return folder


@pytest.fixture
def connect(server: DemoServer, folder: Path, tmp_path: Path) -> Connect:
    """Open sessions, with other settings of S3."""

    @asynccontextmanager
    async def open_one(**changes: object) -> AsyncIterator[Library]:
        s3 = replace(S3Settings(server.s3_url), **changes)
        settings = replace(build_settings(server, tmp_path), s3=s3)
        async with open_library(settings, origin="cli") as library:
            yield library

    return open_one


@pytest.fixture
def signed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The user has the bucket's keys."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEYS[0])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEYS[1])


async def read(library: Library, path: str, asset_id: AssetId = MINE) -> bytes:
    async with await library.files.open(asset_id, path) as file:
        return await file.read(0, file.size)


@pytest.mark.parametrize("asset_id", [SAMPLE, NASTY])
async def test_a_public_bucket_needs_no_credentials(
    connect: Connect, server: DemoServer, asset_id: AssetId
) -> None:
    found: dict[str, bytes] = {}
    async with connect() as library, aclosing(library.files.walk(asset_id)) as entries:
        async for entry in entries:
            if not entry.is_folder:
                assert entry.modified is not None
                found[entry.path] = await read(library, entry.path, asset_id)
    assert found == {path: file_bytes(asset_id, path) for path, _ in file_tree(asset_id)}
    asked = server.requests("GET", "/s3/**")
    assert asked
    assert not any(each.authorized for each in asked)


@pytest.mark.usefixtures("signed")
async def test_a_private_bucket_takes_the_users_keys_and_never_sees_the_token(
    connect: Connect, server: DemoServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(0)
    async with connect() as library:
        await library.files.list_folder(MINE)
        assert await read(library, "deep/a.txt") == TEXT.encode()
        async with await library.files.open(MINE, "big.bin") as file:
            assert await file.read(1_000_000, 3) == bytes((64, 65, 66))
    asked = server.requests("GET", "/s3/**")
    assert all(each.authorized and each.status in (200, 206) for each in asked), "with good keys"
    said = caplog.text + repr(asked)
    assert KEYS[1] not in said
    assert server.users[0].token not in said
    assert "Signature=" not in caplog.text


@pytest.mark.parametrize(
    ("env", "changes", "says", "advises"),
    [
        ({}, {}, "without AWS credentials, and you have none here", "aws sso login"),
        (
            {"AWS_ACCESS_KEY_ID": "AKIANOBODY", "AWS_SECRET_ACCESS_KEY": "hush-hush"},
            {},
            r"does not know your AWS credentials \(the environment\)",
            "aws_profile",
        ),
        (
            {"AWS_ACCESS_KEY_ID": KEYS[0], "AWS_SECRET_ACCESS_KEY": "hush-hush"},
            {},
            "says that the secret of your AWS credentials is wrong",
            "aws_profile",
        ),
        ({}, {"aws_profile": "nowhere"}, "there is no AWS profile nowhere", "list-profiles"),
        ({"AWS_ACCESS_KEY_ID": KEYS[0]}, {}, "yours are only half set", "secret"),
    ],
)
async def test_what_is_wrong_with_credentials_is_said_in_a_sentence(
    connect: Connect,
    monkeypatch: pytest.MonkeyPatch,
    env: dict[str, str],
    changes: dict[str, object],
    says: str,
    advises: str,
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    async with connect(**changes) as library:
        for _ in range(2):
            with pytest.raises(Forbidden, match=says) as raised:
                await library.files.list_folder(MINE)
            assert PRIVATE in raised.value.message
            assert advises in raised.value.hint
            assert "hush" not in raised.value.message + raised.value.hint
        public = [each.path async for each in library.files.walk(SAMPLE)]
        assert public, "the same credentials do no harm in a public bucket"


@pytest.mark.usefixtures("signed")
async def test_an_expired_key_is_found_anew(
    connect: Connect, server: DemoServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect() as library:
        await library.files.list_folder(MINE)
        server.faults.add("status", "GET", "/s3/**", status=403, code="ExpiredToken", times=1)
        assert await read(library, "deep/a.txt") == TEXT.encode()
        server.faults.add("status", "GET", "/s3/**", status=403, code="ExpiredToken")
        with pytest.raises(Forbidden, match=f"have expired, says the bucket {PRIVATE}"):
            await read(library, "big.bin")


@pytest.mark.usefixtures("signed")
async def test_what_is_in_the_way_is_said_in_a_sentence(
    connect: Connect, server: DemoServer, folder: Path
) -> None:
    server.make_bucket(PRIVATE, keys=KEYS, archived=["in/big"], region="us-west-2")
    async with connect() as library:  # its region is found out
        assert await read(library, "deep/a.txt") == TEXT.encode()
        with pytest.raises(Forbidden, match="cold storage"):
            await read(library, "big.bin")
        with pytest.raises(NotFound, match="no folder nowhere"):
            await library.files.list_folder(MINE, "nowhere")
        (folder / "deep" / "a.txt").unlink()
        async with await library.files.open(MINE, "big.bin"):
            pass
    async with connect(region="eu-west-1") as library:
        with pytest.raises(Rejected, match="another region than eu-west-1: us-west-2"):
            await library.files.list_folder(MINE)
    server.store.update(MINE, source=Bucket("no-such-bucket", "aws", "x", external=True))
    async with connect() as library:
        await library.platform.fetch(MINE)
    server.store.update(MINE, source=Bucket("../etc", "aws", "x", external=True))
    async with connect() as library:
        await library.platform.fetch(MINE)
        with pytest.raises(Rejected, match="impossible name"):
            await library.files.list_folder(MINE)
    async with connect(endpoint="http://127.0.0.1:9") as library:
        with pytest.raises(Unreachable, match=r"127\.0\.0\.1") as raised:
            await library.files.list_folder(SAMPLE)
        assert raised.value.of_storage, "a mount goes on saving to the platform"


@pytest.mark.usefixtures("signed")
async def test_who_reads_pays_only_when_asked_to(connect: Connect, server: DemoServer) -> None:
    server.make_bucket(PRIVATE, keys=KEYS, requester_pays=True)
    async with connect() as library:
        with pytest.raises(Forbidden, match=PRIVATE) as raised:
            await library.files.list_folder(MINE)
        assert "requester_pays" in raised.value.hint
    async with connect(requester_pays=True) as library:
        assert await read(library, "deep/a.txt") == TEXT.encode()


@pytest.mark.usefixtures("signed")
async def test_nobody_gets_bytes_of_two_versions(
    connect: Connect, server: DemoServer, folder: Path
) -> None:
    big = folder / "big.bin"
    async with connect() as library:
        async with await library.files.open(MINE, "big.bin") as file:
            start = await file.read(0, 10)
            big.write_bytes(bytes(big.stat().st_size))
            with pytest.raises(Conflict, match="has changed since it was opened"):
                await file.read(file.size - 10, 10)
        assert start == bytes(range(10))
        async with await library.files.open(MINE, "big.bin") as file:
            assert await file.read(0, 10) == bytes(10)
    async with connect() as library:  # and nothing of the former is kept
        assert await read(library, "big.bin") == bytes(big.stat().st_size)


@pytest.mark.usefixtures("signed")
async def test_a_listing_holds_for_a_minute(
    connect: Connect, server: DemoServer, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with connect() as library:
        before = await library.files.list_folder(MINE, "deep")
        (folder / "deep" / "b.txt").write_text("new")
        server.log.clear()
        assert await library.files.list_folder(MINE, "deep") == before
        assert not server.requests("GET", "/s3/**")
        now = anyio.current_time()
        monkeypatch.setattr("coexplorer.library.folder_cache.anyio.current_time", lambda: now + 61)
        assert len(await library.files.list_folder(MINE, "deep")) > len(before)


@pytest.mark.usefixtures("signed")
@pytest.mark.parametrize("fault", ["reset", "short", "range-200"])
async def test_a_download_goes_on_where_it_broke(
    connect: Connect, server: DemoServer, tmp_path: Path, fault: str
) -> None:
    async with connect() as library:
        await library.files.list_folder(MINE)
        server.faults.add(fault, "GET", "/s3/**/big.bin", times=1)
        (path,) = await library.files.download(MINE, "big.bin", tmp_path / "to")
    assert path.read_bytes() == bytes(range(256)) * 8192


@pytest.mark.usefixtures("signed")
async def test_a_changed_file_is_not_taken_for_the_one_that_was_downloaded(
    connect: Connect, folder: Path, tmp_path: Path
) -> None:
    source = folder / "deep" / "a.txt"
    for content, error in ((TEXT, None), (TEXT, None), (TEXT.upper(), Refused)):
        source.write_text(content)
        if error is not None:
            later = source.stat().st_mtime + 60
            os.utime(source, (later, later))
        async with connect() as library:
            with pytest.raises(error) if error else nullcontext():
                await library.files.download(MINE, "deep/a.txt", tmp_path / "to")
    assert (tmp_path / "to" / "a.txt").read_text() == TEXT
