"""Shared by the handlers that change things: refusing with a reason, and taking over a change."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pyfuse3

from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.sync.connectivity import Connectivity
from coexplorer.library.results import EditResult


def refuse(volume: Volume, what: str, number: int = errno.EPERM) -> pyfuse3.FUSEError:
    """Return the error of a guard, after writing its reason into the log."""
    volume.report(f"refused: {what}")
    return pyfuse3.FUSEError(number)


def name_text(name: bytes) -> str:
    """Return a file name as it is told in a sentence; what is not UTF-8 in it is replaced."""
    return name.decode(errors="replace")


@contextmanager
def refusing_space(volume: Volume, node: Node | None, name: bytes) -> Iterator[None]:
    """Write into the log why there is no room for a file beside an asset's own."""
    try:
        yield
    except OSError as error:
        title = "" if node is None else f"{node.title}/"
        volume.report(f"refused: {title}{name_text(name)}: {error.strerror}")
        raise


def build_taker(
    volume: Volume, node: Node, *expected: tuple[int, bytes]
) -> Callable[[EditResult], None]:
    """Return what takes an edit's result over; `expected` names are the kernel's own doing."""

    def take_over(result: EditResult) -> None:
        if result.after is not None:
            volume.apply_fields(node, result.after, time.monotonic(), alias=False)
        volume.tell_stale(expected)

    return take_over


class WriteGuard:
    """Refuses writes that are known to fail, before they are made."""

    def __init__(self, volume: Volume, reach: Connectivity) -> None:
        self._options = volume.options
        self._reach = reach

    async def check_writable(self, node: Node, *, queues: bool = False) -> None:
        """Refuse a write before it is made, if it is known to fail.

        The mount's log says why. What is known of the asset's files may have changed meanwhile, if
        there was trouble.

        Args:
            node: The asset.
            queues: See `Connectivity.find_refusal`.

        Raises:
            pyfuse3.FUSEError: EROFS, ENETDOWN, ETIMEDOUT or EACCES.
        """
        if self._options.read_only:
            raise pyfuse3.FUSEError(errno.EROFS)
        number = await self._reach.find_refusal(node, queues=queues)
        if number:
            raise pyfuse3.FUSEError(number)
