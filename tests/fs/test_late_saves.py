"""Saves behind one that hangs: the newest text is never only in the mount's memory."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from coexplorer.demo.faults import Kind
from tests.support.mounted import Mounted, make_asset, mounting, save, wait_until
from tests.support.server import make_id

ID = make_id(1)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    with mounting(tmp_path, [make_asset(1, "a1")]) as mounted:
        yield mounted


def log_of(mounted: Mounted) -> str:
    return (mounted.folder / ".coexplorer" / "log").read_text()


def unsent(mounted: Mounted) -> dict[str, str]:
    folder = mounted.folder / ".coexplorer" / "unsent"
    return {each.name.partition(".")[2]: each.read_text() for each in folder.iterdir()}


def unmount(mounted: Mounted) -> None:
    subprocess.run(["fusermount3", "-uz", str(mounted.folder)], check=True)


ENDS: dict[str, Callable[[Mounted], object]] = {
    "kill": Mounted.kill,
    "terminate": Mounted.stop,
    "umount": unmount,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_save_behind_one_that_hangs_outlives_the_mount(mounted: Mounted, end: str) -> None:
    mounted.server.faults.add(Kind.SILENCE, "PUT", "data_assets/*")
    folder = mounted.asset("a1")

    assert save(folder / "description.md", "v1\n") == errno.ETIMEDOUT
    assert mounted.run(f"echo t >> '{folder}/tags'; exit $?").stdout == ""
    assert save(folder / "description.md", "v2\n") == errno.ETIMEDOUT
    assert "arrived" not in log_of(mounted)
    ENDS[end](mounted)
    mounted.clean_up()
    mounted.server.faults.clear()
    mounted.start()

    assert unsent(mounted)["description.md"] == "v2\n"
    assert "t\n" in unsent(mounted)["tags"]


def test_only_what_has_arrived_is_said_to_have_arrived(mounted: Mounted) -> None:
    gate = mounted.server.hooks.before("PUT")
    path = mounted.asset("a1") / "description.md"
    assert save(path, "v1\n") == errno.ETIMEDOUT
    assert save(path, "v2\n") == errno.ETIMEDOUT
    assert unsent(mounted) == {"description.md": "v2\n"}

    gate.release()
    wait_until(lambda: mounted.server.store.get(ID).description == "v2", "the newest text")
    wait_until(lambda: log_of(mounted).count("arrived after all") == 2, "both ends")
    assert path.read_text() == "v2\n"
    assert not (path.parent / "error").exists()
    wait_until(lambda: unsent(mounted) == {}, "nothing unsent")
    assert save(path, "v3\n") == 0


@pytest.mark.parametrize("text", ["v2\n", "v1\nv2\n"])
def test_a_save_of_ours_that_was_late_is_no_conflict(mounted: Mounted, text: str) -> None:
    gate = mounted.server.hooks.before("PUT")
    path = mounted.asset("a1") / "description.md"
    assert save(path, "v1\n") == errno.ETIMEDOUT

    gate.release()
    wait_until(lambda: mounted.server.store.get(ID).description == "v1", "the late text")
    assert save(path, text) == 0
    assert mounted.server.store.get(ID).description == text.strip()
