"""What a user can do with data assets: one interface for every front end.

Names are imported on first use: the shell's completion needs one module, not the whole library.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coexplorer.library.library import Library
    from coexplorer.library.session import open_library

__all__ = ["Library", "open_library"]

_ROOMS = {"Library": "library", "open_library": "session"}


def __getattr__(name: str) -> object:
    """Import a public name from its module."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = found
    return found
