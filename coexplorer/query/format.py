"""Query tree → text, so that `parse_query` reads the same tree back."""

from __future__ import annotations

from coexplorer.query.compare import ANYTHING, OPERATORS
from coexplorer.query.fields import find_field
from coexplorer.query.ids import find_whole, is_whole
from coexplorer.query.possible import can_be
from coexplorer.query.scan import FIELD_START, NEGATION, is_bare, quote
from coexplorer.query.tree import (
    AllTags,
    Compare,
    Flag,
    Has,
    How,
    Match,
    Query,
    SortKey,
    Term,
    Word,
)
from coexplorer.query.values import format_value


def format_query(query: Query) -> str:
    """Return the text of a query: its terms in order, then its sort keys."""
    return " ".join([*map(format_term, query.terms), *map(_format_sort, query.sort)])


def format_term(term: Term) -> str:  # noqa: PLR0911 - one for each kind
    """Return the text of one term, quoted where that is needed."""
    sign = "-" if term.negated else ""
    match term:
        case Word():
            starts = (FIELD_START.match, NEGATION.match, find_whole)
            special = any(start(term.text) for start in starts)
            bare = _is_plain(term.text) and not special
            return sign + (term.text if bare else quote(term.text))
        case Match(how=how) if how:
            field = quote(term.field) if term.custom else term.field
            bare = term.custom or can_be(term.field, how, term.text)
            return f"{sign}{field}:{_format_how(how, term.text, bare=bare)}"
        case Match(custom=True):
            bare = term.text[0] not in "<>" and ".." not in term.text and _is_value(term.text)
            return f"{sign}{quote(term.field)}:{term.text if bare else quote(term.text)}"
        case Match():
            return f"{sign}{term.field}:{format_text(term.field, term.text)}"
        case Has():
            return f"{sign}has:{quote(term.field) if term.custom else term.field}"
        case AllTags():
            tags = (tag if _is_plain(tag, stops=",)") else quote(tag) for tag in term.tags)
            return f"{sign}tag:all({','.join(tags)})"
        case Flag():
            return f"{sign}is:{term.name}"
        case Compare():
            return sign + _format_compare(term)


def format_id(field: str, asset_id: str) -> str:
    """Return the term that asks for one id, of whatever form a platform gives it.

    One of another form than usual may be the beginning of another one: it is compared whole.
    """
    how: How = "" if is_whole(asset_id) else "whole"
    return format_term(Match(field, asset_id, how=how))


def format_text(field: str, text: str) -> str:
    """Return a value as it is written after ``field:``, e.g. one that was chosen from a list."""
    bare = _is_value(text) and field != "has"
    if field == "tag" and text.startswith("all("):
        bare = False
    known = find_field(field)
    if known is not None and field in {"type", "state"}:
        bare = text in {name for name, _ in known.choices}
    bare = bare and can_be(field, "", text)
    return text if bare else quote(text)


def _is_plain(text: str, stops: str = "") -> bool:
    """Tell whether a text can stand without quotes, where no operator is looked for."""
    return is_bare(text, stops) and ANYTHING not in text


def _is_value(text: str) -> bool:
    """Tell whether a text can stand without quotes behind a field."""
    return _is_plain(text) and not text.startswith(tuple(OPERATORS.values()))


def _format_how(how: How, text: str, *, bare: bool) -> str:
    if how == "glob":
        return f"glob({text if bare and is_bare(text, stops=')') else quote(text)})"
    return f"{OPERATORS[how]}{text if bare and _is_plain(text) else quote(text)}"


def _format_compare(term: Compare) -> str:
    name = quote(term.field) if term.custom else term.field
    as_size = term.field == "size" and not term.custom
    value = format_value(term.value, as_size=as_size)
    if term.op == "..":
        high = term.value if term.high is None else term.high
        return f"{name}:{value}..{format_value(high, as_size=as_size)}"
    op = term.op or ("=" if term.custom else "")
    return f"{name}:{op}{value}"


def _format_sort(key: SortKey) -> str:
    return f"sort:{'-' if key.descending else ''}{key.field}"
