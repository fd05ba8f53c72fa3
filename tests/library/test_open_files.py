"""Parts of files: only what is needed is asked for, kept for everybody, and there offline."""

import asyncio

import anyio
import anyio.to_thread
import pytest

from coexplorer.demo.server import DemoServer
from coexplorer.errors import NotFound, Unreachable
from coexplorer.library import Library
from coexplorer.models import AssetId, FileEntry
from tests.library.conftest import OpenSession
from tests.support.server import DERIVED

ID = AssetId(DERIVED)
STORAGE = "/storage/**"


async def largest(library: Library, path: str = "") -> FileEntry:
    await library.platform.fetch(ID)
    best = [
        await largest(library, entry.path) if entry.is_folder else entry
        for entry in await library.files.list_folder(ID, path)
    ]
    return max(best, key=lambda each: each.size_bytes or 0)


async def test_a_part_is_read_without_the_rest_and_without_the_token(
    library: Library, server: DemoServer
) -> None:
    entry = await largest(library)
    server.log.clear()
    async with await library.files.open(ID, entry.path) as file:
        assert file.size == entry.size_bytes
        assert len(await file.read(0, 10)) == 10
        assert len(await file.read(file.size - 3, 10)) == 3
        assert await file.read(file.size, 10) == b""
    asked = server.requests("GET", "/storage/*")
    assert [request.headers["range"] for request in asked] == [
        "bytes=0-262143",
        f"bytes={(file.size - 262144) // 65536 * 65536}-{file.size - 1}",
    ]
    assert not any(request.authorized for request in asked)
    assert len(server.requests("GET", "*/files/urls")) == 1


async def test_what_was_read_is_there_for_the_next_session_and_offline(
    open_session: OpenSession, server: DemoServer
) -> None:
    async with open_session() as library:
        entry = await largest(library)
        async with await library.files.open(ID, entry.path) as file:
            whole = await file.read(0, file.size)
    server.log.clear()
    for offline in (False, True):
        async with (
            open_session(offline=offline) as library,
            await library.files.open(ID, entry.path) as file,
        ):
            assert await file.read(0, file.size) == whole
    assert server.requests("GET", STORAGE) == []
    async with open_session(offline=True) as library:
        with pytest.raises(NotFound, match="has no file nonsense"):
            await library.files.open(ID, "nonsense")


async def test_offline_a_part_that_was_not_read_is_out_of_reach_and_the_rest_is_not(
    open_session: OpenSession,
) -> None:
    async with open_session() as library:
        entry = await largest(library)
        async with await library.files.open(ID, entry.path) as file:
            start = await file.read(0, 1000)
    async with (
        open_session(offline=True) as library,
        await library.files.open(ID, entry.path) as file,
    ):
        with pytest.raises(Unreachable):
            await file.read(file.size - 10, 10)
        assert await file.read(0, 1000) == start


async def test_what_is_kept_can_be_measured_and_removed(library: Library) -> None:
    assert (await library.files.measure_cache()).used_bytes == 0
    entry = await largest(library)
    async with await library.files.open(ID, entry.path) as file:
        whole = await file.read(0, file.size)
        used = await library.files.measure_cache()
        assert len(whole) <= used.used_bytes + 2**20 <= used.most_bytes
        assert await library.files.clear_cache() > 0
        assert (await library.files.measure_cache()).files <= 1, "what was just being written"
        assert await file.read(0, file.size) == whole
    with anyio.fail_after(30):
        while library.files.parts_under_way:  # noqa: ASYNC110 # a request ends in its own task
            await anyio.sleep(0.01)


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_read_that_asyncio_cancels_frees_its_request(
    library: Library, server: DemoServer
) -> None:
    """As Textual cancels its workers: by the task itself, not by a scope."""
    entry = await largest(library)
    rule = server.faults.add("silence", "GET", STORAGE)
    async with await library.files.open(ID, entry.path) as file:
        task = asyncio.get_running_loop().create_task(file.read(0, 10))
        await anyio.to_thread.run_sync(server.faults.wait_struck, rule)
        assert library.files.parts_under_way == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        with anyio.fail_after(60):
            while library.files.parts_under_way:  # noqa: ASYNC110 # the request ends in its own task
                await anyio.sleep(0.001)
        server.faults.clear()
        assert len(await file.read(0, 10)) == 10
