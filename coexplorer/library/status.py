"""Where the library stands: the figures of status lines. Pure."""

from __future__ import annotations

from typing import Final

import msgspec

from coexplorer.catalog.sweeps import Gaps


class Status(msgspec.Struct, frozen=True):
    """The library's state, for status lines.

    Attributes:
        total: Assets in the catalog, archived ones too.
        complete: Whether a sweep saw all of them; if not, there are at least `total`.
        synced_at: Epoch seconds when the last complete sweep or refresh ended; None: never.
        offline: The network is not used, or could not be reached at the last try.
        syncing: This process is sweeping or refreshing now.
        unsent: Journal entries that wait for the user: they could still go through.
        gaps: What the platform did not show when it was read, a sentence each.
        refused: Journal entries that the platform refused for good, and that are not discarded yet.
        stopped: Journal entries that the user stopped before they were sent; they wait for nobody.
        conflicts: Of `unsent`: somebody changed the same field.
        unknown: Of `unsent`: the reply was lost.
        catalog_problem: One line when the catalog had to be bypassed or rebuilt; else empty.
        is_kept: Whether the next session finds what this one reads; not if the disk is full.
        dialect: ``legacy`` or ``current``; empty when not known yet.
        journal_problem: One line if the journal can't be written, so nothing can be changed;
            otherwise empty.
    """

    total: int
    complete: bool
    synced_at: float | None
    offline: bool
    syncing: bool
    unsent: int
    catalog_problem: str = ""
    is_kept: bool = True
    dialect: str = ""
    journal_problem: str = ""
    refused: int = 0
    stopped: int = 0
    conflicts: int = 0
    unknown: int = 0
    gaps: tuple[str, ...] = ()

    @property
    def problem(self) -> str:
        """One line about what does not work on this machine; otherwise empty."""
        return self.catalog_problem or self.journal_problem

    @property
    def kept_text(self) -> str:
        """What is kept as the platform lacks it, each kind by its name; empty: nothing."""
        counts = {
            "unsent": self.unsent - self.conflicts - self.unknown,
            "in conflict": self.conflicts,
            "unknown": self.unknown,
            "refused": self.refused,
        }
        return ", ".join(f"{count:,} {word}" for word, count in counts.items() if count)

    @property
    def count_text(self) -> str:
        """The number of assets for people: ``40,213``, or ``at least 10,000``."""
        return f"{self.total:,}" if self.complete else f"at least {self.total:,}"


_LISTS: Final[dict[str, str]] = {
    "newest": "its newest assets",
    "favorite": "your favorites",
    "mine": "your own assets",
    "shared": "the assets that are shared with you",
}


def describe_gaps(gaps: Gaps) -> tuple[str, ...]:
    """Say what the platform did not show, a sentence each (pure)."""
    sentences = []
    if gaps.left_out:
        sentences.append(describe_left_out(gaps.left_out))
    if gaps.cut:
        named = " and ".join(_LISTS[each] for each in gaps.cut)
        sentences.append(f"the platform showed only a part of {named}")
    return tuple(sentences)


def describe_left_out(count: int) -> str:
    """Say how many rows of a list of the platform's name no asset, or are too long (pure)."""
    rows = "1 row" if count == 1 else f"{count:,} rows"
    return f"left out {rows} of the platform's that could not be used"


def describe_untold(flag: str) -> str:
    """Say what nobody knows of some assets (pure)."""
    return f"the platform did not show all of {_LISTS[flag]}, so nobody knows which others are"
