"""The file systems that `bench_mount` compares ours with."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyfuse3
import trio
from pyfuse3 import (
    EntryAttributes,
    FileHandleT,
    FileInfo,
    FileNameT,
    FlagT,
    InodeT,
    ReaddirToken,
    RequestContext,
)

from tests.support.mounted import wait_until

FILES = ("name", "description.md", "tags", "mount", "asset.json")
TEXT = b"a description of some twenty words, as people write them on a good day, and a newline\n"
PEERS = ("minimal", "rclone", "tmpfs")


@dataclass(frozen=True)
class FileSystem:
    """What is measured: the folder of the assets, and who answers for it (None: the kernel)."""

    name: str
    folder: Path
    pid: int | None


class Minimal(pyfuse3.Operations):
    """Directories of five files, computed from the inode: no names, no state, no rules."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.names = [b"asset %06d" % number for number in range(count)]
        self.numbers = {name: number for number, name in enumerate(self.names)}
        self.files = [name.encode() for name in FILES]

    def attributes(self, inode: int) -> EntryAttributes:
        entry = EntryAttributes()
        entry.st_ino = InodeT(inode)
        is_file = inode > 1 and inode & 7
        entry.st_mode = pyfuse3.ModeT(stat.S_IFREG | 0o600 if is_file else stat.S_IFDIR | 0o700)
        entry.st_nlink = 1 if is_file else 2
        entry.st_size = len(TEXT) if is_file else 0
        entry.entry_timeout = entry.attr_timeout = 300
        return entry

    async def lookup(
        self, parent_inode: InodeT, name: FileNameT, ctx: RequestContext
    ) -> EntryAttributes:
        if parent_inode == 1 and name in self.numbers:
            return self.attributes(8 + 8 * self.numbers[name])
        if parent_inode != 1 and name in self.files:
            return self.attributes(parent_inode + 1 + self.files.index(name))
        raise pyfuse3.FUSEError(errno.ENOENT)

    async def getattr(self, inode: InodeT, ctx: RequestContext) -> EntryAttributes:
        return self.attributes(inode)

    async def opendir(self, inode: InodeT, ctx: RequestContext) -> FileHandleT:
        return FileHandleT(inode)

    async def readdir(self, fh: FileHandleT, start_id: int, token: ReaddirToken) -> None:
        names = self.names if fh == 1 else self.files
        for index in range(start_id, len(names)):
            inode = 8 + 8 * index if fh == 1 else fh + 1 + index
            if not pyfuse3.readdir_reply(
                token, FileNameT(names[index]), self.attributes(inode), index + 1
            ):
                return

    async def open(self, inode: InodeT, flags: FlagT, ctx: RequestContext) -> FileInfo:
        return FileInfo(fh=FileHandleT(inode), keep_cache=True)

    async def read(self, fh: FileHandleT, off: int, size: int) -> bytes:
        return TEXT[off : off + size]


def serve_minimal(folder: str, count: int) -> None:
    pyfuse3.init(Minimal(count), folder, {"default_permissions", "fsname=minimal"})
    try:
        trio.run(pyfuse3.main)
    finally:
        pyfuse3.close()


@contextmanager
def serving(folder: Path, command: Sequence[str]) -> Iterator[int]:
    """Run what mounts a folder, and return its process."""
    folder.mkdir()
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: os.path.ismount(folder), f"a mount at {folder}")
        yield process.pid
    finally:
        subprocess.run(["fusermount3", "-uz", str(folder)], check=False)
        process.terminate()
        process.wait(30)


def make_folder(source: Path, count: int) -> None:
    """Make a local folder of the same shape."""
    for number in range(count):
        folder = source / f"asset {number:06}"
        folder.mkdir(parents=True)
        for name in FILES:
            (folder / name).write_bytes(TEXT)


@contextmanager
def peers(names: Sequence[str], count: int) -> Iterator[list[FileSystem]]:
    """Mount the peers, which keep everything in memory (rclone's folder is in tmpfs)."""
    base = Path(tempfile.mkdtemp(prefix="bench-", dir="/dev/shm"))
    try:
        with ExitStack() as stack:
            found = []
            if "minimal" in names:
                folder = base / "minimal"
                command = [sys.executable, __file__, str(folder), str(count)]
                pid = stack.enter_context(serving(folder, command))
                found.append(FileSystem("minimal", folder, pid))
            source = base / "source"
            if {"rclone", "tmpfs"} & set(names):
                make_folder(source, count)
            if "rclone" in names:
                folder = base / "rclone"
                command = ["rclone", "mount", str(source), str(folder)]
                pid = stack.enter_context(serving(folder, command))
                found.append(FileSystem("rclone", folder, pid))
            if "tmpfs" in names:
                found.append(FileSystem("tmpfs", source, None))
            yield found
    finally:
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    serve_minimal(sys.argv[1], int(sys.argv[2]))
