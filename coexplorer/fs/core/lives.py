"""Which inode a file has: another one for each text. Pure, but for the clock.

The kernel keeps a file's pages and its size by its inode, and reads no further than that size. So
an inode whose text changed under a reader would give it one text cut at the length of the other, or
pages of both. Here a name that gets another text gets another inode, as it does on a disk where
editors save by renaming: who has the file open keeps the old one, with all that belongs to it.
"""

from __future__ import annotations

import time
from collections import OrderedDict

from coexplorer.fs.kernel.inodes import LIVES, PARTS, Part

_RETRY_S = 10.0
"""How long it may take until the kernel's second question is answered; it asks at once."""

_MOST_TOLD = 256


class Lives:
    """How many texts each file has had while somebody could see it, modulo `LIVES`."""

    def __init__(self) -> None:
        self._lives = bytearray()

    def find(self, slot: int, part: Part) -> int:
        """Return the number of the present one."""
        place = slot * len(PARTS) + part
        return self._lives[place] if place < len(self._lives) else 0

    def begin(self, slot: int, part: Part) -> int:
        """Begin the next one and return its number."""
        place = slot * len(PARTS) + part
        missing = place + 1 - len(self._lives)
        if missing > 0:
            self._lives.extend(bytes(missing))
        self._lives[place] = (self._lives[place] + 1) % LIVES
        return self._lives[place]


class Retries:
    """Who was told ESTALE: the kernel looks the path up again then, but only once.

    A path whose file got another inode between the lookup and the call leads to the new one so.
    A descriptor's path (``/proc/self/fd/3``, ``/dev/stdin``) leads to the old inode again, and so
    may two changes in a row: whoever asks again must get an answer.
    """

    def __init__(self) -> None:
        self._told: OrderedDict[int, float] = OrderedDict()

    def take(self, pid: int) -> bool:
        """Tell whether somebody asks again; if not, note that he is told to.

        Args:
            pid: The thread that asks; 0 is never told, as nobody knows whether he asks again.
        """
        now = time.monotonic()
        at = self._told.pop(pid, None)
        if not pid or (at is not None and now - at < _RETRY_S):
            return True
        self._told[pid] = now
        if len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)
        return False

    def end(self, pid: int) -> None:
        """Note that a process got what it asked for."""
        if self._told:
            self._told.pop(pid, None)
