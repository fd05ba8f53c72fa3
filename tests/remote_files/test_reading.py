"""Readers of one file: the right bytes, few requests, and none that nobody waits for."""

from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

from coexplorer.errors import BadReply, Conflict, PlatformFault, Unreachable
from coexplorer.remote_files import BLOCK_BYTES, BlockCache, FileReader, open_remote_files
from coexplorer.remote_files.limits import Limits
from tests.remote_files.conftest import KEY, OpenFile
from tests.support.generated import GeneratedOrigin, generate

MB = 1024 * 1024
SIZE = 30 * MB + 12_345


async def check(reader: FileReader, offset: int, size: int, seed: int = 1) -> None:
    content = await reader.read(offset, size)
    assert content == generate(seed, offset, max(0, min(size, reader.size - offset)))


async def wait_until(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(60):
        while not condition():  # noqa: ASYNC110 # as the requests of others begin and end
            await anyio.sleep(0.001)


@pytest.mark.parametrize(
    ("offset", "size"),
    [
        (0, 1),
        (0, 0),
        (1, BLOCK_BYTES),
        (BLOCK_BYTES - 1, 2),
        (BLOCK_BYTES, BLOCK_BYTES),
        (5 * MB + 3, 9 * MB),
        (SIZE - 1, 1),
        (SIZE - 10, 100),
        (SIZE, 1),
        (SIZE + 10**15, 10**15),
        (0, 10**15),
    ],
)
async def test_any_part_is_right(open_file: OpenFile, offset: int, size: int) -> None:
    for _ in range(2):
        async with open_file(GeneratedOrigin(SIZE)) as reader:
            await check(reader, offset, size)
            await check(reader, offset, size)


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES, BLOCK_BYTES + 1])
async def test_small_files_are_one_request_and_empty_ones_none(
    open_file: OpenFile, size: int
) -> None:
    origin = GeneratedOrigin(size)
    async with open_file(origin) as reader:
        await check(reader, 0, size + 10)
        await check(reader, size // 2, 10)
        assert origin.asked == ([(0, size)] if size else [])


async def test_numbers_that_make_no_sense_are_the_callers_mistake(open_file: OpenFile) -> None:
    async with open_file(GeneratedOrigin(10)) as reader:
        for offset, size in ((-1, 1), (0, -1)):
            with pytest.raises(ValueError, match="before its first"):
                await reader.read(offset, size)
    with pytest.raises(ValueError, match="closed"):
        await reader.read(0, 1)


async def test_what_was_read_is_not_asked_for_again_not_even_by_the_next_session(
    open_file: OpenFile,
) -> None:
    origin = GeneratedOrigin(SIZE)
    async with open_file(origin) as reader:
        await check(reader, 0, SIZE)
        asked = len(origin.asked)
        await check(reader, 3, SIZE)
        assert len(origin.asked) == asked
    assert origin.given_bytes == SIZE, "and nothing came twice"
    again = GeneratedOrigin(SIZE)
    async with open_file(again) as reader:
        await check(reader, 0, SIZE)
        assert reader.etag == '"1"'
    assert again.asked == []


async def test_a_read_in_order_grows_its_requests_and_fetches_ahead(open_file: OpenFile) -> None:
    origin = GeneratedOrigin(SIZE)
    async with open_file(origin) as reader:
        for offset in range(0, SIZE, 128 * 1024):
            await check(reader, offset, 128 * 1024)
    assert origin.asked[0] == (0, 256 * 1024)
    assert max(size for _, size in origin.asked) >= 2 * MB
    assert len(origin.asked) <= 40
    assert origin.given_bytes == SIZE


async def test_what_is_fetched_ahead_is_several_requests_at_once_and_not_too_much(
    open_file: OpenFile,
) -> None:
    origin = GeneratedOrigin(1000 * MB)
    async with open_file(origin) as reader, anyio.create_task_group() as tasks:
        for offset in range(0, 8 * MB, 128 * 1024):
            await check(reader, offset, 128 * 1024)
        origin.gate = anyio.Event()
        tasks.start_soon(check, reader, 8 * MB, 8 * MB)
        await wait_until(lambda: origin.under_way >= 2)
        origin.gate.set()
    assert origin.most_under_way <= 5
    assert origin.given_bytes <= 2 * 16 * MB


async def test_scattered_reads_ask_for_what_they_need(open_file: OpenFile) -> None:
    origin = GeneratedOrigin(64 * 10**9)
    places = [number * 1_000_000_007 for number in range(1, 40)]
    async with open_file(origin) as reader:
        await check(reader, 0, 1)
        for place in places:
            await check(reader, place, 64 * 1024)
    assert len(origin.asked) == len(places) + 1
    assert all(size <= 2 * BLOCK_BYTES for _, size in origin.asked[1:])


async def test_tiny_scattered_reads_do_not_go_on_asking_for_their_surroundings(
    open_file: OpenFile,
) -> None:
    origin = GeneratedOrigin(64 * 10**9)
    places = [number * 1_000_000_007 for number in range(1, 100)]
    async with open_file(origin) as reader:
        for place in places:
            await check(reader, place, 100)
    assert sum(size for _, size in origin.asked) <= 6 * MB + 100 * 2 * BLOCK_BYTES


async def test_an_index_at_the_end_comes_with_one_request(open_file: OpenFile) -> None:
    origin = GeneratedOrigin(SIZE)
    async with open_file(origin) as reader:
        for before_end, size in ((22, 22), (60_000, 60_000), (200_000, 140_000)):
            await check(reader, SIZE - before_end, size)
    assert len(origin.asked) == 1
    assert origin.asked[0][1] <= 5 * BLOCK_BYTES


async def test_what_two_want_at_once_is_one_request(open_file: OpenFile) -> None:
    origin = GeneratedOrigin(SIZE)
    origin.gate = anyio.Event()
    async with open_file(origin) as reader, anyio.create_task_group() as tasks:
        for place in (0, 10, 70_000, 100):
            tasks.start_soon(check, reader, place, 1000)
        await wait_until(lambda: bool(origin.asked))
        origin.gate.set()
    assert len(origin.asked) == 1


async def test_a_read_that_is_cancelled_frees_its_request_unless_somebody_else_waits(
    open_file: OpenFile,
) -> None:
    origin = GeneratedOrigin(SIZE)
    origin.gate = anyio.Event()
    scopes = [anyio.CancelScope(), anyio.CancelScope()]

    async def read(reader: FileReader, scope: anyio.CancelScope) -> None:
        with scope:
            await reader.read(0, 1000)

    async with open_file(origin) as reader, anyio.create_task_group() as tasks:
        for scope in scopes:
            tasks.start_soon(read, reader, scope)
        await wait_until(lambda: origin.under_way == 1)
        await wait_until(lambda: len(reader._file._wants) == 2)
        scopes[1].cancel()
        await wait_until(lambda: len(reader._file._wants) == 1)
        assert origin.under_way == 1, "the first one still waits"
        scopes[0].cancel()
        await wait_until(lambda: origin.under_way == 0)
        assert origin.cut_off == 1
        origin.gate.set()
        await check(reader, 0, 1000)  # the next one asks again
        assert len(origin.asked) == 2


async def test_a_reader_that_is_closed_frees_what_was_fetched_ahead(
    cache: BlockCache,
) -> None:
    origin = GeneratedOrigin(1000 * MB)

    async def build() -> GeneratedOrigin:
        return origin

    async with open_remote_files(cache) as files:
        other = await files.open(KEY, build)
        async with await files.open(KEY, build) as reader:
            for offset in range(0, 8 * MB, MB):
                await check(reader, offset, MB)
            origin.gate = anyio.Event()
            await check(reader, 8 * MB, 1)
            await wait_until(lambda: origin.under_way > 0)
        await wait_until(lambda: origin.under_way == 0)
        origin.gate.set()
        await check(other, 8 * MB, MB)
        await other.aclose()


async def test_the_end_of_the_session_tells_who_waits(cache: BlockCache) -> None:
    origin = GeneratedOrigin(SIZE)
    origin.gate = anyio.Event()
    errors: list[Exception] = []

    async def build() -> GeneratedOrigin:
        return origin

    async def read(reader: FileReader) -> None:
        try:
            await reader.read(0, 10)
        except Unreachable as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks, open_remote_files(cache) as files:
        reader = await files.open(KEY, build)
        tasks.start_soon(read, reader)
        await wait_until(lambda: origin.under_way == 1)
    assert len(errors) == 1
    with pytest.raises(Unreachable):
        await reader.read(0, 10)


async def test_an_error_inside_a_session_is_not_wrapped(cache: BlockCache) -> None:
    with pytest.raises(KeyError):
        async with open_remote_files(cache):
            raise KeyError


async def test_a_failure_is_told_to_each_who_waits_and_the_next_read_tries_again(
    open_file: OpenFile,
) -> None:
    origin = GeneratedOrigin(SIZE)

    def fail(offset: int, sent: int) -> None:
        if offset == 0 and sent >= 100_000:
            raise PlatformFault("it failed", hint="try again", status=503)

    origin.trouble = fail
    async with open_file(origin) as reader:
        errors: list[PlatformFault] = []

        async def read(offset: int) -> None:
            with pytest.raises(PlatformFault) as caught:
                await reader.read(offset, 100_000)
            errors.append(caught.value)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(read, 50_000)
            tasks.start_soon(read, 60_000)
        assert [each.status for each in errors] == [503, 503]
        assert errors[0] is not errors[1], "each may add to its own"
        await check(reader, 0, 1000)  # the block that came is there
        origin.trouble = None
        await check(reader, 0, 200_000)


async def test_fetching_ahead_in_vain_is_no_error_of_the_read(open_file: OpenFile) -> None:
    origin = GeneratedOrigin(SIZE)

    def fail(offset: int, sent: int) -> None:
        if offset + sent >= 2 * MB:
            raise Unreachable("the network is gone", hint="")

    origin.trouble = fail
    async with open_file(origin) as reader:
        for offset in range(0, 2 * MB, MB // 4):
            await check(reader, offset, MB // 4)
        with pytest.raises(Unreachable):
            await reader.read(2 * MB, 10)


async def test_an_origin_that_sends_too_little_is_told(open_file: OpenFile) -> None:
    origin = GeneratedOrigin(SIZE)
    whole = origin._send

    def short(offset: int, size: int) -> AsyncGenerator[bytes]:
        return whole(offset, max(1, size - 70_000))

    origin._send = short  # type: ignore[method-assign]
    async with open_file(origin) as reader:
        await check(reader, 0, 1000)
        with pytest.raises(BadReply, match="fewer bytes"):
            await reader.read(200_000, 60_000)
        origin._send = whole  # type: ignore[method-assign]
        await check(reader, 200_000, 60_000)


async def test_a_file_that_changes_is_never_mixed(open_file: OpenFile) -> None:
    origin = GeneratedOrigin(SIZE)
    async with open_file(origin) as reader:
        await check(reader, 0, 1000)
        origin.now, origin.seed = '"2"', 2
        with pytest.raises(Conflict, match="has changed since it was opened"):
            await reader.read(20 * MB, 1000)
        with pytest.raises(Conflict):
            await reader.read(0, 1000)
    async with open_file(origin) as reader:  # opened again, it is the new one
        await check(reader, 0, 300_000, seed=2)


async def test_what_was_kept_of_a_former_content_is_replaced_without_a_word(
    open_file: OpenFile, cache: BlockCache
) -> None:
    async with open_file(GeneratedOrigin(SIZE)) as reader:
        await check(reader, 0, MB)
    origin = GeneratedOrigin(SIZE, seed=2, etag='"2"')
    async with open_file(origin) as reader:
        # Some of it is here and some is not: all of it has to be new.
        await check(reader, MB - 1000, MB, seed=2)
        await check(reader, 0, 2 * MB, seed=2)
    async with open_file(GeneratedOrigin(SIZE, seed=2, etag='"2"')) as reader:
        await check(reader, 0, MB, seed=2)


@pytest.mark.parametrize("most", [0, 3 * BLOCK_BYTES, 3 * MB])
async def test_with_little_room_or_none_reading_goes_on(
    open_file: OpenFile, tmp_path: Path, most: int
) -> None:
    small = BlockCache(tmp_path / "small", most)
    origin = GeneratedOrigin(SIZE)
    limits = Limits(memory_bytes=2 * MB)
    async with open_file(origin, cache=small, limits=limits) as reader:
        for offset in range(0, SIZE, 300_000):
            await check(reader, offset, 300_000)
        assert small.measure().used_bytes <= most
        assert limits.memory.held_bytes <= 2 * MB
    assert origin.given_bytes <= 1.3 * SIZE


async def test_many_readers_together_stay_within_their_bounds(cache: BlockCache) -> None:
    limits = Limits(memory_bytes=4 * MB, requests=6)
    origins: list[GeneratedOrigin] = []
    done: list[int] = []

    async def read(open_one: Callable[[int], Awaitable[FileReader]], number: int) -> None:
        async with await open_one(number) as reader:
            for offset in range(0, 6 * MB, MB // 2):
                await check(reader, offset, MB // 2, seed=number)
        done.append(number)

    async with open_remote_files(cache, limits) as files:

        async def open_one(number: int) -> FileReader:
            async def build() -> GeneratedOrigin:
                origins.append(GeneratedOrigin(40 * MB, seed=number))
                return origins[-1]

            key = type(KEY)("an asset", f"file {number}")
            return await files.open(key, build)

        async with anyio.create_task_group() as tasks:
            for number in range(12):
                tasks.start_soon(read, open_one, number)
            most = 0
            while len(done) < 12:
                most = max(most, sum(origin.under_way for origin in origins))
                assert limits.memory.held_bytes <= 4 * MB
                await anyio.lowlevel.checkpoint()
    assert 1 <= most <= 6
