"""What the catalog keeps about each asset, and how it reports changes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from coexplorer.assets import parse_asset
from coexplorer.catalog import Catalog
from coexplorer.models import AssetId, Membership, Record
from coexplorer.query import FLAGS, parse_query
from tests.support.naive_search import find_naively, make_records
from tests.support.patience import stretched

NOW = 1_780_000_000.0
EVERYTHING = parse_query("is:any sort:name")
HOUR_S = 3600.0
TOUCH = """
import sys
from pathlib import Path
from coexplorer.catalog import Catalog
from coexplorer.models import Membership
with Catalog.open(Path(sys.argv[1])) as catalog:
    catalog.set_membership(sys.argv[2:], Membership(favorite=True))
"""


def record(
    number: int, *, fetched_at: float = NOW, marks: Membership | None = None, **given: object
) -> Record:
    obj = {"id": f"id-{number}", "name": f"asset {number}", "tags": ["raw"], "created": number}
    return Record(parse_asset({**obj, **given}), marks or Membership(), fetched_at)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "catalog.sqlite3"


@pytest.fixture
def catalog(path: Path) -> Iterator[Catalog]:
    with Catalog.open(path) as opened:
        yield opened


def get(catalog: Catalog, number: int = 1) -> Record:
    found = catalog.get(AssetId(f"id-{number}"))
    assert found is not None
    return found


def test_record_comes_back_as_it_went_in(catalog: Catalog) -> None:
    records = make_records(80, 5)
    assert catalog.upsert(records) == 80
    by_id = {one.asset.id: one for one in records}
    back = catalog.records(catalog.ids(EVERYTHING, now=NOW))
    assert {one.asset.id: one for one in back} == by_id
    assert [one.asset.raw for one in back] == [by_id[one.asset.id].asset.raw for one in back]


def test_what_is_as_it_was_changes_nothing(catalog: Catalog) -> None:
    records = make_records(30, 5)
    catalog.upsert(records)
    version = catalog.data_version()
    assert catalog.upsert(records) == 0
    assert catalog.data_version() == version
    assert catalog.changed_since(version) == (version, [])


def test_only_what_changed_is_counted_and_named(catalog: Catalog) -> None:
    catalog.upsert([record(number) for number in range(5)])
    version = catalog.data_version()
    assert catalog.upsert([record(0), record(1, name="other"), record(7)]) == 2
    newest, changed = catalog.changed_since(version)
    assert newest > version
    assert set(changed) == {"id-1", "id-7"}


def test_membership_that_a_reply_does_not_know_stays(catalog: Catalog) -> None:
    catalog.upsert([record(1, marks=Membership(True, True, False, None))])
    catalog.upsert([record(1, name="other")])
    assert get(catalog).membership == Membership(True, True, False, None)
    catalog.upsert([record(1, marks=Membership(archived=False))])
    assert get(catalog).membership == Membership(False, True, False, None)


def test_reply_that_was_overtaken_changes_nothing_and_counts_as_seen(catalog: Catalog) -> None:
    catalog.upsert([record(1, name="newer")])
    generation = catalog.begin_sweep()
    late = record(1, name="older", fetched_at=NOW - 60, marks=Membership(archived=True))
    assert catalog.upsert([late], generation=generation) == 0
    assert get(catalog).asset.name == "newer"
    assert get(catalog).membership.archived is None
    assert catalog.unseen(generation) == []
    catalog.upsert([record(1, name="between", fetched_at=NOW - 30)])
    assert get(catalog).asset.name == "newer"


def test_reply_from_before_the_clock_was_set_back_is_taken(catalog: Catalog) -> None:
    catalog.upsert([record(1, name="from the future")])
    catalog.upsert([record(1, name="true", fetched_at=NOW - 2 * HOUR_S)])
    assert get(catalog).asset.name == "true"


def test_page_that_was_asked_for_before_an_archiving_does_not_turn_it_back(
    catalog: Catalog,
) -> None:
    page = [record(1, fetched_at=NOW + 1, marks=Membership(archived=False))]
    catalog.upsert([record(1, marks=Membership(archived=False))])
    catalog.set_membership([AssetId("id-1")], Membership(archived=True), known_at=NOW + 2)
    catalog.upsert(page)
    assert get(catalog).membership.archived is True
    catalog.upsert([record(1, fetched_at=NOW + 3, marks=Membership(archived=False))])
    assert get(catalog).membership.archived is False


def test_complete_view_sets_its_flag_on_its_members_alone(catalog: Catalog) -> None:
    catalog.upsert([record(number) for number in range(4)])
    catalog.set_membership([AssetId("id-0"), AssetId("id-1")], Membership(favorite=True))
    changed = catalog.set_members("favorite", [AssetId("id-1"), AssetId("id-2"), AssetId("gone")])
    assert changed == 3  # 0 loses it, 2 gets it, and 3 is said not to have it
    flags = [get(catalog, number).membership.favorite for number in range(4)]
    assert flags == [False, True, True, False]


def test_asset_that_is_gone_is_named_and_its_number_is_not_given_again(catalog: Catalog) -> None:
    catalog.upsert([record(number) for number in range(3)])
    numbers = {row.id: row.number for row in catalog.iter_rows()}
    version = catalog.data_version()
    assert catalog.remove([AssetId("id-2"), AssetId("unknown")]) == 1
    assert catalog.get(AssetId("id-2")) is None
    assert catalog.changed_since(version) == (version + 1, ["id-2"])
    catalog.upsert([record(2), record(9)])
    again = {row.id: row.number for row in catalog.iter_rows()}
    assert again[AssetId("id-2")] not in numbers.values()
    assert len(set(again.values())) == 4
    assert catalog.changed_since(version)[1].count(AssetId("id-2")) == 1


def test_change_of_another_process_is_seen_and_searched_at_once(
    catalog: Catalog, path: Path
) -> None:
    catalog.upsert([record(number) for number in range(3)])
    favorites = parse_query("is:favorite")
    assert catalog.count(favorites, now=NOW) == 0
    version = catalog.data_version()
    subprocess.run(
        [sys.executable, "-c", TOUCH, path, "id-1", "id-2"], check=True, timeout=stretched(60)
    )
    assert catalog.data_version() > version
    assert set(catalog.changed_since(version)[1]) == {"id-1", "id-2"}
    assert set(catalog.ids(favorites, now=NOW)) == {"id-1", "id-2"}
    assert catalog.count(favorites, now=NOW) == 2


def test_rebuilt_catalog_begins_its_numbers_again(path: Path) -> None:
    with Catalog.open(path) as catalog:
        for number in range(5):
            catalog.upsert([record(number)])
        version = catalog.data_version()
    path.write_bytes(b"garbage" * 1000)
    with Catalog.open(path) as catalog:
        assert catalog.changed_since(version)[0] < version


def test_rows_are_light_and_in_the_order_asked_for(catalog: Catalog) -> None:
    marks = Membership(archived=False, favorite=True, mine=True, shared=False)
    catalog.upsert([record(1, marks=marks, size=5, files=2, mount="m", owner="jane", last_used=0)])
    catalog.upsert([record(0)])
    rows = catalog.rows([AssetId("id-1"), AssetId("unknown"), AssetId("id-0")])
    assert [row.id for row in rows] == ["id-1", "id-0"]
    row = rows[0]
    assert (row.size_bytes, row.files, row.mount, row.owner) == (5, 2, "m", "jane")
    assert (row.last_used, row.tags, row.favorite, row.mine, row.shared) == (
        0,
        ("raw",),
        True,
        True,
        False,
    )


def test_many_names_and_beginnings_of_ids_are_found_by_one_query_each(catalog: Catalog) -> None:
    catalog.upsert([record(1, name="raw"), record(2, name="Raw"), record(30, name="E\u0301clair")])
    found = catalog.find_named(["RAW", "\u00c9clair", "ra", "raw", "\ud800"])
    assert [row.id for row in found] == ["id-1", "id-2", "id-30"]
    begun = catalog.find_beginnings(["id-3", "id-", "x", "%"], limit=2)
    assert sorted((text, row.id) for text, row in begun) == [
        ("id-", "id-1"),
        ("id-", "id-2"),
        ("id-3", "id-30"),
    ]
    assert [row.id for row in catalog.find_containing("AW", limit=9)] == ["id-1", "id-2"]


def test_asset_is_found_by_the_beginning_of_its_id_or_name(catalog: Catalog) -> None:
    catalog.upsert([record(1, name="Éclair"), record(2, name="other"), record(12, name="id-x")])
    assert [row.id for row in catalog.find_by_prefix("id-1")] == ["id-1", "id-12"]
    assert [row.id for row in catalog.find_by_prefix("éc")] == ["id-1"]
    assert [row.id for row in catalog.find_by_prefix("id-", limit=2)] == ["id-1", "id-2"]
    assert catalog.find_by_prefix("%") == []


def test_absurd_values_are_kept_and_searched(catalog: Catalog) -> None:
    absurd = record(
        1,
        name="a\0b\ud800c",
        description="\x1f" * 3,
        tags=["t\ud800", "t\ud800", ""],
        size=10**30,
        files=-5,
        created=1e300,
        custom_metadata={"big": 10**400, "k\0": "v\x1f", "nan": "nan"},
    )
    catalog.upsert([absurd])
    assert get(catalog).asset.raw == absurd.asset.raw
    assert catalog.count(parse_query("is:any a"), now=NOW) == 1
    assert catalog.rows([AssetId("id-1")])[0].size_bytes is None
    catalog.upsert([record(1)])
    assert catalog.count(parse_query("is:any description:x"), now=NOW) == 0


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    steps=st.lists(
        st.tuples(st.sampled_from(["upsert", "remove", "mark"]), st.integers(0, 5)), max_size=12
    )
)
def test_whatever_happened_every_table_agrees_with_the_records(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]]
) -> None:
    path = tmp_path_factory.mktemp("steps") / "catalog.sqlite3"
    model: dict[AssetId, Record] = {}
    with Catalog.open(path) as catalog:
        for kind, seed in steps:
            some = make_records(12, seed)  # ids repeat from seed to seed
            ids = [one.asset.id for one in some]
            if kind == "upsert":
                catalog.upsert(some)
                model.update({one.asset.id: _merge(model.get(one.asset.id), one) for one in some})
            elif kind == "remove":
                assert catalog.remove(ids[seed:]) == sum(each in model for each in ids[seed:])
                model = {each: one for each, one in model.items() if each not in ids[seed:]}
            else:
                marks = Membership(archived=seed % 2 == 0)
                catalog.set_membership(ids[:seed], marks)
                for each in set(ids[:seed]) & set(model):
                    merged = msgspec.structs.replace(
                        model[each].membership, archived=marks.archived
                    )
                    model[each] = msgspec.structs.replace(model[each], membership=merged)
        records = list(model.values())
        assert {one.asset.id: one for one in catalog.records(list(model))} == model
        texts = ["is:any", "", "raw", "-raw", "tag:raw", "is:untagged", "state:draft", '"age":>0']
        for text in [*texts, *(f"is:any is:{flag}" for flag, _ in FLAGS)]:
            query = parse_query(text)
            expected = find_naively(records, query, NOW)
            assert catalog.ids(query, now=NOW) == expected, text
            assert catalog.count(query, now=NOW) == len(expected), text
    _assert_no_leftovers(path, len(model))


def _merge(old: Record | None, new: Record) -> Record:
    if old is None:
        return new
    pairs = zip(
        msgspec.structs.astuple(new.membership),
        msgspec.structs.astuple(old.membership),
        strict=True,
    )
    flags = (before if now is None else now for now, before in pairs)
    return msgspec.structs.replace(new, membership=Membership(*flags))


def _assert_no_leftovers(path: Path, count: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for table in ("words", "label_words"):
            check = f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)"  # noqa: S608
            connection.execute(check)
        for table in ("asset", "content", "seen", "folded"):
            rows = connection.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own names
            assert rows.fetchone() == (count,), table
        for table in ("tag", "metadata", "label_use", "source", "input"):
            orphans = f"SELECT count(*) FROM {table} WHERE n NOT IN (SELECT n FROM asset)"  # noqa: S608
            assert connection.execute(orphans).fetchone() == (0,), table
        tallied = connection.execute("SELECT coalesce(sum(assets), 0) FROM tally").fetchone()
        assert tallied == (count,)
