"""What is known about the assets' files: read from the catalog, cached, or newer than the catalog.

A save is answered as soon as its outcome is written down; only then does the catalog hear of it.
Until the mount has read it back from there, the platform's reply counts.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Protocol

from coexplorer.models import AssetId, Excerpt

_KEPT = 4096


class Source(Protocol):
    """Where excerpts come from: the catalog, never the network."""

    def load(self, asset_id: AssetId) -> Excerpt | None:
        """Return what the catalog has of an asset's files."""


class ContentCache:
    """What is known of files, by their assets' slots.

    Args:
        source: The catalog.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._kept: OrderedDict[int, Excerpt] = OrderedDict()
        self._pinned: dict[int, Excerpt] = {}
        self._ahead: dict[int, float] = {}

    def find(self, slot: int) -> Excerpt | None:
        """Return what is in memory; the catalog is not asked."""
        return self._pinned.get(slot) or self._kept.get(slot)

    def load(self, slot: int, asset_id: AssetId) -> Excerpt | None:
        """Return what the catalog has, and cache it."""
        found = self._source.load(asset_id)
        if found is not None:
            self.keep(slot, found)
        return found

    def keep(self, slot: int, excerpt: Excerpt) -> None:
        """Cache what the catalog has; the oldest entry goes."""
        self._kept[slot] = excerpt
        self._kept.move_to_end(slot)
        if len(self._kept) > _KEPT:
            self._kept.popitem(last=False)

    def forget(self, slot: int) -> None:
        """Drop it: it is read again when it is next needed."""
        self._kept.pop(slot, None)

    def pin(self, slot: int, excerpt: Excerpt) -> None:
        """Show this, whatever the catalog has."""
        self._pinned[slot] = excerpt

    def unpin(self, slot: int) -> None:
        """Show what the catalog has again."""
        self._pinned.pop(slot, None)
        self._ahead.pop(slot, None)
        self.forget(slot)

    # --- Ahead of the catalog

    def lead(self, slot: int, excerpt: Excerpt) -> None:
        """Show what the platform answered; the catalog gets it next."""
        self.pin(slot, excerpt)
        self._ahead[slot] = math.inf

    def end_lead(self, slot: int, now: float) -> None:
        """Note that the catalog was told: what is read from now on is no older than what is shown.

        Until it was read it stays pinned, for the catalog may have failed to take it. Nothing
        happens where nothing led, as after a save that failed.
        """
        if self._ahead.get(slot) == math.inf:
            self._ahead[slot] = now

    def is_outdated(self, slot: int, read_at: float) -> bool:
        """Tell whether a read of the catalog that began at `read_at` may miss one of our saves.

        Args:
            slot: The asset.
            read_at: When the reading began, on the same clock as `end_lead`.
        """
        return self._ahead.get(slot, -math.inf) >= read_at
