"""Mounts that hang, can't start, are looked at by others, or lose their catalog."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.support.mounted import Mounted, make_asset, mounting, save, wait_until
from tests.support.namespaces import UNSHARE
from tests.support.patience import stretched
from tests.support.server import make_id

FORCED_S = 3
"""How long `umount --force` of a mount that hangs may take."""


@pytest.fixture
def mounted(tmp_path: Path) -> Iterator[Mounted]:
    with mounting(tmp_path, [make_asset(n, f"a{n}") for n in range(1, 4)], start=False) as mounted:
        yield mounted


@pytest.fixture
def hanging(mounted: Mounted) -> Iterator[Mounted]:
    """A mount whose process was stopped, with somebody who waits for an answer of it."""
    mounted.start()
    assert mounted.process is not None
    mounted.process.send_signal(signal.SIGSTOP)
    waiting = subprocess.Popen(["cat", mounted.asset("a1") / "name"], stderr=subprocess.DEVNULL)
    try:
        yield mounted
    finally:
        mounted.process.send_signal(signal.SIGCONT)
        waiting.kill()
        waiting.wait()


@pytest.mark.parametrize("path", ["{folder}", "../mount", "link", "above/mount", "{folder}/"])
def test_a_mount_that_hangs_is_ended_by_force(hanging: Mounted, path: str) -> None:
    (hanging.home / "link").symlink_to(hanging.folder)
    (hanging.home / "above").symlink_to("..")
    path = path.format(folder=hanging.folder)
    started = time.monotonic()
    done = hanging.cli("umount", "--force", path)
    assert time.monotonic() - started < stretched(FORCED_S)
    assert (done.returncode, done.stderr) == (0, f"unmounted {Path(path)}\n")
    assert not os.path.ismount(hanging.folder)
    assert hanging.process is not None
    assert hanging.process.wait(stretched(10)) == 0
    assert str(hanging.folder) not in hanging.cli("status").stdout


def test_what_is_written_and_not_closed_outlives_a_mount_that_was_stopped(mounted: Mounted) -> None:
    mounted.start()
    assert mounted.process is not None
    path = mounted.asset("a1") / "description.md"
    writer = subprocess.Popen(
        ["bash", "-c", 'exec 3> "$0"; echo "not closed yet" >&3; echo ready; read -r', path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"ready\n"
        mounted.process.send_signal(signal.SIGSTOP)
        done = mounted.cli("umount", "--force", str(mounted.folder))
        assert done.returncode == 0
        unmounted, told = done.stderr.splitlines()
        assert unmounted == f"unmounted {mounted.folder}"
        assert told.startswith("coexplorer: 1 text was not sent: coexplorer log --entries shows")
        assert mounted.process.wait(stretched(10)) == 0
    finally:
        writer.kill()
        writer.communicate()
    assert "not closed yet" in mounted.cli("log", "--entries", "-o", "json").stdout
    assert mounted.cli("retry").returncode == 0
    assert mounted.server.store.get(make_id(1)).description == "not closed yet"


def test_a_mount_that_can_not_be_woken_up_is_killed_and_that_is_told(mounted: Mounted) -> None:
    """As one whose event loop hangs: it hears no signal."""
    mounted.start()
    assert mounted.process is not None
    mounted.process.send_signal(signal.SIGSTOP)
    program = (
        "import sys; from coexplorer.fs import mounts; from coexplorer.cli import main;"
        "mounts.signal.SIGCONT = mounts.signal.SIGTERM; mounts._RESCUE_S = 0.2; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "umount", "--force", str(mounted.folder)],
        env=mounted.env,
        cwd=mounted.home,
        capture_output=True,
        text=True,
        timeout=stretched(60),
        check=False,
    )
    assert done.returncode == 0, done
    assert "written to a file and not closed is lost" in done.stderr
    assert mounted.process.wait(stretched(10)) == -signal.SIGKILL


def test_a_mount_that_hangs_is_told_and_the_way_out_works(hanging: Mounted) -> None:
    for command in (("umount",), ("mount",)):
        done = hanging.cli(*command, str(hanging.folder))
        assert done.returncode == 5, done
        assert "does not answer" in done.stderr
        assert f"coexplorer umount --force {hanging.folder}" in done.stderr
    assert "coexplorer umount --force" in hanging.cli("status").stdout
    assert hanging.cli("umount", "--force", str(hanging.folder)).returncode == 0
    done = hanging.cli("mount", str(hanging.folder))
    assert done.returncode == 0, done
    assert (hanging.asset("a1") / "name").read_text() == "a1\n"
    assert hanging.cli("umount", str(hanging.folder)).returncode == 0


def test_a_mount_that_was_stopped_and_goes_on_is_ended_as_usual(hanging: Mounted) -> None:
    assert hanging.process is not None
    hanging.process.send_signal(signal.SIGCONT)
    wait_until(lambda: "hangs" not in hanging.cli("status").stdout, "an answer")
    done = hanging.cli("umount", str(hanging.folder))
    assert done.returncode == 0, done
    assert hanging.process.wait(stretched(10)) == 0


def test_why_nothing_can_be_mounted_is_told(mounted: Mounted) -> None:
    closed = 'mount --bind /dev/null /dev/fuse; exec "$@"'  # as in most containers
    program = [sys.executable, "-m", "coexplorer", "mount", str(mounted.folder)]
    done = subprocess.run(
        [*UNSHARE, "sh", "-c", closed, "sh", *program],
        env=mounted.env,
        capture_output=True,
        text=True,
        timeout=stretched(60),
        check=False,
    )
    assert done.returncode == 5, done
    assert f"{mounted.folder} can't be mounted: " in done.stderr
    assert "fusermount3: mount failed: Invalid argument" in done.stderr
    assert "you may not mount on this machine" in done.stderr
    assert "user_allow_other" not in done.stderr


@pytest.mark.parametrize(
    ("args", "left"),
    [
        (("--allow-delete", "{folder}"), "10"),
        (("--allow-delete", "3", "{folder}"), "3"),
        (("--allow-delete=4", "{folder}"), "4"),
        (("{folder}", "--allow-delete"), "10"),
        (("{folder}",), "0"),
    ],
)
def test_the_number_of_deletions_may_be_left_out(
    mounted: Mounted, args: tuple[str, ...], left: str
) -> None:
    done = mounted.cli("mount", *(arg.format(folder=mounted.folder) for arg in args))
    assert done.returncode == 0, done
    assert mounted.status()["deletions left"] == left
    assert mounted.cli("umount", str(mounted.folder)).returncode == 0


VIEWS = {
    "bind": 'mkdir -p "$B" && mount --bind "$M" "$B" && cd "$B"',
    "unshare": 'cd "$M"',
    "pid namespace": 'cd "$M"',
}


@pytest.mark.parametrize("view", VIEWS)
def test_a_writer_who_sees_the_mount_elsewhere_saves_once(mounted: Mounted, view: str) -> None:
    """As every container with a volume does, and services with a private /tmp."""
    mounted.start()
    outer = {
        "bind": "unshare --mount",
        "unshare": "unshare --mount",
        "pid namespace": "unshare --mount --pid --fork --mount-proc",
    }[view]
    inner = (
        f"{VIEWS[view]} && cd all/a1 && "
        "( /bin/echo new; sleep .3; /bin/echo text ) > description.md && "
        "exec 3> tags && echo one >&3 && echo two >&3 && exec 3>&-"
    )
    done = mounted.run(
        f"{outer} bash -c '{inner}'", M=str(mounted.folder), B=str(mounted.home / "bound")
    )
    assert done.returncode == 0, done
    mounted.settle()
    stored = mounted.server.store.get(make_id(1))
    assert (stored.description, set(stored.tags)) == ("new\ntext", {"one", "two"})
    assert mounted.writes(make_id(1)) == ["PUT", "PUT"]


def test_the_log_and_the_status_are_files_that_tools_can_follow(mounted: Mounted) -> None:
    mounted.start()
    control = mounted.folder / ".coexplorer"
    tail = subprocess.Popen(
        ["tail", "-n", "0", "-s", "0.05", "-f", control / "log"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert tail.stdout is not None
    try:
        for number in range(3):
            before = (control / "log").stat().st_size
            wait_until(lambda: _has_open(tail.pid, "log"), "tail to begin")
            assert save(mounted.asset("a1") / "asset.json", "x")
            assert (control / "log").stat().st_size > before, number
            line = tail.stdout.readline()
            assert "only name, description.md, tags, mount and metadata.toml change" in line, line
    finally:
        tail.kill()
        tail.communicate()
    assert (control / "log").stat().st_size == len((control / "log").read_bytes())
    size = (control / "status").stat().st_size
    for number in range(20):
        (mounted.asset("a1") / f"{'long' * 20}{number}").write_text("mine\n")
    first, second = ((control / "status").read_bytes() for _ in range(2))
    assert len(first) == size
    assert first.rstrip().endswith(b" more")
    assert second.count(b"kept: a1/") == 20
    for text in (first, second):
        assert len(text) - len(text.rstrip()) <= 100, "blanks that would scroll it away"
    done = mounted.run(f"tar cf copy.tar -C '{mounted.folder}' . && tar tf copy.tar | wc -l")
    assert (done.returncode, done.stderr) == (0, ""), done
    done = mounted.run(f"rsync -a '{control}/' copied/ && cmp '{control}/log' copied/log")
    assert (done.returncode, done.stderr) == (0, ""), done


def _has_open(pid: int, name: str) -> bool:
    """Tell whether a process has a file of this name open."""
    links = Path(f"/proc/{pid}/fd").iterdir()
    return any(str(link.readlink()).endswith(f"/{name}") for link in links)


def test_what_the_owner_wrote_stays_private_where_others_may_look(mounted: Mounted) -> None:
    mounted.start("--allow-other")
    mounted.server.faults.add(403, "PUT", "data_assets/*")
    assert save(mounted.asset("a1") / "description.md", "my unpublished words\n")
    control = mounted.folder / ".coexplorer"
    (unsent,) = (control / "unsent").iterdir()
    for path in (unsent, control / "log", mounted.asset("a1") / "error"):
        assert path.stat().st_mode & 0o777 == 0o400, path
        assert path.read_text()
    for path in (mounted.asset("a1") / "asset.json", mounted.asset("a1") / "name"):
        assert path.stat().st_mode & 0o044 == 0o044, path
    other = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "cat"]
    assert subprocess.run([*other, unsent], capture_output=True, check=False).returncode == 1
    done = subprocess.run(
        [*other, mounted.asset("a2") / "name"], capture_output=True, text=True, check=False
    )
    # Only where the folders above the mount let the other user come so far.
    assert done.stdout == "a2\n" or str(mounted.folder) in done.stderr


def test_a_catalog_that_is_made_anew_is_followed(mounted: Mounted) -> None:
    mounted.start()
    (catalog,) = (mounted.home / "cache").rglob("*.sqlite3")
    for beside in catalog.parent.glob(f"{catalog.name}*"):
        beside.unlink()
    assert (mounted.asset("a1") / "name").read_text() == "a1\n"
    assert save(mounted.asset("a1") / "description.md", "before\n") == 0
    assert mounted.cli("sync").returncode == 0
    wait_until(
        lambda: "made again" in (mounted.folder / ".coexplorer" / "log").read_text(), "the news"
    )
    assert mounted.cli("edit", make_id(2), "--add-tag", "news", "--yes").returncode == 0
    wait_until(lambda: "news" in (mounted.asset("a2") / "tags").read_text(), "the other's edit")
    assert save(mounted.asset("a1") / "description.md", "after\n") == 0
    with closing(sqlite3.connect(catalog)) as connection:
        query = "SELECT raw FROM content JOIN asset USING (n) WHERE id = ?"
        wait_until(
            lambda: b"after" in connection.execute(query, (make_id(1),)).fetchone()[0],
            "our edit in the new file",
        )
