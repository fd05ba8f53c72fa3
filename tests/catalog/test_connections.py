"""The catalog's file: made, migrated, rebuilt, refused, and used while others hold it."""

from __future__ import annotations

import fcntl
import json
import os
import resource
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from coexplorer.catalog import Catalog, preparing
from coexplorer.catalog.migrations import MIGRATIONS, VERSION
from coexplorer.catalog.preparing import BUSY_TIMEOUT_S, IMPATIENT_S
from coexplorer.catalog.schema import APPLICATION_ID
from coexplorer.errors import CatalogError
from coexplorer.models import AssetId, Membership
from coexplorer.query import parse_query
from tests.support.naive_search import make_records
from tests.support.patience import stretched

EVERYTHING = parse_query("is:any")
NOW = 1_780_000_000.0
HOLDER = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1], isolation_level=None)
connection.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.readline()
connection.execute("ROLLBACK")
print("free", flush=True)
"""
WRITER = """
import sys
from pathlib import Path
from coexplorer.catalog import Catalog
from tests.support.naive_search import make_records
records = make_records(60, int(sys.argv[2]))
with Catalog.open(Path(sys.argv[1])) as catalog:
    for start in range(0, 60, 10):
        catalog.upsert(records[start : start + 10])
"""
READER = """
import atexit, json, resource, signal, sys
from pathlib import Path
from coexplorer.catalog import Catalog
from coexplorer.errors import CatalogError
from coexplorer.models import Membership
from coexplorer.query import parse_query
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
limits = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # as on a full disk: not a byte fits
atexit.register(resource.setrlimit, resource.RLIMIT_FSIZE, limits)  # what measures coverage writes
try:
    catalog = Catalog.open(Path(sys.argv[1]))
    ids = catalog.ids(parse_query("is:any"), now=0.0)
except CatalogError as error:
    print(json.dumps({"error": error.message}))
    raise SystemExit
try:
    catalog.set_membership(ids, Membership(favorite=True))
    refused = ""
except CatalogError as error:
    refused = error.message
print(json.dumps({"ids": ids, "problem": catalog.problem, "refused": refused}))
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "catalog.sqlite3"


@pytest.fixture
def filled(path: Path) -> Path:
    """A catalog of 40 assets that nobody has open."""
    with Catalog.open(path) as catalog:
        catalog.upsert(make_records(40, 1))
    return path


def read_ids(path: Path) -> list[AssetId]:
    with Catalog.open(path) as catalog:
        return catalog.ids(EVERYTHING, now=NOW)


def pragma(path: Path, name: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"PRAGMA {name}").fetchone()[0]


