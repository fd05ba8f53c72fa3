"""The local copy: every asset within milliseconds, even offline. See `Catalog`.

Names are imported on first use: the first frame needs only `first_page`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coexplorer.catalog.store import Catalog
    from coexplorer.catalog.sweeps import SyncState

__all__ = [
    "Catalog",
    "SyncState",
]

_ROOMS = {
    "Catalog": "store",
    "SyncState": "sweeps",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = found
    return found
