"""A user's own files in an asset's folder: kept as on any disk, reported, never silently lost."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from coexplorer.fs.core.kept_files import KeptFiles
from coexplorer.fs.core.scratch import (
    SCRATCH_LIFE_S,
    KeptFile,
    Scratch,
    ScratchStore,
    is_editors_own,
    is_perhaps_temporary,
)
from coexplorer.fs.kernel.inodes import Inode
from coexplorer.models import AssetId
from tests.support.mounted import Mounted, make_asset, mounting, wait_until
from tests.support.server import make_id


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    with mounting(tmp_path, [make_asset(n, f"a{n}") for n in (1, 2)]) as mounted:
        yield mounted


def kept_folder(mounted: Mounted) -> Path:
    (journal,) = (mounted.home / "state").rglob("journals/*.sqlite3")
    return journal.with_suffix(".kept")


def on_disk(mounted: Mounted) -> dict[str, bytes]:
    """Return all that is kept: asset's id / name, and content."""
    folder = kept_folder(mounted)
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


PUTS = {
    "cp": ('cp "$NEW" "$A/notes.txt"', "notes.txt"),
    "cp_p": ('cp -p "$NEW" "$A/notes.txt"', "notes.txt"),
    "mv": ('mv "$NEW" "$A/"', "new.txt"),
    "tar": ('tar c -C "$W" new.txt | tar x -C "$A"', "new.txt"),
    "rsync": ('rsync -a "$NEW" "$A/"', "new.txt"),
    "install": ('install -m 600 "$NEW" "$A/.env"', ".env"),
    "shell": ('cat "$NEW" > "$A/draft.md"', "draft.md"),
    "append": ('head -n 1 "$NEW" > "$A/draft.md"; tail -n 1 "$NEW" >> "$A/draft.md"', "draft.md"),
    "vim": (
        (
            "vim -es -N -u NONE -i NONE --cmd 'set backupskip=' -c 'read '\"$NEW\" -c wq"
            ' "$A/draft.md" < /dev/null'
        ),
        "draft.md",
    ),
    "sed": ('cp "$NEW" "$A/x.txt"; sed -i "s/one/one/" "$A/x.txt"', "x.txt"),
    "save_as": ('cp "$NEW" "$A/x.part"; mv "$A/x.part" "$A/page.html"', "page.html"),
    "bytes": ('cp "$NEW" "$A/$(printf "caf\\351")"', "caf\udce9"),
}


@pytest.mark.parametrize("put", PUTS)
def test_what_a_user_puts_there_survives_a_crash_of_the_mount(mounted: Mounted, put: str) -> None:
    script, name = PUTS[put]
    new = mounted.home / "new.txt"
    new.write_text("one\ntwo\n")
    os.utime(new, ns=(1_700_000_000_123_456_789, 1_700_000_000_123_456_789))

    done = mounted.run(script, A=str(mounted.asset("a1")), NEW=str(new), W=str(mounted.home))
    mounted.kill()

    assert done.returncode == 0, done.stderr
    assert on_disk(mounted) == {f"{make_id(1)}/{name}": b"one\ntwo\n"}
    mounted.start()
    path = mounted.asset("a1") / name
    assert path.read_text() == "one\ntwo\n"
    assert mounted.status()["kept files"] == "1"
    if put in ("cp_p", "mv", "rsync"):
        assert path.stat().st_mtime_ns == 1_700_000_000_123_456_789
    assert mounted.writes() == []


def test_what_is_kept_is_private_told_of_and_goes_when_it_is_removed(mounted: Mounted) -> None:
    path = mounted.asset("a1") / "notes.txt"
    path.write_text("my notes\n")

    folder = kept_folder(mounted)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    (kept,) = (each for each in folder.rglob("*") if each.is_file())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert (
        "a1/notes.txt is kept on this machine only"
        in (mounted.folder / ".coexplorer" / "log").read_text()
    )
    assert mounted.status()["kept files"] == "1"
    assert mounted.status()["kept"] == "a1/notes.txt"

    done = mounted.cli("umount", str(mounted.folder))
    assert done.returncode == 0, done.stderr
    assert f"  a1/notes.txt  ({make_id(1)})" in done.stderr
    mounted.kill()
    mounted.start()
    assert path.read_text() == "my notes\n"
    for number in range(11):
        (mounted.asset("a2") / f"n{number}").write_text("mine\n")
    (mounted.asset("a2") / "n1~").write_text("a tool's\n")
    told = mounted.cli("umount", str(mounted.folder)).stderr.splitlines()
    assert len(told) == 2 + 10 + 2, told
    assert told[-2:] == ["  … and 2 more", "  and 1 temporary file of editors and tools"]
    mounted.kill()
    mounted.start()
    mounted.run('rm "$A"/n*', A=str(mounted.asset("a2"))).check_returncode()
    path.rename(path.with_name("notes~"))
    assert list(on_disk(mounted)) == [f"{make_id(1)}/notes~"], "what was kept once stays so"
    path.with_name("notes~").unlink()
    assert on_disk(mounted) == {}
    assert mounted.status()["kept files"] == "0"


