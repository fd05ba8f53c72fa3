"""A file that an earlier version made is brought up to date with everything in it.

Each of ``files/version_*.sqlite3.xz`` was written by the program when that schema was its newest:
5 has 60 assets of the samples, and 20 of `tests.support.naive_search.make_records`; the others
have 60 of those, 4 also what is no id.
"""

import lzma
import signal
import sqlite3
import subprocess
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from coexplorer.catalog import Catalog
from coexplorer.catalog.migrations import VERSION
from coexplorer.catalog.packing import fingerprint_of, load_sample, unpack
from coexplorer.models import Record, is_asset_id
from coexplorer.query import parse_query
from tests.support.naive_search import find_naively, make_records

NOW = 1_780_000_000.0
FILES = Path(__file__).parent / "files"
VERSIONS = [1, 3, 4, 6]
QUERIES = (
    "is:any", "", "e", "ec", "raw", "-raw", "tag:raw", "tag:all(raw,ecephys)", "-tag:raw",
    '"subject id":7', '"age":>100', "is:any sort:name", "is:any sort:-size", "is:any sort:type",
    "is:any sort:owner sort:-created", "is:any sort:-used", "is:any sort:files", "run_script:code",
    "owner:jane", "owner:0000000", "has:owner", '-has:"subject id"', "name:glob(*a*)",
    "is:mine", "is:untagged", "is:archived",
)  # fmt: skip


@pytest.fixture
def old(tmp_path: Path) -> Path:
    return unpack_old(tmp_path, 5)


def unpack_old(folder: Path, version: int) -> Path:
    path = folder / "catalog.sqlite3"
    path.write_bytes(lzma.decompress((FILES / f"version_{version}.sqlite3.xz").read_bytes()))
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


def read_objects(path: Path) -> dict[str, bytes]:
    """Return the objects of a file by their ids, apart from what is no id."""
    with closing(sqlite3.connect(path)) as connection:
        sample = load_sample(connection)
        kept = connection.execute("SELECT id, raw FROM content JOIN asset USING (n)").fetchall()
    return {
        one: unpack(raw, sample, fingerprint_of(sample)) for one, raw in kept if is_asset_id(one)
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_every_earlier_version_is_brought_up_to_date(tmp_path: Path, version: int) -> None:
    old = unpack_old(tmp_path, version)
    written = read_objects(old)
    with Catalog.open(old) as catalog:
        assert not catalog.problem
        records = every_record(catalog)
        assert len(records) == 60
        assert {record.asset.id: record.asset.raw for record in records} == written
        rows = {row.id: row for row in catalog.iter_rows()}
        for record in records:
            row, asset = rows[record.asset.id], record.asset
            assert (row.name, row.mount, row.owner) == (asset.name, asset.mount, asset.owner)
        assert_finds(catalog, records)
        # It can be written, and is as if it had been made today.
        catalog.upsert(
            [msgspec.structs.replace(one, fetched_at=9e9) for one in make_records(70, 4)]
        )
        catalog.remove([records[0].asset.id])
        assert_finds(catalog, every_record(catalog))
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == VERSION
        assert connection.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
        for table in ("words", "label_words"):
            check = f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)"  # noqa: S608
            connection.execute(check)


def assert_finds(catalog: Catalog, records: list[Record]) -> None:
    for text in QUERIES:
        query = parse_query(text)
        found = find_naively(records, query, NOW)
        assert catalog.ids(query, now=NOW) == found, text
        assert catalog.count(query, now=NOW) == len(found), text


KILLED = """
import os, signal, sys
from pathlib import Path
from coexplorer.catalog import Catalog, preparing

name, migrate = preparing.MIGRATIONS[-1]

def migrate_and_die(connection):
    migrate(connection)
    os.kill(os.getpid(), signal.SIGKILL)

preparing.MIGRATIONS = (*preparing.MIGRATIONS[:-1], (name, migrate_and_die))
Catalog.open(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("version", [*VERSIONS, 5])
def test_a_migration_that_is_killed_leaves_the_file_as_it_was(tmp_path: Path, version: int) -> None:
    old = unpack_old(tmp_path, version)
    done = subprocess.run([sys.executable, "-c", KILLED, str(old)], check=False)
    assert done.returncode == -signal.SIGKILL
    with closing(sqlite3.connect(old)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone()[0] == version
        count = connection.execute("SELECT count(*) FROM asset").fetchone()[0]
    with Catalog.open(old) as catalog:
        assert not catalog.problem
        assert len(catalog.iter_rows()) == count - (4 if version == 4 else 0)
