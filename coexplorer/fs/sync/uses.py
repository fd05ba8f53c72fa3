"""``about/uses``: which capsules and pipelines use an asset, asked when the file is opened.

A search that failed is told in the text as not known: the file never says that nothing uses an
asset unless the platform has said so.
"""

from __future__ import annotations

import time

import trio

from coexplorer.fs.core.nodes import Node
from coexplorer.fs.core.open_files import OpenFile
from coexplorer.fs.core.volume import Volume
from coexplorer.fs.kernel.inodes import Part, asset_inode
from coexplorer.fs.sync.fetched_sizes import LOOK_S, FetchedSizes
from coexplorer.library import Library
from coexplorer.library.used_by import FRESH_S, WAIT_UNBIDDEN_S, Uses, describe_gap
from coexplorer.text import clean

_LOOK_S = 0.75 * LOOK_S
"""What was not found by then is told as not known, which has a size, too."""
_HELP = "# Capsules and pipelines that use this asset, of those that you can see: kind, id, name.\n"


class UsesFiles:
    """Reads them.

    Args:
        volume: What the mount knows.
        library: Asks the platform.

    Attributes:
        sizes: For stats.
    """

    def __init__(self, volume: Volume, library: Library) -> None:
        self._volume = volume
        self._library = library
        self.sizes = FetchedSizes(volume, "about/uses", self._measure)

    async def open(self, opened: OpenFile, node: Node) -> None:
        """Ask what uses an asset, and give an open file that text."""
        opened.snapshot = await self._read(node, WAIT_UNBIDDEN_S)
        self._volume.fetched.note_open(opened.inode)
        opened.about = node

    async def _measure(self, node: Node) -> None:
        await self._read(node, _LOOK_S)

    async def _read(self, node: Node, within_s: float) -> bytes:
        found = await self._library.workplaces.uses([node.id], trust_s=FRESH_S, within_s=within_s)
        text = format_uses(found[node.id]).encode()
        inode = asset_inode(node.number, Part.USES)
        self._volume.fetched.note(inode, text, trio.current_time(), time.time_ns())
        return text


def format_uses(uses: Uses) -> str:
    """Return the text of the file (pure)."""
    lines = [f"{each.kind.word} {each.id} {clean(each.name)}".rstrip() for each in uses.found]
    if uses.is_unused:
        lines.append("# nothing that you can see uses it")
    if gap := describe_gap(uses):
        lines.append(f"# {clean(gap)}")
    return _HELP + "".join(f"{line}\n" for line in lines)
