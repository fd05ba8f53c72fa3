"""Reads parts of files that lie elsewhere, through a cache on this disk that all processes share.

It knows no platform: where bytes come from is a `FileOrigin`. A file is read in blocks
(`BLOCK_BYTES`). What was read is kept in memory for a moment, and on the disk until something else
needs the room (design: files.md).
"""

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
