"""Query tree → SQL. Pure: SQL text and parameters; nothing runs here.

A query is a list of clauses that must all hold (or, negated, must not). A clause has parts; one of
them must hold. Each part is a ``SELECT`` of asset numbers; `coexplorer.catalog.executor` runs and
combines them, so a part that ran before costs nothing.

It is a table, so it is long: a function for each kind of term.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from coexplorer.catalog.conditions import (
    COMPARED,
    FLAG_TESTS,
    HAS_TESTS,
    NO_VALUE,
    PLACES,
    TAGS,
    Condition,
    Parameters,
    Test,
    between,
    compile_condition,
    text_test,
    value_tests,
)
from coexplorer.catalog.letters import find_bit
from coexplorer.catalog.schema import FLAG_BITS
from coexplorer.query import (
    AllTags,
    Compare,
    Flag,
    Has,
    Match,
    Never,
    Query,
    SortKey,
    Term,
    Word,
    fold,
    group_terms,
    interval,
)
from coexplorer.query.compare import ANYTHING, Way, find_beginning_of, split_glob, way_of
from coexplorer.query.fields import SAME_FLAGS
from coexplorer.query.ids import find_beginning, find_owner

SHORT = 2
"""Words up to this length have no trigram."""

MATCHING = "SELECT rowid AS n FROM words WHERE words MATCH ?"
"""Numbers of the assets in whose names and descriptions a full-text expression is found."""

LABELLED = (
    "SELECT n FROM (SELECT rowid AS found FROM label_words WHERE label_words MATCH ?)"
    " CROSS JOIN label_use ON k = found"
)
"""Numbers of the assets in one of whose labels it is found."""

_SCANNED = {
    "name": "SELECT n FROM asset INDEXED BY asset_by_name WHERE instr(name_folded, ?)",
    "description": "SELECT n FROM folded WHERE instr(description, ?)",
    "labels": "SELECT n FROM folded WHERE instr(labels, ?)",
}

_LONGEST_PHRASE = 60
"""Characters of a text that the full-text index is asked for; the text itself is compared then."""

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


class AssetSet(msgspec.Struct, frozen=True):
    """A set of assets.

    Attributes:
        sql: ``SELECT`` of their numbers.
        words: Full-text expression of the same set, as `MATCHING` finds it.
        labelled: Whether what `LABELLED` finds with the same parameters belongs to the set too.
        short: A word without trigrams, which `expand_short` can turn into `words`.
        column: The column that `short` is looked for in; empty for all.
        test: The set as a condition on `asset AS a`, when `rest` is there.
        rest: ``SELECT`` of the numbers of all other assets, with the same parameters: where most
            are in the set, these are faster to read.
        reads_texts: Whether many texts are gone through.
    """

    sql: str
    parameters: Parameters
    words: str = ""
    labelled: bool = False
    short: str = ""
    column: str = ""
    test: str = ""
    rest: str = ""
    reads_texts: bool = False


class Clause(msgspec.Struct, frozen=True):
    """Assets in one of the `parts`, or, when `negated`, in none of them."""

    parts: tuple[AssetSet, ...]
    negated: bool = False

    @property
    def is_easy(self) -> bool:
        """Whether its assets are found without going through texts."""
        return not any(part.reads_texts for part in self.parts)


class Order(msgspec.Struct, frozen=True):
    """A walk along assets: all of them, or the ones that a query can find.

    Attributes:
        by: The ``ORDER BY`` list over `asset`; ends in the number, so that it is total.
        within: What the query asks of the column that it is sorted by; empty: nothing.
    """

    by: str
    within: str = ""
    parameters: Parameters = ()

    @property
    def sql(self) -> str:
        """``SELECT`` of the numbers in this order; its last parameter is how many."""
        where = f" WHERE {self.within}" if self.within else ""
        return f"SELECT n FROM asset{where} ORDER BY {self.by} LIMIT ?"

    @property
    def counter(self) -> str:
        """The counter in the catalog that moves when this order may have changed."""
        return "places" if self.by in _TIME_ORDERS else "changes"


class CompiledQuery(msgspec.Struct, frozen=True):
    """A compiled query.

    Attributes:
        order: Where its list is walked along.
        condition: The whole query again, as a condition on one row.
        tally: The whole query as a condition on `tally`, which then knows the count; None when it
            is about anything else.
    """

    clauses: tuple[Clause, ...]
    order: Order
    condition: Condition
    tally: Test | None = None


def compile_search(query: Query, now: float) -> CompiledQuery:
    """Return the SQL of a query.

    Args:
        query: What is looked for.
        now: Epoch seconds that relative dates count back from.
    """
    clauses = [
        Clause(tuple(_iter_parts(group, now)), negated=group[0].negated)
        for group in group_terms(query)
        for group in _split_tags(group)
    ]
    if not query.asks_for_archived:
        clauses.append(Clause((ARCHIVED,), negated=True))
    return CompiledQuery(
        tuple(clauses),
        _order(query, now),
        compile_condition(query, now),
        _tally(query),
    )


def _iter_parts(group: Sequence[Term], now: float) -> Iterator[AssetSet]:
    for term in group:
        yield _part(term, now)
        if isinstance(term, Word) and (start := find_beginning(term.text)):
            yield _field("id", "starts", start)
        if isinstance(term, Match) and (start := _find_person(term)):
            test, values = text_test("starts", "id", start)
            persons = "(SELECT p FROM person WHERE " + test + ")"
            yield AssetSet(f"SELECT asset.n FROM asset WHERE person IN {persons}", values)


def _find_person(term: Match) -> str:
    """Return what the id of an owner begins with, if a term may mean one."""
    is_owner = term.field == "owner" and not term.custom
    return find_owner(term.text, term.how) if is_owner else ""


def _part(term: Term, now: float) -> AssetSet:
    match term:
        case Word():
            part = _text("", fold(term.text))
        case Match(custom=True):
            part = _custom_text(term, now)
        case Match():
            part = _field(term.field, way_of(term), fold(term.text))
        case Has():
            part = _has(term)
        case AllTags():
            part = _all_tags([fold(tag) for tag in term.tags])
        case Flag():
            part = _flag(term.name)
        case Compare(custom=True):
            test, ends = between("number", interval(term, now))
            sql = f"SELECT n FROM metadata WHERE key = ? AND {test}"
            part = AssetSet(sql, (fold(term.field), *ends))
        case _:
            test, ends = between(COMPARED[term.field], interval(term, now))
            part = AssetSet(f"SELECT n FROM asset WHERE {test}", ends)
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


def _text(field: str, text: str) -> AssetSet:
    if len(text) > SHORT:
        return _match(field, _phrase(text))
    if not field and (bit := find_bit(text)):
        sql = "SELECT n FROM asset WHERE"
        test = "letters & ?"
        return AssetSet(f"{sql} {test}", (bit,), test=f"a.{test}", rest=f"{sql} NOT {test}")
    scans = [_SCANNED[field]] if field else list(_SCANNED.values())
    sql = " UNION ALL ".join(scans)
    return AssetSet(sql, (text,) * len(scans), short=text, column=field, reads_texts=True)


def _match(field: str, words: str) -> AssetSet:
    """Return the assets of a full-text expression, in a column of `words` or in any text."""
    if field:
        words = f"{field} : {words}"
        return AssetSet(MATCHING, (words,), words, reads_texts=True)
    return AssetSet(MATCHING, (words,), words, labelled=True, reads_texts=True)


def words_of(part: AssetSet) -> AssetSet:
    """Return a full-text part without what its labels add."""
    return msgspec.structs.replace(part, labelled=False)


def labels_of(part: AssetSet) -> AssetSet:
    """Return what only the labels add to a full-text part."""
    return AssetSet(LABELLED, (part.words,), reads_texts=True)


def expand_short(part: AssetSet, trigrams: Sequence[str]) -> AssetSet | None:
    """Return a part with a short word as full-text part; None when no trigram begins with it."""
    if not trigrams:
        return None
    return _match(part.column, f"({' OR '.join(map(_phrase, trigrams))})")


def join_words(parts: Sequence[AssetSet], without: Sequence[AssetSet] = ()) -> AssetSet:
    """Return the assets in all of several full-text parts, and in none of others; no labels."""
    words = " AND ".join(f"({part.words})" for part in parts)
    if without:
        words = " NOT ".join([f"({words})", *(f"({part.words})" for part in without)])
    return AssetSet(MATCHING, (words,), words, reads_texts=True)


def _all_tags(tags: Sequence[str]) -> AssetSet:
    different = tuple(dict.fromkeys(tags))
    sql = " INTERSECT ".join("SELECT n FROM tag WHERE folded = ?" for _ in different)
    return AssetSet(f"SELECT n FROM ({sql})", different)


def _flag(name: str) -> AssetSet:
    return AssetSet(f"SELECT n FROM asset WHERE {FLAG_TESTS[name]}", ())


ARCHIVED = _flag("archived")
"""What every search that does not ask for it leaves out."""


def _has(term: Has) -> AssetSet:
    """Return the assets that say anything in a field."""
    if term.custom:
        sql = (
            "SELECT n FROM metadata_value CROSS JOIN metadata_use USING (v)"
            " WHERE key = ? AND text != ''"
        )
        return AssetSet(sql, (fold(term.field),))
    if term.field == "metadata":
        return AssetSet(f"SELECT DISTINCT n FROM metadata_use WHERE v NOT IN ({NO_VALUE})", ())
    if term.field in HAS_TESTS:
        return AssetSet(f"SELECT n FROM asset WHERE {HAS_TESTS[term.field]}", ())
    return _field(term.field, "glob", ANYTHING)


def _field(field: str, way: Way, text: str) -> AssetSet:
    """Return the assets whose text field fits."""
    if field in {"name", "description"}:
        return _text(field, text) if way == "contains" else _exact_text(field, way, text)
    if field == "owner":
        return _owner(way, text)
    table, column = PLACES[field]
    test, values = text_test(way, column, text)
    if field == "mount":  # its index is far smaller than the table
        table = "asset INDEXED BY asset_by_mount"
    elif field == "tag" and way != "whole":
        table = TAGS
    reads_texts = field in {"mount", "run_script"} and way == "contains"
    return AssetSet(f"SELECT n FROM {table} WHERE {test}", values, reads_texts=reads_texts)


def _exact_text(field: str, way: Way, text: str) -> AssetSet:
    """Return the assets whose name or description is a text, begins with it, or fits a pattern.

    Names are in an index, as far as their beginning is known. Else the full-text index is asked for
    the longest text that must be there, and only what it finds is compared.
    """
    table, column = PLACES[field]
    test, values = text_test(way, column, text)
    pieces = split_glob(text) if way == "glob" else [text]
    begins = find_beginning_of(text) if way == "glob" else text
    longest = max(pieces, key=len, default="")[:_LONGEST_PHRASE]
    if len(longest) <= SHORT or (field == "name" and len(begins) > SHORT):
        index = " INDEXED BY asset_by_name" if field == "name" else ""
        sql = f"SELECT n FROM {table}{index} WHERE {test}"
        return AssetSet(sql, values, reads_texts=not (field == "name" and begins))
    found = "(SELECT rowid AS found FROM words WHERE words MATCH ?)"
    return AssetSet(
        f"SELECT n FROM {found} CROSS JOIN {table} ON n = found WHERE {test}",
        (f"{field} : {_phrase(longest)}", *values),
        reads_texts=True,
    )


def _owner(way: Way, text: str) -> AssetSet:
    """Return the assets of the owners whose names fit a text; there are few owners."""
    test, values = text_test(way, "known.one", text)
    following = "(SELECT min(owner_folded) FROM asset WHERE owner_folded > known.one)"
    sql = (
        "WITH RECURSIVE known (one) AS (SELECT min(owner_folded) FROM asset"
        f" UNION ALL SELECT {following} FROM known WHERE known.one IS NOT NULL)"
        " SELECT n FROM known CROSS JOIN asset ON owner_folded = known.one"
        f" WHERE {test}"
    )
    return AssetSet(sql, values)


def _custom_text(term: Match, now: float) -> AssetSet:
    """Return the assets with a text under a key; each of its values is there once."""
    tests = value_tests(term, now)
    sql = " UNION ALL ".join(
        f"SELECT n FROM metadata_value CROSS JOIN metadata_use USING (v) WHERE key = ? AND {test}"
        for test, _ in tests
    )
    values = tuple(value for _, ends in tests for value in (fold(term.field), *ends))
    return AssetSet(sql, values, reads_texts=way_of(term) == "contains")


def _tally(query: Query) -> Test | None:
    """Return a query about nothing but what `tally` has columns for, as a condition on it."""
    tests = [] if query.asks_for_archived else [f"NOT flags & {FLAG_BITS['archived']}"]
    parameters: list[object] = []
    for group in group_terms(query):
        found = [_tally_test(term) for term in group]
        known = [one for one in found if one is not None]
        if len(known) < len(found):
            return None
        one = " OR ".join(f"({test})" for test, _ in known)
        tests.append(f"NOT ({one})" if group[0].negated else f"({one})")
        parameters += [value for _, values in known for value in values]
    return " AND ".join(tests) or "1", tuple(parameters)


def _tally_test(term: Term) -> Test | None:
    match term:
        case Flag():
            return f"flags & {FLAG_BITS[SAME_FLAGS.get(term.name, term.name)]}", ()
        case Has(field="tag", custom=False):
            return f"NOT flags & {FLAG_BITS['untagged']}", ()
        case Match(field="type" | "state" | "owner", custom=False) if not _find_person(term):
            return text_test(way_of(term), PLACES[term.field][1], fold(term.text))
        case Compare(field="used", op="", value=Never(), custom=False):
            return f"flags & {FLAG_BITS['unused']}", ()
        case _:
            return None


_TIME_ORDERS = frozenset({"created, id_order, n", "created DESC, id_order DESC, n DESC"})
"""These only hold other assets when one comes, goes, or was made at another time."""


def _order(query: Query, now: float) -> Order:
    """Return the order of a query; equals stand by their ids, in the way of the last key."""
    sort = query.sort or _NEWEST_FIRST
    keys = [(_SORT_COLUMNS[key.field], key.descending) for key in sort]
    keys += [(column, sort[-1].descending) for column in ("id_order", "n")]
    by = ", ".join(f"{column}{' DESC' if descending else ''}" for column, descending in keys)
    ends = [
        between(COMPARED[term.field], interval(term, now))
        for term in query.terms
        if isinstance(term, Compare)
        and not (term.negated or term.custom)
        and term.field == sort[0].field
    ]
    within = " AND ".join(test for test, _ in ends)
    return Order(by, within, tuple(value for _, values in ends for value in values))
