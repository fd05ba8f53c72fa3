"""Renaming a tag, or merging several into one: which assets that is about, and the change."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from coexplorer.library.bulk_change import Change
from coexplorer.library.selection import Fit, fit_query
from coexplorer.query import AllTags, Query

if TYPE_CHECKING:
    from collections.abc import Sequence

    from coexplorer.library.library import Library
    from coexplorer.models import AssetId


def build_retag(old: Sequence[str], new: str) -> Change:
    """Return the change that gives the tag `new` to whatever has one of `old`, and takes these.

    Args:
        old: As they are spelled; `new` may be one of them.
        new: The tag that replaces them.
    """
    removed = tuple(tag for tag in old if tag != new)
    return Change(add_tags=(new,), remove_tags=removed, only_with=tuple(old))


async def find_tagged(library: Library, tags: Sequence[str], query: Query) -> dict[AssetId, Fit]:
    """Return what `query` finds that has one of the tags, in any case, with what it must fit still.

    Raises:
        Refused: The platform does not show all of a list that the query asks about.
        ApiError: It could not be asked.
    """
    found: dict[AssetId, Fit] = {}
    for tag in tags:
        # `all(…)` of one tag must hold beside the query; tag:… would widen one that has tags.
        narrowed = Query((*query.terms, AllTags((tag,))))
        fit = fit_query(await library.assets.read_types(narrowed), time.time())
        fitting = await library.assets.ids(narrowed)
        if await library.sync.ensure_told(query, fitting):
            fitting = await library.assets.ids(narrowed)
        found |= dict.fromkeys(fitting, fit)
    return found
