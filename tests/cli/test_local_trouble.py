"""A full disk, a held, damaged or newer file: one line says so, and nothing is lost or sent."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from coexplorer.catalog import connections
from coexplorer.errors import CatalogError
from tests.support.namespaces import UNSHARE
from tests.support.program import TIMEOUT_S, Done, Program, program_command
from tests.support.server import RAW

WRITES = ("PUT", "PATCH", "DELETE")
FILLED = """
set -e
mount -t tmpfs -o size=8m tmpfs "$1"
cp -r "$2"/. "$1"
dd if=/dev/zero of="$1/fill" bs=4k 2>/dev/null || true
shift 2
exec "$@"
"""
"""Runs a command whose home is on a file system of its own, with not a byte left."""


def find_catalog() -> Path:
    (found,) = Path(os.environ["XDG_CACHE_HOME"]).rglob("*.sqlite3")
    return found


def find_journal() -> Path:
    (found,) = Path(os.environ["XDG_STATE_HOME"]).rglob("journals/*.sqlite3")
    return found


def make_older(age_s: float) -> None:
    """Let the catalog want to be refreshed."""
    with closing(sqlite3.connect(find_catalog())) as connection, connection:
        then = time.time() - age_s
        connection.execute("UPDATE sync SET synced_at = ?, refreshed_at = ?", (then, then))


@pytest.fixture
def known(program: Program) -> Program:
    """A user whose catalog was read two minutes ago."""
    program.ok("sync")
    make_older(120)
    program.server.log.clear()
    return program


@pytest.fixture
def held(known: Program, monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """Somebody holds the catalog in the middle of a write."""
    monkeypatch.setattr(connections, "BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(find_catalog(), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield known


def test_list_of_a_held_catalog_is_shown_with_one_line(held: Program) -> None:
    done = held.ok("ls", "--ids")
    assert RAW in done.lines
    (line,) = done.err.splitlines()
    assert "another process holds it; showing what was known at" in line


def test_edit_beside_a_held_catalog_goes_on_with_one_line(held: Program) -> None:
    done = held.ok("edit", RAW, "--add-tag", "held")
    assert "held" in held.server.store.get(RAW).tags
    (line,) = done.err.splitlines()
    assert "another process holds it" in line


def test_what_asks_for_news_fails_beside_a_held_catalog(held: Program) -> None:
    for command in (("sync",), ("ls", "--refresh")):
        done = held(*command)
        assert done.code == 9
        assert "another process holds it" in done.err


def test_damaged_catalog_is_rebuilt_with_one_line(known: Program) -> None:
    find_catalog().write_bytes(b"no database" * 1000)
    done = known.ok("ls", "--ids")
    assert RAW in done.lines
    (line,) = done.err.splitlines()
    assert "rebuilt" in line
    assert known.ok("ls", "--ids").err == ""


def test_catalog_of_a_newer_version_is_bypassed_with_one_line(known: Program) -> None:
    with closing(sqlite3.connect(find_catalog())) as connection:
        connection.execute("PRAGMA user_version = 99")
    content = find_catalog().read_bytes()
    done = known.ok("ls", "--ids")
    assert RAW in done.lines
    (line,) = done.err.splitlines()
    assert "newer coexplorer" in line
    assert find_catalog().read_bytes() == content


def test_journal_of_a_newer_version_leaves_reading_and_sends_nothing(known: Program) -> None:
    known.ok("log")
    with closing(sqlite3.connect(find_journal())) as connection:
        connection.execute("PRAGMA user_version = 99")
    done = known.ok("ls", "--ids")
    assert RAW in done.lines
    (line,) = done.err.splitlines()
    assert "newer coexplorer" in line
    for command in (("edit", RAW, "--name", "n"), ("archive", RAW), ("undo",), ("log",)):
        done = known(*command)
        assert (done.code, "newer coexplorer" in done.err) == (9, True), command
    assert [one for method in WRITES for one in known.server.requests(method)] == []


def on_a_full_disk(
    program: Program,
    tmp_path: Path,
    *args: str,
    script: str = FILLED,
    room: tuple[str, ...] = (),
) -> Done:
    """Run a command on a copy of this test's home on a disk that is really full, or nearly so."""
    place, copy = tmp_path / "small", tmp_path / "copy"
    place.mkdir(exist_ok=True)
    if not copy.exists():
        shutil.copytree(os.environ["HOME"], copy)
    moved = {
        name: value.replace(os.environ["HOME"], str(place))
        for name, value in os.environ.items()
        if name == "HOME" or name.startswith("XDG_")
    }
    done = subprocess.run(
        [*UNSHARE, "sh", "-c", script, "sh", place, copy, *room, *program_command(*args)],
        env={**os.environ, **program.env, **moved, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


def test_full_disk_leaves_reading_and_sends_nothing(known: Program, tmp_path: Path) -> None:
    known.ok("edit", RAW, "--add-tag", "before")
    known.server.log.clear()
    listed = on_a_full_disk(known, tmp_path, "ls", "--ids")
    assert listed.code == 0, listed
    assert RAW in listed.lines
    (line,) = listed.err.splitlines()
    assert "the disk is full; what it knew before is shown" in line
    log = on_a_full_disk(known, tmp_path, "log")
    assert "add tag before" in log.out
    for command in (("edit", RAW, "--add-tag", "full"), ("archive", RAW), ("undo",)):
        done = on_a_full_disk(known, tmp_path, *command)
        assert done.code == 9, done
        assert "(the disk is full), so nothing can be changed" in done.err
        assert "free some disk space" in done.err
        assert "Traceback" not in done.err
    assert [one for method in WRITES for one in known.server.requests(method)] == []
    synced = on_a_full_disk(known, tmp_path, "sync")
    assert (synced.code, "the disk is full" in synced.err) == (9, True)


def test_full_disk_without_a_catalog_is_got_round(known: Program, tmp_path: Path) -> None:
    find_catalog().unlink()
    done = on_a_full_disk(known, tmp_path, "ls", "--ids")
    assert done.code == 0, done
    assert RAW in done.lines
    (line,) = done.err.splitlines()
    assert "the disk is full" in line


NEARLY_FULL = """
set -e
mount -t tmpfs -o size=8m tmpfs "$1"
cp -r "$2"/. "$1"
dd if=/dev/zero of="$1/fill" bs=1k count=$((8192 - $3 - $(du -sk "$1" | cut -f1))) 2>/dev/null
shift 3
exec "$@"
"""
"""Runs a command whose home is on a file system of its own, with so many KB left."""


@pytest.mark.parametrize("room_kb", [64, 300, 1000, 2000])
def test_a_disk_with_little_room_does_not_end_the_first_list(
    known: Program, tmp_path: Path, room_kb: int
) -> None:
    find_catalog().unlink()
    done = on_a_full_disk(known, tmp_path, "ls", "--ids", script=NEARLY_FULL, room=(str(room_kb),))
    assert done.code == 0, done
    assert RAW in done.lines
    (line,) = done.err.splitlines()
    assert line.startswith("coexplorer: the catalog ")
    room = (str(room_kb),)
    synced = on_a_full_disk(known, tmp_path, "sync", script=NEARLY_FULL, room=room)
    assert (synced.code, synced.out) == (9, "")
    assert "set XDG_CACHE_HOME to a folder on another disk" in synced.err


@pytest.fixture(scope="session")
def no_locks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A library to preload: see its source."""
    source = Path(__file__).parents[1] / "support" / "nolocks.c"
    library = tmp_path_factory.mktemp("nolocks") / "nolocks.so"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    return library


@pytest.mark.parametrize("calls", ["fcntl", "flock", "mmap", "fcntl,flock,mmap"])
def test_a_home_without_locks_is_read_and_names_what_to_set(
    known: Program, no_locks: Path, calls: str
) -> None:
    """As NFS and Lustre are often set up. SQLite alone waits half a minute for such a lock."""
    known.ok("edit", RAW, "--add-tag", "before")
    known.server.log.clear()
    home = {
        "LD_PRELOAD": str(no_locks),
        "NOLOCKS": os.environ["HOME"],
        "NOLOCKS_CALLS": calls,
    }
    listed = known.spawn("ls", "--ids", "--offline", env=home)
    assert (listed.code, RAW in listed.lines) == (0, True), listed
    (line,) = listed.err.splitlines()
    assert "its disk has no locks" in line
    assert "set XDG_CACHE_HOME to a folder on a local disk" in line
    for command in (("edit", RAW, "--add-tag", "more"), ("archive", RAW), ("undo",)):
        done = known.spawn(*command, env=home)
        assert done.code == 9, done
        assert "its disk has no locks" in done.err
        assert "set XDG_STATE_HOME to a folder on a local disk, then try again" in done.err
    assert [one for method in WRITES for one in known.server.requests(method)] == []


def test_what_is_said_of_a_home_without_locks_helps(
    known: Program, no_locks: Path, tmp_path: Path
) -> None:
    home = {
        "LD_PRELOAD": str(no_locks),
        "NOLOCKS": os.environ["HOME"],
        "NOLOCKS_CALLS": "fcntl,flock,mmap",
        "XDG_STATE_HOME": str(tmp_path / "local" / "state"),
        "XDG_CACHE_HOME": str(tmp_path / "local" / "cache"),
    }
    done = known.spawn("edit", RAW, "--add-tag", "more", env=home)
    assert (done.code, done.err) == (0, ""), done
    assert "more" in known.server.store.get(RAW).tags


@pytest.mark.parametrize("damage", [b"\0" * 100, b"garbage", b"SQLite format 3\0" + b"\xff" * 4000])
def test_a_damaged_journal_is_told_with_the_way_out(known: Program, damage: bytes) -> None:
    known.ok("edit", RAW, "--add-tag", "before")
    known.server.log.clear()
    journal = find_journal()
    with journal.open("r+b") as file:
        file.write(damage)
    listed = known.ok("ls", "--ids", "--offline")
    assert RAW in listed.lines
    for command in (("edit", RAW, "--add-tag", "x"), ("archive", RAW), ("log",), ("undo",)):
        done = known(*command)
        assert done.code == 9, done
        assert "(it is damaged)" in done.err
        assert "keep it, it may hold what was not sent, but move it and its -wal file" in done.err
    assert [one for method in WRITES for one in known.server.requests(method)] == []
    for beside in journal.parent.glob(f"{journal.name}*"):
        if beside.is_file():
            beside.rename(beside.with_name(f"damaged-{beside.name}"))
    known.ok("edit", RAW, "--add-tag", "after")


def test_no_hint_sends_a_good_catalog_to_the_bin(known: Program) -> None:
    """A mistake of ours in SQL is no fault of the file."""
    with (
        closing(connections.Connections(find_catalog())) as catalog,
        pytest.raises(CatalogError) as caught,
        catalog.reading() as connection,
    ):
        connection.execute(f"SELECT {'+'.join(['1'] * 5000)}")
    assert "Expression tree is too large" in caught.value.message
    assert "delete" not in caught.value.hint
    assert "keep it" in caught.value.hint
