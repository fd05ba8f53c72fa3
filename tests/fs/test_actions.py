"""What actions in the tree do, on a real mount; each test has its own asset."""

from __future__ import annotations

import errno
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from pathlib import Path

import msgspec
import pytest

from coexplorer.demo.asset import StoredAsset
from tests.support.mounted import ME, Mounted, make_asset, mounting, wait_until
from tests.support.server import make_id

NAMES = [
    *("read", "renamed", "taken", "archive", "unarchive", "tagged", "retagged", "untag", "delete"),
    *("fromall", "storm", "newname", "viewed", "across", "scratch", "hidden", "changed", "kept"),
    *("strange", "alias", "mv_out", "back", "back too", "told", "ahead"),
    *(f"former {number}" for number in range(6)),
    *("taken unseen", "taken seen", "filed unseen", "filed seen"),
    *("gone mv", "gone mv_n", "gone rename"),
]
IDS = {name: make_id(number) for number, name in enumerate(NAMES, 1)}
ARCHIVED = {"unarchive", "delete"}


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [
        make_asset(
            number,
            name,
            archived=name in ARCHIVED,
            tags=("beta", "alpha", f"only-{name}"),
            favorite_of=frozenset({ME} if name in {"viewed", "former 2"} else ()),
        )
        for number, name in enumerate(NAMES, 1)
    ]
    assets += [
        make_asset(90, "twin"),
        make_asset(91, "twin"),
        make_asset(92, "a/b"),
        make_asset(93, ".dot"),
        make_asset(94, "50%41"),
        make_asset(95, "n" * 300),
        make_asset(96, "näme " + "é" * 200),
    ]
    with mounting(tmp_path_factory.mktemp("actions"), assets) as mounted:
        yield mounted


def stored(mounted: Mounted, name: str) -> StoredAsset:
    return mounted.server.store.get(IDS[name])


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def raises_errno(number: int) -> pytest.RaisesExc[OSError]:
    return pytest.raises(OSError, check=lambda error: error.errno == number)


def test_files_hold_the_values(mounted: Mounted) -> None:
    folder = mounted.asset("read")

    assert (folder / "name").read_text() == "read\n"
    assert (folder / "description.md").read_text() == "old text\n"
    assert (folder / "tags").read_text().split() == ["beta", "alpha", "only-read"]
    assert (folder / "mount").read_text() == "place\n"
    assert json.loads((folder / "asset.json").read_text())["id"] == IDS["read"]
    assert not (folder / "error").exists()
    assert (folder / "files").readlink() == Path("../../files", IDS["read"])
    for file in (each for each in folder.iterdir() if not each.is_symlink()):
        assert file.stat().st_size == len(file.read_bytes())
        assert file.stat().st_mode & 0o077 == 0


def test_names_are_safe_and_unique(mounted: Mounted) -> None:
    names = {path.name for path in mounted.folder.joinpath("all").iterdir()}

    assert {"twin", f"twin~{make_id(91)[:8]}", "a%2Fb", "%2Edot", "50%2541"} <= names
    assert all(len(name.encode()) <= 255 for name in names)
    assert len(names) == mounted.server.store.count() - len(ARCHIVED)


def test_rename_is_one_put(mounted: Mounted) -> None:
    mounted.asset("renamed").rename(mounted.asset("renamed to"))

    assert stored(mounted, "renamed").name == "renamed to"
    assert mounted.writes(IDS["renamed"]) == ["PUT"]
    assert (mounted.asset("renamed to") / "name").read_text() == "renamed to\n"
    assert not os.path.lexists(mounted.asset("renamed"))


def test_rename_onto_a_name_that_is_held_is_refused(mounted: Mounted) -> None:
    for held in ("read", "unarchive"):
        with raises_errno(errno.EEXIST):
            mounted.asset("taken").rename(mounted.asset(held))
    assert mounted.writes(IDS["taken"]) == []


