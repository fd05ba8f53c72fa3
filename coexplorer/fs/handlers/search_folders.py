"""``search/QUERY/``: any query of the query language, as a folder of links."""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, field

import trio

from coexplorer.errors import QueryError
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.errnos import DEADLINE_S
from coexplorer.fs.kernel.inodes import view_inode
from coexplorer.library import Library
from coexplorer.library.query_hints import ensure_meant
from coexplorer.names import unescape_name
from coexplorer.query import Query, parse_query

_FRESH_S = 2.0
_KEPT = 64


@dataclass(slots=True, eq=False)
class SearchFolder:
    """The folder of a query, with what it found last.

    Attributes:
        can_match: It was looked at whether some asset could match it, and one could.
    """

    name: bytes
    query: Query
    view: int
    can_match: bool = False
    found: dict[bytes, Node] = field(default_factory=dict)
    at: float = float("-inf")


class SearchFolders:
    """The folders that somebody looked up; the kernel's hold keeps them alive."""

    def __init__(self, volume: Volume, library: Library) -> None:
        self._volume = volume
        self._library = library
        self._by_name: OrderedDict[bytes, SearchFolder] = OrderedDict()
        self._by_view: dict[int, SearchFolder] = {}

    def find(self, name: bytes) -> SearchFolder | None:
        """Return the folder of a query; None for names that are not queries, and for dot names."""
        folder = self._by_name.get(name)
        if folder is not None:
            self._by_name.move_to_end(name)
            return folder
        if name.startswith(b"."):
            return None
        try:
            query = parse_query(unescape_name(name.decode()))
        except (QueryError, UnicodeDecodeError) as error:
            self._report(name, error)
            return None
        folder = SearchFolder(name, query, self._volume.tree.take_view())
        self._by_name[name] = self._by_view[folder.view] = folder
        if len(self._by_name) > _KEPT:
            self._drop_oldest()
        return folder

    def find_view(self, view: int) -> SearchFolder | None:
        """Return the folder with that view."""
        return self._by_view.get(view)

    def list_folders(self) -> list[SearchFolder]:
        """List the folders that were used lately."""
        return list(self._by_name.values())

    async def can_match(self, folder: SearchFolder) -> bool:
        """Tell whether a query can find anything: one that can't is no folder, as a mistake."""
        if folder.can_match:
            return True
        with trio.fail_after(DEADLINE_S):
            try:
                await ensure_meant(self._library.assets, folder.query, time.time())
            except QueryError as error:
                self._report(folder.name, error)
                return False
        folder.can_match = True
        return True

    async def ensure_found(self, folder: SearchFolder, *, max_age_s: float = _FRESH_S) -> None:
        """Ask the catalog, unless it was asked a moment ago."""
        if time.monotonic() - folder.at <= max_age_s:
            return
        with trio.fail_after(DEADLINE_S):
            ids = await self._library.assets.ids(folder.query)
        nodes = (self._volume.tree.find_id(asset_id) for asset_id in ids)
        folder.found = {node.file_name: node for node in nodes if node and not node.gone}
        folder.at = time.monotonic()

    def _report(self, name: bytes, error: QueryError | UnicodeDecodeError) -> None:
        hint = f"; {error.hint}" if isinstance(error, QueryError) and error.hint else ""
        self._volume.report(f"search/{name.decode(errors='replace')}: {error}{hint}")

    def _drop_oldest(self) -> None:
        for name, folder in self._by_name.items():
            if not self._volume.counts.holds(view_inode(folder.view)):
                del self._by_name[name]
                del self._by_view[folder.view]
                return
