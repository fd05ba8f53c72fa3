"""Query tree → SQL. Pure: texts and their parameters, nothing is run here.

A query is a list of clauses that must all hold (or, negated, must not). A clause has parts of which
one must hold. Each part is a ``SELECT`` of asset numbers; `coexplorer.catalog.sets` runs them and
combines what they find, so that a part that was asked before costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from coexplorer.catalog.schema import FLAG_BITS
from coexplorer.query import (
    AllTags,
    Compare,
    Flag,
    Interval,
    Match,
    Query,
    SortKey,
    Term,
    Word,
    fold,
    interval,
)

Parameters = tuple[object, ...]

SHORT = 2
"""Words up to this length have no trigram."""

MATCHING = "SELECT rowid AS n FROM words WHERE words MATCH ?"
"""Numbers of the assets that a full-text expression finds."""

_SORT_COLUMNS = {
    "name": "name_folded",
    "created": "created",
    "used": "last_used",
    "size": "size_bytes",
    "files": "files",
    "type": "type",
    "state": "state",
    "owner": "owner_folded",
}
_COMPARED = {"size": "size_bytes", "files": "files", "created": "created", "used": "last_used"}
_FLAG_TESTS = {
    "favorite": "favorite = 1",
    "mine": "mine = 1",
    "shared": "shared = 1",
    "archived": "archived = 1",
    "external": "external = 1",
    "internal": "external = 0",
    "unused": "last_used = 0",
    "untagged": "tags = '[]'",
}
_NEWEST_FIRST = (SortKey("created", descending=True),)
_BEYOND = "\U0010ffff"
"""Sorts behind every text that goes on from a beginning."""


class Part(msgspec.Struct, frozen=True):
    """A set of assets.

    Attributes:
        sql: ``SELECT`` of their numbers.
        words: Full-text expression of the same set; then `sql` is `MATCHING`.
        short: A word without trigrams, which `expand_short` can turn into `words`.
        column: The column that `short` is looked for in; empty for all.
    """

    sql: str
    parameters: Parameters
    words: str = ""
    short: str = ""
    column: str = ""


class Clause(msgspec.Struct, frozen=True):
    """Assets in one of the `parts`, or, when `negated`, in none of them."""

    parts: tuple[Part, ...]
    negated: bool = False


class Search(msgspec.Struct, frozen=True):
    """A compiled query.

    Attributes:
        order: The ``ORDER BY`` list over `asset`; ends in the id, so that it is total.
        where: The whole query as a plain condition on `asset`; empty when it needs other tables.
        flags: Mask and wanted bits of `asset.flags`, and the state that is asked for, when the
            query is about nothing else: `tally` then knows the count.
    """

    clauses: tuple[Clause, ...]
    order: str
    where: str = ""
    flags: tuple[int, int, str | None] | None = None


def compile_search(query: Query, now: float) -> Search:
    """Return the SQL of a query.

    Args:
        query: What is looked for.
        now: Epoch seconds that relative dates count back from.
    """
    clauses = [
        Clause(tuple(_part(term, now) for term in group), negated=group[0].negated)
        for group in _group(query)
    ]
    if not query.asks_for_archived:
        clauses.append(Clause((_flag("archived"),), negated=True))
    flags = _flags(query)
    return Search(tuple(clauses), _order(query.sort or _NEWEST_FIRST), _plain(query, flags), flags)


def _group(query: Query) -> list[list[Term]]:
    """Return the terms of which one must hold, group by group; all groups must."""
    groups: dict[tuple[object, ...], list[Term]] = {}
    for number, term in enumerate(query.terms):
        key: tuple[object, ...] = (number,)
        if isinstance(term, Match) and not term.negated:
            key = ("same", term.custom, fold(term.field))
        if not (isinstance(term, Flag) and term.name == "any"):
            groups.setdefault(key, []).append(term)
    return list(groups.values())


def _part(term: Term, now: float) -> Part:
    match term:
        case Word():
            part = _text("", fold(term.text))
        case Match(custom=True):
            part = _custom_text(fold(term.field), fold(term.text))
        case Match():
            part = _FIELDS[term.field](term.field, fold(term.text))
        case AllTags():
            part = _all_tags([fold(tag) for tag in term.tags])
        case Flag():
            part = _flag(term.name)
        case Compare(custom=True):
            between, ends = _between("number", interval(term, now))
            sql = f"SELECT n FROM metadata WHERE key = ? AND {between}"
            part = Part(sql, (fold(term.field), *ends))
        case _:
            between, ends = _between(_COMPARED[term.field], interval(term, now))
            part = Part(f"SELECT n FROM asset WHERE {between}", ends)
    return part


def _phrase(text: str) -> str:
    escaped = text.replace('"', '""')
    return f'"{escaped}"'


def _text(field: str, text: str) -> Part:
    if len(text) > SHORT:
        words = f"{field} : {_phrase(text)}" if field else _phrase(text)
        return Part(MATCHING, (words,), words)
    columns = [field] if field else ["name", "description", "labels"]
    test = " OR ".join(f"instr({column}, ?)" for column in columns)
    sql = f"SELECT n FROM folded WHERE {test}"
    return Part(sql, (text,) * len(columns), short=text, column=field)


def expand_short(part: Part, trigrams: Sequence[str]) -> Part | None:
    """Return a part with a short word as full-text part; None when no trigram begins with it."""
    if not trigrams:
        return None
    words = f"({' OR '.join(map(_phrase, trigrams))})"
    words = f"{part.column} : {words}" if part.column else words
    return Part(MATCHING, (words,), words)


def join_words(parts: Sequence[Part]) -> Part:
    """Return the assets that are in all of several full-text parts."""
    words = " AND ".join(f"({part.words})" for part in parts)
    return Part(MATCHING, (words,), words)


def _tag(field: str, text: str) -> Part:
    del field
    return Part("SELECT n FROM tag WHERE folded = ?", (text,))


def _all_tags(tags: Sequence[str]) -> Part:
    different = tuple(dict.fromkeys(tags))
    sql = " INTERSECT ".join("SELECT n FROM tag WHERE folded = ?" for _ in different)
    return Part(f"SELECT n FROM ({sql})", different)


def _flag(name: str) -> Part:
    return Part(f"SELECT n FROM asset WHERE {_FLAG_TESTS[name]}", ())


def _equal(field: str, text: str) -> Part:
    return Part(f"SELECT n FROM asset WHERE {field} = ?", (text,))


def _indexed(field: str, text: str) -> Part:
    """A text within a column whose index is far smaller than the table."""
    index = f"asset INDEXED BY asset_by_{field}"
    return Part(f"SELECT n FROM {index} WHERE instr({field}_folded, ?)", (text,))


def _id(field: str, text: str) -> Part:
    return Part(f"SELECT n FROM asset WHERE {field} >= ? AND {field} < ?", (text, text + _BEYOND))


def _source(field: str, text: str) -> Part:
    if field == "run_script":
        return Part("SELECT n FROM source WHERE instr(run_script, ?)", (text,))
    if field == "bucket":
        return Part("SELECT n FROM source WHERE bucket = ?", (text,))
    return Part(f"SELECT n FROM source WHERE {field} >= ? AND {field} < ?", (text, text + _BEYOND))


def _input(field: str, text: str) -> Part:
    del field
    return Part("SELECT n FROM input WHERE parent >= ? AND parent < ?", (text, text + _BEYOND))


_FIELDS: Mapping[str, Callable[[str, str], Part]] = {
    "name": _text,
    "description": _text,
    "tag": _tag,
    "type": _equal,
    "state": _equal,
    "owner": _indexed,
    "mount": _indexed,
    "bucket": _source,
    "prefix": _source,
    "run_script": _source,
    "commit_id": _source,
    "capsule": _source,
    "computation": _source,
    "contained_data_id": _input,
    "id": _id,
}


def _custom_text(key: str, text: str) -> Part:
    """Values under a key; the full-text index leaves few of them to be looked at."""
    if len(text) <= SHORT:
        return Part("SELECT n FROM metadata WHERE key = ? AND instr(text, ?)", (key, text))
    sql = (
        f"SELECT found.n FROM ({MATCHING}) AS found CROSS JOIN metadata"
        " ON metadata.key = ? AND metadata.n = found.n AND instr(metadata.text, ?)"
    )
    return Part(sql, (f"labels : {_phrase(text)}", key, text))


def _between(column: str, wanted: Interval) -> tuple[str, Parameters]:
    tests: list[str] = []
    values: list[object] = []
    if wanted.low is not None:
        tests.append(f"{column} {'>=' if wanted.includes_low else '>'} ?")
        values.append(wanted.low)
    if wanted.high is not None:
        tests.append(f"{column} {'<=' if wanted.includes_high else '<'} ?")
        values.append(wanted.high)
    return " AND ".join(tests), tuple(values)


def _flags(query: Query) -> tuple[int, int, str | None] | None:
    """Return mask, wanted bits and state when the query is about nothing else."""
    mask = 0 if query.asks_for_archived else FLAG_BITS["archived"]
    wanted = 0
    state: str | None = None
    for term in query.terms:
        if isinstance(term, Flag):
            bit = FLAG_BITS.get(term.name, 0)
            if mask & bit and bool(wanted & bit) == term.negated:
                return None  # is:mine -is:mine
            mask |= bit
            wanted |= 0 if term.negated else bit
        elif isinstance(term, Match) and term.field == "state" and state is None:
            if term.negated or term.custom:
                return None
            state = fold(term.text)
        else:
            return None
    return mask, wanted, state


def _plain(query: Query, flags: tuple[int, int, str | None] | None) -> str:
    """Return the condition of a query about flags, which the first window walks along with."""
    if flags is None or flags[2] is not None:
        return ""
    tests = [] if query.asks_for_archived else ["archived IS NOT 1"]
    for term in query.terms:
        if isinstance(term, Flag) and term.name != "any":
            test = _FLAG_TESTS[term.name]
            tests.append(f"({test}) IS NOT 1" if term.negated else test)
    return " AND ".join(tests) or "1"


def _order(sort: Sequence[SortKey]) -> str:
    """Return the ``ORDER BY`` list; the id goes the way of the last key, as the indexes do."""
    keys = [(_SORT_COLUMNS[key.field], key.descending) for key in sort]
    keys.append(("id", sort[-1].descending))
    return ", ".join(f"{column}{' DESC' if descending else ''}" for column, descending in keys)