def test_archiving_and_back_is_a_move(mounted: Mounted) -> None:
    archived = mounted.folder / "archived"

    assert mounted.run(f"mv '{mounted.asset('archive')}' '{archived}/'").returncode == 0
    assert stored(mounted, "archive").archived
    assert mounted.run(f"mv '{archived}/unarchive' '{mounted.folder}/all/'").returncode == 0
    assert not stored(mounted, "unarchive").archived

    assert (archived / "archive" / "name").read_text() == "archive\n"
    assert mounted.asset("unarchive").is_dir()
    assert mounted.writes(IDS["archive"]) == mounted.writes(IDS["unarchive"]) == ["PATCH"]


def test_tags_are_folders_of_links(mounted: Mounted) -> None:
    link = mounted.folder / "tags" / "only-viewed" / "viewed"

    assert link.readlink() == Path("../../all/viewed")
    assert (link / "name").read_text() == "viewed\n"
    assert (mounted.folder / "favorites" / "viewed" / "name").read_text() == "viewed\n"
    assert (mounted.folder / "mine" / "viewed").readlink() == Path("../all/viewed")
    assert (mounted.folder / "by-id" / IDS["viewed"]).resolve() == mounted.asset("viewed")
    with raises_errno(errno.EPERM):
        (mounted.folder / "favorites" / "viewed").unlink()


def test_a_link_adds_a_tag(mounted: Mounted) -> None:
    done = mounted.run(f"ln -s '{mounted.asset('tagged')}' '{mounted.folder}/tags/only-read/'")

    assert done.returncode == 0, done.stderr
    assert set(stored(mounted, "tagged").tags) == {"beta", "alpha", "only-tagged", "only-read"}
    assert mounted.writes(IDS["tagged"]) == ["PUT"]
    assert "only-read\n" in (mounted.asset("tagged") / "tags").read_text()
    assert (mounted.folder / "tags" / "only-read" / "tagged" / "name").exists()


def test_moving_a_link_exchanges_a_tag(mounted: Mounted) -> None:
    tags = mounted.folder / "tags"
    (tags / "new-tag").mkdir()

    (tags / "alpha" / "retagged").rename(tags / "new-tag" / "retagged")

    assert set(stored(mounted, "retagged").tags) == {"beta", "only-retagged", "new-tag"}
    assert mounted.writes(IDS["retagged"]) == ["PUT"]
    assert not os.path.lexists(tags / "alpha" / "retagged")


@pytest.mark.parametrize("way", ["mv", "rename", "mv_n"])
def test_an_exchange_of_a_tag_that_is_not_there_any_more_adds_none(
    mounted: Mounted, way: str
) -> None:
    name = f"gone {way}"
    link, target = mounted.folder / "tags" / "alpha" / name, mounted.folder / "tags" / "exchanged"
    mounted.server.store.update(IDS[name], tags=("exchanged one",))
    target.mkdir(exist_ok=True)
    flag = "-n" if way == "mv_n" else "-f"
    command = f"mv {flag} '{link}' '{target}/'"
    if way == "rename":
        command = f'python3 -c \'import os; os.rename("{link}", "{target}/{name}")\''

    for _ in range(3):
        done = mounted.run(command)
        assert done.returncode != 0
        assert "No such file or directory" in done.stderr
        assert stored(mounted, name).tags == ("exchanged one",)

    assert mounted.writes(IDS[name]) == []
    assert (mounted.asset(name) / "tags").read_text() == "exchanged one\n"
    assert not (mounted.asset(name) / "error").exists()
    assert f"{name}: replacing a tag failed: it has no tag alpha" in mounted.log_text()


def test_an_empty_tag_folder_lives_and_can_go(mounted: Mounted) -> None:
    folder = mounted.folder / "tags" / "empty"
    folder.mkdir()

    assert "empty" in names_in(mounted.folder / "tags")
    folder.rmdir()
    assert not folder.exists()
    with raises_errno(errno.ENOTEMPTY):
        (mounted.folder / "tags" / "only-read").rmdir()


