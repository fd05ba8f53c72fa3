"""What in a query can't be meant so: a key that no asset has, a range that ends before it begins.

Such a term finds nothing, or everything where it is negated, and neither is seen from the list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from coexplorer.metadata.schema import MetadataSchema
from coexplorer.models import MetadataField
from coexplorer.query import (
    Compare,
    Flag,
    Has,
    Interval,
    Match,
    Query,
    Term,
    fit_schema,
    fold,
    format_term,
    interval,
    number_span,
)
from coexplorer.query.hints import explain_nothing, needs_a_look
from coexplorer.query.ids import find_owner
from coexplorer.query.values import parse_number
from coexplorer.text import list_like

if TYPE_CHECKING:
    from coexplorer.library.reading import Reading

_TAKES = {"number": "a number", "date": "a date such as 2024-03-01, today or -30d"}


async def explain_search(
    assets: Reading, query: Query, now: float, *, found: int | None = None
) -> list[str]:
    """Return sentences on what in a query can't be meant so, or may have been meant otherwise.

    Args:
        assets: What is known.
        query: It was asked already.
        now: Epoch seconds that ``-30d`` counts back from.
        found: How many assets it found; None: the catalog tells.

    Raises:
        CatalogError: The catalog can't be read.
    """
    told = []
    hint = explain_nothing(query)
    if hint and not (await assets.count(query) if found is None else found):
        told.append(hint)
    if needs_a_look(query):
        told += await explain_query(assets, query, now)
    return told


async def explain_query(assets: Reading, query: Query, now: float) -> list[str]:
    """Return sentences on what strikes in a query; none where nothing does.

    Args:
        assets: What is known.
        query: It was asked already.
        now: Epoch seconds that ``-30d`` counts back from.

    Raises:
        CatalogError: The catalog can't be read.
    """
    if not await assets.count(Query((Flag("any"),))):
        return []  # nothing is known yet, so nothing strikes
    schema = await assets.metadata_schema()
    told = [await _explain(assets, term, schema, now) for term in query.terms]
    return list(dict.fromkeys(filter(None, told)))


async def _explain(assets: Reading, term: Term, schema: MetadataSchema, now: float) -> str:
    if isinstance(term, Compare) and term.op == ".." and term.high is not None:
        ends = interval(term, now)
        if _is_empty(ends):
            turned = msgspec.structs.replace(term, value=term.high, high=term.value)
            shown = format_term(term)
            return f"{shown} ends before it begins: did you mean {format_term(turned)}?"
    if not isinstance(term, Match | Has | Compare):
        return ""
    if term.custom:
        return await _explain_key(assets, term, schema, now)
    if term.field == "owner" and not await assets.field_values("owner"):
        by_id = isinstance(term, Match) and find_owner(term.text, term.how)
        if not by_id:
            return "this platform does not tell the owners' names, so no asset is found by them"
    return ""


def _is_empty(ends: Interval) -> bool:
    """Tell whether no number is within an interval: 2024..2023 ends where 2024 begins."""
    if ends.low is None or ends.high is None:
        return False
    touches = ends.low == ends.high and not (ends.includes_low and ends.includes_high)
    return ends.low > ends.high or touches


async def _explain_key(
    assets: Reading, term: Match | Has | Compare, schema: MetadataSchema, now: float
) -> str:
    key = term.field
    field = next((each for each in schema.fields if fold(each.name) == fold(key)), None)
    if field is None:
        if await assets.count(Query((Flag("any"), Has(key, custom=True)))):
            return ""
        likely = await _find_like(assets, key, schema)
        return f"no asset has the key {key!r}" + (f"; did you mean {likely!r}?" if likely else "")
    if isinstance(term, Compare) and field.type not in _TAKES:
        compared = msgspec.structs.replace(term, negated=False)
        if not await assets.count(Query((Flag("any"), compared))):
            return (
                f"no asset has a number as its {field.name}: it is text, and <, > and .. compare"
                f" numbers and dates; {format_term(Match(key, '65*', custom=True, how='glob'))}"
                " looks for a pattern"
            )
    if isinstance(term, Compare) and field.type == "number":
        ends = [end for end in (term.value, term.high) if end is not None]
        if not all(isinstance(end, int | float) for end in ends):
            return f"{format_term(term)} compares with a date, and {field.name} is a number"
    if isinstance(term, Match) and field.type in _TAKES:
        asked = msgspec.structs.replace(term, negated=False)
        meant = fit_schema(Query((asked,)), schema.fields).terms[0]
        is_read = not isinstance(meant, Match) or number_span(meant, now) is not None
        if field.type == "number":
            is_read = parse_number(term.text) is not None
        if not is_read and not await assets.count(Query((Flag("any"), asked))):
            return _tell_type(field, term)
    return ""


def _tell_type(field: MetadataField, term: Match) -> str:
    return f"no asset has {term.text!r} as its {field.name}: it is {_TAKES[field.type]}"


async def _find_like(assets: Reading, key: str, schema: MetadataSchema) -> str:
    """Return the key that is probably meant; empty: none is like it."""
    if near := schema.find_like(key):
        return near[0]
    return next(iter(list_like(key, await assets.field_values("has"))), "")
