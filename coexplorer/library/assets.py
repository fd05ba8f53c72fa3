"""`library.assets`: what is known of assets, and which one is meant by a name.

It answers from the catalog at once, even offline. Only `resolve`, `resolve_all` and
`look_for_names` ask the platform, for what the catalog does not know.
"""

from __future__ import annotations

from collections.abc import Sequence

from coexplorer.library.context import Context
from coexplorer.library.named_assets import Named
from coexplorer.library.reading import Reading
from coexplorer.library.resolve import Resolved, Resolver
from coexplorer.library.sync import Sync
from coexplorer.models import AssetId, Excerpt, Record
from coexplorer.query import Query


class Assets(Reading):
    """Reads what is known, newer than the catalog where that can't be written; finds names.

    Args:
        context: What the session's modules share.
        sync: Reads the platform again when much of a list is not known.
    """

    def __init__(self, context: Context, sync: Sync) -> None:
        super().__init__(context.catalog, context.read)
        self._context = context
        self._resolver = Resolver(context, sync)

    async def records(self, target: Query | Sequence[AssetId]) -> list[Record]:
        """Return the full records of what a query finds, or of ids (unknown ones are left out)."""
        return await self._context.records(target)

    async def record(self, asset_id: AssetId) -> Record | None:
        """Return what the catalog knows about an asset; None if it does not know it."""
        return await self._context.known(asset_id)

    def peek(self, asset_id: AssetId) -> Excerpt | None:
        """Return the editable fields and the JSON of an asset, on this thread, in some 20 µs.

        None when the catalog does not know it, or can't be read.

        For the mount, which answers thousands of reads a second; a trip to a thread takes longer.
        """
        return self._context.peek(asset_id)

    async def resolve(self, text: str, *, guess: bool = False) -> AssetId:
        """Find an asset by name, by id, or by the start of an id (6 characters or more).

        Asks the platform when the catalog does not know it, unless the session is offline.

        Args:
            text: What the person wrote. A name must be the whole name, with the same case.
            guess: Take the beginning of a name, or a shorter one of an id, too, if it fits only one
                asset: for who only looks at it, and says which one it is.

        Raises:
            AmbiguousAsset: It fits several assets; holds them.
            NotFound: It fits none; what may have been meant is its hint.
        """
        return await self._resolver.resolve(text, guess=guess)

    async def resolve_all(self, named: Sequence[Named], *, guess: bool = False) -> list[Resolved]:
        """Find all assets of a list (`lists.parse_list`) or none; each once, in its order.

        Raises:
            UnknownAssets: Some of several are unknown or fit several assets; names all of them.
            AmbiguousAsset, NotFound: See `resolve`, of a single one.
        """
        return await self._resolver.resolve_all(named, guess=guess)

    async def look_for_names(self, names: Sequence[str]) -> None:
        """Let the catalog know which assets have one of these names now, old ones, too.

        A refresh sees only what is new: an older asset that was given a name is in no page of it.
        That is one request for each name, of the first 1,000 that the platform finds for it.

        Raises:
            ApiError: The platform can't be asked.
        """
        await self._resolver.look_for_names(names)