def test_untagging_needs_its_flag(mounted: Mounted) -> None:
    with raises_errno(errno.EPERM):
        (mounted.folder / "tags" / "alpha" / "untag").unlink()
    assert mounted.writes(IDS["untag"]) == []


def test_deleting_needs_its_flag(mounted: Mounted) -> None:
    with raises_errno(errno.EPERM):
        (mounted.folder / "archived" / "delete").rename(mounted.folder / "deleted" / "delete")
    with raises_errno(errno.EPERM):
        mounted.asset("fromall").rename(mounted.folder / "deleted" / "fromall")
    assert mounted.writes(IDS["delete"]) == mounted.writes(IDS["fromall"]) == []
    assert "--allow-delete" in (mounted.folder / ".coexplorer" / "log").read_text()


def test_whatever_means_nothing_is_refused(mounted: Mounted) -> None:
    root, asset = mounted.folder, mounted.asset("storm")

    for path in (root / "all" / "new", root / "x", asset / "folder", root / "mine" / "x"):
        with raises_errno(errno.EPERM):
            path.mkdir()
    for path in (root / "new", root / "all" / "new", asset / "error", root / ".nomedia"):
        with raises_errno(errno.EPERM):
            path.write_text("x")
        log = (root / ".coexplorer" / "log").read_text()
        assert "refused: " in log.splitlines()[-1]
    with raises_errno(errno.EPERM):
        (asset / "asset.json").write_text("{}")
    with raises_errno(errno.EPERM):
        asset.rename(root / "storm")
    with raises_errno(errno.EPERM):
        asset.rmdir()
    with raises_errno(errno.EPERM):
        os.link(asset / "tags", asset / "x")
    assert mounted.writes(IDS["storm"]) == []


def test_files_cross_assets_only_as_copies(mounted: Mounted) -> None:
    scratch = mounted.asset("scratch") / "text.tmp"
    scratch.write_text("moved\n")

    with raises_errno(errno.EXDEV):
        scratch.rename(mounted.asset("across") / "description.md")
    done = mounted.run(f"mv '{scratch}' '{mounted.asset('across')}/description.md'")

    assert done.returncode == 0, done.stderr
    mounted.settle()
    assert stored(mounted, "across").description == "moved"
    assert mounted.writes(IDS["scratch"]) == []


def test_writing_the_name_moves_the_directory_and_keeps_a_link(mounted: Mounted) -> None:
    folder = mounted.asset("newname")

    (folder / "name").write_text("written name\n")

    assert stored(mounted, "newname").name == "written name"
    assert (mounted.asset("written name") / "tags").exists()
    wait_until(folder.is_symlink, "a link under the old name")
    assert (folder / "name").read_text() == "written name\n"
    assert "newname" not in names_in(mounted.folder / "all")

    with raises_errno(errno.EPERM):
        (mounted.folder / "tags" / "only-read" / "newname").symlink_to(folder)
    log = (mounted.folder / ".coexplorer" / "log").read_text()
    assert log.splitlines()[-1].endswith("it must have the asset's name, written name")


VIEWS = ["all", "mine", "favorites", "tags/beta", "search/name:former", "search/tag:beta"]


@pytest.mark.parametrize("view", VIEWS)
def test_a_former_name_leads_on_in_every_view(mounted: Mounted, view: str) -> None:
    name = f"former {VIEWS.index(view)}"
    link = mounted.folder / view / name
    assert (link / "mount").read_text() == "place\n"

    (link / "name").write_text(f"{name} now\n")

    for _ in range(2):
        assert (link / "name").read_text() == f"{name} now\n"
        (link / "mount").write_text("elsewhere\n")
        assert stored(mounted, name).mount == "elsewhere"
        wait_until(lambda: f"{name} now" in names_in(link.parent), "the new name")
        assert name not in names_in(link.parent)
    if view == "tags/beta":
        (mounted.folder / "tags" / "raised").mkdir()
        done = mounted.run(f"mv '{link}' '{mounted.folder}/tags/raised/'")
        assert done.returncode == 0, done.stderr
        assert set(stored(mounted, name).tags) == {"alpha", f"only-{name}", "raised"}


