"""Whether a disk is full: SQLite often says no more than ``disk I/O error``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

_LEAST_BYTES: Final = 256 * 1024
"""With less than this SQLite can't even make the shared memory and the log of a file."""


def is_full(folder: Path) -> bool:
    """Tell whether nothing more fits beside the files in `folder`."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return False
    return found.f_bavail * found.f_frsize < _LEAST_BYTES
