"""What programs expect of any file system: exact times, dots, names, counts, and full disks."""

from __future__ import annotations

import errno
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.mounted import Mounted, make_asset, mounting, save
from tests.support.server import make_id

NAMES = ("times", "links", "names", "special", "lists", "killed")


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [make_asset(number, name) for number, name in enumerate(NAMES, 1)]
    with mounting(tmp_path_factory.mktemp("posix"), assets) as mounted:
        yield mounted


@pytest.mark.parametrize("nanoseconds", [0, 1, 123_456_789, 999_999_999])
@pytest.mark.parametrize("name", ["description.md", "notes.txt", "tags~"])
def test_times_are_exact(mounted: Mounted, name: str, nanoseconds: int) -> None:
    path, source = mounted.asset("times") / name, mounted.home / "source"
    source.write_text(f"{name} {nanoseconds}\n")
    at = 1_700_000_000_000_000_000 + nanoseconds
    os.utime(source, ns=(at, at))

    done = mounted.run(
        'cp -p "$S" "$P" && [ ! "$S" -nt "$P" ] && [ ! "$P" -nt "$S" ]'
        ' && [ -z "$(cp -uv "$S" "$P")" ]'
        ' && [ -z "$(rsync -t --modify-window=-1 --out-format=%n "$S" "$P")" ]',
        S=str(source),
        P=str(path),
    )

    assert done.returncode == 0, done.stderr
    assert path.stat().st_mtime_ns == at
    again = at + 1_000_000_001
    os.utime(path, ns=(again, again))
    assert path.stat().st_mtime_ns == again


def test_listings_begin_with_both_dots_and_can_be_rewound(mounted: Mounted) -> None:
    folder = mounted.folder
    for place in (
        *(folder / name for name in ("", "all", "archived", "by-id", "mine", "tags", "search")),
        *(mounted.asset("lists"), folder / "tags" / "alpha", folder / ".coexplorer"),
        folder / ".coexplorer" / "unsent",
    ):
        listed = subprocess.run(
            ["ls", "-aUi", place], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        here, above = (line.split() for line in listed[:2])
        assert (here[1], above[1]) == (".", "..")
        assert int(here[0]) == place.stat().st_ino
        if place != folder:
            assert int(above[0]) == (place / "..").resolve().stat().st_ino
        assert len(listed) == len(set(listed)) == len(list(place.iterdir())) + 2

    script = """
import ctypes, pathlib, sys
libc = ctypes.CDLL(None)
libc.opendir.restype = libc.readdir.restype = ctypes.c_void_p
libc.readdir.argtypes = libc.rewinddir.argtypes = [ctypes.c_void_p]
def read():
    names = []
    while entry := libc.readdir(stream):
        names.append(ctypes.string_at(entry + 19))
    return names
stream = libc.opendir(sys.argv[1].encode())
before = read()
pathlib.Path(sys.argv[1], "new~").write_text("x")
libc.rewinddir(stream)
assert set(read()) - set(before) == {b"new~"}, before
"""
    done = subprocess.run(
        [sys.executable, "-c", script, mounted.asset("lists")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["description.md", "notes.txt", "tags~"])
def test_an_unlinked_file_that_is_open_has_no_link(mounted: Mounted, name: str) -> None:
    path = mounted.asset("links") / name
    if not path.exists():
        path.write_text("text\n")
    with path.open() as file:
        assert os.fstat(file.fileno()).st_nlink == 1
        path.unlink()
        assert os.fstat(file.fileno()).st_nlink == 0
        assert file.read()


def test_a_name_that_is_too_long_is_said_to_be(mounted: Mounted) -> None:
    for folder in (mounted.asset("names"), mounted.folder / "all", mounted.folder / "tags"):
        for length in (256, 1000):
            with pytest.raises(OSError, check=lambda error: error.errno == errno.ENAMETOOLONG):
                (folder / ("x" * length)).stat()
        assert not (folder / ("x" * 255)).exists()


def test_special_files_are_refused_with_a_reason(mounted: Mounted) -> None:
    path = mounted.asset("special") / "pipe"
    with pytest.raises(PermissionError):
        os.mkfifo(path)
    with pytest.raises(PermissionError):
        os.mknod(path, 0o600)
    assert "special file pipe" in (mounted.folder / ".coexplorer" / "log").read_text()


def test_folders_of_tags_are_counted(mounted: Mounted) -> None:
    tags = mounted.folder / "tags"

    for number in range(1000):
        (tags / f"t{number}").mkdir()
    with pytest.raises(OSError, check=lambda error: error.errno == errno.ENOSPC):
        (tags / "t1000").mkdir()
    assert "empty tag folders already" in (mounted.folder / ".coexplorer" / "log").read_text()
    for number in range(1000):
        (tags / f"t{number}").rmdir()
    assert not (tags / "t0").exists()
    (tags / "t0").mkdir()


def test_a_save_that_was_acknowledged_is_shown_after_a_crash(mounted: Mounted) -> None:
    path = mounted.asset("killed") / "description.md"
    (catalog,) = (mounted.home / "cache").rglob("*.sqlite3")
    mounted.settle()
    with closing(sqlite3.connect(catalog, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")  # so that the catalog does not hear of it
        assert save(path, "acknowledged\n") == 0
        mounted.kill()
    gate = mounted.server.hooks.before("GET")
    try:
        mounted.start(wait=False)
        assert path.read_text() == "acknowledged\n"
        assert '"acknowledged"' in (path.parent / "asset.json").read_text()
    finally:
        gate.release()
    assert mounted.server.store.get(make_id(len(NAMES))).description == "acknowledged"
