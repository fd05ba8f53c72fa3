"""How long a text is that is fetched when its file is opened: fetched for a stat, too."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

import trio

from coexplorer.errors import CoexplorerError, Unreachable
from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume

log = logging.getLogger(__name__)

LOOK_S = 2.0
"""So long a stat waits for the text whose size it tells."""


class FetchedSizes:
    """Fetches texts for stats: one request at a time for each file, and none for a file open here.

    Args:
        volume: What the mount knows.
        name: What the files are called, for the log: ``about/sharing``.
        fetch: Fetches the text of an asset's file, and notes it.
    """

    def __init__(
        self, volume: Volume, name: str, fetch: Callable[[Node], Awaitable[object]]
    ) -> None:
        self._volume = volume
        self._name = name
        self._fetch = fetch
        self._asked: dict[int, trio.Event] = {}

    async def measure(self, inode: int, pid: int) -> None:
        """Learn how long the text is that an open would show now, for a stat; it waits briefly.

        Args:
            inode: The file.
            pid: Who asks; whoever has it open needs no other text.
        """
        located, fetched = self._volume.files.locate(inode), self._volume.fetched
        tgid = self._volume.groups.find(pid)
        if located is None or self._volume.open_files.find_fetched(inode, tgid) is not None:
            return
        with trio.move_on_after(LOOK_S):
            if (asked := self._asked.get(inode)) is not None:
                await asked.wait()
                return
            if not fetched.takes_turn(inode, trio.current_time()):
                return
            asked = self._asked[inode] = trio.Event()
            try:
                await self._fetch(located[0])
            except CoexplorerError as error:
                log.info("%s/%s has no size: %s", located[0].title, self._name, error)
                if isinstance(error, Unreachable):
                    fetched.note_silence(trio.current_time())
            except trio.Cancelled:
                fetched.note_silence(trio.current_time())
                raise
            finally:
                del self._asked[inode]
                asked.set()
