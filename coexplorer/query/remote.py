"""The part of a query that the platform itself understands (design: api.md, Search parameters)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from coexplorer.models import (
    AssetType,
    Membership,
    MetadataField,
    Ownership,
    SearchFilter,
    SearchRequest,
    SortField,
)
from coexplorer.query.compare import find_beginning_of, split_glob, way_of
from coexplorer.query.fields import SAME_FLAGS
from coexplorer.query.fold import fold
from coexplorer.query.ids import find_beginning
from coexplorer.query.matching import group_terms
from coexplorer.query.scan import is_bare, quote
from coexplorer.query.tree import AllTags, Compare, Flag, Match, Query, SortKey, Term, Word
from coexplorer.query.typed import apply_types
from coexplorer.query.values import Interval, interval, number_span

_FIELDS = frozenset({"name", "tag", "run_script", "commit_id"})
"""Not ``contained_data_id``: the platform looks there for what an asset combines, but not always
for what it was made from."""
_LONGEST_NAME = 20
"""The platform finds nothing for a longer unquoted ``name:`` (seen)."""

_PLAIN = frozenset(" _-./:")
"""Signs of ordinary words, which no answer is judged again for."""

_TYPES = frozenset(kind.value for kind in AssetType)
_OWNERS = {"mine": Ownership.OWNED, "shared": Ownership.SHARED}

_NUMBERS = frozenset({"number", "date"})
"""Types of custom metadata whose values are numbers."""

_SEARCHED = frozenset({"archived", "favorite", "mine", "shared"})
"""What no asset says of itself: only the search that finds it does."""


class PlatformPart(msgspec.Struct, frozen=True):
    """What to ask the platform, and what to check in its answer.

    Attributes:
        request: Finds at least what the query finds, given the platform's own idea of words.
        rest: What is left to be looked for in the answer, archived assets included; its sort keys
            are the query's, when the platform can't sort that way.
        lists: Flags in `rest` that no answer to the request tells: each is a list of its own,
            which has to be read as well (`list_request`).
    """

    request: SearchRequest
    rest: Query
    lists: tuple[str, ...] = ()

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


def list_request(flag: str) -> SearchRequest:
    """Return the search that finds all assets of a flag, archived or not.

    Args:
        flag: ``favorite``, ``mine`` or ``shared``.
    """
    if flag == "favorite":
        return SearchRequest(archived=None, favorite=True)
    return SearchRequest(archived=None, ownership=_OWNERS[flag])


def platform_part(
    query: Query, fields: Sequence[MetadataField] = (), now: float = 0.0, *, plain: bool = False
) -> PlatformPart:
    """Divide a query into what the platform can judge, and what its answer tells.

    Nothing is sent that the platform may take for less than we do, since no look at its answer
    would show what that hides. So what is not to be found is judged here, and so are texts that are
    not ASCII, as it may not know that an accent can be written in two ways.

    Args:
        query: The query.
        fields: The platform's schema of custom metadata: it has the spelling and type of each key.
        now: Epoch seconds that relative dates count back from.
        plain: Send nothing that only some platforms understand: they answer 400 to it.
    """
    query = apply_types(query, fields)
    request, rest, lists = _read_flags(query, plain=plain)
    schema = {fold(field.name): field for field in fields}
    words: list[str] = []
    filters: list[SearchFilter] = []
    for group in group_terms(query):
        if isinstance(group[0], Flag):
            continue
        texts = [_text(term) for term in group]
        types = {term.text for term in group if isinstance(term, Match) and _is_type(term)}
        if all(text for text, _ in texts):  # else what the others find would be missing
            words += [text for text, _ in texts]
        elif len(group) == 1:
            more, word = _filter(group[0], schema, now)
            filters += () if plain else more
            words += [word] if word else []
        if len(types) == 1 and types <= _TYPES and not plain:
            request = msgspec.structs.replace(request, type=types.pop())
        elif not all(whole for _, whole in texts):
            rest += group
    unique = tuple(dict.fromkeys(filters))
    request = msgspec.structs.replace(request, query=" ".join(words), filters=unique)
    request, sort = _with_sort(request, query.sort)
    return PlatformPart(request, Query(tuple(rest), sort), tuple(dict.fromkeys(lists)))


def _read_flags(query: Query, *, plain: bool) -> tuple[SearchRequest, list[Term], list[str]]:
    """Return a request with the flags that it takes, the others, and the lists that tell them."""
    named = query.asks_for_archived and not query.flags_archived
    either = named and Flag("archived", negated=True) not in query.terms
    request = SearchRequest(archived=None if either else False)
    rest: list[Term] = []
    lists: list[str] = []
    for term in query.terms:
        if not isinstance(term, Flag):
            continue
        name = SAME_FLAGS.get(term.name, term.name)
        if name not in _SEARCHED | {"any"}:
            request = request if plain else _with_origin(request, term)
            rest.append(term)
            continue
        asked = _with_flag(request, Flag(name, term.negated), query)
        if asked is None:
            rest.append(term)
            lists += [name] if name != "archived" else []
        else:
            request = asked
    return request, rest, lists


def _filter(  # noqa: PLR0911 - one for each kind
    term: Term, schema: dict[str, MetadataField], now: float
) -> tuple[list[SearchFilter], str]:
    """Return filters that find at least what a term does, and a word that does."""
    if term.negated:
        return [], ""
    match term:
        case AllTags():
            return [SearchFilter("tags", value=tag) for tag in term.tags if tag.isascii()], ""
        case Match(field="description", custom=False):
            return [], _word(_needed(term))
        case Compare(custom=True) if field := schema.get(fold(term.field)):
            return _range(field, interval(term, now)), ""
        case Match(custom=True) if field := schema.get(fold(term.field)):
            if field.type in _NUMBERS:
                span = number_span(term, now)
                return ([] if span is None else _range(field, span)), ""
            if way_of(term) == "whole":
                if not term.text.isascii():
                    return [], ""
                spelled = (one for one in field.allowed_values if fold(str(one)) == fold(term.text))
                return [SearchFilter(field.name, value=next(spelled, term.text))], ""
            return [], _word(_needed(term))
    return [], ""


def _range(field: MetadataField, wanted: Interval) -> list[SearchFilter]:
    """Return the filter of a range, both ends included: it may find a little more."""
    if field.type not in _NUMBERS or (wanted.low is None and wanted.high is None):
        return []
    return [SearchFilter(field.name, low=wanted.low, high=wanted.high)]


def _needed(term: Match) -> str:
    """Return a text that is part of every text that a term finds; empty: there is none."""
    if way_of(term) == "glob":
        sent = (piece for piece in split_glob(term.text) if piece.isascii())
        return max(sent, key=len, default="")
    return term.text


def _word(text: str) -> str:
    """Return a text as a word of the platform's syntax; empty: it can't be one."""
    if not text.strip() or '"' in text or not text.isascii():
        return ""
    return text if is_bare(text) and ":" not in text else quote(text)


def _is_plain(text: str) -> bool:
    """Tell whether a platform surely looks for a text as it is: signs may mean nothing to it.

    Nor is it known what it makes of lists: their quotes and brackets are in no value of one.
    """
    return all(sign.isalnum() or sign in _PLAIN for sign in text)


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
        if find_beginning(term.text):  # a word finds assets by their ids, too: no platform does
            return "", False
        word = _word(term.text) if any(map(str.isalnum, term.text)) else ""
        return word, bool(word) and _is_plain(term.text)
    known = not term.custom and term.field in _FIELDS
    text = _field_text(term) if known else ""
    if not text.strip() or not text.isascii():
        return "", False
    if is_bare(text):
        text = text[:_LONGEST_NAME] if term.field == "name" else text
    else:
        text = quote(text)
    return f"{term.field}:{text}", False


def _field_text(term: Match) -> str:
    """Return what the platform is to look for in a field; empty: it can't find enough there."""
    way = way_of(term)
    match term.field:
        case "tag":
            return term.text if way == "whole" else ""
        case "commit_id":
            return find_beginning_of(term.text) if way == "glob" else term.text
        case _:
            return _needed(term)


