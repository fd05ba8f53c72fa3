"""Listings of folders: in memory, and of what never changes beside the blocks of its files."""

from __future__ import annotations

import math
import zlib
from collections import OrderedDict
from typing import Final

import anyio
import anyio.to_thread
import msgspec

from coexplorer.models import Folder
from coexplorer.remote_files import BlockCache, CacheKey

_MOST_ENTRIES: Final = 200_000
"""Entries of all listings in memory together."""

_MAGIC: Final = b"coexdir1"
_SUFFIX: Final = "folder"


class FolderCache:
    """Keeps listings: those that don't change on the disk, too.

    Args:
        cache: Where they are kept on the disk.
    """

    def __init__(self, cache: BlockCache) -> None:
        self._cache = cache
        self._folders: OrderedDict[CacheKey, Folder] = OrderedDict()
        self._until: dict[CacheKey, float] = {}
        self._entries = 0

    def peek(self, key: CacheKey) -> Folder | None:
        """Return a listing that is in memory, and still holds."""
        if self._until.get(key, math.inf) <= anyio.current_time():
            self._drop(key)
        folder = self._folders.get(key)
        if folder is not None:
            self._folders.move_to_end(key)
        return folder

    async def get(self, key: CacheKey) -> Folder | None:
        """Return a listing that was kept; None: it is not here."""
        folder = self.peek(key)
        if folder is not None:
            return folder
        folder = await anyio.to_thread.run_sync(self._read, key, abandon_on_cancel=True)
        if folder is not None:
            self._remember(key, folder)
        return folder

    async def put(self, key: CacheKey, folder: Folder) -> None:
        """Keep a listing, as far as there is room."""
        self._remember(key, folder)
        await anyio.to_thread.run_sync(self._write, key, folder)

    def hold(self, key: CacheKey, folder: Folder, seconds: float) -> None:
        """Keep a listing in memory for so long."""
        self._remember(key, folder)
        self._until[key] = anyio.current_time() + seconds

    async def forget(self, key: CacheKey) -> None:
        """Forget a listing."""
        self._drop(key)
        await anyio.to_thread.run_sync(self._cache.forget, key)

    def clear(self) -> None:
        """Forget all listings in memory."""
        self._folders.clear()
        self._until.clear()
        self._entries = 0

    def forget_place(self, place: str) -> None:
        """Forget the listings of a place in memory."""
        for key in [key for key in self._folders if key.place == place]:
            self._drop(key)

    def _drop(self, key: CacheKey) -> None:
        former = self._folders.pop(key, None)
        self._until.pop(key, None)
        self._entries -= 0 if former is None else len(former.entries)

    def _remember(self, key: CacheKey, folder: Folder) -> None:
        self._drop(key)
        self._folders[key] = folder
        self._entries += len(folder.entries)
        while self._entries > _MOST_ENTRIES and len(self._folders) > 1:
            self._drop(next(iter(self._folders)))

    def _read(self, key: CacheKey) -> Folder | None:
        content = self._cache.read_file(key, _SUFFIX)
        start = len(_MAGIC) + 4
        if content is None or not content.startswith(_MAGIC):
            return None
        if zlib.crc32(content[start:]).to_bytes(4, "little") != content[len(_MAGIC) : start]:
            return None
        try:
            return msgspec.msgpack.decode(content[start:], type=Folder)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None

    def _write(self, key: CacheKey, folder: Folder) -> None:
        try:
            content = msgspec.msgpack.encode(folder)
        except UnicodeEncodeError:  # a name that no text can hold
            return
        mark = zlib.crc32(content).to_bytes(4, "little")
        self._cache.write_file(key, _SUFFIX, _MAGIC + mark + content)
