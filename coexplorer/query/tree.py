"""A query as data. `coexplorer.query.fields` says what each field means."""

from __future__ import annotations

from typing import Literal

import msgspec

from coexplorer.query.ids import is_whole

Op = Literal["", "<", "<=", ">", ">=", ".."]
"""How a value is compared; empty: equal to a number, within a date, never or the last days."""

AgoUnit = Literal["h", "d", "w", "m", "y"]

How = Literal["", "whole", "starts", "glob"]
"""How a text is compared; empty: as its field says."""


class Day(msgspec.Struct, frozen=True):
    """A year, a month or a day, in UTC; a span of time, not a moment.

    Attributes:
        month: 1 to 12; None for the whole year.
        day: None for the whole month.
    """

    year: int
    month: int | None = None
    day: int | None = None


class Ago(msgspec.Struct, frozen=True):
    """A moment before now, such as ``-30d``."""

    amount: int
    unit: AgoUnit


class DayBefore(msgspec.Struct, frozen=True):
    """A whole day in UTC, counted back from today: 0 is today, 1 yesterday."""

    days: int


class Never(msgspec.Struct, frozen=True):
    """``used:never``."""


Value = int | float | Day | DayBefore | Ago | Never


class Word(msgspec.Struct, frozen=True):
    """A substring of name, description, a tag or a value of custom metadata.

    What can be the beginning of an id (`coexplorer.query.ids`) finds the assets of such ids, too.
    """

    text: str
    negated: bool = False


class Match(msgspec.Struct, frozen=True):
    """A text in one field: contained, at the start, whole or a pattern.

    Attributes:
        custom: True when `field` is a key of custom metadata.
        how: What the query itself says of that: ``=``, ``^`` or ``glob(…)``.
    """

    field: str
    text: str
    negated: bool = False
    custom: bool = False
    how: How = ""


class Has(msgspec.Struct, frozen=True):
    """``has:FIELD``: an asset that has a value.

    Attributes:
        custom: True when `field` is a key of custom metadata.
    """

    field: str
    negated: bool = False
    custom: bool = False


class AllTags(msgspec.Struct, frozen=True):
    """``tag:all(a,b)``: an asset that has every one of the tags."""

    tags: tuple[str, ...]
    negated: bool = False


class Flag(msgspec.Struct, frozen=True):
    """``is:NAME``."""

    name: str
    negated: bool = False


class Compare(msgspec.Struct, frozen=True):
    """A number or a date against a value, or between two (both ends included).

    Attributes:
        value: What is compared with; the lower end when `op` is ``..``.
        high: The upper end when `op` is ``..``, otherwise None.
        custom: True when `field` is a key of custom metadata.
    """

    field: str
    op: Op
    value: Value
    high: Value | None = None
    negated: bool = False
    custom: bool = False


class SortKey(msgspec.Struct, frozen=True):
    """``sort:FIELD`` or ``sort:-FIELD``. Unknown values count as the smallest."""

    field: str
    descending: bool = False


Term = Word | Match | Has | AllTags | Flag | Compare


class Query(msgspec.Struct, frozen=True):
    """What to look for, in the order it was written; hashable.

    Words, flags, comparisons, `AllTags` and whatever is negated must all hold. Of the `Match` terms
    that are not negated, terms on the same field are alternatives.
    """

    terms: tuple[Term, ...] = ()
    sort: tuple[SortKey, ...] = ()

    @property
    def asks_for_archived(self) -> bool:
        """Tell whether archived assets take part at all: by a flag, or because they are named.

        ``is:archived`` and ``is:any`` ask for them, and so does a whole id.
        """
        return self.flags_archived or any(
            isinstance(term, Match)
            and not (term.negated or term.custom)
            and term.field == "id"
            and is_whole(term.text)
            for term in self.terms
        )

    @property
    def flags_archived(self) -> bool:
        """Tell whether ``is:archived`` or ``is:any`` asks for archived assets."""
        return any(
            isinstance(term, Flag) and not term.negated and term.name in {"archived", "any"}
            for term in self.terms
        )
