"""The files of external assets: they are in a bucket, which the platform neither lists nor serves.

The bucket is asked itself, with the user's own AWS credentials (`coexplorer.s3`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

from coexplorer.errors import BadReply, Conflict, NotFound
from coexplorer.library.context import Context
from coexplorer.library.file_sources import STALL_S, OnRefusal, name_place
from coexplorer.models import AssetId, FileEntry, Folder, SourceBucket
from coexplorer.remote_files import CacheKey, FileOrigin

if TYPE_CHECKING:
    from coexplorer.api import Download
    from coexplorer.s3 import Bucket, Buckets, StoredObject

_HOLDS_S: Final = 60.0

_UP: Final = "../"
"""How the one file of an asset is named whose prefix is no folder, but that file."""


class BucketSource:
    """The bucket of an external asset, from the asset's prefix on.

    Args:
        context: The session.
        buckets: Those of the session.
        asset_id: The asset.
        source: Where its files are.
    """

    is_bucket = True
    is_fixed = False
    holds_s = _HOLDS_S

    def __init__(
        self, context: Context, buckets: Buckets, asset_id: AssetId, source: SourceBucket
    ) -> None:
        self.asset_id = asset_id
        self._context = context
        self._buckets = buckets
        self._bucket = source.bucket
        prefix = source.prefix.strip("/")
        self._start = f"{prefix}/" if prefix else ""

    def build_key(self, path: str, kind: str = "file") -> CacheKey:
        """Return what a file, or a listing, is kept by."""
        settings = self._context.settings
        place = name_place(settings.platform, self.asset_id)
        where = f"s3\0{settings.s3.endpoint}\0{self._bucket}\0{self._start}"
        return CacheKey(place, f"{where}\0{kind}\0{path.strip('/')}")

    async def list_folder(self, path: str) -> Folder:
        """Ask the bucket what is in a folder.

        Raises:
            NotFound: There is nothing.
        """
        path = path.strip("/")
        bucket = await self._buckets.find(self._bucket)
        start = f"{self._start}{path}/" if path else self._start
        page = await bucket.list_folder(start)
        folder = _build_folder(path, start, page.objects, page.folders)
        if page.unreadable:
            unnamed = folder.unnamed + page.unreadable
            folder = Folder(folder.entries, unnamed, folder.elsewhere)
        if folder.entries or not folder.is_whole or any(page.objects):
            return folder
        if path:
            raise NotFound(
                f"this asset has no folder {path}",
                hint="list the folder above it to see what is there",
            )
        return await self._list_one_file(bucket)

    async def _list_one_file(self, bucket: Bucket) -> Folder:
        """Return the one file whose key is the asset's prefix.

        Raises:
            NotFound: There is none either.
        """
        key = self._start.rstrip("/")
        page = await bucket.list_folder(key, most=2)
        for found in page.objects:
            if key and found.key == key:
                name = key.rpartition("/")[2]
                return Folder((_build_entry(name, name, found, asked=f"{_UP}{name}"),))
        raise NotFound(
            f"nothing is left of this asset's files in s3://{self._bucket}/{self._start}",
            hint="ask the asset's owner: they were moved or deleted there",
        )

    def find_key(self, entry: FileEntry) -> str:
        """Return the key of a file."""
        if entry.asked.startswith(_UP):
            return self._start.rstrip("/")
        return f"{self._start}{entry.wire_path}"

    @asynccontextmanager
    async def open_download(
        self, entry: FileEntry, *, start: int, most: int | None, etag: str
    ) -> AsyncIterator[Download]:
        """Open the bytes of a file in its bucket."""
        bucket = await self._buckets.find(self._bucket)
        opening = await bucket.open_download(
            self.find_key(entry), start=start, most=most, etag=etag
        )
        async with opening as download:
            yield download

    async def build_origin(self, entry: FileEntry, refused: OnRefusal) -> FileOrigin:
        """Return where a file is in its bucket.

        Raises:
            BadReply: The bucket does not say how large it is.
        """
        if entry.size_bytes is None:
            raise BadReply(
                "nobody says how large this file is, so it can't be read in parts",
                hint="download it instead: coexplorer get",
            )
        bucket = await self._buckets.find(self._bucket)
        return ObjectOrigin(bucket, self.find_key(entry), entry.size_bytes, entry.etag, refused)


class ObjectOrigin:
    """A file in a bucket; it is tied to the content that was listed.

    Args:
        bucket: The bucket.
        key: Of the object.
        size: See `FileOrigin`.
        etag: Likewise.
        refused: See `coexplorer.library.file_sources.FileSource.build_origin`.
    """

    def __init__(self, bucket: Bucket, key: str, size: int, etag: str, refused: OnRefusal) -> None:
        self.size = size
        self.etag = etag
        self._bucket = bucket
        self._key = key
        self._refused = refused

    @asynccontextmanager
    async def read(self, offset: int, size: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """Ask the bucket for a part of the file."""
        from coexplorer.api import FilePart  # noqa: PLC0415 # it brings httpx

        part = FilePart(self.size, is_fixed=False, limit_s=STALL_S)
        etag = self.etag
        opening = await self._bucket.open_download(
            self._key, start=offset, stop=offset + size, etag=etag, part=part
        )
        try:
            async with opening as download:
                if not self.etag and etag == self.etag:
                    self.etag = download.etag
                yield download
        except (Conflict, NotFound) as error:
            await self._refused(error)  # the listing is no longer true
            raise


def _build_folder(
    path: str, start: str, objects: tuple[StoredObject, ...], folders: tuple[str, ...]
) -> Folder:
    """Return a folder as the rest of the program has it.

    Args:
        path: Of the folder in the asset.
        start: Beginning of the keys in it.
        objects: What was listed.
        folders: Likewise.
    """
    parent = f"{path}/" if path else ""
    entries: list[FileEntry] = []
    elsewhere: list[str] = []
    unnamed = 0
    found: list[tuple[str, StoredObject | None]] = [(each[:-1], None) for each in folders]
    found += [(each.key, each) for each in objects if each.key != start]  # it marks the folder
    for key, stored in found:
        name = key[len(start) :]
        if not name:
            unnamed += 1
        elif not key.startswith(start) or "/" in name or name in (".", ".."):
            elsewhere.append(key)
        elif stored is None:
            entries.append(FileEntry(name, f"{parent}{name}", is_folder=True))
        else:
            entries.append(_build_entry(name, f"{parent}{name}", stored))
    entries.sort(key=lambda each: each.name)
    return Folder(tuple(entries), unnamed, tuple(elsewhere))


def _build_entry(name: str, path: str, stored: StoredObject, *, asked: str = "") -> FileEntry:
    return FileEntry(
        name,
        path,
        is_folder=False,
        size_bytes=stored.size_bytes,
        asked=asked,
        modified=stored.modified,
        etag=stored.etag,
    )
