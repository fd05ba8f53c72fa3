"""Statistics on the catalog, judged by counting the same records in plain Python."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime

import pytest

from coexplorer.assets import parse_asset
from coexplorer.catalog import Catalog
from coexplorer.models import Asset, AssetId, Membership, Record, Share
from coexplorer.query import fold, narrow_to_tag, parse_query
from tests.support.naive_search import find_naively, make_records

NOW = 1_780_000_000.0
DAY_S = 86_400.0


@pytest.fixture(scope="module")
def records() -> list[Record]:
    return make_records(200, 11)


@pytest.fixture(scope="module")
def filled(records: list[Record], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalog]:
    with Catalog.open(tmp_path_factory.mktemp("figures") / "c.sqlite3") as catalog:
        catalog.upsert(make_records(200, 12))  # what some were before must count no more
        catalog.remove([one.asset.id for one in make_records(200, 12)])
        catalog.upsert(records)
        yield catalog


def chosen(records: list[Record], text: str | None) -> list[Record]:
    if text is None:
        return records
    found = set(find_naively(records, parse_query(text), NOW))
    return [one for one in records if one.asset.id in found]


def add_up(
    records: Sequence[Record], labels: Callable[[Asset], Sequence[str]]
) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for record in records:
        for label in labels(record.asset):
            assets, size = found.get(label, (0, 0))
            found[label] = assets + 1, size + (record.asset.size_bytes or 0)
    return found


def as_dict(shares: Sequence[Share]) -> dict[str, tuple[int, int]]:
    assert [share.size_bytes for share in shares] == sorted(
        (share.size_bytes for share in shares), reverse=True
    )
    return {share.label: (share.assets, share.size_bytes) for share in shares}


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Catalog, list[Record]]]:
    """Assets whose sizes can be added up without leaving SQLite's whole numbers."""
    made = [
        Record(
            parse_asset(
                {
                    "id": f"id-{number:02}",
                    "name": f"n{number % 7}",
                    "type": ("dataset", "result")[number % 2],
                    "state": ("ready", "draft", "failed")[number % 3],
                    "owner": ("jane", "sam", "")[number % 3],
                    "tags": ["all", f"t{number % 4}"][: number % 3],
                    "size": None if number % 5 == 0 else number * 1000,
                    "created": None if number % 9 == 0 else NOW - number * 40 * DAY_S,
                    "last_used": (0, 5, None)[number % 3],
                    "source_bucket": {"bucket": "b", "external": number % 4 == 0},
                }
            ),
            Membership(archived=number % 6 == 0),
            NOW,
        )
        for number in range(50)
    ]
    with Catalog.open(tmp_path_factory.mktemp("small") / "c.sqlite3") as catalog:
        catalog.upsert(made)
        yield catalog, made


def age_of(asset: Asset) -> str:
    if asset.created is None:
        return "unknown"
    days = (NOW - asset.created) / DAY_S
    bounds = (("last 30 days", 30), ("30 days to 1 year", 365), ("1 to 3 years", 3 * 365))
    for label, most in bounds:
        if days <= most:
            return label
    return "over 3 years"


def month_of(asset: Asset) -> str:
    if asset.created is None:
        return "unknown"
    return datetime.fromtimestamp(asset.created, UTC).strftime("%Y-%m")


@pytest.mark.parametrize("text", [None, "is:any", "", "type:result", "tag:t1", "tag:nobody"])
def test_stats_add_up(small: tuple[Catalog, list[Record]], text: str | None) -> None:
    catalog, made = small
    some = chosen(made, text)
    stats = catalog.stats(None if text is None else parse_query(text), now=NOW, largest=5)
    assert (stats.total.assets, stats.total.size_bytes) == (
        len(some),
        sum(one.asset.size_bytes or 0 for one in some),
    )
    assert stats.archived.assets == sum(one.membership.archived is True for one in some)
    assert stats.never_used.assets == sum(one.asset.last_used == 0 for one in some)
    assert as_dict(stats.by_state) == add_up(some, lambda asset: [asset.state])
    assert as_dict(stats.by_type) == add_up(some, lambda asset: [asset.type])
    assert as_dict(stats.by_owner) == add_up(some, lambda asset: [asset.owner])
    assert as_dict(stats.by_tag) == add_up(some, lambda asset: asset.tags)
    assert as_dict(stats.by_place) == add_up(
        some, lambda asset: ["external" if asset.source and asset.source.external else "internal"]
    )
    by_age = {each.label: (each.assets, each.size_bytes) for each in stats.by_age}
    assert by_age == add_up(some, lambda asset: [age_of(asset)])
    by_month = {each.label: (each.assets, each.size_bytes) for each in stats.by_month}
    assert by_month == add_up(some, lambda asset: [month_of(asset)])
    assert [each.label for each in stats.by_month] == sorted(each.label for each in stats.by_month)
    sizes = sorted((one.asset.size_bytes for one in some if one.asset.size_bytes), reverse=True)
    assert [row.size_bytes for row in stats.largest] == sizes[:5]


