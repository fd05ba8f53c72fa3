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
from coexplorer.query.fields import HAS_FIELDS
from coexplorer.query.scan import quote
from tests.library.conftest import build_settings
from tests.support.server import running_server

SOME = 70
NOW = 1_780_000_000
ID = "PART OF AN ID"
"""Stands for an id, or the beginning of one, of which there are some."""
_WAYS = ("{0}", "={0}", "^{0}", "glob(*{1}*)")
_VALUES = {
    "name": ("ecephys", "é", "e\u0301"),
    "description": ("the", "é"),
    "tag": ("raw", "derived", "é"),
    "owner": ("a",),
    "bucket": ("a",),
    "prefix": ("ecephys",),
    "mount": ("ecephys",),
    "run_script": ("code/run",),
    "commit_id": ("1",),
    "contained_data_id": (ID, "1"),
    "capsule": ("1",),
    "computation": ("1",),
    "id": (ID, "1"),
    '"subject id"': ("6", "é"),
    '"age"': ("12", "3", "112.0"),
    '"session date"': ("2024", "2024-05", "yesterday"),
    '"species"': ("mus musculus", "mus"),
    '"modality"': ("ecephys",),
    '"no such key"': ("1",),
}
"""Every field whose text may be compared in several ways, with what some assets say there."""
_FLAGS = (
    "favorite", "mine", "shared", "archived", "external", "internal", "unused", "untagged",
    "writable",
)  # fmt: skip
_OTHERS = (
    "é", "e\u0301", "É", "ecephys", '"the data"', "not:raw", ID, "tag:all(raw,ecephys)",
    "tag:all(é)", "type:result type:dataset", 'type:"capsule"', "type:model", "type:combined",
    "-type:result", "state:failed", "is:mine is:shared", "is:mine -is:favorite",
    "is:archived -is:archived",
    "is:any", "size:>1GB", "size:1kB..1GB", "files:<5", "created:>2024", "created:2023..2024-05",
    "used:<-180d", "used:never", '"age":>60', '"age":20..80', '"session date":>2024',
    '"session date":<2024', '"session date":2023..2024', '"session date":2023 "session date":2024',
    '"subject id":>600000', "tag:raw tag:é", "name:é name:ecephys", "owner:a sort:name",
    "'", "[", "]", "\"['\"", "\"', '\"", ",", "(", "Sato'", "[ecephys",
)  # fmt: skip


def make_terms() -> list[str]:
    """Return every field in every way, every flag and ``has:``, and some of each other kind."""
    fields = [
        f"{field}:{way.format(quote(value), value)}"
        for field, values in _VALUES.items()
        for value in values
        for way in _WAYS
        if not (" " in value and "glob" in way)
    ]
    has = [f"has:{name}" for name, _ in HAS_FIELDS] + ['has:"subject id"']
    plain = [*fields, *has, *(f"is:{name}" for name in _FLAGS)]
    return [*plain, *(f"-{term}" for term in plain[::3]), *_OTHERS]


@pytest.fixture(scope="module", params=["legacy", "3.0", "current"])
def platform(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DemoServer]:
    with running_server(tmp_path_factory.mktemp("platform"), request.param) as running:
        me, colleague = (user.email for user in running.users[:2])
        running.store.insert(generate(SOME, seed=3, now=NOW, owner=me, colleague=colleague))
        yield running


def make_queries(dialect: str) -> list[str]:
    """Return each term alone, and some queries of several; of other dialects a part of them."""
    rng, terms = random.Random(11), make_terms()
    mixed = [" ".join(rng.sample(terms, rng.randint(2, 3))) for _ in range(16)]
    part = {"legacy": 1, "3.0": 2}.get(dialect)
    return ["", *mixed, *(terms if part is None else [*terms[part::7], *_OTHERS[part::3]])]


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_its_answer_is_what_the_catalog_finds(platform: DemoServer, tmp_path: Path) -> None:
    found = 0
    async with open_library(build_settings(platform, tmp_path), origin="cli") as library:
        await library.sync.sweep()
        contained = next(iter(await library.assets.ids(parse_query("has:contained_data_id"))))
        parent = (await library.assets.lineage(contained)).parents[0].id
        for number, template in enumerate(make_queries(platform.dialect)):
            text = template.replace(ID, parent if number % 2 else parent[:7])
            query = parse_query(text)
            answer = [asset.id for asset in (await library.platform.find(query)).assets]
            assert sorted(answer) == sorted(await library.assets.ids(query)), text
            if number % 4 == 0:
                few = await library.platform.find(query, offset=1, limit=3)
                assert [asset.id for asset in few.assets] == answer[1:4], text
            found += bool(answer)
    assert found > 5


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_a_whole_answer_has_the_order_of_the_catalog(
    platform: DemoServer, tmp_path: Path
) -> None:
    async with open_library(build_settings(platform, tmp_path), origin="cli") as library:
        await library.sync.sweep()
        for field in ("size", "-size", "-name", "type", "files"):
            query = parse_query(f"is:any sort:{field}")
            answer = [asset.id for asset in (await library.platform.find(query)).assets]
            assert answer == await library.assets.ids(query), field


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
