"""The part of a query that the platform itself understands (design: api.md, Search parameters)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coexplorer.models import Ownership, SearchRequest, SortField
from coexplorer.query.scan import is_bare, quote
from coexplorer.query.tree import Flag, Match, Query, Term, Word

_FIELDS = frozenset({"name", "tag", "run_script", "commit_id", "contained_data_id"})
_LONGEST_NAME = 20
"""The platform finds nothing for a longer unquoted ``name:`` (seen)."""


def platform_part(query: Query, now: float) -> tuple[SearchRequest, bool]:
    """Return what ``--remote`` can send, and whether that is the whole query.

    The platform's answer holds at least what the query finds, up to the platform's own idea of
    words; what could not be sent has to be looked for in the answer.

    Args:
        query: The query.
        now: Epoch seconds; taken so that dates can be sent once the platform takes them.
    """
    del now
    whole = True
    words: list[str] = []
    flags = [term for term in query.terms if isinstance(term, Flag)]
    request = SearchRequest(archived=_archived(flags))
    for term in query.terms:
        text, complete = _text(term)
        words += [text] if text else []
        whole = whole and (complete or isinstance(term, Flag))
    for flag in flags:
        request, complete = _with_flag(request, flag)
        whole = whole and complete
    types = [term.text for term in query.terms if isinstance(term, Match) and _is_type(term)]
    if types:
        request = msgspec.structs.replace(request, type=types[0] if len(types) == 1 else None)
        whole = whole and len(types) == 1
    request, sorted_there = _with_sort(request, query)
    return msgspec.structs.replace(request, query=" ".join(words)), whole and sorted_there


def _is_type(term: Match) -> bool:
    return term.field == "type" and not term.negated and not term.custom


def _text(term: Term) -> tuple[str, bool]:
    """Return a term in the platform's syntax, empty when it has none, and whether it is all."""
    if term.negated:
        return "", False
    if isinstance(term, Word):
        plain = is_bare(term.text) and ":" not in term.text
        return (term.text if plain else quote(term.text)), True
    if not isinstance(term, Match) or term.custom or term.field not in _FIELDS:
        return "", isinstance(term, Match) and _is_type(term)
    if not is_bare(term.text):
        return f"{term.field}:{quote(term.text)}", True
    if term.field == "name" and len(term.text) > _LONGEST_NAME:
        return f"name:{term.text[:_LONGEST_NAME]}", False
    return f"{term.field}:{term.text}", True


def _archived(flags: Sequence[Flag]) -> bool | None:
    asked = {flag.name for flag in flags if not flag.negated}
    if "archived" in asked:
        return True
    return None if "any" in asked else False


def _with_flag(request: SearchRequest, flag: Flag) -> tuple[SearchRequest, bool]:
    """Return the request with the flag, and whether the platform knows it."""
    if flag.name in {"archived", "any"}:
        return request, not (flag.negated and request.archived is not False)
    if flag.negated:
        return request, False
    if flag.name == "favorite":
        return msgspec.structs.replace(request, favorite=True), True
    ownership = {"mine": Ownership.OWNED, "shared": Ownership.SHARED}.get(flag.name)
    if ownership is None or request.ownership not in {None, ownership}:
        return request, False
    return msgspec.structs.replace(request, ownership=ownership), True


def _with_sort(request: SearchRequest, query: Query) -> tuple[SearchRequest, bool]:
    if not query.sort:
        return request, True
    first = query.sort[0]
    if first.field not in set(SortField):
        return request, False
    field = SortField(first.field)
    ordered = msgspec.structs.replace(request, sort_field=field, descending=first.descending)
    return ordered, len(query.sort) == 1
