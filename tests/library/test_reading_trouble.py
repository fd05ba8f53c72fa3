"""Parts of files from a storage in trouble: mended or told, and the next read is right again."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from coexplorer.demo.asset import Bucket, Role, StoredAsset
from coexplorer.demo.server import DemoServer
from coexplorer.errors import (
    ApiError,
    BadReply,
    Conflict,
    Forbidden,
    NotFound,
    PlatformFault,
    Unreachable,
)
from coexplorer.library import Library, file_sources
from coexplorer.models import AssetId
from coexplorer.remote_files import FileReader
from tests.library.conftest import OpenSession
from tests.support.generated import generate
from tests.support.server import make_id

MADE = AssetId(make_id(77))
STORAGE = "/storage/**"
SIZE = 9_000_000
FAR = 8_000_000


@pytest.fixture(autouse=True)
def folder(server: DemoServer) -> Path:
    """Give the server an asset with two large files and a small one; return their folder."""
    folder = server.data / "contents" / MADE
    (folder / "sub").mkdir(parents=True)
    for seed, name in enumerate(("large.bin", "other.bin")):
        (folder / name).write_bytes(generate(seed, 0, SIZE))
    (folder / "sub" / "small.txt").write_bytes(b"small")
    me = server.users[0].email
    asset = StoredAsset(
        id=MADE, name="made", owner=me, created=1_700_000_000, folder=f"contents/{MADE}"
    )
    server.store.insert([asset])
    return folder


@pytest.fixture
async def reader(library: Library) -> AsyncIterator[FileReader]:
    async with await library.files.open(MADE, "large.bin") as opened:
        yield opened


async def check(reader: FileReader, offset: int, size: int = 1000, seed: int = 0) -> None:
    assert await reader.read(offset, size) == generate(seed, offset, size)


MENDED: dict[str, Callable[[DemoServer], object]] = {
    "reset": lambda s: s.faults.add("reset", "GET", STORAGE, times=1),
    "reset at the start": lambda s: s.faults.add("reset", "GET", STORAGE, times=2),
    "lost": lambda s: s.faults.add("lost", "GET", STORAGE, times=2),
    "short": lambda s: s.faults.add("short", "GET", STORAGE, times=2),
    "503": lambda s: s.faults.add(503, "GET", STORAGE, times=2),
    "429": lambda s: s.faults.add(429, "GET", STORAGE, times=2, retry_after=0.001),
    "expired, 403": lambda s: s.faults.add(403, "GET", STORAGE, times=1),
    "expired, 401": lambda s: s.faults.add(401, "GET", STORAGE, times=1),
    "expired, 400": lambda s: s.faults.add(400, "GET", STORAGE, times=1),
    "a part with 200": lambda s: s.faults.add("range-200", "GET", STORAGE),
    "another part": lambda s: s.faults.add("wrong-range", "GET", STORAGE, times=1),
    "a web page": lambda s: s.faults.add("html", "GET", STORAGE, status=403, times=1),
    "a stall": lambda s: s.faults.add("stall", "GET", STORAGE, times=1),
    "silence": lambda s: s.faults.add("silence", "GET", STORAGE, times=1),
}


@pytest.mark.parametrize("trouble", MENDED.values(), ids=MENDED)
async def test_what_a_second_try_mends_nobody_notices(
    server: DemoServer,
    reader: FileReader,
    trouble: Callable[[DemoServer], object],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    await check(reader, 0)  # it has its address
    monkeypatch.setattr(file_sources, "STALL_S", 0.5)
    trouble(server)
    await check(reader, FAR, 200_000)
    await check(reader, 2_000_000)
    assert len(server.requests("GET", "*/files/urls")) <= 3


async def test_an_address_that_expires_in_mid_file_is_asked_for_again_once(
    server: DemoServer, library: Library, reader: FileReader
) -> None:
    server.faults.add("expire", "GET", STORAGE, after=8)
    for offset in range(0, SIZE - 500_000, 500_000):
        await check(reader, offset, 500_000)
    asked = len(server.requests("GET", "*/files/urls"))
    assert 2 <= asked <= 6
    server.faults.clear()
    server.faults.add(403, "GET", STORAGE)
    server.log.clear()
    async with await library.files.open(MADE, "other.bin") as other:
        with pytest.raises(PlatformFault, match=r"refuses the address .*403"):
            await other.read(FAR, 1000)
    assert len(server.requests("GET", "*/files/urls")) <= 2


TOLD: dict[str, tuple[Callable[[DemoServer], object], type[ApiError], str]] = {
    "403": (lambda s: s.faults.add(403, "GET", STORAGE), PlatformFault, "refuses the address"),
    "an archive": (
        lambda s: s.faults.add(
            403,
            "GET",
            STORAGE,
            body="<Error><Code>InvalidObjectState</Code><Message>The operation is not valid for the"
            " object's storage class</Message></Error>",
        ),
        Forbidden,
        "cold storage",
    ),
    "404": (lambda s: s.faults.add(404, "GET", STORAGE), NotFound, "has no such file"),
    "416": (lambda s: s.faults.add(416, "GET", STORAGE), BadReply, "no such part"),
    "500": (lambda s: s.faults.add(500, "GET", STORAGE), PlatformFault, "500"),
    "reset": (lambda s: s.faults.add("lost", "GET", STORAGE), Unreachable, "storage"),
    "the whole file": (
        lambda s: s.faults.add("no-range", "GET", STORAGE),
        BadReply,
        "sends whole files only",
    ),
    "another part": (lambda s: s.faults.add("wrong-range", "GET", STORAGE), BadReply, "different"),
    "a web page": (lambda s: s.faults.add("html", "GET", STORAGE), ApiError, "storage"),
    "no platform": (
        lambda s: (
            s.faults.add(403, "GET", STORAGE),
            s.faults.add(503, "GET", "data_assets/*/files/urls"),
        ),
        PlatformFault,
        "503",
    ),
}


@pytest.mark.parametrize("name", TOLD)
async def test_what_nobody_can_mend_is_told_and_the_next_read_is_right(
    server: DemoServer, reader: FileReader, name: str
) -> None:
    trouble, kind, text = TOLD[name]
    await check(reader, 0)
    trouble(server)
    with pytest.raises(kind, match=text):
        await reader.read(FAR, 1000)
    await check(reader, 500)  # what is here is read meanwhile
    server.faults.clear()
    await check(reader, FAR)


async def test_a_whole_file_instead_of_its_beginning_is_as_good(
    server: DemoServer, reader: FileReader
) -> None:
    server.faults.add("no-range", "GET", STORAGE)
    await check(reader, 0, 1000)
    await check(reader, 1_000_000, 1000)


async def test_a_storage_that_stalls_holds_up_nobody_else_and_frees_its_request(
    server: DemoServer, library: Library, reader: FileReader
) -> None:
    rule = server.faults.add("silence", "GET", "/storage/*/large.bin")
    with anyio.CancelScope() as scope:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(reader.read, FAR, 10)
            await anyio.to_thread.run_sync(server.faults.wait_struck, rule)
            async with await library.files.open(MADE, "other.bin") as other:
                await check(other, FAR, seed=1)
            scope.cancel()
    server.faults.clear()
    await check(reader, FAR)


async def test_a_file_that_is_replaced_is_told_and_then_read_anew(
    server: DemoServer, library: Library, reader: FileReader, folder: Path
) -> None:
    await check(reader, 0)
    (folder / "large.bin").write_bytes(generate(5, 0, SIZE + 5))
    with pytest.raises(Conflict, match="has changed since it was opened"):
        await reader.read(FAR, 10)
    with pytest.raises(Conflict):
        await reader.read(0, 10)
    async with await library.files.open(MADE, "large.bin") as again:
        assert again.size == SIZE + 5
        await check(again, 0, seed=5)
        await check(again, FAR, seed=5)


async def test_another_etag_is_another_file(server: DemoServer, reader: FileReader) -> None:
    await check(reader, 0)
    server.faults.add("etag", "GET", STORAGE)
    with pytest.raises(Conflict):
        await reader.read(FAR, 10)


async def test_what_is_gone_or_no_longer_ours_to_see_is_forgotten(
    server: DemoServer, open_session: OpenSession, tmp_path: Path
) -> None:
    me, colleague = (user.email for user in server.users[:2])
    kept = tmp_path / "here" / "me" / "cache" / "files"

    def count() -> int:
        return len([path for path in kept.rglob("*") if path.is_file() and path.name != "lock"])

    async with open_session() as library:
        async with await library.files.open(MADE, "large.bin") as reader:
            await check(reader, 0)
            with anyio.fail_after(60):
                while count() < 2:  # noqa: ASYNC110 # it is kept behind the read
                    await anyio.sleep(0.001)
            assert count() == 2  # the start of the file, and the listing of its folder
            server.store.update(MADE, owner=colleague, roles={me: Role.DISCOVERABLE})
            server.faults.add(403, "GET", STORAGE, times=1)  # until then the address works
            with pytest.raises((Forbidden, NotFound)):
                await reader.read(FAR, 10)
        assert count() == 0
        server.store.update(MADE, owner=me, roles={})
        async with await library.files.open(MADE, "large.bin") as reader:
            await check(reader, FAR)
        assert count() >= 1
        server.store.delete(MADE)
        with pytest.raises(NotFound):
            await library.platform.fetch(MADE)
        assert count() == 0
        with pytest.raises(NotFound):
            await library.files.open(MADE, "large.bin")


async def test_a_transfer_makes_other_files_of_it(
    server: DemoServer, library: Library, folder: Path
) -> None:
    async with await library.files.open(MADE, "sub/small.txt") as reader:
        assert await reader.read(0, 10) == b"small"
    (folder / "sub" / "small.txt").write_bytes(b"moved")
    server.store.update(MADE, last_transferred=1_750_000_000)
    await library.platform.fetch(MADE)
    async with await library.files.open(MADE, "sub/small.txt") as reader:
        assert await reader.read(0, 10) == b"moved"
    outside = Bucket(bucket="elsewhere", prefix="x", external=True)
    server.store.update(MADE, source=outside, folder=None)
    await library.platform.fetch(MADE)
    with pytest.raises(Unreachable, match="storage"):  # it is looked for in its bucket now
        await library.files.open(MADE, "sub/small.txt")


async def test_listings_of_a_ready_asset_are_kept_and_each_is_asked_for_once(
    server: DemoServer, library: Library, folder: Path
) -> None:
    await library.platform.fetch(MADE)
    assert len(await library.files.list_folder(MADE, "sub")) == 1
    (folder / "sub" / "more.txt").write_bytes(b"more")
    assert len(await library.files.list_folder(MADE, "sub")) == 1, "a ready asset never changes"
    async with anyio.create_task_group() as tasks:
        server.log.clear()
        for _ in range(5):
            tasks.start_soon(library.files.list_folder, MADE, "")
    assert len(server.requests("POST", "*/files")) == 1, "what several ask for is asked once"
