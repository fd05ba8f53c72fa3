"""What uses an asset, as far as it is known, and the sentences that tell it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from coexplorer.computations import Capsule, WorkplaceKind
from coexplorer.errors import ApiError
from coexplorer.text import cut_word

ASKED_UNBIDDEN: Final = 20
"""Of so many assets a plan tells what uses them without being asked to."""

WAIT_UNBIDDEN_S: Final = 10.0
"""So long a plan waits for that; what is not answered by then is told as not known."""

FRESH_S: Final = 60.0
"""A plan asks again for what was answered longer ago."""

SEARCHED: Final = (WorkplaceKind.CAPSULE, WorkplaceKind.PIPELINE)

_SHOWN: Final = 5


class Uses(msgspec.Struct, frozen=True, kw_only=True):
    """What uses an asset, of what this user may see.

    Attributes:
        found: Capsules and pipelines, the one used last first.
        unknown: Why there is no answer, by what was searched for; empty: all was answered.
        more: Why there may be more than was found; empty: that is all.
        asked_at: When the platform was asked, in epoch seconds.
    """

    found: tuple[Capsule, ...] = ()
    unknown: Mapping[WorkplaceKind, ApiError] = msgspec.field(default_factory=dict)
    more: str = ""
    asked_at: float = 0.0

    @property
    def is_unknown(self) -> bool:
        """Whether nothing can be said: nothing was found, and not all was answered."""
        return not (self.found or self.is_whole)

    @property
    def is_unused(self) -> bool:
        """Whether all was answered, and nothing found."""
        return self.is_whole and not self.found

    @property
    def is_whole(self) -> bool:
        """Whether both searches were answered to the end."""
        return not (self.unknown or self.more)


def describe_uses(uses: Uses) -> str:
    """Return in one line what uses an asset (pure)."""
    parts = []
    if uses.found:
        shown = [f"{each.kind.word} {cut_word(each.name)!r}" for each in uses.found[:_SHOWN]]
        left = len(uses.found) - len(shown)
        parts.append(f"used by {', '.join(shown)}{f' and {left:,} more' if left else ''}")
        if uses.more:
            parts.append(f"there may be more: {uses.more}")
    elif uses.more:
        parts.append(f"what uses it is not known: {uses.more}")
    elif not uses.unknown:
        parts.append("nothing that you can see uses it")
    parts += describe_unknown(uses)
    return "; ".join(parts)


def count_uses(uses: Iterable[Uses]) -> str:
    """Return in one line how many of several assets are used, and how many are not known (pure)."""
    known = list(uses)
    used, unknown = sum(bool(e.found) for e in known), sum(e.is_unknown for e in known)
    parts = []
    if used:
        parts.append(f"{used:,} of {len(known):,} {'is' if used == 1 else 'are'} used")
    elif unknown < len(known):
        parts.append(f"nothing that you can see uses {len(known) - unknown:,} of them")
    if unknown:
        parts.append(f"what uses {unknown:,} of them is not known")
    return "; ".join(parts)


def describe_gap(uses: Uses) -> str:
    """Return why not all of it is known, in one line; empty: all is (pure)."""
    more = [f"there may be more: {uses.more}"] if uses.more else []
    return "; ".join([*more, *describe_unknown(uses)])


def describe_unknown(uses: Uses) -> list[str]:
    """Return a sentence for each search that was not answered, or one for both (pure)."""
    told = {kind: error.message for kind, error in uses.unknown.items()}
    if len(told) == len(SEARCHED) and len(set(told.values())) == 1:
        return [f"what uses it is not known: {next(iter(told.values()))}"]
    return [f"which {kind} use it is not known: {message}" for kind, message in told.items()]
