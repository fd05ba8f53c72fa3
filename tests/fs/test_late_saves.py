"""Saves behind a hanging one: the newest text is never only in the mount's memory."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import msgspec
import pytest

from coexplorer.demo.faults import FaultKind
from tests.support.mounted import IMPATIENT, Mounted, make_asset, mounting, save, wait_until
from tests.support.server import make_id

ID = make_id(1)


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    with mounting(tmp_path, [make_asset(1, "a1")], first=IMPATIENT) as mounted:
        yield mounted


def log_of(mounted: Mounted) -> str:
    return (mounted.folder / ".coexplorer" / "log").read_text()


def unsent(mounted: Mounted) -> dict[str, str]:
    folder = mounted.folder / ".coexplorer" / "unsent"
    return {each.name.partition(".")[2]: each.read_text() for each in folder.iterdir()}


def waiting(mounted: Mounted) -> set[object]:
    """The descriptions that the journal has in case the mount ends; nobody else may send them."""
    lines = mounted.cli("log", "-n", "50", "--entries", "-o", "jsonl").stdout.splitlines()
    rows = [msgspec.json.decode(line) for line in lines]
    return {row["wanted"]["description"] for row in rows if row["state"] == "planned"}


def unmount(mounted: Mounted) -> None:
    subprocess.run(["fusermount3", "-uz", str(mounted.folder)], check=True)


ENDS: dict[str, Callable[[Mounted], object]] = {
    "kill": Mounted.kill,
    "terminate": Mounted.stop,
    "umount": unmount,
}


@pytest.mark.parametrize("end", ENDS)
def test_a_save_behind_one_that_hangs_outlives_the_mount(mounted: Mounted, end: str) -> None:
    mounted.server.faults.add(FaultKind.SILENCE, "PUT", "data_assets/*")
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
    assert waiting(mounted) == {"v2"}
    assert "nothing is waiting" in mounted.cli("retry").stdout, "it is on its way"

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


@pytest.mark.parametrize("force", [False, True])
def test_what_is_written_and_not_closed_outlives_the_end_of_the_mount(
    mounted: Mounted, *, force: bool
) -> None:
    with (mounted.asset("a1") / "description.md").open("w", buffering=1) as writer:
        writer.write("half a text\n")
        if force:
            done = mounted.cli("umount", "--force", str(mounted.folder))
            assert done.returncode == 0, done.stderr
        else:
            mounted.stop()
        with suppress(OSError):
            writer.close()
    mounted.clean_up()
    mounted.start()
    assert unsent(mounted) == {"description.md": "half a text\n"}
    assert mounted.server.store.get(ID).description == "old text"


def test_an_emptied_field_is_in_the_journal_before_it_is_sent(mounted: Mounted) -> None:
    gate = mounted.server.hooks.before("PUT")
    path = mounted.asset("a1") / "description.md"
    path.write_bytes(b"")
    wait_until(lambda: waiting(mounted) == {""}, "the empty text")
    gate.release()
    wait_until(lambda: mounted.server.store.get(ID).description == "", "the empty text, sent")
    wait_until(lambda: unsent(mounted) == {}, "nothing unsent")


@pytest.mark.parametrize("tag", [" lead", "trail ", " both ", "\ttab"])
def test_a_tag_with_outer_blanks_is_refused_with_a_reason(mounted: Mounted, tag: str) -> None:
    folder = mounted.folder / "tags" / tag
    with pytest.raises(PermissionError):
        folder.mkdir()
    assert "can't begin or end with a blank" in log_of(mounted)
    assert not folder.exists()


def test_a_name_with_outer_blanks_is_refused_with_a_reason(mounted: Mounted) -> None:
    with pytest.raises(PermissionError):
        mounted.asset("a1").rename(mounted.folder / "all" / "with blanks  ")
    assert "can't begin or end with a blank" in log_of(mounted)
    assert mounted.writes() == []


def test_trouble_of_the_platform_is_no_time_out(tmp_path: Path) -> None:
    """However often it is tried again: with the waits of everyday."""
    with mounting(tmp_path, [make_asset(1, "a1")]) as mounted:
        mounted.server.faults.add(FaultKind.STATUS, "PATCH", f"data_assets/{ID}*", status=500)
        mounted.server.faults.add(FaultKind.STATUS, "PATCH", f"data_assets/{ID}/**", status=500)
        with pytest.raises(OSError, check=lambda error: error.errno == errno.EIO):
            mounted.asset("a1").rename(mounted.folder / "archived" / "a1")


def test_who_has_read_that_it_is_forbidden_may_try_again(mounted: Mounted) -> None:
    path = mounted.asset("a1") / "description.md"
    mounted.server.faults.add(FaultKind.STATUS, "PUT", "data_assets/*", status=403)
    assert save(path, "mine\n") == errno.EACCES
    mounted.server.faults.clear()
    assert save(path, "mine\n") == errno.EACCES
    assert "saving description.md failed" in (path.parent / "error").read_text()
    assert save(path, "mine\n") == 0


def test_the_status_names_what_is_kept_in_whole_lines(mounted: Mounted) -> None:
    for number in range(30):
        (mounted.asset("a1") / f"{'long' * 50}{number}").write_text("mine\n")
    text = (mounted.folder / ".coexplorer" / "status").read_text()
    kept = [line.rstrip() for line in text.splitlines() if line.startswith("kept: ")]
    assert kept[0] == f"kept: a1/{'long' * 50}0"
    assert len(kept) == 30
    for name in (".description.md.un~", "50%.txt", "two\nlines"):
        (mounted.asset("a1") / name).write_text("mine\n")
    text = (mounted.folder / ".coexplorer" / "status").read_text()
    for name in (".description.md.un~", "50%.txt", "two%0Alines"):
        assert f"kept: a1/{name}" in [line.rstrip() for line in text.splitlines()]
        (mounted.asset("a1") / name.replace("%0A", "\n")).unlink()

    for number in range(100):
        (mounted.asset("a1") / f"{'more' * 50}{number}").write_text("mine\n")
    text = (mounted.folder / ".coexplorer" / "status").read_text()
    kept = [line.rstrip() for line in text.splitlines() if line.startswith("kept: ")]
    assert kept[-1] == f"kept: … and {130 - len(kept) + 1} more"


def test_what_arrives_after_the_mount_was_killed_and_looked_is_settled(mounted: Mounted) -> None:
    folder = mounted.asset("a1")
    gate = mounted.server.hooks.before("PUT")
    assert save(folder / "description.md", "a text that arrives late\n") == errno.ETIMEDOUT
    mounted.kill()
    mounted.start()
    wait_until((folder / "error").exists, "what a look has shown")
    assert "did not reach the platform" in (folder / "error").read_text()

    gate.release()  # a proxy had held it back
    wait_until(lambda: mounted.server.store.get(ID).description != "old text", "the request")
    (mounted.folder / ".coexplorer" / "refresh").touch()

    wait_until(lambda: not (folder / "error").exists(), "the report to go")
    assert (folder / "description.md").read_text() == "a text that arrives late\n"
    wait_until(lambda: "arrived after all" in log_of(mounted), "that it arrived in the log")
    assert (mounted.status()["unsent"], mounted.status()["errors"]) == ("0", "0")
