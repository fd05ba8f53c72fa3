"""Draws the rows that changed, and asks each widget only for its part of them.

Textual's compositor asks every widget that overlaps the changed part for all of its lines, and cuts
and joins all rows of the screen. Most changes affect a few rows: a letter in the search, a cursor
that moves, a list that scrolls. They are drawn here row by row, from the front widget to the ones
behind it, until the row is full.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip


class RowCompositor(Compositor):
    """A compositor that draws single rows."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return what the changed parts show now; None when nothing has changed."""
        width, height = self.size
        changed = {y for region in self._dirty_regions for y in region.line_range}
        self._dirty_regions.clear()
        rows = sorted(y for y in changed if 0 <= y < height)
        if not rows:
            return None
        chops: list[Mapping[int, Strip | None]] = [{}] * height
        ends: list[list[int]] = [[]] * height
        # What lies on neighboring rows is mostly the same: the front of a list, say.
        for layers, group in groupby(rows, key=self.layers_visible.__getitem__):
            together = list(group)
            front = layers[0][1] if layers else Region()
            if front.x == 0 and front.width == width and _are_neighbors(together):
                widget, _, region = layers[0]
                part = Region(-region.x, together[0] - region.y, width, len(together))
                for y, strip in zip(together, widget.render_lines(part), strict=True):
                    chops[y], ends[y] = {0: strip}, [width]
                continue
            for y in together:
                chops[y] = dict(sorted(self._render_row(y, width).items()))
                ends[y] = [*list(chops[y])[1:], width]
        return ChopsUpdate(chops, [(y, 0, width) for y in rows], ends)

    def _render_row(self, y: int, width: int) -> dict[int, Strip | None]:
        """Return the parts of a row by the column where they start."""
        parts: dict[int, Strip | None] = {}
        free = [(0, width)]
        for widget, visible, region in self.layers_visible[y]:
            left: list[tuple[int, int]] = []
            for start, end in free:
                first, last = max(start, visible.x), min(end, visible.right)
                if first >= last:
                    left.append((start, end))
                    continue
                part = Region(first - region.x, y - region.y, last - first, 1)
                (parts[first],) = widget.render_lines(part)
                left += [(start, first)] if start < first else []
                left += [(last, end)] if last < end else []
            free = left
            if not free:
                break
        return parts


def _are_neighbors(rows: list[int]) -> bool:
    return rows[-1] - rows[0] == len(rows) - 1