def _with_origin(request: SearchRequest, flag: Flag) -> SearchRequest:
    """Return the request with where the files are, if a flag says it; the answer tells it too."""
    if flag.negated or flag.name not in {"external", "internal"}:
        return request
    return msgspec.structs.replace(request, origin=flag.name)


def _with_flag(request: SearchRequest, flag: Flag, query: Query) -> SearchRequest | None:
    """Return the request with a flag that only a search can judge.

    None: it can't judge this one, or not together with the others.
    """
    if flag.name in {"archived", "any"}:
        asked = {term.name for term in query.terms if isinstance(term, Flag) and not term.negated}
        if flag.negated:
            return None if "archived" in asked else request
        archived = True if "archived" in asked else None
        if archived is None and Flag("archived", negated=True) in query.terms:
            archived = False
        return msgspec.structs.replace(request, archived=archived)
    if flag.negated:
        return None
    if flag.name == "favorite":
        return msgspec.structs.replace(request, favorite=True)
    wanted = _OWNERS[flag.name]
    if request.ownership not in {None, wanted}:
        return None
    return msgspec.structs.replace(request, ownership=wanted)


def _with_sort(
    request: SearchRequest, sort: tuple[SortKey, ...]
) -> tuple[SearchRequest, tuple[SortKey, ...]]:
    """Return the request with the order, as far as it can have one, and what is left to sort."""
    if not sort:  # the newest first, as everywhere
        newest = msgspec.structs.replace(request, sort_field=SortField.CREATED, descending=True)
        return newest, sort
    if sort[0].field not in set(SortField):
        return request, sort
    field = SortField(sort[0].field)
    ordered = msgspec.structs.replace(request, sort_field=field, descending=sort[0].descending)
    return ordered, sort if len(sort) > 1 else ()
