"""A full disk: what only the mount has is told, and written down as soon as there is room."""

from __future__ import annotations

import resource
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from coexplorer.config import Paths, find_paths
from coexplorer.demo.faults import FaultKind
from coexplorer.fs.core.kept_files import KeptFiles
from coexplorer.fs.rescued import find_rescued
from coexplorer.fs.sync.held_texts import rescue
from tests.support.mounted import Mounted, make_asset, mounting, save, wait_until
from tests.support.server import make_id

ASSETS = ("emptied", "appended", "renamed", "owned", "copied", "twice")


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    assets = [make_asset(number, name) for number, name in enumerate(ASSETS, 1)]
    with mounting(tmp_path, assets) as mounted:
        yield mounted


@contextmanager
def no_room(mounted: Mounted) -> Iterator[None]:
    """Let no file of the mount's process grow."""
    assert mounted.process is not None
    pid, limits = mounted.process.pid, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)


def kept(mounted: Mounted) -> dict[bytes, bytes]:
    (journal,) = (mounted.home / "state").rglob("*.sqlite3")
    files = KeptFiles(journal.with_suffix(".kept"))
    return {file.name: file.content for file in files.read(1 << 20)}


def unsent(mounted: Mounted) -> dict[str, str]:
    folder = mounted.folder / ".coexplorer" / "unsent"
    return {path.name.partition("-")[2]: path.read_text() for path in folder.iterdir()}


def test_what_a_full_disk_had_no_room_for_is_told_and_written_down_later(mounted: Mounted) -> None:
    text = "description.md"
    with no_room(mounted):
        assert save(mounted.asset("emptied") / text, "emptied first\n")
        mounted.run('echo appended >>"$F"', F=str(mounted.asset("appended") / text))
        source = mounted.asset("renamed") / "mine.txt"
        save(source, "renamed over\n")
        with pytest.raises(OSError, check=lambda error: error.filename2 is not None):
            source.rename(source.with_name(text))
        for word in ("one", "two"):
            assert save(mounted.asset("twice") / text, f"{word}\n")
        mounted.run('echo shell >"$F"', F=str(mounted.asset("owned") / "shell.txt"))
        (mounted.home / "source").write_text("copied\n")
        done = mounted.run('cp source "$F"', F=str(mounted.asset("copied") / "copy.txt"))
        assert done.returncode == 1

        held = {f"{name}/{text}" for name in ("emptied", "appended", "renamed", "twice")}
        held |= {"owned/shell.txt", "copied/copy.txt"}
        status = (mounted.folder / ".coexplorer" / "status").read_text()
        lines = [line.rstrip().partition(": ") for line in status.splitlines()]
        assert held <= {path for key, _, path in lines if key == "not kept"}
        assert not [path for key, _, path in lines if key == "kept"]
        assert kept(mounted) == {}
        refused = mounted.cli("umount", str(mounted.folder))
        assert refused.returncode == 5
        assert "only in the memory of the mount" in refused.stderr
        assert "only in the memory of the mount" in mounted.cli("status").stdout
        assert "only in the memory of the mount" in mounted.cli("doctor").stdout
        error = (mounted.asset("appended") / "error").read_text()
        assert "only in the memory of this mount" in error

    wait_until(lambda: mounted.status()["only in memory"] == "0", "room for all")
    found = {
        f"emptied.{text}": "emptied first\n",
        f"appended.{text}": "old text\nappended\n",
        f"renamed.{text}": "renamed over\n",
    }
    assert found.items() <= unsent(mounted).items()
    texts = [path.read_text() for path in (mounted.folder / ".coexplorer" / "unsent").iterdir()]
    assert {"one\n", "two\n"} <= set(texts)
    assert "coexplorer retry" in (mounted.asset("appended") / "error").read_text()
    owned = {b"shell.txt": b"shell\n", b"copy.txt": b"copied\n"}
    assert owned.items() <= kept(mounted).items()

    assert mounted.cli("retry").returncode == 0
    assert mounted.server.store.get(make_id(2)).description == "old text\nappended"
    assert mounted.cli("umount", str(mounted.folder)).returncode == 0


def test_what_no_disk_has_room_for_is_given_another_place(tmp_path: Path) -> None:
    folder = tmp_path / "rescued"

    assert rescue(folder, [("a/description.md", b"one\n"), ("a/" + "n" * 255, b"two\n")]) == []
    assert sorted(path.read_bytes() for path in folder.iterdir()) == [b"one\n", b"two\n"]
    assert folder.stat().st_mode & 0o077 == 0
    assert rescue(folder, [("b/tags", b"three\n")]) == ["b/tags"]  # somebody else's, perhaps


def test_what_another_place_has_is_told_until_it_is_removed(
    mounted: Mounted, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_STATE_HOME", "TMPDIR"):
        monkeypatch.setenv(name, mounted.env[name])
    monkeypatch.setattr(tempfile, "tempdir", None)
    folder = find_rescued(find_paths(), 4242)
    assert folder.parent == mounted.home
    (mounted.home / f"{folder.name[:-4]}mine").mkdir()
    other = Paths(*[tmp / "other" for tmp in [mounted.home] * 3])
    foreign = find_rescued(other, 4242)  # of a mount with another home
    for place in (folder, foreign):
        assert rescue(place, [("a/description.md", b"one\n")]) == []
    save(mounted.asset("owned") / "name", "two\nlines\n")
    mounted.server.faults.add(FaultKind.STATUS, "PUT", "data_assets/*", status=500)
    assert save(mounted.asset("emptied") / "description.md", "it waits\n") != 0
    (mounted.asset("owned") / "own.md").write_text("mine\n")
    mounted.server.store.delete(make_id(4))
    (mounted.folder / ".coexplorer" / "refresh").touch()
    wait_until(lambda: not mounted.asset("owned").exists(), "the asset gone")

    done = mounted.cli("umount", str(mounted.folder))

    assert done.returncode == 0, done.stderr
    assert "1 change waits for you: coexplorer log, or coexplorer retry" in done.stderr
    assert f"owned/own.md  ({make_id(4)})" in done.stderr
    assert f"is in {folder} (1 file)" in mounted.cli("status").stdout
    assert f"is in {folder} (1 file)" in mounted.cli("doctor").stdout
    mounted.kill()
    mounted.start()
    assert str(folder) in (mounted.folder / ".coexplorer" / "log").read_text()
    assert "-mine" not in mounted.cli("status").stdout
    assert foreign.name not in mounted.cli("status").stdout + mounted.cli("doctor").stdout
    next(folder.iterdir()).unlink()
    assert str(folder) not in mounted.cli("status").stdout