def test_what_becomes_a_field_or_is_moved_on_is_kept_no_longer(mounted: Mounted) -> None:
    folder, outside = mounted.asset("a1"), mounted.home / "outside"
    done = mounted.run(
        'sed s/old/new/ "$A/description.md" > "$A/t" && mv "$A/t" "$A/description.md"'
        ' && echo one > "$A/x" && echo two > "$A/y" && mv "$A/x" "$A/y" && mv "$A/y" "$B/"'
        ' && mv "$B/y" "$OUT"',
        A=str(folder),
        B=str(mounted.asset("a2")),
        OUT=str(outside),
    )

    assert done.returncode == 0, done.stderr
    assert mounted.server.store.get(make_id(1)).description == "new text"
    assert outside.read_text() == "one\n"
    assert on_disk(mounted) == {}


def test_a_disk_that_is_full_is_told_before_a_source_is_removed(mounted: Mounted) -> None:
    source = mounted.home / "big"
    source.write_bytes(bytes((1 << 20) + 1))

    done = mounted.run('mv "$S" "$A/"', S=str(source), A=str(mounted.asset("a1")))

    assert done.returncode != 0
    assert "No space left" in done.stderr
    assert source.exists()
    assert (
        "a1/big: it can't be larger than 1 MiB"
        in (mounted.folder / ".coexplorer" / "log").read_text()
    )


def test_a_file_that_can_not_be_kept_is_refused(mounted: Mounted) -> None:
    kept_folder(mounted).write_text("in the way")
    source = mounted.home / "notes.txt"
    source.write_text("mine\n")

    done = mounted.run('mv "$S" "$A/"', S=str(source), A=str(mounted.asset("a1")))

    assert done.returncode != 0
    assert source.read_text() == "mine\n"
    assert "can't be kept in" in (mounted.folder / ".coexplorer" / "log").read_text()


def test_links_and_folders_of_a_user_are_refused(mounted: Mounted) -> None:
    folder = mounted.asset("a1")
    with pytest.raises(PermissionError):
        (folder / "link").symlink_to("/etc/hostname")
    with pytest.raises(PermissionError):
        (folder / "folder").mkdir()
    (folder / ".#tags").symlink_to("me@host.1")


def test_files_of_an_asset_that_is_away_wait_for_it(mounted: Mounted) -> None:
    path = mounted.asset("a1") / "notes.txt"
    path.write_text("my notes\n")
    asset = mounted.server.store.get(make_id(1))
    mounted.stop()
    mounted.server.store.delete(make_id(1))
    assert mounted.cli("sync").returncode == 0
    mounted.start()
    assert not path.parent.exists()
    assert mounted.status()["kept"] == str(kept_folder(mounted) / make_id(1) / "notes.txt")

    mounted.server.store.insert([asset])
    assert mounted.cli("sync").returncode == 0
    wait_until(path.exists, "the asset, with its file")
    assert path.read_text() == "my notes\n"


@pytest.mark.parametrize("name", ["sedAbC123", "notes.txt", "tags~"])
def test_what_is_left_of_an_asset_that_somebody_deletes_can_be_reached(
    mounted: Mounted, name: str
) -> None:
    path = mounted.asset("a1") / name
    path.write_text("what is left\n")
    assert mounted.status()["kept"] == f"a1/{name}"
    mounted.server.store.delete(make_id(1))
    assert mounted.cli("sync").returncode == 0
    wait_until(lambda: not path.parent.exists(), "the news that it is gone")

    left = Path(mounted.status()["kept"])

    assert left.read_text() == "what is left\n"
    left.unlink()
    assert mounted.status()["kept files"] == "0"
    assert "kept" not in mounted.status()


EDITORS_OWN = (
    *(".tags.swp", ".tags.swpx", ".tags.swo", ".x.md.swx", ".#tags", ".goutputstream-ABC123"),
    *("description.md___jb_tmp___", ".~lock.tags#", ".tags.kate-swp", ".nfs000000000001", "~$tags"),
)
TEMPORARY = (
    *("4913", "5036", "tags~", "tags.~1~", "#tags#", "sedAbC123", "XXa1B2c3", ".tags.AbC123"),
    *("tags.AbC123", "tmpabcd1234", "tags.lock", ".tmpAB12", "tags.tmp", "description.md.vsctmp"),
    *(".description.md.kak.AbC123", "tags.oAbC123", "gawk.AbC123", "lu1234abc.tmp"),
)
USERS = (
    *("notes.txt", "draft.md", ".env", ".gitignore", "README", "2024", "4914", "a.b", "tmp", "sed"),
    *("x.orig", "tags.bak", "tags.new", "t", ".hidden.folder", "name.json", "XX", "template"),
    *("sedation", "#1 notes.txt", "description.md.old", "\n", ".swp", "caf\udce9"),
    *("sedatives", "sedentary", "tmpanalysis", "tmp_notes", "tmpresults", "tmpresults2", "#todo#"),
    *("report.md~", "description.md.tmp", "lunch.tmp", ".dump.sql", ".icon.svg", ".tags.backup"),
)


