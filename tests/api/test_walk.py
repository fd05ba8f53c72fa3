"""Walks through all pages, on platforms that work and on platforms that don't."""

from collections import Counter

import anyio
import httpx
import pytest

from coexplorer.api import Client, Incomplete, Walk
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.faults import FaultKind
from coexplorer.demo.server import DemoServer
from coexplorer.errors import PlatformFault
from coexplorer.models import Asset, AssetId, Dialect, SearchRequest, Secret
from tests.api.conftest import connect
from tests.support.http import unread
from tests.support.server import make_id

ALL = SearchRequest(archived=None)
SEARCH = "/api/v1/data_assets/search"


def fill(server: DemoServer, count: int) -> None:
    """Replace the assets by this many plain ones."""
    server.store.clear()
    me = server.users[0].email
    server.store.insert(
        StoredAsset(id=make_id(n), name=f"asset {n}", owner=me, created=1_600_000_000 + n)
        for n in range(count)
    )


async def read(client: Client, *, prefetch: int, limit: int = 10) -> tuple[list[AssetId], bool]:
    """Walk over everything; 0 for `prefetch` reads without a context."""
    walk = client.iter_pages(ALL, limit=limit, prefetch=prefetch)
    if prefetch == 0:
        found = [asset.id async for page in walk for asset in page]
    else:
        async with walk:
            found = [asset.id async for page in walk for asset in page]
    assert walk.finished
    return found, walk.complete


@pytest.mark.parametrize("prefetch", [0, 1, 4])
@pytest.mark.parametrize("count", [0, 1, 10, 57])
async def test_a_walk_finds_each_asset_once(
    either_server: DemoServer, count: int, prefetch: int
) -> None:
    fill(either_server, count)
    async with connect(either_server) as client:
        found, complete = await read(client, prefetch=prefetch)
    assert sorted(found) == [make_id(n) for n in range(count)]
    assert complete


async def test_a_walk_can_start_anywhere(server: DemoServer, client: Client) -> None:
    fill(server, 30)
    walk = client.iter_pages(ALL, limit=10, offset=25)
    assert [len(page) async for page in walk] == [5]


@pytest.mark.parametrize("prefetch", [0, 1, 8])
async def test_the_wall_ends_a_walk_as_incomplete(legacy_server: DemoServer, prefetch: int) -> None:
    fill(legacy_server, 10_050)
    async with connect(legacy_server) as client:
        walk = client.iter_pages(ALL, prefetch=prefetch, limit=900)
        found: Counter[AssetId] = Counter()
        if prefetch:
            async with walk:
                async for page in walk:
                    found.update(asset.id for asset in page)
        else:
            async for page in walk:
                found.update(asset.id for asset in page)
    assert len(found) == found.total() == 10_000
    assert walk.incomplete is Incomplete.WALL
    assert not walk.complete


@pytest.mark.parametrize("prefetch", [0, 1, 4])
async def test_a_repeated_token_ends_a_walk_as_incomplete(
    server: DemoServer, client: Client, prefetch: int
) -> None:
    fill(server, 57)
    server.faults.add(FaultKind.SAME_TOKEN)
    found, complete = await read(client, prefetch=prefetch)
    assert len(found) == len(set(found)) >= 10
    assert not complete


@pytest.mark.parametrize("prefetch", [0, 1, 4])
async def test_a_missing_token_ends_a_walk_as_incomplete(
    server: DemoServer, client: Client, prefetch: int
) -> None:
    fill(server, 57)
    await client.fetch_dialect()
    server.faults.add(FaultKind.NO_TOKEN, after=2)
    found, complete = await read(client, prefetch=prefetch)
    assert len(found) == 30
    assert not complete


@pytest.mark.parametrize("prefetch", [0, 1, 4])
async def test_a_platform_that_knows_no_tokens_is_walked_by_offsets(
    server: DemoServer, client: Client, prefetch: int
) -> None:
    fill(server, 57)
    server.faults.add(FaultKind.NO_TOKEN)
    found, complete = await read(client, prefetch=prefetch)
    assert len(found) == len(set(found)) == 57
    assert not complete  # it never stops saying that there is more


