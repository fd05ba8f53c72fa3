"""One asset that is longer than any should be stops no search: it alone is left out."""

import json
from collections.abc import Iterable

import pytest

from coexplorer.api import Client
from coexplorer.api.limits import Bounds
from coexplorer.errors import BadReply
from coexplorer.models import SearchRequest, Secret
from tests.support.rawserver import Asked, raw_server, reply

COUNT = 40
BOUNDS = Bounds(asset_bytes=20_000, row_bytes=500)


def build_rows(long: Iterable[int]) -> list[dict[str, object]]:
    return [
        {
            "id": f"{n:08x}-0000-4000-8000-{n:012x}",
            "name": f"asset {n}",
            "description": "x" * 60_000 if n in long else "",
            "created": n,
            "state": "ready",
            "type": "dataset",
        }
        for n in range(COUNT)
    ]


async def read_all(long: Iterable[int], *, tokens: bool, limit: int) -> set[int]:
    rows = build_rows(long)

    def answer(asked: Asked) -> list[bytes]:
        body = json.loads(asked.body)
        start = int(body["next_token"]) if body.get("next_token") else body.get("offset", 0)
        end = start + body["limit"]
        page: dict[str, object] = {"results": rows[start:end], "has_more": end < COUNT}
        if tokens and end < COUNT:
            page["next_token"] = str(end)
        return [reply(200, page)]

    with raw_server(answer) as server:
        async with Client(server.url, Secret("t"), bounds=BOUNDS) as client:
            walk = client.iter_pages(SearchRequest(), limit=limit)
            found = {int(asset.created or 0) async for page in walk for asset in page}
            assert len(walk.left_out) == bool(list(long))
            return found


@pytest.mark.parametrize("tokens", [True, False])
@pytest.mark.parametrize("limit", [7, 16, 40])
@pytest.mark.parametrize("long", [(), (0,), (3,), (20,), (3, 4), (1, 17, 38)])
async def test_only_the_row_that_is_too_long_is_left_out(
    long: tuple[int, ...], limit: int, *, tokens: bool
) -> None:
    found = await read_all(long, tokens=tokens, limit=limit)
    assert found == set(range(COUNT)) - set(long)


async def test_a_platform_that_has_nothing_else_is_not_asked_for_each_row() -> None:
    with pytest.raises(BadReply, match="longer than"):
        await read_all(range(COUNT), tokens=True, limit=40)
