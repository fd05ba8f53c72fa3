"""A full disk, a held, damaged or newer file: one line says so, and nothing is lost or sent."""

from __future__ import annotations

import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from coexplorer.catalog import connections, preparing
from coexplorer.errors import CatalogError
from coexplorer.library import locks
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
    monkeypatch.setattr(preparing, "BUSY_TIMEOUT_S", 0.05)
    with closing(sqlite3.connect(find_catalog(), isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield known


def test_list_of_a_held_catalog_is_shown_with_one_line(held: Program) -> None:
    done = held.ok("ls", "--ids")
    assert RAW in done.lines
    (line,) = done.err.splitlines()
    assert "another process has locked it; showing what was known at" in line


def test_edit_beside_a_held_catalog_goes_on_with_one_line(held: Program) -> None:
    done = held.ok("edit", RAW, "--add-tag", "held")
    assert "held" in held.server.store.get(RAW).tags
    (line,) = done.err.splitlines()
    assert "another process has locked it" in line


def test_what_asks_for_news_fails_beside_a_held_catalog(held: Program) -> None:
    for command in (("sync",), ("ls", "--refresh")):
        done = held(*command)
        assert done.code == 9
        assert "another process has locked it" in done.err


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
    assert "the disk is full, so what is read will not be kept" in line
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
"""Runs a command whose home is on a file system of its own, with only a few KB left."""


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
    assert "its disk does not support locks" in line
    assert "set XDG_CACHE_HOME to a folder on a local disk" in line
    for command in (("edit", RAW, "--add-tag", "more"), ("archive", RAW), ("undo",)):
        done = known.spawn(*command, env=home)
        assert done.code == 9, done
        assert "its disk does not support locks" in done.err
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


@pytest.mark.parametrize(
    "damage", [b"\0" * 100, b"garbage", b"SQLite format 3\0" + b"\xff" * 4000, b""]
)
def test_a_damaged_journal_is_told_with_the_way_out(known: Program, damage: bytes) -> None:
    known.ok("edit", RAW, "--add-tag", "before")
    known.server.log.clear()
    journal = find_journal()
    if damage:
        with journal.open("r+b") as file:
            file.write(damage)
    else:
        os.truncate(journal, 0)
    listed = known.ok("ls", "--ids", "--offline")
    assert RAW in listed.lines
    for command in (("edit", RAW, "--add-tag", "x"), ("archive", RAW), ("log",), ("undo",)):
        done = known(*command)
        assert done.code == 9, done
        if damage:
            assert "(it is damaged)" in done.err
            assert "it may hold unsent changes: keep it, but move it and its -wal file" in done.err
        else:
            assert "(it is empty: something has taken what it held)" in done.err
    assert [one for method in WRITES for one in known.server.requests(method)] == []
    for beside in journal.parent.glob(f"{journal.name}*"):
        if beside.is_file():
            beside.rename(beside.with_name(f"damaged-{beside.name}"))
    known.ok("edit", RAW, "--add-tag", "after")


def test_no_hint_sends_a_good_catalog_to_the_bin(known: Program) -> None:
    """Our own mistake in SQL is not the file's fault."""
    with (
        closing(connections.Connections(find_catalog())) as catalog,
        pytest.raises(CatalogError) as caught,
        catalog.reading() as connection,
    ):
        connection.execute(f"SELECT {'+'.join(['1'] * 5000)}")
    assert "Expression tree is too large" in caught.value.message
    assert "delete" not in caught.value.hint
    assert "keep it" in caught.value.hint


def test_full_disk_shows_what_was_read_afresh(known: Program, tmp_path: Path) -> None:
    known.ok("edit", RAW, "--add-tag", "before")
    on_a_full_disk(known, tmp_path, "ls", "--ids")  # keeps a copy of the home as it is now
    known.ok("edit", RAW, "--add-tag", "by-a-colleague", "--name", "renamed")
    for command in (("ls", "tag:by-a-colleague", "--ids"), ("ls", "--refresh", "renamed", "--ids")):
        done = on_a_full_disk(known, tmp_path, *command)
        assert (done.code, done.lines) == (0, [RAW]), done
    shown = on_a_full_disk(known, tmp_path, "show", RAW, "--json")
    assert (shown.code, "by-a-colleague" in shown.out) == (0, True), shown
    (line,) = shown.err.splitlines()
    assert "the disk is full, so what is read will not be kept" in line


def test_a_held_catalog_does_not_hide_what_was_read_afresh(held: Program) -> None:
    held.server.store.update(RAW, name="renamed meanwhile")
    done = held.ok("show", RAW, "--json")
    assert "renamed meanwhile" in done.out


CACHE_FILLED = """
set -e
cache="$1/cache"
mkdir -p "$cache"
mount -t tmpfs -o size=4m tmpfs "$cache"
dd if=/dev/zero of="$cache/fill" bs=4k 2>/dev/null || true
shift 2
export XDG_CACHE_HOME="$cache"
exec "$@"
"""


@pytest.mark.parametrize("query", ["is:mine", "-is:shared is:mine", "is:mine -is:favorite"])
def test_full_cache_does_not_unselect_what_a_query_found(
    known: Program, tmp_path: Path, query: str
) -> None:
    (tmp_path / "small").mkdir()
    wanted = known.ok("ls", query, "--ids").lines
    assert wanted
    done = on_a_full_disk(
        known, tmp_path, "edit", "--query", query, "--add-tag", "all", "--yes", script=CACHE_FILLED
    )
    assert "no longer matches" not in done.err
    assert done.code == 0, done
    assert [each for each in wanted if "all" not in known.server.store.get(each).tags] == []


def flip(path: Path, seed: int, first: int | None) -> None:
    """Change 300 bytes: XOR anywhere, or replace those from `first` on."""
    content, chance = bytearray(path.read_bytes()), random.Random(seed)
    if first is None:
        for _ in range(300):
            content[chance.randrange(len(content))] ^= chance.randrange(1, 256)
    else:
        content[first : first + 300] = chance.randbytes(300)
    path.write_bytes(content)


def mangle_rows(path: Path, statement: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        connection.execute(statement)


@pytest.mark.parametrize(
    ("seed", "first"),
    [(5, None), (101, 100), (105, 100), *((seed, None) for seed in range(10, 16))],
)
def test_catalog_with_flipped_bytes_heals(known: Program, seed: int, first: int | None) -> None:
    flip(find_catalog(), seed, first)
    for command in (("ls", "--json"), ("ls", "tag:x"), ("show", RAW), ("stats",), ("tags",)):
        done = known(*command)
        assert done.code in (0, 9), done
        if done.code:
            assert "damaged" in done.err
    known.ok("sync")
    assert RAW in known.ok("ls", "--ids").lines
    assert known.ok("show", RAW).err == ""


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE asset SET name_spelled = CAST(x'ff80fe' AS TEXT)",
        "UPDATE asset SET name_folded = CAST(x'ff80fe' AS TEXT), name_spelled = NULL",
        "UPDATE asset SET tags = 'no json'",
        "UPDATE asset SET tags = '{}'",
        "UPDATE asset SET id = CAST(x'c328' || id AS TEXT)",
        "UPDATE sync SET dialect = 'martian'",
    ],
)
def test_catalog_of_unreadable_rows_is_rebuilt(known: Program, statement: str) -> None:
    mangle_rows(find_catalog(), statement)
    first = known("ls")
    assert first.code in (0, 9), first
    assert "\N{REPLACEMENT CHARACTER}" not in first.err
    known.ok("sync")
    assert known.ok("ls", "--ids").err == ""


@pytest.mark.parametrize("asked", [("--offset", "99999999999999999999"), ("size:>1e300",)])
def test_absurd_questions_do_not_condemn_a_good_catalog(
    known: Program, asked: tuple[str, ...]
) -> None:
    known("ls", "--offline", *asked)
    assert known.ok("ls", "--offline", "--ids").err == ""


def test_a_newer_catalog_offline_says_what_helps(known: Program) -> None:
    with closing(sqlite3.connect(find_catalog())) as connection:
        connection.execute("PRAGMA user_version = 99")
    done = known("ls", "--offline")
    assert done.code == 9
    assert "newer coexplorer" in done.err
    assert "run it once" not in done.err


STATE_FILLED_BY = """
set -e
state="$1/state"
mkdir -p "$state"
mount -t tmpfs -o size=8m tmpfs "$state"
room="$3"
shift 3
export XDG_STATE_HOME="$state"
"$@" log >/dev/null
dd if=/dev/zero of="$state/fill" bs=1k count=$((8192 - room - $(du -sk "$state" | cut -f1))) \
    2>/dev/null
text=$(head -c 40000 /dev/zero | tr '\\0' x)
"$@" edit --query is:any --description "$text" --yes || echo "code $?"
dd if=/dev/zero of="$state/more" bs=1k 2>/dev/null || true
for command in retry undo redo "discard --all"; do
    "$@" $command && echo "$command ended well" || echo "$command: $?"
done
rm "$state/fill" "$state/more"
"$@" retry --batch 1 || true
"$@" log 1 --json
"""


@pytest.mark.parametrize("room_kb", [600, 700, 800, 900])
def test_a_disk_that_fills_during_a_change_of_many_leaves_the_rest_to_a_retry(
    known: Program, tmp_path: Path, room_kb: int
) -> None:
    wanted = known.ok("ls", "is:any", "--ids").lines
    done = on_a_full_disk(known, tmp_path, script=STATE_FILLED_BY, room=(str(room_kb),))
    assert "Traceback" not in done.err
    assert "nothing is waiting to be sent" not in done.err
    assert "nothing to undo" not in done.err
    assert "ended well" not in done.out
    assert "changed " in done.out
    assert ": coexplorer retry --batch 1" in done.out
    states = [each["state"] for each in json.loads(done.out[done.out.index("[") :])]
    assert len(states) == len(wanted)
    assert set(states) <= {"applied", "refused"}
    assert states.count("refused") <= 1  # one that may not be changed at all


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE entries SET base = 'no json' WHERE id = 1",
        "UPDATE entries SET asset_name = CAST(x'ff80fe' AS TEXT) WHERE id = 1",
        "UPDATE entries SET state = 'flown' WHERE id = 1",
        "UPDATE entries SET mine = CAST(x'7b22ff' AS TEXT) WHERE id = 1",
        "UPDATE batches SET title = CAST(x'ff80fe' AS TEXT) WHERE id = 1",
        "UPDATE batches SET purpose = 'none' WHERE id = 1",
    ],
)
def test_a_journal_with_a_bad_row_is_read_all_the_same(known: Program, statement: str) -> None:
    known.ok("edit", RAW, "--add-tag", "first-tag")
    known.ok("edit", RAW, "--add-tag", "second-tag")
    mangle_rows(find_journal(), statement)
    what = "change 1" if "batches" in statement else "entry 1"
    for command in (("log",), ("log", "--entries"), ("log", "--json"), ("ls", "--ids")):
        done = known.ok(*command)
        assert "no json" not in done.err
        if command == (("log",) if "batches" in statement else ("log", "--entries")):
            assert f"is damaged: {what} can't be read and is left out" in done.err
            assert "move it and its -wal file away" in done.err
    assert "second-tag" in known.ok("log").out
    known.ok("undo")
    assert "second-tag" not in known.server.store.get(RAW).tags


