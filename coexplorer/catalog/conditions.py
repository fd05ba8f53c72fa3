"""Query tree → one condition on a row of `asset AS a`. Pure: texts and their parameters.

`coexplorer.catalog.compiler` says where all assets of a query are; this says whether one asset is
among them, for walking through assets in the order of a list.
"""

from __future__ import annotations

import msgspec

from coexplorer.query import (
    AllTags,
    Compare,
    Flag,
    Has,
    Interval,
    Match,
    Query,
    Term,
    Word,
    fold,
    group_terms,
    interval,
    number_span,
)
from coexplorer.query.compare import ANYTHING, Way, find_beginning_of, fits_all, way_of
from coexplorer.query.fields import SAME_FLAGS
from coexplorer.query.ids import find_beginning, find_owner

Parameters = tuple[object, ...]
Test = tuple[str, Parameters]
"""A condition in SQL, and the values of its question marks."""

COMPARED = {"size": "size_bytes", "files": "files", "created": "created", "used": "last_used"}
PLACES = {
    "name": ("asset", "name_folded"),
    "description": ("folded", "description"),
    "tag": ("tag", "folded"),
    "type": ("asset", "type"),
    "state": ("asset", "state"),
    "owner": ("asset", "owner_folded"),
    "mount": ("asset", "mount_folded"),
    "bucket": ("source", "bucket"),
    "prefix": ("source", "prefix"),
    "run_script": ("source", "run_script"),
    "commit_id": ("source", "commit_id"),
    "capsule": ("source", "capsule"),
    "computation": ("source", "computation"),
    "contained_data_id": ("input", "parent"),
    "id": ("asset", "id"),
}
"""Table and column of each text field; `query.fields` says how it is compared."""

FLAG_TESTS = {
    "favorite": "favorite = 1",
    "mine": "mine = 1",
    "shared": "shared = 1",
    "archived": "archived = 1",
    "external": "external = 1",
    "internal": "external = 0",
    "unused": "last_used = 0",
    "untagged": "tags = '[]'",
}
FLAG_TESTS |= {name: FLAG_TESTS[same] for name, same in SAME_FLAGS.items()}

HAS_TESTS = {
    "tag": "tags != '[]'",
    "size": "size_bytes IS NOT NULL",
    "files": "files IS NOT NULL",
    "created": "created IS NOT NULL",
    "used": "last_used > 0",
    "owner": "owner_folded > ''",
    "mount": "mount_folded > ''",
}
"""What `asset` says of a field that ``has:`` asks for; of the others it is a text in `PLACES`."""

TAGS = "tag_word CROSS JOIN tag_use USING (k)"
"""The view `tag`, from its texts on."""

NO_VALUE = "SELECT v FROM metadata_value WHERE text = ''"
"""Values of custom metadata that say nothing."""

_BEYOND = "\U0010ffff"
"""Sorts behind every text that goes on from a beginning."""

_TEXTS = ("a.name_folded", "f.description", "f.labels")
_FOLDED = "folded AS f ON f.n = a.n"


class Condition(msgspec.Struct, frozen=True):
    """What a row must satisfy.

    Attributes:
        test: On `asset AS a`, and `folded AS f` when `texts` is set; unknown (NULL) counts as no.
        texts: Whether `folded AS f` is needed.
    """

    test: str
    parameters: Parameters
    texts: bool

    @property
    def source(self) -> str:
        """What is joined to a list of numbers ``wanted.value``."""
        join = f" CROSS JOIN {_FOLDED}" if self.texts else ""
        return f"CROSS JOIN asset AS a ON a.n = wanted.value{join}"


def compile_condition(query: Query, now: float) -> Condition:
    """Return the condition of a query; `now` is what relative dates count back from."""
    tests = [] if query.asks_for_archived else ["a.archived IS NOT 1"]
    parameters: list[object] = []
    texts = False
    for group in group_terms(query):
        found = [_test(term, now) for term in group]
        one = " OR ".join(f"({test})" for test, _ in found)
        tests.append(f"NOT ifnull({one}, 0)" if group[0].negated else f"({one})")
        parameters += [value for _, values in found for value in values]
        texts = texts or any(_reads_texts(term) for term in group)
    return Condition(" AND ".join(tests) or "1", tuple(parameters), texts)


def between(column: str, wanted: Interval) -> Test:
    """Return the test that a column lies within an interval."""
    tests: list[str] = []
    values: list[object] = []
    if wanted.low is not None:
        tests.append(f"{column} {'>=' if wanted.includes_low else '>'} ?")
        values.append(wanted.low)
    if wanted.high is not None:
        tests.append(f"{column} {'<=' if wanted.includes_high else '<'} ?")
        values.append(wanted.high)
    return " AND ".join(tests), tuple(values)


