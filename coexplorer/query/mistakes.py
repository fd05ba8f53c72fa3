"""What is said of a mistake in a query, with its place and what to write instead. Pure."""

from __future__ import annotations

import re
from typing import Final

from coexplorer.errors import QueryError
from coexplorer.query.compare import ANYTHING, OPERATORS
from coexplorer.query.fields import FIELD_NAMES, HAS_FIELDS, QueryField, ValueKind, find_nearest
from coexplorer.query.format import format_term
from coexplorer.query.possible import COMMIT, turn
from coexplorer.query.scan import Piece, quote
from coexplorer.query.tree import Compare, Has, How, Match

_TIME = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})[Tt ]\d")


def too_long(most: str, start: int, end: int) -> QueryError:
    """A query is longer than anybody writes."""
    return QueryError(
        f"a query has at most {most}",
        start=start,
        end=end,
        hint="to work on a list of assets, give their ids on standard input: …  edit -",
    )


def stray_star(
    name: str, piece: Piece, how: How = "", *, custom: bool = False, negated: bool = False
) -> QueryError:
    """A ``*`` stands without quotes where no pattern is read."""
    field, text = name or "name", piece.text
    written = format_term(Match(field, text, negated, custom, how="glob"))
    literal = OPERATORS[how] + quote(text) if how else quote(text)
    hint = f"for a pattern write {written}; for the * itself, quotes: {literal}"
    if not text.strip(ANYTHING):
        known = custom or name in {one for one, _ in HAS_FIELDS}
        has = format_term(Has(field, negated, custom)) if known else ""
        hint = f"for any value write {has}" if has else "for all assets leave it out"
        hint += f"; for the * itself, quotes: {quote(text)}"
    return QueryError(
        f"{name + ': ' if name else ''}a * without quotes is no pattern here",
        start=piece.start,
        end=piece.end,
        hint=hint,
    )


def expected(field: QueryField, start: int, end: int, text: str = "") -> QueryError:
    """A value is none of its field; `text` is what was written there."""
    return QueryError(
        f"{field.name}: expected {field.expects}, as in {field.example}",
        start=start,
        end=end,
        hint=hint_at_time(text) if field.kind is ValueKind.DATE else "",
    )


def hint_at_time(text: str) -> str:
    """Say what to write instead of a time of day; empty: the text has none."""
    found = _TIME.search(text)
    return f"a query knows no times of day: write the day, {found[1]}" if found else ""


def unknown_field(name: str, start: int, end: int) -> QueryError:
    """There is no such field."""
    nearest = find_nearest(name, FIELD_NAMES)
    hint = f"did you mean {nearest}:? " if nearest else ""
    return QueryError(
        f"there is no field {name}",
        start=start,
        end=end,
        hint=f'{hint}custom metadata is searched with its key in quotes, "{name}":…',
    )


OF_WORKPLACES: Final = ("attached", "detached", "mounted")
"""What people ask an asset's state for, and what only capsules, pipelines and workstations know."""


def no_search(told: str, piece: Piece) -> QueryError:
    """Say that no search knows what is attached, and what does."""
    return QueryError(
        told,
        start=piece.start,
        end=piece.end,
        hint="no search knows what is attached: coexplorer attached lists it for one workplace,"
        " and coexplorer uses says which ones use an asset",
    )


def no_such(message: str, piece: Piece, nearest: str | None, names: tuple[str, ...]) -> QueryError:
    """A value is none of those that there are."""
    hint = f"did you mean {nearest}?" if nearest else f"one of {', '.join(names)}"
    return QueryError(message, start=piece.start, end=piece.end, hint=hint)


def no_type(field: QueryField, piece: Piece, nearest: str | None) -> QueryError:
    """There is no such type, or no such state; a platform may have more, so quotes let it be."""
    names = tuple(name for name, _ in field.choices)
    error = no_such(f"{field.name}: there is no {field.name} {piece.text!r}", piece, nearest, names)
    if nearest is None and ANYTHING not in piece.text:
        error.hint += f"; if your platform has it, quote it: {field.name}:{quote(piece.text)}"
    return error


def backward(term: Compare, start: int, end: int) -> QueryError:
    """A range ends before it begins."""
    return QueryError(
        f"{format_term(term)} ends before it begins",
        start=start,
        end=end,
        hint=f"did you mean {format_term(turn(term))}?",
    )


def below_all(term: Compare, piece: Piece) -> QueryError:
    """Less than nothing is asked for."""
    none = format_term(Compare(term.field, "", 0, negated=term.negated))
    return QueryError(
        f"{term.field}: nothing is less than 0",
        start=piece.start,
        end=piece.end,
        hint=f"for assets without files write {none}; if it is not known: -has:{term.field}",
    )


def no_id(name: str, how: How, piece: Piece, *, negated: bool = False) -> QueryError:
    """No id, or no commit, can be what is asked for."""
    written = format_term(Match("name", piece.text, negated, how=how))
    what = "commit" if name == COMMIT else "id"
    form = "0-9 and a-f" if name == COMMIT else "0-9, a-f and hyphens, as in 8b4c01de-5f3a-…"
    if how == "whole" and name != COMMIT:
        form += ", and = compares with a whole one"
    hint = f"{what}s consist of {form}"
    if name == "id":
        hint += f"; names are searched with {written}"
    verb = {"whole": "is", "starts": "begins with", "": "begins with", "glob": "fits"}[how]
    return QueryError(
        f"{name}: no {what} {verb} {piece.text!r}", start=piece.start, end=piece.end, hint=hint
    )


def no_text(name: str, how: How, start: int, end: int) -> QueryError:
    """Nothing is written behind an operator."""
    operator = OPERATORS[how]
    return QueryError(
        f"{name}: expected a text after {operator}",
        start=start,
        end=end,
        hint=f'to search for {operator} itself, put it in quotes: "{operator}"',
    )


def no_pattern(shown: str, start: int, end: int) -> QueryError:
    """What stands between the parentheses of ``glob(…)`` is nothing, or they are not closed."""
    return QueryError(
        f"{shown}: expected a pattern between parentheses, as in {shown}:glob(HCR_*)",
        start=start,
        end=end,
        hint="* is any text and ? is one character; put spaces and parentheses in quotes:"
        f' {shown}:glob("a (b)*")',
    )


def not_missing(piece: Piece) -> QueryError:
    """``has:`` asks for a field that there is not."""
    names = tuple(name for name, _ in HAS_FIELDS)
    nearest = find_nearest(piece.text, names)
    meant = f"did you mean has:{nearest}? " if nearest else ""
    return QueryError(
        f"has: there is no field {piece.text!r}",
        start=piece.start,
        end=piece.end,
        hint=f'{meant}custom metadata is asked for in quotes, has:"{piece.text}" (and in a'
        f" shell, '…' around the whole query keeps them); fields: {', '.join(names)}",
    )
