"""Where the files of an asset are: one class for each kind of place.

What reads files (`coexplorer.library.files`) asks a source for listings and for origins, whichever
it is. `find_source` chooses; another kind of place is another class here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from coexplorer.assets import read_transfer
from coexplorer.errors import ApiError, BadReply, Conflict, Forbidden, NotFound, Rejected
from coexplorer.lenient_json import unescape_surrogates
from coexplorer.library.context import Context
from coexplorer.models import Asset, AssetId, FileEntry, Folder
from coexplorer.remote_files import CacheKey, FileOrigin

if TYPE_CHECKING:
    from coexplorer.api import Download

OnRefusal = Callable[[ApiError], Awaitable[None]]
"""Told why a file can't be read."""

STALL_S: Final = 20.0
"""So long a storage may say nothing to somebody who waits for a part of a file."""


class FileSource(Protocol):
    """The place where the files of one asset are.

    Attributes:
        asset_id: The asset.
        is_bucket: It is a bucket of S3, not the platform.
        is_fixed: Neither its listings nor its files change: they are kept until nobody needs them.
        holds_s: So long a listing holds where they may change, in seconds; 0: it is not kept.
    """

    asset_id: AssetId
    is_bucket: bool
    is_fixed: bool
    holds_s: float

    def build_key(self, path: str, kind: str = "file") -> CacheKey:
        """Return what a file, or a listing, is kept by."""
        ...

    async def list_folder(self, path: str) -> Folder:
        """Ask what is in a folder.

        Raises:
            ApiError: It can't be listed.
        """
        ...

    def open_download(
        self, entry: FileEntry, *, start: int, most: int | None, etag: str
    ) -> AbstractAsyncContextManager[Download]:
        """Open the bytes of a whole file, in order; see `coexplorer.api.Client.open_download`."""
        ...

    async def build_origin(self, entry: FileEntry, refused: OnRefusal) -> FileOrigin:
        """Return where the bytes of a file come from; this may ask how large it is.

        Args:
            entry: The file, as it was listed.
            refused: Called when it can't be read, before that is raised.

        Raises:
            ApiError: Nobody can say how large it is.
        """
        ...


class PlatformSource:
    """The platform itself: internal assets, whose files never change once they are ready.

    Args:
        context: The session.
        asset_id: The asset.
        asset: As it is known; None: nothing is known of it, and nothing is kept.
    """

    is_bucket = False
    holds_s = 0.0

    def __init__(self, context: Context, asset_id: AssetId, asset: Asset | None) -> None:
        self.asset_id = asset_id
        self._context = context
        is_external = asset is not None and asset.source is not None and asset.source.external
        self.is_fixed = asset is not None and asset.state == "ready" and not is_external
        # A transfer to another storage may change what a file is, though not its name.
        moved = None if asset is None else read_transfer(asset).last_transferred
        self._start = f"platform\0{moved or 0:.3f}"

    def build_key(self, path: str, kind: str = "file") -> CacheKey:
        """Return what a file, or a listing, is kept by."""
        place = name_place(self._context.settings.platform, self.asset_id)
        return CacheKey(place, f"{self._start}\0{kind}\0{path.strip('/')}")

    async def list_folder(self, path: str) -> Folder:
        """Ask the platform what is in a folder."""
        client = await self._context.client()
        try:
            return await client.list_files(self.asset_id, path)
        except NotFound:
            if (asked := unescape_surrogates(path)) == path:
                raise
        return await client.list_files(self.asset_id, asked)  # it was typed as it is shown

    @asynccontextmanager
    async def open_download(
        self, entry: FileEntry, *, start: int, most: int | None, etag: str
    ) -> AsyncIterator[Download]:
        """Open the bytes of a file at a signed address."""
        client = await self._context.client()

        async def fetch_url() -> str:
            return (await client.file_urls(self.asset_id, entry.wire_path)).download_url

        async with client.open_download(fetch_url, start=start, most=most, etag=etag) as download:
            yield download

    async def build_origin(self, entry: FileEntry, refused: OnRefusal) -> FileOrigin:
        """Return where the platform keeps a file."""
        origin = SignedOrigin(self._context, self.asset_id, entry.wire_path, refused)
        origin.size = await origin.find_size() if entry.size_bytes is None else entry.size_bytes
        return origin


class SignedOrigin:
    """A file at the signed addresses that the platform gives for it.

    Args:
        context: The session.
        asset_id: The asset.
        path: The file, as the platform has it.
        refused: See `FileSource.build_origin`.

    Attributes:
        size: See `FileOrigin`.
        etag: Likewise.
    """

    def __init__(
        self,
        context: Context,
        asset_id: AssetId,
        path: str,
        refused: OnRefusal,
    ) -> None:
        self.size = 0
        self.etag = ""
        self._context = context
        self._asset_id = asset_id
        self._path = path
        self._refused = refused
        self._url = ""
        self._asking = anyio.Lock()

    @asynccontextmanager
    async def read(self, offset: int, size: int) -> AsyncIterator[AsyncIterator[bytes]]:
        """Ask the file's storage for a part of it."""
        from coexplorer.api import FilePart  # noqa: PLC0415 # it brings httpx

        client = await self._context.client()
        part = FilePart(self.size, is_fixed=True, limit_s=STALL_S)
        stop, etag = offset + size, self.etag
        try:
            async with client.open_part(
                self._build_fetch(), offset, stop, part, etag=etag
            ) as download:
                if not self.etag and etag == self.etag:
                    self.etag = download.etag
                yield download
        except (Conflict, Forbidden, NotFound, Rejected) as error:
            await self._note(error)
            raise

    async def _note(self, error: ApiError) -> None:
        """Find out what a refusal means for what is kept.

        It may be the asset itself that is gone, or somewhere else: who asks for it learns that.
        """
        if not isinstance(error, Conflict):
            with suppress(ApiError):
                await self._context.fetch(self._asset_id)
        await self._refused(error)

    async def find_size(self) -> int:
        """Ask the file's storage how large it is, where no listing tells.

        Raises:
            BadReply: It won't say.
        """
        client = await self._context.client()
        async with client.open_download(self._build_fetch()) as download:
            if download.total_bytes is None:
                raise BadReply(
                    "nobody says how large this file is, so it can't be read in parts",
                    hint="download it instead: coexplorer get",
                )
            self.etag = download.etag
            return download.total_bytes

    def _build_fetch(self) -> Callable[[], Awaitable[str]]:
        """Return what gives a request its address: at first the known one, then another."""
        used = ""

        async def fetch_url() -> str:
            nonlocal used
            used = await self._find_url(used)
            return used

        return fetch_url

    async def _find_url(self, refused: str) -> str:
        """Return a signed address that is not the one that did not do; requests share it."""
        async with self._asking:
            if not self._url or self._url == refused:
                client = await self._context.client()
                self._url = (await client.file_urls(self._asset_id, self._path)).download_url
            return self._url


def name_place(platform: str, asset_id: AssetId) -> str:
    """Name what is forgotten as a whole: all that is kept of an asset's files."""
    return f"{platform}\0{asset_id}"
