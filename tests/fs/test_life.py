"""How mounts start and end, and what is left when they end badly."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mounted import Mounted, make_asset, mounting, wait_until
from tests.support.namespaces import UNSHARE
from tests.support.server import make_id


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    with mounting(tmp_path, [make_asset(n, f"a{n}") for n in range(1, 4)], start=False) as mounted:
        yield mounted


def test_mount_goes_to_the_background_and_umount_ends_it(mounted: Mounted) -> None:
    done = mounted.cli("mount", str(mounted.folder))

    assert done.returncode == 0, done.stderr
    assert mounted.folder.joinpath("README.md").exists()
    assert len(list((mounted.folder / "all").iterdir())) == 3, "a loop finds them all at once"
    status = mounted.cli("status").stdout
    assert str(mounted.folder) in status
    assert mounted.server.url in status

    assert (mounted.asset("a1") / "name").read_text() == "a1\n"
    assert mounted.cli("mount", str(mounted.folder)).returncode != 0

    done = mounted.cli("umount", str(mounted.folder))
    assert done.returncode == 0, done.stderr
    assert not os.path.ismount(mounted.folder)
    assert str(mounted.folder) not in mounted.cli("status").stdout


@pytest.mark.parametrize("options", [(), ("--no-wait",)])
def test_a_mount_without_any_assets_so_far_is_no_success_of_a_script(
    mounted: Mounted, options: tuple[str, ...]
) -> None:
    mounted.server.faults.add(401)

    done = mounted.cli("mount", *options, str(mounted.folder))

    assert done.returncode == (0 if options else 3), done.stderr
    assert ("has no assets yet: you are not signed in" in done.stderr) is not bool(options)
    assert mounted.folder.joinpath("README.md").exists(), "it goes on trying"
    assert mounted.cli("umount", str(mounted.folder)).returncode == 0


def test_a_crash_is_healed_by_the_next_mount(mounted: Mounted) -> None:
    mounted.start()
    before = (mounted.asset("a1") / "tags").stat().st_ino
    mounted.kill()

    mounted.start()

    assert (mounted.asset("a1") / "tags").read_text() == "beta\nalpha\n"
    assert (mounted.asset("a1") / "tags").stat().st_ino == before


def test_a_dead_mount_is_recognised_and_detached(mounted: Mounted) -> None:
    mounted.start()
    process = mounted.process
    assert process is not None
    # Its helper would clean up after a crash: this is a crash that takes the helper along.
    helpers = subprocess.run(
        ["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    for pid in helpers:
        os.kill(int(pid), signal.SIGKILL)
    held = subprocess.Popen(["sleep", "60"], cwd=mounted.asset("a1"))
    try:
        mounted.kill()
        mounted.start()
        assert (mounted.asset("a2") / "name").read_text() == "a2\n"
    finally:
        held.kill()
        held.wait()


def test_a_killed_mount_loses_no_edit(mounted: Mounted) -> None:
    mounted.start()
    gate = mounted.server.hooks.before("PUT")
    writer = subprocess.Popen(
        ["bash", "-c", f"cat > '{mounted.asset('a1')}/description.md' <<< words"],
        stderr=subprocess.DEVNULL,
    )
    gate.wait()
    mounted.kill()
    writer.wait(30)
    gate.release()

    mounted.start()

    wait_until(
        lambda: (
            mounted.server.store.get(make_id(1)).description == "words"
            or any((mounted.folder / ".coexplorer" / "unsent").iterdir())
        ),
        "the text on the platform, or kept",
    )


def test_a_folder_that_is_not_empty_is_refused(mounted: Mounted) -> None:
    mounted.folder.mkdir()
    (mounted.folder / "mine.txt").write_text("x")

    done = mounted.cli("mount", str(mounted.folder))

    assert done.returncode != 0
    assert "not empty" in done.stderr
    assert "Traceback" not in done.stderr


def test_umount_names_who_keeps_it_busy_and_force_ends_it(mounted: Mounted) -> None:
    mounted.start()
    held = subprocess.Popen(["sleep", "60"], cwd=mounted.asset("a1"))
    try:
        done = mounted.cli("umount", str(mounted.folder))
        assert done.returncode != 0
        assert f"sleep ({held.pid})" in done.stderr
        assert "--force" in done.stderr
        assert (mounted.asset("a1") / "name").exists()

        assert mounted.cli("umount", "--force", str(mounted.folder)).returncode == 0
        assert not os.path.ismount(mounted.folder)
    finally:
        held.kill()
        held.wait()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_signals_end_it_cleanly(mounted: Mounted, number: signal.Signals) -> None:
    mounted.start()
    assert mounted.process is not None

    mounted.process.send_signal(number)

    assert mounted.process.wait(20) == 0
    assert not os.path.ismount(mounted.folder)


def test_unmounting_from_outside_ends_it_cleanly(mounted: Mounted) -> None:
    mounted.start()
    assert mounted.process is not None

    subprocess.run(["fusermount3", "-u", str(mounted.folder)], check=True)

    assert mounted.process.wait(20) == 0


def test_two_mounts_of_one_profile_see_each_others_edits(mounted: Mounted) -> None:
    mounted.start()
    other = Mounted(mounted.server, mounted.home, mounted.folder.with_name("other"))
    try:
        other.start()
        seen = other.asset("a1") / "tags"
        assert seen.read_text() == "beta\nalpha\n"

        (mounted.asset("a1") / "tags").write_text("gamma\n")
        mounted.asset("a2").rename(mounted.asset("b2"))

        wait_until(lambda: seen.read_text() == "gamma\n", "the edit in the other mount")
        wait_until(other.asset("b2").is_dir, "the rename in the other mount")
        wait_until((other.folder / "tags" / "gamma" / "a1").is_symlink, "the link")
        (other.asset("a1") / "tags").write_text("delta\n")
        assert mounted.server.store.get(make_id(1)).tags == ("delta",)
    finally:
        other.clean_up()


def test_what_is_open_keeps_its_text_and_is_what_the_process_was_shown(mounted: Mounted) -> None:
    mounted.start()
    path = mounted.asset("a1") / "tags"
    link = mounted.folder / "tags" / "gamma" / "a1"

    reading = os.open(path, os.O_RDONLY)
    try:
        assert mounted.cli("edit", make_id(1), "--tags", "gamma", "--yes").returncode == 0
        wait_until(link.is_symlink, "the colleague's change")
        assert os.read(reading, 100) == b"beta\nalpha\n"
        assert os.fstat(reading).st_size == len("beta\nalpha\n")
    finally:
        os.close(reading)
    path.write_text("delta\n")

    assert sorted(mounted.server.store.get(make_id(1)).tags) == ["delta", "gamma"]


def test_who_only_reads_goes_on_reading_what_he_has_opened(mounted: Mounted) -> None:
    mounted.start()
    path = mounted.asset("a1") / "tags"

    with path.open("rb") as reading, path.open("rb") as other:
        assert os.pread(reading.fileno(), 100, 0) == b"beta\nalpha\n"
        path.write_text("gamma\n")
        assert path.read_text() == "gamma\n"
        path.unlink()
        path.write_text("delta\n")
        assert path.read_text() == "delta\n"
        assert os.pread(reading.fileno(), 100, 0) == b"beta\nalpha\n"
        assert os.fstat(other.fileno()).st_size == len("beta\nalpha\n")
        assert other.read() == b"beta\nalpha\n"

    assert mounted.server.store.get(make_id(1)).tags == ("delta",)
    assert mounted.writes() == ["PUT", "PUT"]
    mounted.settle()


def test_what_was_read_beside_a_writer_is_merged_with_what_came_meanwhile(
    mounted: Mounted,
) -> None:
    mounted.start()
    path = mounted.asset("a1") / "tags"
    link = mounted.folder / "tags" / "gamma" / "a1"

    # While somebody has it open for writing, its text stays as it is under their offsets.
    with path.open("a"):
        assert mounted.cli("edit", make_id(1), "--add-tag", "gamma", "--yes").returncode == 0
        wait_until(link.is_symlink, "the colleague's change")
        done = mounted.run(f"text=$(<'{path}'); echo \"$text\"; echo delta >> '{path}'")

    assert done.stdout == "beta\nalpha\n", done.stderr
    assert set(mounted.server.store.get(make_id(1)).tags) == {"beta", "alpha", "gamma", "delta"}


def test_it_works_offline_from_the_catalog(mounted: Mounted) -> None:
    mounted.start()
    wait_until(lambda: mounted.status()["last answer"] != "never", "the status says when")
    assert mounted.stop() == 0
    mounted.server.stop()

    mounted.start()

    assert (mounted.asset("a1") / "description.md").read_text() == "old text\n"
    assert (mounted.folder / "tags" / "alpha" / "a1").is_symlink()
    (mounted.folder / ".coexplorer" / "refresh").touch()
    wait_until(lambda: mounted.status()["network"] == "offline", "the status says so")
    assert mounted.status()["last answer"] == "never"


def test_a_mount_to_look_at_needs_no_journal(mounted: Mounted) -> None:
    mounted.start()
    assert mounted.stop() == 0
    journals = mounted.home / "state" / "coexplorer" / "journals"
    journals.rename(journals.with_name("elsewhere"))
    journals.write_text("no folder")
    refused = mounted.cli("mount", str(mounted.folder))
    assert refused.returncode != 0
    assert "the journal" in refused.stderr

    mounted.start("--read-only")

    assert (mounted.asset("a1") / "tags").read_text() == "beta\nalpha\n"
    done = mounted.run(f"echo x > '{mounted.asset('a1')}/tags'")
    assert "Read-only file system" in done.stderr
    assert mounted.writes() == []
    mounted.server.store.insert([make_asset(9, "new")])
    (mounted.folder / ".coexplorer" / "refresh").read_text()  # touch is refused by the kernel
    wait_until(lambda: mounted.asset("new").exists(), "news")


def test_reading_everything_asks_nothing_an_asset(mounted: Mounted) -> None:
    mounted.start()
    mounted.server.log.clear()

    done = mounted.run(
        f"cd '{mounted.folder}' && grep -r text all >/dev/null && ls -lR . >/dev/null && du -s . "
        "&& find . | wc -l"
    )

    assert done.returncode == 0, done.stderr
    assert [r.path for r in mounted.server.requests(path="*/data_assets/0*")] == []


def test_without_pyfuse3_one_sentence_says_what_to_do(mounted: Mounted, tmp_path: Path) -> None:
    (tmp_path / "pyfuse3.py").write_text("raise ImportError('no such library')")

    done = mounted.run(f"PYTHONPATH='{tmp_path}' '{sys.executable}' -m coexplorer mount x")

    assert done.returncode != 0
    assert "pyfuse3 can't be loaded (no such library)" in done.stderr
    assert "pip install 'pyfuse3" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_dev_fuse_one_sentence_says_what_to_do(mounted: Mounted) -> None:
    # An empty /dev, which nobody but this command sees.
    command = f"mount -t tmpfs none /dev && exec '{sys.executable}' -m coexplorer mount x"
    done = mounted.run(f'{shlex.join(UNSHARE)} sh -c "{command}"')

    assert done.returncode != 0
    assert "this machine has no /dev/fuse" in done.stderr
    assert "modprobe fuse" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_fusermount_one_sentence_says_what_to_do(mounted: Mounted, tmp_path: Path) -> None:
    bare = tmp_path / "bin"
    bare.mkdir()

    done = mounted.run(f"PATH='{bare}' '{sys.executable}' -m coexplorer mount x")

    assert done.returncode != 0
    assert "fusermount3 is missing" in done.stderr
    assert "install it: FUSE 3" in done.stderr
    assert "Traceback" not in done.stderr
