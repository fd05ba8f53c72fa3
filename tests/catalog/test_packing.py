"""Objects are kept compressed, and come back byte by byte."""

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from coexplorer.assets import parse_asset
from coexplorer.catalog import Catalog
from coexplorer.catalog.packing import (
    SAMPLE_NUMBER,
    build_sample,
    fingerprint_of,
    load_sample,
    unpack,
)
from coexplorer.errors import CatalogError
from coexplorer.models import AssetId, Membership, Record
from tests.support.naive_search import make_records


def make(number: int, **more: object) -> Record:
    obj = {"id": f"id-{number}", "name": f"asset {number}", "tags": ["raw"], **more}
    asset = parse_asset(obj)
    return Record(asset, Membership(), float(number))


def kept(path: Path) -> dict[int, bytes]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT n, raw FROM content"))


@pytest.mark.parametrize("count", [1, 49, 50, 400])
def test_what_is_written_is_read(tmp_path: Path, count: int) -> None:
    path = tmp_path / "c.sqlite3"
    records = make_records(count, 3)
    with Catalog.open(path) as catalog:
        catalog.upsert(records)
        again = catalog.records([record.asset.id for record in records])
        assert [one.asset.raw for one in again] == [one.asset.raw for one in records]
        for record in records[:5]:
            excerpt = catalog.excerpt(record.asset.id)
            assert excerpt is not None
            assert excerpt.fields == record.asset.fields
    assert (SAMPLE_NUMBER in kept(path)) == (count >= 50)


def test_few_at_first_are_kept_as_they_came_and_stay_readable(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    with Catalog.open(path) as one, Catalog.open(path) as other:
        one.upsert([make(1)])
        assert other.get(AssetId("id-1")) is not None
        one.upsert([make(number) for number in range(2, 200)])  # the sample is made here
        for number in (1, 2, 199):
            found = other.get(AssetId(f"id-{number}"))
            assert found is not None
            assert found.asset.name == f"asset {number}"


def test_another_file_at_the_same_place_has_another_sample(tmp_path: Path) -> None:
    path, elsewhere = tmp_path / "c.sqlite3", tmp_path / "d.sqlite3"
    with Catalog.open(elsewhere) as catalog:
        catalog.upsert([make(number, description="other") for number in range(100)])
        catalog.finish_sweep(complete=True, total=100, now=1.0, duration_s=1.0, dialect=None)
    with Catalog.open(path) as catalog:
        catalog.upsert([make(number) for number in range(100)])
        assert catalog.get(AssetId("id-1")) is not None
        for each in tmp_path.glob("c.sqlite3*"):
            each.unlink()
        elsewhere.replace(path)
        assert catalog.follow_file()
        found = catalog.get(AssetId("id-1"))
        assert found is not None
        assert found.asset.fields.description == "other"


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE content SET raw = substr(raw, 1, length(raw) - 2) WHERE n = 7",
        "UPDATE content SET raw = x'01000000' WHERE n = 7",
        "DELETE FROM content WHERE n = 0",
    ],
)
def test_damage_is_damage(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "c.sqlite3"
    with Catalog.open(path) as catalog:
        catalog.upsert([make(number) for number in range(1, 100)])
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute(damage)
    with Catalog.open(path) as catalog, pytest.raises(CatalogError, match="damaged"):
        catalog.get(AssetId("id-7"))


def test_a_sample_is_from_everywhere_and_bounded() -> None:
    objects = [b'{"number":%05d,"text":"%s"}' % (n, b"x" * 900) for n in range(1000)]
    sample = build_sample(objects)
    assert 8_000 < len(sample) <= 32 * 1024
    assert b"00000" in sample
    assert b"009" in sample
    assert unpack(b'{"a":1}', sample, fingerprint_of(sample)) == b'{"a":1}'


def test_nothing_is_sampled_twice(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite3"
    with Catalog.open(path) as catalog:
        catalog.upsert([make(number) for number in range(1, 100)])
        with closing(sqlite3.connect(path)) as connection:
            sample = load_sample(connection)
        changed = [make(number, description="changed") for number in range(1, 100)]
        catalog.upsert([msgspec.structs.replace(one, fetched_at=9e9) for one in changed])
    with closing(sqlite3.connect(path)) as connection:
        assert load_sample(connection) == sample
