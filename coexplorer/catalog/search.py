"""Query tree → SQL. Pure: texts and their parameters, nothing is run here.

A query is a list of clauses that must all hold (or, negated, must not). A clause has parts of which
one must hold. Each part is a ``SELECT`` of asset numbers; `coexplorer.catalog.sets` runs them and
combines what they find, so that a part that was asked before costs nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from coexplorer.catalog.conditions import (
    BEYOND,
    COMPARED,
    FLAG_TESTS,
    Condition,
    Parameters,
    between,
    compile_condition,
    group_terms,
    source_test,
)
from coexplorer.catalog.letters import find_bit
from coexplorer.catalog.schema import FLAG_BITS
from coexplorer.query import (
    AllTags,
    Compare,
    Flag,
    Match,
    Query,
    SortKey,
    Term,
    Word,
    fold,
    interval,
)

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
_NEWEST_FIRST = (SortKey("created", descending=True),)


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
        condition: The whole query again, as a condition on one row.
        flags: Mask and wanted bits of `asset.flags`, and the state that is asked for, when the
            query is about nothing else: `tally` then knows the count.
    """

    clauses: tuple[Clause, ...]
    order: str
    condition: Condition
    flags: tuple[int, int, str | None] | None = None


def compile_search(query: Query, now: float) -> Search:
    """Return the SQL of a query.

    Args:
        query: What is looked for.
        now: Epoch seconds that relative dates count back from.
    """
    clauses = [
        Clause(tuple(_part(term, now) for term in group), negated=group[0].negated)
        for group in group_terms(query)
        for group in _split_tags(group)
    ]
    if not query.asks_for_archived:
        clauses.append(Clause((ARCHIVED,), negated=True))
    return Search(
        tuple(clauses),
        _order(query.sort or _NEWEST_FIRST),
        compile_condition(query, now),
        _flags(query),
    )


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
            test, ends = between("number", interval(term, now))
            sql = f"SELECT n FROM metadata WHERE key = ? AND {test}"
            part = Part(sql, (fold(term.field), *ends))
        case _:
            test, ends = between(COMPARED[term.field], interval(term, now))
            part = Part(f"SELECT n FROM asset WHERE {test}", ends)
    return part


def _split_tags(group: list[Term]) -> list[list[Term]]:
    """Return a group for each tag of ``tag:all(…)``: sets are joined faster than selected."""
    first = group[0]
    if isinstance(first, AllTags) and not first.negated:
        return [[Match("tag", tag)] for tag in dict.fromkeys(map(fold, first.tags))]
    return [group]


def _phrase(text: str) -> str:
    escaped = text.replace('"', '""')
    return f'"{escaped}"'


def _text(field: str, text: str) -> Part:
    if len(text) > SHORT:
        words = f"{field} : {_phrase(text)}" if field else _phrase(text)
        return Part(MATCHING, (words,), words)
    if not field and (bit := find_bit(text)):
        return Part("SELECT n FROM asset WHERE letters & ?", (bit,))
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
    return Part(f"SELECT n FROM asset WHERE {FLAG_TESTS[name]}", ())


ARCHIVED = _flag("archived")
"""What every search that does not ask for it leaves out."""


def _equal(field: str, text: str) -> Part:
    return Part(f"SELECT n FROM asset WHERE {field} = ?", (text,))


def _mount(field: str, text: str) -> Part:
    """A text within a column whose index is far smaller than the table."""
    index = f"asset INDEXED BY asset_by_{field}"
    return Part(f"SELECT n FROM {index} WHERE instr({field}_folded, ?)", (text,))


def _owner(field: str, text: str) -> Part:
    """The assets of the owners whose names hold a text; there are few owners."""
    del field
    following = "(SELECT min(owner_folded) FROM asset WHERE owner_folded > known.one)"
    sql = (
        "WITH RECURSIVE known (one) AS (SELECT min(owner_folded) FROM asset"
        f" UNION ALL SELECT {following} FROM known WHERE known.one IS NOT NULL)"
        " SELECT n FROM known CROSS JOIN asset ON owner_folded = known.one"
        " WHERE instr(known.one, ?)"
    )
    return Part(sql, (text,))


def _id(field: str, text: str) -> Part:
    return Part(f"SELECT n FROM asset WHERE {field} >= ? AND {field} < ?", (text, text + BEYOND))


def _source(field: str, text: str) -> Part:
    test, values = source_test(field, text)
    return Part(f"SELECT n FROM source WHERE {test}", values)


def _input(field: str, text: str) -> Part:
    del field
    return Part("SELECT n FROM input WHERE parent >= ? AND parent < ?", (text, text + BEYOND))


_FIELDS: Mapping[str, Callable[[str, str], Part]] = {
    "name": _text,
    "description": _text,
    "tag": _tag,
    "type": _equal,
    "state": _equal,
    "owner": _owner,
    "mount": _mount,
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


TIME_ORDERS = frozenset({"created, id", "created DESC, id DESC"})
"""Orders that only hold other assets when one comes, goes, or was made at another time."""


def _order(sort: Sequence[SortKey]) -> str:
    """Return the ``ORDER BY`` list; the id goes the way of the last key, as the indexes do."""
    keys = [(_SORT_COLUMNS[key.field], key.descending) for key in sort]
    keys.append(("id", sort[-1].descending))
    return ", ".join(f"{column}{' DESC' if descending else ''}" for column, descending in keys)
