"""``about/sources/`` and ``about/derived/``: links to what an asset was made from, and into."""

from __future__ import annotations

import time
from typing import Final

import trio

from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.errnos import DEADLINE_S
from coexplorer.fs.kernel.inodes import Part
from coexplorer.library import Library

_FRESH_S: Final = 1.0


class Relatives:
    """Finds them in the catalog. What is not in the mount is left out.

    Args:
        volume: What the mount knows.
        library: Reads the catalog.
    """

    def __init__(self, volume: Volume, library: Library) -> None:
        self._tree = volume.tree
        self._library = library
        self._last: tuple[Node | None, Part, float] = (None, Part.SOURCES, 0.0)
        self._found: dict[bytes, Node] = {}

    async def list(self, node: Node, part: Part) -> dict[bytes, Node]:
        """Return an asset's relatives by the names of their folders.

        Args:
            node: The asset.
            part: ``sources`` or ``derived``.

        Raises:
            trio.TooSlowError: The catalog takes too long.
        """
        last, kind, at = self._last
        if last is not node or kind != part or time.monotonic() - at > _FRESH_S:
            with trio.fail_after(DEADLINE_S):
                lineage = await self._library.assets.lineage(node.id)
            relatives = lineage.parents if part == Part.SOURCES else lineage.children
            nodes = [self._tree.find_id(each.id) for each in relatives]
            found = {each.file_name: each for each in nodes if each and each.is_there}
            self._last, self._found = (node, part, time.monotonic()), found
            return found
        return self._found
