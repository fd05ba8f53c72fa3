"""Reading from the catalog, off the event loop. None of this uses the network."""

from __future__ import annotations

from collections.abc import Sequence

from coexplorer.errors import JournalError
from coexplorer.library.context import Context, search_time
from coexplorer.library.results import Lineage, Status
from coexplorer.models import AssetId, Duplicates, Row, Stats
from coexplorer.query import Query


class Reading:
    """Asks the catalog.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._catalog = context.catalog

    async def count(self, query: Query) -> int:
        """See `Library.count`."""
        return await self._context.read(self._catalog.count, query, now=search_time())

    async def window(self, query: Query, offset: int, limit: int) -> list[Row]:
        """See `Library.window`."""
        return await self._context.read(
            self._catalog.window, query, offset=offset, limit=limit, now=search_time()
        )

    async def prepare(self, query: Query) -> None:
        """See `Library.prepare`."""
        await self._context.read(self._catalog.prepare, query, now=search_time())

    async def ids(self, query: Query) -> list[AssetId]:
        """See `Library.ids`."""
        return await self._context.read(self._catalog.ids, query, now=search_time())

    async def rows(self, ids: Sequence[AssetId] | None) -> list[Row]:
        """See `Library.rows`."""
        if ids is None:
            return await self._context.read(self._catalog.iter_rows)
        return await self._context.read(self._catalog.rows, ids)

    async def position(self, asset_id: AssetId, query: Query) -> int | None:
        """See `Library.position`."""
        return await self._context.read(self._catalog.position, asset_id, query, now=search_time())

    async def tag_counts(self, query: Query | None, *, any_case: bool) -> list[tuple[str, int]]:
        """See `Library.tag_counts`."""
        return await self._context.read(
            self._catalog.tag_counts, query, any_case=any_case, now=search_time()
        )

    async def field_values(self, field: str) -> list[str]:
        """See `Library.field_values`."""
        return await self._context.read(self._catalog.field_values, field)

    async def metadata_keys(self) -> list[str]:
        """See `Library.metadata_keys`."""
        return await self._context.read(self._catalog.metadata_keys)

    async def stats(self, query: Query | None) -> Stats:
        """See `Library.stats`."""
        return await self._context.read(self._catalog.stats, query, now=search_time())

    async def duplicates(self) -> list[Duplicates]:
        """See `Library.duplicates`."""
        return await self._context.read(self._catalog.duplicates)

    async def lineage(self, asset_id: AssetId) -> Lineage:
        """See `Library.lineage`."""
        parents = await self._context.read(self._catalog.parents, asset_id)
        children = await self._context.read(self._catalog.children, asset_id)
        return Lineage(asset_id, tuple(parents), tuple(children))

    async def data_version(self) -> int:
        """See `Library.data_version`."""
        return await self._context.read(self._catalog.data_version)

    async def changed_since(self, change: int) -> tuple[int, list[AssetId]]:
        """See `Library.changed_since`."""
        return await self._context.read(self._catalog.changed_since, change)

    async def status(self, *, syncing: bool) -> Status:
        """See `Library.status`."""
        state = await self._context.read(self._catalog.sync_state)
        journal = self._context.journal
        try:
            unsent, refused = await self._context.run(journal.count_kept)
        except JournalError:  # nothing is known of what is not sent; `problem` says so
            unsent = refused = 0
        problem = journal.problem or journal.damage
        return Status(
            total=state.assets,
            complete=state.complete,
            synced_at=state.refreshed_at if state.complete else state.synced_at,
            offline=self._context.offline or self._context.out_of_reach,
            syncing=syncing,
            unsent=unsent,
            catalog_problem=self._context.catalog_problem,
            is_kept=self._catalog.path == self._context.settings.catalog_path,
            journal_problem=problem.message if problem else "",
            dialect=state.dialect or "",
            refused=refused,
        )
