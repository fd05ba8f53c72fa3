"""Patterns that choose files, and names of files that a disk can't have beside each other."""

import re
from collections.abc import Sequence

import pytest

from coexplorer.fs.core.asset_files import name_files
from coexplorer.library.file_rules import FileRule, FileRules
from coexplorer.library.local_names import LocalNames
from coexplorer.models import FileEntry

FILES = [
    "README.md",
    "a.json",
    "data/a.json",
    "data/b.csv",
    "data/raw/c.json",
    "data/raw/d[1].txt",
    "tmp/e.json",
    "tmp/keep/f.csv",
    "two\nlines.txt",
]


def read(words: str) -> FileRules:
    """Read ``+pattern -pattern``, as they would be given."""
    return FileRules(FileRule(each[1:], each[0] == "+") for each in words.split())


def choose(words: str) -> list[str]:
    """Return the files that are meant; no folder that has one may be passed over."""
    rules = read(words)
    found = [path for path in FILES if rules.takes(path)]
    for path in found:
        parts = path.split("/")
        assert all(rules.enters("/".join(parts[:count])) for count in range(1, len(parts)))
    return found


ALL_JSON = ["a.json", "data/a.json", "data/raw/c.json", "tmp/e.json"]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("", FILES),
        ("+*.json", ALL_JSON),
        ("+*.json -*", ALL_JSON),
        ("+*/ +*.json -*", ALL_JSON),
        ("-* +*.json", []),
        ("-tmp/ +*.json", ALL_JSON[:3]),
        ("-tmp", [each for each in FILES if not each.startswith("tmp")]),
        ("-/a.json", [each for each in FILES if each != "a.json"]),
        ("+/*", ["README.md", "a.json", "data/a.json", "data/b.csv", *FILES[4:]]),
        ("+/*.json", ["a.json"]),
        ("+data/raw", ["data/raw/c.json", "data/raw/d[1].txt"]),
        ("+data/***", ["data/a.json", "data/b.csv", "data/raw/c.json", "data/raw/d[1].txt"]),
        ("+data/*", ["data/a.json", "data/b.csv", "data/raw/c.json", "data/raw/d[1].txt"]),
        ("+data/**/c.json +data/**/b.csv", ["data/b.csv", "data/raw/c.json"]),
        ("+raw/?.json", ["data/raw/c.json"]),
        ("+[!a-c].csv +d[[]1].txt", ["data/raw/d[1].txt", "tmp/keep/f.csv"]),
        ("+d\\[1].txt", ["data/raw/d[1].txt"]),
        ("+*.txt", ["data/raw/d[1].txt", "two\nlines.txt"]),
        ("+keep/** -tmp/", [each for each in FILES if each != "tmp/e.json"]),
        ("+data/", []),
        ("+[", []),
        ("+[z-a].json", []),
        ("-tmp/ -data/", ["README.md", "a.json", "two\nlines.txt"]),
    ],
)
def test_the_first_pattern_that_fits_decides(words: str, wanted: Sequence[str]) -> None:
    assert choose(words) == list(wanted)


def test_folders_without_any_file_that_is_meant_are_passed_over() -> None:
    rules = read("-tmp/ +*.json")
    assert not rules.enters("tmp")
    assert not rules.enters("data/tmp")
    assert rules.enters("data")
    assert read("+keep/** -tmp/").enters("tmp")


def test_a_folder_that_has_a_file_s_name_gets_another_one() -> None:
    names = LocalNames()
    names.note([entry("a"), entry("a", folder=True), entry("b", folder=True), entry("a~")])
    names.note([entry("a/c"), entry("a/c", folder=True)])
    assert names.find("a") == "a"
    other = names.find("a/x").removesuffix("/x")
    assert re.fullmatch("a~[0-9a-f]{8}", other)
    assert names.find("a/c/x/y") == f"{other}/c~/x/y"
    assert names.find("b/a/c") == "b/a/c"


@pytest.mark.parametrize("beside", [(), ("x~",), ("x~", "y"), ("x~", "x~~")])
@pytest.mark.parametrize("other", ["x", "h\u00e9", "sub-01_ses.zarr", "n" * 254, "n" * 255])
def test_a_download_and_a_mount_call_it_the_same(other: str, beside: tuple[str, ...]) -> None:
    beside = tuple(each.replace("x", other) for each in beside if len(other) < 250)
    entries = [entry(other, folder=True), entry(other), *map(entry, beside)]
    names = LocalNames()
    names.note(entries)
    in_mount = {found.path: name for name, found in name_files(entries).items() if found.is_folder}
    assert names.find(f"{other}/z").encode() == in_mount[other] + b"/z"


def entry(path: str, *, folder: bool = False) -> FileEntry:
    """Return a file or folder."""
    return FileEntry(name=path.rpartition("/")[2], path=path, is_folder=folder)
