"""What in a query can't be meant so, as far as what is known here tells.

Such a term finds nothing, or everything where it is negated, and neither is seen from the list. One
that can never find anything, given the schema of custom metadata, is a mistake as much as one that
can't be read: `ensure_meant` refuses it. A key that no asset has may be one tomorrow: that is only
said, by `explain_search`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from coexplorer.errors import QueryError
from coexplorer.metadata.schema import MetadataSchema
from coexplorer.models import MetadataField
from coexplorer.query import (
    Compare,
    Flag,
    Has,
    Match,
    Query,
    Term,
    apply_types,
    asks_typed,
    fold,
    format_term,
    interval,
    number_span,
)
from coexplorer.query.hints import explain_nothing, needs_a_look
from coexplorer.query.ids import find_owner
from coexplorer.query.possible import is_empty, turn
from coexplorer.query.values import parse_number
from coexplorer.text import list_like

if TYPE_CHECKING:
    from coexplorer.library.reading import Reading

_TAKES = {"number": "a number", "date": "a date such as 2024-03-01, today or -30d"}


async def ensure_meant(assets: Reading, query: Query, now: float) -> None:
    """Refuse what no asset can have, as far as the schema of custom metadata is known.

    Args:
        assets: What is known.
        query: It can be read (`coexplorer.query.parse_query`).
        now: Epoch seconds that ``-30d`` counts back from.

    Raises:
        QueryError: A value is none of its key's type, and no asset has it anyway.
        CatalogError: The catalog can't be read.
    """
    if not asks_typed(query):
        return
    schema = await assets.metadata_schema()
    for term in query.terms:
        if isinstance(term, Match) and term.how in {"starts", "glob"}:
            continue  # a part of what a number or a date is written as may fit one tomorrow
        if mistake := await _find_mistake(assets, term, schema, now):
            raise mistake


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
    if isinstance(term, Compare) and term.op == ".." and is_empty(interval(term, now)):
        shown = format_term(term)
        return f"{shown} ends before it begins: did you mean {format_term(turn(term))}?"
    if not isinstance(term, Match | Has | Compare):
        return ""
    if term.custom:
        return await _explain_key(assets, term, schema, now)
    if term.field == "owner" and not await assets.field_values("owner"):
        by_id = isinstance(term, Match) and find_owner(term.text, term.how)
        if not by_id:
            return "this platform does not tell the owners' names, so no asset is found by them"
    return ""


async def _explain_key(
    assets: Reading, term: Match | Has | Compare, schema: MetadataSchema, now: float
) -> str:
    key = term.field
    if _find_field(key, schema) is not None:
        mistake = await _find_mistake(assets, term, schema, now)
        return "; ".join(filter(None, (mistake.message, mistake.hint))) if mistake else ""
    if await assets.count(Query((Flag("any"), Has(key, custom=True)))):
        return ""
    likely = await _find_like(assets, key, schema)
    return f"no asset has the key {key!r}" + (f"; did you mean {likely!r}?" if likely else "")


async def _find_mistake(
    assets: Reading, term: Term, schema: MetadataSchema, now: float
) -> QueryError | None:
    """Return what is wrong with a term that no asset can match; None: one can, or might."""
    if not isinstance(term, Match | Compare) or not term.custom:
        return None
    field = _find_field(term.field, schema)
    if field is None:
        return None
    mistake = (
        _judge_comparison(term, field)
        if isinstance(term, Compare)
        else _judge_value(term, field, schema, now)
    )
    if mistake is None:
        return None
    # What was there before the schema was so may still be there.
    asked = msgspec.structs.replace(term, negated=False)
    return None if await assets.count(Query((Flag("any"), asked))) else mistake


def _find_field(key: str, schema: MetadataSchema) -> MetadataField | None:
    return next((each for each in schema.fields if fold(each.name) == fold(key)), None)


def _judge_comparison(term: Compare, field: MetadataField) -> QueryError | None:
    if field.type not in _TAKES:
        pattern = format_term(Match(term.field, "65*", custom=True, how="glob"))
        return _refuse(
            f"no asset has a number as its {field.name}: it is text, and <, > and .. compare"
            " numbers and dates",
            f"{pattern} looks for a pattern",
        )
    ends = [end for end in (term.value, term.high) if end is not None]
    if field.type == "number" and not all(isinstance(end, int | float) for end in ends):
        return _refuse(f"{format_term(term)} compares with a date, and {field.name} is a number")
    return None


def _judge_value(
    term: Match, field: MetadataField, schema: MetadataSchema, now: float
) -> QueryError | None:
    if field.type not in _TAKES:
        return None
    asked = msgspec.structs.replace(term, negated=False)
    meant = apply_types(Query((asked,)), schema.fields).terms[0]
    if field.type == "number":
        is_read = isinstance(meant, Match) and parse_number(meant.text) is not None
    else:
        is_read = not isinstance(meant, Match) or number_span(meant, now) is not None
    if is_read:
        return None
    return _refuse(f"no asset has {term.text!r} as its {field.name}: it is {_TAKES[field.type]}")


def _refuse(message: str, hint: str = "") -> QueryError:
    return QueryError(message, start=0, end=0, hint=hint)


async def _find_like(assets: Reading, key: str, schema: MetadataSchema) -> str:
    """Return the key that is probably meant; empty: none is like it."""
    if near := schema.find_like(key):
        return near[0]
    return next(iter(list_like(key, await assets.field_values("has"))), "")
