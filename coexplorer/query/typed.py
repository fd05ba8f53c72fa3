"""A query about custom metadata, read by what the deployment's schema says of each key. Pure.

A key's type tells what a bare number means: 2024 is a year where the key is a date, and 12 is that
number, not every text with a 12 in it, where the key is a number. The query that comes out says the
same without the schema, so it can be kept, and judged again, as text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import msgspec

from coexplorer.models import MetadataField
from coexplorer.query.fold import fold
from coexplorer.query.tree import Compare, Day, Match, Query, Term, Value
from coexplorer.query.values import parse_moment, parse_number

_YEARS = range(1000, 9999)
_MONTHS = range(1, 13)
_LEAST_EPOCH = 10_000
"""A smaller number is no date on the wire that anybody writes: it may be half of a year."""


def asks_typed(query: Query) -> bool:
    """Tell whether the schema can say anything about a query."""
    return any(isinstance(term, Match | Compare) and term.custom for term in query.terms)


def apply_types(query: Query, fields: Sequence[MetadataField]) -> Query:
    """Return what a query means, given the schema.

    Args:
        query: The query.
        fields: The schema of custom metadata; keys that it does not have are left as they are.
    """
    typed = {fold(field.name): field for field in fields}
    alike = Counter(_key(term) for term in query.terms)
    terms: list[Term] = []
    for term in query.terms:
        field = typed.get(_key(term))
        kind = "" if field is None else field.type
        if isinstance(term, Compare) and kind == "date":
            terms.append(_read_years(term))
        elif isinstance(term, Match) and term.how in {"", "whole"} and kind in {"date", "number"}:
            alone = term.negated or alike[_key(term)] == 1
            terms += (
                _read_date(term, alone=alone) if kind == "date" else [_read_number(term, field)]
            )
        else:
            terms.append(term)
    return query if tuple(terms) == query.terms else Query(tuple(terms), query.sort)


def _key(term: Term) -> str:
    """Return the key that a term asks for a value of; empty: none."""
    return fold(term.field) if isinstance(term, Match | Compare) and term.custom else ""


def _read_years(term: Compare) -> Compare:
    """Return a comparison with each year as its first or last month: the same days."""
    first = term.op in {"<", ">=", ".."}
    value = _read_year(term.value, 1 if first else 12)
    high = None if term.high is None else _read_year(term.high, 12)
    return msgspec.structs.replace(term, value=value, high=high)


def _read_year(value: Value, month: int) -> Value:
    if isinstance(value, int) and value in _YEARS:
        return Day(value, month)
    return value


def _read_date(term: Match, *, alone: bool) -> Iterator[Term]:
    """Yield what finds the days of a year, or the moment that a number is."""
    moment, number = parse_moment(term.text), parse_number(term.text)
    if isinstance(moment, Day) and moment.month is None and moment.year in _YEARS:
        if alone:
            first, last = (Day(moment.year, month) for month in (1, 12))
            yield Compare(term.field, "..", first, last, term.negated, custom=True)
            return
        for month in _MONTHS:  # terms of one field are alternatives, and comparisons are not
            yield msgspec.structs.replace(term, text=f"{moment.year:04}-{month:02}", how="")
    elif number is not None and abs(number) >= _LEAST_EPOCH:
        yield msgspec.structs.replace(term, text=repr(number), how="whole")
    else:
        yield term


def _read_number(term: Match, field: MetadataField | None) -> Match:
    """Return what finds a number, which may be written with its units, as it is shown."""
    number = parse_number(term.text)
    if number is None and field is not None and field.units:
        text, units = fold(term.text), fold(field.units)
        number = parse_number(text.removesuffix(units).strip()) if text.endswith(units) else None
    if number is None:
        return term
    return msgspec.structs.replace(term, text=repr(number), how="whole")
