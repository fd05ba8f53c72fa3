"""Which rows of a long list are loaded, and which to ask for. Pure: it fetches none.

The list may have 100,000 rows; a few blocks around the visible ones are kept.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence

from coexplorer.models import Row
from coexplorer.tui.optimistic import Ahead

BLOCK = 128
"""Rows asked for at once: two pages of a tall terminal."""
KEPT_BLOCKS = 12


class Windows:
    """Blocks of rows of one list, least recently used first.

    Rows that are being changed are shown as they will be.

    Attributes:
        ahead: What is being changed.
        count: How many rows the list has.
        generation: Grows with each other list: rows that were read for an earlier one don't fit.
    """

    def __init__(self) -> None:
        self.count = 0
        self.generation = 0
        self._blocks: OrderedDict[int, Sequence[Row]] = OrderedDict()
        self.ahead = Ahead()

    def reset(self, count: int, first: Sequence[Row] = (), offset: int = 0) -> None:
        """Forget all rows: the list has `count` ones now, `first` from row `offset` on."""
        self._blocks.clear()
        self.count = count
        self.generation += 1
        if first:
            self.put(offset, first)

    def put(self, offset: int, rows: Sequence[Row]) -> None:
        """Keep rows from `offset` on, which is a block's start."""
        for start in range(0, len(rows), BLOCK):
            number = (offset + start) // BLOCK
            self._blocks[number] = rows[start : start + BLOCK]
            self._blocks.move_to_end(number)
        while len(self._blocks) > KEPT_BLOCKS:
            self._blocks.popitem(last=False)

    def find(self, index: int) -> Row | None:
        """Return row `index`, as it is shown; None when it is not at hand."""
        block = self._blocks.get(index // BLOCK)
        if block is None or (place := index % BLOCK) >= len(block):
            return None
        return self.ahead.row(block[place])

    def missing(self, first: int, last: int) -> tuple[int, int] | None:
        """Return ``(offset, limit)`` of the blocks to ask for, to have rows `first…last`."""
        last = min(last, self.count - 1)
        lacking = [
            number
            for number in range(max(0, first) // BLOCK, last // BLOCK + 1)
            if number not in self._blocks and number * BLOCK < self.count
        ]
        if not lacking:
            return None
        return lacking[0] * BLOCK, (lacking[-1] - lacking[0] + 1) * BLOCK

    def iter_known(self) -> Iterable[tuple[int, Row]]:
        """Yield index and row of everything at hand."""
        for number, block in self._blocks.items():
            for place, row in enumerate(block):
                yield number * BLOCK + place, self.ahead.row(row)
