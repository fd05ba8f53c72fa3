"""No tool deletes an asset by accident, and a mount that may delete has a limit."""

from __future__ import annotations

import errno
import os
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.support.mounted import Mounted, make_asset, mounting, wait_until
from tests.support.server import make_id

STORMS = {
    "rm": "rm -rf '{mount}'/*",
    "rm_assets": "rm -rf '{mount}'/all/*",
    "find": "find '{mount}' -delete",
    "rsync": "mkdir -p '{empty}' && rsync -a --delete '{empty}/' '{mount}/all/'",
    "mv": "mv '{mount}'/all/* '{empty}/..'",
    "rmdir": "rmdir '{mount}'/all/*",
}
FLAGS = ("--allow-untag", "--allow-delete=2")


@pytest.fixture(params=[(), FLAGS], ids=["default", "allowed"], scope="module")
def mounted(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mounted]:
    assets = [make_asset(n, f"a{n}", archived=n > 5, tags=(f"t{n}",)) for n in range(1, 11)]
    options: tuple[str, ...] = request.param
    with mounting(tmp_path_factory.mktemp("guards"), assets, *options) as mounted:
        yield mounted


@pytest.mark.parametrize("storm", STORMS)
def test_a_storm_of_deletions_deletes_no_asset(
    mounted: Mounted, tmp_path: Path, storm: str
) -> None:
    count = mounted.server.store.count()
    allowed = mounted.status()["deletions left"] != "0"
    before = len(mounted.writes())
    empty = tmp_path / "empty"
    empty.mkdir()

    done = mounted.run(STORMS[storm].format(mount=mounted.folder, empty=empty))

    assert done.returncode != 0
    mounted.settle()
    assert mounted.server.store.count() == count
    assert {"DELETE", "PATCH"} & set(mounted.writes()) == set()
    if not allowed:  # with --allow-untag a storm may take tags away, as it was told to
        assert len(mounted.writes()) == before


@pytest.fixture
def deleting(tmp_path: Path) -> Iterator[Mounted]:
    assets = [make_asset(n, f"a{n}", archived=n > 2, tags=("t",)) for n in range(1, 7)]
    with mounting(tmp_path, assets, *FLAGS) as mounted:
        yield mounted


@pytest.mark.parametrize("change", [{"name": "b3"}, {"tags": ("keep",)}, {"description": "keep"}])
def test_what_a_colleague_has_changed_meanwhile_is_not_deleted(
    deleting: Mounted, change: dict[str, object]
) -> None:
    deleting.server.store.update(make_id(3), **change)

    with pytest.raises(OSError, check=lambda error: error.errno == errno.EBUSY):
        (deleting.folder / "archived" / "a3").rename(deleting.folder / "deleted" / "a3")

    assert "deleting failed" in (deleting.folder / ".coexplorer" / "log").read_text()
    assert "DELETE" not in deleting.writes()


def test_the_flags_allow_what_they_say_and_no_more(deleting: Mounted) -> None:
    root = deleting.folder
    archived, deleted = root / "archived", root / "deleted"

    with pytest.raises(PermissionError):
        deleting.asset("a1").rename(deleted / "a1")
    for name in ("a3", "a4"):
        (archived / name).rename(deleted / name)
    with pytest.raises(PermissionError):
        (archived / "a5").rename(deleted / "a5")

    assert deleting.server.store.find(make_id(3)) is None
    assert sorted(path.name for path in deleted.iterdir()) == ["a3", "a4"]
    assert '"a3"' in (deleted / "a3" / "asset.json").read_text()
    assert deleting.writes().count("DELETE") == 2

    (root / "tags" / "t" / "a1").unlink()
    assert deleting.server.store.get(make_id(1)).tags == ()
    assert deleting.writes(make_id(1)) == ["PUT"]


@pytest.mark.parametrize(
    "theirs", [{"description": "the only copy"}, {"tags": ("keep",)}, {"state": "failed"}]
)
def test_an_asset_that_is_not_as_it_was_shown_is_not_deleted(
    deleting: Mounted, theirs: dict[str, object]
) -> None:
    archived, deleted = deleting.folder / "archived", deleting.folder / "deleted"
    assert (archived / "a3" / "asset.json").read_text()
    deleting.server.store.update(make_id(3), **theirs)
    with pytest.raises(OSError, check=lambda error: error.errno == errno.EBUSY):
        (archived / "a3").rename(deleted / "a3")
    assert deleting.server.store.find(make_id(3)) is not None
    assert "DELETE" not in deleting.writes()
    (archived / "a3").rename(deleted / "a3")  # by what it shows now
    assert deleting.server.store.find(make_id(3)) is None


