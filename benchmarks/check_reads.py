"""Random reads of files on a storage full of faults, with each byte compared, until a time is over.

    PYTHONPATH=. python benchmarks/check_reads.py --minutes 30 [--seed 1]

Sessions of the library read random parts of a few files at the embedded platform, several at once;
some are cancelled in the middle. Meanwhile the storage refuses, cuts off, stalls, sends other parts
than were asked for, or lets addresses expire, and somebody flips bits of the cache, cuts its files
or deletes them. The cache is small, so that its files come and go. In the end:

    reads         that gave bytes
    refused       that ended with one of our errors
    wrong         that gave other bytes than the file has
    over          looks at the cache that found more in it than it may hold

The last two have to be 0, or else the exit code is 1.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import sys
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import anyio
import anyio.to_thread
import msgspec

from coexplorer.config import Paths, Settings
from coexplorer.config.tokens import GivenToken
from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.server import DemoServer
from coexplorer.errors import CoexplorerError
from coexplorer.library import Library, open_library
from coexplorer.models import AssetId, Secret
from coexplorer.remote_files import BLOCK_BYTES, BlockCache, FileReader
from tests.support.generated import generate
from tests.support.server import make_id

ID = AssetId(make_id(123))
SIZES = (0, 1, BLOCK_BYTES, 300_001, 5_000_000, 12_345_678)
MOST_BYTES = 6_000_000
LONGEST_S = 120.0
"""How long a read may take; one that takes longer hangs, and that is a finding."""

FAULTS = (
    *("reset", "short", "no-range", "range-200", "wrong-range", "etag", "lost"),
    *(400, 401, 403, 404, 416, 429, 500, 503, "stall", "silence", "html"),
)


class Checker:
    """Reads at random, and compares.

    Args:
        folder: For the platform, the cache and the rest.
        rng: Decides everything.

    Attributes:
        wrong: Reads that gave other bytes than the file has, each with what was read.
        over: How often the cache held more than it may.
        told: What else happened, and how often.
    """

    def __init__(self, folder: Path, rng: random.Random) -> None:
        self.wrong: list[str] = []
        self.over = 0
        self.told: Counter[str] = Counter()
        self._folder = folder
        self._rng = rng

    async def run(self, *, rounds: int, reads: int) -> None:
        """Open one session after another, each with a few readers at once.

        Args:
            rounds: How many sessions.
            reads: How many reads of each reader.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        with DemoServer(self._folder / "server") as server:
            self._fill(server)
            for _ in range(rounds):
                await self._run_session(server, reads)

    def _fill(self, server: DemoServer) -> None:
        place = server.data / "contents" / ID
        place.mkdir(parents=True)
        for seed, size in enumerate(SIZES):
            (place / f"{seed}.bin").write_bytes(generate(seed, 0, size))
        owner = server.users[0].email
        asset = StoredAsset(
            id=ID, name="made", owner=owner, created=1_700_000_000, folder=f"contents/{ID}"
        )
        server.store.insert([asset])

    def _build_settings(self, server: DemoServer) -> Settings:
        place = self._folder / "home"
        return Settings(
            profile="check",
            base_url=server.url,
            domain="127.0.0.1",
            token_source=GivenToken("check", Secret(server.users[0].token)),
            catalog_path=place / "catalog.sqlite3",
            journal_path=place / "journal.sqlite3",
            paths=Paths(place / "config", place / "cache", place / "state"),
            mount_folder=place / "mount",
            file_cache_bytes=MOST_BYTES,
        )

    async def _run_session(self, server: DemoServer, reads: int) -> None:
        settings = self._build_settings(server)
        cache = BlockCache(settings.paths.file_cache_dir, MOST_BYTES)
        async with (
            open_library(settings, origin="cli") as library,
            # A second one has the same cache, but nothing else in common.
            open_library(settings, origin="cli") as other,
            anyio.create_task_group() as tasks,
        ):
            async with anyio.create_task_group() as readers:
                tasks.start_soon(self._trouble, server, cache)
                for number in range(6):
                    readers.start_soon(self._read, (library, other)[number % 2], reads)
            tasks.cancel_scope.cancel()
        server.faults.clear()

    async def _trouble(self, server: DemoServer, cache: BlockCache) -> None:
        """Let things go wrong, until cancelled."""
        while True:
            self._add_fault(server)
            if self._rng.random() < 0.3:
                await anyio.to_thread.run_sync(self._damage, cache.folder)
            used = (await anyio.to_thread.run_sync(cache.measure)).used_bytes
            self.over += used > MOST_BYTES
            await anyio.sleep(self._rng.random() * 0.05)
            server.faults.release()
            if self._rng.random() < 0.2:
                server.faults.clear()

    def _add_fault(self, server: DemoServer) -> None:
        fault = self._rng.choice(FAULTS)
        after = self._rng.randrange(8)
        if self._rng.random() < 0.2:
            server.faults.add("expire", "GET", "/storage/**", after=after, renew=2)
        else:
            server.faults.add(fault, "GET", "/storage/**", after=after, times=1)

    def _damage(self, folder: Path) -> None:
        """Do something bad to a file of the cache."""
        files = [path for path in folder.rglob("*") if path.is_file() and path.name != "lock"]
        if not files:
            return
        path = self._rng.choice(files)
        kind = self._rng.choice(("flip", "cut", "delete"))
        self.told[f"cache: {kind}"] += 1
        with suppress(OSError):
            size = path.stat().st_size
            if kind == "cut":
                os.truncate(path, self._rng.randrange(size + 1))
            elif kind == "delete":
                path.unlink()
            else:
                with path.open("r+b") as file:
                    file.seek(place := self._rng.randrange(max(1, size)))
                    byte = file.read(1) or b"\0"
                    file.seek(place)
                    file.write(bytes([byte[0] ^ (1 << self._rng.randrange(8))]))

    async def _read(self, library: Library, reads: int) -> None:
        for _ in range(max(1, reads // 10)):
            seed = self._rng.randrange(len(SIZES))
            async with self._opened(library, seed) as reader:
                place = self._rng.randrange(SIZES[seed] + 1)
                if reader is None:
                    continue
                for _ in range(10):
                    place = await self._read_one(reader, seed, place)

    @asynccontextmanager
    async def _opened(self, library: Library, seed: int) -> AsyncIterator[FileReader | None]:
        try:
            reader = await library.files.open(ID, f"{seed}.bin")
        except CoexplorerError as error:
            self.told[f"not opened: {type(error).__name__}"] += 1
            yield None
            return
        async with reader:
            yield reader

    async def _read_one(self, reader: FileReader, seed: int, place: int) -> int:
        """Read a part, and return where the next one begins."""
        size = self._rng.choice((1, 500, 65_536, 131_072, 131_072, 1_000_000, 5_000_000))
        patience = self._rng.choice((0.0, 0.01, *[LONGEST_S] * 8))
        content = None
        try:
            with anyio.move_on_after(patience):
                content = await reader.read(place, size)
        except CoexplorerError as error:
            self.told[f"refused: {type(error).__name__}"] += 1
            return self._rng.randrange(SIZES[seed] + 1)
        if content is None:
            self.told["hung" if patience == LONGEST_S else "cancelled"] += 1
            return place
        self.told["reads"] += 1
        wanted = generate(seed, place, max(0, min(size, SIZES[seed] - place)))
        if content != wanted:
            self.wrong.append(f"{seed}.bin from {place}: {len(content)} of {len(wanted)} bytes")
        return (
            place + len(content)
            if self._rng.random() < 0.7
            else self._rng.randrange(SIZES[seed] + 1)
        )


class _Result(msgspec.Struct):
    told: dict[str, int]
    wrong: list[str]
    over: int


def main() -> int:
    """Check until the time is over, and print what happened."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=None)
    options = parser.parse_args()
    seed = int.from_bytes(os.urandom(4), "little") if options.seed is None else options.seed
    print(f"seed {seed}")
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # of connections that it cut itself
    total = _Result({}, [], 0)

    async def check(folder: Path) -> None:
        deadline = anyio.current_time() + 60 * options.minutes
        number = 0
        while anyio.current_time() < deadline and not total.wrong:
            checker = Checker(folder / str(number), random.Random(seed + number))
            await checker.run(rounds=5, reads=100)
            for what, count in checker.told.items():
                total.told[what] = total.told.get(what, 0) + count
            total.wrong += checker.wrong
            total.over += checker.over
            number += 1

    with tempfile.TemporaryDirectory(prefix="check-reads-") as folder:
        anyio.run(check, Path(folder), backend="trio" if seed % 2 else "asyncio")
    for what in sorted(total.told):
        print(f"{total.told[what]:8,} {what}")
    print(f"{len(total.wrong):8,} wrong")
    print(f"{total.over:8,} over")
    for each in total.wrong[:20]:
        print(f"wrong: {each}")
    return 1 if total.wrong or total.over or total.told.get("hung") else 0


if __name__ == "__main__":
    sys.exit(main())
