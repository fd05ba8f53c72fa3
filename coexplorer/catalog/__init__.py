"""The local replica: every asset at hand in milliseconds, offline too. See `Catalog`."""

from coexplorer.catalog.connections import Superseded
from coexplorer.catalog.rows import Row
from coexplorer.catalog.statistics import Duplicates, Relative, Share, Stats
from coexplorer.catalog.store import Catalog
from coexplorer.catalog.sweeps import SyncState

__all__ = [
    "Catalog",
    "Duplicates",
    "Relative",
    "Row",
    "Share",
    "Stats",
    "Superseded",
    "SyncState",
]