@pytest.mark.parametrize("seed", range(20, 26))
def test_a_journal_with_flipped_bytes_never_crashes(known: Program, seed: int) -> None:
    for number in range(4):
        known.ok("edit", RAW, "--add-tag", f"tag-{number}")
    flip(find_journal(), seed, None)
    for command in (("log",), ("log", "--entries"), ("log", "1"), ("undo",), ("retry",), ("ls",)):
        done = known(*command)
        assert done.code != 1, done
        assert "tag-1" not in done.err


def test_nothing_is_said_of_a_journal_that_cannot_be_looked_at(
    known: Program, no_locks: Path
) -> None:
    home = {
        "LD_PRELOAD": str(no_locks),
        "NOLOCKS": os.environ["HOME"],
        "NOLOCKS_CALLS": "fcntl,flock,mmap",
    }
    for command in (("undo",), ("log",), ("retry",)):
        done = known.spawn(*command, env=home)
        assert done.code == 9, done
        assert "its disk does not support locks" in done.err


STOPPED = """
import os, signal, sys
from pathlib import Path
import anyio
from coexplorer.library.locks import hold_asset

async def main():
    async with hold_asset(Path(sys.argv[1]), sys.argv[2]):
        os.kill(os.getpid(), signal.SIGSTOP)

anyio.run(main)
"""


