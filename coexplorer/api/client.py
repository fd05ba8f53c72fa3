"""The data asset API: one method per endpoint, in whichever dialect the platform speaks.

A face: what a method asks and how its answer is read is in the modules that it calls.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, AsyncExitStack
from functools import partial
from operator import attrgetter
from types import TracebackType
from typing import Self

import anyio

from coexplorer.api import calls, file_replies, permissions, wire, writes
from coexplorer.api.creation import FindOthers, create_asset
from coexplorer.api.download import Download, FetchUrl, FilePart, open_download
from coexplorer.api.exchange import Carrier
from coexplorer.api.limits import Bounds, Timeouts
from coexplorer.api.other_storage import OtherStorage
from coexplorer.api.paging import PageStart
from coexplorer.api.retry import Patience
from coexplorer.api.search import NOT_HERE, Search
from coexplorer.api.storage import Storage
from coexplorer.api.transport import Judge, OnWait, Transport
from coexplorer.api.waits import Waits
from coexplorer.api.walk import Walk
from coexplorer.api.workplaces import Workplaces
from coexplorer.errors import ApiError
from coexplorer.fields import Fields
from coexplorer.models import (
    Asset,
    AssetId,
    Dialect,
    FileUrls,
    Folder,
    MetadataField,
    NewAsset,
    Page,
    Reach,
    S3Target,
    SearchRequest,
    Secret,
)
from coexplorer.sharing.roles import Roles, Sharing

_PARTS = 16
"""Parts of files that may be under way beside downloads (`coexplorer.remote_files.limits`)."""


class Client:
    """A deployment's data assets, spoken to as one user. Use it as an async context manager.

    Every method may raise any `errors.ApiError`; what is safe to repeat has then been repeated.

    Args:
        base_url: The deployment's address, with or without ``/api/v1``; HTTPS unless it is this
            machine.
        token: Its access token; it goes to this address and nowhere else.
        dialect: As remembered from an earlier session; None to ask the platform. One that stops
            fitting is replaced: read `dialect` afterwards.
        timeouts: See `Timeouts`.
        patience: How often what is repeated.
        bounds: What a platform can make us keep of one reply.
        concurrency: Requests that may be under way at once.
        on_wait: Told the seconds and the reason before each wait, for a countdown.
        carrier: Replaces the network; for tests of waiting.
        reach: See `Transport`.

    Attributes:
        workplaces: Capsules, pipelines and computations.

    Raises:
        ConfigError: `base_url` is no address, or one that would send the token in clear text.
    """

    def __init__(
        self,
        base_url: str,
        token: Secret,
        *,
        dialect: Dialect | None = None,
        timeouts: Timeouts = Timeouts(),  # noqa: B008 # frozen
        patience: Patience = Patience(),  # noqa: B008 # frozen
        bounds: Bounds = Bounds(),  # noqa: B008 # frozen
        concurrency: int = 8,
        on_wait: OnWait | None = None,
        carrier: Carrier | None = None,
        reach: Reach | None = None,
    ) -> None:
        self._transport = Transport(
            base_url,
            token,
            timeouts=timeouts,
            patience=patience,
            bounds=bounds,
            concurrency=concurrency,
            on_wait=on_wait,
            carrier=carrier,
            reach=reach,
        )
        self._carrier = carrier
        self._storage = Storage(
            self._transport.origin,
            self._transport.waits,
            timeouts=timeouts,
            concurrency=concurrency + _PARTS,
            carrier=carrier,
        )
        self._search = Search(self._transport, dialect)
        self.workplaces = Workplaces(self._transport)
        self._stack: AsyncExitStack

    async def __aenter__(self) -> Self:
        self._stack = AsyncExitStack()
        await self._stack.enter_async_context(self._transport)
        await self._stack.enter_async_context(self._storage)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with anyio.CancelScope(shield=True):
            await self._stack.__aexit__(kind, error, traceback)

    def __repr__(self) -> str:
        return f"Client({self._transport.base_url!r})"

    @property
    def dialect(self) -> Dialect | None:
        """The dialect in use, to be remembered; None before the first search."""
        return self._search.dialect

    @property
    def waits(self) -> Waits:
        """What is waited for now."""
        return self._transport.waits

    @property
    def on_wait(self) -> OnWait | None:
        """Called before each wait; may be replaced at any time."""
        return self._transport.on_wait

    @on_wait.setter
    def on_wait(self, listener: OnWait | None) -> None:
        self._transport.on_wait = listener

    async def fetch_dialect(self) -> Dialect:
        """Ask the platform how its search is spoken to: a search for one row, in each dialect.

        Raises:
            BadReply: It speaks neither; probably it is no Code Ocean.
        """
        return await self._search.fetch_dialect()

    async def is_before(self, version: str) -> bool:
        """Tell whether the platform says that it is older than a version, such as ``4.2``."""
        return await self._search.is_before(version)

    async def search(
        self,
        request: SearchRequest,
        *,
        offset: int = 0,
        limit: int = calls.LARGEST_PAGE,
        next_token: str | None = None,
    ) -> Page:
        """Fetch one page.

        Args:
            request: What to look for.
            offset: Rows to leave out.
            limit: Rows at most, within 1 and 1000.
            next_token: Where the page before said that this one starts; wins over `offset`.

        Raises:
            ValueError: There is no such page.
        """
        envelope = await self._search.fetch(request, PageStart(offset, limit, next_token))
        return Page(wire.parse_rows(envelope.rows), envelope.has_more, envelope.next_token)

    def iter_pages(
        self,
        request: SearchRequest,
        *,
        limit: int = calls.LARGEST_PAGE,
        offset: int = 0,
        prefetch: int = 1,
        growth: int = 1,
    ) -> Walk[Asset]:
        """Walk over all pages; `Walk.incomplete` tells afterwards whether the platform had more.

            async with client.iter_pages(request, prefetch=4) as walk:
                async for assets in walk: ...

        Without ``async with`` there is one request at a time. No asset comes twice.

        Args:
            request: What to look for.
            limit: Rows a page, within 1 and 1000.
            offset: Rows to leave out.
            prefetch: Pages that may be on their way while one is read.
            growth: How many times as many rows each page has as the one before it.
        """
        return Walk(
            partial(self._search.fetch, request),
            wire.parse_rows,
            attrgetter("id"),
            limit=limit,
            offset=offset,
            prefetch=prefetch,
            growth=growth,
        )

    def iter_ids(self, request: SearchRequest, *, prefetch: int = 1) -> Walk[AssetId]:
        """Walk likewise over the ids of what is found, which are much quicker to read."""
        return Walk(
            partial(self._search.fetch, request),
            wire.parse_ids,
            AssetId,
            limit=calls.LARGEST_PAGE,
            prefetch=prefetch,
        )

    async def get(self, asset_id: AssetId) -> Asset:
        """Fetch an asset.

        Raises:
            NotFound: There is none, or it is not shared with this user.
        """
        return await self._transport.send(calls.build_get(asset_id), wire.read_asset_of(asset_id))

    async def create(self, new: NewAsset, *, others: FindOthers | None = None) -> Asset:
        """Ask for a new asset. The platform makes it afterwards: watch its state.

        A request that was not answered with yes is not repeated; the asset is looked for among the
        newest ones (design: api.md, Writes).

        Args:
            new: What to ask for.
            others: Finds which assets are none that this call makes, however alike.

        Raises:
            ApiError: With `outcome_unknown`: it may come to be anyway.
        """
        return await create_asset(self._transport, self._search, new, others)

    async def update(
        self,
        asset_id: AssetId,
        fields: Fields,
        *,
        before: Fields,
        read_at: float | None = None,
        seen: Asset | None = None,
    ) -> Asset:
        """Set an asset's fields, and return what the platform then has.

        When the outcome is unknown the asset is read: equal to `fields`, it is done; equal to
        `before`, it is sent again; else somebody else was faster (design: api.md, Writes). It is
        read and judged likewise right before each try that anything waited for.

        Args:
            asset_id: The asset.
            fields: All of them, as they should be; what is None is not sent.
            before: As they were on the platform when last seen.
            read_at: When that was, by `anyio.current_time`; None: just now.
            seen: All of it, as it was then: values in it that are not what they should be go back
                as they came.

        Raises:
            Conflict: It was changed to something else in the meantime; with `outcome_unknown`,
                after the change may have arrived.
            ApiError: With `outcome_unknown`: it could not be read either.
        """
        return await writes.update_asset(
            self._transport, asset_id, fields, before=before, read_at=read_at, seen=seen
        )

    async def sharing(self, asset_id: AssetId) -> Sharing:
        """Fetch who can see an asset; v4.3 and later.

        Raises:
            NotFound: There is no such asset, or the platform does not tell.
        """
        call = permissions.build_permissions(asset_id)
        return await self._transport.send(call, permissions.parse_sharing)

    async def share(
        self, asset_id: AssetId, wanted: Sharing, *, before: Sharing, read_at: float | None = None
    ) -> None:
        """Set who can see an asset, all of it.

        An unknown outcome is judged as that of `update` is. The platform may leave out whom it does
        not know without a word: read it afterwards.

        Args:
            asset_id: The asset.
            wanted: Who should be able to see it.
            before: Who could when last seen.
            read_at: When that was, by `anyio.current_time`; None: just now.

        Raises:
            Conflict: It was changed to something else in the meantime; with `outcome_unknown`,
                after the change may have arrived.
            ApiError: With `outcome_unknown`: it could not be read either.
        """
        await writes.share_asset(self._transport, asset_id, wanted, before=before, read_at=read_at)

    async def grant(self, asset_id: AssetId, roles: Roles) -> None:
        """Give roles on a platform that does not tell who has one (before v4.3).

        Whether others keep theirs is up to the platform.

        Args:
            asset_id: The asset.
            roles: Member → role.
        """
        call = permissions.build_grants(asset_id, roles)
        await self._transport.send(call, wire.read_done_of(asset_id))

    async def archive(
        self,
        asset_id: AssetId,
        archived: bool,  # noqa: FBT001 # a state
        *,
        judge: Judge | None = None,
        read_at: float | None = None,
    ) -> None:
        """Archive an asset, or take it out of the archive.

        Args:
            asset_id: The asset.
            archived: Which of them.
            judge: Judges the asset, read again, before each try that anything waited for; None:
                it does not matter what else it is.
            read_at: When it was last judged, by `anyio.current_time`; None: just now.

        Raises:
            CoexplorerError: What `judge` raises; this try was not sent.
        """
        call = calls.build_archive(asset_id, archived=archived)
        look = None if judge is None else writes.build_look(asset_id, judge, read_at)
        await self._transport.send(call, wire.read_done_of(asset_id), look=look)

    async def delete(
        self, asset_id: AssetId, *, judge: Judge | None = None, read_at: float | None = None
    ) -> None:
        """Delete an asset for good; the platform expects it to be archived.

        It takes the same arguments as `archive`.

        Raises:
            CoexplorerError: What `judge` raises; the asset was still there.
        """
        call = calls.build_delete(asset_id)
        look = None if judge is None else writes.build_look(asset_id, judge, read_at)
        await self._transport.send(call, wire.read_done_of(asset_id), look=look)

    async def transfer(self, asset_id: AssetId, target: S3Target, *, force: bool = False) -> None:
        """Have an asset's files moved to another storage; administrators alone may, v3.1 and later.

        It goes on in the background: read the asset again, and `assets.read_transfer` tells.

        Args:
            asset_id: The asset.
            target: Where to.
            force: Also if a pipeline that is released uses it.

        Raises:
            ApiError: With `outcome_unknown`: it may have begun. It is never sent twice.
        """
        call = calls.build_transfer(asset_id, target, force=force)
        await self._transport.send(call, wire.read_done_of(asset_id))

    async def list_files(self, asset_id: AssetId, path: str = "") -> Folder:
        """List one folder of an asset's files; internal assets only, v3.1 and later."""
        call = calls.build_list_files(asset_id, path)
        return await self._transport.send(call, file_replies.read_folder(path))

    async def file_urls(self, asset_id: AssetId, path: str) -> FileUrls:
        """Fetch the signed addresses of a file; platforms before v4.0 give one."""
        deadline = self._transport.start_clock()
        try:
            call = calls.build_file_urls(asset_id, path)
            return await self._transport.send(call, file_replies.parse_file_urls, deadline=deadline)
        except ApiError as error:
            if error.status not in NOT_HERE:
                raise
            newest = error
        try:
            call = calls.build_download_url(asset_id, path)
            return await self._transport.send(call, file_replies.parse_file_urls, deadline=deadline)
        except ApiError as error:
            if error.status not in NOT_HERE:
                raise
        raise newest

    def open_download(
        self,
        fetch_url: FetchUrl,
        *,
        start: int = 0,
        stop: int | None = None,
        most: int | None = None,
        etag: str = "",
    ) -> AbstractAsyncContextManager[Download]:
        """Open a file's bytes at a signed address, resumed by itself where a connection breaks.

            async with client.open_download(fetch_url) as download:
                async for chunk in download: ...

        The token does not go there. `Download.etag`, `.total_bytes` and `.position` tell what to
        remember in order to continue in another session.

        Args:
            fetch_url: Asked for a signed address, and for another when one has expired.
            start: Offset of the first byte.
            stop: Offset after the last one; None: to the end.
            most: Offset at which reading ends although there is more, of a storage that sends more
                than was announced. Unlike `stop` it is not asked for.
            etag: The mark of an earlier part, which the rest must belong to.

        Raises:
            Conflict: The content has changed since.
        """
        return open_download(
            self._transport,
            self._storage,
            fetch_url,
            start=start,
            stop=stop,
            most=most,
            etag=etag,
        )

    def open_part(
        self, fetch_url: FetchUrl, start: int, stop: int, part: FilePart, *, etag: str = ""
    ) -> AbstractAsyncContextManager[Download]:
        """Open a part of a file at a signed address, as `open_download` does: one request.

        Args:
            fetch_url: Asked for a signed address, and for another when one has expired.
            start: Offset of the first byte.
            stop: Offset after the last one.
            part: What is known of the file.
            etag: The mark that its content must have; empty: any.

        Raises:
            Conflict: Its size or its mark is another one.
        """
        return open_download(
            self._transport,
            self._storage,
            fetch_url,
            start=start,
            stop=stop,
            etag=etag,
            part=part,
        )

    async def open_place(self, url: str) -> OtherStorage:
        """Open the way to a storage that is not the platform's; it ends with this client's.

        The token does not go there.

        Args:
            url: Where it is.

        Raises:
            ValueError: That is no address.
        """
        storage = OtherStorage(self._transport, url, concurrency=_PARTS, carrier=self._carrier)
        return await self._stack.enter_async_context(storage)

    async def metadata_schema(self) -> tuple[MetadataField, ...]:
        """Fetch the deployment's custom metadata fields."""
        call = calls.build_metadata_schema()
        return await self._transport.send(call, wire.parse_metadata_schema)
