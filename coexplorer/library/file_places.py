"""Chooses where the files of an asset are."""

from __future__ import annotations

from typing import TYPE_CHECKING

from coexplorer.library.context import Context
from coexplorer.library.external_files import is_readable
from coexplorer.library.file_sources import FileSource, PlatformSource
from coexplorer.models import AssetId, SourceBucket

if TYPE_CHECKING:
    from coexplorer.s3 import Buckets


class FilePlaces:
    """The places of a session; another kind of place is chosen here.

    Args:
        context: The session.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._buckets: Buckets | None = None

    async def find(self, asset_id: AssetId) -> FileSource:
        """Return where an asset's files are, as far as it is known."""
        known = await self._context.known(asset_id)
        asset = None if known is None else known.asset
        if asset is not None and asset.source is not None and is_readable(asset.source):
            return self._find_bucket(asset_id, asset.source)
        return PlatformSource(self._context, asset_id, asset)

    def _find_bucket(self, asset_id: AssetId, source: SourceBucket) -> FileSource:
        from coexplorer.library.bucket_source import BucketSource  # noqa: PLC0415 # seldom needed
        from coexplorer.s3 import Buckets  # noqa: PLC0415 # it brings httpx

        if self._buckets is None:
            self._buckets = Buckets(self._context.settings.s3, self._context.client)
        return BucketSource(self._context, self._buckets, asset_id, source)
