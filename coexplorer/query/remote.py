"""The part of a query that the platform itself understands (design: api.md, Search parameters)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coexplorer.errors import QueryError
from coexplorer.models import Membership, Ownership, SearchRequest, SortField
from coexplorer.query.format import format_query, format_term
from coexplorer.query.scan import is_bare, quote
from coexplorer.query.tree import Flag, Match, Query, SortKey, Term, Word

_FIELDS = frozenset({"name", "tag", "run_script", "commit_id", "contained_data_id"})
_LONGEST_NAME = 20
"""The platform finds nothing for a longer unquoted ``name:`` (seen)."""

_WHOLE_ID = 36

_SEARCHED = frozenset({"archived", "favorite", "mine", "shared"})
"""What no asset says of itself: only the search that finds it does."""


class PlatformPart(msgspec.Struct, frozen=True):
    """What to ask the platform, and what to check in its answer.

    Attributes:
        request: Finds at least what the query finds, given the platform's own idea of words.
        rest: What is left to be looked for in the answer, archived assets included; its sort keys
            are the query's, when the platform can't sort that way.
    """

    request: SearchRequest
    rest: Query

    @property
    def is_whole(self) -> bool:
        """Whether the platform's answer needs no further check."""
        return not self.rest.terms and not self.rest.sort

    @property
    def membership(self) -> Membership:
        """What being found by the request says about an asset."""
        owner = self.request.ownership
        return Membership(
            archived=self.request.archived,
            favorite=self.request.favorite or None,
            mine=owner is Ownership.OWNED or None,
            shared=owner is Ownership.SHARED or None,
        )


def platform_part(query: Query) -> PlatformPart:
    """Divide a query into what the platform can judge, and what its answer tells.

    Raises:
        QueryError: A term that neither can: ``-is:favorite``, say, since an asset does not tell
            whether it is one.
    """
    named = query.asks_for_archived and not query.flags_archived
    either = named and Flag("archived", negated=True) not in query.terms
    request = SearchRequest(archived=None if either else False)
    rest: list[Term] = []
    for term in query.terms:
        if isinstance(term, Flag) and term.name in _SEARCHED | {"any"}:
            request = _with_flag(request, term, query)
        elif isinstance(term, Flag):
            rest.append(term)
    words: list[str] = []
    for group in _group(query.terms):
        texts = [_text(term) for term in group]
        words += [text for text, _ in texts if text]
        types = {term.text for term in group if isinstance(term, Match) and _is_type(term)}
        if len(types) == 1:
            request = msgspec.structs.replace(request, type=types.pop())
        elif not all(whole for _, whole in texts):
            rest += group
    request = msgspec.structs.replace(request, query=" ".join(words))
    request, sort = _with_sort(request, query.sort)
    return PlatformPart(request, Query(tuple(rest), sort))


def _group(terms: Sequence[Term]) -> list[list[Term]]:
    """Return the terms that are not flags; alternatives (on the same field) together."""
    groups: dict[object, list[Term]] = {}
    for number, term in enumerate(terms):
        alike = isinstance(term, Match) and not term.negated and not term.custom
        key = term.field if isinstance(term, Match) and alike else number
        if not isinstance(term, Flag):
            groups.setdefault(key, []).append(term)
    return list(groups.values())


def _is_type(term: Match) -> bool:
    return term.field == "type" and not term.negated and not term.custom


def _text(term: Term) -> tuple[str, bool]:
    """Return a term in the platform's syntax (empty: it has none), and whether that is all.

    The platform's idea of a field is wider than ours: its ``commit_id:1b`` is found anywhere in a
    commit, its ``tag:`` is a beginning. So of fields its answer is judged again, by our meaning.
    """
    if term.negated or not isinstance(term, Word | Match) or '"' in term.text:
        return "", False  # a quote can't be written in the platform's syntax
    if isinstance(term, Word):
        plain = is_bare(term.text) and ":" not in term.text
        return (term.text if plain else quote(term.text)), True
    # There contained_data_id is narrower: only a whole id is found.
    beginning = term.field == "contained_data_id" and len(term.text) < _WHOLE_ID
    if term.custom or term.field not in _FIELDS or beginning:
        return "", False
    if not is_bare(term.text):
        return f"{term.field}:{quote(term.text)}", False
    if term.field == "name" and len(term.text) > _LONGEST_NAME:
        return f"name:{term.text[:_LONGEST_NAME]}", False
    return f"{term.field}:{term.text}", False


def _with_flag(request: SearchRequest, flag: Flag, query: Query) -> SearchRequest:
    """Return the request with a flag that only a search can judge.

    Raises:
        QueryError: It can't judge this one together with the others.
    """
    if flag.name in {"archived", "any"}:
        asked = {term.name for term in query.terms if isinstance(term, Flag) and not term.negated}
        if not flag.negated:
            archived = True if "archived" in asked else None
            if Flag("archived", negated=True) in query.terms:
                archived = False
            if archived is False and "archived" in asked:
                raise _unknowable(flag, query)
            return msgspec.structs.replace(request, archived=archived)
        return request
    if flag.name == "favorite" and not flag.negated:
        return msgspec.structs.replace(request, favorite=True)
    wanted = {"mine": Ownership.OWNED, "shared": Ownership.SHARED}.get(flag.name)
    if flag.negated or wanted is None or request.ownership not in {None, wanted}:
        raise _unknowable(flag, query)
    return msgspec.structs.replace(request, ownership=wanted)


def _unknowable(flag: Flag, query: Query) -> QueryError:
    text, part = format_query(query), format_term(flag)
    start = next(
        sum(len(format_term(term)) + 1 for term in query.terms[:place])
        for place, term in enumerate(query.terms)
        if term == flag
    )
    error = QueryError(
        f"the platform can't search for {part} here, and its replies don't include it",
        start=start,
        end=start + len(part),
        hint="drop --remote: the local catalog knows it",
    )
    error.text = text
    return error


def _with_sort(
    request: SearchRequest, sort: tuple[SortKey, ...]
) -> tuple[SearchRequest, tuple[SortKey, ...]]:
    """Return the request with the order, as far as it can have one, and what is left to sort."""
    if not sort or sort[0].field not in set(SortField):
        return request, sort
    field = SortField(sort[0].field)
    ordered = msgspec.structs.replace(request, sort_field=field, descending=sort[0].descending)
    return ordered, sort if len(sort) > 1 else ()
