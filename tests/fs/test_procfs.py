"""What /proc says of a process, asked of this one and of one that is gone."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from coexplorer.fs.kernel.procfs import has_writable, is_killed


@pytest.mark.parametrize(
    ("flags", "writes"), [(os.O_RDONLY, False), (os.O_WRONLY, True), (os.O_RDWR, True)]
)
def test_a_writable_descriptor_is_found_among_others(
    tmp_path: Path, flags: int, *, writes: bool
) -> None:
    path = tmp_path / "file"
    path.touch()
    one, other = socket.socketpair()
    pipe = os.pipe()
    descriptor = os.open(path, flags)
    inode = path.stat().st_ino
    try:
        assert has_writable(os.getpid(), inode, b"file", None) is writes
        assert not has_writable(os.getpid(), inode, b"file", -1), "of another mount"
        assert not has_writable(os.getpid(), inode, b"ile", None), "another name"
    finally:
        os.close(descriptor)
    assert not has_writable(os.getpid(), inode, b"file", None)
    for each in pipe:
        os.close(each)
    one.close()
    other.close()


def test_a_file_that_has_lost_its_name_is_found_too(tmp_path: Path) -> None:
    path = tmp_path / "file"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    inode = path.stat().st_ino
    path.unlink()
    assert has_writable(os.getpid(), inode, b"file", None)
    os.close(descriptor)


def test_of_a_process_that_is_gone_nothing_is_known() -> None:
    done = subprocess.Popen([sys.executable, "-c", ""])
    assert done.wait() == 0
    assert not has_writable(done.pid, 1, b"file", None)
    assert not is_killed(done.pid)
    assert not is_killed(os.getpid())
