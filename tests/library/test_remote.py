"""``ls --remote``: what is sent, and that its answer is what the catalog finds."""

import random
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from coexplorer.demo.samples import generate
from coexplorer.demo.server import DemoServer
from coexplorer.library import open_library
from coexplorer.query import parse_query
from tests.library.conftest import build_settings
from tests.support.server import running_server

SOME = 150
NOW = 1_780_000_000
TERMS = (
    "tag:raw", "tag:all(raw,ecephys)", "-tag:raw", "tag:=derived", "tag:glob(*c*)", "tag:^ra",
    "name:ecephys", "name:^ecephys", "name:glob(*_sorted*)", "-name:glob(*_20*)", "is:external",
    "is:internal", "is:mine", "is:writable", "is:unused", "is:any", "is:archived", "type:result",
    "type:result type:dataset", "-has:description", "has:tag", 'has:"subject id"',
    '-has:"subject id"', '"subject id":6', '"age":>60', '"age":20..80', '-"age":>60',
    '"session date":>2023', '"session date":<2024-06', '"session date":2024', "has:used",
    "used:<-180d", "created:>2024-01", "size:>1GB", "-has:size", "description:the",
    "description:glob(*the*)", "run_script:code", "run_script:glob(*run)", "owner:a",
    '"species":^mus', '"species":="mus musculus"', '"data level":raw', '"project name":glob(*a*)',
)  # fmt: skip


@pytest.fixture(scope="module", params=["legacy", "3.0", "current"])
def platform(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DemoServer]:
    with running_server(tmp_path_factory.mktemp("platform"), request.param) as running:
        me, colleague = (user.email for user in running.users[:2])
        running.store.insert(generate(SOME, seed=3, now=NOW, owner=me, colleague=colleague))
        yield running


def make_queries(*, alone: bool) -> list[str]:
    """Return some queries of several terms, and each term alone if that is wanted."""
    rng = random.Random(11)
    mixed = [" ".join(rng.sample(TERMS, rng.randint(2, 3))) for _ in range(16)]
    return ["", *(TERMS if alone else ()), *(text for text in mixed if "is:archived" not in text)]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_its_answer_is_what_the_catalog_finds(platform: DemoServer, tmp_path: Path) -> None:
    found = 0
    async with open_library(build_settings(platform, tmp_path), origin="cli") as library:
        await library.sync.sweep()
        for number, text in enumerate(make_queries(alone=platform.dialect == "current")):
            query = parse_query(text)
            answer = [asset.id for asset in (await library.platform.find(query)).assets]
            assert sorted(answer) == sorted(await library.assets.ids(query)), text
            if number % 4 == 0:
                few = await library.platform.find(query, offset=1, limit=3)
                assert [asset.id for asset in few.assets] == answer[1:4], text
            found += bool(answer)
    assert found > 5


def read_searches(server: DemoServer) -> list[dict[str, object]]:
    sent = server.requests("POST", "*/search")
    return [msgspec.json.decode(each.body, type=dict[str, object]) for each in sent]


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("name:ecephys is:mine", [2]),
        ("tag:all(raw,ecephys)", [2]),
        ("-has:description", [2, 8, 32]),
        ("raw sort:files", [1000]),
    ],
)
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_no_more_rows_are_asked_for_than_are_wanted(
    server: DemoServer, tmp_path: Path, text: str, limits: list[int]
) -> None:
    me, colleague = (user.email for user in server.users[:2])
    server.store.clear()
    assets = generate(60, seed=5, now=NOW, owner=me, colleague=colleague)
    tags = ("raw", "ecephys")
    server.store.insert(
        msgspec.structs.replace(
            each, name=f"ecephys raw {n}", owner=me, tags=tags, archived=False, created=NOW - n,
            description="" if n > 20 else "some",
        )
        for n, each in enumerate(assets)
    )  # fmt: skip
    async with open_library(build_settings(server, tmp_path), origin="cli") as library:
        await library.platform.ping()
        server.log.clear()
        found = await library.platform.find(parse_query(text), limit=2)
    assert len(found.assets) == 2
    assert not found.incomplete
    asked = [search["limit"] for search in read_searches(server)]
    assert asked == limits


async def test_filters_that_a_platform_refuses_are_judged_here(
    server: DemoServer, tmp_path: Path
) -> None:
    server.faults.add(400, "POST", "data_assets/search", after=1, times=1)
    query = parse_query('tag:all(raw,ecephys) "age":>3 is:internal')
    async with open_library(build_settings(server, tmp_path), origin="cli") as library:
        found = await library.platform.find(query)
    assert len(found.assets) == 1
    with_filters, plain = read_searches(server)[-2:]
    assert with_filters["origin"] == "internal"
    assert with_filters["filters"] == [
        {"key": "tags", "value": "raw"},
        {"key": "tags", "value": "ecephys"},
        {"key": "age", "range": {"min": 3}},
    ]
    assert "filters" not in plain
    assert "origin" not in plain
