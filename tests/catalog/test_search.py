"""What the catalog finds, judged by a naive filter over the same records."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coexplorer.assets import parse_asset
from coexplorer.catalog import Catalog, executor
from coexplorer.errors import QueryError
from coexplorer.models import AssetId, Membership, Record
from coexplorer.query import FLAGS, Query, format_query, fulfils, parse_partial, parse_query
from coexplorer.query.parse import MOST_TERMS
from tests.support.naive_search import find_naively, make_records
from tests.support.queries import queries

NOW = datetime(2026, 5, 1, tzinfo=UTC).timestamp()
SOME = 150


def assert_as_naive(catalog: Catalog, records: list[Record], query: Query) -> None:
    expected = find_naively(records, query, NOW)
    asked = format_query(query)
    assert {one.asset.id for one in records if fulfils(query, one, NOW)} == set(expected), asked
    assert catalog.ids(query, now=NOW) == expected, asked
    assert catalog.count(query, now=NOW) == len(expected), asked
    window = catalog.window(query, offset=2, limit=5, now=NOW)
    assert [row.id for row in window] == expected[2:7], asked
    if expected:
        middle = len(expected) // 2
        assert catalog.position(AssetId(expected[middle]), query, now=NOW) == middle


@pytest.fixture(scope="module", params=[1, 2, 3])
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Catalog, list[Record]]]:
    records = make_records(SOME, request.param)
    with Catalog.open(tmp_path_factory.mktemp("catalog") / "c.sqlite3") as catalog:
        # Some come twice, first as something else: what they were must not be found any more.
        other = {record.asset.id: record for record in make_records(SOME, request.param + 100)}
        first = [other.get(record.asset.id, record) for record in records]
        catalog.upsert([Record(one.asset, Membership(), 0.5) for one in first])
        catalog.upsert([Record(one.asset, Membership(False, False, False, False)) for one in first])
        catalog.upsert(records)
        merged = [
            Record(
                one.asset,
                Membership(*(bool(flag) for flag in _flags(one.membership))),
                one.fetched_at,
            )
            for one in records
        ]
        yield catalog, merged


def _flags(membership: Membership) -> tuple[bool | None, ...]:
    return membership.archived, membership.favorite, membership.mine, membership.shared


@pytest.fixture(params=[executor._LOOKED_AT, (4, 10)], ids=["looked at", "by sets"])
def steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Find the first rows by a look at each asset, and by sets along short pieces of the order."""
    monkeypatch.setattr(executor, "_LOOKED_AT", request.param)
    if len(request.param) == 2:
        monkeypatch.setattr(executor, "_REACHES", (8, 32))
        monkeypatch.setattr(executor, "_FEW", 10)
        monkeypatch.setattr(executor, "_MANY", 40)


@pytest.mark.usefixtures("steps")
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(asked=st.lists(queries(), min_size=20, max_size=20))
def test_a_search_finds_what_a_naive_filter_finds(
    filled: tuple[Catalog, list[Record]], asked: list[Query]
) -> None:
    catalog, records = filled
    for query in asked:
        assert_as_naive(catalog, records, query)


@pytest.mark.usefixtures("steps")
@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "-a",
        "q a",
        "-tag:all(raw,ec)",
        "owner:a",
        "é",
        "ec",
        "-ec",
        "É ec raw",
        '"raw data"',
        "tag:raw tag:É -tag:ec",
        "tag:all(raw,ec)",
        "name:a name:ec",
        "is:any -raw",
        "is:archived is:mine",
        "is:mine -is:mine",
        "state:ready state:failed",
        "is:unused state:ready",
        "used:never used:<-1d",
        "used:<-1d",
        "used:<=2020 sort:-used",
        "-used:<2010 is:any",
        "used:<1960",
        "used:1960..2010",
        "-used:-365d",
        "-size:0..12B",
        '"note":a "NOTE":raw',
        '"age":true',
        '"age":>0 "age":<3',
        "日本",
        "日",
        "strasse",
        '"*"',
        "name:glob(*a*)",
        "name:glob(a*) name:glob(*?raw*)",
        "-name:glob(?*)",
        "description:glob(*ecephys*)",
        "description:glob(?)",
        "description:^raw",
        "description:=raw",
        "name:^ec name:=raw",
        "-tag:glob(?c*)",
        "tag:^e",
        "tag:=raw tag:glob([*)",
        "owner:^a owner:=raw",
        "owner:00000003",
        "-owner:000000 is:any",
        "owner:=00000002-0000-4000-8000-000000000000 type:result",
        "owner:^00000001 owner:a is:mine",
        "owner:00000",
        "owner:glob(00000001*)",
        "-owner:glob(*)",
        "mount:glob(*) is:any",
        "run_script:glob(*a?raw*)",
        "prefix:=raw",
        "bucket:^r bucket:glob(*b)",
        "id:glob(0000000?-*)",
        "contained_data_id:glob(*)",
        'capsule:="a"',
        '"note":=a "note":=raw',
        '"age":=3 "Age":^r',
        '"age":glob(-*)',
        '"age":=3.0',
        '"age":-9000d',
        '-"age":2001-9..2010',
        '"size":>1w',
        "-has:description",
        "has:used -has:size is:any",
        '-has:"subject id" -has:tag',
        'has:"Age"',
        "-has:metadata is:any",
        "has:bucket -has:prefix",
        "-has:contained_data_id",
        "is:writable",
        "-is:writable has:tag",
        "%",
        "zz",
        "sort:size sort:-name",
        "sort:-used is:any",
        "type:result -state:failed owner:a",
        "type:result type:combined is:mine used:never",
        "-owner:a -is:unused is:any",
        "-used:never -type:result",
        "created:2001..2020 sort:created",
        "size:>5B size:<1PB sort:-size raw",
        "-used:>2001 sort:used is:any",
        "raw -data -ephys",
        "raw data -name:ephys is:any",
        "state:draft raw",
    ],
)
def test_telling_searches_find_what_a_naive_filter_finds(
    filled: tuple[Catalog, list[Record]], text: str
) -> None:
    assert_as_naive(*filled, parse_query(text))