@contextmanager
def held(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Let another process hold the catalog in the middle of a write."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        try:
            yield holder
        finally:
            holder.kill()


def test_new_file_is_private_and_says_what_it_is(path: Path) -> None:
    Catalog.open(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert pragma(path, "application_id") == APPLICATION_ID
    assert pragma(path, "user_version") == VERSION
    assert pragma(path, "journal_mode") == "wal"


def test_what_is_beside_an_open_file_is_private_too(path: Path) -> None:
    with Catalog.open(path) as catalog:
        catalog.upsert(make_records(5, 1))
        beside = {each.name: stat.S_IMODE(each.stat().st_mode) for each in path.parent.iterdir()}
    assert set(beside) >= {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    assert set(beside.values()) == {0o600}


def test_migration_keeps_the_rows(filled: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = read_ids(filled)
    step = ("note", lambda connection: connection.execute("CREATE TABLE note (text TEXT)"))
    monkeypatch.setattr(preparing, "MIGRATIONS", (*MIGRATIONS, step))
    monkeypatch.setattr(preparing, "VERSION", VERSION + 1)
    assert read_ids(filled) == before
    assert pragma(filled, "user_version") == VERSION + 1


def test_migration_that_fails_leaves_the_file_as_it_was(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = read_ids(filled)

    def drop_and_fail(connection: sqlite3.Connection) -> None:
        connection.execute("DROP TABLE tag")
        connection.execute("SELECT 1 1")  # our own mistake, no damage

    with monkeypatch.context() as patch:
        patch.setattr(preparing, "MIGRATIONS", (*MIGRATIONS, ("break", drop_and_fail)))
        patch.setattr(preparing, "VERSION", VERSION + 1)
        with pytest.raises(CatalogError, match="can't be used"):
            Catalog.open(filled)
    assert pragma(filled, "user_version") == VERSION
    assert read_ids(filled) == before


def test_processes_that_make_it_at_once_share_it(path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, str(seed)]) for seed in range(4)
    ]
    assert [writer.wait(60) for writer in writers] == [0] * 4
    expected = {record.asset.id for seed in range(4) for record in make_records(60, seed)}
    with Catalog.open(path) as catalog:
        assert catalog.problem == ""
        assert set(catalog.ids(EVERYTHING, now=NOW)) == expected
        assert catalog.count(EVERYTHING, now=NOW) == len(expected)


@pytest.mark.parametrize(
    "garbage", [b"no SQLite at all" * 500, b"SQLite format 3\0" + b"\xff" * 8192]
)
def test_garbage_is_rebuilt_with_one_line(path: Path, garbage: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(garbage)
    with Catalog.open(path) as catalog:
        assert "\n" not in catalog.problem
        assert "rebuilt" in catalog.problem
        assert catalog.upsert(make_records(3, 1)) == 3
    with Catalog.open(path) as catalog:
        assert catalog.problem == ""
        assert catalog.count(EVERYTHING, now=NOW) == 3


def test_damage_that_is_met_later_is_told_and_rebuilt_at_the_next_start(path: Path) -> None:
    with Catalog.open(path) as catalog:
        catalog.upsert(make_records(400, 1))
    content = path.read_bytes()
    half = len(content) // 2  # the schema is at the beginning, and opening reads no more
    path.write_bytes(content[:half] + b"\x5a" * (len(content) - half))
    with Catalog.open(path) as catalog:
        assert catalog.problem == ""
        with pytest.raises(CatalogError, match="is damaged") as raised:
            catalog.records(catalog.ids(EVERYTHING, now=NOW))
        assert "start again" in raised.value.hint
    with Catalog.open(path) as catalog:
        assert "rebuilt" in catalog.problem
        assert catalog.count(EVERYTHING, now=NOW) == 0
    with Catalog.open(path) as catalog:
        assert catalog.problem == ""


def test_catalog_of_a_newer_version_is_refused_and_kept(filled: Path) -> None:
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")
    content = filled.read_bytes()
    with pytest.raises(CatalogError, match="newer coexplorer") as raised:
        Catalog.open(filled)
    assert "update coexplorer" in raised.value.hint
    assert filled.read_bytes() == content


def test_file_of_another_program_is_refused_and_kept(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE precious (text TEXT)")
    content = path.read_bytes()
    with pytest.raises(CatalogError, match="not a coexplorer catalog"):
        Catalog.open(path)
    assert path.read_bytes() == content


def test_catalog_that_another_process_holds_is_read_all_the_same(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "BUSY_TIMEOUT_S", 0.05)
    with held(filled), Catalog.open(filled) as catalog:
        ids = catalog.ids(EVERYTHING, now=NOW)
        assert len(ids) == 40
        with pytest.raises(CatalogError, match="another process has locked it") as raised:
            catalog.set_membership(ids, Membership(favorite=True))
        assert "\n" not in raised.value.message
        assert raised.value.hint
        assert len(catalog.ids(EVERYTHING, now=NOW)) == 40


def test_nobody_waits_for_ever_for_a_process_that_hangs_while_it_opens_the_file(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "OPEN_TIMEOUT_S", 0.1)
    with filled.with_name(filled.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(CatalogError, match="is still opening it") as raised:
            Catalog.open(filled)
    assert raised.value.hint
    with Catalog.open(filled) as catalog:
        assert len(catalog.ids(EVERYTHING, now=NOW)) == 40


class Clock:
    """Time as `preparing` sees it; `each` is called whenever it sleeps."""

    def __init__(self, each: Callable[[], None], step_s: float) -> None:
        self.now_s = 1000.0
        self._each = each
        self._step_s = step_s

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, _seconds: float) -> None:
        self.now_s += self._step_s
        self._each()


@pytest.mark.parametrize("lives", [True, False])
def test_another_process_is_waited_for_as_long_as_it_goes_on(
    filled: Path, monkeypatch: pytest.MonkeyPatch, *, lives: bool
) -> None:
    """To bring a large catalog up to date takes minutes; one that was stopped gives no sign."""
    lock = filled.with_name(filled.name + ".lock").open("r+b", buffering=0)
    fcntl.flock(lock, fcntl.LOCK_EX)

    def go_on() -> None:
        if clock.now_s > 1600:
            lock.close()
        elif lives or clock.now_s < 1010:
            os.pwrite(lock.fileno(), f"{clock.now_s:020.3f}".encode(), 0)

    clock = Clock(go_on, 1.0)
    monkeypatch.setattr(preparing, "time", clock)
    said: list[str] = []
    with preparing.telling_updates(said.append), closing(lock):
        if lives:
            Catalog.open(filled).close()
            assert clock.now_s > 1600
        else:
            with pytest.raises(CatalogError, match="is still opening it"):
                Catalog.open(filled)
            assert 1030 < clock.now_s < 1050
    assert [sentence.rpartition(": ")[2] for sentence in said] == ["waiting for it"]


def test_an_update_that_takes_long_is_told_and_gives_signs(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = filled.with_name(filled.name + ".lock")
    signs: set[bytes] = set()

    def migrate(connection: sqlite3.Connection) -> None:
        for _ in range(5):
            clock.sleep(0)
            connection.execute(
                "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)"
                " SELECT count(*) FROM n"
            ).fetchone()
            signs.add(lock.read_bytes())

    clock = Clock(lambda: None, 2.0)
    monkeypatch.setattr(preparing, "time", clock)
    monkeypatch.setattr(preparing, "_STEPS", 10)
    monkeypatch.setattr(preparing, "MIGRATIONS", (*MIGRATIONS, ("later", migrate)))
    monkeypatch.setattr(preparing, "VERSION", VERSION + 1)
    said: list[str] = []
    with preparing.telling_updates(said.append):
        Catalog.open(filled).close()
    assert len(signs) == 5
    assert said == [
        "the catalog is being brought up to date after an update of coexplorer; that is done once"
    ]


def test_who_waited_in_vain_hardly_waits_again_until_a_write_works(
    filled: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(preparing, "BUSY_TIMEOUT_S", 0.05)
    marks = Membership(favorite=True)
    with held(filled) as holder, Catalog.open(filled) as catalog:
        monkeypatch.setattr(preparing, "BUSY_TIMEOUT_S", BUSY_TIMEOUT_S)
        ids = catalog.ids(EVERYTHING, now=NOW)
        for _ in range(2):
            with pytest.raises(CatalogError):
                catalog.set_membership(ids, marks)
            assert patience_s(catalog) == IMPATIENT_S
        assert holder.stdin is not None
        assert holder.stdout is not None
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "free\n"
        catalog.set_membership(ids, marks)
        assert patience_s(catalog) == BUSY_TIMEOUT_S
        assert catalog.count(parse_query("is:any is:favorite"), now=NOW) == 40


def patience_s(catalog: Catalog) -> float:
    row = catalog._connections._writer.execute("PRAGMA busy_timeout").fetchone()
    return float(row[0]) / 1000


def read_on_a_full_disk(path: Path) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", READER, path],
        check=True,
        stdout=subprocess.PIPE,
        timeout=stretched(60),
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_full_disk_leaves_what_is_known_readable(filled: Path) -> None:
    expected = read_ids(filled)
    found = read_on_a_full_disk(filled)
    assert found["ids"] == expected
    assert "showing what it knew before" in str(found["problem"])
    assert "can't be written" in str(found["refused"])
    assert read_ids(filled) == expected


def test_catalog_whose_log_was_left_behind_is_not_read_without_it(filled: Path) -> None:
    with Catalog.open(filled) as catalog:
        catalog.upsert(make_records(60, 2))
        # What a killed process leaves: the newest rows are in the log, not in the file.
        left = {name: filled.with_name(filled.name + name).read_bytes() for name in ("", "-wal")}
    other = filled.parent / "killed" / filled.name
    other.parent.mkdir()
    for name, content in left.items():
        other.with_name(other.name + name).write_bytes(content)
    assert "can't be used" in str(read_on_a_full_disk(other)["error"])
    assert len(read_ids(other)) > 60


def test_disk_that_fills_up_loses_nothing_that_was_there(filled: Path) -> None:
    with Catalog.open(filled) as catalog:
        expected = catalog.ids(EVERYTHING, now=NOW)
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            with pytest.raises(CatalogError, match="can't be used"):
                catalog.upsert(make_records(500, 3))
            assert catalog.ids(EVERYTHING, now=NOW) == expected
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            signal.signal(signal.SIGXFSZ, ignored)
        assert catalog.upsert(make_records(500, 3)) > 0


def test_closed_catalog_says_so(filled: Path) -> None:
    catalog = Catalog.open(filled)
    catalog.close()
    with pytest.raises(CatalogError, match="closed"):
        catalog.ids(EVERYTHING, now=NOW)
    with pytest.raises(CatalogError):
        catalog.upsert(make_records(1, 1))