def test_a_read_only_mount_is_erofs(tmp_path: Path) -> None:
    with mounting(tmp_path, [make_asset(1, "a1")], "--read-only") as mounted:
        folder = mounted.asset("a1")
        with pytest.raises(OSError, check=lambda error: error.errno == errno.EROFS):
            (folder / "tags").write_text("x")
        with pytest.raises(OSError, check=lambda error: error.errno == errno.EROFS):
            folder.rename(mounted.asset("b1"))
        assert (folder / "tags").read_text() == "beta\nalpha\n"
        assert mounted.writes() == []


def test_fifty_writers_and_readers_lose_nothing(tmp_path: Path) -> None:
    """Also: what the kernel held is forgotten again, and nothing stays open."""
    assets = [make_asset(n, f"a{n}") for n in range(1, 26)]
    with mounting(tmp_path, assets) as mounted:
        trouble: list[str] = []

        def write(number: int) -> None:
            path = mounted.asset(f"a{number}") / "description.md"
            for turn in range(3):
                path.write_text(f"text {number} {turn}\n")

        def read(number: int) -> None:
            path = mounted.asset(f"a{number}") / "description.md"
            for _ in range(20):
                text = path.read_text()
                if text not in ("old text\n", "") and not text.startswith(f"text {number} "):
                    trouble.append(text)

        threads = [
            threading.Thread(target=work, args=(number,))
            for number in range(1, 26)
            for work in (write, read)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        mounted.settle()

        assert trouble == []
        for number in range(1, 26):
            assert mounted.server.store.get(make_id(number)).description == f"text {number} 2"
            assert mounted.writes(make_id(number)) == ["PUT"] * 3
        subprocess.run(["find", str(mounted.folder)], capture_output=True, check=False)
        assert_nothing_is_held(mounted)


def test_slow_saves_of_many_assets_wait_for_nobody(tmp_path: Path) -> None:
    """All of them are at the platform at the same time, before any of them is answered."""
    count = 40
    with mounting(tmp_path, [make_asset(n, f"a{n}") for n in range(1, count + 1)]) as mounted:
        gates = [mounted.server.hooks.before("PUT", f"*/{make_id(n)}") for n in range(1, count + 1)]
        paths = [mounted.asset(f"a{n}") / "description.md" for n in range(1, count + 1)]
        with ThreadPoolExecutor(count) as pool:
            saves = [pool.submit(path.write_text, "slow\n") for path in paths]
            for gate in gates:
                gate.wait()
            assert not any(save.done() for save in saves)
            mounted.server.hooks.release_all()

        assert [save.result() for save in saves] == [len("slow\n")] * count
        for number in range(1, count + 1):
            assert mounted.server.store.get(make_id(number)).description == "slow"


def assert_nothing_is_held(mounted: Mounted) -> None:
    if os.getuid() != 0:
        pytest.skip("only root can make the kernel forget")

    def is_forgotten() -> bool:
        Path("/proc/sys/vm/drop_caches").write_text("2")
        status = mounted.status()
        return status["lookups"] == "0" and status["open files"] == "0"

    wait_until(is_forgotten, f"all lookups forgotten: {mounted.status()}")


def test_renames_that_race_end_in_one_winner(tmp_path: Path) -> None:
    with mounting(tmp_path, [make_asset(n, f"a{n}") for n in range(1, 9)]) as mounted:
        results: list[int] = []

        def rename(number: int) -> None:
            try:
                mounted.asset(f"a{number}").rename(mounted.asset("winner"))
            except OSError as error:
                results.append(error.errno or -1)
            else:
                results.append(0)

        threads = [threading.Thread(target=rename, args=(number,)) for number in range(1, 9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert sorted(results) == [0] + [errno.EEXIST] * 7
        names = [mounted.server.store.get(make_id(number)).name for number in range(1, 9)]
        assert names.count("winner") == 1
        assert (mounted.asset("winner") / "name").read_text() == "winner\n"


def test_other_users_may_look_only_where_they_are_let_in() -> None:
    if os.getuid() != 0:
        pytest.skip("only root can become another user, and let others in without fuse.conf")
    assets = [make_asset(1, "a1")]
    # Not below pytest's own folder, which no other user may enter.
    with TemporaryDirectory(prefix="coexplorer-") as base:
        Path(base).chmod(0o755)
        with mounting(Path(base), assets, start=False) as mounted:
            as_nobody = "setpriv --reuid=65534 --regid=65534 --clear-groups --"
            name = f"{mounted.asset('a1')}/name"
            mounted.start()
            assert mounted.run(f"{as_nobody} cat '{name}'").returncode != 0
            mounted.stop()

            mounted.start("--allow-other")
            done = mounted.run(f"{as_nobody} cat '{name}' && {as_nobody} ls '{mounted.folder}/all'")
            assert (done.returncode, done.stdout) == (0, "a1\na1\n"), done.stderr
            done = mounted.run(f"{as_nobody} sh -c \"echo theirs > '{name}'\"")
            assert "Permission denied" in done.stderr
            assert mounted.writes() == []
