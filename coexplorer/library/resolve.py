"""Which asset a person means."""

from __future__ import annotations

import re
from collections.abc import Sequence

from coexplorer.errors import AmbiguousAsset, NotFound
from coexplorer.library.context import Context
from coexplorer.library.remote import search_remote
from coexplorer.library.settle import name_query
from coexplorer.models import Asset, AssetId, Membership, SearchRequest

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Resolver:
    """Finds an asset by a name, an id or the beginning of an id.

    Args:
        context: The session's servants.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def resolve(self, text: str) -> AssetId:
        """See `Library.resolve`."""
        text = text.strip()
        if _ID.fullmatch(text):
            return await self._resolve_id(AssetId(text.lower()))
        run, catalog = self._context.run, self._context.catalog
        named = await run(catalog.find_by_name, text)
        found = named or (await run(catalog.find_by_prefix, text.lower()) if text else [])
        candidates = [(row.id, row.name) for row in found]
        if not candidates and text and not self._context.offline:
            candidates = [(asset.id, asset.name) for asset in await self._ask(text)]
        return _choose(text, candidates)

    async def _resolve_id(self, asset_id: AssetId) -> AssetId:
        if await self._context.known(asset_id) is not None:
            return asset_id
        if self._context.offline:
            raise NotFound(
                f"no asset {asset_id} is known here", hint="leave --offline out to ask the platform"
            )
        return (await self._context.fetch(asset_id)).asset.id

    async def _ask(self, name: str) -> list[Asset]:
        """Look on the platform for assets of exactly this name, and remember them."""
        found = []
        for archived in (False, True):
            request = SearchRequest(query=name_query(name), archived=archived)
            async for asset in search_remote(self._context, request):
                if asset.name == name:
                    await self._context.remember(asset, Membership(archived=archived))
                    found.append(asset)
        return found


def _choose(text: str, candidates: Sequence[tuple[AssetId, str]]) -> AssetId:
    if not candidates:
        raise NotFound(
            f"there is no asset {text[:80]!r}, or it is not shared with you",
            hint="give its name, its id or the beginning of its id; sync if it is new",
        )
    if len(candidates) > 1:
        raise AmbiguousAsset(text, candidates)
    return candidates[0][0]
