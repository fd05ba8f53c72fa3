"""The work of `bench_files`, in a process of its own; prints figures as JSON, one row a line.

    file_work.py HOW WORK STORAGE PLACE

HOW is how a file is opened: ``coexplorer``, ``remfile``, ``fsspec-block``, ``fsspec-readahead`` or
``path``. STORAGE is the address of `range_server`, which counts. PLACE is the file: its name in the
asset or at the storage, or its path in a mount.
"""

from __future__ import annotations

import json
import os
import random
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

ASSET = "0000007b"
WARM = "warm/file.bin"
BLOCK = 64 * 1024
THREADS = 8


def find_opener(how: str, storage: str, place: str) -> Callable[[], Any]:
    """Return what opens the file; what is imported and signed in once is so already."""
    url = f"{storage}/{place}"
    match how:
        case "coexplorer":
            import coexplorer

            with coexplorer.open_file(ASSET, WARM) as file:
                file.read(1)
            return lambda: coexplorer.open_file(ASSET, place)
        case "remfile":
            import remfile

            return lambda: remfile.File(url)
        case "fsspec-block" | "fsspec-readahead":
            import fsspec

            cache = {
                "fsspec-block": {"block_size": 2**20, "cache_type": "blockcache"},
                "fsspec-readahead": {"block_size": 4 * 2**20, "cache_type": "readahead"},
            }[how]
            return lambda: fsspec.filesystem("http").open(url, **cache)
        case _:
            return lambda: place


def visit(_: str, node: Any) -> None:
    list(node.attrs.items())
    if hasattr(node, "dtype"):
        _looked = (node.shape, node.dtype)


class Work:
    def __init__(self, how: str, storage: str, place: str) -> None:
        self.storage = storage
        self.place = place
        self.is_path = how == "path"
        self.open = find_opener(how, storage, place)

    def count(self) -> tuple[int, int]:
        with urllib.request.urlopen(f"{self.storage}/stat") as reply:
            requests, sent = reply.read().split()
        return int(requests), int(sent)

    @contextmanager
    def measured(self, name: str, moved: int = 0) -> Iterator[None]:
        self.count()
        began = time.monotonic()
        yield
        seconds = time.monotonic() - began
        requests, sent = self.count()
        row = {"name": name, "seconds": seconds, "requests": requests, "bytes": sent}
        print(json.dumps(row | {"moved": moved}), flush=True)

    def nwb(self) -> None:
        """Open the file as a user of NWB does, read two slices, and do it again."""
        import h5py

        for again in ("", " again"):
            with self.measured(f"visit{again}"):
                file = h5py.File(self.open(), "r")
                file.visititems(visit)
            with self.measured(f"slices{again}"):
                _ = file["acquisition/ap"][100_000:130_000, 32:48]
                _ = file["units/spike_times"][1_000_000:1_100_000]
            file.close()

    def scattered(self, size: int, reads: int) -> None:
        """Read blocks all over the file, several threads at once."""
        rng = random.Random(7)
        offsets = [rng.randrange(size // BLOCK) * BLOCK for _ in range(reads)]
        moved = reads * BLOCK
        with (
            self.opened() as read,
            ThreadPoolExecutor(THREADS) as pool,
            self.measured("scattered", moved),
        ):
            for content in pool.map(lambda offset: read(offset, BLOCK), offsets):
                assert len(content) == BLOCK

    def through(self, size: int) -> None:
        """Read the file from the start to the end."""
        with self.opened() as read, self.measured("through", size):
            for offset in range(0, size, 2**20):
                assert read(offset, 2**20)

    @contextmanager
    def opened(self) -> Iterator[Callable[[int, int], bytes]]:
        if self.is_path:
            handle = os.open(self.place, os.O_RDONLY)
            yield lambda offset, size: os.pread(handle, size, offset)
            os.close(handle)
            return
        file = self.open()
        with file:
            if hasattr(file, "read_at"):
                yield file.read_at
            else:
                yield lambda offset, size: (file.seek(offset), file.read(size))[1]


if __name__ == "__main__":
    how, what, storage, place, *rest = sys.argv[1:]
    getattr(Work(how, storage, place), what)(*map(int, rest))
