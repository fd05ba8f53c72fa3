"""``ls --remote``: asks the platform, then applies the rest of the query to its answer."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from coexplorer.catalog import Catalog
from coexplorer.errors import FileTrouble, Rejected
from coexplorer.library.context import Context
from coexplorer.library.metadata import ensure_schema
from coexplorer.library.reading import search_time
from coexplorer.library.results import RemoteFound
from coexplorer.models import Asset, AssetId, Membership, MetadataField, Record, SearchRequest
from coexplorer.query import Flag, PlatformPart, Query, asks_typed, platform_part
from coexplorer.query.remote import list_request

_MOST_HELD = 200_000
"""Assets of one answer that are held at once: all of a large deployment, in about a gigabyte."""

_NOT_UNDERSTOOD = 400

_LARGEST = 1000
"""Rows of a page, where all are wanted."""

_GROWTH = 4
"""Where few are wanted, the first page has as many; if what is judged here leaves too few of them,
each page is longer than the one before it by this factor."""

_MOST_BYTES = 300 * 1024 * 1024
"""Of their JSON; in memory each byte takes about two."""


async def find_remote(
    context: Context, query: Query, offset: int, limit: int | None
) -> RemoteFound:
    """See `Platform.find`."""
    now = search_time()
    fields: tuple[MetadataField, ...] = ()
    if asks_typed(query):
        fields = (await ensure_schema(context)).fields
    part = platform_part(query, fields, now)
    plain = platform_part(query, fields, now, plain=True)
    if limit is None and query.sort:
        # All of it is read, so it can have our order: unknown sizes first, equals by their ids.
        part, plain = (
            msgspec.structs.replace(each, rest=Query(each.rest.terms, query.sort))
            for each in (part, plain)
        )
    lists = {flag: await _read_list(context, flag) for flag in part.lists}
    try:
        found = await _find(context, part, offset, limit, lists)
    except Rejected as error:
        if error.status != _NOT_UNDERSTOOD or plain == part:
            raise
        # What it does not take is judged here.
        found = await _find(context, plain, offset, limit, lists)
    if not all(one.is_whole for one in lists.values()):
        found = msgspec.structs.replace(found, incomplete=True)
    return found


class _List(msgspec.Struct, frozen=True):
    """The ids of all assets that a flag is true of, and whether the platform showed all of them."""

    ids: frozenset[AssetId]
    is_whole: bool


async def _read_list(context: Context, flag: str) -> _List:
    walk = (await context.client()).iter_pages(list_request(flag), limit=_LARGEST)
    ids = {asset.id async for page in walk for asset in page}
    return _List(frozenset(ids), walk.incomplete is None)


async def _find(
    context: Context,
    part: PlatformPart,
    offset: int,
    limit: int | None,
    lists: Mapping[str, _List],
) -> RemoteFound:
    end = None if limit is None else offset + limit
    few = _LARGEST if end is None or part.rest.sort else max(1, min(end, _LARGEST))
    walk = (await context.client()).iter_pages(part.request, limit=few, growth=_GROWTH)
    found: list[Asset] = []
    cut = False
    held_bytes = counted = 0
    with _make_folder() as folder:
        answer = (
            None
            if part.is_whole
            else _Answer(context, part, lists, Path(folder) / "answer.sqlite3")
        )
        try:
            async for page in walk:
                if answer is None:
                    found += page
                elif part.rest.sort:
                    await answer.add(page)
                    found += page
                else:
                    found += await answer.judge(page)
                if end is not None and len(found) >= end and not part.rest.sort:
                    break
                held_bytes += sum(len(asset.raw) for asset in found[counted:])
                counted = len(found)
                if len(found) >= _MOST_HELD or held_bytes > _MOST_BYTES:
                    cut = True
                    break
            if answer is not None and part.rest.sort:
                found = await answer.sort(found)
        finally:
            if answer is not None:
                answer.close()
    enough = end is not None and len(found) >= end and not part.rest.sort
    incomplete = cut or (walk.incomplete is not None and not enough)
    reason = "" if walk.incomplete is None else walk.incomplete.value
    return RemoteFound(tuple(found[offset:end]), incomplete, len(walk.left_out), reason)


@contextmanager
def _make_folder() -> Iterator[str]:
    """Make a folder that is gone in the end.

    Raises:
        FileTrouble: There is no room for one.
    """
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(TemporaryDirectory(prefix="coexplorer-"))
        except OSError as error:
            hint = "or set TMPDIR to a folder that can be written"
            raise FileTrouble.of("a temporary folder", "made", error, hint=hint) from None
        yield folder


class _Answer:
    """What the platform answered, in a catalog of its own: the whole language is judged there.

    Args:
        context: What the session's modules share.
        part: What was asked, and what is left.
        lists: The lists of flags that are left, by flag.
        path: Of the file, which nobody else sees.
    """

    def __init__(
        self, context: Context, part: PlatformPart, lists: Mapping[str, _List], path: Path
    ) -> None:
        self._run = context.run
        self._part = part
        self._lists = lists
        self._catalog = Catalog.open(path)
        self._asked = Query((*part.rest.terms, Flag("any")), part.rest.sort)
        self._now = search_time()

    def close(self) -> None:
        """Forget it."""
        self._catalog.close()

    async def add(self, assets: Sequence[Asset]) -> None:
        """Take a page, to be judged along with all others by `sort`."""
        records = [Record(asset, self._find_marks(asset.id), time.time()) for asset in assets]
        await self._run(self._catalog.upsert, records)

    def _find_marks(self, asset_id: AssetId) -> Membership:
        known = {flag: asset_id in each.ids for flag, each in self._lists.items()}
        return msgspec.structs.replace(self._part.membership, **known)

    async def judge(self, assets: Sequence[Asset]) -> list[Asset]:
        """Return a page's assets that match the rest of the query; the page is not kept.

        Otherwise each page would be judged again along with all that follow.
        """
        await self.add(assets)
        fitting = set(await self._ids())
        await self._run(self._catalog.remove, [asset.id for asset in assets])
        return [asset for asset in assets if asset.id in fitting]

    async def sort(self, assets: Sequence[Asset]) -> list[Asset]:
        """Return the assets that match the rest of the query, in its order."""
        by_id = {asset.id: asset for asset in assets}
        return [by_id[asset_id] for asset_id in await self._ids()]

    async def _ids(self) -> list[AssetId]:
        return await self._run(self._catalog.ids, self._asked, now=self._now)


async def search_remote(
    context: Context, request: SearchRequest, *, rows: int | None = None
) -> AsyncIterator[Asset]:
    """See `Platform.search`."""
    client = await context.client()
    walk = client.iter_pages(request) if rows is None else client.iter_pages(request, limit=rows)
    async for page in walk:
        for asset in page:
            yield asset