def text_test(way: Way, column: str, text: str) -> Test:
    """Return the test of a column that holds folded texts, for a folded text or pattern."""
    match way:
        case "contains":
            return f"instr({column}, ?)", (text,)
        case "starts":
            return f"{column} >= ? AND {column} < ?", (text, text + _BEYOND)
        case "glob" if fits_all(text):
            return f"{column} > ''", ()
        case "glob":
            pattern = text.replace("[", "[[]")  # there are no sets of characters in a query
            if not (start := find_beginning_of(text)):
                return f"{column} GLOB ?", (pattern,)
            test, ends = text_test("starts", column, start)
            return f"{test} AND {column} GLOB ?", (*ends, pattern)
        case _:
            return f"{column} = ?", (text,)


def value_tests(term: Match, now: float, prefix: str = "") -> list[Test]:
    """Return the tests of a value of custom metadata, of which one must hold."""
    tests = [text_test(way_of(term), f"{prefix}text", fold(term.text))]
    if (span := number_span(term, now)) is not None:
        tests.append(between(f"{prefix}number", span))
    return tests


def _reads_texts(term: Term) -> bool:
    plain = isinstance(term, Match | Has) and not term.custom and term.field == "description"
    return isinstance(term, Word) or plain


def _test(term: Term, now: float) -> Test:
    values: Parameters
    match term:
        case Word():
            tests = (f"instr({column}, ?)" for column in _TEXTS)
            test, values = " OR ".join(tests), (fold(term.text),) * len(_TEXTS)
            if start := find_beginning(term.text):
                named, ends = text_test("starts", "a.id", start)
                test, values = f"{test} OR ({named})", (*values, *ends)
        case Match(custom=True):
            found = value_tests(term, now, "m.")
            either = " OR ".join(f"({one})" for one, _ in found)
            test = f"EXISTS ({_VALUE} AND ({either}))"
            values = (fold(term.field), *(one for _, ends in found for one in ends))
        case Match():
            owner = find_owner(term.text, term.how) if term.field == "owner" else ""
            test, values = _field_test(term.field, way_of(term), fold(term.text), owner)
        case Has():
            test, values = _has_test(term)
        case AllTags():
            test, values = " AND ".join([_HAS_TAG] * len(term.tags)), tuple(map(fold, term.tags))
        case Flag():
            test, values = f"a.{FLAG_TESTS[term.name]}", ()
        case Compare(custom=True):
            inside, ends = between("m.number", interval(term, now))
            test, values = f"EXISTS ({_VALUE} AND {inside})", (fold(term.field), *ends)
        case _:
            test, values = between(f"a.{COMPARED[term.field]}", interval(term, now))
    return test, values


def _has_test(term: Has) -> Test:
    if term.custom:
        return f"EXISTS ({_VALUE} AND m.text != '')", (fold(term.field),)
    if term.field == "metadata":
        some = f"SELECT 1 FROM metadata_use AS u WHERE u.n = a.n AND u.v NOT IN ({NO_VALUE})"
        return f"EXISTS ({some})", ()
    if term.field in HAS_TESTS:
        return f"a.{HAS_TESTS[term.field]}", ()
    return _field_test(term.field, "glob", ANYTHING)


def _field_test(field: str, way: Way, text: str, owner: str = "") -> Test:
    """Return the test of a field; `owner` is what an owner's id may begin with instead."""
    table, column = PLACES[field]
    alias = _ALIASES[table]
    if owner:
        test, values = text_test(way, f"{alias}.{column}", text)
        of_id, ends = text_test("starts", "id", owner)
        return f"{test} OR a.person IN (SELECT p FROM person WHERE {of_id})", (*values, *ends)
    test, values = text_test(way, f"{alias}.{column}", text)
    if field == "tag" and way != "whole":  # an asset may fit by any of thousands: all at once
        test, values = text_test(way, "folded", text)
        return f"a.n IN (SELECT n FROM {TAGS} WHERE {test})", values
    if alias in {"a", "f"}:
        return test, values
    return f"EXISTS (SELECT 1 FROM {table} AS {alias} WHERE {alias}.n = a.n AND {test})", values


_ALIASES = {"asset": "a", "folded": "f", "tag": "t", "source": "s", "input": "i"}
_VALUE = (
    "SELECT 1 FROM metadata_use AS u CROSS JOIN metadata_value AS m ON m.v = u.v"
    " WHERE u.n = a.n AND m.key = ?"
)
_HAS_TAG = "EXISTS (SELECT 1 FROM tag AS t WHERE t.folded = ? AND t.n = a.n)"
