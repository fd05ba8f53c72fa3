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


def on_a_full_disk(program: Program, tmp_path: Path, *args: str) -> Done:
    """Run a command on a copy of this test's home on a disk that is really full."""
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
        [*UNSHARE, "sh", "-c", FILLED, "sh", place, copy, *program_command(*args)],
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
