"""What the catalog answers by itself: in a session (`library.assets`) or without one (`Known`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ParamSpec, Protocol, TypeVar

from coexplorer.metadata.schema import UNKNOWN, MetadataSchema, decode_schema
from coexplorer.models import AssetId, Duplicates, Record, Row, Stats
from coexplorer.query import Query

if TYPE_CHECKING:
    from coexplorer.catalog import Catalog
    from coexplorer.library.lineage import LineageGraph
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
    """Asks the catalog, never the network.

    Every method may raise `CatalogError`.

    Args:
        catalog: What we know.
        read: How it is asked.
    """

    def __init__(self, catalog: Catalog, read: Read) -> None:
        self._catalog = catalog
        self._read = read

    async def metadata_schema(self) -> MetadataSchema:
        """Return the schema of custom metadata as it was last read; its `known` may be false."""
        found = await self._read(self._catalog.metadata_schema)
        return (decode_schema(found[0]) if found else None) or UNKNOWN

    async def read_types(self, query: Query) -> Query:
        """Return what a query means, given the schema of custom metadata as far as it is known."""
        return await self._read(self._catalog.read_types, query)

    async def count(self, query: Query) -> int:
        """Return how many assets `query` finds."""
        return await self._read(self._catalog.count, query, now=search_time())

    async def prepare(self, query: Query) -> None:
        """Prepare what the first search in the order of `query` would have to wait for."""
        await self._read(self._catalog.prepare, query, now=search_time())

    async def window(self, query: Query, *, offset: int = 0, limit: int = 200) -> list[Row]:
        """Return `limit` rows of what `query` finds, in its order, from row `offset` on."""
        return await self._read(
            self._catalog.window, query, offset=offset, limit=limit, now=search_time()
        )

    async def ids(self, query: Query) -> list[AssetId]:
        """Return the ids of all that `query` finds, in its order."""
        return await self._read(self._catalog.ids, query, now=search_time())

    async def records(self, target: Query | Sequence[AssetId]) -> list[Record]:
        """Return the full records of what a query finds, or of ids (unknown ones are left out)."""
        asked = target if isinstance(target, Query) else list(target)
        return await self._read(self._catalog.records, asked, now=search_time())

    async def rows(self, ids: Sequence[AssetId] | None = None) -> list[Row]:
        """Return a light row of each asset of `ids` (unknown ones are left out), or of all."""
        if ids is None:
            return await self._read(self._catalog.iter_rows)
        return await self._read(self._catalog.rows, ids)

    async def position(self, asset_id: AssetId, query: Query) -> int | None:
        """Return the index of an asset in what `query` finds; None when it is not in there."""
        return await self._read(self._catalog.position, asset_id, query, now=search_time())

    async def tag_counts(
        self, query: Query | None = None, *, any_case: bool = False
    ) -> list[tuple[str, int]]:
        """Return every tag with the number of its assets, most used first.

        Args:
            query: Count what it finds; None counts all assets.
            any_case: Count spellings that differ only in case as one tag, as a search does.
        """
        return await self._read(
            self._catalog.tag_counts, query, any_case=any_case, now=search_time()
        )

    async def field_values(self, field: str) -> list[str]:
        """Return the known values of a query field or metadata key, for completion."""
        return await self._read(self._catalog.field_values, field)

    async def stats(self, query: Query | None = None) -> Stats:
        """Return counts and bytes by state, type, owner, tag, age and place."""
        return await self._read(self._catalog.stats, query, now=search_time())

    async def duplicates(self) -> list[Duplicates]:
        """Return groups of assets that look like the same: why, and which."""
        return await self._read(self._catalog.duplicates)

    async def lineage(self, asset_id: AssetId) -> Lineage:
        """Return what an asset was made from, and what was made from it."""
        from coexplorer.library.results import Lineage  # noqa: PLC0415 - lists need none of it

        parents = await self._read(self._catalog.parents, asset_id)
        children = await self._read(self._catalog.children, asset_id)
        return Lineage(asset_id, tuple(parents), tuple(children))

    async def lineage_graph(self, asset_id: AssetId, depth: int) -> LineageGraph:
        """Return what an asset was made from and what from it, over `depth` steps."""
        from coexplorer.library.lineage import walk_lineage  # noqa: PLC0415 - likewise

        return await walk_lineage(self.lineage, asset_id, depth)

    async def data_version(self) -> int:
        """Return the number of the newest change; any process's change makes it larger."""
        return await self._read(self._catalog.data_version)

    async def changed_since(self, change: int) -> tuple[int, list[AssetId]]:
        """Return the newest change's number and the rows changed after `change`, gone ones too.

        When the newest number is smaller than `change`, the catalog was rebuilt: read all again.
        """
        return await self._read(self._catalog.changed_since, change)