@pytest.mark.parametrize("seen", [False, True])
def test_a_rename_by_a_name_that_somebody_has_changed_is_refused_each_time(
    mounted: Mounted, *, seen: bool
) -> None:
    name = "taken seen" if seen else "taken unseen"
    rename_elsewhere(mounted, name, seen=seen)
    folder = mounted.folder / "all"

    for _ in range(3):
        done = mounted.run(f"mv '{folder}/{name}' '{folder}/mine'")
        assert done.returncode == 1
        assert "Device or resource busy" in done.stderr
        assert stored(mounted, name).name == f"{name} theirs"
    log = (mounted.folder / ".coexplorer" / "log").read_text()
    assert f"moving {name}: the asset is called {name} theirs now" in log
    assert not (folder / "mine").exists()
    done = mounted.run(f"mv '{folder}/{name} theirs' '{folder}/{name} mine'")
    assert (done.returncode, stored(mounted, name).name) == (0, f"{name} mine"), done.stderr


@pytest.mark.parametrize("seen", [False, True])
def test_an_asset_is_archived_by_the_name_that_it_just_had(mounted: Mounted, *, seen: bool) -> None:
    name = "filed seen" if seen else "filed unseen"
    rename_elsewhere(mounted, name, seen=seen)

    done = mounted.run(f"mv '{mounted.folder}/all/{name}' '{mounted.folder}/archived/'")

    assert done.returncode == 0, done.stderr
    assert stored(mounted, name).archived
    assert mounted.cli("sync").returncode == 0
    there = mounted.folder / "archived" / f"{name} theirs"
    wait_until(there.is_dir, "the asset under its new name")
    assert stored(mounted, name).name == f"{name} theirs"
    wait_until(lambda: not (mounted.folder / "all" / f"{name} theirs").exists(), "it in one place")


def rename_elsewhere(mounted: Mounted, name: str, *, seen: bool) -> None:
    """Rename an asset, as a colleague does; `seen` once the mount knows."""
    mounted.server.store.update(IDS[name], name=f"{name} theirs")
    if seen:
        assert mounted.cli("sync").returncode == 0
        wait_until(mounted.asset(f"{name} theirs").is_dir, "the new name")


@pytest.mark.parametrize("name", ["back", "back too"])
def test_an_asset_moves_back_onto_the_name_that_it_just_had(mounted: Mounted, name: str) -> None:
    folder, away = mounted.asset(name), mounted.asset(f"{name} away")
    (folder / "name").write_text(f"{name} away\n")
    wait_until(folder.is_symlink, "a link under the old name")

    if name == "back":
        done = mounted.run(f"mv '{away}' '{folder}'")
        assert done.returncode == 0, done.stderr
    else:
        # A path that leads through the former name is still one.
        (folder / "new").write_text("described\n")
        (folder / "new").rename(folder / "description.md")
        assert stored(mounted, name).description == "described"
        away.rename(folder)

    assert stored(mounted, name).name == name
    assert folder.is_dir()
    assert not folder.is_symlink()
    assert (folder / "name").read_text() == f"{name}\n"
    assert not os.path.lexists(away)
    assert f"{name} away" not in names_in(mounted.folder / "all")
    assert mounted.writes(IDS[name]) == ["PUT"] * (2 + (name != "back"))


