"""What the rooms that change things share: refusing with a reason, and taking a change over."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable

import pyfuse3

from coexplorer.fs.tree import Node
from coexplorer.fs.volume import Volume
from coexplorer.library.results import EditResult


def refuse(volume: Volume, what: str, number: int = errno.EPERM) -> pyfuse3.FUSEError:
    """Return the error of a guard, after writing its reason into the log."""
    volume.report(f"refused: {what}")
    return pyfuse3.FUSEError(number)


def build_taker(
    volume: Volume, node: Node, *expected: tuple[int, bytes]
) -> Callable[[EditResult], None]:
    """Return what takes an edit's result over; `expected` names are the kernel's own doing."""

    def take_over(result: EditResult) -> None:
        if result.after is not None:
            volume.apply_fields(node, result.after, time.monotonic(), alias=False)
        volume.tell_stale(expected)

    return take_over
