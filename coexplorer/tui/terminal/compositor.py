"""Draws what a key changed, and asks no other widget for it.

Textual's compositor asks every widget that overlaps the changed part for all of its lines, and
cuts and joins them. A row that one widget fills from edge to edge needs none of that: a cursor that
moves draws two lines, a list that scrolls draws its own. Any other row is Textual's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget


class RowCompositor(Compositor):
    """A compositor for screens whose widgets lie one below the other."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return what the changed parts show now; None when nothing has changed."""
        width, height = self.size
        changed = {y for region in self._dirty_regions for y in region.line_range}
        rows = sorted(y for y in changed if 0 <= y < height)
        owners = [self._find_owner(y) for y in rows]
        if not rows or None in owners:
            return super().render_partial_update()
        self._dirty_regions.clear()
        chops: list[dict[int, Strip | None]] = [{}] * height
        for y, strip in _render_rows(rows, owners):
            chops[y] = {0: strip}
        return ChopsUpdate(chops, [(y, 0, width) for y in rows], [[width]] * height)

    def _find_owner(self, y: int) -> tuple[Widget, Region] | None:
        """Return the widget in front that fills row ``y``, and where it lies."""
        here = self.layers_visible[y]
        if not here:
            return None
        widget, visible, region = here[0]
        if visible.x or not visible.width == region.width == self.size.width:
            return None
        return widget, region


def _render_rows(
    rows: Sequence[int], owners: Sequence[tuple[Widget, Region] | None]
) -> Iterator[tuple[int, Strip]]:
    """Yield each row with its strip; neighbours of one widget are drawn together."""
    start = 0
    for at in range(1, len(rows) + 1):
        together = at < len(rows) and owners[at] == owners[start] and rows[at] == rows[at - 1] + 1
        if together:
            continue
        owner = owners[start]
        if owner is not None:
            widget, region = owner
            y = rows[start]
            part = Region(0, y - region.y, region.width, at - start)
            yield from zip(range(y, rows[at - 1] + 1), widget.render_lines(part), strict=True)
        start = at