def test_searches_are_folders(mounted: Mounted) -> None:
    search = mounted.folder / "search"

    assert names_in(search / "tag:only-read name:read") == ["read"]
    assert (search / "name:read" / "read" / "name").read_text() == "read\n"
    assert not (search / ".git").exists()
    for never in ("size:>ten", "created:2024..2023", "id:zzz", '-"age":abc'):
        assert not (search / never).exists(), never
        assert f"search/{never}: " in (mounted.folder / ".coexplorer" / "log").read_text()
    assert ".git" not in names_in(search)
    assert "size: " in (mounted.folder / ".coexplorer" / "log").read_text()


def test_unlinked_metadata_comes_back(mounted: Mounted) -> None:
    file = mounted.asset("hidden") / "description.md"

    file.unlink()

    assert not file.exists()
    assert "description.md" not in names_in(file.parent)
    wait_until(file.exists, "the file again")
    assert file.read_text() == "old text\n"
    assert mounted.writes(IDS["hidden"]) == []


def test_a_backup_keeps_its_content_while_the_file_gets_a_new_one(mounted: Mounted) -> None:
    folder = mounted.asset("kept")

    (folder / "description.md").rename(folder / "description.md~")
    (folder / "description.md").write_text("second\n")

    assert (folder / "description.md~").read_text() == "old text\n"
    assert (folder / "description.md").read_text() == "second\n"
    assert stored(mounted, "kept").description == "second"
    assert mounted.writes(IDS["kept"]) == ["PUT"]


def test_what_was_saved_is_read_back_everywhere_at_once(mounted: Mounted) -> None:
    folder = mounted.asset("told")
    assert json.loads((folder / "asset.json").read_text())["description"] == "old text"

    for text in ("a longer text than before", "short"):
        (folder / "description.md").write_text(f"{text}\n")
        told = json.loads((folder / "asset.json").read_text())

        assert told["description"] == text
        assert (folder / "description.md").read_text() == f"{text}\n"


