"""When what the platform has was first seen here: the times of closed, clean files.

Pure, but for the clock.
"""

from __future__ import annotations

import time

from coexplorer.fs.core.nodes import Node
from coexplorer.fs.kernel.inodes import Part


class Times:
    """Times in nanoseconds since the epoch.

    Attributes:
        started_ns: When the mount began.
    """

    def __init__(self) -> None:
        self.started_ns = time.time_ns()
        self._seen: dict[tuple[int, Part], int] = {}

    def made_ns(self, node: Node) -> int:
        """Return when an asset was created, or first shown."""
        return int(node.created * 1_000_000_000) or self.started_ns

    def seen_ns(self, node: Node, part: Part) -> int:
        """Return the time of what the platform has of a file."""
        seen_ns = self._seen.get((node.slot, part))
        return self.made_ns(node) if seen_ns is None else seen_ns

    def set(self, node: Node, part: Part, mtime_ns: int) -> None:
        """Give it another one."""
        self._seen[node.slot, part] = mtime_ns