async def test_rows_that_move_between_pages_come_once(legacy_server: DemoServer) -> None:
    fill(legacy_server, 30)
    async with connect(legacy_server) as client:
        walk = client.iter_pages(ALL, limit=10)
        found = [asset.id for asset in await anext(walk)]
        newer = StoredAsset(
            id=make_id(99), name="newer", owner=legacy_server.users[0].email, created=1_900_000_000
        )
        legacy_server.store.insert([newer])
        found += [asset.id async for page in walk for asset in page]
    assert len(found) == len(set(found))


async def test_a_row_without_an_id_breaks_nothing(server: DemoServer, client: Client) -> None:
    server.store.update(make_id(1), wire='{"id": null, "name": "nobody"}')
    found, complete = await read(client, prefetch=1)
    assert len(found) == 8
    assert complete


async def read_to_the_end(walk: Walk[Asset]) -> None:
    async for _page in walk:
        pass


@pytest.mark.parametrize("prefetch", [1, 4])
async def test_an_error_comes_to_the_reader_as_it_is(
    either_server: DemoServer, prefetch: int
) -> None:
    fill(either_server, 57)
    async with connect(either_server) as client:
        await client.fetch_dialect()
        either_server.faults.add(503, "*", "data_assets**", after=3)
        walk = client.iter_pages(ALL, limit=10, prefetch=prefetch)
        async with walk:
            assert len(await anext(walk)) == 10
            with pytest.raises(PlatformFault):
                await read_to_the_end(walk)
        assert not walk.complete
        assert not walk.finished


async def test_the_readers_own_error_comes_out_as_it_is(either_server: DemoServer) -> None:
    fill(either_server, 57)

    async def read_and_fail(client: Client) -> None:
        async with client.iter_pages(ALL, limit=5, prefetch=3) as walk:
            await anext(walk)
            raise KeyError("mine")

    async with connect(either_server) as client:
        with pytest.raises(KeyError):
            await read_and_fail(client)


async def test_a_walk_that_is_left_early_asks_for_no_more(
    server: DemoServer, client: Client
) -> None:
    fill(server, 57)
    async with client.iter_pages(ALL, limit=5, prefetch=2) as walk:
        await anext(walk)
    assert not walk.complete
    asked = len(server.requests("POST", SEARCH))
    await client.get(AssetId(make_id(1)))
    assert len(server.requests("POST", SEARCH)) == asked <= 5


async def test_a_walk_can_be_cancelled(server: DemoServer, client: Client) -> None:
    await client.fetch_dialect()
    with server.hooks.before("POST", SEARCH) as gate:
        async with anyio.create_task_group() as group:

            async def walk_on() -> None:
                async with client.iter_pages(ALL, prefetch=2) as walk:
                    await anext(walk)

            group.start_soon(walk_on)
            await gate.arrived()
            group.cancel_scope.cancel()
    found, _complete = await read(client, prefetch=1)
    assert len(found) == 9


async def test_pages_by_offsets_are_fetched_at_once(legacy_server: DemoServer) -> None:
    fill(legacy_server, 40)
    async with connect(legacy_server) as client:
        await client.fetch_dialect()
        async with client.iter_pages(ALL, limit=5, prefetch=3) as walk:
            await anext(walk)
            with (
                legacy_server.hooks.before("GET") as first,
                legacy_server.hooks.before("GET") as second,
            ):
                # Two requests are held at the same time, so neither waits for the other.
                await first.arrived()
                await second.arrived()
            assert len([page async for page in walk]) == 7


async def test_a_token_of_a_legacy_platform_is_not_followed() -> None:
    starts: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        starts.append(request.url.params["start"])
        rows = [{"id": f"{starts[-1]}-{n}"} for n in range(1000)]
        page = {"has_more": True, "next_token": "t", "results": rows}
        return unread(httpx.Response(200, json=page))

    carrier = httpx.MockTransport(answer)
    token = Secret("cop_t")
    async with Client(
        "http://127.0.0.1:1", token, dialect=Dialect.LEGACY, carrier=carrier
    ) as client:
        walk = client.iter_pages(ALL)
        assert len([page async for page in walk]) == 10
    assert walk.incomplete is Incomplete.WALL
    assert starts == [str(n * 1000) for n in range(10)]
