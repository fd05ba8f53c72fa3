"""Whether one asset matches a query: what the SQL means, for an asset at hand. Pure.

For assets that were selected a while ago and are read again right before a change. A test checks it
against the catalog's answers.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TypeGuard

from coexplorer.models import Asset, Membership, MetadataValue, Record
from coexplorer.query.compare import fits, way_of
from coexplorer.query.fields import SAME_FLAGS
from coexplorer.query.fold import fold
from coexplorer.query.ids import find_beginning, find_owner
from coexplorer.query.tree import AllTags, Compare, Flag, Has, Match, Query, Term, Word
from coexplorer.query.values import Interval, interval, number_span


def fulfils(query: Query, record: Record, now: float, *, or_unknown: bool = False) -> bool:
    """Tell whether a query finds an asset.

    Args:
        query: The query.
        record: The asset, with what searches said about it; what no search has said counts as no.
        now: Epoch seconds that relative dates count back from.
        or_unknown: What no search has said yet counts neither for nor against it.
    """
    if record.membership.archived and not query.asks_for_archived:
        return False
    return all(
        any(_holds(term, record, now) for term in group) is not group[0].negated
        for group in group_terms(query)
        if not (or_unknown and _is_unknown(group[0], record.membership))
    )


def _is_unknown(term: Term, membership: Membership) -> bool:
    """Tell whether a term asks for what only a search says, and none has said."""
    if not isinstance(term, Flag):
        return False
    name = SAME_FLAGS.get(term.name, term.name)
    return name in membership.__struct_fields__ and getattr(membership, name) is None


def group_terms(query: Query) -> list[list[Term]]:
    """Return the terms in groups: one term of each group must hold."""
    groups: dict[tuple[object, ...], list[Term]] = {}
    for number, term in enumerate(query.terms):
        key: tuple[object, ...] = (number,)
        if isinstance(term, Match) and not term.negated:
            key = ("same", term.custom, fold(term.field))
        if not (isinstance(term, Flag) and term.name == "any"):
            groups.setdefault(key, []).append(term)
    return list(groups.values())


def spell_value(value: str | float) -> str:
    """Return how a value of custom metadata is written: ``true``, ``3`` and not ``3.0``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _holds(term: Term, record: Record, now: float) -> bool:  # noqa: PLR0911 - one for each kind
    asset = record.asset
    match term:
        case Word():
            metadata = map(spell_value, _values(asset.custom_metadata))
            texts = [asset.name, asset.description, *asset.tags, *metadata]
            start = find_beginning(term.text)
            named = bool(start) and asset.id.startswith(start)
            return named or any(fold(term.text) in fold(text) for text in texts)
        case Match(custom=True):
            wanted, way, span = fold(term.text), way_of(term), number_span(term, now)
            return any(
                fits(way, wanted, fold(spell_value(value))) or _counts(value, span)
                for value in _values(asset.custom_metadata, fold(term.field))
            )
        case Match():
            wanted, way = fold(term.text), way_of(term)
            start = find_owner(term.text, term.how) if term.field == "owner" else ""
            named = bool(start) and asset.owner_id.lower().startswith(start)
            return named or any(fits(way, wanted, fold(text)) for text in _texts(asset, term.field))
        case Has():
            return _has(term, asset)
        case AllTags():
            return {fold(tag) for tag in term.tags} <= {fold(tag) for tag in asset.tags}
        case Flag():
            return _has_flag(term.name, asset, record.membership)
        case _:
            wanted_numbers = interval(term, now)
            return any(_lies_within(wanted_numbers, one) for one in _numbers(asset, term))


def _has(term: Has, asset: Asset) -> bool:
    """Tell whether an asset says anything in a field; an empty text says nothing."""
    if term.custom or term.field == "metadata":
        key = fold(term.field) if term.custom else None
        return any(spell_value(value) for value in _values(asset.custom_metadata, key))
    match term.field:
        case "tag":
            return bool(asset.tags)
        case "used":
            return (asset.last_used or 0) > 0
        case "size":
            return asset.size_bytes is not None
        case "files" | "created":
            return getattr(asset, term.field) is not None
        case _:
            return any(_texts(asset, term.field))


def _texts(asset: Asset, field: str) -> Iterable[str]:
    source, made = asset.source, asset.provenance
    match field:
        case "tag":
            return asset.tags
        case "bucket" | "prefix":
            return [getattr(source, field)] if source else []
        case "run_script" | "capsule" | "computation":
            return [getattr(made, field)] if made else []
        case "commit_id":
            return [made.commit] if made else []
        case "contained_data_id":
            return [*asset.contained, *(made.data_assets if made else ())]
        case _:
            return [getattr(asset, field) or ""]


def _has_flag(name: str, asset: Asset, membership: Membership) -> bool:
    name = SAME_FLAGS.get(name, name)
    external = asset.source is not None and asset.source.external
    match name:
        case "external" | "internal":
            return external is (name == "external")
        case "unused":
            return asset.last_used == 0
        case "untagged":
            return not asset.tags
        case _:
            return getattr(membership, name) is True


def _values(
    metadata: dict[str, MetadataValue], key: str | None = None
) -> Iterable[str | int | float | bool]:
    for name, value in metadata.items():
        if value is not None and (key is None or fold(name) == key):
            yield from value if isinstance(value, list) else [value]


def _numbers(asset: Asset, term: Compare) -> Iterable[float]:
    if term.custom:
        for value in _values(asset.custom_metadata, fold(term.field)):
            if _is_number(value):
                yield float(value)
        return
    known = {
        "size": asset.size_bytes,
        "files": asset.files,
        "created": asset.created,
        "used": asset.last_used,
    }[term.field]
    if known is not None:
        yield known


def _is_number(value: str | float) -> TypeGuard[float]:
    usable = isinstance(value, int | float) and not isinstance(value, bool)
    return usable and math.isfinite(float(value))


def _counts(value: str | float, span: Interval | None) -> bool:
    """Tell whether a value of custom metadata is a number within a span."""
    return span is not None and _is_number(value) and _lies_within(span, float(value))


def _lies_within(wanted: Interval, number: float) -> bool:
    above = wanted.low is None or (
        number >= wanted.low if wanted.includes_low else number > wanted.low
    )
    below = wanted.high is None or (
        number <= wanted.high if wanted.includes_high else number < wanted.high
    )
    return above and below
