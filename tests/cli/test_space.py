"""``du`` and ``cache``: what files take on the platform, and on this disk."""

import pytest

from coexplorer.library.folder_sizes import FolderSizes
from coexplorer.models import FileEntry
from tests.support.program import Program
from tests.support.server import COMBINED, DERIVED, RAW

BYTES = bytes(range(256)) * 1000


@pytest.fixture
def asset(program: Program) -> str:
    """An asset with folders of different sizes."""
    folder = program.server.make_bucket("lab-data") / "session"
    (folder / "small" / "er").mkdir(parents=True)
    (folder / "large").mkdir()
    (folder / "a.txt").write_text("alpha")
    (folder / "small" / "er" / "c.txt").write_text("gamma")
    (folder / "large" / "b.bin").write_bytes(BYTES)
    args = ("--bucket", "lab-data", "--prefix", "session", "--public", "--wait", "--ids")
    return program.ok("create", "session", *args).out.strip()


def test_du_adds_up_folders_the_largest_first(program: Program, asset: str) -> None:
    lines = program.ok("du", asset).lines
    assert lines[0].split() == ["SIZE", "FILES", "FOLDER"]
    assert [line.split()[-2:] for line in lines[1:]] == [
        ["3", "."],
        ["1", "large/"],
        ["1", "small/"],
    ]
    deep = program.ok("du", asset, "-d", "9", "-o", "json").json
    assert {each["path"]: each["size"] for each in deep} == {
        "": 256_010,
        "large": 256_000,
        "small": 5,
        "small/er": 5,
    }
    assert len(program.ok("du", asset, "--depth", "0", "-o", "csv").lines) == 2
    program.server.log.clear()
    program.ok("du", asset)
    assert program.server.requests("POST", "*/files") == [], "it was listed before"


def test_du_of_several_goes_on_after_one_without_files(program: Program, asset: str) -> None:
    done = program("du", COMBINED, RAW, asset, "-d0")
    assert done.code == 7
    assert f"{COMBINED[:8]}: " in done.err
    assert {line.split()[-2] for line in done.lines[1:]} == {RAW[:8], asset[:8]}
    whole = program.ok("du", "name:session", "-d0", "-o", "json").json
    assert [each["asset_id"] for each in whole] == [asset]


def test_sizes_that_nobody_says_are_counted_apart() -> None:
    sizes = FolderSizes("a", depth=1)
    for path, size in (("a/b/c", 5), ("a/b/d/e", None), ("a/f", 7)):
        sizes.add(FileEntry(path.rpartition("/")[2], path, is_folder=False, size_bytes=size))
    sizes.add(FileEntry("g", "a/g", is_folder=True))
    found = [(each.path, each.files, each.size_bytes, each.unknown) for each in sizes.list_all()]
    assert found == [("a", 3, 12, 1), ("a/b", 2, 5, 1), ("a/g", 0, 0, 0)]


def test_cache_shows_what_is_kept_and_forgets_it(program: Program, asset: str) -> None:
    assert program.ok("cache", "-o", "json").json["used"] == 0
    program.ok("cat", asset, "a.txt", "small/er/c.txt")
    program.ok("files", DERIVED)
    kept = program.ok("cache", "-o", "json").json
    assert {each["id"] for each in kept["assets"]} == {asset, DERIVED}
    assert kept["used"] >= sum(each["size"] for each in kept["assets"]) > 0
    assert kept["most"] == 10_000_000_000
    assert [each["name"] for each in program.ok("cache", asset, "-o", "json").json["assets"]] == [
        "session"
    ]
    assert "of at most 10 GB in " in program.ok("cache").lines[0]
    assert "removed" in program.ok("cache", asset, "--clear").out
    assert [each["id"] for each in program.ok("cache", "-o", "json").json["assets"]] == [DERIVED]
    program.ok("cache", "--clear")
    assert program.ok("cache", "-o", "json").json["assets"] == []
    program.server.log.clear()
    program.ok("cat", asset, "a.txt")
    assert len(program.server.requests("GET", "/storage/*")) == 1


def test_cache_asks_nobody(program: Program, asset: str) -> None:
    program.ok("sync")
    program.server.log.clear()
    program.ok("cache", asset)
    program.ok("cache", "--clear")
    assert program.server.requests() == []


def test_doctor_says_how_much_is_kept(program: Program, asset: str) -> None:
    program.ok("cat", asset, "a.txt")
    (told,) = [each for each in program("doctor", "-o", "json").json if each["check"] == "cache"]
    assert "of at most 10 GB of files are kept in " in told["message"]
