"""What a session keeps of the files of assets: readers that are open, listings, the cache."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Sequence
from typing import Final

import anyio
import anyio.abc
import anyio.to_thread

from coexplorer.config import Settings
from coexplorer.errors import ApiError, Conflict, FileTrouble, Forbidden, NotFound, Unreachable
from coexplorer.library.file_sources import FileSource, name_place
from coexplorer.library.folder_cache import FolderCache
from coexplorer.models import AssetId, FileEntry, Folder
from coexplorer.remote_files import (
    BlockCache,
    CacheKey,
    CacheUse,
    FileOrigin,
    FileReader,
    RemoteFiles,
)
from coexplorer.remote_files.limits import Limits

_MOST_AHEAD: Final = 6
"""So many folders are listed at once where somebody goes through all of them."""


class FileStore:
    """Files and listings, fetched once; `build_file_store` makes it.

    Args:
        files: Opens files.
        platform: Whose assets they are (`Settings.platform`).
    """

    def __init__(self, files: RemoteFiles, platform: str) -> None:
        self._files = files
        self._platform = platform
        self._folders = FolderCache(files.cache)
        self._listings: dict[CacheKey, _Listing] = {}

    async def list_folder(self, source: FileSource, path: str) -> Folder:
        """Return what is in a folder: what was kept of it, or else what its source says.

        What several ask for at once is one request. It goes on when nobody waits any more: who
        looks again later finds it.

        Raises:
            ApiError: It can't be listed.
        """
        key = source.build_key(path, "folder")
        if (known := self._folders.peek(key)) is not None:
            return known
        listing = self._listings.get(key) or self._start(source, path, key)
        await listing.over.wait()
        if listing.folder is None:
            raise copy.copy(listing.error)
        return listing.folder

    def list_ahead(self, source: FileSource, paths: Iterable[str]) -> None:
        """Begin to list folders that somebody will ask for soon, as far as that is kept."""
        if not (source.is_fixed or source.holds_s):
            return
        for path in paths:
            if len(self._listings) >= _MOST_AHEAD:
                return
            key = source.build_key(path, "folder")
            if key not in self._listings and self._folders.peek(key) is None:
                self._start(source, path, key)

    def _start(self, source: FileSource, path: str, key: CacheKey) -> _Listing:
        listing = self._listings[key] = _Listing()
        self._files.tasks.start_soon(self._list, source, path, key, listing)
        return listing

    async def _list(self, source: FileSource, path: str, key: CacheKey, listing: _Listing) -> None:
        """Find a listing; it never raises: those who wait are told."""
        try:
            folder = await self._folders.get(key) if source.is_fixed else None
            if folder is None:
                folder = await source.list_folder(path)
                if source.is_fixed and folder.is_whole:
                    await self._folders.put(key, folder)
                elif source.holds_s:
                    self._folders.hold(key, folder, source.holds_s)
            listing.folder = folder
        except Exception as error:  # noqa: BLE001 # whatever it is, somebody waits to hear of it
            listing.error = error
        finally:
            del self._listings[key]
            listing.over.set()

    async def open(self, source: FileSource, entry: FileEntry) -> FileReader:
        """Open a file that was listed.

        Raises:
            ApiError: Nobody can say how large it is.
        """
        listing = source.build_key(entry.path.rpartition("/")[0], "folder")

        async def note_refusal(error: ApiError) -> None:
            if isinstance(error, Conflict | NotFound):
                await self._folders.forget(listing)
            if isinstance(error, Forbidden):
                await self.forget_assets([source.asset_id])

        async def build_origin() -> FileOrigin:
            return await source.build_origin(entry, note_refusal)

        return await self._files.open(source.build_key(entry.wire_path), build_origin)

    @property
    def parts_under_way(self) -> int:
        """How many parts of files are asked for at this moment."""
        return self._files.requests_under_way

    async def measure(self) -> CacheUse:
        """Return what is kept on the disk."""
        return await anyio.to_thread.run_sync(self._files.cache.measure, abandon_on_cancel=True)

    async def measure_assets(self, asset_ids: Sequence[AssetId]) -> dict[AssetId, int]:
        """Return how many bytes of the disk each asset takes, the largest first; others not."""
        ids = {name_place(self._platform, each): each for each in asset_ids}
        sizes = await anyio.to_thread.run_sync(
            self._files.cache.measure_places, ids, abandon_on_cancel=True
        )
        order = sorted(sizes, key=lambda place: -sizes[place])
        return {ids[place]: sizes[place] for place in order}

    async def clear(self) -> int:
        """Remove all that is kept; return how many bytes that frees.

        Raises:
            FileTrouble: It can't be removed.
        """
        self._folders.clear()
        try:
            return await anyio.to_thread.run_sync(self._files.cache.clear)
        except OSError as error:
            raise FileTrouble.of(self._files.cache.folder, "emptied", error) from None

    def end(self) -> None:
        """Cut off all requests for parts of files."""
        self._files.end()

    async def forget_assets(self, asset_ids: Sequence[AssetId]) -> None:
        """Forget all files of assets that are gone, or no longer ours to see."""
        places = {name_place(self._platform, each) for each in asset_ids}
        for place in places:
            self._folders.forget_place(place)
        await self._files.forget_places(places)


class _Listing:
    """A listing on its way."""

    def __init__(self) -> None:
        self.over = anyio.Event()
        self.folder: Folder | None = None
        self.error: Exception = Unreachable("the session has ended", hint="list it again")


def build_file_store(settings: Settings, tasks: anyio.abc.TaskGroup) -> FileStore:
    """Make what keeps files; nothing is read or made on the disk before it is needed.

    Args:
        settings: Where the cache is.
        tasks: Where requests run.
    """
    cache = BlockCache(settings.paths.file_cache_dir, settings.file_cache_bytes)
    return FileStore(RemoteFiles(cache, Limits(), tasks), settings.platform)
