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
from coexplorer.library import Library
from coexplorer.library.used_by import FRESH_S, WAIT_UNBIDDEN_S, Uses, describe_gap
from coexplorer.text import clean

_LOOK_S = 2.0
"""So long a stat waits for the text whose size it tells."""
_HELP = "# Capsules and pipelines that use this asset, of those that you can see: kind, id, name.\n"


class UsesFiles:
    """Reads them.

    Args:
        volume: What the mount knows.
        library: Asks the platform.
    """

    def __init__(self, volume: Volume, library: Library) -> None:
        self._volume = volume
        self._library = library

    async def open(self, opened: OpenFile, node: Node) -> None:
        """Ask what uses an asset, and give an open file that text."""
        opened.snapshot = await self._read(node, WAIT_UNBIDDEN_S)
        self._volume.fetched.note_open(opened.inode)
        opened.about = node

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
        if fetched.takes_turn(inode, trio.current_time()):
            await self._read(located[0], _LOOK_S)

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
