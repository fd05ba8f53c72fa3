"""What the mount reports about itself, line by line, as a file that can be followed.

Pure, but for the clock.
"""

from __future__ import annotations

import time

_MOST_BYTES = 512 * 1024
_KEPT_BYTES = 256 * 1024


class Logbook:
    """The lines of ``.coexplorer/log``.

    Attributes:
        text: All that is kept, oldest first.
        mtime_ns: When the last line came, in nanoseconds since the epoch.
    """

    def __init__(self) -> None:
        self.text = bytearray()
        self.mtime_ns = time.time_ns()

    def add(self, line: str) -> None:
        """Add a line, with its time; if there are too many, the older half goes."""
        self.mtime_ns = time.time_ns()
        stamp = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.mtime_ns // 1_000_000_000))
        self.text += f"{stamp} {line}\n".encode(errors="replace")
        if len(self.text) > _MOST_BYTES:
            del self.text[: self.text.index(b"\n", len(self.text) - _KEPT_BYTES) + 1]