def test_editors_own_files_are_told_from_those_of_a_user() -> None:
    assert [name for name in EDITORS_OWN if not is_editors_own(name.encode())] == []
    assert [name for name in USERS + TEMPORARY if is_editors_own(os.fsencode(name))] == []
    assert [name for name in TEMPORARY if not is_perhaps_temporary(name.encode())] == []


def test_no_file_is_lost_because_of_its_name(mounted: Mounted) -> None:
    names = [*TEMPORARY, *(name for name in USERS if name.isascii() and name.isprintable())]
    for name in names:
        source = mounted.home / name
        source.write_text(name)
        shutil.move(source, mounted.asset("a1") / name)
    mounted.stop()
    mounted.start()

    found = {e.name: e.read_text() for e in mounted.asset("a1").iterdir() if e.is_file()}
    assert {name: found.get(name) for name in names} == {name: name for name in names}


def test_what_two_mounts_keep_under_one_name_is_kept_twice(tmp_path: Path) -> None:
    files = KeptFiles(tmp_path / "kept")
    asset = AssetId("a")
    first, stamp = files.write(KeptFile(asset, b"notes.txt", b"first", 1_000))
    second, other = files.write(KeptFile(asset, b"notes.txt", b"second", 1_000))
    assert (first, second) == (b"notes.txt", b"notes (2).txt")

    # Both mounts know the first one; one of them changes it, then the other.
    changed = KeptFile(asset, b"notes.txt", b"changed", 1_000)
    assert files.write(changed, first, stamp)[0] == first
    again, _ = files.write(KeptFile(asset, b"notes.txt", b"changed, too", 1_000), first, stamp)
    assert again == b"notes (3).txt"
    files.remove(asset, first, stamp)
    with pytest.raises(FileNotFoundError):
        files.rename(asset, first, b"x", stamp)
    assert files.rename(asset, second, b"other.txt", other) == b"other.txt"
    assert {file.content for file in files.read(100)} == {b"changed", b"second", b"changed, too"}


def test_a_second_mount_overwrites_no_kept_file(mounted: Mounted, tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.mkdir()
    other = Mounted(mounted.server, mounted.home, beside)
    try:
        other.start()
        for number, mount in enumerate((mounted, other)):
            (mount.asset("a1") / "notes.txt").write_text(f"{number}\n")
    finally:
        other.clean_up()
    assert (mounted.asset("a1") / "notes.txt").read_text() == "0\n"
    assert sorted(on_disk(mounted).values()) == [b"0\n", b"1\n"]
    mounted.stop()
    mounted.start()
    assert (mounted.asset("a1") / "notes (2).txt").read_text() == "1\n"


def test_nobody_else_may_write_what_a_user_keeps(mounted: Mounted) -> None:
    path = mounted.asset("a1") / "notes.txt"
    path.write_text("mine\n")
    path.chmod(0o666)
    assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0
    assert stat.S_IMODE((mounted.folder / ".coexplorer" / "unsent").stat().st_mode) == 0o700


def test_only_what_is_not_kept_expires_and_files_are_counted() -> None:
    store = ScratchStore(max_files=2)
    for number, kept in ((64, None), (65, b"65")):
        store.add(Scratch(Inode(number), 0, b"%d" % number, mtime_ns=0, used=0.0, kept_as=kept))
    with pytest.raises(OSError, check=lambda error: error.errno == errno.ENOSPC):
        store.add(Scratch(Inode(66), 0, b"66", mtime_ns=0, used=0.0))

    assert [each.name for each in store.expire(SCRATCH_LIFE_S)] == [b"64"]
    assert [each.name for each in store.iter_kept()] == [b"65"]


@pytest.mark.parametrize("asset_id", ["a", "../..", ".", "..", "a/b", "", "%41", "x" * 300])
def test_no_id_and_no_name_leads_out_of_the_folder(tmp_path: Path, asset_id: str) -> None:
    files = KeptFiles(tmp_path / "kept")
    names = (b"notes.txt", b"\xff\n", b".new")
    for name in names:
        files.write(KeptFile(AssetId(asset_id), name, b"text", 1_000_000_007))

    assert {path.parent.parent for path in (tmp_path / "kept").rglob("*") if path.is_file()} == {
        tmp_path / "kept"
    }
    if len(asset_id) < 255:
        expected = {KeptFile(AssetId(asset_id), name, b"text", 1_000_000_007) for name in names}
        assert set(files.read(100)) == expected
    for name in names:
        files.remove(AssetId(asset_id), name)
    assert list((tmp_path / "kept").iterdir()) == []
