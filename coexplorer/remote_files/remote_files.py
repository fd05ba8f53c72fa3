"""The files of a session that are open."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from typing import Final

import anyio
import anyio.abc
import anyio.to_thread

from coexplorer.remote_files.blocks import CacheKey
from coexplorer.remote_files.cache import BlockCache
from coexplorer.remote_files.limits import Limits
from coexplorer.remote_files.origin import FileOrigin
from coexplorer.remote_files.reader import FileReader
from coexplorer.remote_files.shared_file import SharedFile
from coexplorer.remote_files.tasks import open_tasks

_IDLE: Final = 64
"""So many files that nobody reads any more are remembered: programs open a file again and again."""


class RemoteFiles:
    """Opens files; all readers of a file share its requests and its blocks.

    `open_remote_files` makes it.

    Args:
        cache: Where blocks are kept.
        limits: What all readers share.
        tasks: Where requests run; it is also there for others that never raise.
    """

    def __init__(self, cache: BlockCache, limits: Limits, tasks: anyio.abc.TaskGroup) -> None:
        self.cache = cache
        self.tasks = tasks
        self._limits = limits
        self._files: OrderedDict[CacheKey, SharedFile] = OrderedDict()

    @property
    def requests_under_way(self) -> int:
        """How many requests are answered at this moment."""
        return self._limits.slots.borrowed_tokens

    async def open(
        self, key: CacheKey, build_origin: Callable[[], Awaitable[FileOrigin]]
    ) -> FileReader:
        """Open a file.

        Args:
            key: Which file, of everything that is kept.
            build_origin: Makes its origin, unless it is open already.

        Raises:
            ApiError: There is no such origin.
        """
        if (file := self._find(key)) is not None:
            return FileReader(file)
        origin = await build_origin()
        known = await anyio.to_thread.run_sync(self.cache.find_version, key, origin.size)
        if known is not None and known.size == origin.size and not origin.etag:
            origin.etag = known.etag
        file = self._find(key)  # somebody may have been faster
        if file is None:
            file = SharedFile(key, origin, self.cache, self._limits, self.tasks)
            self._files[key] = file
        reader = FileReader(file)
        self._drop_idle()
        return reader

    def _find(self, key: CacheKey) -> SharedFile | None:
        file = self._files.get(key)
        if file is None or file.is_stale:
            return None
        self._files.move_to_end(key)
        return file

    async def forget_places(self, places: Collection[str]) -> None:
        """Forget what is kept of all files in these places.

        Who has such a file open reads on as far as its origin allows.
        """
        for each in [key for key in self._files if key.place in places]:
            file = self._files.pop(each)
            file.is_kept = False
            if not file.readers:
                file.end()
        await anyio.to_thread.run_sync(self.cache.forget_places, places)

    def _drop_idle(self) -> None:
        idle = [key for key, file in self._files.items() if not file.readers]
        for key in idle[: max(0, len(idle) - _IDLE)]:
            self._files.pop(key).end()

    def end(self) -> None:
        """Cut off all requests."""
        for file in self._files.values():
            file.end()


@asynccontextmanager
async def open_remote_files(
    cache: BlockCache, limits: Limits | None = None
) -> AsyncIterator[RemoteFiles]:
    """Have files that can be opened as long as this context lasts."""
    async with open_tasks() as tasks:
        files = RemoteFiles(cache, limits or Limits(), tasks)
        try:
            yield files
        finally:
            files.end()
