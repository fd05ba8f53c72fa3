"""What a session keeps of the files of assets: readers that are open, listings, the cache."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

from coexplorer.library.context import Context
from coexplorer.library.file_sources import FileSource, name_place
from coexplorer.library.folder_cache import FolderCache
from coexplorer.models import AssetId, FileEntry, Folder
from coexplorer.remote_files import (
    BlockCache,
    FileOrigin,
    FileReader,
    RemoteFiles,
    open_remote_files,
)


class FileStore:
    """Files and listings, fetched once; `open_file_store` makes it.

    Args:
        files: Opens files.
        platform: Whose assets they are (`Settings.platform`).

    Attributes:
        cache: What is kept on the disk.
    """

    def __init__(self, files: RemoteFiles, platform: str) -> None:
        self.cache = files.cache
        self._files = files
        self._platform = platform
        self._folders = FolderCache(files.cache)

    async def list_folder(self, source: FileSource, path: str) -> Folder:
        """Return what is in a folder: what was kept of it, or else what its source says.

        Raises:
            ApiError: It can't be listed.
        """
        key = source.build_key(path, "folder")
        if source.is_fixed and (kept := await self._folders.get(key)) is not None:
            return kept
        folder = await source.list_folder(path)
        if source.is_fixed and folder.is_whole:
            await self._folders.put(key, folder)
        return folder

    async def open(self, source: FileSource, entry: FileEntry) -> FileReader:
        """Open a file that was listed.

        Raises:
            ApiError: Nobody can say how large it is.
        """
        listing = source.build_key(entry.path.rpartition("/")[0], "folder")

        async def forget_listing() -> None:
            await self._folders.forget(listing)

        async def build_origin() -> FileOrigin:
            return await source.build_origin(entry, forget_listing)

        return await self._files.open(source.build_key(entry.wire_path), build_origin)

    async def forget_assets(self, asset_ids: Sequence[AssetId]) -> None:
        """Forget all files of assets that are gone, or no longer ours to see."""
        places = [name_place(self._platform, each) for each in asset_ids]
        for place in places:
            self._folders.forget_place(place)
        await self._files.forget_places(places)


@asynccontextmanager
async def open_file_store(context: Context) -> AsyncIterator[FileStore]:
    """Keep files as long as this context lasts; nothing is read or made before it is needed."""
    settings = context.settings
    cache = BlockCache(settings.paths.file_cache_dir, settings.file_cache_bytes)
    async with open_remote_files(cache) as files:
        kept = FileStore(files, settings.platform)
        context.forget_files = kept.forget_assets
        yield kept