def test_a_save_does_not_wait_for_the_catalog(mounted: Mounted) -> None:
    folder = mounted.asset("ahead")
    (catalog,) = (mounted.home / "cache").rglob("*.sqlite3")

    with closing(sqlite3.connect(catalog, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")  # a process that hangs: nobody else can write
        (folder / "name").write_text("ahead and renamed\n")
        after = mounted.asset("ahead and renamed")

        assert (after / "name").read_text() == "ahead and renamed\n"
        assert json.loads((after / "asset.json").read_text())["name"] == "ahead and renamed"
        assert "ahead and renamed" not in mounted.cli("show", "--offline", IDS["ahead"]).stdout
        other.execute("ROLLBACK")

    wait_until(
        lambda: "ahead and renamed" in mounted.cli("show", "--offline", IDS["ahead"]).stdout,
        "the catalog was told",
    )
    assert mounted.writes(IDS["ahead"]) == ["PUT"]


def test_changes_from_elsewhere_appear(mounted: Mounted) -> None:
    file = mounted.asset("changed") / "description.md"
    assert file.read_text() == "old text\n"
    before = file.stat().st_mtime_ns

    done = mounted.cli("edit", IDS["changed"], "--description", "from elsewhere", "--yes")

    assert done.returncode == 0, done.stderr
    wait_until(lambda: file.read_text() == "from elsewhere\n", "the new value")
    wait_until(lambda: file.stat().st_mtime_ns > before, "a new time")
    assert file.stat().st_size == len("from elsewhere\n")
    wait_until(lambda: "from elsewhere" in (file.parent / "asset.json").read_text(), "in the JSON")


def test_a_rename_elsewhere_moves_the_directory(mounted: Mounted) -> None:
    assert mounted.asset("alias").is_dir()

    done = mounted.cli("edit", IDS["alias"], "--name", "alias two", "--yes")

    assert done.returncode == 0, done.stderr
    wait_until(lambda: mounted.asset("alias two").is_dir(), "the new name")
    wait_until(lambda: mounted.asset("alias").is_symlink(), "a link under the old one")


def test_what_is_archived_or_deleted_elsewhere_goes_from_the_kernels_view(
    mounted: Mounted,
) -> None:
    fresh = make_asset(61, "leaving", tags=("leaving",))
    mounted.server.store.insert([fresh])
    (mounted.folder / ".coexplorer" / "refresh").touch()
    here, there = mounted.asset("leaving"), mounted.folder / "archived" / "leaving"
    wait_until(here.is_dir, "the new asset")
    assert (mounted.folder / "by-id" / make_id(61)).resolve() == here

    assert mounted.cli("archive", make_id(61), "--yes").returncode == 0
    wait_until(there.is_dir, "it is archived")
    assert not here.exists()
    assert (mounted.folder / "by-id" / make_id(61)).resolve() == there
    assert (there / "name").read_text() == "leaving\n"

    done = mounted.cli("rm", make_id(61), "--yes")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: not there.exists(), "it is gone")
    assert not (mounted.folder / "by-id" / make_id(61)).is_symlink()
    assert not (mounted.folder / "tags" / "leaving").exists()
    assert there not in set(there.parent.iterdir())


def test_texts_survive_as_they_were_written(mounted: Mounted) -> None:
    folder = mounted.asset("strange")

    (folder / "description.md").write_bytes(b"no newline")
    (folder / "tags").write_text("zeta\n\n  alpha  \nzeta\n")

    assert stored(mounted, "strange").description == "no newline"
    assert set(stored(mounted, "strange").tags) == {"zeta", "alpha"}
    assert (folder / "description.md").read_bytes() == b"no newline"
    assert (folder / "description.md").stat().st_size == 10


def test_moving_an_asset_to_another_file_system_deletes_nothing(
    mounted: Mounted, tmp_path: Path
) -> None:
    done = mounted.run(f"mv '{mounted.asset('mv_out')}' '{tmp_path}/'")

    assert done.returncode != 0
    assert mounted.writes(IDS["mv_out"]) == []
    assert (tmp_path / "mv_out" / "name").read_text() == "mv_out\n"
    wait_until((mounted.asset("mv_out") / "name").exists, "the file again")


def test_statfs_is_sane(mounted: Mounted) -> None:
    figures = os.statvfs(mounted.folder)

    assert figures.f_bavail > 0
    assert figures.f_namemax == 255


def test_nothing_of_the_token_is_in_the_tree_or_the_log(mounted: Mounted) -> None:
    token = mounted.server.users[0].token
    control = mounted.folder / ".coexplorer"

    texts = [(control / name).read_text() for name in ("status", "log")]
    texts += [mounted.log_text(), (mounted.folder / "README.md").read_text()]

    assert all(token not in text for text in texts)


def test_refresh_finds_what_somebody_changed(mounted: Mounted) -> None:
    mounted.server.store.update(IDS["viewed"], tags=("keep",))

    (mounted.folder / ".coexplorer" / "refresh").touch()

    tags = mounted.asset("viewed") / "tags"
    wait_until(lambda: tags.read_text() == "keep\n", "the new tags")


def _reads(path: Path, text: str) -> bool:
    return path.read_text() == text


def test_no_touch_is_lost_behind_an_earlier_one(mounted: Mounted) -> None:
    refresh, tags = mounted.folder / ".coexplorer" / "refresh", mounted.asset("viewed") / "tags"
    for number in range(4):
        refresh.touch()
        mounted.server.store.update(IDS["viewed"], tags=(f"keep {number}",))
        refresh.touch()
        wait_until(partial(_reads, tags, f"keep {number}\n"), "the new tags")
        refresh.touch()


def test_refresh_finds_news(mounted: Mounted) -> None:
    mounted.server.store.insert(
        [msgspec.structs.replace(make_asset(200, "news"), created=1_790_000_000)]
    )

    (mounted.folder / ".coexplorer" / "refresh").touch()

    wait_until(mounted.asset("news").is_dir, "the new asset")
