"""Telling the kernel what it must no longer believe, from a separate thread.

A notification from the event loop, or with a lock held that the kernel wants, deadlocks
beyond ``kill -9`` (design: fuse-notes.md, Telling the kernel what changed). This thread holds
nothing, and the loop goes on.
"""

from __future__ import annotations

import logging
import queue
import threading

import pyfuse3
import trio

from coexplorer.fs.kernel.inodes import Inode

log = logging.getLogger(__name__)

_STOP_S = 2.0
_LONGEST_WAIT_S = 0.5


class Invalidator:
    """A queue of invalidations and the thread that hands them to the kernel."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[
            tuple[Inode, bytes | None, bool] | threading.Event | None
        ] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="kernel-notifier", daemon=True)
        self._running = False

    def start(self) -> None:
        """Start; the file system must be mounted."""
        self._running = True
        self._thread.start()

    def stop(self) -> None:
        """Stop, before the file system is unmounted; what is still queued no longer matters."""
        if self._running:
            self._running = False
            self._queue.put(None)
            self._thread.join(_STOP_S)

    def forget_entry(self, parent: int, name: bytes) -> None:
        """Make the kernel ask again what a name in a directory is."""
        if self._running:
            self._queue.put((Inode(parent), name, False))

    def forget_inode(self, inode: int, *, attributes_only: bool = False) -> None:
        """Make the kernel ask again for a file's attributes, and for its content."""
        if self._running:
            self._queue.put((Inode(inode), None, attributes_only))

    async def wait_told(self) -> None:
        """Wait a short while until the kernel has been told everything so far.

        Whoever is told that a save failed looks at once, and must not see what the kernel
        remembers.
        """
        if self._running:
            told = threading.Event()
            self._queue.put(told)
            await trio.to_thread.run_sync(told.wait, _LONGEST_WAIT_S)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            if isinstance(item, threading.Event):
                item.set()
                continue
            if not self._running:
                continue
            inode, name, attributes_only = item
            try:
                if name is None:
                    pyfuse3.invalidate_inode(pyfuse3.InodeT(inode), attributes_only)
                else:
                    pyfuse3.invalidate_entry(pyfuse3.InodeT(inode), pyfuse3.FileNameT(name))
            except FileNotFoundError:
                continue  # the kernel does not know it: all the better
            except OSError as error:
                log.warning("the kernel refused an invalidation: %s", error)
