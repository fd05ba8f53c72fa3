"""`library.platform`: what is asked of the platform itself, and the sign-in there.

Every method that asks may raise any `ApiError`; `Unreachable` at once when the session is offline.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence

from coexplorer.api.probe import find_first
from coexplorer.errors import ApiError, OtherPerson
from coexplorer.library.context import Context
from coexplorer.library.metadata import ensure_schema, refresh_schema
from coexplorer.library.people import find_other
from coexplorer.library.permissions import Seen, read_all_sharing
from coexplorer.library.remote import find_remote, search_remote
from coexplorer.library.results import RemoteFound
from coexplorer.library.viewed import Viewed
from coexplorer.metadata.schema import MetadataSchema
from coexplorer.models import Asset, AssetId, Record, SearchRequest, Secret, Wait
from coexplorer.query import Query


class Platform:
    """Asks the platform, and tells the catalog what it answers.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._viewed = Viewed(context)

    async def fetch(self, asset_id: AssetId) -> Record:
        """GET an asset and update the catalog with it.

        Raises:
            NotFound: It is gone, or not shared with this user; the catalog forgets it.
        """
        return await self._context.fetch(asset_id)

    async def fetch_many(
        self, ids: Sequence[AssetId], *, progress: Callable[[int], None] | None = None
    ) -> dict[AssetId, Record | ApiError]:
        """GET several assets, a few at a time, and update the catalog with them.

        Args:
            ids: The assets.
            progress: Told how many were answered, after each.

        Returns:
            For each its record, or why it could not be read: `NotFound` when it is gone. When the
            platform is out of reach or does not take the token, the rest is not tried.
        """
        return await self._context.fetch_many(ids, progress)

    async def sharing(
        self, ids: Sequence[AssetId], *, progress: Callable[[int], None] | None = None
    ) -> Mapping[AssetId, Seen]:
        """Ask who can see assets, a few at a time.

        Args:
            ids: The assets.
            progress: Told how many were answered, after each.

        Returns:
            For each who can see it, or why it could not be read; None where the platform never
            tells (before v4.3).
        """
        return await read_all_sharing(self._context, ids, progress)

    async def only_viewed(self, ids: Sequence[AssetId]) -> frozenset[AssetId]:
        """Tell which of several assets this user can only view, as far as it says in some seconds.

        Where it can't be asked, none: this raises no `ApiError`.
        """
        return await self._viewed.find(ids)

    def search(self, request: SearchRequest, *, rows: int | None = None) -> AsyncIterator[Asset]:
        """Stream what the platform itself finds, each asset once.

        Args:
            request: What to look for.
            rows: How many to ask for at a time; None: as many as the platform gives.
        """
        return search_remote(self._context, request, rows=rows)

    async def find_first(self, request: SearchRequest) -> Asset | None:
        """Return the first asset that the platform finds; None: it says that there is none.

        Raises:
            BadReply: It lists something, but nothing of it is an asset.
        """
        return await find_first(await self._context.client(), request)

    async def find(self, query: Query, *, offset: int = 0, limit: int | None = None) -> RemoteFound:
        """Return what the platform finds now (``ls --remote``), from number `offset` on.

        What it can't judge is judged here, over its answer.

        Raises:
            QueryError: Neither can judge a part of it; nothing was sent.
        """
        return await find_remote(self._context, query, offset, limit)

    async def ping(self) -> None:
        """Ask the platform for one row, to know whether it is there and takes the token.

        Raises:
            ApiError: It is not, or does not.
        """
        with self._context.noting_reach():
            await (await self._context.client()).fetch_dialect()

    async def sign_in(self, token: Secret) -> None:
        """Go on with another token of the same user, as when the old one has expired.

        Raises:
            NotSignedIn: The platform does not take it; the session stays as it was.
        """
        await self._context.sign_in(token)

    async def sign_in_again(self) -> bool:
        """Go on with the token that the settings have now: the user may have signed in elsewhere.

        False: it is the one tried last.

        Raises:
            NotSignedIn: The platform does not take it; the session stays as it was.
            ConfigError: There is none any more.
        """
        return await self._context.sign_in_again()

    async def find_other(self) -> OtherPerson | None:
        """Say that the profile's token is somebody else's by now; None: nobody has proven that."""
        return await find_other(self._context.settings)

    async def metadata_schema(
        self, *, refresh: bool = False, required: bool = False
    ) -> MetadataSchema:
        """Return the deployment's schema of custom metadata; asked for where it is not known.

        One whose `known` is false could not be read.

        Args:
            refresh: Ask for it in any case.
            required: Ask for it, and raise why it can't be read now if nothing is known.

        Raises:
            CoexplorerError: See `required`.
        """
        if refresh or required:
            return await refresh_schema(self._context, required=required)
        return await ensure_schema(self._context)

    def waiting(self) -> Wait | None:
        """Return what this session waits for on the way to the platform; None: nothing.

        Ask from time to time, on the loop, and show its `sentence`.
        """
        return self._context.waiting()

    def tell_with(self, tell: Callable[[str], None]) -> None:
        """Pass sentences about what people are waiting for to `tell`, on the loop."""
        self._context.tell = tell

    def hear_answers(self, hear: Callable[[], None]) -> None:
        """Have `hear` called on the loop when such a wait ends, before what waited goes on."""
        self._context.hear_answers = hear