@pytest.mark.parametrize(
    "command",
    [
        ("edit", RAW, "--add-tag", "late"),
        ("archive", RAW),
        ("undo",),
        ("edit", "--query", f"id:{RAW} is:any", "--add-tag", "late", "--yes"),
    ],
)
def test_a_stopped_process_that_holds_an_asset_is_named(
    known: Program, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    known.ok("edit", RAW, "--add-tag", "before")
    known.server.log.clear()
    monkeypatch.setattr(locks, "TELL_AFTER_S", 0.05)
    monkeypatch.setattr(locks, "GIVE_UP_AFTER_S", 0.5)
    folder = find_journal().with_name(f"{find_journal().name}.sessions")
    holder = subprocess.Popen([sys.executable, "-c", STOPPED, str(folder), RAW])
    try:
        os.waitpid(holder.pid, os.WUNTRACED)
        done = known(*command)
        assert done.code == 9, done
        assert f"waiting for process {holder.pid}" in done.err
        assert f"process {holder.pid} is still changing this" in done.err
        assert [one for method in WRITES for one in known.server.requests(method)] == []
    finally:
        holder.kill()
        holder.wait()
    assert "unsent" in known.ok("log", "--entries").out
    known.ok("retry")


def test_a_text_for_the_editor_that_does_not_fit_names_the_way_out(
    known: Program, tmp_path: Path
) -> None:
    done = on_a_full_disk(known, tmp_path, "edit", RAW)
    assert done.code == 9, done
    assert "the text can't be put into" in done.err
    assert "free some disk space" in done.err


@pytest.mark.parametrize("command", [("ls", "--ids"), ("log",)])
def test_a_log_that_does_not_fit_is_told_once(
    known: Program, tmp_path: Path, command: tuple[str, ...]
) -> None:
    done = on_a_full_disk(known, tmp_path, "--debug", *command)
    assert "Logging error" not in done.err
    assert "Traceback" not in done.err
    assert done.err.count("the log ") == 1


@pytest.mark.parametrize("foreground", [True, False])
@pytest.mark.parametrize("kind", ["no such folder", "a file in the way", "read-only"])
def test_a_mount_without_a_place_for_its_record_says_so_in_one_sentence(
    program: Program, tmp_path: Path, kind: str, *, foreground: bool
) -> None:
    (tmp_path / "file").write_text("")
    state = {"no such folder": "/proc", "a file in the way": str(tmp_path / "file")}.get(kind)
    before: tuple[str, ...] = ()
    if state is None:
        state = str(tmp_path / "state")
        Path(state).mkdir()
        read_only = 'mount --bind "$0" "$0"; mount -o remount,bind,ro "$0"; exec "$@"'
        before = (*UNSHARE, "--mount", "sh", "-c", read_only, state)
    command = ["mount", *(["--foreground"] if foreground else []), str(tmp_path / "assets")]
    done = subprocess.run(
        [*before, *program_command(*command)],
        env={**os.environ, **program.env, "XDG_STATE_HOME": state},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 9, done
    said, hint = done.stderr.splitlines()
    assert said.startswith(f"coexplorer: the record of mounts in {state}")
    assert "Errno" not in done.stderr
    assert "XDG_STATE_HOME" in hint
    assert not (tmp_path / "assets").exists()
