"""The files of assets for Python programs: file objects, and a file system for fsspec.

A thread of its own has the event loop, so that a program calls plain functions, in Jupyter as
anywhere (`coexplorer.python.loop_thread`).
"""

from coexplorer.python.asset_file import AssetFile
from coexplorer.python.opening import open_file

__all__ = ["AssetFile", "open_file"]
