"""The marked assets: what they were marked by, and how they looked then. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

import msgspec

from coexplorer.fields import FIELDS, Value
from coexplorer.library.selection import Fit
from coexplorer.models import AssetId, Row

_SEEN = tuple(field.name for field in FIELDS if field.name in Row.__struct_fields__)
"""The fields that a row shows."""


class Mark(msgspec.Struct, frozen=True):
    """How one asset was marked.

    Attributes:
        fit: The search that marked it, by which it is judged again; None: it was marked singly.
        seen: The values of `_SEEN` then; empty: whatever they were, they are ours now.
    """

    fit: Fit | None = None
    seen: tuple[Value | None, ...] = ()


class Marks:
    """Ids in the order in which they were marked.

    Attributes:
        outside: Those that are not in the list that is shown.
    """

    def __init__(self) -> None:
        self._marks: dict[AssetId, Mark] = {}
        self.outside: frozenset[AssetId] = frozenset()

    def __len__(self) -> int:
        return len(self._marks)

    def __iter__(self) -> Iterator[AssetId]:
        return iter(self._marks)

    def __contains__(self, asset_id: object) -> bool:
        return asset_id in self._marks

    def add(self, rows: Iterable[Row], fit: Fit | None = None) -> None:
        """Mark rows; what is marked already stays as it was marked."""
        alike: dict[tuple[Value | None, ...], tuple[Value | None, ...]] = {}
        for row in rows:
            seen = tuple(getattr(row, name) for name in _SEEN)
            self._marks.setdefault(row.id, Mark(fit, alike.setdefault(seen, seen)))

    def drop(self, ids: Iterable[AssetId]) -> None:
        """Take marks away."""
        for each in ids:
            self._marks.pop(each, None)
        self.note_outside(self.outside)

    def clear(self) -> None:
        """Take all marks away."""
        self.drop(list(self._marks))

    def note_own_change(self, asset_id: AssetId) -> None:
        """Note that we changed an asset: it need not look or fit as it did any more."""
        if asset_id in self._marks:
            self._marks[asset_id] = Mark()

    def note_outside(self, ids: Collection[AssetId]) -> None:
        """Note which ids are not in the list."""
        self.outside = frozenset(each for each in ids if each in self._marks)

    @property
    def fits(self) -> dict[AssetId, Fit]:
        """What must be true still of what a search has marked."""
        return {each: mark.fit for each, mark in self._marks.items() if mark.fit is not None}

    @property
    def seen(self) -> dict[AssetId, Mapping[str, Value]]:
        """The fields as they were shown when they were marked, as far as they were."""
        return {
            each: {n: value for n, value in zip(_SEEN, mark.seen, strict=True) if value is not None}
            for each, mark in self._marks.items()
            if mark.seen
        }

    def describe(self) -> str:
        """Return how many there are, in a few words; empty if nothing is marked."""
        if not self._marks:
            return ""
        outside = f", {len(self.outside):,} not in this list" if self.outside else ""
        return f"{len(self._marks):,} marked{outside}"