@pytest.mark.parametrize(
    "term",
    [
        "w{}",
        "ab",
        "-w{}",
        "name:w{}",
        "-name:w{}",
        "tag:w{}",
        "name:glob(*w{}*)",
        "-description:^w{}",
        '"age":={}',
        '-has:"key {}"',
        "-tag:w{}",
        "id:{}",
        "owner:w{}",
        "contained_data_id:{}",
        "size:>{}KB",
        "-size:<={}KB",
        "created:>-{}d",
        '"age":{}',
        '-"age":>{}',
        '"key {}":x',
        "is:mine",
        "sort:size",
    ],
)
def test_the_largest_query_is_answered_and_a_larger_one_is_a_mistake(
    filled: tuple[Catalog, list[Record]], term: str
) -> None:
    text = " ".join(term.format(number) for number in range(MOST_TERMS))
    catalog, records = filled
    expected = find_naively(records, parse_query(text), NOW)
    assert catalog.ids(parse_query(text), now=NOW) == expected
    assert catalog.count(parse_query(text), now=NOW) == len(expected)
    listed = ",".join(f"t{number}" for number in range(MOST_TERMS))
    assert catalog.ids(parse_query(f"tag:all({listed})"), now=NOW) == []
    for more in (f"{text} x", f"x tag:all({listed})", "x " * 10_000, "x" * 20_001):
        with pytest.raises(QueryError, match="a query has at most"):
            parse_query(more)
        understood, mistake = parse_partial(more)
        assert mistake is not None
        assert mistake.text == more
        catalog.count(understood, now=NOW)


def test_every_flag_is_counted_as_it_is_listed(filled: tuple[Catalog, list[Record]]) -> None:
    for name, _ in FLAGS:
        for text in (f"is:{name}", f"is:any is:{name}", f"state:draft is:{name}"):
            assert_as_naive(*filled, parse_query(text))


def test_a_search_knows_of_every_change_at_once(tmp_path: Path) -> None:
    records = make_records(40, 7)
    query, every = parse_query("is:any raw"), parse_query("is:any")
    with Catalog.open(tmp_path / "c.sqlite3") as catalog:
        for number in range(0, 40, 5):
            catalog.upsert(records[number : number + 5])
            assert_as_naive(catalog, records[: number + 5], query)
        gone = find_naively(records, query, NOW)[:3]
        assert catalog.remove([AssetId(one) for one in gone]) == len(gone)
        left = [record for record in records if record.asset.id not in gone]
        assert_as_naive(catalog, left, query)
        assert_as_naive(catalog, left, every)


def test_a_list_goes_on_where_few_rows_end(tmp_path: Path) -> None:
    records = make_records(3000, 8)
    with Catalog.open(tmp_path / "c.sqlite3") as catalog:
        catalog.upsert(records)
        for text in ("is:any", "-zzzz sort:name", "is:any -state:draft sort:-size"):
            expected = find_naively(records, parse_query(text), NOW)
            assert catalog.ids(parse_query(text), now=NOW) == expected
            deep = catalog.window(parse_query(text), offset=1500, limit=3, now=NOW)
            assert [row.id for row in deep] == expected[1500:1503]


def test_prepared_order_knows_of_assets_that_come_go_and_change_their_time(tmp_path: Path) -> None:
    records = make_records(60, 11)
    by_time = (parse_query("is:any"), parse_query("is:any sort:created"))
    with Catalog.open(tmp_path / "c.sqlite3") as catalog:
        catalog.upsert(records[:40])
        for query in by_time:
            catalog.prepare(query, now=NOW)
            assert_as_naive(catalog, records[:40], query)
        catalog.upsert(records[40:])
        for query in by_time:
            assert_as_naive(catalog, records, query)
        later = [
            Record(parse_asset(json.loads(one.asset.raw) | {"created": 7}), one.membership, 2.0)
            for one in records[:5]
        ]
        catalog.upsert(later)
        for query in by_time:
            assert_as_naive(catalog, later + records[5:], query)
        catalog.remove([later[0].asset.id])
        for query in by_time:
            assert_as_naive(catalog, later[1:] + records[5:], query)


@pytest.mark.parametrize("odd", ["\ufffe", "\uffff", "\ufdd0", "\U0010ffff", "\U0001fffe"])
def test_a_word_beside_a_noncharacter_is_found(tmp_path: Path, odd: str) -> None:
    (record,) = make_records(1, 1)
    raw = json.loads(record.asset.raw) | {"name": f"ab{odd}cd{odd}efgh", "tags": [f"x{odd}y"]}
    with Catalog.open(tmp_path / "c.sqlite3") as catalog:
        catalog.upsert([Record(parse_asset(raw), Membership(archived=False))])
        for word in ("ab", f"b{odd}c", f"name:ab{odd}", "cd", "efgh", f"{odd}efg", f"tag:x{odd}y"):
            assert catalog.ids(parse_query(word), now=NOW) == [raw["id"]], repr(word)
        assert catalog.ids(parse_query("id:" + raw["id"]), now=NOW) == [raw["id"]]
