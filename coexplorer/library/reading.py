"""Reading from the catalog. None of this uses the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from coexplorer.models import AssetId, Duplicates, Row, Stats
from coexplorer.query import Query

if TYPE_CHECKING:
    from coexplorer.catalog import Catalog
    from coexplorer.library.results import Lineage

P = ParamSpec("P")
T = TypeVar("T")


def search_time() -> float:
    """Return what relative dates count back from: whole minutes, so that what was found is kept."""
    return time.time() // 60 * 60


class Read(Protocol):
    """Makes a call that may block and changes nothing: in a thread, say, off the event loop."""

    async def __call__(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what `call` returns."""
        ...


class Reading:
    """Asks the catalog.

    Args:
        catalog: What we know.
        read: How it is asked.
    """

    def __init__(self, catalog: Catalog, read: Read) -> None:
        self._catalog = catalog
        self._read = read

    async def count(self, query: Query) -> int:
        """See `Library.count`."""
        return await self._read(self._catalog.count, query, now=search_time())

    async def window(self, query: Query, offset: int, limit: int) -> list[Row]:
        """See `Library.window`."""
        return await self._read(
            self._catalog.window, query, offset=offset, limit=limit, now=search_time()
        )

    async def prepare(self, query: Query) -> None:
        """See `Library.prepare`."""
        await self._read(self._catalog.prepare, query, now=search_time())

    async def ids(self, query: Query) -> list[AssetId]:
        """See `Library.ids`."""
        return await self._read(self._catalog.ids, query, now=search_time())

    async def rows(self, ids: Sequence[AssetId] | None) -> list[Row]:
        """See `Library.rows`."""
        if ids is None:
            return await self._read(self._catalog.iter_rows)
        return await self._read(self._catalog.rows, ids)

    async def position(self, asset_id: AssetId, query: Query) -> int | None:
        """See `Library.position`."""
        return await self._read(self._catalog.position, asset_id, query, now=search_time())

    async def tag_counts(self, query: Query | None, *, any_case: bool) -> list[tuple[str, int]]:
        """See `Library.tag_counts`."""
        return await self._read(
            self._catalog.tag_counts, query, any_case=any_case, now=search_time()
        )

    async def field_values(self, field: str) -> list[str]:
        """See `Library.field_values`."""
        return await self._read(self._catalog.field_values, field)

    async def stats(self, query: Query | None) -> Stats:
        """See `Library.stats`."""
        return await self._read(self._catalog.stats, query, now=search_time())

    async def duplicates(self) -> list[Duplicates]:
        """See `Library.duplicates`."""
        return await self._read(self._catalog.duplicates)

    async def lineage(self, asset_id: AssetId) -> Lineage:
        """See `Library.lineage`."""
        from coexplorer.library.results import Lineage  # noqa: PLC0415 - lists need none of it

        parents = await self._read(self._catalog.parents, asset_id)
        children = await self._read(self._catalog.children, asset_id)
        return Lineage(asset_id, tuple(parents), tuple(children))

    async def data_version(self) -> int:
        """See `Library.data_version`."""
        return await self._read(self._catalog.data_version)

    async def changed_since(self, change: int) -> tuple[int, list[AssetId]]:
        """See `Library.changed_since`."""
        return await self._read(self._catalog.changed_since, change)