@pytest.mark.parametrize("text", [None, "is:any", "raw", "-tag:raw", "tag:raw", "state:draft"])
def test_tags_are_counted_of_what_a_query_finds(
    filled: Catalog, records: list[Record], text: str | None
) -> None:
    counted = Counter(tag for one in chosen(records, text) for tag in dict.fromkeys(one.asset.tags))
    found = filled.tag_counts(None if text is None else parse_query(text), now=NOW)
    assert dict(found) == dict(counted)
    assert found == sorted(found, key=lambda each: (-each[1], each[0]))


@pytest.mark.parametrize("text", ["", "is:any", "raw", "-tag:raw", "tag:raw"])
def test_spellings_of_a_tag_are_counted_as_a_search_finds_them(filled: Catalog, text: str) -> None:
    query = parse_query(text)
    counted = filled.tag_counts(query, any_case=True, now=NOW)
    assert len({fold(tag) for tag, _ in counted}) == len(counted)
    assert {fold(tag) for tag, _ in counted} == {
        fold(tag) for tag, _ in filled.tag_counts(query, now=NOW)
    }
    for tag, count in counted:
        assert filled.count(narrow_to_tag(query, tag), now=NOW) == count, tag


def test_assets_that_look_alike_are_grouped_by_why(filled: Catalog, records: list[Record]) -> None:
    alike: dict[tuple[str, object], set[AssetId]] = defaultdict(set)
    for record in records:
        asset, source, made = record.asset, record.asset.source, record.asset.provenance
        alike["name", asset.name].add(asset.id)
        if source and source.bucket:
            alike["location", (fold(source.bucket), fold(source.prefix))].add(asset.id)
        if made and made.capsule and made.data_assets:
            inputs = tuple(sorted(set(made.data_assets)))
            alike["inputs", (fold(made.capsule), inputs)].add(asset.id)
    expected = sorted((why, sorted(ids)) for (why, _), ids in alike.items() if len(ids) > 1)
    groups = filled.duplicates()
    assert sorted((g.why, sorted(row.id for row in g.rows)) for g in groups) == expected
    assert {why for why, _ in expected} == {"name", "location", "inputs"}
    for group in groups:
        keys = [(row.created is not None, row.created or 0, row.id) for row in group.rows]
        assert keys == sorted(keys), "oldest first"


def test_lineage_goes_both_ways(filled: Catalog, records: list[Record]) -> None:
    known = {one.asset.id for one in records}
    ups: dict[AssetId, set[tuple[str, str]]] = defaultdict(set)
    downs: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for record in records:
        made = record.asset.provenance
        pairs = [(parent, "made_from") for parent in (made.data_assets if made else ())]
        pairs += [(parent, "contains") for parent in record.asset.contained]
        for parent, kind in pairs:
            ups[record.asset.id].add((parent, kind))
            downs[parent].add((record.asset.id, kind))
    assert ups
    for record in records:
        parents = filled.parents(record.asset.id)
        assert {(each.id, each.kind) for each in parents} == ups[record.asset.id]
        assert all((each.row is not None) is (each.id in known) for each in parents)
        children = filled.children(record.asset.id)
        assert {(each.id, each.kind) for each in children} == downs[record.asset.id]
        assert all(each.row is not None and each.row.id == each.id for each in children)


def test_values_for_completion_are_those_that_are_there(
    filled: Catalog, records: list[Record]
) -> None:
    tags = {tag for one in records for tag in one.asset.tags}
    assert set(filled.field_values("tag")) <= tags
    assert {fold(tag) for tag in filled.field_values("tag")} == {fold(tag) for tag in tags}
    assert set(filled.field_values("type")) == {one.asset.type for one in records}
    assert set(filled.field_values("owner")) == {one.asset.owner for one in records} - {""}
    assert len(filled.field_values("name", limit=3)) == 3
    assert filled.field_values("size") == []
    assert set(filled.field_values("note"))
    assert filled.field_values("no such key") == []
