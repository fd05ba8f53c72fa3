"""Reads parts of files that lie elsewhere, through a cache on this disk that all processes share.

It knows no platform: where bytes come from is a `FileOrigin`. A file is read in blocks
(`BLOCK_BYTES`). What was read is kept in memory for a moment, and on the disk until something else
needs the room (design: files.md).

Names are imported on first use: most starts of the program read no file.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coexplorer.remote_files.blocks import BLOCK_BYTES, CacheKey, Version
    from coexplorer.remote_files.cache import BlockCache, CacheUse
    from coexplorer.remote_files.origin import FileOrigin
    from coexplorer.remote_files.reader import FileReader
    from coexplorer.remote_files.remote_files import RemoteFiles, open_remote_files

__all__ = [
    "BLOCK_BYTES",
    "BlockCache",
    "CacheKey",
    "CacheUse",
    "FileOrigin",
    "FileReader",
    "RemoteFiles",
    "Version",
    "open_remote_files",
]

_ROOMS = {
    "BLOCK_BYTES": "blocks",
    "BlockCache": "cache",
    "CacheKey": "blocks",
    "CacheUse": "cache",
    "FileOrigin": "origin",
    "FileReader": "reader",
    "RemoteFiles": "remote_files",
    "Version": "blocks",
    "open_remote_files": "remote_files",
}


def __getattr__(name: str) -> object:
    """Import a public name from its module."""
    if name not in _ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"{__name__}.{_ROOMS[name]}"), name)
    globals()[name] = found
    return found
