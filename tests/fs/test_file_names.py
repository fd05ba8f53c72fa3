"""What files of assets are called in a mount: any two entries of a folder have two names."""

from __future__ import annotations

import random

import pytest

from coexplorer.fs.core.asset_files import AssetFiles, name_files
from coexplorer.fs.core.nodes import NOWHERE, Node
from coexplorer.fs.kernel import inodes
from coexplorer.fs.kernel.inodes import Inode, Place, data_inode, is_data, split_view
from coexplorer.models import AssetId, FileEntry


def entry(name: str, *, is_folder: bool = False, asked: str = "") -> FileEntry:
    return FileEntry(name, f"top/{name}", is_folder, None if is_folder else 1, asked)


def test_a_key_that_is_both_shows_as_both() -> None:
    names = name_files([entry("x", is_folder=True), entry("x"), entry("x~", is_folder=True)])
    assert names[b"x"] == entry("x")
    assert names[b"x~"] == entry("x~", is_folder=True)
    (third,) = set(names) - {b"x", b"x~"}
    assert third.startswith(b"x~")
    assert names[third] == entry("x", is_folder=True)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        (".zattrs", b".zattrs"),
        ("..data", b"..data"),
        (".", b"%2E"),
        ("..", b"%2E%2E"),
        ("...", b"..."),
        ("%41", b"%2541"),
        ("a\nb\0", b"a%0Ab%00"),
        ("\udcff", b"%ED%B3%BF"),
        ("x" * 255, b"x" * 255),
    ],
)
def test_only_what_can_be_no_name_is_escaped(name: str, wanted: bytes) -> None:
    assert list(name_files([entry(name)])) == [wanted]


def test_every_entry_of_any_folder_has_a_name_of_its_own_that_a_disk_takes() -> None:
    rng = random.Random(5)
    parts = ["x", "~", ".", "%", "7E", "/", "\n", "é" * 100, "x" * 250, "\udc80", " "]
    for _ in range(300):
        found = {
            (name, is_folder): entry(name, is_folder=is_folder)
            for name in ("".join(rng.choices(parts, k=rng.randint(1, 4))) for _ in range(20))
            for is_folder in rng.sample([True, False], k=rng.randint(1, 2))
        }
        names = name_files(found.values())
        assert sorted(map(repr, names.values())) == sorted(map(repr, found.values()))
        for name in names:
            assert 0 < len(name) <= 255
            assert name not in {b".", b".."}
            assert not {b"/"[0], 0, 10} & set(name)
        again = name_files(reversed(found.values()))
        assert set(again) == set(names)  # whatever order it is listed in


def test_inodes_stay_the_same_and_never_mean_two_things(monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node(AssetId("a"), 1, 1, b"a", (), 0.0, NOWHERE)
    files = AssetFiles()
    file = files.ensure(node, entry("x"), Inode(Place.FILES))
    assert is_data(file.inode)
    assert split_view(file.inode) is None
    assert file.inode == data_inode(node.id, "top/x")
    assert files.ensure(node, entry("x"), Inode(Place.FILES)) is file
    monkeypatch.setattr("coexplorer.fs.core.asset_files.data_inode", lambda *_: file.inode)
    other = files.ensure(node, entry("y"), Inode(Place.FILES))
    assert other.inode == inodes.next_data_inode(file.inode)
    files.let_go(file.inode)
    assert files.find(file.inode) is None
    assert files.find(other.inode) is other
    node.gone = True
    assert files.find(other.inode) is None
