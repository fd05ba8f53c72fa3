"""A search and one more tag → the search for what also has that tag. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coexplorer.query.compare import way_of
from coexplorer.query.fold import fold
from coexplorer.query.format import format_query, format_term
from coexplorer.query.parse import iter_pieces, parse_partial
from coexplorer.query.tree import AllTags, Match, Query, Term


def narrow_to_tag(query: Query, tag: str) -> Query:
    """Return the query for what `query` finds, limited to assets that have `tag`.

    ``tag:a`` becomes ``tag:all(a,b)``: written as ``tag:a tag:b`` the two would be alternatives.
    Where there are alternatives already they stay, unless the tag is one of them: it decides.
    """
    new = _build_term(query.terms, tag)
    if new is None:
        return query
    terms: list[Term] = []
    for term in query.terms:
        if term not in new.replaces:
            terms.append(term)
        elif new.term not in terms:
            terms.append(new.term)
    if new.term not in terms:
        terms.append(new.term)
    return Query(tuple(terms), query.sort)


def narrow_text(text: str, tag: str) -> str:
    """Return a search's text narrowed by `narrow_to_tag`; what else stands in it stays as typed.

    A part that can't be read stays too, as long as the rest keeps its meaning beside it.
    """
    before, mistake = parse_partial(text)
    new = _build_term(before.terms, tag)
    if new is None:
        return text.strip()
    written = format_term(new.term)
    pieces = []
    for start, end, read in iter_pieces(text):
        if read not in new.replaces:
            pieces.append(text[start:end])
        elif written not in pieces:
            pieces.append(written)
    after = narrow_to_tag(before, tag)
    tries = [pieces] if new.replaces else [[*pieces, written], [written, *pieces]]
    for parts in tries:  # what follows a quote that is still open would be taken into it
        joined = " ".join(parts)
        read_back, fault = parse_partial(joined)
        if (fault is None) is (mistake is None) and _is_same(read_back, after):
            return joined
    return format_query(after)


class _New(msgspec.Struct, frozen=True):
    """The term that asks for the tag, and the terms that it stands for."""

    term: Term
    replaces: tuple[Match | AllTags, ...]


def _build_term(terms: Sequence[Term], tag: str) -> _New | None:
    """Return what narrows `terms` to a tag; None where they ask for it already."""
    wanted = fold(tag)
    alternatives = [
        term
        for term in terms
        if isinstance(term, Match) and term.field == "tag" and not (term.custom or term.negated)
    ]
    whole = [term for term in alternatives if way_of(term) == "whole"]
    either = {fold(term.text) for term in whole}
    some = len(whole) < len(alternatives)  # patterns and beginnings: no list can have them
    groups = [term for term in terms if isinstance(term, AllTags) and not term.negated]
    together = [each for term in groups for each in term.tags]
    if (either == {wanted} and not some) or wanted in map(fold, together):
        return None
    if len(either) == 1 and not some:
        together.insert(0, whole[0].text)
    stay = (len(either) > 1 or some) and wanted not in either
    replaces = (*groups, *(() if stay else alternatives))
    tags = tuple({fold(each): each for each in (tag, *together[::-1])}.values())[::-1]
    if len(tags) == 1 and not stay:
        return _New(Match("tag", tag), replaces)
    return _New(AllTags((*tags[:-1], tag)), replaces)


def _is_same(one: Query, other: Query) -> bool:
    """Tell whether two queries find the same: the order of their terms says nothing."""
    return one.sort == other.sort and set(one.terms) == set(other.terms)
