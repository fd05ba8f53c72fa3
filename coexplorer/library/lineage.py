"""What assets were made from and what was made from them, over several steps.

A graph, not a tree: a result may have several inputs, and share them with others. Inputs are
followed up and results down, never sideways: the other results of an input are not shown.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec

from coexplorer.library.results import Lineage
from coexplorer.models import AssetId, Relative

MOST_STEPS = 500
"""Relations of one graph; a picture of more helps nobody."""


class Relation(msgspec.Struct, frozen=True):
    """One relation of a graph.

    Attributes:
        depth: How far the relative is from where the graph begins; below 0 for inputs.
        of: What it is one step away from, towards where the graph begins.
        relative: The asset.
    """

    depth: int
    of: AssetId
    relative: Relative

    @property
    def ends(self) -> tuple[AssetId, AssetId]:
        """The input, and what was made from it."""
        pair = (self.relative.id, self.of)
        return pair if self.depth < 0 else (pair[1], pair[0])


class LineageGraph(msgspec.Struct, frozen=True):
    """The relations around an asset, nearest first.

    Attributes:
        root: Where it begins.
        steps: Each relation once; inputs first.
        is_cut: There are more than `MOST_STEPS`.
    """

    root: AssetId
    steps: tuple[Relation, ...]
    is_cut: bool = False

    def inputs(self) -> tuple[Relation, ...]:
        """What it was made from."""
        return tuple(step for step in self.steps if step.depth < 0)

    def results(self) -> tuple[Relation, ...]:
        """What was made from it."""
        return tuple(step for step in self.steps if step.depth > 0)


async def walk_lineage(
    find: Callable[[AssetId], Awaitable[Lineage]], root: AssetId, depth: int
) -> LineageGraph:
    """Follow an asset's inputs and results, each asset once.

    Args:
        find: Finds what is one step away from an asset.
        root: Where to begin.
        depth: How many steps to go.
    """
    steps: list[Relation] = []
    first = await find(root)
    for sign in (-1, 1):
        found = {root: first}
        level = [root]
        for distance in range(1, depth + 1):
            following: list[AssetId] = []
            for asset_id in level:
                lineage = found.get(asset_id) or await find(asset_id)
                found[asset_id] = lineage
                for relative in lineage.parents if sign < 0 else lineage.children:
                    if len(steps) >= MOST_STEPS:
                        return LineageGraph(root, tuple(steps), is_cut=True)
                    steps.append(Relation(sign * distance, asset_id, relative))
                    if relative.id not in found and relative.id not in following:
                        following.append(relative.id)
            level = following
            if not level:
                break
    return LineageGraph(root, tuple(steps))
