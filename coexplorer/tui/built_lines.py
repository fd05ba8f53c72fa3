"""Lines that are built when they are drawn: a folder has 100,000 of them, a log 20,000. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from coexplorer.tui.columns import Line


class BuiltLines(Sequence[Line]):
    """Lines by their number.

    Args:
        count: How many there are.
        build: Makes one.
    """

    def __init__(self, count: int, build: Callable[[int], Line]) -> None:
        self._count = count
        self._build = build

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Line: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Line]: ...
    def __getitem__(self, index: int | slice) -> Line | Sequence[Line]:
        if isinstance(index, slice):
            return [self._build(each) for each in range(*index.indices(self._count))]
        return self._build(index)
