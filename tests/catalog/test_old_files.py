"""A file that an earlier version made is brought up to date with everything in it.

``files/version_5.sqlite3.xz`` was written by the program when 5 was its newest schema: 60 assets of
the samples, and 20 of `tests.support.judge.make_records`.
"""

import lzma
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from coexplorer.catalog import Catalog
from coexplorer.catalog.migrations import VERSION
from coexplorer.models import Record
from coexplorer.query import parse_query
from tests.support.judge import find_naively

NOW = 1_780_000_000.0
OLD = Path(__file__).parent / "files" / "version_5.sqlite3.xz"
QUERIES = (
    "is:any", "", "e", "ec", "raw", "-raw", "tag:raw", "tag:all(raw,ecephys)", "-tag:raw",
    '"subject id":7', '"age":>100', "is:any sort:name", "is:any sort:-size", "is:any sort:type",
    "is:any sort:owner sort:-created", "is:any sort:-used", "is:any sort:files", "run_script:code",
    "owner:jane", "is:mine", "is:untagged", "is:archived",
)  # fmt: skip


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / "catalog.sqlite3"
    path.write_bytes(lzma.decompress(OLD.read_bytes()))
    path.chmod(0o600)
    return path


def read_raw(path: Path) -> dict[int, bytes]:
    with closing(sqlite3.connect(path)) as connection:
        return dict(connection.execute("SELECT n, raw FROM content ORDER BY n"))


def read_tables(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        return {
            "tag": sorted(connection.execute("SELECT folded, n, text FROM tag")),
            "metadata": sorted(
                connection.execute("SELECT key, n, position, text, number, name FROM metadata"),
                key=repr,
            ),
        }


def every_record(catalog: Catalog) -> list[Record]:
    numbers = [row.number for row in catalog.iter_rows()]
    assert numbers == sorted(numbers)
    return catalog.records([row.id for row in catalog.iter_rows()])


def test_everything_in_it_is_kept(old: Path) -> None:
    raw, tables = read_raw(old), read_tables(old)
    assert len(tables["tag"]) > 200
    assert len(tables["metadata"]) > 100
    with Catalog.open(old) as catalog:
        assert not catalog.problem
        records = every_record(catalog)
        assert [record.asset.raw for record in records] == list(raw.values())
        state = catalog.sync_state()
        assert (state.assets, state.complete, state.synced_at) == (80, True, NOW)
    assert read_tables(old) == tables
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"


@pytest.mark.parametrize("text", QUERIES)
def test_searches_find_in_it_what_a_naive_filter_finds(old: Path, text: str) -> None:
    with Catalog.open(old) as catalog:
        records = every_record(catalog)
        query = parse_query(text)
        assert catalog.ids(query, now=NOW) == find_naively(records, query, NOW)


def test_it_can_be_changed_and_counted_afterwards(old: Path) -> None:
    with Catalog.open(old) as catalog:
        records = every_record(catalog)
        first = records[0].asset
        fresh = msgspec.structs.replace(
            first,
            tags=(*first.tags, "quite new"),
            raw=first.raw.replace(b'"tags":[', b'"tags":["quite new",'),
        )
        catalog.upsert([msgspec.structs.replace(records[0], asset=fresh, fetched_at=NOW + 9)])
        catalog.remove([records[1].asset.id])
        left = every_record(catalog)
        assert left[0].asset.raw == fresh.raw
        counts = Counter(tag for one in left for tag in dict.fromkeys(one.asset.tags))
        assert dict(catalog.tag_counts()) == dict(counts)
        assert catalog.ids(parse_query('is:any tag:"quite new"'), now=NOW) == [first.id]


def test_it_takes_less_room_and_says_the_same_when_opened_again(old: Path) -> None:
    before = sum(map(len, read_raw(old).values()))
    with Catalog.open(old) as catalog:
        records = every_record(catalog)
    kept = read_raw(old)
    assert sum(len(one) for n, one in kept.items() if n) < before / 2
    with Catalog.open(old) as catalog:
        assert every_record(catalog) == records
